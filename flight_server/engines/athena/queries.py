"""Queries of DuckDB's tree in Athena's dialect: every relation gets a made name, every column `cN`.

No name that a user wrote reaches Athena, so that neither case nor reserved words matter there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from catalog.names import fold
from flight_server.engines.athena import selects, sources
from flight_server.engines.athena.binder import Binder, Node
from flight_server.engines.athena.expressions import Expressions
from flight_server.engines.athena.query import Query
from flight_server.engines.athena.scope import Column, Defined, Scope
from flight_server.engines.athena.types import Type
from flight_server.engines.athena.values import Value, coerced, common
from flight_server.engines.errors import Untranslatable

_SETS = frozenset({"UNION", "EXCEPT", "INTERSECT"})
_SET_KEYS = frozenset({"type", "modifiers", "cte_map", "setop_type", "setop_all", "children"})
_CTE_KEYS = frozenset({"query_node", "aliases", "materialized"})
_MAX_DEPTH = 60


@dataclass(slots=True)
class Statement:
    """Translates the queries of one statement over tables, which are found by name.

    `tables` are by folded catalog, schema and name; `defaults` complete what is not qualified.
    `text` is the statement where its places mean something to its sender.
    """

    binder: Binder
    tables: Mapping[tuple[str, ...], Defined]
    defaults: tuple[str | None, str | None] = (None, None)
    parameters: Mapping[str, Value] = field(default_factory=dict)
    text: bytes | None = None
    prefix: str = "t"
    _numbers: Iterator[int] = field(default_factory=count)
    _depth: int = 0

    def name(self) -> str:
        """A name that nothing else has."""
        return f"{self.prefix}{next(self._numbers)}"

    def expressions(self, scope: Scope) -> Expressions:
        """What translates the expressions of a scope."""
        return Expressions(self.binder, scope, self, self.parameters, self.text)

    def table(self, path: Sequence[str], at: int | None) -> Defined:
        """The table that a name means."""
        full = (*self.defaults[: max(0, 3 - len(path))], *path)
        key = tuple(fold(str(part)) for part in full if part is not None)
        found = self.tables.get(key) if len(key) == 3 else None
        if found is None:
            raise Untranslatable("A table that is not found", at)
        return found

    def subquery(self, node: Node, scope: Scope) -> tuple[str, tuple[Type, ...]]:
        """A query within an expression: its SQL and the types of its columns."""
        made = self.query(node, Scope(scope, border=True))
        sql = made.sql
        if made.extra:
            names = ", ".join(f"c{at}" for at in range(len(made.columns)))
            sql = f"SELECT {names} FROM {self.aliased(made, self.name())}"  # noqa: S608 - made names
        return sql, tuple(kind for _, kind in made.columns)

    def aliased(self, made: Query, name: str) -> str:
        """A query as what stands in FROM under a name."""
        return f"({made.sql}) AS {name} ({made.names})"

    def query(self, node: Node, parent: Scope | None) -> Query:
        """One query with its common table expressions, order and limit."""
        if self._depth >= _MAX_DEPTH:
            raise Untranslatable("A query nested this deeply")
        self._depth += 1
        scope, head = self._with(node, parent)
        kind = str(node.get("type"))
        if kind == "SELECT_NODE":
            made = selects.select(self, node, scope)
        elif kind == "SET_OPERATION_NODE":
            made = self._combined(node, scope)
        else:
            raise Untranslatable(kind.replace("_", " ").capitalize())
        self._depth -= 1
        return replace(made, sql=head + made.sql) if head else made

    def _with(self, node: Node, parent: Scope | None) -> tuple[Scope, str]:
        ctes: dict[str, Defined] = {}
        scope = Scope(parent, ctes)
        parts = []
        for entry in (node.get("cte_map") or {}).get("map") or []:
            value = entry["value"]
            if not value.keys() <= _CTE_KEYS:
                raise Untranslatable("A common table expression of this kind")
            made = self.query(value["query_node"], scope)
            given = [str(alias) for alias in value.get("aliases") or []]
            shown = given + [name for name, _ in made.columns[len(given) :]]
            columns = tuple(
                Column(shown[at], f"c{at}", kind) for at, (_, kind) in enumerate(made.columns)
            )
            name = self.name()
            ctes[fold(str(entry["key"]))] = Defined(name, columns)
            parts.append(f"{name} ({made.names}) AS ({made.sql})")
        return scope, f"WITH {', '.join(parts)} " if parts else ""

    def _combined(self, node: Node, scope: Scope) -> Query:
        word = str(node.get("setop_type"))
        if word not in _SETS or not node.keys() <= _SET_KEYS:
            raise Untranslatable("A set operation by name")
        halves = [self.query(child, scope) for child in node["children"]]
        if len({len(half.columns) for half in halves}) != 1:
            raise Untranslatable("A set operation of this kind")
        width = len(halves[0].columns)
        types = [self._one_type([half.columns[at][1] for half in halves]) for at in range(width)]
        sql = f" {word} {'ALL' if node.get('setop_all') else 'DISTINCT'} ".join(
            self._as_types(half, types) for half in halves
        )
        columns = tuple((n, t) for (n, _), t in zip(halves[0].columns, types, strict=True))
        made = Query(sql, columns)
        modifiers = node.get("modifiers") or []
        if not modifiers:
            return made
        name = self.name()
        shown = tuple(Column(n, f"{name}.c{at}", t) for at, (n, t) in enumerate(columns))
        scope.sources.append(sources.unnamed(shown))
        items = tuple((c.name, Value(c.sql, c.type)) for c in shown)
        parts = selects.Parts(scope, items, f" FROM {self.aliased(made, name)}")
        return selects.assembled(self, parts, modifiers)

    def _one_type(self, types: Sequence[Type]) -> Type:
        known = set(types)
        if len(known) == 1:
            return types[0]
        return common(self.binder, [Value("x", kind) for kind in types], None)

    def _as_types(self, half: Query, types: Sequence[Type]) -> str:
        name = self.name()
        made = (
            coerced(Value(f"{name}.c{at}", kind), types[at])
            for at, (_, kind) in enumerate(half.columns)
        )
        return f"(SELECT {', '.join(made)} FROM {self.aliased(half, name)})"  # noqa: S608 - made
