"""A statement as it is sent to a worker."""

from __future__ import annotations

import json

import pyarrow as pa

from flight_server.engines.base import Secured


def statement_of(secured: Secured, parameters: pa.RecordBatch | None) -> tuple[bytes, bytes, bytes]:
    """The text, the parameters' names and their row, as they are sent to a worker."""
    names = json.dumps(secured.parameters).encode()
    if parameters is None:
        return secured.text.encode(), names, b""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, parameters.schema) as writer:
        writer.write_batch(parameters)
    return secured.text.encode(), names, sink.getvalue().to_pybytes()
