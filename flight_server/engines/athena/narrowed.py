"""A relation as a query of Athena's: only the visible columns, rows and masked values come out.

Rules for editors. Rule 1: a statement reaches a table through `narrowed` alone. Rule 2: what cannot
be translated raises; no failure gives more rows or columns. Rule 3: where rows are hidden, so are
the values in them, as Athena may run a statement's own expressions before the filter.
"""

from __future__ import annotations

from collections.abc import Mapping

from catalog.model import Column as StoredColumn
from catalog.model import Table
from catalog.names import TableName, fold, quote
from flight_server.engines.athena.binder import Binder
from flight_server.engines.athena.queries import Statement
from flight_server.engines.athena.scope import Column, Defined, Scope, Source
from flight_server.engines.athena.translated import AthenaTable
from flight_server.engines.athena.types import BOOLEAN, Type, from_arrow
from flight_server.engines.athena.values import Value, coerced, converted
from flight_server.engines.base import Relation, RelationColumn
from flight_server.engines.errors import Untranslatable

_RAW = "raw0"


def path(name: TableName) -> tuple[str, str, str]:
    """The key of a table's name."""
    return (fold(name.catalog), fold(name.schema), fold(name.table))


def narrowed(
    relation: Relation, places: Mapping[TableName, AthenaTable], binder: Binder, prefix: str
) -> tuple[str, tuple[Column, ...]]:
    """The SELECT that gives the relation's rows, with columns `c0`, `c1`, …, and these columns.

    Names within begin with `prefix`. Raises `Untranslatable`.
    """
    if relation.keyed:
        raise Untranslatable("A mask with a key")
    if relation.part is not None or relation.inside is not None or not relation.columns:
        raise Untranslatable("A view" if relation.inside is not None else "A part of a table")
    raw = _raw(relation.table, _RAW)
    ctes = {
        fold(lookup.name): _lookup(lookup.table, f"{prefix}l{at}")
        for at, lookup in enumerate(relation.lookups)
    }
    own = Source(fold(relation.name.table), raw)
    scope = Scope(ctes=ctes, sources=[own])
    statement = Statement(binder, {}, prefix=prefix)
    kept = None
    if relation.row_filter is not None:
        kept = _expression(statement, relation.row_filter, scope)
        kept = Value(coerced(kept, BOOLEAN), BOOLEAN)
    columns, parts = [], []
    by_name = {column.name: column for column in raw}
    for at, column in enumerate(relation.columns):
        kind = from_arrow(column.type)
        sql = _visible(statement, column, kind, by_name, scope)
        if kept is not None:
            sql = f"CASE WHEN {kept.sql} THEN {sql} END"
        parts.append(f"{sql} AS c{at}")
        columns.append(Column(column.name, f"c{at}", kind))
    head = _heads(relation, places, prefix)
    where = "" if kept is None else f" WHERE {kept.sql}"
    if relation.table.snapshot is not None and relation.table.snapshot.snapshot_id is None:
        where = " WHERE false"  # never written
    source = f"{_from(relation.table, places)} AS {_RAW}"
    return f"{head}SELECT {', '.join(parts)} FROM {source}{where}", tuple(columns)  # noqa: S608 - made names, translated values


def _raw(table: Table, name: str) -> tuple[Column, ...]:
    """The columns of a table that Athena can read, by the names that it gives them.

    A column of a type that Athena has not is not among them: what needs it is not translated.
    """
    lowered = [column.name.lower() for column in table.columns]
    if len(set(lowered)) != len(lowered):
        raise Untranslatable("A table whose columns differ only in case")
    columns = []
    for column in table.columns:
        try:
            kind = from_arrow(column.type)
        except Untranslatable:
            continue
        sql = f"{name}.{quote(column.name.lower())}"
        if _is_seen_as_text(column):
            sql = f"CAST({sql} AS {kind.trino})"
        columns.append(Column(column.name, sql, kind))
    return tuple(columns)


