"""What a sealed handle carries of a planned statement, and its encoding."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from catalog.model import Snapshot
from catalog.names import TableName
from flight_server.engines.base import AUTO
from flight_server.query.errors import InvalidHandle, TooComplex
from flight_server.query.resolve import Defaults, Pins, Reading
from flight_server.query.spool import Drawer
from flight_server.query.versions import AsOf, decode, encode

MAX_STATE = 60_000
_KEPT = "kept"


@dataclass(frozen=True, slots=True)
class StatementState:
    """All that any replica needs to take up a planned statement again.

    `snapshots` pins every table; `schema_digest` is that of the promised result schema;
    `fingerprint` is that of the policy decisions in force when the statement was planned. Without
    pins, tables are read `as_of` a moment, if one is given; `timeout` is in seconds. `planned_at`
    is in seconds since 1970; `part` is which of how many parts of the result it is, if not all.
    `prepared` is the query's id under which the statement was prepared, if it was. `engine` is the
    one that was asked for, or `auto`. `ahead` is a secret of a query that was begun ahead of being
    read, by which its run is found again.
    """

    query_id: str
    text: str
    defaults: Defaults
    time_zone: str
    snapshots: Mapping[TableName, Snapshot]
    fingerprint: str
    schema_digest: str
    parameters: pa.RecordBatch | None = None
    as_of: AsOf | None = None
    timeout: float | None = None
    planned_at: float = 0.0
    part: tuple[int, int] | None = None
    lookups: Mapping[TableName, Snapshot] = field(default_factory=lambda: MappingProxyType({}))
    prepared: str = ""
    engine: str = AUTO
    ahead: str = field(default="", repr=False)

    def reading(self, pins: Pins | None) -> Reading:
        """At which states the statement reads its tables."""
        return Reading(pins or {}, self.as_of, self.time_zone)

    def again(self) -> StatementState:
        """The prepared statement as a new query of its own."""
        return replace(
            self,
            query_id=uuid.uuid4().hex,
            planned_at=time.time(),
            prepared=self.prepared or self.query_id,
        )

    def encode(self, drawer: Drawer | None = None) -> bytes:
        """The state as bytes. What would make a handle too large is kept in the drawer.

        Raises `TooComplex` where there is none, and `SpoolFull`.
        """
        rows = _encode_batch(self.parameters)
        data = self._json(self.text, rows and base64.b64encode(rows).decode())
        if len(data) > MAX_STATE and drawer is not None and rows is not None:
            data = self._json(self.text, {_KEPT: drawer.keep(rows)})
        if len(data) > MAX_STATE and drawer is not None:
            kept = {_KEPT: drawer.keep(self.text.encode())}
            data = self._json(kept, json.loads(data)["p"])
        if len(data) > MAX_STATE:
            raise TooComplex(
                f"The statement with its parameters is larger than {MAX_STATE:,} bytes."
            )
        return data

    def _json(self, text: object, rows: object) -> bytes:
        body = {
            "q": self.query_id,
            "t": text,
            "d": [self.defaults.catalog, self.defaults.schema],
            "z": self.time_zone,
            "s": _pins(self.snapshots),
            "f": self.fingerprint,
            "c": self.schema_digest,
            "p": rows,
            "a": encode(self.as_of),
            "l": self.timeout,
            "w": self.planned_at,
            "i": self.part,
            "k": _pins(self.lookups),
            "h": self.prepared,
            "e": self.engine,
            "g": self.ahead,
        }
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()

    @classmethod
    def decode(cls, data: bytes, drawer: Drawer | None = None) -> StatementState:
        """The state that `encode` wrote.

        Raises `InvalidHandle` where it is of another version or what was kept is gone.
        """
        try:
            body = json.loads(data)
            text, rows = (_kept(body[key], drawer) for key in ("t", "p"))
            return cls(
                query_id=body["q"],
                text=text if isinstance(text, str) else text.decode(),
                defaults=Defaults(*body["d"]),
                time_zone=body["z"],
                snapshots=_snapshots(body["s"]),
                lookups=_snapshots(body["k"]),
                fingerprint=body["f"],
                schema_digest=body["c"],
                parameters=_decode_batch(rows),
                as_of=decode(body["a"]),
                timeout=body["l"],
                planned_at=float(body["w"]),
                part=_part(body["i"]),
                prepared=str(body["h"]),
                engine=str(body["e"]),
                ahead=str(body["g"]),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise InvalidHandle("The ticket or handle is not valid or has expired.") from error


def identity(data: bytes) -> tuple[str, tuple[int, int] | None]:
    """The query's id and the part in what `encode` wrote, without what it depends on."""
    try:
        body = json.loads(data)
        return str(body["q"]), _part(body["i"])
    except (KeyError, ValueError, TypeError) as error:
        raise InvalidHandle("The ticket or handle is not valid or has expired.") from error


def digest(schema: pa.Schema) -> str:
    """A digest of a result schema: names, types and nullability."""
    return hashlib.sha256(schema.serialize().to_pybytes()).hexdigest()[:32]


def _pins(snapshots: Mapping[TableName, Snapshot]) -> list[Any]:
    return [
        [n.catalog, n.schema, n.table, s.metadata_location, s.snapshot_id, s.branch]
        for n, s in snapshots.items()
    ]


def _snapshots(pins: Any) -> Mapping[TableName, Snapshot]:
    return {
        TableName(c, s, t): Snapshot(location, snapshot_id, branch)
        for c, s, t, location, snapshot_id, branch in pins
    }


def _part(value: Any) -> tuple[int, int] | None:
    if value is None:
        return None
    index, count = value
    if type(index) is not int or type(count) is not int or not 0 <= index < count:
        raise ValueError("not a part")
    return index, count


def _kept(value: Any, drawer: Drawer | None) -> Any:
    """A part of a state: as it is, or the bytes that a drawer keeps of it."""
    if not isinstance(value, dict):
        return value
    if drawer is None:
        raise ValueError("nothing is kept here")
    return drawer.fetch(value[_KEPT])


def _encode_batch(batch: pa.RecordBatch | None) -> bytes | None:
    if batch is None:
        return None
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    encoded: bytes = sink.getvalue().to_pybytes()
    return encoded


def _decode_batch(rows: str | bytes | None) -> pa.RecordBatch | None:
    if rows is None:
        return None
    with pa.ipc.open_stream(base64.b64decode(rows) if isinstance(rows, str) else rows) as reader:
        return reader.read_next_batch()
