"""What lies within a column, and a column of which only some fields are seen."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from auth.grant import FieldGrant
from catalog.model import Column
from catalog.names import fold

_Parts = tuple[Column, ...]


def fields_of(column: Column) -> _Parts:
    """A struct's fields, where they can be granted apart; none for all other types.

    A struct whose description contradicts its type, or has fields that could not be told apart, is
    one whole.
    """
    if not pa.types.is_struct(column.type):
        return ()
    typed = _typed(column.type)
    if len({fold(field.name) for field in typed}) != len(typed):
        return ()
    if not column.children:
        return typed
    told = [(child.name, child.type) for child in column.children]
    return column.children if told == [(field.name, field.type) for field in typed] else ()


def parts_of(column: Column) -> _Parts:
    """All that lies a level down within a column: fields, an element, a key and a value."""
    if not pa.types.is_nested(column.type) and not column.children:
        return ()
    found = fields_of(column)
    if found:
        return found
    typed = _typed(column.type)
    if [child.name for child in column.children] == [part.name for part in typed]:
        return column.children
    return (*column.children, *typed)


def narrowed(column: Column, grant: FieldGrant) -> Column:
    """A column as it is seen: of a struct only the granted fields.

    What is masked may be NULL, also where the table has none.
    """
    if grant.mask is not None:
        return replace(column, nullable=True)
    if not grant.fields:
        return column
    granted = {field.name: field for field in grant.fields}
    seen = [
        narrowed(child, granted[child.name]) for child in fields_of(column) if child.name in granted
    ]
    kept = {field.name: field for field in column.type}
    types = [
        kept[child.name]
        .with_type(child.type)
        .with_nullable(kept[child.name].nullable or granted[child.name].mask is not None)
        for child in seen
    ]
    return replace(column, type=pa.struct(types), children=tuple(seen))


def _typed(kind: pa.DataType) -> _Parts:
    """What a type alone says lies within, a level down."""
    if pa.types.is_map(kind):
        return (Column("key", kind.key_type), Column("value", kind.item_type))
    if pa.types.is_struct(kind) or pa.types.is_union(kind):
        found = (kind.field(at) for at in range(kind.num_fields))
        return tuple(Column(field.name, field.type, field.nullable) for field in found)
    if pa.types.is_nested(kind) and hasattr(kind, "value_type"):
        return (Column("element", kind.value_type),)
    return ()
