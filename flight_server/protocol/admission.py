"""Keeps one user from holding all of the server's threads."""

from __future__ import annotations

import threading

from flight_server.protocol.errors import TooManyCalls


class OpenCalls:
    """Counts the open calls of each user. Safe to use from several threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._open: dict[str, int] = {}

    def enter(self, subject: str) -> None:
        """Take a place for one call; raises `TooManyCalls` where the user has none left."""
        with self._lock:
            open_now = self._open.get(subject, 0)
            if open_now >= self._limit:
                raise TooManyCalls(f"You have {self._limit} calls open, as many as one user may.")
            self._open[subject] = open_now + 1

    def leave(self, subject: str) -> None:
        """Give a place back."""
        with self._lock:
            left = self._open[subject] - 1
            if left:
                self._open[subject] = left
            else:
                del self._open[subject]
