"""How long one more statement would wait for a worker, by how long others take."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

_WEIGHT = 0.1  # of the latest statement in what is typical


class Load:
    """What runs and what waits. Used under the lock of whoever counts.

    `places` statements run at once.
    """

    def __init__(self, places: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._places = places
        self._clock = clock
        self._since: dict[Hashable, float] = {}
        self._typical = 0.0
        self._waiting = 0

    def waits(self, more: int) -> None:
        """So many more statements wait, or fewer where it is negative."""
        self._waiting += more

    def began(self, statement: Hashable) -> None:
        """A statement got its place."""
        self._since[statement] = self._clock()

    def ended(self, statement: Hashable) -> None:
        """A statement gave its place back; one that is not known is left alone."""
        since = self._since.pop(statement, None)
        if since is not None:
            took = self._clock() - since
            known = self._typical or took
            self._typical = known + _WEIGHT * (took - known)

    def wait(self) -> float:
        """The seconds that one more statement would wait, as far as that can be told.

        One that runs is taken to need what is typical, and one that has run for longer, as long
        again.
        """
        if len(self._since) + self._waiting < self._places:
            return 0.0
        now = self._clock()
        left = sorted(
            self._typical - passed if passed < self._typical else passed
            for passed in (now - since for since in self._since.values())
        )
        if not left:
            return 0.0
        rounds, place = divmod(self._waiting, len(left))
        return left[place] + rounds * self._typical
