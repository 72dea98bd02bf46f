"""Claims as typed values: the types that a policy may declare, and whether a value is of one."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

MAX_LIST: Final = 10_000
_MAX_TEXT = 4_096
_INT64 = 2**63


class WrongType(ValueError):
    """A claim's value is not of the declared type."""


@dataclass(frozen=True, slots=True)
class ClaimType:
    """A type that a policy may declare: its DuckDB name, and how a JSON value becomes one of it."""

    sql: str
    parse: Callable[[object], Any]


def claim_type(name: str) -> ClaimType | None:
    """The type of a name such as `string` or `list<integer>`; None where there is none."""
    compact = name.replace(" ", "")
    if compact.startswith("list<") and compact.endswith(">"):
        element = SCALARS.get(compact[5:-1])
        return None if element is None else _list_of(element)
    return SCALARS.get(compact)


def look_up(claims: Mapping[str, Any], path: str) -> object | None:
    """The value of a claim: of that very name, else along the dots into nested objects."""
    value: object = claims
    if path in claims:
        value = claims[path]
        return value
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > _MAX_TEXT or "\0" in value:
        raise WrongType
    return value


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -_INT64 <= value < _INT64:
        raise WrongType
    return value


def _double(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongType
    try:
        number = float(value)
    except OverflowError:
        raise WrongType from None
    if not math.isfinite(number):
        raise WrongType
    return number


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise WrongType
    return value


def _date(value: object) -> datetime.date:
    if not isinstance(value, str) or len(value) != len("2000-01-01"):
        raise WrongType
    try:
        return datetime.date.fromisoformat(value)
    except ValueError:
        raise WrongType from None


def _list_of(element: ClaimType) -> ClaimType:
    def parse(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or len(value) > MAX_LIST:
            raise WrongType
        return tuple(element.parse(item) for item in value)

    return ClaimType(f"{element.sql}[]", parse)


SCALARS: Final[Mapping[str, ClaimType]] = {
    "string": ClaimType("VARCHAR", _text),
    "integer": ClaimType("BIGINT", _integer),
    "double": ClaimType("DOUBLE", _double),
    "boolean": ClaimType("BOOLEAN", _boolean),
    "date": ClaimType("DATE", _date),
}
