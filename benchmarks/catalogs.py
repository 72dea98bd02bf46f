"""`python -m benchmarks.catalogs`: GetTables over very many tables, and what it holds meanwhile.

A SQL catalog in SQLite with 200 schemas of 100 tables, each with a metadata file of its own, read
through the wire handler of this process: as cold as after a start, and warm, for a user who sees
everything by name, and for one whose rights depend on tags, so that every table must be looked at.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog

from auth.policy_file import parse_policy
from auth.principal import Principal
from auth.visible import VisibleCatalog
from catalog.iceberg import IcebergCatalog
from catalog.registry import Registry
from flight_server.protocol.handlers import metadata
from flight_server.protocol.wire.columns import TableSchemas
from flight_server.protocol.wire.flight_sql_pb2 import CommandGetTables
from flight_server.protocol.wire.frames import batch_frames

SCHEMAS, TABLES = 200, 100
POLICY = """
version: 1
roles:
  chief: {groups: [chiefs]}
  analyst: {groups: [analysts]}
grants:
  - {to: chief, on: "**", allow: select}
  - {to: analyst, on: "**", allow: select}
  - {to: analyst, on: "tag:pii", deny: select}
  - {to: analyst, on: "lake.schema_1*.**", deny: select}
"""
COLUMNS = (
    [{"id": 1, "name": "id", "required": True, "type": "long"}]
    + [{"id": n, "name": f"value_{n}", "required": False, "type": "double"} for n in range(2, 9)]
    + [{"id": 9, "name": "mail", "required": False, "type": "string"}]
)


@dataclass(frozen=True)
class _Door:
    service: Any
    schemas: TableSchemas


@dataclass(frozen=True)
class _Call:
    door: _Door
    caller: Principal


class _Service:
    """What the handler asks of the query service."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.policy = parse_policy(POLICY)

    def visible(self, principal: Principal) -> VisibleCatalog:
        return VisibleCatalog(principal, self.policy, self.registry)


def main() -> int:
    """Measure and print a table; gives the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        properties = build(Path(folder), SCHEMAS, TABLES)
        registry = Registry([IcebergCatalog("lake", properties, refresh_seconds=5.0)])
        door = _Door(_Service(registry), TableSchemas())
        print(f"{SCHEMAS * TABLES} tables; seconds\n")
        print("| what | first frame | all | tables | most memory, MiB |")
        print("| --- | ---: | ---: | ---: | ---: |")
        for user in ("chief", "analyst"):
            principal = Principal(user, frozenset({f"{user}s"}), {})
            for schemas in (False, True):
                for state in ("cold", "warm"):
                    call = _Call(door, principal)
                    first, whole, rows = _listed(call, schemas)
                    what = f"{user}, {'with' if schemas else 'without'} schemas, {state}"
                    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                    print(f"| {what} | {first:.3f} | {whole:.2f} | {rows} | {memory:.0f} |")
    return 0


def build(directory: Path, schemas: int, tables: int) -> dict[str, str]:
    """A catalog of so many tables, written straight into its database."""
    properties = {"type": "sql", "uri": f"sqlite:///{directory}/catalog.db"}
    source = SqlCatalog("lake", **properties, warehouse=f"file://{directory}")
    rows = []
    for schema in range(schemas):
        space = f"schema_{schema:03}"
        source.create_namespace(space)
        folder = directory / space
        folder.mkdir()
        for number in range(tables):
            name = f"table_{number:05}"
            path = folder / f"{name}.metadata.json"
            path.write_text(json.dumps(_metadata(f"file://{folder}/{name}", number)))
            rows.append(("lake", space, name, f"file://{path}", "TABLE"))
    with source.engine.begin() as connection:
        columns = "catalog_name, table_namespace, table_name, metadata_location, iceberg_type"
        connection.exec_driver_sql(
            f"INSERT INTO iceberg_tables ({columns}) VALUES (?, ?, ?, ?, ?)", rows
        )
    source.close()
    return properties


def _metadata(location: str, number: int) -> dict[str, Any]:
    return {
        "format-version": 2,
        "table-uuid": str(uuid.UUID(int=number + 1)),
        "location": location,
        "last-sequence-number": 0,
        "last-updated-ms": 1,
        "last-column-id": 9,
        "current-schema-id": 0,
        "schemas": [{"type": "struct", "schema-id": 0, "fields": COLUMNS}],
        "default-spec-id": 0,
        "partition-specs": [{"spec-id": 0, "fields": []}],
        "last-partition-id": 999,
        "default-sort-order-id": 0,
        "sort-orders": [{"order-id": 0, "fields": []}],
        "properties": {"flight.tags.mail": "pii"} if number % 2 else {},
        "snapshots": [],
    }


def _listed(call: Any, schemas: bool) -> tuple[float, float, int]:
    """The seconds until the first frame with rows, and until the last; and how many rows."""
    message = CommandGetTables(include_schema=schemas)
    started = time.perf_counter()
    rows = 0

    def counted(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        nonlocal rows
        for batch in batches:
            rows += batch.num_rows
            yield batch

    frames = batch_frames(metadata.tables_schema(message), counted(metadata.tables(call, message)))
    next(frames)
    next(frames)
    first = time.perf_counter() - started
    for _ in frames:
        pass
    return first, time.perf_counter() - started, rows


if __name__ == "__main__":
    sys.exit(main())
