"""An Iceberg schema as DuckDB's Parquet reader needs it: types, defaults, columns by field id."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.transforms import VoidTransform
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

from catalog.iceberg_fields import parts_of
from catalog.names import fold, quote, text_literal
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
_FIRST_SCHEMA = 0
# the fields of a struct, the element of a list, the key and the value of a map
children = parts_of

# what a default of each type is in Python: anything else could be taken for something else
_DEFAULTS: dict[type[IcebergType], tuple[type, ...]] = {
    BooleanType: (bool,),
    IntegerType: (int,),
    LongType: (int,),
    FloatType: (float, int),
    DoubleType: (float, int),
    DecimalType: (Decimal,),
    DateType: (date,),
    TimeType: (time,),
    TimestampType: (datetime,),
    TimestamptzType: (datetime,),
    StringType: (str,),
    UUIDType: (UUID,),
    FixedType: (bytes,),
    BinaryType: (bytes,),
}


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

    Names then serve as well as field ids, and no file has to be asked. A schema that is not the
    first one may have followed others that were forgotten.
    """
    return (
        len({str(schema) for schema in metadata.schemas}) == 1
        and metadata.schema().schema_id == _FIRST_SCHEMA
        and _NAME_MAPPING not in metadata.properties
        and _plain_names(metadata.schema().fields)
    )


def _plain_names(fields: Sequence[NestedField]) -> bool:
    return all(
        _PLAIN_NAME.fullmatch(field.name) and _plain_names(children(field.field_type))
        for field in fields
    )


def name_mapping(metadata: TableMetadata) -> str | None:
    """The names by which columns of imported files are found, as JSON; files may carry no ids."""
    return metadata.properties.get(_NAME_MAPPING)


def is_unpartitioned(spec: PartitionSpec) -> bool:
    """Whether a spec puts all files into one partition."""
    return all(isinstance(field.transform, VoidTransform) for field in spec.fields)


def latest_field(metadata: TableMetadata, schema: Schema, field_id: int) -> NestedField:
    """A column by its id in the latest schema that has it, also where it was dropped since.

    Raises `UnsupportedData` where it is no column, such as a field of a struct.
    """
    past = sorted(metadata.schemas, key=lambda each: each.schema_id, reverse=True)
    for each in (*past, schema):
        for field in each.fields:
            if field.field_id == field_id:
                return field
    raise UnsupportedData("The table has deletes by fields within columns, not supported yet.")


def field_map(names: Mapping[str, NestedField]) -> str:
    """The `schema` argument of `read_parquet`: columns by field id, under names of our own."""
    depth = max((_depth(field.field_type) for field in names.values()), default=0)
    return _render(list(names.items()), depth)


def _render(fields: Sequence[tuple[str, NestedField]], depth: int) -> str:
    # all entries of one MAP have one type, so each level goes down to the deepest
    entries: list[str] = []
    for name, field in fields:
        default = default_text(field)
        parts = [
            f"name: {text_literal(name)}",
            f"type: {text_literal(sql_type(field.field_type))}",
            f"default_value: {'NULL' if default is None else text_literal(default)}::VARCHAR",
        ]
        if depth > 0:
            below = [(child.name, child) for child in children(field.field_type)]
            nested = _render(below, depth - 1) if below else f"NULL::{_map_type(depth - 1)}"
            parts.append(f"children: {nested}")
        entries.append(f"{field.field_id}: {{{', '.join(parts)}}}")
    return f"MAP {{{', '.join(entries)}}}"


def _map_type(depth: int) -> str:
    nested = f", children {_map_type(depth - 1)}" if depth > 0 else ""
    return f"MAP(INTEGER, STRUCT(name VARCHAR, type VARCHAR, default_value VARCHAR{nested}))"


def _depth(data: IcebergType) -> int:
    return max((1 + _depth(child.field_type) for child in children(data)), default=0)


def default_text(field: NestedField) -> str | None:
    """What rows have in a field that their file has not, as text that DuckDB casts; None for NULL.

    Raises `UnsupportedData` for defaults of lists, maps and structs, and malformed ones.
    """
    value: Any = field.initial_default
    if value is None:
        return None
    kind = type(field.field_type)
    zoned = isinstance(value, datetime) and value.tzinfo is not None
    if type(value) not in _DEFAULTS.get(kind, ()) or zoned is not (kind is TimestamptzType):
        raise UnsupportedData(
            f"The table has a default of type {field.field_type}, which is not supported yet."
        )
    if isinstance(value, bytes):
        return blob_text(value)
    return value.isoformat() if isinstance(value, (date, time)) else str(value)


def blob_text(value: bytes) -> str:
    """Bytes as text that DuckDB casts to a BLOB."""
    return "".join(f"\\x{byte:02X}" for byte in value)
