"""One narrowed table as SQL: a view over its files for a worker, an empty table for a planner."""

from __future__ import annotations

from catalog.names import fold, quote
from flight_server.engines.base import Relation
from flight_server.engines.duckdb.scan.plan import Scan
from flight_server.engines.duckdb.sqltypes import sql_type
from flight_server.engines.errors import EngineError, UnsupportedData


def view(relation: Relation, scan: Scan) -> str:
    """The statement that creates the relation over its files.

    A secure view where rows or values are hidden: DuckDB then runs no expression of the user's
    before the filter and the masks. Only the visible columns are in it.
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
        elif scan.types[column.name] == declared:
            value = f"{source}.{name}"
        else:
            value = f"CAST({source}.{name} AS {declared})"
        columns.append(f"{value} AS {name}")
    kind = "SECURE VIEW" if relation.needs_barrier else "VIEW"
    where = f" WHERE ({relation.row_filter})" if relation.row_filter is not None else ""
    _check(relation)
    return (
        f"CREATE {kind} {_name(relation)} AS "  # noqa: S608 - names are quoted, expressions compiled
        f"SELECT {', '.join(columns)} FROM ({scan.sql}) AS {source}{where}"
    )


def shadow(relation: Relation) -> str:
    """The statement that creates an empty view of the relation's visible shape.

    A view, as the real one is: a table would have a `rowid` that the real relation has not.
    """
    _check(relation)
    columns = ", ".join(
        f"CAST(NULL AS {sql_type(c.type)}) AS {quote(c.name)}" for c in relation.columns
    )
    return f"CREATE VIEW {_name(relation)} AS SELECT {columns} WHERE false"


def _name(relation: Relation) -> str:
    name = relation.name
    return f"{quote(name.catalog)}.{quote(name.schema)}.{quote(name.table)}"


def _check(relation: Relation) -> None:
    if not relation.columns:
        raise EngineError("A table without visible columns cannot be read.")
    if len({fold(column.name) for column in relation.columns}) != len(relation.columns):
        text = "The table has columns whose names differ only in case, which is not supported yet."
        raise UnsupportedData(text)
