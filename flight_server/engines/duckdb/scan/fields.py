"""An Iceberg schema as DuckDB's Parquet reader needs it: types, and columns by field id."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from pyiceberg.schema import Schema
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestampNanoType,
    TimestampType,
    TimestamptzNanoType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from catalog.names import fold, quote
from flight_server.engines.duckdb.session import text_literal
from flight_server.engines.errors import UnsupportedData

_FIXED: dict[type[IcebergType], str] = {
    BooleanType: "BOOLEAN",
    IntegerType: "INTEGER",
    LongType: "BIGINT",
    FloatType: "FLOAT",
    DoubleType: "DOUBLE",
    DateType: "DATE",
    TimeType: "TIME",
    TimestampType: "TIMESTAMP",
    TimestamptzType: "TIMESTAMPTZ",
    TimestampNanoType: "TIMESTAMP_NS",
    TimestamptzNanoType: "TIMESTAMPTZ_NS",
    StringType: "VARCHAR",
    UUIDType: "UUID",
    FixedType: "BLOB",
    BinaryType: "BLOB",
}
_NAME_MAPPING = "schema.name-mapping.default"
# some writers store other names in another spelling, such as `a b` as `a_x20b`
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SIMPLE_DEFAULTS = (bool, int, float, str, Decimal)
_SIMPLE_TYPES = (
    BooleanType,
    IntegerType,
    LongType,
    FloatType,
    DoubleType,
    StringType,
    DecimalType,
)


def sql_type(data: IcebergType) -> str:
    """DuckDB's name of a type. Raises `UnsupportedData`."""
    known = _FIXED.get(type(data))
    if known is not None:
        return known
    if isinstance(data, DecimalType):
        return f"DECIMAL({data.precision},{data.scale})"
    if isinstance(data, StructType):
        fields = (f"{quote(f.name)} {sql_type(f.field_type)}" for f in data.fields)
        return f"STRUCT({', '.join(fields)})"
    if isinstance(data, ListType):
        return f"{sql_type(data.element_type)}[]"
    if isinstance(data, MapType):
        return f"MAP({sql_type(data.key_type)}, {sql_type(data.value_type)})"
    raise UnsupportedData(f"The table has a column of type {data}, which is not supported yet.")


def check_names(schema: Schema) -> None:
    """Refuse names that DuckDB cannot hold apart. Raises `UnsupportedData`."""
    names = [fold(field.name) for field in schema.fields]
    if len(set(names)) != len(names):
        text = "The table has columns whose names differ only in case, which is not supported yet."
        raise UnsupportedData(text)


def readable_by_name(metadata: TableMetadata) -> bool:
    """Whether all files of a table certainly carry the one schema that the table ever had.

    Names then serve as well as field ids, and DuckDB's estimates are better.
    """
    only = {str(schema) for schema in metadata.schemas}
    return (
        len(only) == 1
        and _NAME_MAPPING not in metadata.properties
        and _plain_names(metadata.schema().fields)
    )


def _plain_names(fields: Sequence[NestedField]) -> bool:
    return all(
        _PLAIN_NAME.fullmatch(field.name) and _plain_names(_children(field.field_type))
        for field in fields
    )


def has_name_mapping(metadata: TableMetadata) -> bool:
    """Whether the table may hold imported files, whose columns carry no ids."""
    return _NAME_MAPPING in metadata.properties


def field_map(schema: Schema) -> str:
    """The `schema` argument of `read_parquet`: columns by field id, nested ones too."""
    depth = max((_depth(field.field_type) for field in schema.fields), default=0)
    return _render(schema.fields, depth)


def _render(fields: Sequence[NestedField], depth: int) -> str:
    # all entries of one MAP have one type, so each level goes down to the deepest
    entries: list[str] = []
    for field in fields:
        parts = [
            f"name: {text_literal(field.name)}",
            f"type: {text_literal(sql_type(field.field_type))}",
            f"default_value: {_default(field)}::VARCHAR",
        ]
        if depth > 0:
            children = _children(field.field_type)
            nested = _render(children, depth - 1) if children else f"NULL::{_map_type(depth - 1)}"
            parts.append(f"children: {nested}")
        entries.append(f"{field.field_id}: {{{', '.join(parts)}}}")
    return f"MAP {{{', '.join(entries)}}}"


def _map_type(depth: int) -> str:
    children = f", children {_map_type(depth - 1)}" if depth > 0 else ""
    return f"MAP(INTEGER, STRUCT(name VARCHAR, type VARCHAR, default_value VARCHAR{children}))"


def _children(data: IcebergType) -> Sequence[NestedField]:
    if isinstance(data, StructType):
        return data.fields
    if isinstance(data, ListType):
        return (_part(data.element_id, "element", data.element_type),)
    if isinstance(data, MapType):
        return (
            _part(data.key_id, "key", data.key_type),
            _part(data.value_id, "value", data.value_type),
        )
    return ()


def _part(field_id: int, name: str, data: IcebergType) -> NestedField:
    return NestedField(field_id=field_id, name=name, field_type=data, required=False)


def _depth(data: IcebergType) -> int:
    return max((1 + _depth(child.field_type) for child in _children(data)), default=0)


def _default(field: NestedField) -> str:
    value = field.initial_default
    if value is None:
        return "NULL"
    if isinstance(field.field_type, _SIMPLE_TYPES) and isinstance(value, _SIMPLE_DEFAULTS):
        return text_literal(str(value))
    text = f"The table has a default of type {field.field_type}, which is not supported yet."
    raise UnsupportedData(text)
