"""Athena's metadata calls: databases and tables as Glue has them, in Athena's shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flight_server.testing.athena.groups import DataCatalogs
from flight_server.testing.athena.store import Store, entity_not_found
from flight_server.testing.athena.wire import Operation

_PAGE = 50


class Metadata:
    """Databases and tables. Catalogs other than Glue's are empty."""

    def __init__(self, store: Store, catalogs: DataCatalogs) -> None:
        self._store, self._catalogs = store, catalogs

    def operations(self) -> Mapping[str, Operation]:
        """The calls that are answered here."""
        return {
            "GetDatabase": self._get_database,
            "ListDatabases": self._list_databases,
            "GetTableMetadata": self._get_table,
            "ListTableMetadata": self._list_tables,
        }

    def _get_database(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["DatabaseName"].lower()
        for database in self._databases(request):
            if database["Name"] == name:
                return {"Database": _database(database)}
        raise entity_not_found(f"Database {name} not found.")

    def _list_databases(self, request: dict[str, Any]) -> dict[str, Any]:
        shown, more = page(self._databases(request), request)
        return {"DatabaseList": [_database(database) for database in shown], **more}

    def _get_table(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["TableName"].lower()
        for table in self._tables(request):
            if table["Name"] == name:
                return {"TableMetadata": _table(table)}
        raise entity_not_found(f"Table {name} not found.")

    def _list_tables(self, request: dict[str, Any]) -> dict[str, Any]:
        shown, more = page(self._tables(request), request)
        return {"TableMetadataList": [_table(table) for table in shown], **more}

    def _databases(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        catalog = self._catalogs.check(request["CatalogName"])
        return self._store.databases() if catalog["Type"] == "GLUE" else []

    def _tables(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        name = request["DatabaseName"].lower()
        if self._catalogs.check(request["CatalogName"])["Type"] != "GLUE":
            raise entity_not_found(f"Database {name} not found.")
        return self._store.tables(name, request.get("Expression"))


def page(
    items: Sequence[dict[str, Any]], request: dict[str, Any]
) -> tuple[Sequence[dict[str, Any]], dict[str, Any]]:
    """The part of a list that a request asks for, and how to ask for the next one."""
    start = int(request.get("NextToken") or 0)
    end = start + (request.get("MaxResults") or _PAGE)
    return items[start:end], {"NextToken": str(end)} if end < len(items) else {}


def _database(database: dict[str, Any]) -> dict[str, Any]:
    shown = {"Name": database["Name"], "Parameters": database.get("Parameters") or {}}
    if database.get("Description"):
        shown["Description"] = database["Description"]
    return shown


def _table(table: dict[str, Any]) -> dict[str, Any]:
    storage = table.get("StorageDescriptor") or {}
    serde = storage.get("SerdeInfo") or {}
    parameters = dict(table.get("Parameters") or {})
    for name, value in (
        ("location", storage.get("Location")),
        ("inputformat", storage.get("InputFormat")),
        ("outputformat", storage.get("OutputFormat")),
        ("serde.serialization.lib", serde.get("SerializationLibrary")),
    ):
        if value is not None:
            parameters[name] = value
    for name, value in (serde.get("Parameters") or {}).items():
        parameters[f"serde.param.{name}"] = value
    return {
        "Name": table["Name"],
        "CreateTime": table.get("CreateTime"),
        "LastAccessTime": table.get("LastAccessTime"),
        "TableType": table.get("TableType"),
        "Columns": [_column(column) for column in current_columns(table)],
        "PartitionKeys": [_column(column) for column in table.get("PartitionKeys") or []],
        "Parameters": parameters,
    }


def current_columns(table: dict[str, Any]) -> list[dict[str, Any]]:
    """The columns of a table's entry without those that Iceberg has dropped."""
    return [
        column
        for column in (table.get("StorageDescriptor") or {}).get("Columns") or []
        if (column.get("Parameters") or {}).get("iceberg.field.current") != "false"
    ]


def _column(column: dict[str, Any]) -> dict[str, Any]:
    return {name: column[name] for name in ("Name", "Type", "Comment") if column.get(name)}
