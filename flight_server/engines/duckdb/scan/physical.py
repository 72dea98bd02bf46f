"""What columns a Parquet file really has, by its footer: names, field ids and DuckDB's types."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.table.name_mapping import MappedField

from flight_server.engines.errors import UnsupportedData

STRUCT, LIST, MAP = "STRUCT", "LIST", "MAP"
_FIELD_ID = b"PARQUET:field_id"
_UNKNOWN = "UNKNOWN"
_PLAIN = {
    "BOOLEAN": "BOOLEAN",
    "INT32": "INTEGER",
    "INT64": "BIGINT",
    "INT96": "INT96",
    "FLOAT": "FLOAT",
    "DOUBLE": "DOUBLE",
    "BYTE_ARRAY": "BLOB",
    "FIXED_LEN_BYTE_ARRAY": "BLOB",
}
_TEXTS = ("STRING", "ENUM", "JSON")
_INTEGERS = {
    (8, True): "TINYINT",
    (16, True): "SMALLINT",
    (32, True): "INTEGER",
    (64, True): "BIGINT",
    (8, False): "UTINYINT",
    (16, False): "USMALLINT",
    (32, False): "UINTEGER",
}
_TIMESTAMPS = {
    ("milliseconds", False): "TIMESTAMP",
    ("microseconds", False): "TIMESTAMP",
    ("nanoseconds", False): "TIMESTAMP_NS",
    ("milliseconds", True): "TIMESTAMPTZ",
    ("microseconds", True): "TIMESTAMPTZ",
    ("nanoseconds", True): "TIMESTAMPTZ_NS",
}


@dataclass(frozen=True, slots=True)
class Physical:
    """A field of a file. `kind` is DuckDB's type of a leaf, or `STRUCT`, `LIST`, `MAP`.

    A list's child is called `element`, a map's `key` and `value`, as in Iceberg.
    """

    field_id: int | None
    name: str
    kind: str
    children: tuple[Physical, ...] = ()


def physical(schema: pq.ParquetSchema) -> tuple[Physical, ...]:
    """The columns of a file. Raises `UnsupportedData` for what this cannot tell apart."""
    leaves = count()
    columns = tuple(_field(field, schema, leaves) for field in schema.to_arrow_schema())
    if next(leaves) != len(schema):
        raise UnsupportedData("The table has files whose columns cannot be told apart.")
    return columns


def has_ids(columns: Sequence[Physical]) -> bool:
    """Whether any field of a file carries an id."""
    return any(each.field_id is not None or has_ids(each.children) for each in columns)


def mapped(columns: Sequence[Physical], mapping: Sequence[MappedField]) -> tuple[Physical, ...]:
    """The columns of a file without ids, with those that a name mapping gives them."""
    by_name = {name: field for field in mapping for name in field.names}

    def found(column: Physical) -> Physical:
        field = by_name.get(column.name)
        below: Sequence[MappedField] = () if field is None else field.fields
        number = None if field is None else field.field_id
        return replace(column, field_id=number, children=mapped(column.children, below))

    return tuple(found(column) for column in columns)


def _field(field: pa.Field, schema: pq.ParquetSchema, leaves: Iterator[int]) -> Physical:
    data = field.type.storage_type if _is_extended_group(field.type) else field.type
    number = _id(field.metadata)
    if pa.types.is_struct(data):
        parts = tuple(_field(part, schema, leaves) for part in data)
        return Physical(number, field.name, STRUCT, parts)
    if pa.types.is_map(data):
        key = replace(_field(data.key_field, schema, leaves), name="key")
        value = replace(_field(data.item_field, schema, leaves), name="value")
        return Physical(number, field.name, MAP, (key, value))
    if pa.types.is_list(data) or pa.types.is_large_list(data) or pa.types.is_fixed_size_list(data):
        element = replace(_field(data.value_field, schema, leaves), name="element")
        return Physical(number, field.name, LIST, (element,))
    at = next(leaves)
    kind = _kind(schema.column(at)) if at < len(schema) else _UNKNOWN
    return Physical(number, field.name, kind)


def _is_extended_group(data: pa.DataType) -> bool:
    return isinstance(data, pa.BaseExtensionType) and data.num_fields > 0


def _id(metadata: Mapping[bytes, bytes] | None) -> int | None:
    value = (metadata or {}).get(_FIELD_ID)
    return None if value is None or int(value) < 0 else int(value)


def _kind(leaf: Any) -> str:
    """DuckDB's type of a leaf; one that matches nothing where it is not known."""
    logical: dict[str, Any] = _logical(leaf.logical_type)
    kind = logical.get("Type", "NONE").upper()
    if kind == "NONE":
        return _PLAIN.get(leaf.physical_type, _UNKNOWN)
    if kind in _TEXTS:
        return "VARCHAR"
    if kind == "DECIMAL":
        return f"DECIMAL({leaf.precision},{leaf.scale})"
    if kind == "INT":
        return _INTEGERS.get((logical["bitWidth"], logical["isSigned"]), _UNKNOWN)
    if kind == "TIMESTAMP":
        return _TIMESTAMPS.get((logical["timeUnit"], logical["isAdjustedToUTC"]), _UNKNOWN)
    if kind == "TIME":
        # DuckDB has another type for times of day in nanoseconds, and for those in UTC
        plain = logical["timeUnit"] != "nanoseconds" and not logical["isAdjustedToUTC"]
        return "TIME" if plain else _UNKNOWN
    return kind if kind in ("DATE", "UUID") else _UNKNOWN


def _logical(data: Any) -> dict[str, Any]:
    """The words of a logical type and its parameters."""
    told: dict[str, Any] = json.loads(data.to_json())
    return told
