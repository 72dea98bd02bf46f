"""What a catalog demands of those who read a table: columns to conceal, rows to leave out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

Value = bool | int | float | Decimal | str | date | time | datetime | UUID


class Action(StrEnum):
    """How a column, or a field of one, is to be concealed."""

    ALPHANUM = "mask-alphanum"
    FIRST_4 = "show-first-4"
    LAST_4 = "show-last-4"
    NULL = "replace-with-null"
    FIXED = "mask-to-fixed-value"
    YEAR = "truncate-to-year"
    MONTH = "truncate-to-month"
    HASH = "sha-256-global"


class Operator(StrEnum):
    """How a value of a row is tested. Each is true or false, also for NULL and NaN."""

    IS_NULL = "is-null"
    NOT_NULL = "not-null"
    IS_NAN = "is-nan"
    NOT_NAN = "not-nan"
    LESS = "lt"
    AT_MOST = "lt-eq"
    MORE = "gt"
    AT_LEAST = "gt-eq"
    EQUAL = "eq"
    NOT_EQUAL = "not-eq"
    STARTS_WITH = "starts-with"
    NOT_STARTS_WITH = "not-starts-with"
    IN = "in"
    NOT_IN = "not-in"


@dataclass(frozen=True, slots=True)
class Always:
    """The same for all rows."""

    outcome: bool


@dataclass(frozen=True, slots=True)
class Test:
    """A test of one field by its id; `values` are of the field's type, none for tests without."""

    operator: Operator
    field_id: int
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    child: Predicate


@dataclass(frozen=True, slots=True)
class Both:
    """Both are true."""

    left: Predicate
    right: Predicate


@dataclass(frozen=True, slots=True)
class Either:
    """At least one is true."""

    left: Predicate
    right: Predicate


Predicate = Always | Test | Not | Both | Either


@dataclass(frozen=True, slots=True)
class ReadRestrictions:
    """What applies to this server's reading of a table, whoever of its users it reads for.

    `actions` are by field id, each once, never on a field within another one that has one. A row is
    to be left out where `rows` is not true of its stored values; None leaves out none.
    """

    actions: tuple[tuple[int, Action], ...] = ()
    rows: Predicate | None = None
