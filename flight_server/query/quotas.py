"""What a user may run and read at once: statements counted, results measured, both in this process.

Replicas count each for themselves. The parts of one result are one statement and one result.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from auth.limits import Limits
from flight_server.engines.base import Frame, FrameStream
from flight_server.query.errors import OverQuota, ResultTooLarge
from flight_server.query.running import MAX_REMEMBERED, Part, Query


@dataclass(slots=True)
class _Read:
    """What was read of one result: rows and bytes by part, as last started; and open streams."""

    parts: dict[Part, tuple[int, int]] = field(default_factory=dict)
    open: int = 0
    until: float = 0.0


class Quotas:
    """Counts open statements and what is read of results. Safe for several threads.

    `seconds` is how long a result is remembered after it was last read, so that one read in parts
    is measured as a whole; at most `most` that are not open are.
    """

    def __init__(
        self,
        seconds: float,
        most: int = MAX_REMEMBERED,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._results: OrderedDict[Query, _Read] = OrderedDict()

    def start(
        self, query: Query, part: Part, limits: Limits, begin: Callable[[], FrameStream]
    ) -> FrameStream:
        """Start a stream of a query within limits.

        Raises `OverQuota` where its owner has too many open; the stream raises `ResultTooLarge`.
        """
        if limits == Limits():
            return begin()
        self._enter(query, part, limits)
        try:
            return _Counted(begin(), self, query, part, limits)
        except BaseException:
            self.leave(query)
            raise

    def take(self, query: Query, part: Part, limits: Limits, frame: Frame) -> None:
        """Count a frame before it goes out. Raises `ResultTooLarge`."""
        with self._lock:
            known = self._results.get(query)
            if known is None:  # closed meanwhile: nobody reads the frame
                return
            read = known.parts
            rows, size = read.get(part, (0, 0))
            read[part] = rows + frame.rows, size + len(frame.data)
            all_rows = sum(rows for rows, _ in read.values())
            all_bytes = sum(size for _, size in read.values())
        if limits.rows is not None and all_rows > limits.rows:
            raise ResultTooLarge(f"The result has more than {limits.rows:,} rows.")
        if limits.result_bytes is not None and all_bytes > limits.result_bytes:
            raise ResultTooLarge(f"The result has more than {limits.result_bytes:,} bytes.")

    def leave(self, query: Query) -> None:
        """A stream of a query has ended."""
        with self._lock:
            read = self._results[query]  # as it is open, it was not forgotten
            read.open -= 1
            read.until = self._clock() + self._seconds
            self._results.move_to_end(query)
            self._forget()

    def _enter(self, query: Query, part: Part, limits: Limits) -> None:
        with self._lock:
            read = self._results.get(query)
            if limits.concurrent is not None and (read is None or not read.open):
                mine = (q for q, other in self._results.items() if q.owner == query.owner)
                count = sum(self._results[q].open > 0 for q in mine)
                if count >= limits.concurrent:
                    raise OverQuota(f"You run {count} statements, as many as you may at once.")
            read = self._results.setdefault(query, _Read())
            read.open += 1
            # read again from its start, as after a lost connection: not counted twice
            read.parts[part] = (0, 0)

    def _forget(self) -> None:
        """Forget results that are not open: those of long ago, and the oldest of too many."""
        now, left = self._clock(), len(self._results)
        for query, read in list(self._results.items()):
            if read.open:
                continue
            if read.until > now and left <= self._most:
                return
            del self._results[query]
            left -= 1


class _Counted:
    """A stream whose frames are counted, and that gives its place back once."""

    def __init__(
        self, frames: FrameStream, quotas: Quotas, query: Query, part: Part, limits: Limits
    ) -> None:
        self._frames = frames
        self._quotas = quotas
        self._query = query
        self._part = part
        self._limits = limits
        self._lock = threading.Lock()
        self._closed = False

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._frames:
            self._quotas.take(self._query, self._part, self._limits, frame)
            yield frame

    def ready(self, seconds: float) -> bool:
        """Whether the next frame, or the end, can be had within a time."""
        return self._frames.ready(seconds)

    def cancel(self) -> None:
        """End the statement now, from any thread."""
        self._frames.cancel()

    def close(self) -> None:
        """Give back what the statement holds, and its place."""
        with self._lock:
            first, self._closed = not self._closed, True
        try:
            self._frames.close()
        finally:
            if first:
                self._quotas.leave(self._query)
