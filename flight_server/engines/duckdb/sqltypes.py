"""How DuckDB spells an Arrow type."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from catalog.names import quote
from catalog.types import NAMES
from flight_server.engines.errors import UnsupportedData

_FIXED = {**NAMES, pa.uuid(): "UUID"}


def sql_type(data: pa.DataType) -> str:
    """The SQL text of a type. Raises `UnsupportedData` where DuckDB has none."""
    known = _FIXED.get(data)
    if known is not None:
        return known
    for matches, render in _SHAPES:
        if matches(data):
            return render(data)
    raise UnsupportedData(f"Values of type {data} cannot be read by this engine.")


def _zoned(data: pa.TimestampType) -> str:
    return "TIMESTAMPTZ_NS" if data.unit == "ns" else "TIMESTAMPTZ"


def _decimal(data: pa.DataType) -> str:
    if data.precision > 38:
        raise UnsupportedData("Decimals of more than 38 digits cannot be read by this engine.")
    # such a value written out would have as many digits as the scale says, which may be billions
    if not 0 <= data.scale <= data.precision:
        raise UnsupportedData("Decimals of such a scale cannot be read by this engine.")
    return f"DECIMAL({data.precision},{data.scale})"


def _struct(data: pa.StructType) -> str:
    fields = (data.field(i) for i in range(data.num_fields))
    return "STRUCT(" + ", ".join(f"{quote(f.name)} {sql_type(f.type)}" for f in fields) + ")"


_SHAPES: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.DataType], str]], ...] = (
    (pa.types.is_timestamp, _zoned),
    (pa.types.is_decimal, _decimal),
    (pa.types.is_fixed_size_binary, lambda _data: "BLOB"),
    (pa.types.is_struct, _struct),
    (pa.types.is_map, lambda d: f"MAP({sql_type(d.key_type)}, {sql_type(d.item_type)})"),
    (pa.types.is_fixed_size_list, lambda d: f"{sql_type(d.value_type)}[{d.list_size}]"),
    (pa.types.is_list, lambda d: f"{sql_type(d.value_type)}[]"),
    (pa.types.is_large_list, lambda d: f"{sql_type(d.value_type)}[]"),
)
