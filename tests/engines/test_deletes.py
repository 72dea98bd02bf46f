"""Deleted rows stay deleted."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    ManifestWriterV2,
    write_manifest_list,
)
from pyiceberg.schema import Schema
from pyiceberg.table import Table as IcebergTable
from pyiceberg.table.snapshots import Operation, Summary
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot
from pyiceberg.table.update import AddSnapshotUpdate, AssertRefSnapshotId, SetSnapshotRefUpdate
from pyiceberg.typedef import Record
from pyiceberg.types import (
    IntegerType,
    LongType,
    NestedField,
    StringType,
)

from catalog.model import Table
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.scan import bitmaps
from flight_server.engines.duckdb.scan.footers import Footers
from flight_server.engines.duckdb.scan.manifests import Manifests
from flight_server.engines.duckdb.scan.plan import plan, source_of
from flight_server.engines.errors import UnsupportedData
from tests.engines import rig


def fresh(lake: SqlCatalog, name: str, *fields: NestedField) -> IcebergTable:
    return lake.create_table(f"s.{name}", schema=Schema(*fields))


def read(engine: DuckDBEngine, table: Table) -> list[dict[str, object]]:
    text = f"SELECT * FROM {table.name.table} ORDER BY 1"
    return rig.rows(engine, rig.secured(text, rig.relation(table))).to_pylist()


def _delete_positions(source: IcebergTable, name: str, rows: list[tuple[str, int]]) -> None:
    """Commit a position delete file by hand."""
    path = f"{source.location()}/data/{name}.parquet"
    local = path.removeprefix("file://")
    schema = pa.schema(
        [
            pa.field("file_path", pa.string(), False, {"PARQUET:field_id": "2147483546"}),
            pa.field("pos", pa.int64(), False, {"PARQUET:field_id": "2147483545"}),
        ]
    )
    pq.write_table(
        pa.table([[path for path, _ in rows], [pos for _, pos in rows]], schema=schema), local
    )
    _commit_deletes(source, path, len(rows), Path(local).stat().st_size)


def _commit_deletes(
    source: IcebergTable,
    path: str,
    rows: int,
    size: int,
    content: DataFileContent = DataFileContent.POSITION_DELETES,
) -> None:
    class DeleteManifest(ManifestWriterV2):
        def content(self) -> ManifestContent:
            return ManifestContent.DELETES

    current = source.current_snapshot()
    assert current is not None
    file = DataFile.from_args(
        content=content,
        file_path=path,
        file_format=FileFormat.PARQUET,
        partition=Record(),
        record_count=rows,
        file_size_in_bytes=size,
        equality_ids=[1] if content == DataFileContent.EQUALITY_DELETES else None,
    )
    file.spec_id = 0
    number = current.snapshot_id + 1
    sequence = source.metadata.last_sequence_number + 1
    directory = f"{source.location()}/metadata"
    output = source.io.new_output(f"{directory}/deletes-{number}.avro")
    with DeleteManifest(source.spec(), source.schema(), output, number, "null") as writer:
        writer.add(
            ManifestEntry.from_args(
                status=ManifestEntryStatus.ADDED,
                snapshot_id=number,
                sequence_number=None,
                file_sequence_number=None,
                data_file=file,
            )
        )
    manifests: list[ManifestFile] = [*current.manifests(source.io), writer.to_manifest_file()]
    listing = f"{directory}/snap-{number}.avro"
    with write_manifest_list(
        2, source.io.new_output(listing), number, current.snapshot_id, sequence, "null"
    ) as lists:
        lists.add_manifests(manifests)
    added = IcebergSnapshot(
        snapshot_id=number,
        parent_snapshot_id=current.snapshot_id,
        sequence_number=sequence,
        timestamp_ms=current.timestamp_ms + 1,
        manifest_list=listing,
        summary=Summary(operation=Operation.DELETE),
        schema_id=source.schema().schema_id,
    )
    source.catalog.commit_table(
        source,
        (AssertRefSnapshotId(ref="main", snapshot_id=current.snapshot_id),),
        (
            AddSnapshotUpdate(snapshot=added),
            SetSnapshotRefUpdate(ref_name="main", type="branch", snapshot_id=number),
        ),
    )
    source.refresh()


def _deleted_table(lake: SqlCatalog, name: str) -> IcebergTable:
    source = fresh(lake, name, NestedField(1, "id", LongType()), NestedField(2, "v", StringType()))
    for start in (0, 10):
        source.append(
            pa.table({"id": list(range(start, start + 10)), "v": [f"v{i}" for i in range(10)]})
        )
    return source


def _files(source: IcebergTable) -> list[str]:
    tasks = source.scan().plan_files()
    return [task.file.file_path for task in sorted(tasks, key=lambda t: t.file.file_path)]


def _ids(engine: DuckDBEngine, table: Table) -> list[object]:
    return [row["id"] for row in read(engine, table)]


def test_deleted_positions_are_left_out(engine: DuckDBEngine, lake: SqlCatalog) -> None:
    source = _deleted_table(lake, "deleted")
    first, second = _files(source)
    _delete_positions(source, "d1", [(first, 0), (first, 9)])
    _delete_positions(source, "d2", [(second, 5), (first, 1)])
    kept = set(range(20))
    for path, position in ((first, 0), (first, 9), (second, 5), (first, 1)):
        kept.discard(_rows_of(path)[position])
    assert _ids(engine, rig.described(source, "deleted")) == sorted(kept)


def _rows_of(path: str) -> list[int]:
    rows: list[int] = pq.read_table(path.removeprefix("file://")).column("id").to_pylist()
    return rows


def test_a_delete_holds_only_for_files_that_were_there_before_it(
    engine: DuckDBEngine, lake: SqlCatalog
) -> None:
    source = _deleted_table(lake, "deleted_before")
    first, _ = _files(source)
    _delete_positions(source, "d1", [(first, 3)])
    source.append(pa.table({"id": [100, 101, 102, 103], "v": ["w"] * 4}))
    gone = _rows_of(first)[3]
    expected = sorted({*range(20), 100, 101, 102, 103} - {gone})
    assert _ids(engine, rig.described(source, "deleted_before")) == expected


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize("rows", [1, 7, 8, 9, 5_000])
def test_as_bitmaps_and_by_a_join_the_same_rows_are_left_out(
    engine: DuckDBEngine,
    lake: SqlCatalog,
    monkeypatch: pytest.MonkeyPatch,
    *,
    small: bool,
    rows: int,
) -> None:
    if not small:
        monkeypatch.setattr(bitmaps, "_LARGEST", -1)
    name = f"deleted_both_{small}_{rows}"
    source = fresh(
        lake, name, NestedField(1, "bits", LongType()), NestedField(2, "data", LongType())
    )
    # the second file is longer, the third one loses nothing, and none of them is all of one byte
    for file, count in enumerate((rows, rows + 3, rows)):
        numbers = list(range(count))
        source.append(pa.table({"bits": numbers, "data": [file] * count}))
    paths = {_file_of(path): path for path in _files(source)}
    chance = random.Random(rows)
    gone = {(file, rows - 1) for file in (0, 1)} | {(1, rows + 2)}
    gone |= {(file, at) for file in (0, 1) for at in range(rows) if chance.random() < 0.1}
    nowhere = [(paths[file], at) for file in paths for at in (-1, rows + 5, 2**40)]
    listed = [(paths[file], at) for file, at in sorted(gone)]
    _delete_positions(source, "d1", [*listed, *listed[:1], *nowhere])
    table = rig.described(source, name)
    (scan,) = [plan(table)]
    assert ("bitstring_agg" in scan.sql) is small
    found = rig.values(engine, f"SELECT data, bits FROM {name}", rig.relation(table))
    all_rows = {(0, at) for at in range(rows)} | {(1, at) for at in range(rows + 3)}
    assert sorted(found) == sorted((all_rows - gone) | {(2, at) for at in range(rows)})
    counted = rig.values(engine, f"SELECT count(*) FROM {name}", rig.relation(table))
    assert counted == [(len(found),)]


def _file_of(path: str) -> int:
    number: int = pq.read_table(path.removeprefix("file://")).column("data")[0].as_py()
    return number


def test_bitmaps_are_for_as_many_bits_as_a_join_would_take(lake: SqlCatalog) -> None:
    source = _deleted_table(lake, "deleted_shapes")
    first, _ = _files(source)
    _delete_positions(source, "d1", [(first, 3)])
    held = source_of(rig.described(source, "deleted_shapes"), Manifests(), Footers())
    file = next(each for each in held.index.files(range(2)) if each.deletes)

    def shaped(rows: int, deleted: int, files: int = 1) -> bool:
        deletes = tuple(replace(each, record_count=deleted) for each in file.deletes)
        return bitmaps.are_small([replace(file, record_count=rows, deletes=deletes)] * files)

    assert shaped(60_000_000, 1)
    assert not shaped(70_000_000, 1)
    assert not shaped(40_000_000, 1, files=2)
    assert shaped(500_000_000, 50_000_000)
    assert not shaped(600_000_000, 1 << 40)


def test_bitmaps_stay_out_of_joins_above_them(
    new_engine: Callable[..., DuckDBEngine], lake: SqlCatalog
) -> None:
    # so many rows that a bitmap for each of them, 12 kB, would be more than a worker may have
    rows = 100_000
    source = fresh(lake, "deleted_joined", NestedField(1, "id", LongType()))
    for start in (0, rows):
        source.append(pa.table({"id": list(range(start, start + rows))}))
    gone = [(path, at) for path in _files(source) for at in range(0, rows, 10)]
    _delete_positions(source, "d1", gone)
    engine = new_engine(workers=1, memory_limit=256 * 1024 * 1024)
    text = "SELECT count(*) FROM deleted_joined a JOIN deleted_joined b ON a.id = b.id"
    table = rig.described(source, "deleted_joined")
    assert rig.values(engine, text, rig.relation(table)) == [(2 * rows * 9 // 10,)]


def test_deletes_and_renamed_columns_go_together(engine: DuckDBEngine, lake: SqlCatalog) -> None:
    source = _deleted_table(lake, "deleted_evolved")
    first, _ = _files(source)
    _delete_positions(source, "d1", [(first, 3)])
    with source.update_schema() as update:
        update.rename_column("v", "w").add_column("x", IntegerType())
    got = read(engine, rig.described(source, "deleted_evolved"))
    assert len(got) == 19
    assert set(got[0]) == {"id", "w", "x"}


def _delete_equal(source: IcebergTable, name: str, keys: pa.Table) -> None:
    """Commit an equality delete file by hand."""
    path = f"{source.location()}/data/{name}.parquet"
    local = path.removeprefix("file://")
    pq.write_table(keys, local)
    size = Path(local).stat().st_size
    _commit_deletes(source, path, keys.num_rows, size, DataFileContent.EQUALITY_DELETES)


def test_keys_are_deleted_by_their_field_ids(engine: DuckDBEngine, lake: SqlCatalog) -> None:
    source = _deleted_table(lake, "deleted_equal")
    schema = pa.schema([pa.field("other", pa.int64(), True, {"PARQUET:field_id": "1"})])
    _delete_equal(source, "eq", pa.table([[1, 15, 99]], schema=schema))
    source.append(pa.table({"id": [1], "v": ["again"]}))
    kept = [1, *sorted({*range(20)} - {1, 15})]
    assert _ids(engine, rig.described(source, "deleted_equal")) == sorted(kept)


@pytest.mark.parametrize("number", ["", "2", "7"])
def test_equality_deletes_without_their_key_are_refused(lake: SqlCatalog, number: str) -> None:
    source = _deleted_table(lake, f"deleted_lost_{number}")
    metadata = {"PARQUET:field_id": number} if number else None
    schema = pa.schema([pa.field("id", pa.int64(), True, metadata)])
    _delete_equal(source, "eq", pa.table([[1]], schema=schema))
    with pytest.raises(UnsupportedData):
        plan(rig.described(source, f"deleted_lost_{number}"))
