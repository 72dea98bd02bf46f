"""Whether what a view's text gives is what its catalog promises of the view."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from catalog.model import Column
from catalog.names import fold


def differs(found: pa.Schema, output: Sequence[str], columns: Sequence[Column]) -> str | None:
    """How the columns that a text gives are not the promised ones; None where they fit.

    Names are compared as the text has them, in order: what merely stands in the same place may be
    another column since the view was made. For operators alone.
    """
    if [fold(name) for name in found.names] != [fold(name) for name in output]:
        return f"it gives the columns {', '.join(found.names)[:500]}"
    for given, column in zip(found.types, columns, strict=True):
        if not _fits(given, column.type):
            return f"column {column.name} is {given}, not {column.type}"
    return None


def _fits(given: pa.DataType, promised: pa.DataType) -> bool:
    """Whether a cast keeps each value as it is, or fails."""
    if given.equals(promised) or pa.types.is_null(given):
        return True
    if pa.types.is_timestamp(given) and pa.types.is_timestamp(promised):
        # the zone of a session is part of the type that it gives, not of the moments
        zoned = given.tz is not None, promised.tz is not None
        return bool(given.unit == promised.unit) and zoned[0] == zoned[1]
    if _is_whole(given):
        return bool(pa.types.is_integer(promised) or pa.types.is_decimal(promised))
    if pa.types.is_decimal(given) and pa.types.is_decimal(promised):
        return bool(promised.scale >= given.scale)
    return bool(pa.types.is_float32(given) and pa.types.is_float64(promised))


def _is_whole(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0))
