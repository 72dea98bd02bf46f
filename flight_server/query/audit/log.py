"""The audit log as a listener: takes events from all threads, and writes them from one.

A start is answered with a receipt that waits until its record is on the disk, and so is a charge;
all that are told meanwhile share one write. Where the log cannot be written, statements are refused
until it can be, or go on unrecorded where the settings say so.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa

from flight_server.query.audit.chain import Record
from flight_server.query.audit.recent import recent
from flight_server.query.audit.records import Scribe, lost
from flight_server.query.audit.trail import Trail
from flight_server.query.errors import AuditUnavailable
from flight_server.query.events import Event, Receipt, StatementCharged, StatementStarted

log = logging.getLogger(__name__)

_MESSAGE = "The audit log cannot be written at the moment, so that nothing can be read."


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: `write` is how long a statement waits for its record, `gather` how long records that
    nobody waits for are kept back, `retry` how long after a failure it is tried again. `kept` is
    how many records are kept while the log cannot be written."""

    write: float = 10.0
    gather: float = 0.05
    retry: float = 0.5
    kept: int = 10_000


@dataclass(slots=True, eq=False)
class _Entry:
    """An event that waits to be written. `done` is set once it is, or cannot be; `hopeless` says
    that no record can be made of it."""

    event: Event
    done: threading.Event | None = None
    written: bool = False
    hopeless: bool = False


@dataclass(slots=True)
class _Trouble:
    """Since when the log cannot be written, and how many events were lost."""

    since: float
    lost: int = 0


@dataclass(slots=True)
class _Queue:
    """What the threads share, under one condition."""

    changed: threading.Condition = field(default_factory=threading.Condition)
    entries: deque[_Entry] = field(default_factory=deque)
    urgent: bool = False
    closing: bool = False


