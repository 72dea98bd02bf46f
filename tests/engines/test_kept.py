"""What was made once is kept, within bounds, and made by one thread only."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from flight_server.engines.duckdb.kept import Kept


class Maker:
    """Makes texts, and remembers which."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def of(self, kept: Kept[str], text: str) -> str:
        def make() -> str:
            self.made.append(text)
            return text

        return kept.get(text, make)


def test_the_least_recently_used_goes_first() -> None:
    kept, maker = Kept[str](2), Maker()
    for text in ("a", "b", "a", "c", "a", "b"):
        assert maker.of(kept, text) == text
    assert maker.made == ["a", "b", "c", "b"]


def test_what_is_kept_weighs_no_more_than_it_may_but_for_the_latest() -> None:
    kept, maker = Kept[str](10, len), Maker()
    for text in ("aaaa", "bbbb", "aaaa", "cccc", "aaaa", "bbbb", "x" * 20, "x" * 20, "bbbb"):
        assert maker.of(kept, text) == text
    assert maker.made == ["aaaa", "bbbb", "cccc", "bbbb", "x" * 20, "bbbb"]


def test_what_several_threads_want_is_made_once() -> None:
    kept, maker = Kept[str](2), Maker()
    together = threading.Barrier(8)

    def want(_: int) -> str:
        together.wait()
        return kept.get("a", slow)

    def slow() -> str:
        threading.Event().wait(0.05)
        return maker.of(Kept(1), "a")

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(want, range(8))) == {"a"}
    assert maker.made == ["a"]


def test_a_failure_is_of_one_thread_only() -> None:
    kept: Kept[str] = Kept(2)
    started = threading.Event()

    def fail() -> str:
        started.set()
        threading.Event().wait(0.05)
        raise ValueError("not now")

    with ThreadPoolExecutor(1) as pool:
        failing = pool.submit(kept.get, "a", fail)
        assert started.wait(5)
        assert kept.get("a", lambda: "made") == "made"
        with pytest.raises(ValueError, match="not now"):
            failing.result()
    assert kept.get("a", lambda: "anew") == "made"
