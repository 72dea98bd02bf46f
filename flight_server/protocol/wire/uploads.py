"""Reads the Arrow stream that a client uploads with DoPut; trusts none of it."""

from __future__ import annotations

import struct
from collections.abc import Iterable

import pyarrow as pa

from flight_server.protocol.errors import MalformedMessage, TooLarge, Unsupported
from flight_server.protocol.messages import parse
from flight_server.protocol.wire import flight_pb2

_CONTINUATION = b"\xff\xff\xff\xff"
_DICTIONARY_BATCH = 2
_RECORD_BATCH = 3
# Indexes of fields in the flatbuffer tables Message, DictionaryBatch and RecordBatch.
_HEADER_TYPE, _HEADER = 1, 2
_DICTIONARY_DATA = 1
_COMPRESSION = 3
_DAMAGED = "The uploaded Arrow stream is damaged."


def read_upload(
    first: flight_pb2.FlightData, rest: Iterable[bytes], *, limit: int
) -> list[pa.RecordBatch]:
    """The batches of an upload whose first message is `first`; empty where none was sent.

    `limit` is the most that all messages together may take, in bytes. Compressed batches are
    refused, since the size that they claim would be allocated unseen. Every buffer is validated.
    """
    stream = bytearray()
    size = 0
    message = first
    messages = iter(rest)
    while True:
        size += len(message.data_header) + len(message.data_body)
        if size > limit:
            raise TooLarge(f"The upload has more than {limit} bytes.")
        if message.data_header:
            _append(stream, message)
        following = next(messages, None)
        if following is None:
            break
        message = parse(flight_pb2.FlightData, following)
    return _read(bytes(stream)) if stream else []


def _append(stream: bytearray, message: flight_pb2.FlightData) -> None:
    header = message.data_header
    if is_compressed(header):
        raise Unsupported("Compressed batches are not taken; send them without compression.")
    padding = -len(header) % 8
    stream += _CONTINUATION + struct.pack("<i", len(header) + padding)
    stream += header + bytes(padding) + message.data_body


def _read(stream: bytes) -> list[pa.RecordBatch]:
    batches: list[pa.RecordBatch] = []
    try:
        with pa.ipc.open_stream(stream) as reader:
            for field in reader.schema:
                _check_names(field)
            for batch in reader:
                batch.validate(full=True)
                batches.append(batch)
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        raise MalformedMessage(_DAMAGED) from None
    return batches


def _check_names(field: pa.Field) -> None:
    """Read all names, which pyarrow decodes late: raises `UnicodeDecodeError` for one not text."""
    _ = field.name
    kind = field.type
    if pa.types.is_timestamp(kind):
        _ = kind.tz
    if pa.types.is_dictionary(kind):
        _check_names(pa.field("", kind.value_type))
    for index in range(kind.num_fields):
        _check_names(kind.field(index))


def _decode_names(field: pa.Field) -> None:
    _ = field.name
    for index in range(field.type.num_fields):
        _decode_names(field.type.field(index))


def is_compressed(header: bytes) -> bool:
    """Whether the IPC metadata of a batch says that its buffers are compressed."""
    try:
        (root,) = struct.unpack_from("<I", header)
        kind_at = _field(header, root, _HEADER_TYPE)
        kind = header[kind_at] if kind_at else 0
        if kind not in (_RECORD_BATCH, _DICTIONARY_BATCH):
            return False
        table = _table(header, root, _HEADER)
        if kind == _DICTIONARY_BATCH:
            table = _table(header, table, _DICTIONARY_DATA)
        return _field(header, table, _COMPRESSION) != 0
    except (struct.error, IndexError):
        raise MalformedMessage(_DAMAGED) from None


def _field(data: bytes, table: int, index: int) -> int:
    """Where a field of a flatbuffer table is, or 0 where it is absent."""
    (back,) = struct.unpack_from("<i", data, table)
    start = table - back
    if start < 0:
        raise IndexError(start)
    (size,) = struct.unpack_from("<H", data, start)
    entry = 4 + 2 * index
    if entry + 2 > size:
        return 0
    (offset,) = struct.unpack_from("<H", data, start + entry)
    return table + int(offset) if offset else 0


def _table(data: bytes, table: int, index: int) -> int:
    """Where the table is that a field of a table refers to."""
    at = _field(data, table, index)
    if not at:
        raise IndexError(index)
    (offset,) = struct.unpack_from("<I", data, at)
    return at + int(offset)