class AuditLog:
    """Writes what it is told to a trail. `required`: what cannot be recorded is refused.

    To be closed once nothing is told any more; then the trail is closed too.
    """

    def __init__(
        self,
        trail: Trail,
        scribe: Scribe,
        *,
        required: bool = True,
        patience: Patience = Patience(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._trail = trail
        self._scribe = scribe
        self._required = required
        self._patience = patience
        self._clock = clock
        self._queue = _Queue()
        self._trouble: _Trouble | None = None
        self._unwritten: list[Record] = []
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    @property
    def failing(self) -> bool:
        """Whether the log cannot be written at the moment."""
        return self._trouble is not None

    def tell(self, event: Event) -> Receipt | None:
        """Take an event.

        Raises `AuditUnavailable` for a start or a charge that cannot be recorded now.
        """
        if not isinstance(event, StatementStarted | StatementCharged):
            self._add(_Entry(event))
            return None
        if self._trouble is not None:
            if self._required:
                raise AuditUnavailable(_MESSAGE)
            self._add(_Entry(event))
            return None
        entry = _Entry(event, threading.Event())
        self._add(entry)
        return lambda: self._wait(entry)

    def recent(self, limit: int) -> pa.Table:
        """The latest records of this server, at most `limit`, the last one first."""
        return recent(self._trail.place, limit)

    def close(self) -> None:
        """Write what was told, and close the trail; what cannot be written is logged as lost."""
        with self._queue.changed:
            self._queue.closing = True
            self._queue.changed.notify()
        self._thread.join()

    # --- the threads of statements ----------------------------------------------------------------

    def _add(self, entry: _Entry) -> None:
        queue = self._queue
        with queue.changed:
            if entry.done is None and len(queue.entries) >= self._patience.kept:
                trouble = self._trouble
                if trouble is not None:
                    trouble.lost += 1
                    return
            queue.entries.append(entry)
            if entry.done is not None:
                queue.urgent = True
                queue.changed.notify()
            elif len(queue.entries) == 1:
                queue.changed.notify()

    def _wait(self, entry: _Entry) -> None:
        assert entry.done is not None  # noqa: S101 - only such entries have receipts
        entry.done.wait(self._patience.write)
        if not entry.written and self._required:
            raise AuditUnavailable(_MESSAGE)

    # --- the thread that writes -------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            entries, closing = self._gather()
            try:
                self._write(entries)
            except Exception:
                # The root of the thread: statements must be told that they have no record.
                log.exception(
                    "audit records could not be written, %d are lost", len(self._unwritten)
                )
                self._unwritten.clear()
                _tell(entries, written=False)
            if closing and (self._trouble is not None or not self._queue.entries):
                break
        self._finish()

    def _gather(self) -> tuple[list[_Entry], bool]:
        """What waits to be written, once something does or a signature is due."""
        queue = self._queue
        with queue.changed:
            if self._trouble is not None:
                queue.changed.wait_for(lambda: queue.closing, self._patience.retry)
            else:
                told = (self._trail.due(), self._scribe.refusals.due())
                due = min((each for each in told if each is not None), default=None)
                queue.changed.wait_for(lambda: queue.entries or queue.closing, due)
                if queue.entries and not queue.urgent:
                    # Nobody waits for these: more of them may share a write.
                    queue.changed.wait_for(
                        lambda: queue.urgent or queue.closing, self._patience.gather
                    )
            entries = list(queue.entries)
            queue.entries.clear()
            queue.urgent = False
            return entries, queue.closing

    def _write(self, entries: list[_Entry]) -> None:
        for entry in entries:
            self._unwritten.extend(self._records(entry))
        self._unwritten.extend(self._scribe.refusals.over())
        try:
            if self._trouble is not None:
                self._recover(self._trouble)
            if self._unwritten:
                sync = any(entry.done is not None for entry in entries)
                self._trail.append(self._unwritten, sync=sync)
                self._unwritten.clear()
        except OSError as error:
            self._fail(error)
        _tell(entries, written=self._trouble is None)
        try:
            if self._trouble is None and self._trail.due() == 0:
                self._trail.sign()
        except OSError as error:
            self._fail(error)

    def _records(self, entry: _Entry) -> list[Record]:
        try:
            return list(self._scribe.records(entry.event))
        except Exception:
            # The root of the thread: one event must not cost the others their records.
            log.exception("an audit record could not be made")
            entry.hopeless = True
            return []

    def _recover(self, trouble: _Trouble) -> None:
        """Write again, if that is possible by now; raises `OSError` where it is not."""
        self._trail.append([lost(trouble.lost, self._clock() - trouble.since)], sync=True)
        self._trail.sign()
        self._trouble = None
        log.info("the audit log is written again", extra={"lost": trouble.lost})

    def _fail(self, error: OSError) -> None:
        if self._trouble is None:
            self._trouble = _Trouble(self._clock())
            what = "statements are refused" if self._required else "statements go on unrecorded"
            log.error("the audit log cannot be written, %s: %s", what, error.strerror or error)
        over = len(self._unwritten) - self._patience.kept
        if over > 0:
            del self._unwritten[-over:]
            self._trouble.lost += over

    def _finish(self) -> None:
        with self._queue.changed:
            entries = list(self._queue.entries)
            self._queue.entries.clear()
        counted = list(self._scribe.refusals.over(all_=True))
        try:
            if self._trouble is None and counted:
                self._trail.append(counted, sync=False)
                counted.clear()
        except OSError as error:
            self._fail(error)
        left = len(entries) + len(self._unwritten) + len(counted)
        _tell(entries, written=False)
        if left:
            log.error("the audit log cannot be written: %d records are lost", left)
        try:
            self._trail.close()
        except OSError as error:
            log.error("the audit log could not be closed: %s", error.strerror or error)


def _tell(entries: list[_Entry], *, written: bool) -> None:
    for entry in entries:
        if entry.done is not None:
            entry.written = written and not entry.hopeless
            entry.done.set()
