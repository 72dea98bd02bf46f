"""Catalogs, schemas and tables, as the caller may see them."""

from __future__ import annotations

from collections.abc import Iterable

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


def catalogs(call: Call, _message: CommandGetCatalogs) -> pa.RecordBatch:
    """The catalogs with at least one visible table."""
    names = call.door.service.visible(call.caller).catalogs()
    return _batch([names], schemas.CATALOGS)


def db_schemas(call: Call, message: CommandGetDbSchemas) -> pa.RecordBatch:
    """The schemas with at least one visible table."""
    found = call.door.service.visible(call.caller).schemas(
        message.catalog if message.HasField("catalog") else None,
        message.db_schema_filter_pattern if message.HasField("db_schema_filter_pattern") else None,
    )
    return _batch([[n.catalog for n in found], [n.schema for n in found]], schemas.DB_SCHEMAS)


def tables(call: Call, message: CommandGetTables) -> pa.RecordBatch:
    """The visible tables in order, on demand each with the schema of its visible columns."""
    visible = call.door.service.visible(call.caller)
    types = frozenset(_table_type(kind) for kind in message.table_types)
    found = [
        table
        for table in visible.tables(
            message.catalog if message.HasField("catalog") else None,
            message.db_schema_filter_pattern
            if message.HasField("db_schema_filter_pattern")
            else None,
            message.table_name_filter_pattern
            if message.HasField("table_name_filter_pattern")
            else None,
        )
        if not types or _table_type(table.table.kind) in types
    ]
    columns: list[Iterable[object]] = [
        [table.name.catalog for table in found],
        [table.name.schema for table in found],
        [table.name.table for table in found],
        [table.table.kind for table in found],
    ]
    if message.include_schema:
        known, fingerprint = call.door.schemas, visible.fingerprint
        columns.append([known.encoded(fingerprint, table) for table in found])
    return _batch(columns, tables_schema(message))


def tables_schema(message: CommandGetTables) -> pa.Schema:
    """The result's schema, which depends on whether the tables' schemas are asked for."""
    return schemas.TABLES_WITH_SCHEMA if message.include_schema else schemas.TABLES


def table_types(_call: Call, _message: CommandGetTableTypes) -> pa.RecordBatch:
    """The kinds of tables there are."""
    return _batch([TABLE_TYPES], schemas.TABLE_TYPES)


def _table_type(kind: str) -> str:
    """A table type for comparison: Grafana asks for `BASE TABLE` and `table`."""
    folded = fold(kind)
    return "table" if folded == "base table" else folded


def _batch(columns: Iterable[Iterable[object]], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
