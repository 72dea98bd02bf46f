"""What a sealed handle carries of a planned statement, and its encoding."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from catalog.model import Snapshot
from catalog.names import TableName
from flight_server.query.errors import InvalidHandle, TooComplex
from flight_server.query.resolve import Defaults

MAX_STATE = 60_000


@dataclass(frozen=True, slots=True)
class StatementState:
    """All that any replica needs to take up a planned statement again.

    `snapshots` pins every table; `schema_digest` is that of the promised result schema;
    `fingerprint` is that of the policy decisions in force when the statement was planned.
    """

    query_id: str
    text: str
    defaults: Defaults
    time_zone: str
    snapshots: Mapping[TableName, Snapshot]
    fingerprint: str
    schema_digest: str
    parameters: pa.RecordBatch | None = None

    def encode(self) -> bytes:
        """The state as bytes; raises `TooComplex` where it would make the handle too large."""
        body = {
            "q": self.query_id,
            "t": self.text,
            "d": [self.defaults.catalog, self.defaults.schema],
            "z": self.time_zone,
            "s": [
                [n.catalog, n.schema, n.table, s.metadata_location, s.snapshot_id]
                for n, s in self.snapshots.items()
            ],
            "f": self.fingerprint,
            "c": self.schema_digest,
            "p": _encode_batch(self.parameters),
        }
        data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        if len(data) > MAX_STATE:
            raise TooComplex(
                f"The statement with its parameters is larger than {MAX_STATE:,} bytes."
            )
        return data

    @classmethod
    def decode(cls, data: bytes) -> StatementState:
        """The state that `encode` wrote; raises `InvalidHandle` where it is of another version."""
        try:
            body = json.loads(data)
            return cls(
                query_id=body["q"],
                text=body["t"],
                defaults=Defaults(*body["d"]),
                time_zone=body["z"],
                snapshots={
                    TableName(c, s, t): Snapshot(location, snapshot_id)
                    for c, s, t, location, snapshot_id in body["s"]
                },
                fingerprint=body["f"],
                schema_digest=body["c"],
                parameters=_decode_batch(body["p"]),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise InvalidHandle("The ticket or handle is not valid or has expired.") from error


def digest(schema: pa.Schema) -> str:
    """A digest of a result schema: names, types and nullability."""
    return hashlib.sha256(schema.serialize().to_pybytes()).hexdigest()[:32]


def _encode_batch(batch: pa.RecordBatch | None) -> str | None:
    if batch is None:
        return None
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return base64.b64encode(sink.getvalue()).decode()


def _decode_batch(text: str | None) -> pa.RecordBatch | None:
    if text is None:
        return None
    with pa.ipc.open_stream(base64.b64decode(text)) as reader:
        return reader.read_next_batch()
