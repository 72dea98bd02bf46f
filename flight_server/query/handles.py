"""Tickets and prepared handles of statements: sealed, opened, renewed, and cancelled by."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from flight_server.engines.errors import Cancelled
from flight_server.query.errors import InvalidHandle, ResultExpired
from flight_server.query.results import Endpoint
from flight_server.query.running import Part, Query, Running
from flight_server.query.seal import Sealer
from flight_server.query.spool import Drawer, Spool
from flight_server.query.state import StatementState, identity


class HandleKind(StrEnum):
    """What a sealed handle may be used for."""

    TICKET = "ticket"
    PREPARED = "prepared"


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Seconds that a ticket and a prepared handle are valid.

    `result` is from planning: until then tickets can be renewed.
    """

    ticket: float
    prepared: float
    result: float


class Handles:
    """All handles of statements. Safe to call from several threads."""

    def __init__(
        self,
        sealer: Sealer,
        spool: Spool | None,
        lifetimes: Lifetimes,
        running: Running,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._sealer = sealer
        self._spool = spool
        self._lifetimes = lifetimes
        self._running = running
        self._clock = clock

    def seal(self, subject: str, state: StatementState, kind: HandleKind) -> Endpoint:
        """A handle for one user. Raises `ResultExpired` for a ticket that would be too late."""
        lifetime = self._lifetimes.prepared
        if kind is HandleKind.TICKET:
            left = state.planned_at + self._lifetimes.result - self._clock()
            if left <= 0:
                raise ResultExpired("The result was planned too long ago to be renewed.")
            lifetime = min(self._lifetimes.ticket, left)
        drawer = self._drawer(subject)
        payload = state.encode(drawer)
        if self._spool and drawer and drawer.used:
            lifetime = min(lifetime, self._spool.limits.seconds)
        # Told a little too early rather than too late: the seal counts from now on.
        expires_at = self._clock() + lifetime
        return Endpoint(
            self._sealer.seal(kind, subject, payload, lifetime=lifetime), float(int(expires_at))
        )

    def open(self, subject: str, sealed: bytes, kind: HandleKind) -> StatementState:
        """The statement of a handle. Raises `InvalidHandle` and `WrongOwner`."""
        payload = self._sealer.open(kind, subject, sealed)
        return StatementState.decode(payload, self._drawer(subject))

    def renew(self, subject: str, sealed: bytes) -> Endpoint:
        """Another ticket in the place of one that is still valid. Raises as `open` and `seal` do,
        and `Cancelled`."""
        state = self.open(subject, sealed, HandleKind.TICKET)
        if self._running.is_cancelled(Query(subject, state.query_id)):
            raise Cancelled("The statement was cancelled.")
        return self.seal(subject, state, HandleKind.TICKET)

    def cancel(self, subject: str, tickets: Iterable[bytes]) -> bool:
        """End the queries of tickets; False where nothing of them was left to run.

        A ticket that has expired still ends what runs of it. Raises `InvalidHandle` and
        `WrongOwner`, before anything is ended.
        """
        asked: dict[Query, list[Part]] = {}
        for sealed in tickets:
            payload, valid = self._opened(subject, sealed)
            query_id, part = identity(payload)
            left = asked.setdefault(Query(subject, query_id), [])
            if valid:
                left.append(part)
        ended = [self._running.cancel(query, left) for query, left in asked.items()]
        return any(ended)

    def _opened(self, subject: str, sealed: bytes) -> tuple[bytes, bool]:
        try:
            return self._sealer.open(HandleKind.TICKET, subject, sealed), True
        except InvalidHandle:
            return self._sealer.open(HandleKind.TICKET, subject, sealed, expired=True), False

    def _drawer(self, subject: str) -> Drawer | None:
        return self._spool.of(subject) if self._spool else None
