"""One narrowed table as SQL: a view over its files for a worker, an empty table for a planner."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from catalog.model import Table
from catalog.names import fold, quote, text_literal
from flight_server.engines.base import Inside, Relation, RelationColumn
from flight_server.engines.duckdb.scan.scan import Scan
from flight_server.engines.duckdb.session import nulls
from flight_server.engines.duckdb.setup import Stream, stream_column, stream_name
from flight_server.engines.duckdb.sqltypes import sql_type
from flight_server.engines.errors import EngineError, UnsupportedData

NOTHING: Mapping[str, Scan] = MappingProxyType({})


def view(
    relation: Relation, scan: Scan, lookups: Mapping[str, Scan] = NOTHING, *, barrier: bool = True
) -> str:
    """The statement that creates the relation over its files.

    What its expressions read beside it has a name within this statement only: nothing else can.

    A secure view where rows or values are hidden: DuckDB then runs no expression of the user's
    before the filter and the masks. Only the visible columns are in it. Without `barrier` it never
    is one: for files that hold no data.
    """
    source = quote(relation.name.table)
    columns: list[str] = []
    for column in relation.columns:
        declared = sql_type(column.type)
        name = quote(column.name)
        if column.mask is not None:
            value = f"CAST(({column.mask}) AS {declared})"
        elif column.name not in scan.types:
            raise EngineError("The table's columns are not those of its metadata.")
        elif column.fields:
            value = f"CAST({_rebuilt(column, f'{source}.{name}')} AS {declared})"
        elif scan.types[column.name] == declared:
            value = f"{source}.{name}"
        else:
            value = f"CAST({source}.{name} AS {declared})"
        columns.append(f"{value} AS {name}")
    kind = "SECURE VIEW" if relation.needs_barrier and barrier else "VIEW"
    where = f" WHERE ({relation.row_filter})" if relation.row_filter is not None else ""
    _check(relation)
    beside = ", ".join(f"{quote(name)} AS ({each.sql})" for name, each in lookups.items())
    head = f"WITH {beside} " if beside else ""
    return (
        f"CREATE {kind} {sql_name(relation)} AS {head}"  # noqa: S608 - names are quoted, expressions compiled
        f"SELECT {', '.join(columns)} FROM ({scan.sql}) AS {source}{where}"
    )


def over(inside: Inside, table: Table) -> Scan:
    """The inside of a view in the place of files, with the columns that its table promises."""
    types = {column.name: sql_type(column.type) for column in table.columns}
    columns = ", ".join(
        f"CAST(inside.{quote(given)} AS {declared}) AS {quote(name)}"
        for given, (name, declared) in zip(inside.columns, types.items(), strict=True)
    )
    # on lines of its own: the text may end in a comment
    source = f"(\n{inside.text}\n) AS inside"
    return Scan(f"SELECT {columns} FROM {source}", types, ())  # noqa: S608 - quoted, and secured


def received(relation: Relation, index: int) -> str:
    """The statement that creates the relation over the rows that come through a stream.

    They are narrowed already, so nothing is left to hide.
    """
    _check(relation)
    columns = ", ".join(
        f"CAST({stream_column(at)} AS {sql_type(c.type)}) AS {quote(c.name)}"
        for at, c in enumerate(relation.columns)
    )
    source = f"temp.main.{quote(stream_name(index))}"
    return f"CREATE VIEW {sql_name(relation)} AS SELECT {columns} FROM {source}"  # noqa: S608 - quoted


def stream(relation: Relation) -> Stream:
    """The relation as a feeder serves it.

    A filter with subqueries may fail on a row, and would tell that it is there: it goes first.
    """
    columns = tuple(column.name for column in relation.columns)
    unasked = any(each.lookups for each in (relation, *relation.below()))
    return Stream(sql_name(relation), columns, unasked)


def _rebuilt(column: RelationColumn, value: str) -> str:
    """A struct of the visible fields alone; NULL stays NULL."""
    parts: list[str] = []
    for field in column.fields:
        inner = f"system.main.struct_extract({value}, {text_literal(field.name)})"
        if field.mask is not None:
            inner = f"CAST(({field.mask}) AS {sql_type(field.type)})"
        elif field.fields:
            inner = _rebuilt(field, inner)
        parts.append(f"{quote(field.name)} := {inner}")
    return f"CASE WHEN {value} IS NOT NULL THEN system.main.struct_pack({', '.join(parts)}) END"


def shadow(relation: Relation) -> str:
    """The statement that creates an empty view of the relation's visible shape.

    A view, as the real one is: a table would have a `rowid` that the real relation has not.
    """
    _check(relation)
    types = {column.name: sql_type(column.type) for column in relation.columns}
    return f"CREATE VIEW {sql_name(relation)} AS SELECT {nulls(types)} WHERE false"


def sql_name(relation: Relation) -> str:
    """The relation's full name as SQL."""
    name = relation.name
    return f"{quote(name.catalog)}.{quote(name.schema)}.{quote(name.table)}"


def _check(relation: Relation) -> None:
    if not relation.columns:
        raise EngineError("A table without visible columns cannot be read.")
    if len({fold(column.name) for column in relation.columns}) != len(relation.columns):
        text = "The table has columns whose names differ only in case, which is not supported yet."
        raise UnsupportedData(text)
