"""How much users may have read in a day: bytes of files that statements were planned to read.

Days are those of UTC. Counted in this process: replicas count each for themselves.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from auth.limits import Limits
from flight_server.engines.base import EngineStream
from flight_server.query.errors import OverBudget

GIGABYTE = 10**9
_DAY = 86_400


def day_of(moment: float) -> int:
    """The day of a moment, both since 1970."""
    return int(moment // _DAY)


class Budget:
    """Counts what each user's statements read today. Safe for several threads.

    What was begun counts, whether it was read to its end or not. A clock that is set back does not
    begin a day anew.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._day = day_of(clock())
        self._used: dict[str, int] = {}

    def charged(self, frames: EngineStream, owner: str, limits: Limits) -> EngineStream:
        """A stream whose files are counted; it is closed, and none of it read, where they are
        more than its owner has left. Raises `OverBudget`."""
        try:
            self.take(owner, sum(each.bytes for each in frames.scanned), limits)
        except OverBudget:
            frames.close()
            raise
        return frames

    def take(self, owner: str, size: int, limits: Limits) -> None:
        """Count bytes for a user. Raises `OverBudget` for more than is left, and counts nothing."""
        with self._lock:
            self._turn()
            used = self._used.get(owner, 0) + size
            most = limits.scan_gb_day
            # what reads no file needs nothing of it
            if most is not None and size and used > most * GIGABYTE:
                raise OverBudget(
                    f"The statement reads more than is left of the {most:,} GB that you may read"
                    " in a day, which begins at midnight in UTC."
                )
            self._used[owner] = used

    def restore(self, spent: Callable[[int], Mapping[str, int]]) -> None:
        """Count what users read earlier today, which `spent` tells by the day."""
        with self._lock:
            self._turn()
            for owner, size in spent(self._day).items():
                self._used[owner] = self._used.get(owner, 0) + size

    def _turn(self) -> None:
        today = day_of(self._clock())
        if today > self._day:
            self._day = today
            self._used.clear()
