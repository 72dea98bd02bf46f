"""Looks at the files that may change every second, so that a fault in one is logged at once.

Calls look by themselves; this is for the times when nobody calls.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

_SECONDS = 1.0


class Lookout:
    """Calls `looks` again and again on a thread of its own, until closed."""

    def __init__(self, looks: Sequence[Callable[[], object]], seconds: float = _SECONDS) -> None:
        self._looks = looks
        self._seconds = seconds
        self._closed = threading.Event()
        threading.Thread(target=self._run, name="lookout", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.wait(self._seconds):
            for look in self._looks:
                look()
