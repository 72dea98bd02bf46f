"""The result of a running statement as the front pulls it out of its worker."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from copy import copy
from typing import NoReturn

from flight_server.engines.base import Frame, Scanned
from flight_server.engines.duckdb import channel as wire
from flight_server.engines.duckdb import ring
from flight_server.engines.duckdb.channel import ChannelClosed
from flight_server.engines.duckdb.faults import Fault
from flight_server.engines.duckdb.watch import Reason, Running, Watch
from flight_server.engines.errors import (
    BindFailed,
    Cancelled,
    DataMissing,
    EngineError,
    ExecutionFailed,
    OutOfResources,
    TimedOut,
    UnsupportedData,
    WorkerLost,
)

_log = logging.getLogger(__name__)

_REASONS: dict[Reason, EngineError] = {
    "cancelled": Cancelled("The statement was cancelled."),
    "timeout": TimedOut("The statement ran past its deadline and was ended."),
    "memory": OutOfResources("The statement needed more memory than it may have.", memory=True),
}
_KINDS: dict[str, type[EngineError]] = {
    "data": ExecutionFailed,
    "missing": DataMissing,
    "resources": OutOfResources,
    "unsupported": UnsupportedData,
    "interrupted": Cancelled,
    "lost": WorkerLost,
    "other": EngineError,
}
_LOST = "The worker of this statement was lost; try again."


class WorkerStream:
    """One statement's frames. `give_back` is called once, with whether the worker is clean.

    `scanned` is what is read, as whoever started it says.
    """

    def __init__(self, running: Running, watch: Watch, give_back: Callable[[bool], None]) -> None:
        self._running = running
        self._worker = running.worker
        self._watch = watch
        self._give_back = give_back
        self._using = threading.Lock()
        self._finished = False
        self._clean = False
        self._owed = 0
        self._closed = False
        self._release: Callable[[], None] = lambda: None
        self._why: Callable[[], EngineError | None] = lambda: None
        self.scanned: tuple[Scanned, ...] = ()

    def holding(
        self, release: Callable[[], None], why: Callable[[], EngineError | None] = lambda: None
    ) -> None:
        """What to call as well once the worker was given back.

        `why` tells what made the statement fail where the worker cannot know.
        """
        self._release = release
        self._why = why

    @property
    def worker_pid(self) -> int:
        """The process that runs the statement."""
        return self._worker.pid

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        with self._using:
            if self._running.reason is not None:
                raise _ended(self._running.reason)
            if self._finished or self._closed:
                raise StopIteration
            try:
                self._settle()
                kind, payload = self._worker.channel.receive()
                return self._frame(kind, payload)
            except (ChannelClosed, ValueError) as error:
                self._finished = True
                raise self._lost() from error

    def ready(self, seconds: float) -> bool:
        """Whether the next frame, or the end, can be had within a time."""
        with self._using:
            over = self._finished or self._closed or self._running.reason is not None
            return over or self._worker.channel.ready(seconds)

    def receive(self) -> bytes:
        """The answer to a statement that is only described: one payload."""
        with self._using:
            try:
                kind, payload = self._worker.channel.receive()
                if kind != wire.SHAPE:
                    self._end(kind, payload)
                self._clean = self._worker.channel.receive()[0] == wire.END
            except (ChannelClosed, StopIteration) as error:
                raise self._lost() from error
            finally:
                self._finished = True
            return payload

    def cancel(self) -> None:
        """End the statement now, from any thread."""
        self._watch.stop(self._running, "cancelled")

    def close(self) -> None:
        """Give the worker back; a statement that still runs is ended first."""
        if not self._finished:
            self.cancel()
        with self._using:
            if self._closed:
                return
            self._closed = True
            if not self._finished:
                self._drain()
            self._watch.remove(self._running)
            self._give_back(self._clean)
            self._release()

    def _frame(self, kind: bytes, payload: bytes) -> Frame:
        if kind == wire.FRAME:
            offset, length, rows, cost = _place(payload)
            frame = Frame(ring.take(self._worker.ring, offset, length), rows)
            self._owed += cost
        elif kind == wire.INLINE:
            size = wire.NUMBER.size
            frame = Frame(payload[size:], int.from_bytes(payload[:size], "little"))
            self._owed += 1
        else:
            self._end(kind, payload)
        return frame

    def _settle(self) -> None:
        """Tell the worker what was taken.

        The last frame of a statement costs no message, as its end is there already; half the ring
        is never kept back, so that a worker goes on while its frames are sent.
        """
        if not self._owed:
            return
        if self._owed >= ring.SLOTS // 2 or not self._worker.channel.ready(0):
            owed, self._owed = self._owed, 0
            self._worker.send(wire.CREDIT, wire.TAKEN.pack(self._running.number, owed))

    def _end(self, kind: bytes, payload: bytes) -> NoReturn:
        self._finished = True
        if kind == wire.END:
            self._clean = True
            if self._running.reason is not None:
                raise _ended(self._running.reason)
            raise StopIteration
        if kind != wire.FAULT:
            raise self._lost()
        try:
            fault = Fault.decode(payload)
        except (ValueError, KeyError, TypeError) as error:
            raise self._lost() from error
        self._clean = fault.kind not in ("lost", "memory", "resources")
        raise self._raised(fault)

    def _raised(self, fault: Fault) -> EngineError:
        _log.debug("statement failed: %s", fault.detail)
        if self._running.reason is not None:
            return _ended(self._running.reason)
        if (known := self._why()) is not None:
            return known
        if fault.kind == "bind":
            return BindFailed(fault.message, position=fault.position, kind=fault.about)
        if fault.kind == "memory":
            return OutOfResources(fault.message, memory=True)
        return _KINDS.get(fault.kind, EngineError)(fault.message)

    def _drain(self) -> None:
        """Read on to the end; the watch sees to it that there is one."""
        while True:
            try:
                kind, payload = self._worker.channel.receive()
            except ChannelClosed:
                return
            if kind in (wire.END, wire.FAULT):
                self._finished = True
                try:
                    self._clean = kind == wire.END or Fault.decode(payload).kind == "interrupted"
                except (ValueError, KeyError, TypeError):
                    self._clean = False
                return

    def _lost(self) -> EngineError:
        reason = self._running.reason
        return WorkerLost(_LOST) if reason is None else _ended(reason)


def _place(payload: bytes) -> tuple[int, int, int, int]:
    if len(payload) != wire.PLACE.size:
        raise ValueError("not a place in the ring")
    offset, length, rows, cost = wire.PLACE.unpack(payload)
    return offset, length, rows, cost


def _ended(reason: Reason) -> EngineError:
    return copy(_REASONS[reason])
