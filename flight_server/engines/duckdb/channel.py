"""Messages between the front and a worker over a stream socket: a kind, a length, bytes."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Sequence

# front → worker
ASSIGN = b"A"  # parts: limits, setup
FEED = b"B"  # parts: limits, setup: to be the feeder of another worker
RUN = b"R"  # parts: number, text, parameter names, parameters, schema, compression
DESCRIBE = b"D"  # parts: number, setup, text, parameter names, parameters
CHECK = b"K"  # the same: to describe a statement and look at its plan
PUSHED = b"Q"  # parts: number, setup, text, parameter names, parameters
CREDIT = b"C"  # number of the statement, frames that were taken
CANCEL = b"X"  # number of the statement
PROBE = b"P"  # parts: limits, directory to try
# worker → front
FRAME = b"F"  # offset, length, rows, credits: a frame in the ring
INLINE = b"I"  # rows, then the frame itself
END = b"E"
SHAPE = b"S"  # an Arrow schema, or the pushed filters as JSON
FAULT = b"!"  # JSON
REPORT = b"T"  # JSON

NUMBER = struct.Struct("<I")
TAKEN = struct.Struct("<II")
PLACE = struct.Struct("<IIII")
_HEAD = struct.Struct("<cI")
_CHUNK = 256 * 1024


class ChannelClosed(Exception):
    """The other side is gone, or sent what it may not."""


class Channel:
    """One end of the socket.

    Sending and receiving may be done by two different threads. `limit` bounds the bytes of a
    message that is accepted: a worker is not trusted with the memory of the front.
    """

    def __init__(self, sock: socket.socket, limit: int) -> None:
        self._sock = sock
        self._limit = limit
        self._buffer = bytearray()

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        """Send one message; blocks while the other side's buffer is full."""
        try:
            self._sock.sendall(_HEAD.pack(kind, len(payload)) + payload)
        except OSError as error:
            raise ChannelClosed from error

    def receive(self) -> tuple[bytes, bytes]:
        """Wait for the next message: its kind and payload. Raises `ChannelClosed` at the end."""
        self._fill(_HEAD.size)
        kind, length = _HEAD.unpack_from(self._buffer)
        if length > self._limit:
            raise ChannelClosed
        end = _HEAD.size + length
        self._fill(end)
        payload = bytes(memoryview(self._buffer)[_HEAD.size : end])
        del self._buffer[:end]
        return kind, payload

    @property
    def pending(self) -> bool:
        """Whether bytes of a further message have already been read from the socket."""
        return bool(self._buffer)

    def ready(self, seconds: float) -> bool:
        """Whether something of the next message, or the end, comes within a time."""
        if self._buffer:
            return True
        poll = select.poll()
        try:
            poll.register(self._sock, select.POLLIN)
            return bool(poll.poll(max(0.0, seconds) * 1000))
        except (OSError, ValueError):  # closed meanwhile, as who receives will be told
            return True

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def _fill(self, size: int) -> None:
        while len(self._buffer) < size:
            try:
                data = self._sock.recv(_CHUNK)
            except OSError as error:
                raise ChannelClosed from error
            if not data:
                raise ChannelClosed
            self._buffer += data


def pack(*parts: bytes) -> bytes:
    """Several byte strings as one payload."""
    return b"".join(NUMBER.pack(len(part)) + part for part in parts)


def unpack(payload: bytes) -> Sequence[bytes]:
    """The inverse of `pack`."""
    parts: list[bytes] = []
    offset = 0
    while offset < len(payload):
        (length,) = NUMBER.unpack_from(payload, offset)
        offset += NUMBER.size
        parts.append(payload[offset : offset + length])
        offset += length
    return parts
