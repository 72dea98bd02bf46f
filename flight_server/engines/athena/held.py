"""Statements on Athena that run ahead of their being read, and that whoever asks again finds.

Rules for editors. Rule 1: what is found is found by tokens made of a secret name and of all that
decides what runs and as whom: nobody meets what another may read. Rule 2: what nobody here wants is
ended and deleted, unless another server says that it does.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import pyarrow as pa

from flight_server.engines.athena import unload
from flight_server.engines.athena.execution import Finished, Run, Service, Stopped
from flight_server.engines.athena.faults import CallFailed, of_result
from flight_server.engines.athena.leases import Lease
from flight_server.engines.athena.outcome import Outcome
from flight_server.engines.athena.poller import Progress as Watched
from flight_server.engines.athena.results import again
from flight_server.engines.base import Cost, Frame, Progress, Scanned, Settle, State
from flight_server.engines.errors import Cancelled, EngineError, TimedOut

_log = logging.getLogger(__name__)
_TURN = 1.0
_WAIT = 0.25
_CANCELLED = "The statement was cancelled."
_LATE = "The statement ran past its deadline and was ended."
_CLOSED = "The engine is closed."
_FAILED = "The statement failed on its way to Athena or back."
_STATES: Mapping[str, State] = {"WAITING": "waiting", "QUEUED": "queued"}

Reason = Literal["cancelled", "timeout", "closed"]
_REASONS: Mapping[Reason, EngineError] = {
    "cancelled": Cancelled(_CANCELLED),
    "timeout": TimedOut(_LATE),
    "closed": EngineError(_CLOSED),
}


class Held:
    """One statement that runs, and then its result, for as long as somebody wants it.

    Who makes it, and who has joined it, leaves it once. It is settled when Athena has ended it.
    Safe for several threads; its own one does all that waits.
    """

    def __init__(
        self,
        service: Service,
        outcome: Outcome,
        name: str,
        *,
        deadline: float,
        settle: Settle,
        finished: Callable[[Held], None],
    ) -> None:
        self._service = service
        self._outcome = outcome
        self._deadline = deadline
        self._settle = settle
        self._finished = finished
        self._lease = Lease(service.account)
        self._changed = threading.Condition()
        self._woken = threading.Event()
        self._users = 1
        self._reason: Reason | None = None
        self._ending = False
        self._where: unload.Place | None = None
        self._free = False
        self._done: Finished | None = None
        self._error: EngineError | None = None
        self._run = Run(
            service,
            outcome.select,
            outcome.delivery,
            check=self._check,
            woken=self._woken,
            tokens=unload.found_again(name, *said(service, outcome)),
            tenure=self,
        )
        self._thread = threading.Thread(target=self._drive, name="athena-held", daemon=True)

    def start(self) -> None:
        """Begin to run. Raises `RuntimeError` where there is no thread to be had."""
        try:
            self._thread.start()
        except RuntimeError:
            self._settle(Cost())
            raise

    @property
    def progress(self) -> Progress:
        """How far it is."""
        seen = self.seen
        if self._done is not None:
            return Progress("finished", seen.scanned)
        return Progress(_STATES.get(seen.state, "running"), seen.scanned)

    @property
    def seen(self) -> Watched:
        """How far it is, as Athena says."""
        return self._run.progress

    @property
    def cost(self) -> Cost:
        """What it has cost; nothing where another server has started it."""
        return self._run.cost

    @property
    def ended(self) -> EngineError | None:
        """What ended it, a new one each time; None as long as it runs or its result is there."""
        with self._changed:
            if self._error is None and not self._ending:
                return None
            known = self._error or _REASONS[self._reason or "cancelled"]
        told = type(known)(*known.args)
        told.__cause__ = known.__cause__
        return told

    def join(self) -> bool:
        """Want it too; False where it is too late for that."""
        with self._changed:
            if self._ending:
                return False
            self._users += 1
            return True

    def leave(self) -> None:
        """Want it no more: it ends where nobody else does, here or on another server."""
        with self._changed:
            self._users -= 1
        self._wake()

    def end(self, reason: Reason) -> None:
        """End it now for all. Does not wait."""
        with self._changed:
            self._reason = self._reason or reason
        self._wake()

    def finish(self, check: Callable[[], None]) -> Finished:
        """Wait for its result, which must not be deleted. Raises what ended it and as `check`."""
        while True:
            check()
            error = self.ended
            if error is not None:
                raise error
            with self._changed:
                if self._done is not None:
                    return self._done
                self._changed.wait(_WAIT)

    def wait(self, seconds: float, seen: Progress | None = None) -> None:
        """Wait until it has ended, or is further than it was `seen`."""
        until = time.monotonic() + seconds
        with self._changed:
            while self._error is None and not self._ending:
                left = until - time.monotonic()
                if left <= 0 or (seen is not None and self.progress.state != seen.state):
                    return
                self._changed.wait(min(left, _WAIT))

    def closed(self, seconds: float) -> None:
        """Wait until nothing is left of it here."""
        self._thread.join(seconds)

    def _wake(self) -> None:
        self._woken.set()
        with self._changed:
            self._changed.notify_all()
        self._service.admission.wake()  # not under the lock: it asks `_check` under its own

    # --- its own thread, but for `_check` ---------------------------------------------------------

    def _check(self) -> None:
        with self._changed:
            runs = self._done is None and self._error is None
            if runs and self._reason is None and time.monotonic() >= self._deadline:
                self._reason = "timeout"
            unwanted = self._users <= 0 and (self._where is None or self._free)
            if self._reason is not None or unwanted:
                self._ending = True
                self._changed.notify_all()
                raise Stopped

    def take(self, where: unload.Place) -> bool:
        """Before it is started: whether another server has started it already."""
        with self._changed:
            self._where = where
        return self._lease.take(where)

    def keep(self, where: unload.Place) -> None:
        """Tell other servers that it is wanted here; where it is not, ask whether it is there."""
        if self._users > 0:
            self._free = False
            self._lease.keep(where)
        else:
            self._free = self._lease.is_free(where)

    def is_there(self, told: Mapping[str, Any]) -> bool:
        """Whether a result has not been deleted."""
        files = self._service.account.files
        try:
            return again(lambda: unload.is_there(told, files()), time.sleep)
        except (OSError, pa.ArrowException, *CallFailed) as error:
            raise of_result(error) from error

    def leaves(self, where: unload.Place) -> bool:
        """Whether it is left to other servers: only where this one is about to close."""
        return self._reason == "closed" and not self._lease.is_free(where)

    def _drive(self) -> None:
        try:
            self._produce()
        except Stopped:
            pass
        except Exception as raised:
            # the root of a thread: whatever it is, who waits must learn of the end
            _log.exception("a statement on Athena failed")
            self._failed(raised)
        finally:
            with self._changed:
                self._ending = True
                self._changed.notify_all()
            self._finished(self)

    def _produce(self) -> None:
        until = min(self._deadline, time.monotonic() + self._service.settings.queue_seconds)
        try:
            done = self._run.finish(until)
        except EngineError as error:
            self._failed(error)
        else:
            with self._changed:
                self._done = done
                self._changed.notify_all()
        finally:
            self._settle(self._run.cost)
        try:
            while True:
                if self._done is not None:
                    self.keep(self._done.where)
                self._check()
                self._woken.wait(_TURN)
                self._woken.clear()
        finally:
            if self._done is not None and not self.leaves(self._done.where):
                self._outcome.remove(self._service, self._done)

    def _failed(self, raised: Exception) -> None:
        """Keep the error for all who ask; nothing is left of it otherwise."""
        error = raised if isinstance(raised, EngineError) else EngineError(_FAILED)
        if error is not raised:
            error.__cause__ = raised
        with self._changed:
            self._error, self._where = error, None
            self._changed.notify_all()


class Reading:
    """The run of a statement as one who reads it has it: it is waited for, and paid elsewhere."""

    cost = Cost()

    def __init__(self, held: Held, check: Callable[[], None]) -> None:
        self._held = held
        self._check = check

    @property
    def progress(self) -> Watched:
        """How far it is, as Athena says."""
        return self._held.seen

    def finish(self, _until: float) -> Finished:
        """Wait for its end. Raises what ended it, and `Stopped`."""
        return self._held.finish(self._check)


class HeldStream:
    """A statement that is wanted, but not read: it has no frames, and ends as the statement does.

    As long as it is neither ended nor closed, the statement runs on, and its result is kept.
    """

    def __init__(self, held: Held) -> None:
        self._held = held
        self._lock = threading.Lock()
        self._closed = False
        self.scanned: tuple[Scanned, ...] = ()

    def progress(self) -> Progress:
        """How far it is. Raises what ended it."""
        error = self._held.ended
        if error is not None:
            raise error
        return self._held.progress

    def further(self, seen: Progress, seconds: float) -> None:
        """Wait until it is further than it was `seen`, or a time has passed."""
        self._held.wait(seconds, seen)

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        while not self.ready(_TURN):
            pass
        if not self._closed:
            error = self._held.ended
            if error is not None:
                raise error
        raise StopIteration

    def ready(self, seconds: float) -> bool:
        """Whether it has ended, or does within a time."""
        if not self._closed:
            self._held.wait(seconds)
        return self._closed or self._held.ended is not None

    def cancel(self) -> None:
        """End the statement now, from any thread, for all who want it."""
        self._held.end("cancelled")

    def close(self) -> None:
        """Want it no more."""
        with self._lock:
            first, self._closed = not self._closed, True
        if first:
            self._held.leave()


class Holds:
    """The statements of an engine that can be found again. Safe for several threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._known: dict[str, Held] = {}
        self._making: set[str] = set()
        self._closed = threading.Event()

    def take(self, name: str, service: Service, outcome: Outcome, make: Callable[[], Held]) -> Held:
        """The statement of a name, joined or, where there is none, made. Raises as `make`."""
        key = next(unload.found_again(name, *said(service, outcome)))
        with self._changed:
            while True:
                if self._closed.is_set():
                    raise EngineError(_CLOSED)
                known = self._known.get(key)
                if known is not None and known.join():
                    return known
                if key not in self._making:
                    break
                self._changed.wait()
            self._making.add(key)
        try:
            held = make()  # not under the lock: what it costs is recorded before it begins
            with self._changed:
                if self._closed.is_set():
                    held.end("closed")
                held.start()
                self._known[key] = held
            return held
        finally:
            with self._changed:
                self._making.discard(key)
                self._changed.notify_all()

    def forget(self, held: Held) -> None:
        """A statement has ended."""
        with self._changed:
            for key in [key for key, each in self._known.items() if each is held]:
                del self._known[key]

    def close(self, seconds: float) -> None:
        """End all of them that no other server wants; their files are deleted."""
        with self._changed:
            self._closed.set()
            known = list(self._known.values())
        for held in known:
            held.end("closed")
        until = time.monotonic() + seconds
        for held in known:
            held.closed(max(until - time.monotonic(), 0))


def said(service: Service, outcome: Outcome) -> tuple[str, ...]:
    """All that decides what runs, as whom, and where its result is."""
    role, settings = service.account.role, service.settings
    place = (settings.region, settings.catalog, role.workgroup, role.staging, role.role_arn or "")
    return (*place, outcome.delivery, outcome.select)
