"""The course of one run of a statement: what is measured of it, and told when it ends."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from auth.errors import Forbidden
from flight_server.engines.base import (
    Choice,
    Cost,
    EngineStream,
    Frame,
    Scanned,
    Settle,
    Toll,
)
from flight_server.engines.errors import Cancelled, TimedOut, WorkerLost
from flight_server.query.errors import StaleHandle
from flight_server.query.events import (
    Listener,
    Receipt,
    StatementCharged,
    StatementEnded,
    StatementStarted,
    Status,
)

_STATUS: tuple[tuple[type[BaseException], Status], ...] = (
    (Cancelled, Status.CANCELLED),
    (TimedOut, Status.TIMEOUT),
    (WorkerLost, Status.WORKER_LOST),
    # The rights changed under a running statement.
    (Forbidden, Status.KILLED),
    (StaleHandle, Status.KILLED),
)


class Course:
    """One run. Used by the thread of its call, `client_gone` and what settles a charge by any."""

    def __init__(self, listener: Listener, start: StatementStarted) -> None:
        self._listener = listener
        self._start = start
        self._started = time.monotonic()
        self._queued: float | None = None
        self._first: float | None = None
        self._rows = self._bytes = 0
        self._streams: list[EngineStream] = []
        self._gone = False
        self._lock = threading.Lock()
        self._owing = 0
        self._cost: Cost | None = None
        self._ended: StatementEnded | None = None

    @property
    def started(self) -> float:
        """When it began, in seconds of `time.monotonic`."""
        return self._started

    def begin(self) -> Receipt | None:
        """Tell that it begins; gives what must be waited for before any of the result leaves.

        Raises `AuditUnavailable`.
        """
        return self._listener.tell(self._start)

    def taken(self) -> None:
        """An engine has taken the statement."""
        self._queued = self._passed()

    @property
    def choice(self) -> Choice:
        """Which engine runs it, and why."""
        return self._start.choice or Choice(self._start.engine, "")

    def moved(self, choice: Choice) -> None:
        """Another engine runs it from here on."""
        self._start = replace(self._start, engine=choice.engine, choice=choice)

    def toll(self, reserve: Toll) -> Toll:
        """A toll that is kept to a budget, and recorded before anything begins."""

        def ask(expected: Cost) -> Settle:
            start, settle = self._start, reserve(expected)
            charged = StatementCharged(start.caller, start.planned, start.engine, expected)
            try:
                recorded = self._listener.tell(charged)
                if recorded is not None:
                    recorded()
            except BaseException:
                settle(Cost())
                raise
            with self._lock:
                self._owing += 1

            def settled(cost: Cost) -> None:
                settle(cost)
                self._settled(cost)

            return settled

        return ask

    @property
    def cost(self) -> Cost | None:
        """What it has cost so far, as far as that is known; None where it cost nothing."""
        return self._cost

    def scans(self, stream: EngineStream) -> None:
        """An engine reads for it, beside those streams that were told before.

        What one reads is asked for at the end: some know it only then.
        """
        self._streams.append(stream)

    @property
    def scanned(self) -> tuple[Scanned, ...]:
        """What was read for it so far, as far as it is known."""
        return tuple(each for stream in self._streams for each in stream.scanned)

    def frame(self, frame: Frame) -> None:
        """A frame of the result has come."""
        if self._first is None:
            self._first = self._passed()
        self._rows += frame.rows
        self._bytes += len(frame.data)

    def client_gone(self) -> None:
        """The client went away before the end."""
        self._gone = True

    def end(self, error: BaseException | None, *, whole: bool = False) -> None:
        """Tell that it has ended, once its cost is known; `whole`: all of the result was read."""
        start = self._start
        ended = StatementEnded(
            caller=start.caller,
            planned=start.planned,
            engine=start.engine,
            status=self._status(error, whole),
            error=error,
            queued=self._queued,
            first_frame=self._first,
            total=self._passed(),
            rows=self._rows,
            bytes=self._bytes,
            scanned=self.scanned,
            choice=start.choice,
        )
        with self._lock:
            if self._owing:
                self._ended = ended
                return
        self._listener.tell(replace(ended, cost=self._cost))

    def _settled(self, cost: Cost) -> None:
        with self._lock:
            self._owing -= 1
            self._cost = cost if self._cost is None else self._cost + cost
            if self._owing or self._ended is None:
                return
            ended, self._ended = self._ended, None
        # its record is written now: what was written before it is not younger
        self._listener.tell(replace(ended, cost=self._cost, at=time.time()))

    def _status(self, error: BaseException | None, whole: bool) -> Status:
        if error is None and whole:
            return Status.OK
        if error is None or (self._gone and isinstance(error, Cancelled)):
            return Status.CLIENT_GONE
        return next((status for kind, status in _STATUS if isinstance(error, kind)), Status.ERROR)

    def _passed(self) -> float:
        return time.monotonic() - self._started
