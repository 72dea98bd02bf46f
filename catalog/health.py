"""How a catalog is doing, and when one that failed may be asked again. Knows no kind of catalog."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable


class State(StrEnum):
    """Whether a catalog answered when it was last asked."""

    UNASKED = "unasked"
    AVAILABLE = "available"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Health:
    """How a catalog is doing: `since` when it is in its state, and when it last gave what.

    `tables` is how many were last listed, None where none were. `error` is the kind of the last
    failure, without anything that it said.
    """

    name: str
    kind: str
    state: State
    since: datetime | None = None
    last_success: datetime | None = None
    last_failure: datetime | None = None
    tables: int | None = None
    error: str | None = None


@runtime_checkable
class Reporting(Protocol):
    """A catalog that can say how it is doing, without asking its source."""

    def health(self) -> Health:
        """How it is doing."""
        ...


class Pulse:
    """Remembers how a source answered; lets one that failed rest for `rest_seconds`.

    While it rests nobody waits for it; then one caller at a time tries it again. Safe for several
    threads.
    """

    def __init__(self, rest_seconds: float) -> None:
        self._rest = rest_seconds
        self._lock = threading.Lock()
        self._state = State.UNASKED
        self._rests_until = 0.0
        self._since: datetime | None = None
        self._last_success: datetime | None = None
        self._last_failure: datetime | None = None
        self._error: str | None = None

    def may_ask(self) -> bool:
        """Whether the source may be asked now; after a rest, only the first who wants to may."""
        with self._lock:
            if self._state is not State.UNAVAILABLE:
                return True
            now = time.monotonic()
            if now < self._rests_until:
                return False
            self._rests_until = now + self._rest
            return True

    def answered(self) -> None:
        """The source gave an answer."""
        with self._lock:
            self._last_success = datetime.now(UTC)
            if self._state is not State.AVAILABLE:
                self._state, self._since = State.AVAILABLE, self._last_success

    def failed(self, error: BaseException) -> None:
        """The source gave none."""
        with self._lock:
            self._last_failure = datetime.now(UTC)
            self._error = type(error).__name__
            self._rests_until = time.monotonic() + self._rest
            if self._state is not State.UNAVAILABLE:
                self._state, self._since = State.UNAVAILABLE, self._last_failure

    def health(self, name: str, kind: str, tables: int | None) -> Health:
        """What is remembered, with what the catalog knows of itself."""
        with self._lock:
            return Health(
                name=name,
                kind=kind,
                state=self._state,
                since=self._since,
                last_success=self._last_success,
                last_failure=self._last_failure,
                tables=tables,
                error=self._error,
            )
