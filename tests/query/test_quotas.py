"""Quotas: how many statements a user runs at once, and how much of a result is let through."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from auth.limits import Limits
from flight_server.engines.base import Frame, FrameStream
from flight_server.query.errors import OverQuota, ResultTooLarge
from flight_server.query.quotas import Quotas
from flight_server.query.running import Part, Query
from tests.waiting import Clock

ANN, ANNS_OTHER, BOB = Query("ann", "1"), Query("ann", "2"), Query("bob", "1")


class Frames:
    """Frames of these many rows, of ten bytes for each row."""

    def __init__(self, *rows: int) -> None:
        self.rows = rows
        self.closed = 0

    def __iter__(self) -> Iterator[Frame]:
        return (Frame(b"x" * 10 * count, count) for count in self.rows)

    def ready(self, seconds: float) -> bool:
        return True

    def cancel(self) -> None:
        pass

    def close(self) -> None:
        self.closed += 1


def read(stream: FrameStream) -> int:
    try:
        return sum(frame.rows for frame in stream)
    finally:
        stream.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def quotas(clock: Clock) -> Quotas:
    return Quotas(60.0, most=3, clock=clock)


def test_one_more_statement_than_allowed_is_refused_until_one_has_ended(quotas: Quotas) -> None:
    limits = Limits(concurrent=2)
    first = quotas.start(ANN, None, limits, Frames)
    quotas.start(ANNS_OTHER, None, limits, Frames)
    with pytest.raises(OverQuota, match="You run 2 statements"):
        quotas.start(Query("ann", "3"), None, limits, Frames)
    quotas.start(BOB, None, limits, Frames)
    first.close()
    first.close()
    quotas.start(Query("ann", "3"), None, limits, Frames)
    with pytest.raises(OverQuota):
        quotas.start(ANN, None, limits, Frames)


def test_the_parts_of_a_result_are_one_statement(quotas: Quotas) -> None:
    limits = Limits(concurrent=1)
    streams = [quotas.start(ANN, (n, 3), limits, Frames) for n in range(3)]
    for stream in streams:
        with pytest.raises(OverQuota):
            quotas.start(ANNS_OTHER, None, limits, Frames)
        stream.close()
    quotas.start(ANNS_OTHER, None, limits, Frames)


def test_a_statement_that_does_not_start_gives_its_place_back(quotas: Quotas) -> None:
    def fails() -> FrameStream:
        raise RuntimeError

    for _ in range(3):
        with pytest.raises(RuntimeError):
            quotas.start(ANN, None, Limits(concurrent=1), fails)
    quotas.start(ANNS_OTHER, None, Limits(concurrent=1), Frames)


def test_a_thousand_at_once_never_exceed_the_limit() -> None:
    quotas, limits = Quotas(60.0), Limits(concurrent=5)
    inside, most, refused = [0], [0], [0]
    lock = threading.Lock()

    def one(number: int) -> None:
        try:
            stream = quotas.start(Query("ann", str(number)), None, limits, Frames)
        except OverQuota:
            refused[0] += 1
            return
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        with lock:
            inside[0] -= 1
        stream.close()

    def many(start: int) -> None:
        for number in range(start, 1000, 20):
            one(number)

    threads = [threading.Thread(target=many, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= most[0] <= 5
    for number in range(5):
        quotas.start(Query("ann", f"again {number}"), None, limits, Frames)


@pytest.mark.parametrize("limits", [Limits(rows=100), Limits(result_bytes=1_000)])
def test_a_result_as_large_as_allowed_is_read_and_a_larger_one_is_cut(
    quotas: Quotas, limits: Limits
) -> None:
    assert read(quotas.start(ANN, None, limits, lambda: Frames(60, 40))) == 100
    larger, seen = Frames(60, 41), []
    stream = quotas.start(ANNS_OTHER, None, limits, lambda: larger)
    with pytest.raises(ResultTooLarge, match="more than 1"):
        seen.extend(stream)
    stream.close()
    assert [frame.rows for frame in seen] == [60]
    assert larger.closed == 1


def test_the_parts_of_a_result_are_measured_together_and_again_from_their_start(
    quotas: Quotas, clock: Clock
) -> None:
    limits = Limits(rows=100)

    def part(index: int, rows: int) -> int:
        which: Part = (index, 2)
        return read(quotas.start(ANN, which, limits, lambda: Frames(rows)))

    assert part(0, 60) == 60
    assert part(0, 60) == 60
    assert part(1, 40) == 40
    with pytest.raises(ResultTooLarge):
        part(1, 41)
    clock.now = 59.0
    with pytest.raises(ResultTooLarge):
        part(1, 41)


def test_what_is_long_ago_or_too_much_is_forgotten_but_nothing_open(
    quotas: Quotas, clock: Clock
) -> None:
    limits = Limits(rows=100)
    held = quotas.start(ANN, None, limits, lambda: Frames(60, 60))
    for number in range(10):
        read(quotas.start(Query("bob", str(number)), None, limits, lambda: Frames(1)))
    assert len(quotas._results) == 3
    clock.now = 100.0
    read(quotas.start(BOB, None, limits, lambda: Frames(1)))
    assert set(quotas._results) == {ANN, BOB}
    with pytest.raises(ResultTooLarge):
        read(held)


def test_without_limits_nothing_is_counted(quotas: Quotas) -> None:
    frames = Frames(5)
    assert quotas.start(ANN, None, Limits(), lambda: frames) is frames
    assert not quotas._results
