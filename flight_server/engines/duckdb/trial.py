"""Whether a relation can be made at all: its filter and masks bound over a table without rows."""

from __future__ import annotations

import duckdb

from catalog.model import Table
from catalog.names import quote
from flight_server.engines.base import Relation
from flight_server.engines.duckdb.faults import running_fault
from flight_server.engines.duckdb.relation import view
from flight_server.engines.duckdb.scan.scan import Scan
from flight_server.engines.duckdb.session import blank, nulls
from flight_server.engines.duckdb.sqltypes import sql_type
from flight_server.engines.errors import BindFailed


def trial(relation: Relation) -> None:
    """Bind a relation as a worker would, and run nothing. For operators, in their own process.

    Raises `BindFailed` with the engine's own words, and `UnsupportedData`.
    """
    lookups = {lookup.name: _nothing(lookup.table) for lookup in relation.lookups}
    statement = view(relation, _nothing(relation.table), lookups, barrier=False)
    connection = blank()
    try:
        connection.execute("SET enable_external_access = false")
        connection.execute(f"ATTACH ':memory:' AS {quote(relation.name.catalog)}")
        schema = f"{quote(relation.name.catalog)}.{quote(relation.name.schema)}"
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        connection.execute(statement)
    except duckdb.Error as error:
        raise BindFailed(running_fault(error).detail.splitlines()[0]) from error
    finally:
        connection.close()


def _nothing(table: Table) -> Scan:
    """A scan of the table's columns that gives no rows."""
    types = {column.name: sql_type(column.type) for column in table.columns}
    return Scan(f"SELECT {nulls(types)} WHERE false", types, ())
