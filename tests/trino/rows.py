"""Rows of both engines in one form that can be compared, and kept in a file."""

from __future__ import annotations

import base64
import datetime as dt
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa

Row = list[Any]


def of_arrow(result: pa.Table) -> list[Row]:
    """The rows of DuckDB's result."""
    columns = [
        [plain(value, field.type) for value in result.column(at).to_pylist()]
        for at, field in enumerate(result.schema)
    ]
    return [list(row) for row in zip(*columns, strict=True)]


def of_trino(rows: list[Row], schema: pa.Schema) -> list[Row]:
    """The rows that Trino sent, of which there may be more columns than are promised."""
    return [[plain(value, f.type) for value, f in zip(row, schema, strict=False)] for row in rows]


def plain(value: Any, data: pa.DataType) -> Any:
    """A value as both engines' are compared: floats to 12 digits, moments as text in UTC."""
    if value is None or pa.types.is_null(data):
        return None
    if pa.types.is_struct(data):
        fields = list(data)
        cells = value if isinstance(value, list) else [value[f.name] for f in fields]
        return [plain(cell, f.type) for cell, f in zip(cells, fields, strict=True)]
    if pa.types.is_map(data):
        pairs = list(value.items()) if isinstance(value, dict) else value
        made = [[plain(k, data.key_type), plain(v, data.item_type)] for k, v in pairs]
        return sorted(made, key=repr)
    if pa.types.is_list(data):
        return [plain(each, data.value_type) for each in value]
    if pa.types.is_floating(data):
        return _float(float(value), 6 if pa.types.is_float32(data) else 12)
    if pa.types.is_decimal(data):
        return format(Decimal(str(value)), f".{data.scale}f")
    if pa.types.is_binary(data):
        return (value if isinstance(value, bytes) else base64.b64decode(value)).hex()
    if pa.types.is_timestamp(data):
        moment = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
        return moment.isoformat(sep=" ", timespec="microseconds")
    if pa.types.is_time(data):
        clock = value if isinstance(value, dt.time) else dt.time.fromisoformat(value)
        return clock.isoformat(timespec="microseconds")
    if pa.types.is_date(data) or pa.types.is_integer(data) or pa.types.is_string(data):
        return str(value) if not isinstance(value, int) else value
    return str(value) if data == pa.uuid() else value


def _float(value: float, digits: int) -> Any:
    if math.isnan(value) or math.isinf(value):
        return str(abs(value) if math.isnan(value) else value)
    return float(f"{value + 0.0:.{digits}g}")


def unordered(rows: list[Row]) -> list[Row]:
    """Rows of no order in one order."""
    return sorted(rows, key=repr)
