"""Iceberg tables over the files of another one, with a tenth of their rows deleted."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.avro.file import AvroOutputFile
from pyiceberg.catalog import Catalog
from pyiceberg.manifest import (
    DataFile,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    data_file_with_partition,
    manifest_entry_schema_with_data_file,
    write_manifest_list,
)
from pyiceberg.table import Table
from pyiceberg.table.refs import SnapshotRefType
from pyiceberg.table.snapshots import Operation, Snapshot, Summary
from pyiceberg.table.update import (
    AddSnapshotUpdate,
    AssertRefSnapshotId,
    SetSnapshotRefUpdate,
)
from pyiceberg.typedef import Record
from pyiceberg.types import StructType
from pyroaring import BitMap64

KINDS = ("positions", "vectors")
_SHARE = 10  # one row of so many
_SNAPSHOT = 1


@dataclass(frozen=True, slots=True)
class Deleted:
    """A file that takes rows of one data file away; `offset` and `length` are of a vector."""

    path: Path
    rows: int
    offset: int | None = None
    length: int | None = None


def written(kind: str, data_file: str, rows: int, target: Path) -> Deleted:
    """A file of positions, or with a vector, for a data file of so many rows."""
    chance = np.random.default_rng(rows)
    gone = sorted(int(each) for each in chance.choice(rows, rows // _SHARE, replace=False))
    if kind == "positions":
        path = target.with_suffix(".parquet")
        pq.write_table(pa.table({"file_path": [data_file] * len(gone), "pos": gone}), path)
        return Deleted(path, len(gone))
    path = target.with_suffix(".puffin")
    body = b"\xd1\xd3\x39\x64" + BitMap64(gone).serialize()
    blob = struct.pack(">I", len(body)) + body + struct.pack(">I", zlib.crc32(body))
    path.write_bytes(b"PFA1" + blob)
    return Deleted(path, len(gone), 4, len(blob))


def table(catalog: Catalog, kind: str, source: Table) -> Table:
    """A table over the files of `source` without a tenth of its rows; made where it is not there.

    pyiceberg does not write deletes: the manifest that names them is written here.
    """
    schema, name = source.name()
    identifier = (schema, f"{name}_without_{kind}")
    if catalog.table_exists(identifier):
        return catalog.load_table(identifier)
    # at the same place: files of a table that do not lie under its location are not read
    made = catalog.create_table(identifier, source.schema(), location=source.location())
    folder = Path(made.location().removeprefix("file://")) / "data"
    current = source.current_snapshot()
    assert current is not None
    assert current.sequence_number is not None
    manifests = current.manifests(source.io)
    rows = [entry.data_file for each in manifests for entry in each.fetch_manifest_entry(source.io)]
    deletes = [
        (file, written(kind, file.file_path, file.record_count, folder / f"{kind}-{number}"))
        for number, file in enumerate(rows)
    ]
    sequence = current.sequence_number + 1
    path = f"{made.location()}/metadata/{kind}.avro"
    _manifest(made, path, (_told(kind, file.file_path, deleted) for file, deleted in deletes))
    listing = f"{made.location()}/metadata/{kind}-list.avro"
    _commit(made, listing, [*manifests, _listed(path, sequence, len(deletes))], sequence)
    return made.refresh()


def _told(kind: str, data_file: str, deleted: Deleted) -> dict[str, Any]:
    told: dict[str, Any] = {
        "content": 1,
        "file_path": f"file://{deleted.path}",
        "file_format": FileFormat.PARQUET,
        "file_size_in_bytes": deleted.path.stat().st_size,
        "record_count": deleted.rows,
        "partition": Record(),
    }
    if kind == "vectors":
        told["file_format"] = FileFormat.PUFFIN
        told["referenced_data_file"] = data_file
        told["content_offset"] = deleted.offset
        told["content_size_in_bytes"] = deleted.length
    return told


def _manifest(made: Table, path: str, files: Iterator[dict[str, Any]]) -> None:
    shape = manifest_entry_schema_with_data_file(3, data_file_with_partition(StructType(), 3))
    output = made.io.new_output(path)
    with AvroOutputFile[ManifestEntry](output, shape, "manifest_entry") as sink:
        for told in files:
            file = DataFile.from_args(_table_format_version=3, **told)
            entry = ManifestEntry.from_args(
                _table_format_version=3,
                status=ManifestEntryStatus.ADDED,
                snapshot_id=_SNAPSHOT,
                sequence_number=None,
                data_file=file,
            )
            sink.write_block([entry])


def _listed(path: str, sequence: int, files: int) -> ManifestFile:
    return ManifestFile.from_args(
        manifest_path=path,
        manifest_length=Path(path.removeprefix("file://")).stat().st_size,
        partition_spec_id=0,
        content=ManifestContent.DELETES,
        sequence_number=sequence,
        min_sequence_number=sequence,
        added_snapshot_id=_SNAPSHOT,
        added_files_count=files,
        existing_files_count=0,
        deleted_files_count=0,
        added_rows_count=0,
        existing_rows_count=0,
        deleted_rows_count=0,
    )


def _commit(made: Table, listing: str, manifests: Sequence[ManifestFile], sequence: int) -> None:
    output = made.io.new_output(listing)
    with write_manifest_list(2, output, _SNAPSHOT, None, sequence, "null") as sink:
        sink.add_manifests(list(manifests))
    snapshot = Snapshot(
        snapshot_id=_SNAPSHOT,
        sequence_number=sequence,
        timestamp_ms=made.metadata.last_updated_ms + 1,
        manifest_list=listing,
        summary=Summary(operation=Operation.DELETE),
        schema_id=made.schema().schema_id,
    )
    head = SetSnapshotRefUpdate(
        ref_name="main",
        type=SnapshotRefType.BRANCH,
        snapshot_id=_SNAPSHOT,
        max_ref_age_ms=None,
        max_snapshot_age_ms=None,
        min_snapshots_to_keep=None,
    )
    made.catalog.commit_table(
        made,
        (AssertRefSnapshotId(ref="main", snapshot_id=None),),
        (AddSnapshotUpdate(snapshot=snapshot), head),
    )
