"""Statements that compare with stored values, hidden ones too: what a prying user would try.

A filter or a mask of the policy that were worked out for a row which the user's own comparison
chose would show here, by an error or by another count.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

from tests.oracle import lake
from tests.oracle.expressions import Expressions, kind_of, quoted
from tests.oracle.parts import Edges, Parts
from tests.oracle.query import Query
from tests.oracle.rows import Row

_KINDS = ("int", "money", "double", "text", "date", "moment", "instant")
_SIGNS = ("=", "=", "=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM")
_BOOM = "CAST('no number' AS INTEGER)"


@lru_cache(maxsize=1)
def stored() -> Edges:
    """All stored values of simple columns as SQL, by table and column."""
    return {name: _of(name, found) for name, found in lake.raw().items()}


def _of(name: str, found: Sequence[Row]) -> Mapping[str, Sequence[str]]:
    simple = [field.name for field in lake.SCHEMAS[name] if kind_of(field.type) in _KINDS]
    values = {column: {row[column] for row in found} - {None} for column in simple}
    return {column: sorted(map(literal, each)) for column, each in values.items() if each}


def literal(value: Any) -> str:
    """A value as SQL."""
    match value:
        case str():
            return "'" + value.replace("'", "''") + "'"
        case datetime.datetime():
            return f"TIMESTAMP{'TZ' if value.tzinfo else ''} '{value.isoformat(' ')}'"
        case datetime.date():
            return f"DATE '{value.isoformat()}'"
        case float():
            return f"{value!r}::DOUBLE"
        case Decimal():
            return str(value)
    return repr(value)


def _condition(p: Parts, alias: str, name: str) -> str | None:
    """A condition on a column with values that are stored in it."""
    known = p.edges.get(name, {})
    columns = [column for column in p.seen[name].names if column in known]
    if not columns:
        return None
    column = p.chance.choice(columns)
    sql, values = f"{alias}.{quoted(column)}", known[column]
    one, two = (p.chance.choice(values) for _ in range(2))
    form = p.chance.randrange(8)
    if form == 0:
        low, high = sorted((one, two))
        return f"{sql} BETWEEN {low} AND {high}"
    if form == 1:
        return f"{sql} IN ({', '.join(p.chance.choice(values) for _ in range(4))})"
    if form == 2:
        return f"{sql} NOT IN ({one}, {two})"
    if form == 3:
        return f"({sql} = {one} OR {sql} > {two})"
    return f"{sql} {p.chance.choice(_SIGNS)} {one}"


def at_edges(p: Parts) -> Query | None:
    """A table where its columns compare with stored values; it fails for some that are seen."""
    query, make, name = p.start()
    conditions = [_condition(p, query.alias, name) for _ in range(p.chance.choice((1, 2, 3)))]
    if None in conditions:
        return None
    told = tuple(each for each in conditions if each)
    query = replace(query, where=told)
    form = p.chance.randrange(7)
    if form == 0:
        return replace(query, items=("count(*) AS n",))
    if form == 1:
        failing = f"CASE WHEN {told[0]} THEN {_BOOM} ELSE 0 END"
        return replace(query, items=(f"max({failing}) AS m",), where=told[1:])
    if form == 2:
        return replace(query, items=p.items(make, 2), order="ALL", limit="3")
    if form == 3:
        return replace(query, items=(f"{make.any(1)[0]} AS k", "count(*) AS n"), group="k")
    if form == 4:
        return _chosen_by_join(p, query, make, name)
    if form == 5:
        inner = f"EXISTS (SELECT 1 FROM {query.source} AS {query.alias} WHERE {told[0]})"
        return Query(items=(f"{inner} AS found",))
    return p.finished(replace(query, items=p.items(make)))


def _chosen_by_join(p: Parts, query: Query, make: Expressions, name: str) -> Query:
    """Rows chosen by a join with stored values: a filter that is found while the statement runs."""
    known = p.edges[name]
    column = p.chance.choice([c for c in p.seen[name].names if c in known])
    values = ", ".join(f"({p.chance.choice(known[column])})" for _ in range(3))
    join = f"JOIN (VALUES {values}) AS v(x) ON v.x = {query.alias}.{quoted(column)}"
    return replace(query, items=(f"{make.any(1)[0]} AS c", "v.x"), joins=(join,), where=())


def bound(p: Parts) -> Query | None:
    """A statement with parameters, each compared with the column whose value it is."""
    query, make, name = p.start()
    raw = [row for row in lake_rows(name) if row]
    columns = [
        field.name for field in p.seen[name] if kind_of(field.type) in ("int", "text", "date")
    ]
    columns = [c for c in columns if c in p.edges.get(name, {})]
    if not raw or not columns:
        return None
    where, values = [], []
    for at in range(p.chance.choice((1, 2))):
        column = p.chance.choice(columns)
        found = [row[column] for row in raw if row[column] is not None]
        values.append(p.chance.choice(found))
        sign = p.chance.choice(("=", "<", ">=", "<>"))
        where.append(f"{query.alias}.{quoted(column)} {sign} ${at + 1}")
    items = p.chance.choice((("count(*) AS n",), p.items(make, 3)))
    return p.finished(replace(query, items=items, where=tuple(where), values=tuple(values)))


@lru_cache(maxsize=64)
def lake_rows(name: str) -> tuple[Row, ...]:
    """The raw rows of a table."""
    return tuple(lake.raw()[name])
