"""How the columns that are wanted are read from files that all have the same physical columns.

By name where the file's columns are those of the schema but for their names and simple types, so
that DuckDB's estimates hold; by field id where fields within columns have to be matched. What is
neither is refused: a value must never be read as another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyiceberg.types import IcebergType, ListType, MapType, NestedField, StructType

from catalog.names import fold, quote
from flight_server.engines.duckdb.scan import fields
from flight_server.engines.duckdb.scan.physical import LIST, MAP, STRUCT, Physical
from flight_server.engines.duckdb.session import text_literal
from flight_server.engines.errors import UnsupportedData

# DuckDB's columns that no file has: a real one of the name hides it
_VIRTUAL = frozenset({"file_index", "file_row_number", "filename", "rowid"})
_WIDER: Mapping[str, tuple[str, ...]] = {
    "TINYINT": ("INTEGER", "BIGINT"),
    "SMALLINT": ("INTEGER", "BIGINT"),
    "INTEGER": ("BIGINT",),
    "UTINYINT": ("INTEGER", "BIGINT"),
    "USMALLINT": ("INTEGER", "BIGINT"),
    "UINTEGER": ("BIGINT",),
    "FLOAT": ("DOUBLE",),
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_OTHER = "The table has files with columns of other types than its own, which is not supported yet."
_DOUBLE = "The table has files in which a column is found twice, which is not supported yet."


@dataclass(frozen=True, slots=True)
class Columns:
    """How columns are read: `values` are SQL by field id, over a source called `r`.

    `schema` is the argument of `read_parquet` that the source needs, empty where names do.
    """

    schema: str
    values: Mapping[int, str]


def by_field_name(wanted: Sequence[NestedField]) -> Columns:
    """Columns of files that certainly carry them under their names."""
    return Columns("", {each.field_id: _typed(each, f"r.{quote(each.name)}") for each in wanted})


def clashes(names: Sequence[str]) -> bool:
    """Whether columns of these names hide DuckDB's own."""
    return any(fold(name) in _VIRTUAL for name in names)


def columns_of(
    wanted: Sequence[NestedField],
    found: Sequence[Physical],
    constants: Mapping[int, str],
    *,
    ids: bool,
) -> Columns:
    """How wanted columns are read from files with the columns `found`.

    `constants` are SQL by the ids of columns whose value the partition tells, where a file has
    none. `ids` says whether the ids stand in the files. Raises `UnsupportedData`.
    """
    known = {each.field_id: each for each in found if each.field_id is not None}
    if len(known) != sum(each.field_id is not None for each in found):
        raise UnsupportedData(_DOUBLE)
    absent = [field for field in wanted if field.field_id not in known]
    values = {
        each.field_id: constants.get(each.field_id) or _typed(each, _default(each))
        for each in absent
    }
    present = [(field, known[field.field_id]) for field in wanted if field.field_id in known]
    names = [fold(each.name) for each in found]
    if (
        all(_same(column, field.field_type) for field, column in present)
        and len(set(names)) == len(names)
        and not clashes(names)
    ):
        for field, column in present:
            values[field.field_id] = _typed(field, _value(field, column))
        return Columns("", values)
    if not ids:
        raise UnsupportedData(_OTHER)
    for field, column in present:
        _check(column, field.field_type)
        values[field.field_id] = _typed(field, f"r.f{field.field_id}")
    return Columns(fields.field_map({f"f{field.field_id}": field for field, _ in present}), values)


def check_column(found: Sequence[Physical], field: NestedField) -> None:
    """Refuse files that have not a certain column by id. Raises `UnsupportedData`."""
    same = [each for each in found if each.field_id == field.field_id]
    if len(same) != 1:
        raise UnsupportedData(_OTHER)
    _check(same[0], field.field_type)


def _typed(field: NestedField, value: str) -> str:
    return f"CAST({value} AS {fields.sql_type(field.field_type)})"


def _default(field: NestedField) -> str:
    text = fields.default_text(field)
    return "NULL" if text is None else text_literal(text)


def _value(field: NestedField, column: Physical) -> str:
    value = f"r.{quote(column.name)}"
    if column.kind == "INT96" and fields.sql_type(field.field_type) == "TIMESTAMPTZ":
        return f"system.main.timezone('UTC', {value})"  # a cast would ask the session's zone
    return value


def _same(column: Physical, data: IcebergType) -> bool:
    """Whether a column read by its name, and cast, has the right values."""
    if not fields.children(data):
        return _converts(column, data) or _is_old_timestamp(column, data)
    inner = fields.children(data)
    return (
        column.kind == _group(data)
        and len(inner) == len(column.children)
        and all(
            part.field_id == child.field_id
            and part.name == child.name
            and (
                _same(child, part.field_type)
                if fields.children(part.field_type)
                else child.kind == fields.sql_type(part.field_type)
            )
            for part, child in zip(inner, column.children, strict=True)
        )
    )


def _check(column: Physical, data: IcebergType) -> None:
    """Refuse what DuckDB would turn into other values when it matches fields by id."""
    inner = fields.children(data)
    if not inner:
        if not _converts(column, data):
            raise UnsupportedData(_OTHER)
        return
    if column.kind != _group(data):
        raise UnsupportedData(_OTHER)
    known = {child.field_id: child for child in column.children if child.field_id is not None}
    if len(known) != len(column.children) and not isinstance(data, StructType):
        raise UnsupportedData(_OTHER)
    for part in inner:
        child = known.get(part.field_id)
        if child is not None:
            _check(child, part.field_type)
        elif not isinstance(data, StructType):
            raise UnsupportedData(_OTHER)


def _group(data: IcebergType) -> str:
    if isinstance(data, ListType):
        return LIST
    return MAP if isinstance(data, MapType) else STRUCT


def _converts(column: Physical, data: IcebergType) -> bool:
    """Whether a leaf's type is the wanted one, or one that it may have been promoted from."""
    wanted = fields.sql_type(data)
    if column.kind == wanted or wanted in _WIDER.get(column.kind, ()):
        return True
    old, new = _DECIMAL.fullmatch(column.kind), _DECIMAL.fullmatch(wanted)
    return old is not None and new is not None and old[2] == new[2] and int(old[1]) <= int(new[1])


def _is_old_timestamp(column: Physical, data: IcebergType) -> bool:
    return column.kind == "INT96" and fields.sql_type(data) in ("TIMESTAMP", "TIMESTAMPTZ")
