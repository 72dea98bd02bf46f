"""An Iceberg schema in our words: columns with the Arrow types that DuckDB gives, and their tags.

Tags are declared as table properties: `flight.tags` holds the table's, `flight.tags.<column>` those
of a column or, with a dotted path, of a field within it; several are separated by commas. They are
kept by field id: a tag declared under any name that a field ever had stays with the field.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from pyiceberg.schema import Schema
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

from catalog.errors import UnsupportedTable
from catalog.iceberg_fields import Past, parts_of
from catalog.lookup import refuse_alike
from catalog.model import Column
from catalog.names import fold

_LIST_ITEM = "l"  # DuckDB's name for the items of every list

_PRIMITIVES: Mapping[type[IcebergType], pa.DataType] = {
    BooleanType: pa.bool_(),
    IntegerType: pa.int32(),
    LongType: pa.int64(),
    FloatType: pa.float32(),
    DoubleType: pa.float64(),
    DateType: pa.date32(),
    TimeType: pa.time64("us"),
    TimestampType: pa.timestamp("us"),
    TimestamptzType: pa.timestamp("us", tz="UTC"),
    TimestampNanoType: pa.timestamp("ns"),
    TimestamptzNanoType: pa.timestamp("ns", tz="UTC"),
    StringType: pa.string(),
    UUIDType: pa.string(),  # DuckDB exports a UUID as text
    BinaryType: pa.binary(),
    FixedType: pa.binary(),
}


def arrow_type(kind: IcebergType) -> pa.DataType:
    """The Arrow type in which DuckDB returns values of an Iceberg type.

    Parts of lists, maps and structs are nullable, as DuckDB declares them. Raises
    `UnsupportedTable` for a type that is not known here.
    """
    if isinstance(kind, DecimalType):
        return pa.decimal128(kind.precision, kind.scale)
    if isinstance(kind, ListType):
        return pa.list_(pa.field(_LIST_ITEM, arrow_type(kind.element_type)))
    if isinstance(kind, MapType):
        return pa.map_(arrow_type(kind.key_type), arrow_type(kind.value_type))
    if isinstance(kind, StructType):
        refuse_alike(field.name for field in kind.fields)
        return pa.struct([pa.field(f.name, arrow_type(f.field_type)) for f in kind.fields])
    found = _PRIMITIVES.get(type(kind))
    if found is None:
        raise UnsupportedTable("The table has a column of a type that this server cannot read")
    return found


def columns_of(schema: Schema, past: Past) -> tuple[Column, ...]:
    """The columns of a schema, with what the table's past says of each."""
    refuse_alike(field.name for field in schema.fields)
    return tuple(_column(field, past, ()) for field in schema.fields)


def identifier_of(schema: Schema) -> tuple[str, ...]:
    """The columns by which rows are told apart; none where fields of structs are part of them."""
    wanted = set(schema.identifier_field_ids)
    names = tuple(field.name for field in schema.fields if field.field_id in wanted)
    return names if len(names) == len(wanted) else ()


def _column(field: NestedField, past: Past, above: tuple[str, ...]) -> Column:
    path = (*above, fold(field.name))
    known = past.of(field.field_id)
    return Column(
        name=field.name,
        type=arrow_type(field.field_type),
        nullable=not field.required,
        field_id=field.field_id,
        doc=field.doc or "",
        tags=known.tags,
        children=tuple(_column(part, past, path) for part in parts_of(field.field_type)),
        former_names=frozenset(other[-1] for other in known.paths) - {path[-1]},
        reused=path in past.shared,
        doubtful_tags=known.tags - known.sure_tags,
        since=known.since,
        as_text=isinstance(field.field_type, UUIDType),
    )
