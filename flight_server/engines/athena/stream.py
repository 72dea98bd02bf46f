"""The result of a statement on Athena as the front pulls it: a thread runs it and makes frames."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Literal

import pyarrow as pa

from flight_server.engines import frames
from flight_server.engines.athena.execution import Run, Service, Stopped
from flight_server.engines.athena.held import Held, Reading
from flight_server.engines.athena.outcome import Outcome
from flight_server.engines.athena.poller import Progress
from flight_server.engines.base import Cost, Frame, Scanned, Settle
from flight_server.engines.errors import Cancelled, EngineError, OutOfResources, TimedOut

_log = logging.getLogger(__name__)
_AHEAD = 4  # frames that wait to be read, at most
_TURN = 0.25

Reason = Literal["cancelled", "timeout"]
_REASONS: dict[Reason, EngineError] = {
    "cancelled": Cancelled("The statement was cancelled."),
    "timeout": TimedOut("The statement ran past its deadline and was ended."),
}
_TOO_WIDE = "A row of the result is larger than a message may be."
_FAILED = "The statement failed on its way to Athena or back."


class AthenaStream:
    """One statement's frames. Its files are deleted, and it is ended, when the stream is closed,
    but for one that is `held`: that is as whoever else wants it says.

    It is settled once Athena has ended it, before any of the result comes. Athena does not tell
    what it reads table by table.
    """

    def __init__(
        self,
        service: Service,
        outcome: Outcome,
        *,
        deadline: float,
        compression: str | None,
        settle: Settle,
        finished: Callable[[AthenaStream], None],
        held: Held | None = None,
    ) -> None:
        self._service = service
        self._outcome = outcome
        self._deadline = deadline
        self._compression = compression
        self._settle = settle
        self._finished = finished
        self._changed = threading.Condition()
        self._woken = threading.Event()
        self._waiting: deque[Frame] = deque()
        self._reason: Reason | None = None
        self._error: EngineError | None = None
        self._over = False
        self._closed = False
        self._held = held
        self._run: Run | Reading = (
            Run(service, outcome.select, outcome.delivery, check=self._check, woken=self._woken)
            if held is None
            else Reading(held, self._check)
        )
        self._thread = threading.Thread(target=self._drive, name="athena-run", daemon=True)
        self.scanned: tuple[Scanned, ...] = ()

    def start(self) -> None:
        """Begin to run. Raises `RuntimeError` where there is no thread to be had."""
        try:
            self._thread.start()
        except RuntimeError:
            self._finished(self)
            raise

    @property
    def progress(self) -> Progress:
        """How far Athena is with it."""
        return self._run.progress

    @property
    def cost(self) -> Cost:
        """What it has cost; final once Athena has ended it."""
        return self._run.cost

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        with self._changed:
            while True:
                self._late()
                if self._reason is not None:
                    known = _REASONS[self._reason]
                    raise type(known)(*known.args)
                if self._closed:
                    raise StopIteration
                if self._waiting:
                    frame = self._waiting.popleft()
                    self._changed.notify_all()
                    return frame
                if self._error is not None:
                    raise self._error
                if self._over:
                    raise StopIteration
                self._changed.wait(max(self._deadline - time.monotonic(), 0))

    def ready(self, seconds: float) -> bool:
        """Whether the next frame, or the end, can be had within a time."""
        until = time.monotonic() + seconds
        with self._changed:
            while True:
                self._late()
                if self._waiting or self._over or self._closed or self._reason is not None:
                    return True
                left = min(until, self._deadline) - time.monotonic()
                if time.monotonic() >= until:
                    return False
                self._changed.wait(max(left, 0))

    def cancel(self) -> None:
        """End the statement now, from any thread."""
        with self._changed:
            self._end("cancelled")

    def close(self) -> None:
        """End it where it still runs; its own thread deletes its files."""
        with self._changed:
            if not self._over:
                self._end("cancelled")
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def join(self, seconds: float) -> None:
        """Wait until nothing is left of it, in Athena and in S3."""
        self._thread.join(seconds)

    def _late(self) -> None:
        if time.monotonic() >= self._deadline and not self._over:
            self._end("timeout")

    def _end(self, reason: Reason) -> None:
        """Under the lock."""
        if self._reason is None and not self._over:
            self._reason = reason
            self._woken.set()
            self._changed.notify_all()
            self._service.admission.wake()

    # --- the thread of the statement -------------------------------------------------------------

    def _check(self) -> None:
        # without the lock: admission asks this under its own
        if self._reason is None and time.monotonic() >= self._deadline:
            self._reason = "timeout"
        if self._reason is not None:
            raise Stopped

    def _drive(self) -> None:
        error: EngineError | None = None
        try:
            self._produce()
        except Stopped:
            pass
        except EngineError as raised:
            error = raised
        except Exception as raised:
            # the root of a thread: whatever it is, the reader must learn of the end
            _log.exception("a statement on Athena failed")
            error = EngineError(_FAILED)
            error.__cause__ = raised
        finally:
            with self._changed:
                self._error = error
                self._over = True
                self._changed.notify_all()
            self._finished(self)

    def _produce(self) -> None:
        until = min(self._deadline, time.monotonic() + self._service.settings.queue_seconds)
        try:
            done = self._run.finish(until)
        finally:
            self._settle(self._run.cost)
        try:
            for batch in self._outcome.batches(self._service, done, self._check):
                for piece in frames.pieces(batch, frames.FRAME_BYTES):
                    self._put(piece)
            with self._changed:
                self._over = True
                self._changed.notify_all()
        finally:
            if self._held is None:
                self._outcome.remove(self._service, done)

    def _put(self, batch: pa.RecordBatch) -> None:
        data = frames.message(batch, self._compression)
        if len(data) > frames.MESSAGE_BYTES:
            raise OutOfResources(_TOO_WIDE)
        with self._changed:
            while len(self._waiting) >= _AHEAD:
                self._late()
                if self._reason is not None:
                    raise Stopped
                self._changed.wait(_TURN)
            if self._reason is not None:
                raise Stopped
            self._waiting.append(Frame(data, batch.num_rows))
            self._changed.notify_all()
