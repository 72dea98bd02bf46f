"""One light thread that ends statements: past their deadline, cancelled, or over their memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

from flight_server.engines.duckdb.process import WorkerProcess

Reason = Literal["cancelled", "timeout", "memory"]
_TICK_SECONDS = 0.2


class Running:
    """A statement in a worker. `reason` is why it was ended, None while it was not."""

    def __init__(self, worker: WorkerProcess, number: int, deadline: float) -> None:
        self.worker = worker
        self.number = number
        self.deadline = deadline
        self.reason: Reason | None = None
        self.kill_at: float | None = None


class Watch:
    """Interrupts statements and kills their workers where that does not help.

    `grace` is how long a worker has to answer an interrupt, in seconds; `cap` its resident memory
    in bytes. `lose` is told of each worker that was killed; `chores` is called on the thread after
    each `wake` and each tick.
    """

    def __init__(
        self,
        *,
        grace: float,
        cap: int,
        lose: Callable[[WorkerProcess], None],
        chores: Callable[[], None],
    ) -> None:
        self._grace = grace
        self._cap = cap
        self._lose = lose
        self._chores = chores
        self._changed = threading.Condition()
        self._running: set[Running] = set()
        self._woken = False
        self._closed = False
        self._thread = threading.Thread(target=self._watch, name="duckdb-watch", daemon=True)
        self._thread.start()

    def add(self, running: Running) -> None:
        """Watch over a statement."""
        with self._changed:
            self._running.add(running)
            # the watch looks within a tick anyway: to wake it for each statement costs more than
            # the few times that it finds nothing to look at
            if running.deadline - time.monotonic() < _TICK_SECONDS:
                self._changed.notify()

    def remove(self, running: Running) -> None:
        """The statement has ended; it will not be killed any more."""
        with self._changed:
            self._running.discard(running)

    def stop(self, running: Running, reason: Reason) -> None:
        """End a statement for a reason; the first reason stays."""
        with self._changed:
            if running.reason is not None or running not in self._running:
                return
            running.reason = reason
            running.kill_at = time.monotonic() + self._grace
            self._changed.notify()
        running.worker.interrupt(running.number)

    def wake(self) -> None:
        """Have the chores done soon."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            with self._changed:
                if not self._woken and not self._closed:
                    self._changed.wait(self._pause())
                if self._closed:
                    return
                self._woken = False
            self._look()
            # the longest part comes last: deadlines do not wait for it
            self._chores()

    def _pause(self) -> float:
        if not self._running:
            return _TICK_SECONDS
        moments = (r.deadline if r.kill_at is None else r.kill_at for r in self._running)
        return max(0.0, min(_TICK_SECONDS, min(moments) - time.monotonic()))

    def _look(self) -> None:
        with self._changed:
            running = list(self._running)
        now = time.monotonic()
        for statement in running:
            if statement.kill_at is not None:
                if now >= statement.kill_at:
                    self._kill(statement)
            elif now >= statement.deadline:
                self.stop(statement, "timeout")
            elif statement.worker.resident() > self._cap:
                statement.reason = "memory"
                self._kill(statement)

    def _kill(self, statement: Running) -> None:
        """Under the lock, so that a worker that was given back in time is not killed."""
        with self._changed:
            if statement not in self._running:
                return
            self._running.discard(statement)
            statement.worker.kill()
        self._lose(statement.worker)
