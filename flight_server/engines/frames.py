"""Record batches as finished FlightData messages, encoded once, in place where they are large."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from mmap import mmap

import pyarrow as pa

# FlightData's fields: data_header = 2 (the batch's IPC metadata), data_body = 1000
_HEADER_TAG = b"\x12"
_BODY_TAG = b"\xc2\x3e"
_PREFIX = 8  # an IPC message's continuation mark and length, before its metadata
_MARK = 0xFFFFFFFF
_SLACK = 64
_MIB = 1024 * 1024
INLINE_BYTES = 64 * 1024  # frames up to here are never compressed
FRAME_BYTES = 3 * _MIB  # what a frame should have at most
MESSAGE_BYTES = 16 * _MIB  # what one must be below, for clients


def varint(value: int) -> bytes:
    """A number as protobuf writes it."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def size(batch: pa.RecordBatch) -> int:
    """The bytes of a batch once encoded, within a few bytes."""
    encoded: int = pa.ipc.get_record_batch_size(batch)
    return encoded


def pieces(batch: pa.RecordBatch, limit: int) -> Iterator[pa.RecordBatch]:
    """The batch in slices of at most `limit` encoded bytes each, or of one row."""
    rows = batch.num_rows
    if rows == 0:
        return
    encoded = size(batch)
    if encoded <= limit or rows == 1:
        yield batch
        return
    step = -(-rows // -(-encoded // limit))
    step = min(step, rows - 1)
    for start in range(0, rows, step):
        yield from pieces(batch.slice(start, step), limit)


def encode(batch: pa.RecordBatch) -> bytes:
    """A small batch as one message."""
    message = batch.serialize(memory_pool=None)
    view = memoryview(message)
    (length,) = struct.unpack_from("<I", view, 4)
    metadata, body = view[_PREFIX : _PREFIX + length], view[_PREFIX + length :]
    return b"".join(
        (_HEADER_TAG, varint(len(metadata)), metadata, _BODY_TAG, varint(len(body)), body)
    )


class RingEncoder:
    """Encodes the batches of one schema straight into memory that is given, as a rule shared."""

    def __init__(
        self, ring: mmap | bytearray, schema: pa.Schema, compression: str | None = None
    ) -> None:
        self._view = memoryview(ring)
        self._schema = schema
        self._options = pa.ipc.IpcWriteOptions(compression=compression)
        self._lead = int(schema.serialize().size)

    def needs(self, batch: pa.RecordBatch) -> int:
        """The bytes of ring that a batch takes while it is encoded, at most."""
        encoded = size(batch)
        if self._options.compression is not None:
            # what does not compress grows a little, and each buffer is told its length
            buffers = sum(len(column.buffers()) for column in batch.columns)
            encoded += encoded // 64 + _SLACK * buffers
        return self._lead + encoded + 2 * _SLACK

    def encode(self, batch: pa.RecordBatch, offset: int, room: int) -> tuple[int, int]:
        """Write the message within `room` bytes from `offset`; gives its offset and length.

        The IPC writer puts the schema first (it is left behind) and then the batch; only the
        batch's small metadata is moved, to make place for the protobuf tags around the body.
        """
        place = self._view[offset + _SLACK : offset + room]
        sink = pa.FixedSizeBufferWriter(pa.py_buffer(place))
        writer = pa.ipc.new_stream(sink, self._schema, options=self._options)
        writer.write_batch(batch)
        end = offset + _SLACK + int(sink.tell())
        start = offset + _SLACK + self._lead
        mark, length = struct.unpack_from("<II", self._view, start)
        if mark != _MARK:
            raise RuntimeError("the IPC writer laid out its message in an unknown way")
        body = start + _PREFIX + length
        tail = _BODY_TAG + varint(end - body)
        head = _HEADER_TAG + varint(length)
        metadata = bytes(self._view[start + _PREFIX : body])
        begin = body - len(tail) - length - len(head)
        self._view[begin:body] = head + metadata + tail
        return begin, end - begin


def decode(data: bytes, schema: pa.Schema) -> pa.RecordBatch:
    """The batch of one of our own messages."""
    view = memoryview(data)
    header, end = _field(view, 0, _HEADER_TAG)
    body, _ = _field(view, end, _BODY_TAG)
    prefix = struct.pack("<II", _MARK, len(header))
    metadata = pa.ipc.read_message(pa.py_buffer(b"".join((prefix, header, body))))
    return pa.ipc.read_record_batch(metadata, schema)


def _field(view: memoryview, at: int, tag: bytes) -> tuple[memoryview, int]:
    """The bytes of the field at a place, and where the next one is."""
    at += len(tag)
    length = shift = 0
    while True:
        byte = view[at]
        length |= (byte & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if byte < 0x80:
            return view[at : at + length], at + length


def message(batch: pa.RecordBatch, compression: str | None = None) -> bytes:
    """A batch as one message, compressed (lz4, zstd) where it is worth it."""
    if compression is None or size(batch) <= INLINE_BYTES:
        return encode(batch)
    needed = RingEncoder(bytearray(), batch.schema, compression).needs(batch) + _SLACK
    room = bytearray(needed)
    begin, length = RingEncoder(room, batch.schema, compression).encode(batch, 0, needed)
    return bytes(memoryview(room)[begin : begin + length])
