"""Sends a result's batches as frames, never running far ahead of who reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from mmap import mmap

import pyarrow as pa

from flight_server.engines import frames
from flight_server.engines.duckdb import channel as wire
from flight_server.engines.duckdb import ring
from flight_server.engines.duckdb.channel import Channel
from flight_server.engines.duckdb.faults import Fault

_TOO_WIDE = "A row of the result is larger than a message may be."
_CHANGED = "The result no longer has the shape that it was planned with."
_PLACE = 4096  # what a frame may be short of the ring, for the protocol around it


class Stopped(Exception):
    """The front has ended the statement."""


class Emitter:
    """One statement's way out.

    `compression` is lz4, zstd or None; small frames are never compressed. Each frame costs one
    credit of `ring.SLOTS`; the front gives it back when it has taken the
    frame. A frame that is larger than a slot waits for the whole ring and costs all.
    """

    def __init__(
        self,
        channel: Channel,
        memory: mmap,
        schema: pa.Schema,
        number: int,
        compression: str | None = None,
    ) -> None:
        self._channel = channel
        self._schema = schema
        self._number = number
        self._encoder = frames.RingEncoder(memory, schema, compression)
        self._credits = ring.SLOTS
        self._slot = 0

    def emit(
        self, reader: pa.RecordBatchReader, check: Callable[[], None], *, cast: bool = False
    ) -> Fault | None:
        """Send all batches; gives a fault where the result cannot be sent. Raises `Stopped`.

        With `cast`, columns of another type than promised are cast where that loses nothing.
        """
        if not _same_shape(reader.schema, self._schema, cast):
            return Fault("data", _CHANGED, detail=f"{reader.schema} instead of {self._schema}")
        for batch in reader:
            check()
            for piece in self._pieces(batch):
                if not self._send(piece):
                    return Fault("resources", _TOO_WIDE)
        return None

    def _pieces(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        if batch.schema != self._schema:
            batch = pa.RecordBatch.from_arrays(
                [
                    column.cast(field.type)
                    for column, field in zip(batch.columns, self._schema, strict=True)
                ],
                schema=self._schema,
            )
        return frames.pieces(batch, frames.FRAME_BYTES)

    def _send(self, batch: pa.RecordBatch) -> bool:
        size = frames.size(batch)
        if size <= frames.INLINE_BYTES:
            self._await(1)
            payload = wire.NUMBER.pack(batch.num_rows) + frames.encode(batch)
            self._channel.send(wire.INLINE, payload)
            return True
        needed = self._encoder.needs(batch)
        if needed > ring.SIZE - _PLACE:
            return False
        whole = needed > ring.SLOT
        cost = ring.SLOTS if whole else 1
        self._await(cost)
        offset, room = (0, ring.SIZE) if whole else (self._slot * ring.SLOT, ring.SLOT)
        place, length = self._encoder.encode(batch, offset, room)
        self._slot = (self._slot + cost) % ring.SLOTS
        self._channel.send(wire.FRAME, wire.PLACE.pack(place, length, batch.num_rows, cost))
        return True

    def _await(self, cost: int) -> None:
        while self._credits < cost:
            kind, payload = self._channel.receive()
            if kind == wire.CREDIT:
                number, taken = wire.TAKEN.unpack(payload)
                # a frame of an earlier statement may have been taken late
                self._credits += taken if number == self._number else 0
            elif kind == wire.CANCEL and wire.NUMBER.unpack(payload)[0] == self._number:
                raise Stopped
        self._credits -= cost


def _same_shape(found: pa.Schema, promised: pa.Schema, cast: bool) -> bool:
    """Whether names and types are the promised ones, up to how long text is stored."""
    return found.names == promised.names and all(
        _common(a) == _common(b) or (cast and _castable(a, b))
        for a, b in zip(found.types, promised.types, strict=True)
    )


def _castable(found: pa.DataType, promised: pa.DataType) -> bool:
    try:
        pa.nulls(0, found).cast(promised)  # pa.array would look for pandas, out of reach here
    except pa.ArrowException:
        return False
    return True


def _common(data: pa.DataType) -> pa.DataType:
    if pa.types.is_large_string(data):
        return pa.string()
    if pa.types.is_large_binary(data):
        return pa.binary()
    return data
