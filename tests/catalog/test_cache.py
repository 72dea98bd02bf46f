"""Answers are asked for once, kept for their time, and never after a failure."""

from __future__ import annotations

import threading
import time

import pytest

from catalog.cache import ExpiringCache


def test_an_answer_is_kept_for_its_time_and_then_asked_for_again_with_the_old_one_at_hand():
    cache: ExpiringCache[str, int] = ExpiringCache(seconds=0.05, entries=4)
    asked: list[int | None] = []

    def load(old: int | None) -> int:
        asked.append(old)
        return len(asked)

    assert cache.get("a", load) == cache.get("a", load) == 1
    time.sleep(0.06)  # what was told is believed no longer
    assert cache.get("a", load) == 2
    assert asked == [None, 1]
    assert cache.peek("a") == 2
    assert cache.peek("b") is None


def test_none_is_an_answer_too():
    cache: ExpiringCache[str, None] = ExpiringCache(seconds=60, entries=4)
    asked = []
    for _ in range(3):
        assert cache.get("a", lambda _old: asked.append(1)) is None
    assert asked == [1]


def test_a_failure_is_not_kept():
    cache: ExpiringCache[str, int] = ExpiringCache(seconds=60, entries=4)

    def fail(_old: int | None) -> int:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        cache.get("a", fail)
    assert cache.get("a", lambda _old: 1) == 1


def test_the_least_recently_used_answers_go_first():
    cache: ExpiringCache[int, int] = ExpiringCache(seconds=60, entries=2)
    for key in (1, 2, 1, 3):
        cache.get(key, lambda _old, key=key: key)
    assert (cache.peek(1), cache.peek(2), cache.peek(3)) == (1, None, 3)


def test_threads_that_want_the_same_wait_for_one_and_others_do_not():
    cache: ExpiringCache[str, int] = ExpiringCache(seconds=60, entries=4)
    started, release = threading.Event(), threading.Event()
    asked: list[int] = []

    def slow(_old: int | None) -> int:
        asked.append(1)
        started.set()
        release.wait(5)
        return 1

    threads = [threading.Thread(target=cache.get, args=("a", slow)) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert started.wait(5)
    assert cache.get("b", lambda _old: 2) == 2
    release.set()
    for thread in threads:
        thread.join()
    assert asked == [1]
