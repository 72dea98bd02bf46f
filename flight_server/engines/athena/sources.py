"""What stands in FROM, in Athena's dialect: tables, subqueries, joins, lists of values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from catalog.names import fold
from flight_server.engines.athena.binder import Node
from flight_server.engines.athena.comparisons import compared
from flight_server.engines.athena.query import Queries, Query
from flight_server.engines.athena.scope import Column, Scope, Source
from flight_server.engines.athena.types import BIGINT, BOOLEAN
from flight_server.engines.athena.values import Value, coerced, common, joined
from flight_server.engines.errors import Untranslatable

_JOINS = {"INNER": "JOIN", "LEFT": "LEFT JOIN", "RIGHT": "RIGHT JOIN", "FULL": "FULL JOIN"}
_OUTER = "OUTER"
_PLACED = frozenset({"type", "alias", "query_location", "query_location_length"})
_TABLE = _PLACED | {"table_name", "schema_name", "catalog_name", "qualified_name"}
_TABLE |= {"column_name_alias"}
_JOIN = _PLACED | {"left", "right", "condition", "join_type", "ref_type", "using_columns"}
_JOIN |= {"is_implicit", "delim_flipped", "nearest_count", "nearest_order_type", "nearest_approx"}
_FUNCTION = _PLACED | {"function", "column_name_alias", "with_ordinality"}


@dataclass(frozen=True, slots=True)
class From:
    """What stands in FROM: SQL, its sources, and conditions that semi joins add to WHERE."""

    sql: str
    sources: tuple[Source, ...]
    conditions: tuple[str, ...] = ()


def unnamed(columns: tuple[Column, ...]) -> Source:
    """A source that no qualifier means."""
    return Source("", columns)


def read(queries: Queries, node: Node, scope: Scope) -> From | None:
    """What a FROM names; None where there is none. `scope` is that of the query around."""
    kind = node.get("type")
    at = queries.expressions(scope).at(node)
    if kind == "EMPTY":
        return None
    if kind == "BASE_TABLE":
        return _table(queries, node, scope, at)
    if kind == "SUBQUERY":
        if not node.keys() <= _PLACED | {"subquery", "column_name_alias"}:
            raise Untranslatable("A subquery of this kind", at)
        # a subquery in FROM sees what is around the query, not its neighbours
        made = queries.query(node["subquery"]["node"], Scope(scope.parent, scope.ctes))
        return _named(queries, made, node)
    if kind == "JOIN":
        return _join(queries, node, scope, at)
    if kind == "EXPRESSION_LIST":
        return _named(queries, _rows(queries, node, scope, at), node)
    if kind == "TABLE_FUNCTION":
        return _series(queries, node, scope, at)
    raise Untranslatable(str(kind).replace("_", " ").capitalize() + " in FROM", at)


def _aliases(node: Node, names: Sequence[str], at: int | None) -> list[str]:
    given = [str(alias) for alias in node.get("column_name_alias") or []]
    if len(given) > len(names):
        raise Untranslatable("More names than columns", at)
    return given + list(names[len(given) :])


def _table(queries: Queries, node: Node, scope: Scope, at: int | None) -> From:
    if not node.keys() <= _TABLE:
        raise Untranslatable("A table read in this way", at)
    path = [str(part) for part in node["qualified_name"]["path"]]
    defined = scope.cte(fold(path[0])) if len(path) == 1 else None
    if defined is None:
        defined = queries.table(path, at)
    alias = fold(str(node.get("alias") or path[-1]))
    name = queries.name()
    names = _aliases(node, [column.name for column in defined.columns], at)
    columns = tuple(
        Column(names[n], f"{name}.{column.sql}", column.type)
        for n, column in enumerate(defined.columns)
    )
    whole = () if node.get("alias") else defined.path
    return From(f"{defined.sql} AS {name}", (Source(alias, columns, whole),))


def _named(queries: Queries, made: Query, node: Node) -> From:
    name = queries.name()
    names = _aliases(node, [shown for shown, _ in made.columns], None)
    columns = tuple(
        Column(names[at], f"{name}.c{at}", kind) for at, (_, kind) in enumerate(made.columns)
    )
    source = Source(fold(str(node.get("alias") or "")), columns)
    return From(queries.aliased(made, name), (source,))


def _rows(queries: Queries, node: Node, scope: Scope, at: int | None) -> Query:
    reads = queries.expressions(Scope(scope.parent, scope.ctes))
    rows = [[reads.value(cell) for cell in row] for row in node["values"]]
    types = [common(queries.binder, column, at) for column in zip(*rows, strict=True)]
    sql = ", ".join(
        "(" + ", ".join(coerced(v, t) for v, t in zip(row, types, strict=True)) + ")"
        for row in rows
    )
    return Query(f"VALUES {sql}", tuple((f"col{n}", t) for n, t in enumerate(types)))


def _series(queries: Queries, node: Node, scope: Scope, at: int | None) -> From:
    """The numbers of a range whose ends are written out."""
    call = node["function"]
    name = fold(str(call.get("function_name")))
    if not node.keys() <= _FUNCTION or name not in ("range", "generate_series"):
        raise Untranslatable(f"The table function {name}", at)
    if node.get("with_ordinality", "WITHOUT_ORDINALITY") != "WITHOUT_ORDINALITY":
        raise Untranslatable("WITH ORDINALITY", at)
    reads = queries.expressions(Scope(scope.parent, scope.ctes))
    values = [reads.value(each["expression"]).number for each in call.get("arguments") or []]
    ends = [value for value in values if value is not None]
    if len(ends) != len(values) or len(values) not in (1, 2):
        raise Untranslatable(f"The table function {name} over these arguments", at)
    first, last = (0, ends[0]) if len(ends) == 1 else (ends[0], ends[1])
    last = last if name == "generate_series" else last - 1
    if not 0 <= last - first < 10_000:
        raise Untranslatable(f"The table function {name} over these arguments", at)
    made = queries.name()
    shown = _aliases(node, [name], at)
    column = Column(shown[0], f"{made}.c0", BIGINT)
    sql = f"UNNEST(sequence(CAST({first} AS bigint), CAST({last} AS bigint))) AS {made} (c0)"
    return From(sql, (Source(fold(str(node.get("alias") or name)), (column,)),))


def _join(queries: Queries, node: Node, scope: Scope, at: int | None) -> From:
    kind, how = str(node["join_type"]), str(node["ref_type"])
    if not node.keys() <= _JOIN or how not in ("REGULAR", "CROSS", "NATURAL"):
        raise Untranslatable(f"{how.capitalize()} join", at)
    left = read(queries, node["left"], scope)
    unnested = _unnested(queries, node, scope, left, at)
    right = unnested or read(queries, node["right"], scope)
    if left is None or right is None:
        raise Untranslatable("A join of this kind", at)
    if how == "CROSS":
        sql = f"{left.sql} CROSS JOIN {right.sql}"
        return From(sql, left.sources + right.sources, left.conditions + right.conditions)
    condition = _condition(queries, node, scope, (left, right), at)
    if kind in ("SEMI", "ANTI"):
        if right.conditions:
            raise Untranslatable("A semi join within a semi join", at)
        word = "EXISTS" if kind == "SEMI" else "NOT EXISTS"
        exists = f"{word} (SELECT 1 FROM {right.sql} WHERE {condition})"  # noqa: S608 - made here
        return From(left.sql, left.sources, (*left.conditions, exists))
    word = _JOINS.get(kind.replace(_OUTER, "FULL"), "")
    moved = (kind in ("RIGHT", "OUTER", "FULL") and left.conditions) or (
        kind != "INNER" and right.conditions
    )
    if not word or moved:
        raise Untranslatable(f"{kind.capitalize()} join", at)
    inner = f"({right.sql})" if " JOIN " in right.sql and right.sources[1:] else right.sql
    sql = f"{left.sql} {word} {inner} ON {condition}"
    return From(sql, left.sources + right.sources, left.conditions + right.conditions)


def _unnested(
    queries: Queries, node: Node, scope: Scope, left: From | None, at: int | None
) -> From | None:
    """The elements of a list of the row to the left: UNNEST in a cross join."""
    right = node["right"]
    call = right.get("function") or {}
    if right.get("type") != "TABLE_FUNCTION" or call.get("function_name") != "unnest":
        return None
    if left is None or node["ref_type"] != "CROSS" or not right.keys() <= _FUNCTION:
        raise Untranslatable("UNNEST of this kind", at)
    inner = Scope(scope.parent, scope.ctes, list(left.sources), scope.hidden)
    arguments = call.get("arguments") or []
    if not arguments:
        raise Untranslatable("UNNEST of this kind", at)
    value = queries.expressions(inner).value(arguments[0]["expression"])
    plain = value.type.name == "LIST" and value.type.element.name != "STRUCT"
    ordinal = right.get("with_ordinality", "WITHOUT_ORDINALITY") != "WITHOUT_ORDINALITY"
    if len(arguments) != 1 or not plain or ordinal:
        raise Untranslatable("UNNEST of this kind", at)
    name = queries.name()
    shown = _aliases(right, ["unnest"], at)
    column = Column(shown[0], f"{name}.c0", value.type.element)
    source = Source(fold(str(right.get("alias") or "unnest")), (column,))
    return From(f"UNNEST({value.sql}) AS {name} (c0)", (source,))


def _condition(
    queries: Queries, node: Node, scope: Scope, sides: tuple[From, From], at: int | None
) -> str:
    left, right = sides
    kind = str(node["join_type"])
    names = [str(name) for name in node.get("using_columns") or []]
    if node["ref_type"] == "NATURAL":
        own = [fold(c.name) for s in right.sources for c in s.columns]
        shown = [c for s in left.sources for c in s.columns if c.sql not in scope.hidden]
        names = [c.name for c in shown if fold(c.name) in own]
        if not names:
            raise Untranslatable("Natural join without common columns", at)
    if not names:
        if "condition" not in node:
            raise Untranslatable("A join without a condition", at)
        both = Scope(scope.parent, scope.ctes, [*left.sources, *right.sources], scope.hidden)
        both.border = kind in ("SEMI", "ANTI")  # what these become is a subquery
        sql = queries.expressions(both).condition(node["condition"]).sql
        if both.border and "SELECT" in sql:
            raise Untranslatable(f"{kind.capitalize()} join on a subquery", at)
        return sql
    if kind not in ("INNER", "LEFT", "SEMI", "ANTI"):
        raise Untranslatable(f"{kind.capitalize()} join with USING", at)
    return _using(queries, names, scope, sides, at)


def _using(
    queries: Queries, names: list[str], scope: Scope, sides: tuple[From, From], at: int | None
) -> str:
    """Equality of columns of one name; the left one is what the name means from then on."""
    parts: list[Value] = []
    for name in names:
        pair = []
        for side in sides:
            found = [
                column
                for source in side.sources
                for column in source.columns
                if fold(column.name) == fold(name) and column.sql not in scope.hidden
            ]
            if len(found) != 1:
                raise Untranslatable("USING a name that several columns have", at)
            pair.append(found[0])
        one, two = (Value(column.sql, column.type, at=at) for column in pair)
        parts.append(compared(queries.binder, "COMPARE_EQUAL", one, two, at))
        scope.hidden.add(pair[1].sql)
    return joined(parts, " AND ".join(part.sql for part in parts), BOOLEAN, at).sql
