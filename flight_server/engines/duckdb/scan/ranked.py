"""Threads that take the most urgent job first, and never all the jobs of one source."""

from __future__ import annotations

import heapq
import threading
from collections import Counter
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import Any, TypeVar

_T = TypeVar("_T")
_Job = tuple[int, int, Callable[[], Any], Future[Any]]


class Ranked:
    """So many threads, of which jobs of one source take `most`. Safe for several threads.

    A source that stands still so leaves threads for others.
    """

    def __init__(self, threads: int, most: int, name: str) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most = most
        self._lock = threading.Lock()
        self._numbers = count()
        self._waiting: dict[Hashable, list[_Job]] = {}
        self._running: Counter[Hashable] = Counter()

    def submit(self, rank: int, source: Hashable, job: Callable[[], _T]) -> Future[_T]:
        """Have a job done, those of lower ranks first; of one rank in the order they came in."""
        future: Future[_T] = Future()
        with self._lock:
            self._threads.submit(self._work)
            waiting = self._waiting.setdefault(source, [])
            heapq.heappush(waiting, (rank, next(self._numbers), job, future))
        return future

    def close(self) -> None:
        """Start nothing more; what has begun ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            left, self._waiting = self._waiting, {}
        for waiting in left.values():
            for *_, future in waiting:
                future.cancel()

    def _work(self) -> None:
        """Do jobs while there are any that may run: one may have waited for one that ends here."""
        while (taken := self._taken()) is not None:
            source, job, future = taken
            try:
                if future.set_running_or_notify_cancel():
                    _do(job, future)
            finally:
                with self._lock:
                    self._running[source] -= 1
                    if not self._running[source]:
                        del self._running[source]

    def _taken(self) -> tuple[Hashable, Callable[[], Any], Future[Any]] | None:
        with self._lock:
            free = [each for each in self._waiting if self._running[each] < self._most]
            if not free:
                return None
            source = min(free, key=lambda each: self._waiting[each][0][:2])
            _, _, job, future = heapq.heappop(self._waiting[source])
            if not self._waiting[source]:
                del self._waiting[source]
            self._running[source] += 1
            return source, job, future


def _do(job: Callable[[], Any], future: Future[Any]) -> None:
    try:
        result = job()
    except BaseException as error:  # whoever waits for the job is told, whatever it was
        future.set_exception(error)
    else:
        future.set_result(result)
