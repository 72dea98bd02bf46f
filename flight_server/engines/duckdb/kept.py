"""Keeps the latest of what was computed from values that never change."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Kept(Generic[_T]):
    """What was made for the keys last asked for; two threads may make the same thing at once."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._things: OrderedDict[object, _T] = OrderedDict()

    def get(self, key: object, make: Callable[[], _T]) -> _T:
        """What was made for a key; made now where there is nothing."""
        with self._lock:
            known = self._things.get(key)
            if known is not None:
                self._things.move_to_end(key)
                return known
        made = make()
        with self._lock:
            self._things[key] = made
            while len(self._things) > self._capacity:
                self._things.popitem(last=False)
        return made
