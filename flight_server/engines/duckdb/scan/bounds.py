"""What manifests say of one column, in a form in which many files are compared at once.

Nothing here is sure unless it is said to be: a file that tells nothing has no bound and no count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.types import (
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    LongType,
    StringType,
    TimestampNanoType,
    TimestampType,
    TimestamptzNanoType,
    TimestamptzType,
    TimeType,
)

from flight_server.engines.duckdb.scan.manifests import Manifest, Sparse

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# How bounds of a type may be stored: promoted columns have those of their former type.
_WIDTHS: dict[type[IcebergType], dict[int, str]] = {
    BooleanType: {1: "|u1"},
    IntegerType: {4: "<i4"},
    LongType: {4: "<i4", 8: "<i8"},
    DateType: {4: "<i4"},
    TimeType: {8: "<i8"},
    TimestampType: {8: "<i8"},
    TimestamptzType: {8: "<i8"},
    TimestampNanoType: {8: "<i8"},
    TimestamptzNanoType: {8: "<i8"},
    FloatType: {4: "<f4"},
    DoubleType: {4: "<f4", 8: "<f8"},
}
_FLOATING = (FloatType, DoubleType)
_WHOLE = (IntegerType, LongType, DateType)
# Decimals of so many digits fit 64 bits.
_SHORT_DECIMAL = 18


@dataclass(frozen=True, slots=True)
class Values:
    """A value of each file, or none: numbers with a mask, or binary as Arrow holds it.

    Decimals are their digits without the point; text is UTF-8, which compares as text does.
    """

    values: Any
    known: Mask

    @property
    def is_text(self) -> bool:
        """Whether it is held as Arrow's binary."""
        return isinstance(self.values, pa.Array)


@dataclass(frozen=True, slots=True)
class Column:
    """Of each file the bounds of a column, None where its type has no order here, and what is sure.

    `exact` are bounds that are the one value of all of the file's rows.
    """

    lower: Values | None
    upper: Values | None
    no_nulls: Mask
    only_nulls: Mask
    no_nans: Mask
    exact: bool = False


def bounds(manifests: Sequence[Manifest], field_id: int, data: IcebergType) -> Column:
    """The bounds and counts of a column of the table in the files of manifests, in order."""
    parts = [manifest.statistics for manifest in manifests]
    sizes = [len(manifest.formats) for manifest in manifests]
    values = _counts([part.values for part in parts], sizes, field_id)
    nulls = _counts([part.nulls for part in parts], sizes, field_id)
    nans = _counts([part.nans for part in parts], sizes, field_id)
    return Column(
        lower=_bound([part.lower for part in parts], sizes, field_id, data),
        upper=_bound([part.upper for part in parts], sizes, field_id, data),
        no_nulls=nulls == 0,
        only_nulls=(values >= 0) & (values == nulls),
        no_nans=nans == 0,
    )


def partition(values: Sequence[Any], data: IcebergType, *, early: bool) -> Column:
    """The values of a partition field by file.

    `early` says that a value up to 0 may stand for the one before it, too: old writers rounded
    moments before 1970 towards it.
    """
    nulls = np.array([value is None for value in values], np.bool_)
    stored = _stored(values, data)
    nans = np.zeros(len(nulls), np.bool_)
    if stored is None:
        return Column(None, None, ~nulls, nulls, nans)
    if isinstance(data, _FLOATING):
        nans = np.isnan(stored.values)
        stored = Values(stored.values, stored.known & ~nans)
    lower = stored
    if early and not stored.is_text:
        lower = Values(np.where(stored.values <= 0, stored.values - 1, stored.values), stored.known)
    return Column(lower, stored, ~nulls, nulls, ~nans, exact=not early)


def literal(value: Any, data: IcebergType) -> Any:
    """A literal of a predicate as columns of its type are held. Raises `ValueError`."""
    if isinstance(value, Decimal) and isinstance(data, DecimalType):
        return _digits(value, data.scale)
    return value.encode() if isinstance(value, str) else value


