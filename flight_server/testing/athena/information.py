"""Trino's information_schema over the Glue catalog."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from sqlglot import exp

from flight_server.testing.athena.errors import StatementFailed
from flight_server.testing.athena.metadata import current_columns
from flight_server.testing.athena.statement import Statement
from flight_server.testing.athena.store import Store

_CATALOG = "awsdatacatalog"
_NAMES = ("table_catalog", "table_schema", "table_name")
_SCHEMAS = {
    "schemata": pa.schema([("catalog_name", pa.string()), ("schema_name", pa.string())]),
    "tables": pa.schema([*((name, pa.string()) for name in _NAMES), ("table_type", pa.string())]),
    "columns": pa.schema(
        [
            *((name, pa.string()) for name in _NAMES),
            ("column_name", pa.string()),
            ("ordinal_position", pa.int64()),
            ("column_default", pa.string()),
            ("is_nullable", pa.string()),
            ("data_type", pa.string()),
            ("comment", pa.string()),
            ("extra_info", pa.string()),
        ]
    ),
}


def information_schema(statement: Statement, name: str) -> pa.Table:
    """One of its tables. Raises `StatementFailed` for those that the double does not have."""
    schema = _SCHEMAS.get(name)
    if schema is None:
        raise StatementFailed(
            f"TABLE_NOT_FOUND: line 1:15: Table '{_CATALOG}.information_schema.{name}' "
            "does not exist"
        )
    store = statement.around.store
    rows = {"schemata": _schemata, "tables": _tables, "columns": _columns}[name](store)
    return pa.Table.from_pylist(list(rows), schema=schema)


def trino_name(hive: str) -> str:
    """A Hive type as Trino writes it."""
    return exp.DataType.build(hive, dialect="hive").sql("trino").lower()


def _schemata(store: Store) -> Iterator[dict[str, Any]]:
    for database in store.databases():
        yield {"catalog_name": _CATALOG, "schema_name": database["Name"]}


def _entries(store: Store) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for database in store.databases():
        for table in store.tables(database["Name"]):
            values = (_CATALOG, database["Name"], table["Name"])
            yield dict(zip(_NAMES, values, strict=True)), table


def _tables(store: Store) -> Iterator[dict[str, Any]]:
    for names, table in _entries(store):
        is_view = table.get("TableType") == "VIRTUAL_VIEW"
        yield {**names, "table_type": "VIEW" if is_view else "BASE TABLE"}


def _columns(store: Store) -> Iterator[dict[str, Any]]:
    for names, table in _entries(store):
        columns = [*current_columns(table), *(table.get("PartitionKeys") or [])]
        for position, column in enumerate(columns, 1):
            yield {
                **names,
                "column_name": column["Name"],
                "ordinal_position": position,
                "is_nullable": "YES",
                "data_type": trino_name(column["Type"]),
                "comment": column.get("Comment"),
            }
