"""Arrow types in SQL's words, as DuckDB spells them, with their precision and scale."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pyarrow as pa

from catalog.names import quote
from catalog.xdbc import UNBOUNDED, XDBC_TYPES, XdbcType

__all__ = ["XDBC_TYPES", "XdbcType", "precision", "scale", "sql_name", "type_name"]

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED_WORDS = (
    "all analyse analyze and any array as asc asymmetric both case cast check collate column"
    " constraint create default deferrable desc describe distinct do else end except false fetch"
    " for foreign from group having in initially intersect into lambda lateral leading limit not"
    " null offset on only or order pivot pivot_longer pivot_wider placing primary qualify"
    " references returning select show some summarize symmetric table then to trailing true union"
    " unique unpivot using variadic when where window with"
)
_RESERVED = frozenset(_RESERVED_WORDS.split())

# those of types without parameters
NAMES: Mapping[pa.DataType, str] = {
    pa.null(): '"NULL"',
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.uint8(): "UTINYINT",
    pa.uint16(): "USMALLINT",
    pa.uint32(): "UINTEGER",
    pa.uint64(): "UBIGINT",
    pa.float16(): "FLOAT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.string(): "VARCHAR",
    pa.large_string(): "VARCHAR",
    pa.string_view(): "VARCHAR",
    pa.binary(): "BLOB",
    pa.large_binary(): "BLOB",
    pa.binary_view(): "BLOB",
    pa.date32(): "DATE",
    pa.date64(): "DATE",
    pa.time32("s"): "TIME",
    pa.time32("ms"): "TIME",
    pa.time64("us"): "TIME",
    pa.time64("ns"): "TIME_NS",
    pa.timestamp("s"): "TIMESTAMP_S",
    pa.timestamp("ms"): "TIMESTAMP_MS",
    pa.timestamp("us"): "TIMESTAMP",
    pa.timestamp("ns"): "TIMESTAMP_NS",
    pa.month_day_nano_interval(): "INTERVAL",
}

_ROWS: Mapping[str, XdbcType] = {row.type_name: row for row in XDBC_TYPES}

_EXTENSIONS: Mapping[str, str] = {"arrow.uuid": "UUID", "arrow.json": "JSON"}


def sql_name(kind: pa.DataType) -> str:
    """The SQL name of an Arrow type in DuckDB's spelling, with its parameters.

    For example `DECIMAL(18,4)`, `TIMESTAMP WITH TIME ZONE`, `STRUCT(a INTEGER)`, `INTEGER[]`. It
    can be used in a CAST. Raises `ValueError` for a type that DuckDB has no name for.
    """
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    if pa.types.is_fixed_size_list(kind):
        return f"{sql_name(kind.value_type)}[{kind.list_size}]"
    if _is_list(kind):
        return f"{sql_name(kind.value_type)}[]"
    if pa.types.is_map(kind):
        return f"MAP({sql_name(kind.key_type)}, {sql_name(kind.item_type)})"
    if pa.types.is_struct(kind) or pa.types.is_union(kind):
        parts = (
            f"{_field(kind.field(i).name)} {sql_name(kind.field(i).type)}"
            for i in range(kind.num_fields)
        )
        return f"{type_name(kind)}({', '.join(parts)})"
    return type_name(kind)


def type_name(kind: pa.DataType) -> str:
    """The SQL name of an Arrow type without parameters: `DECIMAL`, `LIST`, `STRUCT`, `VARCHAR`.

    Every name that this gives has a row in `XDBC_TYPES`.
    """
    if isinstance(kind, pa.BaseExtensionType):
        return _EXTENSIONS.get(kind.extension_name) or type_name(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return type_name(kind.value_type)
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return "TIMESTAMPTZ_NS" if kind.unit == "ns" else "TIMESTAMP WITH TIME ZONE"
    for matches, name in _FAMILIES:
        if matches(kind):
            return name
    found = NAMES.get(kind)
    if found is None:
        raise ValueError(f"no SQL name for the Arrow type {kind}")
    return found


def precision(kind: pa.DataType) -> int | None:
    """How many digits or characters a value can have; None where that is not bounded."""
    if pa.types.is_decimal(kind):
        return int(kind.precision)
    size = _ROWS[type_name(kind)].column_size
    return None if size == UNBOUNDED else size


def scale(kind: pa.DataType) -> int | None:
    """How many digits a value has after the point (of its seconds); None where it has no scale."""
    if pa.types.is_decimal(kind):
        return int(kind.scale)
    return _ROWS[type_name(kind)].maximum_scale


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_list_view(kind)
        or pa.types.is_large_list_view(kind)
    )


def _field(name: str) -> str:
    """A struct field's name, quoted where SQL needs it (DuckDB keeps its case without)."""
    plain = _PLAIN.fullmatch(name) and name.lower() not in _RESERVED
    return name if plain else quote(name)


_FAMILIES = (
    (pa.types.is_decimal, "DECIMAL"),
    (pa.types.is_fixed_size_list, "ARRAY"),
    (_is_list, "LIST"),
    (pa.types.is_map, "MAP"),
    (pa.types.is_struct, "STRUCT"),
    (pa.types.is_union, "UNION"),
    (pa.types.is_fixed_size_binary, "BLOB"),
    (pa.types.is_duration, "INTERVAL"),
)
