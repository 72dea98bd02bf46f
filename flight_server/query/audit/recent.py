"""The latest records of a stream as a table of fixed columns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pyarrow as pa

from flight_server.query.audit.chain import Broken, Record, read
from flight_server.query.audit.choices import ESTIMATE
from flight_server.query.audit.files import Place, last_lines

_RULE = pa.struct(
    [("name", pa.string()), ("hash", pa.string()), ("lookups", pa.list_(pa.string()))]
)
_MASK = pa.struct([pa.field("column", pa.string()), *_RULE])
_LOOKUP = pa.struct([("table", pa.string()), ("snapshot_id", pa.string())])
_SCANNED = pa.struct(
    [
        *(pa.field(name, pa.string()) for name in ("catalog", "schema", "table")),
        *(pa.field(name, pa.int64()) for name in ("files", "bytes")),
    ]
)
_COST = pa.struct(
    [
        ("scanned", pa.int64()),
        ("billed", pa.int64()),
        ("usd", pa.float64()),
        ("certain", pa.bool_()),
    ]
)
_OBJECT = pa.struct(
    [
        ("catalog", pa.string()),
        ("schema", pa.string()),
        ("table", pa.string()),
        ("snapshot_id", pa.string()),
        ("projected", pa.list_(pa.string())),
        ("filter_only", pa.list_(pa.string())),
        ("masks", pa.list_(_MASK)),
        ("row_filters", pa.list_(_RULE)),
        ("lookups", pa.list_(_LOOKUP)),
        ("no_rows", pa.bool_()),
        ("missing_claims", pa.list_(pa.string())),
    ]
)
SCHEMA = pa.schema(
    [
        pa.field("stream", pa.string(), nullable=False),
        pa.field("seq", pa.int64(), nullable=False),
        pa.field("ts", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("event", pa.string(), nullable=False),
        ("request_id", pa.string()),
        ("query_id", pa.string()),
        ("prepared", pa.string()),
        ("part", pa.list_(pa.int32())),
        ("session", pa.string()),
        ("user", pa.string()),
        ("claimed", pa.string()),
        ("roles", pa.list_(pa.string())),
        ("groups", pa.string()),
        ("auth_method", pa.string()),
        ("issuer", pa.string()),
        ("token_id", pa.string()),
        ("peer", pa.string()),
        ("client", pa.string()),
        ("method", pa.string()),
        ("command", pa.string()),
        ("engine", pa.string()),
        ("reason", pa.string()),
        ("estimate", ESTIMATE),
        ("sql_fingerprint", pa.string()),
        ("sql", pa.string()),
        ("params", pa.string()),
        ("objects", pa.list_(_OBJECT)),
        ("policy", pa.string()),
        ("decision", pa.string()),
        ("status", pa.string()),
        ("error_code", pa.string()),
        ("detail", pa.string()),
        ("plan_ms", pa.float64()),
        ("queue_ms", pa.float64()),
        ("first_byte_ms", pa.float64()),
        ("total_ms", pa.float64()),
        ("rows", pa.int64()),
        ("bytes", pa.int64()),
        ("scanned", pa.list_(_SCANNED)),
        ("cost", _COST),
        ("lost", pa.int64()),
        ("count", pa.int64()),
    ]
)
"""The columns of `recent`, in their order. What an event does not have is NULL."""


def latest(place: Place) -> Iterator[Record]:
    """The records of a stream, the last one first, up to one that cannot be read.

    Nothing is proved of them: that is what `audit verify` is for.
    """
    for file in reversed(place.files()):
        for line in last_lines(file.path):
            try:
                yield read(line).record
            except Broken:
                return


def recent(place: Place, limit: int) -> pa.Table:
    """The latest records, but for checkpoints: at most `limit`, the last one first."""
    rows: list[dict[str, Any]] = []
    for record in latest(place):
        if len(rows) >= limit:
            break
        if record["event"] != "checkpoint":
            moment = datetime.fromisoformat(record["ts"])
            rows.append({**record, "stream": place.stream, "ts": moment})
    return pa.Table.from_pylist(rows, schema=SCHEMA)
