"""Arrow data as FlightData messages, written by hand so that bodies are copied only once."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

# Tags of FlightData: field 2 is the IPC metadata, field 3 the application's, field 1000 the body,
# all length-delimited.
_HEADER = b"\x12"
_METADATA = b"\x1a"
_BODY = b"\xc2\x3e"
# An encapsulated IPC message starts with a continuation marker and its metadata's length.
_PREFIX = 8
# What every client takes: some refuse messages over 4 MiB.
MAX_FRAME = 3 * 1024 * 1024


def varint(number: int) -> bytes:
    """A number as protobuf writes lengths."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def frame(message: pa.Buffer) -> bytes:
    """The FlightData message of an encapsulated IPC message."""
    view = memoryview(message)
    split = _PREFIX + int.from_bytes(view[4:_PREFIX], "little")
    header, body = view[_PREFIX:split], view[split:]
    parts: list[bytes | memoryview] = [_HEADER, varint(len(header)), header]
    if body:
        parts += [_BODY, varint(len(body)), body]
    return b"".join(parts)


def with_metadata(data: bytes, metadata: bytes) -> bytes:
    """A finished FlightData message with the application's metadata added at its end."""
    return b"".join((data, _METADATA, varint(len(metadata)), metadata))


def schema_bytes(schema: pa.Schema) -> bytes:
    """A schema as an encapsulated IPC message, as FlightInfo and results of actions carry it."""
    encoded: bytes = schema.serialize().to_pybytes()
    return encoded


def table_frames(batch: pa.RecordBatch) -> Iterator[bytes]:
    """A whole result as frames: the schema, then the rows in slices of at most about `MAX_FRAME`.

    A single larger row is sent alone. Not for dictionary-encoded columns.
    """
    return batch_frames(batch.schema, iter((batch,)))


def batch_frames(schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    """The same of a result in parts, each sent as it comes."""
    yield frame(schema.serialize())
    for batch in batches:
        rows = batch.num_rows
        if rows:
            step = max(1, rows * MAX_FRAME // max(batch.nbytes, 1))
            for start in range(0, rows, step):
                yield from _sliced(batch.slice(start, step))


def _sliced(batch: pa.RecordBatch) -> Iterator[bytes]:
    # Rows differ in size, so that a slice of average rows can still be too large.
    if batch.num_rows > 1 and batch.nbytes > MAX_FRAME * 5 // 4:
        half = batch.num_rows // 2
        yield from _sliced(batch.slice(0, half))
        yield from _sliced(batch.slice(half))
    else:
        yield frame(batch.serialize())
