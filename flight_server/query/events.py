"""What happens to calls and statements, told to whoever listens: audit, and later history, metrics.

Listeners are told in few places: where a statement starts and ends, where a call ends, and where
the policy is seen to have changed. An event holds what is at hand there; listeners pick from it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from auth.policy import Policy
from flight_server.engines.base import Choice, Cost, Scanned
from flight_server.query.caller import Caller
from flight_server.query.failures import Failure
from flight_server.query.planned import Planned

log = logging.getLogger(__name__)


class Status(StrEnum):
    """How something ended."""

    OK = "ok"
    ERROR = "error"
    DENIED = "denied"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    KILLED = "killed"
    WORKER_LOST = "worker_lost"
    CLIENT_GONE = "client_gone"


@dataclass(frozen=True, slots=True)
class StatementStarted:
    """A planned statement, or a part of one, is about to run. Times are in seconds since 1970.

    `choice` is why it runs on its engine.
    """

    caller: Caller
    planned: Planned
    engine: str
    at: float = field(default_factory=time.time)
    choice: Choice | None = None


@dataclass(frozen=True, slots=True)
class StatementCharged:
    """Something is about to begin for a started statement that costs money, as is `expected`."""

    caller: Caller
    planned: Planned
    engine: str
    expected: Cost
    at: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True)
class StatementEnded:
    """A started statement has ended, however. `error` is what it ended with, if anything.

    Durations are in seconds from its start: until an engine had taken it (`queued`), until the
    first frame (`first_frame`) and in all; None where it did not come to that. `rows` and `bytes`
    are what was read of the result, `scanned` what the engine planned to read, table by table.
    `cost` is what it has cost, None where it cost nothing; the end is told once that is known.
    """

    caller: Caller
    planned: Planned
    engine: str
    status: Status
    error: BaseException | None
    queued: float | None
    first_frame: float | None
    total: float
    rows: int = 0
    bytes: int = 0
    scanned: tuple[Scanned, ...] = ()
    at: float = field(default_factory=time.time)
    choice: Choice | None = None
    cost: Cost | None = None


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A call of a door has ended. `caller` is None where nobody could be authenticated.

    `claimed` is the user name that was then given, if any. `command` names the message that was
    asked for. `query_id` is that of a statement that was started, whose own event tells the rest.
    `statement` is its text, where one is known; `failure` is what the client was told.
    """

    method: str
    command: str
    request_id: str
    peer: str
    client: str
    caller: Caller | None = None
    claimed: str = ""
    query_id: str | None = None
    statement: str | None = None
    failure: Failure | None = None
    at: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True)
class PolicyChanged:
    """The policy was read anew: `version` is in force. `broken`: the file as it is now is not."""

    version: str
    broken: bool
    at: float = field(default_factory=time.time)


Event = StatementStarted | StatementCharged | StatementEnded | CallEnded | PolicyChanged
# Waits until what was told is kept safely; raises `AuditUnavailable`.
Receipt = Callable[[], None]


class Listener(Protocol):
    """Is told of events, from any thread; must be quick."""

    def tell(self, event: Event) -> Receipt | None:
        """Take an event. For a start, gives what must be waited for before any of the result
        leaves, if anything; for a charge, before it begins. Raises `AuditUnavailable` for these
        only."""
        ...


class Listeners:
    """Tells several listeners, in their order; without any it costs next to nothing."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    def tell(self, event: Event) -> Receipt | None:
        """Tell all of them; the receipt waits for all of theirs."""
        receipts = [listener.tell(event) for listener in self._listeners]
        waiting = [receipt for receipt in receipts if receipt is not None]
        if not waiting:
            return None

        def wait() -> None:
            for receipt in waiting:
                receipt()

        return wait


NOBODY = Listeners()


class PolicySource(Protocol):
    """Where the policy in force comes from; it may change between calls."""

    def current(self) -> Policy: ...

    @property
    def failure(self) -> str: ...


class WatchedPolicies:
    """A policy source that tells of changes when the policy is next asked for."""

    def __init__(self, source: PolicySource, listener: Listener) -> None:
        self._source = source
        self._listener = listener
        self._lock = threading.Lock()
        self._seen = (source.current().version, source.failure)

    @property
    def failure(self) -> str:
        """Why the file as it is now is not in force; empty when it is."""
        return self._source.failure

    def current(self) -> Policy:
        """The policy in force."""
        policy = self._source.current()
        found = (policy.version, self._source.failure)
        if found != self._seen:
            with self._lock:
                changed, self._seen = found != self._seen, found
            if changed:
                self._listener.tell(PolicyChanged(policy.version, bool(found[1])))
        return policy
