"""What the engine's tests are built from: small Iceberg tables, statements, frames read back."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table as IcebergTable

from catalog.model import Column, Snapshot, Table
from catalog.names import TableName
from flight_server.engines.base import Frame, Relation, RelationColumn, Secured
from flight_server.engines.duckdb.engine import DuckDBEngine

PEOPLE = pa.table(
    {
        "id": pa.array([1, 2, 3, 4], pa.int64()),
        "name": pa.array(["ann", "bob", "cyd", None]),
        "region": pa.array(["eu", "us", "eu", "us"]),
        "salary": pa.array([10, 20, 30, 40], pa.int32()),
    }
)


def soon(seconds: float = 20.0) -> float:
    """A deadline."""
    return time.monotonic() + seconds


def warehouse(directory: Path) -> SqlCatalog:
    """An Iceberg catalog in a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    catalog = SqlCatalog("lake", uri=f"sqlite:///{directory}/c.db", warehouse=f"file://{directory}")
    catalog.create_namespace("s")
    return catalog


def described(source: IcebergTable, name: str, snapshot: int | None = None) -> Table:
    """An Iceberg table as the catalog layer says it."""
    metadata = source.metadata
    schema = source.schema()
    if snapshot is not None:
        pinned = source.snapshot_by_id(snapshot)
        assert pinned is not None
        schema = source.schemas()[pinned.schema_id or 0]
    arrow = schema.as_arrow()
    columns = tuple(
        Column(field.name, _plain(arrow.field(field.name).type), field_id=field.field_id)
        for field in schema.fields
    )
    return Table(
        TableName("lake", "s", name),
        columns,
        snapshot=Snapshot(source.metadata_location, snapshot or metadata.current_snapshot_id),
        location=metadata.location,
    )


def _plain(data: pa.DataType) -> pa.DataType:
    """The type with short strings, as DuckDB gives them."""
    if pa.types.is_large_string(data):
        return pa.string()
    if pa.types.is_large_binary(data):
        return pa.binary()
    if pa.types.is_list(data) or pa.types.is_large_list(data):
        return pa.list_(_plain(data.value_type))
    if pa.types.is_map(data):
        return pa.map_(_plain(data.key_type), _plain(data.item_type))
    if pa.types.is_struct(data):
        return pa.struct([(f.name, _plain(f.type)) for f in data])
    return data


def stored(catalog: SqlCatalog, name: str, data: pa.Table) -> Table:
    """A new Iceberg table with these rows."""
    source = catalog.create_table(f"s.{name}", schema=data.schema)
    source.append(data)
    return described(source, name)


def relation(
    table: Table,
    columns: Iterable[str] | None = None,
    masks: Mapping[str, str] | None = None,
    row_filter: str | None = None,
) -> Relation:
    """A table narrowed as told."""
    wanted = None if columns is None else set(columns)
    visible = tuple(
        RelationColumn(c.name, c.type, (masks or {}).get(c.name))
        for c in table.columns
        if wanted is None or c.name in wanted
    )
    return Relation(table.name, table, visible, row_filter)


def secured(text: str, *relations: Relation, parameters: tuple[str, ...] = ()) -> Secured:
    """A statement over relations, with `lake.s` as its default schema."""
    return Secured(text, relations, parameters, catalog="lake", schema="s")


def decoded(frames: Iterable[Frame], schema: pa.Schema) -> pa.Table:
    """The rows of frames, each read as the protobuf message that it is."""
    batches: list[pa.RecordBatch] = []
    for frame in frames:
        fields = dict(_fields(frame.data))
        header, body = fields[2], fields[1000]
        message = struct.pack("<II", 0xFFFFFFFF, len(header)) + header + body
        batch = pa.ipc.read_record_batch(pa.py_buffer(message), schema)
        batch.validate(full=True)
        assert batch.num_rows == frame.rows
        batches.append(batch)
    return pa.Table.from_batches(batches, schema)


def _fields(data: bytes) -> Iterable[tuple[int, bytes]]:
    offset = 0
    while offset < len(data):
        tag, offset = _varint(data, offset)
        assert tag & 7 == 2
        length, offset = _varint(data, offset)
        yield tag >> 3, data[offset : offset + length]
        offset += length
    assert offset == len(data)


def _varint(data: bytes, offset: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, offset


def rows(
    engine: DuckDBEngine, statement: Secured, parameters: pa.RecordBatch | None = None
) -> pa.Table:
    """Describe and run a statement to its end."""
    schema = engine.describe(statement, parameters, deadline=soon())
    stream = engine.run(statement, parameters, schema, deadline=soon())
    try:
        return decoded(stream, schema)
    finally:
        stream.close()


def values(engine: DuckDBEngine, text: str, *relations: Relation) -> list[tuple[Any, ...]]:
    """The rows of a statement as tuples."""
    table = rows(engine, secured(text, *relations))
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def children(pid: int) -> list[int]:
    """The processes that a process has started and that still live."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(stat[1]) == pid and stat[0] != "Z":
                found.append(int(entry.name))
    return found


def workers(engine: DuckDBEngine) -> list[int]:
    """The worker processes of an engine."""
    launcher = engine.launcher_pid
    return [] if launcher is None else children(launcher)


def descriptors() -> int:
    """How many file descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))
