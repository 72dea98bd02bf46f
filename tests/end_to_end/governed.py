"""A small lake and a service over it whose policy each test writes: plans and runs statements."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyiceberg.catalog import Catalog, load_catalog

from auth.policy import Policy
from auth.policy_file import parse_policy
from auth.principal import Principal
from catalog.iceberg import IcebergCatalog
from catalog.registry import Registry
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.settings import DuckDBSettings
from flight_server.protocol.wire import flight_pb2
from flight_server.query.caller import Caller
from flight_server.query.limits import Limits
from flight_server.query.planned import Planned
from flight_server.query.resolve import Defaults
from flight_server.query.seal import Sealer, SealKey
from flight_server.query.service import QueryService

HEAD = """
version: 1
identity:
  groups: [groups]
  claims: {user: {from: sub, type: string}}
roles:
  trader: {groups: [traders]}
  chief: {groups: [chiefs]}
  owner: {groups: [owners]}
grants:
  - {to: [trader, chief], on: "lake.desk.**", allow: select}
  - {to: owner, on: "**", allow: select}
"""


LIMITS = Limits()
KEYS = {"crm": b"a key of thirty-two bytes or more"}


def caller(name: str, *groups: str) -> Caller:
    """A user as the doors know one after login."""
    principal = Principal(name, frozenset(groups or ("traders",)), {"sub": name})
    return Caller(principal, f"request-of-{name}")


@dataclass
class Lake:
    """A service over a lake; `policy` is in force at once."""

    directory: Path
    source: Catalog
    registry: Registry
    engine: DuckDBEngine
    service: QueryService
    held: list[Policy] = field(default_factory=list)

    def policy(self, sections: str) -> None:
        self.held[:] = [parse_policy(HEAD + sections)]

    def current(self) -> Policy:
        return self.held[0]

    def rows(self, who: Caller, text: str) -> list[tuple[Any, ...]]:
        return self.run(who, self.service.plan(who, text))

    def run(self, who: Caller, planned: Planned) -> list[tuple[Any, ...]]:
        stream = self.service.run(who, planned)
        try:
            batches = [_batch(frame.data, stream.schema) for frame in stream]
        finally:
            stream.close()
        table = pa.Table.from_batches(batches, stream.schema)
        return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


@contextmanager
def governed(
    directory: Path, tables: dict[str, pa.Table], limits: Limits = LIMITS
) -> Iterator[Lake]:
    """A lake of these tables, by `schema.table`."""
    properties = {
        "type": "sql",
        "uri": f"sqlite:///{directory}/lake.db",
        "warehouse": f"file://{directory}",
    }
    source = load_catalog("lake", **properties)
    for name, rows in tables.items():
        source.create_namespace_if_not_exists(name.split(".")[0])
        source.create_table(name, rows.schema).append(rows)
    registry = Registry([IcebergCatalog("lake", properties, refresh_seconds=0.0)])
    settings = DuckDBSettings(
        workers=3, spare=1, threads=1, spill_directory=directory, sealed_tags=("restricted",)
    )
    engine = DuckDBEngine(settings)
    held: list[Policy] = []
    lake = Lake(directory, source, registry, engine, None, held)
    lake.service = QueryService(
        registry,
        lake,
        engine,
        Sealer([SealKey(b"k" * 32)]),
        defaults=Defaults("lake", "desk"),
        limits=limits,
        mask_keys=KEYS,
    )
    try:
        yield lake
    finally:
        engine.close()


def _batch(data: bytes, schema: pa.Schema) -> pa.RecordBatch:
    message = flight_pb2.FlightData.FromString(data)
    head = message.data_header + b"\0" * (-len(message.data_header) % 8)
    body = b"\xff\xff\xff\xff" + struct.pack("<i", len(head)) + head + message.data_body
    return pa.ipc.read_record_batch(pa.ipc.read_message(body), schema)
