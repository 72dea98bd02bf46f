"""Ends running streams whose rights were taken away. Knows no policy: it is told how to look."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from auth.errors import TableNotFound
from flight_server.engines.base import Frame, FrameStream
from flight_server.query.errors import QueryError, RightsChanged
from flight_server.query.planned import Planned

CHECK_SECONDS = 1.0
_CHANGED = "The rights to the tables of this statement changed while it ran."


class GuardedFrames:
    """The frames of a running statement, as long as its rights hold.

    `check` raises where they do not; it is called at most once per second: before a frame is handed
    out, and while one is waited for. A reader that takes nothing for a while gets no frame
    afterwards without a check. `since` is when they held for sure.
    """

    def __init__(
        self,
        frames: FrameStream,
        check: Callable[[], None],
        since: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._frames = frames
        self._check = check
        self._clock = clock
        self._checked = since

    def __iter__(self) -> Iterator[Frame]:
        frames = iter(self._frames)
        while True:
            while not self._frames.ready(CHECK_SECONDS):
                self._look()
            self._look()
            frame = next(frames, None)
            if frame is None:
                return
            yield frame

    def ready(self, seconds: float) -> bool:
        """Whether the next frame, or the end, can be had within a time."""
        return self._frames.ready(seconds)

    def cancel(self) -> None:
        """End the statement now, from any thread."""
        self._frames.cancel()

    def close(self) -> None:
        """Give back what the statement holds."""
        self._frames.close()

    def _look(self) -> None:
        if self._clock() - self._checked < CHECK_SECONDS:
            return
        try:
            self._check()
        except BaseException:
            self._frames.cancel()
            raise
        self._checked = self._clock()


class Rights:
    """The rights that a running statement was planned with."""

    def __init__(self, planned: Planned) -> None:
        self._planned = planned
        self._fingerprint = planned.state.fingerprint

    def check(self, fingerprint: str, again: Callable[[], Planned]) -> None:
        """Raise `RightsChanged` where the statement would now read something else, or be refused.

        `fingerprint` is of the rights in force. Where it is another than before, the statement is
        planned `again` and compared, so that a change that is about others ends nothing. What
        lists the catalog itself cannot be compared, and is ended.
        """
        if fingerprint == self._fingerprint:
            return
        planned = self._planned
        try:
            now = again()
        except (TableNotFound, QueryError) as error:
            raise RightsChanged(_CHANGED) from error
        listed = any(relation.table.rows is not None for relation in planned.secured.relations)
        if listed or now.secured != planned.secured or now.schema != planned.schema:
            raise RightsChanged(_CHANGED)
        self._fingerprint = now.state.fingerprint
