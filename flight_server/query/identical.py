"""Remembers what was made of values that never change, by which objects they are."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class Identical(Generic[V]):
    """What was made of the latest `most` tuples of objects. Safe for several threads.

    To compare tables and grants with all that is in them would take longer than to make most
    things anew. The objects are kept, so that no others have their numbers meanwhile.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[Hashable, ...], tuple[tuple[object, ...], V]] = OrderedDict()

    def get(
        self, objects: tuple[object, ...], beside: tuple[Hashable, ...], make: Callable[[], V]
    ) -> V:
        """What was made of the same objects, and of equal values `beside` them; else it is made."""
        key = (*map(id, objects), *beside)
        with self._lock:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
                return known[1]
        made = make()
        with self._lock:
            self._kept[key] = (objects, made)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return made
