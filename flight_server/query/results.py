"""A result on its way: its endpoints, its frames, and what is told of it before and at the end."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flight_server.engines.base import Choice, Frame, FrameStream
from flight_server.query.caller import Caller
from flight_server.query.choosing import told_choice, told_cost
from flight_server.query.course import Course
from flight_server.query.places import shown_table
from flight_server.query.planned import Planned

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One part of a result: a ticket for it, valid until `expires_at` (seconds since 1970)."""

    ticket: bytes
    expires_at: float


@dataclass(frozen=True, slots=True)
class Offer:
    """What a planned result can be read by. `ordered`: in the order of its endpoints.

    `told` is what a client is told of it, as JSON.
    """

    endpoints: tuple[Endpoint, ...]
    ordered: bool
    told: bytes


def told_at_planning(
    planned: Planned,
    choice: Choice,
    warnings: Sequence[str] = (),
    more: Mapping[str, Any] | None = None,
) -> bytes:
    """What a client is told of a planned statement, as JSON.

    Of tables only those that the statement names. No sizes and no counts where they would tell of
    columns and rows that are hidden.
    """
    return _encoded(
        {
            **_identity(planned, told_choice(choice)),
            "tables": [str(shown_table(relation.name)) for relation in planned.secured.relations],
            "warnings": list(warnings),
            **(more or {}),
        }
    )


class ResultStream:
    """A running statement: its frames, and one line in the log when it ends."""

    def __init__(
        self,
        caller: Caller,
        planned: Planned,
        frames: FrameStream,
        *,
        course: Course,
    ) -> None:
        self.schema = planned.schema
        self._caller = caller
        self._planned = planned
        self._frames = frames
        self._course = course
        self._rows = 0
        self._bytes = 0
        self._status = "closed early"
        self._error: Exception | None = None
        self._closed = False

    def __iter__(self) -> Iterator[Frame]:
        try:
            for frame in self._frames:
                self._rows += frame.rows
                self._bytes += len(frame.data)
                self._course.frame(frame)
                yield frame
            self._status = "ok"
        except Exception as error:
            self._status, self._error = type(error).__name__, error
            raise

    def ready(self, seconds: float) -> bool:
        """Whether the next frame, or the end, can be had within a time."""
        return self._frames.ready(seconds)

    def told(self) -> bytes:
        """What a client is told at the end, as JSON; `bytes` are those of the frames."""
        part = self._planned.state.part
        return _encoded(
            {
                **_identity(self._planned, {"engine": self._course.choice.engine}),
                **({} if part is None else {"part": part[0], "parts": part[1]}),
                "status": self._status,
                "rows": self._rows,
                "bytes": self._bytes,
                "seconds": self._seconds(),
                **told_cost(self._course.choice, self._course.cost),
            }
        )

    def cancel(self) -> None:
        """End the statement now, as its client is gone; may be called from any thread."""
        self._course.client_gone()
        self._frames.cancel()

    def close(self) -> None:
        """Free what the statement holds; to be called at the end, whatever happened."""
        if self._closed:
            return
        self._closed = True
        try:
            self._frames.close()
        finally:
            self._course.end(self._error, whole=self._status == "ok")
        log.info(
            "statement finished",
            extra={
                "request_id": self._caller.request_id,
                "query_id": self._planned.query_id,
                "subject": self._caller.principal.subject,
                "text_sha256": hashlib.sha256(self._planned.secured.text.encode()).hexdigest(),
                "status": self._status,
                "rows": self._rows,
                "bytes": self._bytes,
                "seconds": self._seconds(),
            },
        )

    def _seconds(self) -> float:
        return round(time.monotonic() - self._course.started, 4)


def _identity(planned: Planned, engine: Mapping[str, Any]) -> dict[str, Any]:
    # As text: a snapshot's id has more digits than a number in JSON is read with.
    snapshots = defaultdict[str, list[str]](list)
    # not of what views are made of, which may be hidden
    named = {relation.name for relation in planned.secured.relations}
    for name, snapshot in planned.state.snapshots.items():
        if name in named and snapshot.snapshot_id is not None:
            snapshots[str(shown_table(name))].append(str(snapshot.snapshot_id))
    # one statement may read several states of a table
    told = {name: ", ".join(dict.fromkeys(ids)) for name, ids in snapshots.items()}
    return {"query_id": planned.query_id, **engine, "snapshots": told}


def _encoded(facts: Mapping[str, Any]) -> bytes:
    return json.dumps(facts, separators=(",", ":"), ensure_ascii=False).encode()
