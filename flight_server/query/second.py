"""A statement that is begun once more on another engine, where the first one had not the means.

Only before anything of its result has left: what was sent is never sent again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pyarrow as pa

from flight_server.engines.base import Engine, Frame, FrameStream
from flight_server.engines.errors import EngineError
from flight_server.query.course import Course
from flight_server.query.errors import QueryError
from flight_server.query.planned import Planned

_log = logging.getLogger(__name__)

Start = Callable[[pa.RecordBatch | None], FrameStream]


def second_try(
    start: Start, engine: Engine, planned: Planned, course: Course, *, deadline: float
) -> Start:
    """What starts a statement as `start` does, and again once the engine chose another one for it.

    `start` runs it by the course's choice of then.
    """
    if len(engine.names) == 1:
        return start

    def begin(row: pa.RecordBatch | None) -> FrameStream:
        def again(error: EngineError) -> FrameStream | None:
            secured = replace(planned.secured, choice=course.choice)
            choice = engine.second(secured, row, planned.schema, error, deadline=deadline)
            if choice is None:
                return None
            first = course.choice
            course.moved(choice)
            try:
                stream = start(row)
            except (EngineError, QueryError):
                # what its user is told is why it failed at first
                _log.info("statement %s cannot move", planned.query_id, exc_info=True)
                course.moved(first)
                return None
            _log.info("statement %s moves to %s", planned.query_id, choice.engine)
            return stream

        return SecondTry(start(row), again)

    return begin


class SecondTry:
    """The frames of a stream, or of what `again` gives where it fails before its first one.

    `again` gives None where the failure stands. One thread reads; `cancel` may come from any.
    """

    def __init__(
        self, first: FrameStream, again: Callable[[EngineError], FrameStream | None]
    ) -> None:
        self._again = again
        self._lock = threading.Lock()
        self._ended = False
        self._closed = False
        self._stream = first
        self._frames = iter(first)
        self._begun = False
        self._kept: Frame | None = None
        self._error: EngineError | None = None

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        if not self._begun:
            self._begin()
        if self._error is not None:
            raise self._error
        kept, self._kept = self._kept, None
        return next(self._frames) if kept is None else kept

    def ready(self, seconds: float) -> bool:
        """Whether the next frame, or the end, can be had within a time."""
        until = time.monotonic() + seconds
        if not self._begun:
            if not self._stream.ready(seconds):
                return False
            self._begin()
        if self._kept is not None or self._error is not None:
            return True
        return self._stream.ready(max(until - time.monotonic(), 0))

    def cancel(self) -> None:
        """End the statement now, from any thread."""
        with self._lock:
            self._ended = True
            stream = self._stream
        stream.cancel()

    def close(self) -> None:
        """Give back what the statement holds."""
        with self._lock:
            self._ended = self._closed = True
            stream = self._stream
        stream.close()

    def _begin(self) -> None:
        """Take the first frame, where there is one, or begin anew."""
        self._begun = True
        try:
            self._kept = next(self._frames, None)
        except EngineError as error:
            if self._ended or not self._move(error):
                self._error = error

    def _move(self, error: EngineError) -> bool:
        """Begin again elsewhere; False where nothing may."""
        other = self._again(error)
        if other is None:
            return False
        with self._lock:
            first, self._stream = self._stream, other
            ended, closed = self._ended, self._closed
        self._frames = iter(other)
        if not closed:
            first.close()
        if closed:
            other.close()
        elif ended:
            other.cancel()
        return True
