"""Which statements run in this process, so that they can be ended by who owns them.

Knows this process only: a cancellation reaches the replica that is asked, and no other.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from flight_server.engines.base import Frame, FrameStream
from flight_server.engines.errors import Cancelled

MAX_REMEMBERED = 10_000
_CANCELLED = "The statement was cancelled."

Part = tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Query:
    """A planned statement by whom it belongs to."""

    owner: str
    query_id: str


class Running:
    """The running streams of each query, and for a while those that were cancelled or finished.

    `seconds` is how long that is remembered: as long as a ticket is valid. Of both, at most `most`
    are remembered, the latest ones. Safe for several threads.
    """

    def __init__(
        self,
        seconds: float,
        most: int = MAX_REMEMBERED,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lock = threading.Lock()
        self._open: dict[Query, set[Stream]] = {}
        self._cancelled = _Lately(seconds, most, clock)
        self._finished = _Lately(seconds, most, clock)

    def start(self, query: Query, part: Part, begin: Callable[[], FrameStream]) -> Stream:
        """Start a stream of a query. Raises `Cancelled` where the query was cancelled before."""
        stream = Stream(self, query, part)
        with self._lock:
            if query in self._cancelled:
                raise Cancelled(_CANCELLED)
            self._open.setdefault(query, set()).add(stream)
        try:
            # Not under the lock: it may wait for a worker, and who cancels must not.
            stream.attach(begin())
        except BaseException:
            self.forget(stream, finished=False)
            raise
        return stream

    def cancel(self, query: Query, parts: Iterable[Part]) -> bool:
        """End a query: what runs of it now, and what of it would be started yet.

        False where there is nothing to end: all of its parts have been read to their end.
        """
        with self._lock:
            streams = list(self._open.get(query, ()))
            if not streams and all((query, part) in self._finished for part in parts):
                return False
            self._cancelled.add(query)
        for stream in streams:
            stream.cancel()
        return True

    def is_cancelled(self, query: Query) -> bool:
        """Whether a query was cancelled lately."""
        with self._lock:
            return query in self._cancelled

    def forget(self, stream: Stream, *, finished: bool) -> None:
        """A stream has ended; `finished` says whether all of it was read."""
        with self._lock:
            streams = self._open.get(stream.query, set())
            streams.discard(stream)
            if not streams:
                self._open.pop(stream.query, None)
            if finished:
                self._finished.add((stream.query, stream.part))


class Stream:
    """A stream of a query: passes its frames on, and can be ended before it has begun."""

    def __init__(self, running: Running, query: Query, part: Part) -> None:
        self.query = query
        self.part = part
        self._running = running
        self._lock = threading.Lock()
        self._frames: FrameStream | None = None
        self._ended = False
        self._finished = False

    def attach(self, frames: FrameStream) -> None:
        """Take the frames of the engine; raises `Cancelled` where it was ended meanwhile."""
        with self._lock:
            self._frames = frames
            ended = self._ended
        if ended:
            frames.close()
            raise Cancelled(_CANCELLED)

    def __iter__(self) -> Iterator[Frame]:
        if self._frames is not None:
            yield from self._frames
        self._finished = True

    def ready(self, seconds: float) -> bool:
        """Whether the next frame, or the end, can be had within a time."""
        return self._frames is None or self._frames.ready(seconds)

    def cancel(self) -> None:
        """End the stream now, from any thread."""
        with self._lock:
            self._ended = True
            frames = self._frames
        if frames is not None:
            frames.cancel()

    def close(self) -> None:
        """Give back what the stream holds."""
        try:
            if self._frames is not None:
                self._frames.close()
        finally:
            self._running.forget(self, finished=self._finished)


class _Lately:
    """Things of the last seconds, the latest of them where there are too many."""

    def __init__(self, seconds: float, most: int, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._until: OrderedDict[object, float] = OrderedDict()

    def add(self, thing: object) -> None:
        now = self._clock()
        self._until[thing] = now + self._seconds
        self._until.move_to_end(thing)
        # All stay equally long, so that the first are the first to go.
        while self._until:
            first, until = next(iter(self._until.items()))
            if until > now and len(self._until) <= self._most:
                return
            del self._until[first]

    def __contains__(self, thing: object) -> bool:
        until = self._until.get(thing)
        return until is not None and until > self._clock()
