"""The most urgent job is done first."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from contextlib import closing, contextmanager
from functools import partial

import pytest

from flight_server.engines.duckdb.scan.ranked import Ranked


@contextmanager
def occupied(pool: Ranked) -> Iterator[None]:
    """While its one thread does something else."""
    begun, over = threading.Event(), threading.Event()

    def occupy() -> None:
        begun.set()
        over.wait(10)

    future = pool.submit(0, "a", occupy)
    assert begun.wait(10)
    try:
        yield
    finally:
        over.set()
        future.result(10)


def test_jobs_are_done_by_rank_and_then_as_they_came() -> None:
    done: list[str] = []
    with closing(Ranked(1, 1, "test")) as pool:
        with occupied(pool):
            asked = [(2, "d"), (0, "a"), (1, "c"), (0, "b"), (2, "e")]
            futures = [pool.submit(rank, "a", partial(done.append, name)) for rank, name in asked]
        for future in futures:
            future.result(10)
    assert done == ["a", "b", "c", "d", "e"]


def test_what_is_cancelled_is_not_done() -> None:
    done: list[int] = []
    with closing(Ranked(1, 1, "test")) as pool:
        with occupied(pool):
            futures = [pool.submit(1, "a", partial(done.append, number)) for number in range(3)]
            assert futures[1].cancel()
        futures[2].result(10)
    assert done == [0, 2]


def test_who_waits_is_told_what_went_wrong() -> None:
    def fail() -> None:
        raise KeyError("x")

    with closing(Ranked(2, 2, "test")) as pool:
        with pytest.raises(KeyError):
            pool.submit(1, "a", fail).result(10)
        assert pool.submit(1, "a", lambda: 7).result(10) == 7


def test_nothing_starts_once_it_is_closed() -> None:
    done: list[int] = []
    pool = Ranked(1, 1, "test")
    told: list[Future[None]] = []
    with occupied(pool):
        future = pool.submit(1, "a", partial(done.append, 1))
        future.add_done_callback(told.append)
        pool.close()
    with pytest.raises(CancelledError):
        future.result(10)
    assert told == [future]
    assert done == []
    with pytest.raises(RuntimeError):
        pool.submit(1, "a", partial(done.append, 2))


def test_a_source_that_stands_still_leaves_threads_for_others() -> None:
    over = threading.Event()
    with closing(Ranked(4, 3, "test")) as pool:
        stuck = [pool.submit(0, "still", lambda: over.wait(10)) for _ in range(9)]
        others = [pool.submit(5, "other", partial(str, number)) for number in range(7)]
        assert [future.result(10) for future in others] == list("0123456")
        assert sum(future.running() for future in stuck) == 3
        over.set()
        assert all(future.result(10) for future in stuck)


def test_the_ranks_of_several_sources_go_in_turns() -> None:
    done: list[str] = []
    with closing(Ranked(1, 1, "test")) as pool:
        with occupied(pool):
            asked = [(0, "x", "a"), (1, "x", "c"), (0, "y", "b"), (1, "y", "d")]
            futures = [pool.submit(r, source, partial(done.append, n)) for r, source, n in asked]
        for future in futures:
            future.result(10)
    assert done == ["a", "b", "c", "d"]
