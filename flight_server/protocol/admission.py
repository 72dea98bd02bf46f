"""Keeps one user from holding all of the server's threads."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from flight_server.protocol.errors import TooManyCalls


class OpenCalls:
    """Counts the open calls of each user. Safe to use from several threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._open: Counter[str] = Counter()

    @contextmanager
    def one_more(self, subject: str) -> Iterator[None]:
        """Hold a place for one call; raises `TooManyCalls` where the user has none left."""
        with self._lock:
            if self._open[subject] >= self._limit:
                raise TooManyCalls(f"You have {self._limit} calls open, as many as one user may.")
            self._open[subject] += 1
        try:
            yield
        finally:
            with self._lock:
                self._open[subject] -= 1
                if not self._open[subject]:
                    del self._open[subject]
