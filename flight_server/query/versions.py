"""Which state of a table is meant: by a clause of a statement, or by the option `as_of`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from catalog.names import fold
from flight_server.query.errors import NotAllowed

MAX_SNAPSHOT = 2**63 - 1
_SKEW = timedelta(minutes=1)
_SNAPSHOT = re.compile(r"snapshot:\s*([0-9]{1,19})", re.ASCII | re.IGNORECASE)
_REF = re.compile(r"(tag|branch):(.+)", re.IGNORECASE | re.DOTALL)
_NAMED_ZONE = re.compile(r"(.*[0-9])\s+([A-Za-z][\w/+-]*)", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Ref:
    """A name that a table gives to one of its snapshots: `kind` is `tag` or `branch`."""

    kind: str
    name: str


AsOf = datetime | int | Ref  # a moment, the id of a snapshot, or a tag or branch


class VersionKind(StrEnum):
    """What a clause names a state by."""

    SNAPSHOT = "snapshot"
    NAME = "name"
    MOMENT = "moment"


@dataclass(frozen=True, slots=True)
class Version:
    """What a clause says of its table: a snapshot's id, a tag's or branch's name, or a moment.

    `value` is the text of it as it was written; `position` is where, an offset in characters.
    """

    kind: VersionKind
    value: str
    position: int

    @property
    def key(self) -> str:
        """Equal for equal versions only, also after its letters were folded."""
        return f"{self.kind} {self.value.encode().hex()}"

    def moment(self, time_zone: str) -> datetime:
        """The moment, in UTC; without an offset it is one of the time zone.

        Raises `NotAllowed` for what is no moment, and for one that is still to come: the answer
        would not be the same later.
        """
        text, zone = self.value.strip(), time_zone
        named = _NAMED_ZONE.fullmatch(text)
        if named:
            text, zone = named[1], named[2]
        try:
            found = datetime.fromisoformat(text)
            if found.tzinfo is None:
                found = found.replace(tzinfo=ZoneInfo(zone))
            found = found.astimezone(UTC)
            future = found > datetime.now(UTC) + _SKEW
        except (ValueError, OverflowError, ZoneInfoNotFoundError, OSError):
            raise NotAllowed(
                "A table is read as of a moment such as '2026-01-31' or"
                " '2026-01-31 12:00:00+01:00'.",
                position=self.position,
            ) from None
        if future:
            raise NotAllowed(
                "A table can only be read as of a moment in the past.", position=self.position
            )
        return found


def read_reference(text: str) -> int | Ref | None:
    """What `snapshot:ID`, `tag:NAME` or `branch:NAME` stands for; None for any other text."""
    snapshot = _SNAPSHOT.fullmatch(text)
    if snapshot:
        return int(snapshot[1])
    ref = _REF.fullmatch(text)
    return Ref(fold(ref[1]), ref[2]) if ref else None


def as_text(as_of: AsOf | None) -> str:
    """An `as_of` in the form in which the option takes it; empty for none."""
    if as_of is None:
        return ""
    if isinstance(as_of, datetime):
        return as_of.isoformat()
    return f"{as_of.kind}:{as_of.name}" if isinstance(as_of, Ref) else f"snapshot:{as_of}"


def encode(as_of: AsOf | None) -> Any:
    """An `as_of` as JSON can hold it."""
    if isinstance(as_of, Ref):
        return [as_of.kind, as_of.name]
    return as_of.isoformat() if isinstance(as_of, datetime) else as_of


def decode(value: Any) -> AsOf | None:
    """The inverse of `encode`. Raises `ValueError` and `TypeError`."""
    if value is None or type(value) is int:
        return value
    if isinstance(value, list):
        kind, name = value
        return Ref(str(kind), str(name))
    return datetime.fromisoformat(value)
