"""Whole columns at once: numpy arrays become Arrow arrays without a Python object per row."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def decimals(scaled: Ints, precision: int, scale: int, *, null: Bools | None = None) -> pa.Array:
    """Decimals from integers that are already multiplied by `10 ** scale`."""
    words = np.empty((len(scaled), 2), dtype=np.int64)
    words[:, 0] = scaled
    words[:, 1] = scaled >> 63  # the sign, carried into the upper half
    valid = None if null is None else pa.py_buffer(np.packbits(~null, bitorder="little"))
    kind = pa.decimal128(precision, scale)
    return pa.Array.from_buffers(kind, len(scaled), [valid, pa.py_buffer(words)])


def pick(choices: Sequence[str | None], codes: NDArray[Any]) -> pa.Array:
    """One of few texts per row, by its number."""
    return pa.array(choices, pa.string()).take(pa.array(codes))


def dates(days: NDArray[Any], *, null: Bools | None = None) -> pa.Array:
    """Dates from `datetime64[D]`."""
    return pa.array(days.astype("datetime64[D]"), pa.date32(), mask=null)


def moments(micros: NDArray[Any], *, utc: bool, null: Bools | None = None) -> pa.Array:
    """Timestamps from `datetime64[us]`, with the zone UTC or without a zone."""
    kind = pa.timestamp("us", tz="UTC" if utc else None)
    array = pa.array(micros.astype("datetime64[us]"), pa.timestamp("us"), mask=null)
    return array.cast(kind)


def labels(prefix: str, numbers: Ints, width: int) -> pa.Array:
    """Texts such as `ACC-000042`."""
    text = np.strings.add(prefix, np.strings.zfill(numbers.astype(f"U{width}"), width))
    return pa.array(text, pa.string())


def business_days(first: dt.date, last: dt.date) -> NDArray[np.datetime64]:
    """All days from Monday to Friday, both ends included."""
    days = np.arange(np.datetime64(first), np.datetime64(last) + 1)
    return days[np.is_busday(days)]
