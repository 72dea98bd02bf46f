"""How many statements run on Athena at once; the others wait their turn, in order."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from flight_server.engines.errors import Busy

_BUSY = "Athena is busy with other statements; try again in a moment."


class Admission:
    """Places for running statements. Safe for several threads."""

    def __init__(self, places: int, waiting: int) -> None:
        self._free = places
        self._most = waiting
        self._changed = threading.Condition()
        self._line: deque[object] = deque()

    @property
    def free(self) -> int:
        """How many places nobody has and nobody waits for."""
        with self._changed:
            return max(self._free - len(self._line), 0)

    def check(self) -> None:
        """Raises `Busy` where one more could not even wait."""
        with self._changed:
            if self._free <= 0 and len(self._line) >= self._most:
                raise Busy(_BUSY)

    def take(self, until: float, stopped: Callable[[], bool]) -> bool:
        """Wait for a place, until a moment of `time.monotonic`; False where it was stopped.

        Who stops a waiting statement calls `wake`. Raises `Busy`.
        """
        turn = object()
        with self._changed:
            if self._free <= 0 and len(self._line) >= self._most:
                raise Busy(_BUSY)
            self._line.append(turn)
            try:
                while not (self._free > 0 and self._line[0] is turn):
                    if stopped():
                        return False
                    left = until - time.monotonic()
                    if left <= 0:
                        raise Busy(_BUSY)
                    self._changed.wait(left)
                if stopped():
                    return False
                self._free -= 1
                return True
            finally:
                self._line.remove(turn)
                self._changed.notify_all()

    def give(self) -> None:
        """Give a place back."""
        with self._changed:
            self._free += 1
            self._changed.notify_all()

    def wake(self) -> None:
        """Have all that wait look whether they were stopped."""
        with self._changed:
            self._changed.notify_all()
