"""Threads that take the most urgent job first, whoever asked for it and when."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import Any, TypeVar

_T = TypeVar("_T")


class Ranked:
    """So many threads at most. Safe for several threads; a lower rank is more urgent."""

    def __init__(self, threads: int, name: str) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._lock = threading.Lock()
        self._numbers = count()
        self._jobs: list[tuple[int, int, Callable[[], Any], Future[Any]]] = []

    def submit(self, rank: int, job: Callable[[], _T]) -> Future[_T]:
        """Have a job done; those of one rank in the order in which they came."""
        future: Future[_T] = Future()
        with self._lock:
            self._threads.submit(self._next)
            heapq.heappush(self._jobs, (rank, next(self._numbers), job, future))
        return future

    def close(self) -> None:
        """Start nothing more; what has begun ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            left, self._jobs = self._jobs, []
        for *_, future in left:
            future.cancel()

    def _next(self) -> None:
        with self._lock:
            if not self._jobs:
                return  # closed meanwhile
            _, _, job, future = heapq.heappop(self._jobs)
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = job()
        except BaseException as error:  # whoever waits for the job is told, whatever it was
            future.set_exception(error)
        else:
            future.set_result(result)