def same_values(stored: IcebergType, data: IcebergType) -> bool:
    """Whether values of a type that was stored can be compared as those of another."""
    if stored == data:
        return True
    if isinstance(stored, DecimalType) and isinstance(data, DecimalType):
        return stored.scale == data.scale
    pairs = (_WHOLE, _FLOATING)
    return any(isinstance(stored, kind) and isinstance(data, kind) for kind in pairs)


def _digits(value: Decimal, scale: int) -> int:
    """A decimal as so many digits behind the point, without the point. Raises `ValueError`."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or exponent + scale < 0:
        raise ValueError("not of this scale")
    number = int("".join(map(str, digits))) * int(10 ** (exponent + scale))
    return -number if sign else number


def _counts(parts: Sequence[Sparse], sizes: Sequence[int], field_id: int) -> Ints:
    """A count by file, -1 where there is none."""
    found = np.full(sum(sizes), -1, np.int64)
    start = 0
    for part, size in zip(parts, sizes, strict=True):
        here = part.ids == field_id
        found[start + part.rows[here]] = part.values[here]
        start += size
    return found


def _bound(
    parts: Sequence[Sparse], sizes: Sequence[int], field_id: int, data: IcebergType
) -> Values | None:
    rows: list[npt.NDArray[Any]] = [np.empty(0, np.int64)]
    stored: list[pa.Array] = [pa.array([], pa.large_binary())]
    start = 0
    for part, size in zip(parts, sizes, strict=True):
        here = np.flatnonzero(part.ids == field_id)
        rows.append(start + part.rows[here].astype(np.int64))
        stored.append(part.values.take(pa.array(here)))
        start += size
    return _decoded(pa.concat_arrays(stored), np.concatenate(rows), start, data)


def _decoded(stored: pa.Array, rows: Ints, count: int, data: IcebergType) -> Values | None:
    known = np.zeros(count, np.bool_)
    if isinstance(data, StringType):
        known[rows] = True
        places = np.full(count, -1, np.int64)
        places[rows] = np.arange(len(rows))
        return Values(stored.take(pa.array(places, mask=~known)), known)
    if isinstance(data, DecimalType):
        digits = [int.from_bytes(each, "big", signed=True) for each in stored.to_pylist()]
        values = np.zeros(count, object)
        values[rows] = np.array(digits, object)
        known[rows] = True
        return Values(_short(values, data), known)
    widths = _WIDTHS.get(type(data))
    if widths is None:
        return None
    floating = isinstance(data, _FLOATING)
    values = np.zeros(count, np.float64 if floating else np.int64)
    lengths = pc.binary_length(stored).to_numpy(zero_copy_only=False)
    for width, form in widths.items():
        here = np.flatnonzero(lengths == width)
        raw = b"".join(stored.take(pa.array(here)).to_pylist())
        values[rows[here]] = np.frombuffer(raw, form)
        known[rows[here]] = True
    if floating:
        known &= ~np.isnan(values)  # no bound, whoever wrote it
    return Values(values, known)


def _short(digits: npt.NDArray[Any], data: DecimalType) -> npt.NDArray[Any]:
    """Numbers in 64 bits where the type says that they fit, and they do."""
    if data.precision > _SHORT_DECIMAL:
        return digits
    try:
        return digits.astype(np.int64)
    except OverflowError:
        return digits


def _stored(values: Sequence[Any], data: IcebergType) -> Values | None:
    """Values as Python has them; None where they have no order here, or are of another type."""
    known = np.array([value is not None for value in values], np.bool_)
    try:
        if isinstance(data, StringType):
            encoded = [None if value is None else value.encode() for value in values]
            return Values(pa.array(encoded, pa.large_binary()), known)
        plain = [0 if value is None else value for value in values]
        if isinstance(data, DecimalType):
            digits = [_digits(Decimal(value), data.scale) for value in plain]
            return Values(_short(np.array(digits, object), data), known)
        if type(data) in _WIDTHS:
            kind = np.float64 if isinstance(data, _FLOATING) else np.int64
            return Values(np.array(plain, kind), known)
    except (TypeError, ValueError, AttributeError, OverflowError, ArithmeticError):
        return None
    return None
