"""A statement is begun elsewhere only before anything of its result came, and only once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flight_server.engines.base import Frame, FrameStream
from flight_server.engines.errors import Cancelled, EngineError, OutOfResources
from flight_server.query.second import SecondTry

FRAMES = (Frame(b"one", 1), Frame(b"two", 1))


class Stream:
    """So many frames, then an error or the end."""

    def __init__(self, frames: int, error: EngineError | None = None) -> None:
        self._left = list(FRAMES[:frames])
        self._error = error
        self.closed = self.cancelled = 0

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        if self._left:
            return self._left.pop(0)
        if self._error is not None:
            raise self._error
        raise StopIteration

    def ready(self, seconds: float) -> bool:
        return True

    def cancel(self) -> None:
        self.cancelled += 1

    def close(self) -> None:
        self.closed += 1


def tried(first: Stream, *others: Stream | None) -> tuple[SecondTry, list[EngineError]]:
    """A stream with what is begun after failures, and the failures."""
    failures: list[EngineError] = []
    left = list(others)

    def again(error: EngineError) -> FrameStream | None:
        failures.append(error)
        return left.pop(0)

    return SecondTry(first, again), failures


def test_a_failure_before_the_first_frame_begins_it_elsewhere() -> None:
    first, other = Stream(0, OutOfResources("too little")), Stream(2)
    stream, failures = tried(first, other)
    assert tuple(stream) == FRAMES
    assert len(failures) == 1
    assert (first.closed, other.closed) == (1, 0)
    stream.close()
    assert other.closed == 1


def test_it_is_known_once_a_reader_asks_whether_something_is_ready() -> None:
    first, other = Stream(0, OutOfResources("too little")), Stream(2)
    stream, failures = tried(first, other)
    assert stream.ready(0.1)
    assert len(failures) == 1
    assert stream.ready(0.1)
    assert tuple(stream) == FRAMES


def test_nothing_begins_anew_after_a_frame() -> None:
    stream, failures = tried(Stream(1, OutOfResources("too little")), Stream(2))
    assert next(stream) == FRAMES[0]
    with pytest.raises(OutOfResources):
        next(stream)
    assert failures == []


def test_it_begins_once_more_and_not_twice() -> None:
    stream, failures = tried(Stream(0, OutOfResources("here")), Stream(0, OutOfResources("there")))
    with pytest.raises(OutOfResources, match="there"):
        next(stream)
    assert len(failures) == 1


def test_where_nothing_may_run_it_the_failure_stands() -> None:
    stream, _ = tried(Stream(0, OutOfResources("here")), None)
    assert stream.ready(0.1)
    with pytest.raises(OutOfResources, match="here"):
        next(stream)


def test_what_was_cancelled_is_not_begun_anew() -> None:
    first = Stream(0, Cancelled("by its client"))
    stream, failures = tried(first, Stream(2))
    stream.cancel()
    with pytest.raises(Cancelled):
        next(stream)
    assert failures == []
    assert first.cancelled == 1


def test_one_that_is_ended_meanwhile_ends_what_was_begun_elsewhere() -> None:
    other = Stream(2)

    def again(_error: EngineError) -> FrameStream:
        stream.close()
        return other

    stream = SecondTry(Stream(0, OutOfResources("here")), again)
    tuple(stream)
    assert other.closed == 1


def test_an_empty_result_is_one() -> None:
    stream, failures = tried(Stream(0), Stream(2))
    assert stream.ready(0.1)
    assert tuple(stream) == ()
    assert failures == []
