"""Compiles the SQL expressions of a policy: row filters and masks.

Rules for editors. Rule 1: a claim becomes a literal node of the tree, never text. Rule 2: every
function is qualified to `system.main`, so that nothing a session could make shadows it. Rule 3:
what cannot be compiled raises; no failure gives an expression that shows more. Rule 4: only
declared lookups are read, by subqueries that were looked at.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from auth.errors import PolicyInvalid
from auth.grant import Expression
from auth.masks import Hash, fits
from catalog.model import Table
from catalog.names import fold, quote
from catalog.types import sql_name
from flight_server.engines.base import Relation
from flight_server.query.built_in import hash_sql, mask_sql
from flight_server.query.claim_literals import PREFIX, Missing, bound
from flight_server.query.errors import QueryError
from flight_server.query.fallible import guarded, sorts, tried
from flight_server.query.functions import AGGREGATES, ALLOWED, TABLE_FUNCTIONS, VOLATILE, WINDOWS
from flight_server.query.gate import CAST_TYPES
from flight_server.query.identical import Identical
from flight_server.query.parser import Node, Parser
from flight_server.query.subqueries import COLUMN, Names, checked, resolved
from flight_server.query.zones import FAULT, Zones, is_unsettled

_log = logging.getLogger(__name__)
_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
_CLAIM = re.compile(r"claims\.([A-Za-z_][A-Za-z0-9_]*)")
_NODES = frozenset(
    {"COLUMN_REF", "CONSTANT", "FUNCTION", "OPERATOR", "COMPARISON", "CONJUNCTION", "CAST"}
    | {"CASE", "BETWEEN", "COLLATE", "PARAMETER", "TYPE"}
)
# What SQL calls by its name alone; the parser takes it for a column.
_NOW = frozenset(
    {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"}
)
_NARROWED = 1_024

NO_KEYS: Mapping[str, bytes] = MappingProxyType({})
FALSE = "false"
NULL = "NULL"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What subqueries need to know: the table's name, and the columns of lookups by folded name."""

    table: str = ""
    lookups: tuple[tuple[str, frozenset[str]], ...] = ()


ALONE = Surroundings()