def _is_seen_as_text(column: StoredColumn) -> bool:
    return column.as_text or any(_is_seen_as_text(part) for part in column.children)


def _from(table: Table, places: Mapping[TableName, AthenaTable]) -> str:
    place = places.get(table.name)
    if place is None or table.rows is not None:
        raise Untranslatable("A table that Athena does not know")
    name = f"{quote(place.catalog)}.{quote(place.database)}.{quote(place.table)}"
    if table.snapshot is None or table.snapshot.snapshot_id is None:
        return name
    return f"{name} FOR VERSION AS OF {int(table.snapshot.snapshot_id)}"


def _lookup(table: Table, name: str) -> Defined:
    raw = _raw(table, name)
    return Defined(name, tuple(Column(c.name, f"c{at}", c.type) for at, c in enumerate(raw)))


def _heads(relation: Relation, places: Mapping[TableName, AthenaTable], prefix: str) -> str:
    """The lookups of a relation as common table expressions, which it alone sees."""
    parts = []
    for number, lookup in enumerate(relation.lookups):
        name = f"{prefix}l{number}"
        listed = ", ".join(
            f"{column.sql} AS c{at}" for at, column in enumerate(_raw(lookup.table, "raw1"))
        )
        empty = lookup.table.snapshot is not None and lookup.table.snapshot.snapshot_id is None
        where = " WHERE false" if empty else ""
        source = f"{_from(lookup.table, places)} AS raw1"
        parts.append(f"{name} AS (SELECT {listed} FROM {source}{where})")  # noqa: S608 - made
    return f"WITH {', '.join(parts)} " if parts else ""


def _expression(statement: Statement, sql: str, scope: Scope) -> Value:
    """An expression that a policy was compiled to."""
    tree = statement.binder.tree(f"SELECT {sql}")
    items = tree.get("select_list") or []
    if tree.get("type") != "SELECT_NODE" or len(items) != 1:
        raise Untranslatable("An expression of a policy")
    if tree["from_table"].get("type") != "EMPTY":
        raise Untranslatable("An expression of a policy")
    value = statement.expressions(scope).value(items[0])
    if value.grouped or value.windowed:
        raise Untranslatable("An expression of a policy")
    return value


def _visible(
    statement: Statement,
    column: RelationColumn,
    kind: Type,
    raw: Mapping[str, Column],
    scope: Scope,
) -> str:
    if column.mask is not None:
        return _as(_expression(statement, column.mask, scope), kind)
    found = raw.get(column.name)
    if found is None:
        raise Untranslatable("A column of a type that Athena has not")
    if column.fields:
        return _rebuilt(statement, column, Value(found.sql, found.type), scope)
    if found.type != kind:
        raise Untranslatable("A column of a type that Athena has not")
    return found.sql


def _rebuilt(statement: Statement, column: RelationColumn, value: Value, scope: Scope) -> str:
    """A struct of the visible fields alone; NULL stays NULL."""
    kind = from_arrow(column.type)
    stored = dict(value.type.parts)
    parts = []
    for field in column.fields:
        wanted = from_arrow(field.type)
        if field.mask is not None:
            parts.append(_as(_expression(statement, field.mask, scope), wanted))
            continue
        if field.name not in stored:
            raise Untranslatable("A field of a type that Athena has not")
        inner = Value(f"{value.sql}.{quote(field.name.lower())}", stored[field.name])
        if field.fields:
            parts.append(_rebuilt(statement, field, inner, scope))
        elif inner.type == wanted:
            parts.append(inner.sql)
        else:
            raise Untranslatable("A field of a type that Athena has not")
    made = f"CAST(ROW({', '.join(parts)}) AS {kind.trino})"
    return f"CASE WHEN {value.sql} IS NOT NULL THEN {made} END"


def _as(value: Value, kind: Type) -> str:
    """A mask's value as the column's type, by a cast."""
    return value.sql if value.type == kind else f"CAST({converted(value, kind)} AS {kind.trino})"
