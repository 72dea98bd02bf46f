"""An Iceberg schema in our words: columns with the Arrow types that DuckDB gives, and their tags.

Tags are declared as table properties: `flight.tags` holds the table's, `flight.tags.<column>` those
of a column or, with a dotted path, of a struct's field; several are separated by commas. They are
kept by field id: a tag declared under any name that a field ever had stays with the field.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

import pyarrow as pa
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

from catalog.errors import UnsupportedTable
from catalog.model import Column
from catalog.names import fold

TAGS = "flight.tags"
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
        _refuse_alike(kind.fields)
        return pa.struct([pa.field(f.name, arrow_type(f.field_type)) for f in kind.fields])
    found = _PRIMITIVES.get(type(kind))
    if found is None:
        raise UnsupportedTable("The table has a column of a type that this server cannot read")
    return found


def columns_of(schema: Schema, tags: Mapping[int, frozenset[str]]) -> tuple[Column, ...]:
    """The columns of a schema, with the tags of each field id."""
    _refuse_alike(schema.fields)
    return tuple(_column(field, tags) for field in schema.fields)


def tags_by_field(metadata: TableMetadata) -> Mapping[int, frozenset[str]]:
    """The tags of all fields of a table, by field id.

    A name is looked up in every schema that the table ever had: a column that was tagged and then
    renamed keeps its tags, and a new column under a tagged name gets them too. Too many rather
    than too few, for tags are what protection hangs on.
    """
    declared = {
        fold(key.removeprefix(f"{TAGS}.")): split_tags(value)
        for key, value in metadata.properties.items()
        if key.startswith(f"{TAGS}.")
    }
    found: dict[int, frozenset[str]] = defaultdict(frozenset)
    if not declared:
        return found
    for schema in metadata.schemas:
        for path, field_id in _paths(schema.fields, ""):
            found[field_id] |= declared.get(fold(path), frozenset())
    return found


def split_tags(text: str) -> frozenset[str]:
    """The tags of a comma-separated property."""
    return frozenset(tag.strip() for tag in text.split(",") if tag.strip())


def _column(field: NestedField, tags: Mapping[int, frozenset[str]]) -> Column:
    kind = field.field_type
    children: tuple[Column, ...] = ()
    if isinstance(kind, StructType):
        children = tuple(_column(child, tags) for child in kind.fields)
    return Column(
        name=field.name,
        type=arrow_type(kind),
        nullable=not field.required,
        field_id=field.field_id,
        doc=field.doc or "",
        tags=tags.get(field.field_id, frozenset()),
        children=children,
    )


def _paths(fields: tuple[NestedField, ...], prefix: str) -> Iterator[tuple[str, int]]:
    for field in fields:
        path = prefix + field.name
        yield path, field.field_id
        if isinstance(field.field_type, StructType):
            yield from _paths(field.field_type.fields, f"{path}.")


def _refuse_alike(fields: tuple[NestedField, ...]) -> None:
    """DuckDB could not tell such columns apart, nor could a policy."""
    if len({fold(field.name) for field in fields}) != len(fields):
        raise UnsupportedTable("The table has columns whose names differ only in case")
