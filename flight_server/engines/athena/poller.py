"""One thread that looks at all running executions of an account, many with each call."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flight_server.engines.athena.faults import CallFailed, Trouble, of_call, trouble
from flight_server.engines.athena.settings import AthenaSettings
from flight_server.engines.errors import EngineError, EngineUnavailable

_log = logging.getLogger(__name__)
_BATCH = 50  # how many one call may ask for
_ENDED = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})
_UNKNOWN = "Athena knows no more of the statement."
_IDLE = 60.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an execution is: Athena's state, and the bytes that it has read so far."""

    state: str = "WAITING"
    scanned: int = 0


@dataclass(slots=True)
class Watched:
    """One execution. `told` and `failed` are set before `changed` is called for the last time."""

    execution: str
    changed: threading.Event
    interval: float
    due: float
    progress: Progress = Progress("QUEUED")
    told: Mapping[str, Any] | None = None
    failed: EngineError | None = None
    silent_since: float | None = field(default=None)

    @property
    def over(self) -> bool:
        """Whether it has ended, or nothing more will be known of it."""
        return self.told is not None or self.failed is not None


class Poller:
    """Watches the executions of one account; its thread runs while there are any."""

    def __init__(self, athena: Any, settings: AthenaSettings) -> None:
        self._athena = athena
        self._settings = settings
        self._lock = threading.Condition()
        self._watched: dict[str, Watched] = {}
        self._thread: threading.Thread | None = None
        self._closed = False

    def watch(self, execution: str, changed: threading.Event) -> Watched:
        """Look at an execution until it ends; `changed` is set then."""
        first = self._settings.poll_first
        watched = Watched(execution, changed, first, time.monotonic() + first)
        with self._lock:
            if self._closed:
                raise EngineError("The engine is closed.")
            self._watched[execution] = watched
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="athena-poll", daemon=True)
                self._thread.start()
            self._lock.notify_all()
        return watched

    def hurry(self, watched: Watched) -> None:
        """Look at an execution soon, and often: it is about to end."""
        with self._lock:
            watched.interval = self._settings.poll_first
            watched.due = time.monotonic()
            self._lock.notify_all()

    def forget(self, watched: Watched) -> None:
        """Look at it no more."""
        with self._lock:
            self._watched.pop(watched.execution, None)

    def close(self) -> None:
        """End the thread."""
        with self._lock:
            self._closed = True
            thread = self._thread
            self._lock.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(self._settings.request_seconds)

    def _run(self) -> None:
        while True:
            due = self._next()
            if due is None:
                return
            try:
                answer = self._athena.batch_get_query_execution(
                    QueryExecutionIds=[each.execution for each in due]
                )
            except CallFailed as error:
                self._missed(due, error)
            except Exception as error:
                # the root of a thread's turn: statements must go on being watched
                _log.exception("executions could not be looked at")
                self._missed(due, error)
            else:
                self._answered(due, answer)

    def _next(self) -> Sequence[Watched] | None:
        """Wait until one is due, and take it along with those that come next."""
        with self._lock:
            idle_until = time.monotonic() + _IDLE
            while True:
                now = time.monotonic()
                if self._closed or (not self._watched and now >= idle_until):
                    self._thread = None
                    return None
                waiting = sorted(self._watched.values(), key=lambda each: each.due)
                if waiting and waiting[0].due <= now:
                    return waiting[:_BATCH]
                until = waiting[0].due if waiting else idle_until
                self._lock.wait(max(until - now, 0.001))

    def _answered(self, asked: Sequence[Watched], answer: Mapping[str, Any]) -> None:
        told = {each["QueryExecutionId"]: each for each in answer.get("QueryExecutions", ())}
        lacking = [each for each in asked if each.execution not in told]
        with self._lock:
            for watched in asked:
                execution = told.get(watched.execution)
                if execution is not None:
                    watched.silent_since = None
                    self._learn(watched, execution)
        if lacking:
            # one that was started just now may not be known everywhere yet
            self._missed(lacking, EngineUnavailable(_UNKNOWN))

    def _learn(self, watched: Watched, execution: Mapping[str, Any]) -> None:
        state = str(execution["Status"]["State"])
        scanned = int(execution.get("Statistics", {}).get("DataScannedInBytes") or 0)
        watched.progress = Progress(state, scanned)
        if state in _ENDED:
            watched.told = execution
            self._watched.pop(watched.execution, None)
            watched.changed.set()
            return
        settings = self._settings
        watched.interval = min(watched.interval * settings.poll_factor, settings.poll_most)
        watched.due = time.monotonic() + watched.interval

    def _missed(self, asked: Sequence[Watched], error: Exception) -> None:
        """A call failed: try again later, and give up after a while."""
        now = time.monotonic()
        throttled = isinstance(error, CallFailed) and trouble(error) is Trouble.THROTTLED
        _log.warning("looking at executions failed", exc_info=None if throttled else error)
        with self._lock:
            for watched in asked:
                since = watched.silent_since = watched.silent_since or now
                watched.interval = min(
                    watched.interval * self._settings.poll_factor, self._settings.poll_most
                )
                # jitter, so that replicas do not come back all at once
                watched.due = now + watched.interval * random.uniform(0.5, 1.5)  # noqa: S311 - spreads calls, hides nothing
                if now - since >= self._settings.unreachable_seconds:
                    watched.failed = _told(error)
                    self._watched.pop(watched.execution, None)
                    watched.changed.set()


def _told(error: Exception) -> EngineError:
    """What a statement ends with; each has one of its own, as each is raised."""
    told = type(error)(*error.args) if isinstance(error, EngineError) else of_call(error)
    told.__cause__ = error
    return told