class Compiler:
    """Turns expressions into DuckDB SQL over a table's raw columns. Safe for several threads.

    `keys` are those of keyed hashes, by name.
    """

    def __init__(self, parser: Parser, keys: Mapping[str, bytes] = NO_KEYS) -> None:
        self._parser = parser
        self._keys = keys
        self._zones = Zones(parser)
        # what tables without lookups are narrowed to, by table and grant
        self.narrowed: Identical[Relation] = Identical(_NARROWED)
        self._template = lru_cache(maxsize=4_096)(self._parse)
        self._compiled = lru_cache(maxsize=16_384)(self._compile)
        self._guarded = lru_cache(maxsize=4_096)(partial(guarded, parser))
        self._tried = lru_cache(maxsize=4_096)(partial(tried, parser))

    def filter(
        self, expression: Expression, columns: frozenset[str], around: Surroundings = ALONE
    ) -> str:
        """A row filter; where a claim is missing it lets no row through."""
        return self._compiled(_Key(expression), columns, None, around) or FALSE

    def mask(
        self,
        expression: Expression,
        columns: frozenset[str],
        column: str,
        around: Surroundings = ALONE,
        *,
        kind: pa.DataType | None = None,
    ) -> str:
        """A mask for `column`, of type `kind`; where a claim is missing the value is NULL.

        Raises `PolicyInvalid` for a built-in mask that does not fit the type.
        """
        built_in = expression.built_in
        if built_in is None:
            return self._compiled(_Key(expression), columns, column, around) or NULL
        return self.built_in(expression, quote(column), kind)

    def built_in(self, expression: Expression, value: str, kind: pa.DataType | None) -> str:
        """A built-in mask of a value, which is SQL, of type `kind`.

        A hash whose key is not known, or whose claim is missing, is NULL. Raises `PolicyInvalid`
        where the mask does not fit the type.
        """
        mask = expression.built_in
        if mask is None or kind is None or not fits(mask, kind):
            raise PolicyInvalid(f"Policy rule {expression.name!r} does not fit the column.")
        if not isinstance(mask, Hash):
            return mask_sql(mask, value, kind)
        key = self._keys.get(mask.key)
        if key is None:
            _log.warning("mask %s gives NULL: there is no key %s", expression.name, mask.key)
            return NULL
        if mask.per is None:
            return hash_sql(value, key)
        if mask.per not in expression.claims:
            return NULL
        claim = str(expression.claims[mask.per][1]).encode()
        return hash_sql(value, hmac.digest(key, claim, hashlib.sha256))

    def settled(
        self,
        expression: Expression,
        sql: str,
        table: Table,
        lookups: Mapping[str, Table],
        kind: pa.DataType | None = None,
    ) -> str:
        """The SQL that was made of an expression, which the caller can neither turn nor make fail.

        `kind` is the type of a masked column. Raises `PolicyInvalid` for SQL that depends on the
        time zone of the session, or that the table does not bind to.
        """
        if expression.built_in is not None:
            return sql
        self._zones.check(expression.name, sql, table, lookups, kind)
        if kind is not None:
            return self._tried(sql, sql_name(kind))
        return self._guarded(sql, sorts(table))

    def check(self, expression: Expression, column: str | None = None) -> None:
        """Check what can be checked without a table; raises `PolicyInvalid`."""
        if expression.built_in is None:
            self._template(_Key(expression), column)

    def lookups(self, expression: Expression, column: str | None = None) -> frozenset[str]:
        """The lookups that an expression reads, by folded name. Raises `PolicyInvalid`."""
        if not expression.lookups:
            return frozenset()
        return frozenset(self._template(_Key(expression), column).lookups)

    def tree(self, expression: Expression, column: str | None = None) -> Node:
        """The tree of an expression with its claims as parameters; not to be changed."""
        return self._template(_Key(expression), column).tree

    def _compile(
        self, key: _Key, columns: frozenset[str], column: str | None, around: Surroundings
    ) -> str | None:
        """The text, or None where a claim is missing."""
        expression = key.expression
        template = self._template(key, column)
        known = frozenset(fold(name) for name in columns)
        if template.columns - known:
            raise PolicyInvalid(f"Policy rule {expression.name!r} does not fit the table.")
        try:
            tree = bound(template.tree, expression.claims)
        except Missing:
            return None
        if template.lookups:
            tree = resolved(tree, Names(around.table, known, column, dict(around.lookups)))
        return self._parser.text(tree).removeprefix("SELECT ")

    def _parse(self, key: _Key, column: str | None) -> _Template:
        expression = key.expression
        sql = _placeholders(expression.sql, expression.name, column)
        try:
            tree = self._parser.tree(f"SELECT {sql}")
        except QueryError as error:
            raise PolicyInvalid(
                f"Policy rule {expression.name!r} is not valid SQL: {error}"
            ) from error
        if is_unsettled(tree):
            raise PolicyInvalid(f"Policy rule {expression.name!r} {FAULT}.")
        return _Template(tree, expression, column)


class _Key:
    """An expression compared by all that its text depends on: SQL, claims' values, lookups."""

    def __init__(self, expression: Expression) -> None:
        self.expression = expression
        claims, lookups = sorted(expression.claims.items()), sorted(expression.lookups.items())
        self._all = (expression.name, expression.sql, repr(claims), repr(lookups))

    def __hash__(self) -> int:
        return hash(self._all)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._all == other._all


