"""Keeps the latest of what was computed from values that never change."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")


def _one(_thing: object) -> int:
    return 1


class Kept(Generic[_T]):
    """What was made for the keys last asked for. Safe for several threads.

    `capacity` is how much there may be, in all, of what `weigh` says of each thing: their number
    where nothing else is told. The latest thing is kept however heavy it is. What one thread is
    making others wait for; they make it themselves where the first one failed.
    """

    def __init__(self, capacity: int, weigh: Callable[[_T], int] = _one) -> None:
        self._capacity = capacity
        self._weigh = weigh
        self._weight = 0
        self._lock = threading.Lock()
        self._things: OrderedDict[object, tuple[_T, int]] = OrderedDict()
        self._making: dict[object, threading.Event] = {}

    def get(self, key: object, make: Callable[[], _T]) -> _T:
        """What was made for a key; made now where there is nothing. Raises what `make` raises."""
        waited = False
        while True:
            with self._lock:
                known = self._things.get(key)
                if known is not None:
                    self._things.move_to_end(key)
                    return known[0]
                made = self._making.get(key)
                if made is None:
                    made = self._making[key] = threading.Event()
                    break
            if waited:
                return self._put(key, make())
            made.wait()
            waited = True
        try:
            return self._put(key, make())
        finally:
            with self._lock:
                del self._making[key]
            made.set()

    def _put(self, key: object, made: _T) -> _T:
        weight = self._weigh(made)
        with self._lock:
            replaced = self._things.pop(key, None)
            if replaced is not None:
                self._weight -= replaced[1]
            self._things[key] = made, weight
            self._weight += weight
            while self._weight > self._capacity and len(self._things) > 1:
                _, (_, gone) = self._things.popitem(last=False)
                self._weight -= gone
        return made
