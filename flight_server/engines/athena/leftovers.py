"""What could not be ended or deleted while AWS refused us: tried again for an hour."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from flight_server.engines.athena.faults import CallFailed

_log = logging.getLogger(__name__)
_FIRST_PAUSE, _MOST_PAUSE = 2.0, 60.0
_SECONDS = 3_600.0
_MOST = 1_000


@dataclass(frozen=True, slots=True)
class _Left:
    name: str
    action: Callable[[], object]
    until: float


class Leftovers:
    """The leftovers of one account; a thread works at them while there are any.

    What is left after an hour, when too many wait or when the process ends, is for the bucket's
    lifecycle rule and the work group's limits. Safe for several threads.
    """

    def __init__(self, first_pause: float = _FIRST_PAUSE) -> None:
        self._first_pause = first_pause
        self._lock = threading.Lock()
        self._left: deque[_Left] = deque()
        self._running = False

    def add(self, name: str, action: Callable[[], object]) -> None:
        """Do what AWS has refused once it no longer does; `name` is for the log."""
        with self._lock:
            if len(self._left) >= _MOST:
                _log.warning("too much is left over: %s is given up", name)
                return
            self._left.append(_Left(name, action, time.monotonic() + _SECONDS))
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="athena-leftovers", daemon=True).start()

    def _run(self) -> None:
        pause = self._first_pause
        while True:
            time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            pause = self._first_pause if self._round() else min(pause * 2, _MOST_PAUSE)
            with self._lock:
                if not self._left:
                    self._running = False
                    return

    def _round(self) -> bool:
        """Try each once, in order, until one is refused; whether none was."""
        with self._lock:
            count = len(self._left)
        for _ in range(count):
            with self._lock:
                left = self._left[0]
            done = self._try(left)
            if not done and time.monotonic() < left.until:
                return False
            if not done:
                _log.warning("%s was given up", left.name)
            with self._lock:
                self._left.popleft()
        return True

    def _try(self, left: _Left) -> bool:
        try:
            left.action()
        except CallFailed:
            return False
        except Exception:
            # the root of a thread's turn: the others must still be tried
            _log.exception("%s failed", left.name)
        return True
