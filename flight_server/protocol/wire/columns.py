"""How a table's columns are told to clients: an Arrow schema with metadata that drivers read."""

from __future__ import annotations

import threading
from functools import lru_cache

import pyarrow as pa

from auth.visible import VisibleTable
from catalog.model import Column
from catalog.names import TableName
from catalog.types import precision, scale, type_name
from flight_server.protocol.wire.frames import schema_bytes

_PREFIX = "ARROW:FLIGHT:SQL:"
_KEPT = 64 * 1024 * 1024


def table_schema(name: TableName, columns: tuple[Column, ...]) -> pa.Schema:
    """The Arrow schema of a table as GetTables tells it.

    The schema's name is under both keys that are in use. REMARKS is only here and never on the
    schema of a result, where drivers take it for the column's label.
    """
    shared = {
        _PREFIX + "CATALOG_NAME": name.catalog,
        _PREFIX + "SCHEMA_NAME": name.schema,
        _PREFIX + "DB_SCHEMA_NAME": name.schema,
        _PREFIX + "TABLE_NAME": name.table,
        _PREFIX + "IS_AUTO_INCREMENT": "0",
        _PREFIX + "IS_READ_ONLY": "1",
        _PREFIX + "IS_SEARCHABLE": "1",
    }
    return pa.schema(
        [pa.field(c.name, c.type, c.nullable, metadata=shared | _own(c)) for c in columns]
    )


@lru_cache(maxsize=1_024)
def result_schema(schema: pa.Schema) -> pa.Schema:
    """The schema of a result as clients are told it: with type names, precision and scale."""
    return pa.schema(
        [pa.field(f.name, f.type, f.nullable, metadata=_typed(f.type)) for f in schema]
    )


def _typed(data: pa.DataType) -> dict[str, str]:
    textual = pa.types.is_string(data) or pa.types.is_large_string(data)
    told = {
        # Without parameters, as GetXdbcTypeInfo names it: Power BI looks one up in the other.
        _PREFIX + "TYPE_NAME": type_name(data),
        _PREFIX + "IS_CASE_SENSITIVE": "1" if textual else "0",
    }
    for key, digits in (("PRECISION", precision(data)), ("SCALE", scale(data))):
        if digits is not None:
            told[_PREFIX + key] = str(digits)
    return told


def _own(column: Column) -> dict[str, str]:
    own = _typed(column.type)
    if column.doc:
        own[_PREFIX + "REMARKS"] = column.doc
    return own


class TableSchemas:
    """Remembers encoded table schemas: drivers ask for those of every table at once.

    Keyed by what the caller may see and checked against the columns at hand, so that a change of
    the table or of the rights never gives an old answer. Holds at most `limit` bytes of them; the
    oldest go first. Safe to use from several threads.
    """

    def __init__(self, limit: int = _KEPT) -> None:
        self._limit = limit
        self._size = 0
        self._lock = threading.Lock()
        self._known: dict[tuple[str, TableName], tuple[tuple[Column, ...], bytes]] = {}

    def encoded(self, fingerprint: str, table: VisibleTable) -> bytes:
        """The encapsulated IPC message of a visible table's schema."""
        key = (fingerprint, table.name)
        known = self._known.get(key)
        if known is not None and known[0] == table.columns:
            return known[1]
        encoded = schema_bytes(table_schema(table.name, table.columns))
        with self._lock:
            self._forget(key)
            self._known[key] = (table.columns, encoded)
            self._size += len(encoded)
            while self._size > self._limit:
                self._forget(next(iter(self._known)))
        return encoded

    def _forget(self, key: tuple[str, TableName]) -> None:
        known = self._known.pop(key, None)
        if known is not None:
            self._size -= len(known[1])
