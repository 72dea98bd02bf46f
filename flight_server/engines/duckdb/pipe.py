"""Record batches through a pipe: exact lengths, an explicit end, errors in words. Knows no DuckDB.

An end that is not said is no end: where the writer dies the reader fails, rather than give fewer
rows. Arrow's own stream format ends silently there.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress

import pyarrow as pa

_HEAD = struct.Struct("<cQ")
_SCHEMA, _BATCH, _END, _FAULT = b"S", b"B", b"E", b"!"
_SIZE = 1024 * 1024
_LOOK_MILLISECONDS = 50


class PipeBroken(Exception):
    """The writer is gone before it said that all is written."""


class PipeFault(Exception):
    """The writer could not go on; `detail` is what it said of that."""

    def __init__(self, detail: bytes) -> None:
        super().__init__("the source of the rows failed")
        self.detail = detail


def create() -> tuple[int, int]:
    """A new pipe with a large buffer: the reading and the writing descriptor."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    # a user has only so much room in pipes; a small one serves as well
    with suppress(OSError):
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _SIZE)
    return reading, writing


class Writer:
    """The end that writes. Raises `BrokenPipeError` where nobody reads any more."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def schema(self, schema: pa.Schema) -> None:
        """Say the schema, first of all."""
        self._send(_SCHEMA, schema.serialize())

    def batch(self, batch: pa.RecordBatch) -> None:
        """Write one batch; waits while the reader has no room."""
        self._send(_BATCH, batch.serialize())

    def end(self) -> None:
        """Say that all is written."""
        self._write(memoryview(_HEAD.pack(_END, 0)))

    def fault(self, detail: bytes) -> None:
        """Say that there will be no more, and why."""
        self._write(memoryview(_HEAD.pack(_FAULT, len(detail)) + detail))

    def _send(self, kind: bytes, message: pa.Buffer) -> None:
        self._write(memoryview(_HEAD.pack(kind, message.size)))
        self._write(memoryview(message))

    def _write(self, data: memoryview) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]


class Reader:
    """The end that reads. `check` is called while it waits, and raises to end that."""

    def __init__(self, descriptor: int, check: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._check = check
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)

    def schema(self) -> pa.Schema:
        """The schema. Raises `PipeFault` and `PipeBroken`, as `batches` does."""
        kind, message = self._receive()
        if kind != _SCHEMA:
            raise PipeBroken
        return pa.ipc.read_schema(message)

    def batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """All batches until the end that the writer says."""
        while True:
            kind, message = self._receive()
            if kind == _END:
                return
            if kind != _BATCH:
                raise PipeBroken
            yield pa.ipc.read_record_batch(message, schema)

    def close(self) -> None:
        """Let go of the pipe; its writer is told when it writes again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _receive(self) -> tuple[bytes, pa.Buffer]:
        kind, length = _HEAD.unpack(self._read(_HEAD.size))
        message = self._read(length)
        if kind == _FAULT:
            raise PipeFault(message.to_pybytes())
        return kind, message

    def _read(self, length: int) -> pa.Buffer:
        buffer = pa.allocate_buffer(length)
        left = memoryview(buffer)
        while left:
            while not self._poll.poll(_LOOK_MILLISECONDS):
                self._check()
            count = os.readv(self._descriptor, [left])
            if count == 0:
                raise PipeBroken
            left = left[count:]
        return buffer
