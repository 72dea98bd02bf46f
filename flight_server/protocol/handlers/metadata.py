"""Catalogs, schemas and tables, as the caller may see them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pyarrow as pa

from catalog.names import fold
from flight_server.protocol.call import Call
from flight_server.protocol.wire import schemas
from flight_server.protocol.wire.flight_sql_pb2 import (
    CommandGetCatalogs,
    CommandGetDbSchemas,
    CommandGetTables,
    CommandGetTableTypes,
)

TABLE_TYPES = ("TABLE", "VIEW")
# Tables in a part of an answer: the first comes soon, the later ones are worth a message.
_FIRST, _MOST = 64, 1_024
_Row = tuple[object, ...]


def catalogs(call: Call, _message: CommandGetCatalogs) -> pa.RecordBatch:
    """The catalogs with at least one visible table."""
    names = call.door.service.visible(call.caller).catalogs()
    return schemas.batch([names], schemas.CATALOGS)


def db_schemas(call: Call, message: CommandGetDbSchemas) -> pa.RecordBatch:
    """The schemas with at least one visible table."""
    found = call.door.service.visible(call.caller).schemas(
        message.catalog if message.HasField("catalog") else None,
        message.db_schema_filter_pattern if message.HasField("db_schema_filter_pattern") else None,
    )
    return schemas.batch(
        [[n.catalog for n in found], [n.schema for n in found]], schemas.DB_SCHEMAS
    )


def tables(call: Call, message: CommandGetTables) -> Iterator[pa.RecordBatch]:
    """The visible tables in order, on demand each with the schema of its visible columns.

    Given in parts while they are looked up, so that many are neither waited for nor held at once.
    """
    visible = call.door.service.visible(call.caller)
    types = frozenset(_table_type(kind) for kind in message.table_types)
    asked = (
        message.catalog if message.HasField("catalog") else None,
        message.db_schema_filter_pattern if message.HasField("db_schema_filter_pattern") else None,
        message.table_name_filter_pattern
        if message.HasField("table_name_filter_pattern")
        else None,
    )
    schema = tables_schema(message)
    rows: Iterator[_Row]
    if message.include_schema:
        known, fingerprint = call.door.schemas, visible.fingerprint
        found = visible.tables(*asked)
        rows = (
            (
                t.name.catalog,
                t.name.schema,
                t.name.table,
                t.table.kind,
                known.encoded(fingerprint, t),
            )
            for t in found
        )
    else:
        rows = ((n.catalog, n.schema, n.table, kind) for n, kind in visible.names(*asked))
    wanted = (row for row in rows if not types or _table_type(str(row[3])) in types)
    size = _FIRST
    while part := list(islice(wanted, size)):
        yield schemas.batch(zip(*part, strict=True), schema)
        size = min(size * 2, _MOST)


def tables_schema(message: CommandGetTables) -> pa.Schema:
    """The result's schema, which depends on whether the tables' schemas are asked for."""
    return schemas.TABLES_WITH_SCHEMA if message.include_schema else schemas.TABLES


def table_types(_call: Call, _message: CommandGetTableTypes) -> pa.RecordBatch:
    """The kinds of tables there are."""
    return schemas.batch([TABLE_TYPES], schemas.TABLE_TYPES)


def _table_type(kind: str) -> str:
    """A table type for comparison: Grafana asks for `BASE TABLE` and `table`."""
    folded = fold(kind)
    return "table" if folded == "base table" else folded
