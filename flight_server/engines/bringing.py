"""The stream of a statement that runs here once tables of another engine were brought to it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from flight_server.engines.base import EngineStream, Frame, Scanned
from flight_server.engines.brought import Share
from flight_server.engines.errors import Cancelled, EngineError, TimedOut

_log = logging.getLogger(__name__)
_ENDED: dict[Literal["cancelled", "timeout"], EngineError] = {
    "cancelled": Cancelled("The statement was cancelled."),
    "timeout": TimedOut("The statement ran past its deadline and was ended."),
}


class Bringing:
    """Frames of a statement that `begin` starts once all of `sources` was read.

    The sources run already. They are closed as soon as they are read, or the statement ends, and
    `share` is given back when nothing of them is held any more. `planned` is what is read here, as
    far as it is known before.
    """

    def __init__(
        self,
        sources: Sequence[EngineStream],
        begin: Callable[[], EngineStream],
        share: Share,
        *,
        planned: tuple[Scanned, ...],
        deadline: float,
    ) -> None:
        self._sources = sources
        self._begin = begin
        self._share = share
        self._planned = planned
        self._deadline = deadline
        self._changed = threading.Condition()
        self._reason: Literal["cancelled", "timeout"] | None = None
        self._closed = False
        self._over = False
        self._error: Exception | None = None
        self._inner: EngineStream | None = None
        self._thread = threading.Thread(target=self._drive, name="bringing", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    @property
    def scanned(self) -> tuple[Scanned, ...]:
        """What is read here, without the copies of what was brought."""
        inner = self._inner
        if inner is None:
            return self._planned
        here = {each.name for each in self._planned}
        return tuple(each for each in inner.scanned if each.name in here)

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        self._brought(self._deadline)
        with self._changed:
            if self._reason is not None:
                known = _ENDED[self._reason]
                raise type(known)(*known.args)
            if self._error is not None:
                raise self._error
            inner = self._inner
        if inner is None:
            raise StopIteration
        return next(iter(inner))

    def ready(self, seconds: float) -> bool:
        """Whether the next frame, or the end, can be had within a time."""
        until = time.monotonic() + seconds
        if not self._brought(until):
            return False
        inner = self._inner
        return inner is None or inner.ready(max(until - time.monotonic(), 0))

    def cancel(self) -> None:
        """End the statement now, from any thread."""
        self._end("cancelled")

    def close(self) -> None:
        """Give back what it holds; what still runs of it is ended, and gives it back itself."""
        with self._changed:
            first, self._closed = not self._closed, True
            inner, over = self._inner, self._over
        if not over:
            self._end("cancelled")
        elif first:
            try:
                if inner is not None:
                    inner.close()
            finally:
                self._share.end()

    def _brought(self, until: float) -> bool:
        """Wait for the sources, or the end; False where that takes longer."""
        with self._changed:
            while not self._over and self._reason is None and not self._closed:
                now = time.monotonic()
                if now >= self._deadline:
                    break
                if now >= until:
                    return False
                self._changed.wait(min(until, self._deadline) - now)
            else:
                return True
        self._end("timeout")
        return True

    def _end(self, reason: Literal["cancelled", "timeout"]) -> None:
        with self._changed:
            if self._reason is None:
                self._reason = reason
            inner = self._inner
            self._changed.notify_all()
        for source in self._sources:
            source.cancel()
        if inner is not None:
            inner.cancel()

    # --- the thread that waits for the sources ----------------------------------------------------

    def _drive(self) -> None:
        inner: EngineStream | None = None
        error: Exception | None = None
        try:
            inner = self._begin()
        except Exception as raised:
            # the root of a thread: whatever it is, the reader must learn of the end
            if not isinstance(raised, EngineError):
                _log.exception("a statement over brought tables failed")
            error = raised
        finally:
            for source in self._sources:
                source.close()
        with self._changed:
            self._over, self._error = True, error
            kept = self._reason is None and not self._closed
            if kept:
                self._inner, inner = inner, None
            closed = self._closed
            self._changed.notify_all()
        if inner is not None:
            inner.close()
        if closed:
            self._share.end()
