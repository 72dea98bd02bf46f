"""Tables of another engine that one statement brings here: what it needs of them, and how much."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from flight_server.engines import frames
from flight_server.engines.base import EngineStream
from flight_server.engines.errors import Busy, OutOfResources

_FULL = "The server holds too much of other statements' tables of Athena; try again in a moment."


@dataclass(frozen=True, slots=True)
class Need:
    """What a statement reads of a relation: these of its visible columns, in their order.

    `where` is a condition over visible columns in DuckDB's SQL, true for each row that can matter;
    None where any may.
    """

    columns: tuple[str, ...]
    where: str | None = None


class Room:
    """Bytes that may be brought: `most` for one statement, `total` for all at once.

    Safe for several threads.
    """

    def __init__(self, most: int, total: int) -> None:
        self.most = most
        self._total = total
        self._lock = threading.Lock()
        self._used = 0

    def take(self, size: int) -> None:
        """Raises `Busy` where there is no room beside what other statements hold."""
        with self._lock:
            if self._used + size > self._total:
                raise Busy(_FULL)
            self._used += size

    def give(self, size: int) -> None:
        """Give room back."""
        with self._lock:
            self._used -= size


class Share:
    """What one statement holds of the room. Safe for several threads."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._lock = threading.Lock()
        self._held = 0
        self._ended = False

    def take(self, size: int) -> None:
        """Raises `OutOfResources` for more than one statement may have, and as `Room.take`."""
        with self._lock:
            if self._held + size > self._room.most:
                raise OutOfResources(
                    "The statement needs more of a table of Athena than may be brought here:"
                    f" {self._room.most:,} bytes."
                )
            if not self._ended:
                self._room.take(size)
                self._held += size

    def end(self) -> None:
        """Give all of it back, once."""
        with self._lock:
            held, self._held, self._ended = self._held, 0, True
            self._room.give(held)


class Brought:
    """The rows of a table of another engine, as its stream gives them; to be read once.

    `schema` has those of the table's columns that are brought.
    """

    def __init__(self, schema: pa.Schema, stream: EngineStream, share: Share) -> None:
        self.schema = schema
        self._stream = stream
        self._share = share

    def __call__(self) -> Iterator[pa.RecordBatch]:
        """The batches. Raises what the stream does, and `OutOfResources` for too many bytes."""
        for frame in self._stream:
            self._share.take(len(frame.data))
            yield frames.decode(frame.data, self.schema)
