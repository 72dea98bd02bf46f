"""What a policy's user may see of each table, in plain Python over the raw rows."""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa

from tests.oracle import lake
from tests.oracle.rows import Row

Keep = Callable[[Row], bool | None]
Change = Callable[[Any], Any]

CUSTOMERS, ORDERS = "lake.shop.customers", "lake.shop.orders"
EMPLOYEES, REGIONS, EMPTY = "lake.hr.employees", "lake.ref.regions", "lake.ref.empty"
OTHERS, ODD = "other.shop.customers", "other.shop.Odd Names"
MARKET = tuple(name for name in lake.SCHEMAS if name.startswith("lake.market."))

_HEAD = """
version: 1
identity:
  groups: [groups]
  claims:
    region: {from: region, type: string}
    regions: {from: regions, type: "list<string>"}
    levels: {from: levels, type: "list<integer>"}
    since: {from: since, type: date}
    least: {from: least, type: integer}
    member: {from: member, type: string}
roles:
  reader: {groups: [readers]}
  lead: {groups: [leads], includes: [reader]}
  chief: {groups: [chiefs], includes: [lead]}
  owner: {groups: [owners]}
"""


@dataclass(frozen=True)
class View:
    """What is seen of one table: all but the hidden columns and rows, some columns changed."""

    hidden: frozenset[str] = frozenset()
    keep: Keep = lambda _row: True
    masks: Mapping[str, Change] = field(default_factory=dict)
    made: Mapping[str, Callable[[Row], Any]] = field(default_factory=dict)  # masks over whole rows
    types: Mapping[str, pa.DataType] = field(default_factory=dict)  # of what is seen in part

    def of(self, name: str, found: list[Row]) -> pa.Table:
        """The table's physical copy."""
        columns = [c for c in lake.SCHEMAS[name].names if c not in self.hidden]
        seen = [row for row in found if self.keep(row) is True]
        return lake.physical(name, columns, [self._shown(r, columns) for r in seen], self.types)

    def _shown(self, row: Row, columns: list[str]) -> Row:
        shown = {c: self.masks[c](row[c]) if c in self.masks else row[c] for c in columns}
        return shown | {column: make(row) for column, make in self.made.items()}


@dataclass(frozen=True)
class Case:
    """A policy, a user of it, and the user's tables; all others do not exist for the user."""

    name: str
    rules: str
    sees: Mapping[str, View]
    groups: tuple[str, ...] = ("readers",)
    claims: Mapping[str, Any] = field(default_factory=dict)

    @property
    def policy(self) -> str:
        """The policy file's text."""
        return _HEAD + self.rules

    def copies(self, raw: Mapping[str, list[Row]]) -> dict[str, pa.Table]:
        """The physical copies of all that the user sees."""
        return {name: view.of(name, raw[name]) for name, view in self.sees.items()}


def hide(*columns: str) -> View:
    """All rows, without some columns."""
    return View(frozenset(columns))


def rows_where(keep: Keep, *hidden: str) -> View:
    """Some rows."""
    return View(frozenset(hidden), keep)


def whole(*names: str) -> dict[str, View]:
    """Tables without restriction."""
    return dict.fromkeys(names, View())


def null(_value: object) -> None:
    """A mask that leaves nothing."""


def starred(value: str | None) -> str | None:
    """A mail address without its name."""
    return None if value is None else re.sub(r"^[^@]*", "***", value, count=1)


def digest(value: str | None) -> str | None:
    """A hash in hexadecimal."""
    return None if value is None else hashlib.sha256(value.encode()).hexdigest()


def is_in(column: str, *values: object) -> Keep:
    """SQL's `column IN (values)`: NULL where the column is."""
    return lambda row: None if row[column] is None else row[column] in values


def all_of(*parts: Keep) -> Keep:
    """All of several conditions, as AND."""
    return lambda row: all(part(row) is True for part in parts)


def any_of(*parts: Keep) -> Keep:
    """One of several conditions, as OR."""
    return lambda row: any(part(row) is True for part in parts)


def more_than(column: str, least: Any) -> Keep:
    """SQL's `column > least`."""
    return lambda row: None if row[column] is None else row[column] > least


def month(day: datetime.date | None) -> datetime.date | None:
    """The first day of its month."""
    return None if day is None else day.replace(day=1)


def _rounded(value: Decimal, unit: int) -> Decimal:
    """Rounded half away from zero to a unit."""
    sign = -1 if value < 0 else 1
    return sign * ((abs(value) + Decimal(unit) / 2) // unit) * Decimal(unit)


def thousands(value: Decimal) -> Decimal:
    """Rounded to thousands."""
    return _rounded(value, 1000)


def hundreds(value: Decimal) -> Decimal:
    """Rounded to hundreds."""
    return _rounded(value, 100)
