"""Runs a statement once for each of several rows of parameters, as one stream of frames."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pyarrow as pa

from flight_server.engines.base import Frame, FrameStream
from flight_server.engines.errors import Cancelled


class RowByRow:
    """The results for all rows in their order; at any time one statement runs.

    `start` runs the statement for one row. The first is started at once, so that what refuses it
    refuses the whole.
    """

    def __init__(
        self, start: Callable[[pa.RecordBatch], FrameStream], rows: pa.RecordBatch
    ) -> None:
        self._start = start
        self._rows = rows
        self._lock = threading.Lock()
        self._ended = False
        self._current = start(rows.slice(0, 1))

    def __iter__(self) -> Iterator[Frame]:
        for number in range(self._rows.num_rows):
            if number:
                self._go_on(number)
            yield from self._current
            self._current.close()

    def ready(self, seconds: float) -> bool:
        """Whether the running statement's next frame, or its end, can be had within a time."""
        return self._current.ready(seconds)

    def cancel(self) -> None:
        """End the statement that runs now; none of the later rows is run."""
        with self._lock:
            self._ended = True
            current = self._current
        current.cancel()

    def close(self) -> None:
        """Give back what the running statement holds."""
        with self._lock:
            self._ended = True
            current = self._current
        current.close()

    def _go_on(self, number: int) -> None:
        self._check()
        # Outside of the lock: this may wait for a worker, and who cancels must not.
        started = self._start(self._rows.slice(number, 1))
        with self._lock:
            self._current = started
        if self._ended:
            started.close()
        self._check()

    def _check(self) -> None:
        if self._ended:
            raise Cancelled("The statement was cancelled.")
