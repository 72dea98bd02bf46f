"""Answers kept for a while: by key, bounded, and asked for by one thread at a time."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True)
class _Entry(Generic[V]):
    lock: threading.Lock = field(default_factory=threading.Lock)
    known: bool = False
    value: V | None = None
    until: float = -math.inf


class ExpiringCache(Generic[K, V]):
    """A cache of at most `entries` answers, each good for `seconds` (`math.inf` for ever).

    The first thread that misses a key asks the source; others that want the same key wait for its
    answer, and those that want another key do not. A failure is not kept. `good_for` may give an
    answer fewer seconds (None: all of them).
    """

    def __init__(
        self,
        *,
        seconds: float,
        entries: int,
        good_for: Callable[[V], float | None] = lambda _value: None,
    ) -> None:
        self._seconds = seconds
        self._limit = entries
        self._good_for = good_for
        self._lock = threading.Lock()
        self._entries: OrderedDict[K, _Entry[V]] = OrderedDict()

    def get(
        self,
        key: K,
        load: Callable[[V | None], V],
        holds: Callable[[V], bool] = lambda _value: True,
    ) -> V:
        """The answer for `key`; `load` is given the stale answer, if any, and gives the new one.

        An answer that does not hold any more, by what the caller knows, is stale as well.
        """
        entry = self._entry(key)
        with entry.lock:
            if entry.known and time.monotonic() < entry.until:
                known: V = entry.value  # type: ignore[assignment]  # known: V, which may be None
                if holds(known):
                    return known
            asked = time.monotonic()
            value = load(entry.value)
            entry.value, entry.known = value, True
            # counted from the question: the answer may be as old as that
            own = self._good_for(value)
            entry.until = asked + (self._seconds if own is None else min(own, self._seconds))
            return value

    def peek(self, key: K) -> V | None:
        """The last answer for `key`, however old, without asking for a new one."""
        with self._lock:
            entry = self._entries.get(key)
            return entry.value if entry is not None else None

    def _entry(self, key: K) -> _Entry[V]:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                entry = self._entries[key] = _Entry()
                while len(self._entries) > self._limit:
                    self._entries.popitem(last=False)
            self._entries.move_to_end(key)
            return entry