class _Template:
    """A checked expression whose claims are still parameters of its tree."""

    def __init__(self, tree: Node, expression: Expression, column: str | None) -> None:
        select, name = tree["node"], expression.name
        if select.get("type") != "SELECT_NODE" or len(select["select_list"]) != 1:
            raise PolicyInvalid(f"Policy rule {name!r} must be one expression.")
        rest = {key: value for key, value in select.items() if key not in _EXPECTED}
        if select["from_table"].get("type") != "EMPTY" or any(rest.values()):
            raise PolicyInvalid(f"Policy rule {name!r} must be one expression without FROM.")
        self.tree = tree
        self.columns: set[str] = set()
        self.lookups: set[str] = set()
        self._column = column
        self._expression = expression
        # With each part: whether it lies within a subquery, and may hold aggregates.
        self._waiting: list[tuple[Any, bool, bool]] = [(select["select_list"], False, False)]
        while self._waiting:
            value, within, aggregates = self._waiting.pop()
            if isinstance(value, list):
                self._waiting += [(item, within, aggregates) for item in value]
            elif isinstance(value, dict):
                self._visit(value, within, aggregates)

    def _visit(self, node: Node, within: bool, aggregates: bool) -> None:
        if node.get("class") == "SUBQUERY":
            lookup, shown, where = checked(node, self._expression.name, self._expression.lookups)
            self.lookups.add(lookup)
            self._waiting += [(node["child"], within, aggregates)]
            self._waiting += [(shown, True, True), (where, True, False)]
            return
        if "class" in node:
            self._check(node, within, aggregates)
        self._waiting += [(value, within, aggregates) for value in node.values()]

    def _check(self, node: Node, within: bool, aggregates: bool) -> None:
        kind, name = str(node["class"]), self._expression.name
        if kind not in _NODES:
            raise PolicyInvalid(f"Policy rule {name!r} uses {kind}, which is not allowed there.")
        if kind == "COLUMN_REF":
            path = node["column_names"]
            if path[0] == COLUMN and self._column is not None and not within:
                path[0] = self._column
            if not within:
                self.columns.add(fold(str(path[0])))
            if len(path) == 1 and fold(str(path[0])) in _NOW:
                raise PolicyInvalid(f"Policy rule {name!r} asks for {path[0]}, which changes.")
        elif kind == "FUNCTION":
            _qualify(node, name, aggregates=aggregates)
        elif kind == "PARAMETER":
            if not str(node["identifier"]).startswith(PREFIX):
                raise PolicyInvalid(f"Policy rule {name!r} has a parameter; use ${{claims.NAME}}.")
        elif kind == "TYPE":
            path = node["qualified_name"]["path"]
            if len(path) != 1 or fold(str(path[0])) not in CAST_TYPES:
                raise PolicyInvalid(f"Policy rule {name!r} uses a type that is not allowed.")


_EXPECTED = ("type", "select_list", "from_table", "aggregate_handling", "cte_map")


def _placeholders(sql: str, name: str, column: str | None) -> str:
    def replace(match: re.Match[str]) -> str:
        inner = match.group(1).strip()
        if inner == "col" and column is not None:
            return quote(COLUMN)
        claim = _CLAIM.fullmatch(inner)
        if claim is None:
            raise PolicyInvalid(f"Policy rule {name!r} has an unknown placeholder {inner!r}.")
        return f"${PREFIX}{claim.group(1)}"

    return _PLACEHOLDER.sub(replace, sql)


def _qualify(node: Node, name: str, *, aggregates: bool) -> None:
    function = fold(str(node.get("function_name", "")))
    path = (node.get("qualified_name") or {}).get("path") or []
    if len(path) != 1 or function not in ALLOWED:
        raise PolicyInvalid(f"Policy rule {name!r} calls {function!r}, which is not allowed.")
    refused = WINDOWS | VOLATILE | TABLE_FUNCTIONS
    if function in (refused if aggregates else refused | AGGREGATES):
        raise PolicyInvalid(f"Policy rule {name!r} calls {function!r}, which is not per row.")
    if not node.get("is_operator"):
        node["catalog"], node["schema"] = "system", "main"
        node["qualified_name"] = {"path": ["system", "main", function]}
