"""Time in tests: until something comes true, no longer than anything may take, or as it is set."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def eventually(condition: Callable[[], object], seconds: float = 5.0) -> bool:
    """Whether a condition comes true in time."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)  # there is no event for what is seen from outside
    return True


def later() -> None:
    """Let so much time pass that what is written next has a later millisecond."""
    time.sleep(0.005)


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@contextmanager
def within(seconds: float, what: str = "it") -> Iterator[None]:
    """What is done inside must end in time.

    A guard against what hangs, or takes ever longer with the size of its input: give many times
    what it takes on an idle machine, or what is promised and room for a busy one.
    """
    started = time.monotonic()
    yield
    took = time.monotonic() - started
    assert took < seconds, f"{what} took {took:.2f} seconds instead of {seconds}"
