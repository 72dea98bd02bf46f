"""The Arrow types that clients are told to bind, from SQL types and the types of columns."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa

from catalog.names import fold
from flight_server.query.parser import Node

_DEFAULT_DECIMAL = (18, 3)
_WIDEST = 38

_BY_NAME: Mapping[str, pa.DataType] = {
    name: kind
    for names, kind in (
        ("tinyint int1", pa.int8()),
        ("smallint int2 int16 short", pa.int16()),
        ("integer int int4 int32 signed integral", pa.int32()),
        ("bigint int8 int64 long oid", pa.int64()),
        ("utinyint uint8", pa.uint8()),
        ("usmallint uint16", pa.uint16()),
        ("uinteger uint32", pa.uint32()),
        ("ubigint uint64", pa.uint64()),
        ("hugeint int128 uhugeint", pa.decimal128(_WIDEST, 0)),
        ("float float4 real", pa.float32()),
        ("double float8", pa.float64()),
        ("boolean bool logical", pa.bool_()),
        ("varchar text string char bpchar nvarchar uuid guid json", pa.string()),
        ("blob bytea binary varbinary", pa.binary()),
        ("date", pa.date32()),
        ("time", pa.time64("us")),
        ("timestamp datetime timestamp_us timestamp_s timestamp_ms", pa.timestamp("us")),
        ("timestamp_ns", pa.timestamp("ns")),
        ("timestamptz", pa.timestamp("us", "UTC")),
    )
    for name in names.split()
} | {
    "double precision": pa.float64(),
    "character varying": pa.string(),
    "timestamp with time zone": pa.timestamp("us", "UTC"),
    "timestamp without time zone": pa.timestamp("us"),
    "time without time zone": pa.time64("us"),
}


def cast_type(node: Node) -> pa.DataType | None:
    """The Arrow type of a type in a CAST; None for one that is not simple."""
    path = (node.get("qualified_name") or {}).get("path") or [""]
    name = fold(str(path[-1]))
    if name in ("decimal", "numeric", "dec"):
        return _decimal(node.get("children") or [])
    return None if node.get("children") else _BY_NAME.get(name)


def _decimal(modifiers: list[Any]) -> pa.DataType | None:
    try:
        numbers = [int(modifier["literal"]["text"]) for modifier in modifiers]
    except (KeyError, TypeError, ValueError):
        return None
    match numbers:
        case []:
            precision, scale = _DEFAULT_DECIMAL
        case [precision]:
            scale = 0
        case [precision, scale]:
            pass
        case _:
            return None
    return pa.decimal128(precision, scale) if 0 <= scale <= precision <= _WIDEST else None


def announced(kind: pa.DataType) -> pa.DataType:
    """The type that is announced for a parameter of a type.

    Times are announced in milliseconds: the JDBC driver writes milliseconds into a vector of any
    unit, so that another unit would turn its values into wrong ones. Clients may bind finer units.
    """
    if pa.types.is_timestamp(kind):
        return pa.timestamp("ms", kind.tz)
    if pa.types.is_time(kind):
        return pa.time32("ms")
    return kind


def typical_row(schema: pa.Schema) -> pa.RecordBatch | None:
    """One row of plain values of the announced types, for a statement that has none yet.

    NULL has no type in DuckDB, so that results that repeat a parameter would have none either. None
    where a type has no plain value.
    """
    try:
        columns = [_plain(field.type) for field in schema]
    except pa.ArrowException:
        return None
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _plain(kind: pa.DataType) -> pa.Array:
    if pa.types.is_decimal(kind):
        return pa.array([Decimal(0)], kind)
    if pa.types.is_binary(kind):
        return pa.array([b"0"], kind)
    through = pa.int64() if pa.types.is_timestamp(kind) else kind
    return pa.array([0], pa.int32()).cast(through).cast(kind)
