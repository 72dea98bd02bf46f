"""Which worker runs a statement: a warm one of its setup, a blank one, or one that is freed."""

from __future__ import annotations

import logging
import shutil
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flight_server.engines.duckdb import channel as wire
from flight_server.engines.duckdb.channel import ChannelClosed
from flight_server.engines.duckdb.load import Load
from flight_server.engines.duckdb.process import Launcher, WorkerProcess
from flight_server.engines.duckdb.session import Limits
from flight_server.engines.duckdb.setup import Setup
from flight_server.engines.errors import Busy, EngineError

_log = logging.getLogger(__name__)
_BURY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class PoolSize:
    """How many processes: `workers` with a setup, `spare` blank ones beside them."""

    workers: int
    spare: int


class Pool:
    """Workers by setup. `limits` gives a worker its limits, with the spill directory passed in.

    `tend` is to be called now and then by a thread of the engine, after `wake` was called.
    """

    def __init__(
        self,
        launcher: Launcher,
        size: PoolSize,
        *,
        limits: Callable[[str | None], Limits],
        spill: Path | None,
        wake: Callable[[], None],
    ) -> None:
        self._launcher = launcher
        self._size = size
        self._limits = limits
        self._spill = spill
        self._wake = wake
        self._changed = threading.Condition()
        self._load = Load(size.workers)
        self._blank: list[WorkerProcess] = []
        self._idle: OrderedDict[WorkerProcess, None] = OrderedDict()
        self._busy: set[WorkerProcess] = set()
        # killed while a statement still holds them: they take no place any more
        self._lost: set[WorkerProcess] = set()
        self._starting = 0
        self._dying: list[WorkerProcess] = []
        self._closed = False

    def acquire(
        self,
        setup: Setup,
        until: float,
        give: Callable[[WorkerProcess], None] = lambda _worker: None,
    ) -> WorkerProcess:
        """A worker with this setup, for one statement; waits for one until that moment.

        `give` is called with one that is new to the setup, before it is told of it.

        Raises `Busy` where all are running, and `EngineError` where none can be started.
        """
        with self._changed:
            self._load.waits(1)
            try:
                worker = self._reserve(setup.key, until)
            finally:
                self._load.waits(-1)
            if worker is not None and worker.key == setup.key:
                self._load.began(worker)
                return worker
        try:
            fresh = worker if worker is not None else self._launcher.start_worker()
        except BaseException:
            with self._changed:
                self._starting -= 1
                self._changed.notify()
            raise
        with self._changed:
            if worker is None:
                self._starting -= 1
                self._busy.add(fresh)
            self._load.began(fresh)
            closed = self._closed
        if closed:
            self.discard(fresh)
            raise EngineError("The engine is closed.")
        self._wake()
        try:
            self._assign(fresh, setup, give)
        except BaseException:
            self.discard(fresh)
            raise
        return fresh

    def release(self, worker: WorkerProcess) -> None:
        """The worker's statement ended cleanly: keep it warm."""
        with self._changed:
            self._load.ended(worker)
            if not self._closed and worker in self._busy:
                self._busy.discard(worker)
                self._idle[worker] = None
                self._changed.notify()
                return
        self.discard(worker)

    def discard(self, worker: WorkerProcess) -> None:
        """The worker is of no more use: end it."""
        with self._changed:
            self._load.ended(worker)
            self._drop(worker)
            self._changed.notify()
        self._wake()
        self._bury_if_closed()

    def lose(self, worker: WorkerProcess) -> None:
        """The worker was killed under its statement: another may be started in its place."""
        with self._changed:
            if worker in self._busy:
                self._load.ended(worker)
                self._busy.discard(worker)
                self._lost.add(worker)
                self._changed.notify()

    def wait(self) -> float:
        """The seconds that one more statement would wait for a worker, about."""
        with self._changed:
            return self._load.wait()

    def tend(self) -> None:
        """Start spare workers, bury dead ones."""
        with self._changed:
            dead = [worker for worker in self._dying if worker.gone()]
            self._dying = [worker for worker in self._dying if worker not in dead]
            missing = 0 if self._closed else self._size.spare - len(self._blank)
            waiting = bool(self._dying)
        for worker in dead:
            worker.dispose()
        for _ in range(missing):
            try:
                spare = self._launcher.start_worker()
            except EngineError:
                _log.exception("no spare worker could be started")
                break
            with self._changed:
                self._blank.append(spare)
                if self._closed:
                    self._drop(spare)
        if waiting:
            self._wake_later()
        self._bury_if_closed()

    def close(self) -> None:
        """End all workers and wait until they are gone."""
        with self._changed:
            self._closed = True
            for worker in [*self._blank, *self._idle, *self._busy, *self._lost]:
                self._drop(worker)
            self._changed.notify_all()
        self._bury_if_closed()

    # --- with the lock held ----------------------------------------------------------------------

    def _reserve(self, key: str, until: float) -> WorkerProcess | None:
        """A warm or blank worker, now busy; None where one may be started (counted as starting)."""
        while True:
            if self._closed:
                raise EngineError("The engine is closed.")
            for worker in reversed(self._idle):
                if worker.key == key:
                    if worker.broken:
                        self._drop(worker)
                        break
                    del self._idle[worker]
                    self._busy.add(worker)
                    return worker
            else:
                if len(self._busy) + len(self._idle) + self._starting < self._size.workers:
                    return self._unused()
                if self._idle:
                    self._drop(next(iter(self._idle)))
                    continue
                left = until - time.monotonic()
                if left <= 0:
                    raise Busy("All workers are busy; try again later.")
                self._changed.wait(left)

    def _unused(self) -> WorkerProcess | None:
        while self._blank:
            worker = self._blank[-1]
            if not worker.broken:
                self._blank.pop()
                self._busy.add(worker)
                return worker
            self._drop(worker)
        self._starting += 1
        return None

    def _drop(self, worker: WorkerProcess) -> None:
        """End a worker wherever it stands; one that was dropped before is left alone."""
        for place in (self._busy, self._lost):
            if worker in place:
                place.discard(worker)
                break
        else:
            if worker in self._idle:
                del self._idle[worker]
            elif worker in self._blank:
                self._blank.remove(worker)
            else:
                return
        worker.kill()
        self._dying.append(worker)

    # --- without it ------------------------------------------------------------------------------

    def _assign(
        self, worker: WorkerProcess, setup: Setup, give: Callable[[WorkerProcess], None]
    ) -> None:
        worker.key = setup.key
        if setup.feeder is not None:
            worker.feeder = self._launcher.start_worker()
            theirs, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs, ours:
                worker.feeder.give(theirs.fileno())
                worker.give(ours.fileno())
            self._tell(worker.feeder, wire.FEED, setup.feeder)
        give(worker)
        self._tell(worker, wire.ASSIGN, setup)

    def _tell(self, worker: WorkerProcess, kind: bytes, setup: Setup) -> None:
        if self._spill is not None:
            worker.spill = self._spill / f"worker-{worker.pid}"
            # what a dead process of this number left is not for this one
            shutil.rmtree(worker.spill, ignore_errors=True)
            worker.spill.mkdir(mode=0o700)
        limits = self._limits(None if worker.spill is None else str(worker.spill))
        try:
            worker.send(kind, wire.pack(limits.encode(), setup.encoded))
        except ChannelClosed:
            # found out, and told to the client, where its first answer is awaited
            _log.warning("worker %d was gone before it was given its setup", worker.pid)

    def _bury_if_closed(self) -> None:
        """Bury who died after the end as well: nobody tends the pool any more."""
        with self._changed:
            if not self._closed:
                return
            dying, self._dying = self._dying, []
        end = time.monotonic() + _BURY_SECONDS
        for worker in dying:
            worker.gone(max(0.0, end - time.monotonic()))
            worker.dispose()

    def _wake_later(self) -> None:
        timer = threading.Timer(0.05, self._wake)
        timer.daemon = True
        timer.start()
