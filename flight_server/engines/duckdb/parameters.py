"""One row of bound parameters as values that DuckDB takes with exactly their types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from duckdb import Value, sqltype

from flight_server.engines.duckdb.sqltypes import sql_type
from flight_server.engines.errors import UnsupportedData


class ParameterRefused(Exception):
    """A bound value cannot be given to DuckDB; the text names the parameter, never the value."""


def bind(names: Sequence[str], row: pa.RecordBatch | None) -> dict[str, Any]:
    """The values by parameter name; NULLs where there is no row yet.

    Raises `ParameterRefused` where the row does not have a column for each name, in order.
    """
    if row is None:
        return dict.fromkeys(names)
    if row.num_columns != len(names) or row.num_rows != 1:
        raise ParameterRefused(f"The statement has {len(names)} parameters, in one row.")
    return {name: _value(name, row.column(index)) for index, name in enumerate(names)}


def _value(name: str, column: pa.Array) -> Any:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    scalar = column[0]
    if not scalar.is_valid:
        return None
    try:
        kind = sqltype(sql_type(column.type))  # first: it refuses types whose values have no end
        return Value(_plain(scalar), kind)
    except (UnsupportedData, duckdb.Error) as error:
        raise ParameterRefused(f"Parameter {name} has a type that cannot be bound.") from error
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise ParameterRefused(f"The value of parameter {name} is out of range.") from error


def _plain(scalar: pa.Scalar) -> Any:
    """The scalar as a Python value, or as text that DuckDB casts without loss.

    Python's own values would lose nanoseconds and the scale of a decimal, and a time zone's name
    would be looked up in files that a worker cannot reach.
    """
    data = scalar.type
    if isinstance(data, pa.BaseExtensionType):
        return str(scalar.as_py())
    if pa.types.is_timestamp(data):
        instant = pc.cast(pc.cast(scalar, pa.int64()), pa.timestamp(data.unit))
        return str(pc.cast(instant, pa.string())) + ("" if data.tz is None else "+00")
    if pa.types.is_temporal(data) and not pa.types.is_interval(data):
        return str(pc.cast(scalar, pa.string()))
    if pa.types.is_decimal(data):
        return format(scalar.as_py(), "f")
    if pa.types.is_map(data):
        pairs = scalar.as_py()
        return {"key": [key for key, _ in pairs], "value": [value for _, value in pairs]}
    return scalar.as_py()
