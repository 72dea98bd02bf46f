"""Masks that a policy names instead of writing SQL: what each may say, and which types it fits."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa

# From the coarsest; a mask must be coarser than what the type tells.
UNITS: Final = ("year", "quarter", "month", "week", "day", "hour", "minute")
_OF_DATES: Final = frozenset(UNITS[: UNITS.index("day")])


@dataclass(frozen=True, slots=True)
class Null:
    """No value at all."""


@dataclass(frozen=True, slots=True)
class Constant:
    """The same value for all that are not NULL, given in the type that the file gives it."""

    value: str | int | float | bool


@dataclass(frozen=True, slots=True)
class Partial:
    """A text of which only the ends are kept; `fill` stands for every other character.

    Of a text that is not longer than what would be kept, nothing is.
    """

    keep_first: int
    keep_last: int
    fill: str


@dataclass(frozen=True, slots=True)
class Truncate:
    """A date or moment at the start of its year, month, hour …, as UTC has it."""

    unit: str


@dataclass(frozen=True, slots=True)
class Bucket:
    """A number rounded towards zero to a multiple of `width`."""

    width: Decimal


@dataclass(frozen=True, slots=True)
class Hash:
    """A text's HMAC-SHA256 in hexadecimal, with a key of the server's that is told by name.

    With `per`, a claim, each of its values has a key of its own, made from that one.
    """

    key: str
    per: str | None = None


BuiltIn = Null | Constant | Partial | Truncate | Bucket | Hash


def shown(mask: BuiltIn) -> str:
    """A mask as text: equal for equal masks only, and no SQL expression."""
    match mask:
        case Null():
            return "mask: null"
        case Constant(value):
            return f"mask: {json.dumps({'constant': value})}"
        case Partial(first, last, fill):
            kept = {"keep_first": first, "keep_last": last, "with": fill}
            return f"mask: {json.dumps({'partial': kept})}"
        case Truncate(unit):
            return f"mask: {json.dumps({'truncate': unit})}"
        case Bucket(width):
            return f"mask: {json.dumps({'bucket': str(width)})}"
        case Hash(key, per):
            # spelled as SQL spells it, so that the claim is found as in SQL
            claim = {} if per is None else {"per": f"${{claims.{per}}}"}
            return f"mask: {json.dumps({'hash': {'key': key, **claim}})}"


def fits(mask: BuiltIn, kind: pa.DataType) -> bool:
    """Whether a mask gives values of a column's own type, and hides something of each.

    A column that a mask does not fit is to be hidden.
    """
    match mask:
        case Null():
            return True
        case Constant(value):
            return _is_of(value, kind)
        case Partial() | Hash():
            return _is_text(kind)
        case Truncate(unit):
            return pa.types.is_timestamp(kind) or (pa.types.is_date(kind) and unit in _OF_DATES)
        case Bucket(width):
            return _holds_buckets(width, kind)


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _holds_buckets(width: Decimal, kind: pa.DataType) -> bool:
    if pa.types.is_floating(kind):
        return True
    if pa.types.is_integer(kind):
        return width > 1 and width == width.to_integral_value()
    if pa.types.is_decimal(kind):
        smallest = Decimal(1).scaleb(-kind.scale)
        largest = Decimal(1).scaleb(kind.precision - kind.scale)
        return smallest < width < largest and width % smallest == 0
    return False


def _is_of(value: str | int | float | bool, kind: pa.DataType) -> bool:
    """Whether a constant is a value of a type, without losing anything."""
    if isinstance(value, bool):
        return bool(pa.types.is_boolean(kind))
    if isinstance(value, str):
        return _is_text(kind) or _is_time(value, kind)
    if pa.types.is_floating(kind):
        return True
    if isinstance(value, int) and pa.types.is_integer(kind):
        return _is_held(value, kind)
    if pa.types.is_decimal(kind):
        return _is_held(Decimal(str(value)), kind)
    return False


def _is_time(text: str, kind: pa.DataType) -> bool:
    """Whether a text is a date or moment; one with a zone, where the type has one."""
    if pa.types.is_date(kind):
        return _reads(date.fromisoformat, text) is not None
    if not pa.types.is_timestamp(kind):
        return False
    moment = _reads(datetime.fromisoformat, text)
    return moment is not None and (moment.tzinfo is None) == (kind.tz is None)


def _is_held(value: Any, kind: pa.DataType) -> bool:
    try:
        pa.scalar(value, kind)
    except (pa.ArrowException, OverflowError, ValueError):
        return False
    return True


def _reads(read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except ValueError:
        return None
