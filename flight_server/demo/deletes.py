"""Rows deleted as other engines delete them: by position, in files of their own.

pyiceberg reads such files but writes none, so its snapshot producer is given a manifest writer for
deletes. It is not a public part of pyiceberg, whose version is pinned.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyiceberg.conversions import to_bytes
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestWriter,
    ManifestWriterV2,
)
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update.snapshot import _FastAppendFiles
from pyiceberg.types import LongType, StringType

# the ids that the format reserves for the two columns of a position-delete file
_FILE_PATH, _POS = 2_147_483_546, 2_147_483_545
_DELETE_SCHEMA = pa.schema(
    [
        pa.field("file_path", pa.string(), False, {"PARQUET:field_id": str(_FILE_PATH)}),
        pa.field("pos", pa.int64(), False, {"PARQUET:field_id": str(_POS)}),
    ]
)


class _DeleteManifestWriter(ManifestWriterV2):
    def content(self) -> ManifestContent:
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, str]:
        return {**super()._meta, "content": "deletes"}


class _RowDeletes(_FastAppendFiles):
    """A snapshot that adds delete files and keeps all that was there."""

    def new_manifest_writer(self, spec: PartitionSpec) -> ManifestWriter:
        return _DeleteManifestWriter(
            spec, self.schema(), self.new_manifest_output(), self._snapshot_id, self._compression
        )


def delete_rows(
    table: Table, columns: Sequence[str], doomed: Callable[[pa.Table], NDArray[np.bool_]]
) -> int:
    """Delete the rows that `doomed` marks, seeing `columns` of a data file at a time.

    Writes a delete file per partition and commits one snapshot; gives the number of rows.
    """
    found: dict[str, list[tuple[DataFile, NDArray[np.int64]]]] = defaultdict(list)
    for task in table.scan().plan_files():
        with table.io.new_input(task.file.file_path).open() as stream:
            rows = pq.read_table(stream, columns=list(columns))
        positions = np.flatnonzero(doomed(rows))
        if len(positions):
            found[repr(task.file.partition)].append((task.file, positions))
    with table.transaction() as transaction:
        commit = _RowDeletes(Operation.DELETE, transaction, table.io)
        for partition in found.values():
            commit.append_data_file(_write(table, partition))
        commit.commit()
    return sum(len(positions) for files in found.values() for _, positions in files)


def _write(table: Table, files: Sequence[tuple[DataFile, NDArray[np.int64]]]) -> DataFile:
    """One delete file for data files of one partition, sorted by path and position."""
    ordered = sorted(files, key=lambda pair: pair[0].file_path)
    paths = [file.file_path for file, positions in ordered for _ in positions]
    positions = np.concatenate([positions for _, positions in ordered])
    location = f"{table.location()}/data/deletes-{uuid.uuid4()}.parquet"
    output = table.io.new_output(location)
    rows = pa.table([pa.array(paths), pa.array(positions)], schema=_DELETE_SCHEMA)
    with output.create() as stream:
        pq.write_table(rows, stream, compression="zstd")
    lowest, highest = int(positions.min()), int(positions.max())
    return _described(
        location,
        len(output),
        ordered[0][0],
        rows=len(paths),
        bounds={
            _FILE_PATH: (to_bytes(StringType(), paths[0]), to_bytes(StringType(), paths[-1])),
            _POS: (to_bytes(LongType(), lowest), to_bytes(LongType(), highest)),
        },
    )


def _described(
    location: str,
    size: int,
    like: DataFile,
    *,
    rows: int,
    bounds: Mapping[int, tuple[bytes, bytes]],
) -> DataFile:
    described = DataFile.from_args(
        content=DataFileContent.POSITION_DELETES,
        file_path=location,
        file_format=FileFormat.PARQUET,
        partition=like.partition,
        record_count=rows,
        file_size_in_bytes=size,
        column_sizes={},
        value_counts=dict.fromkeys(bounds, rows),
        null_value_counts=dict.fromkeys(bounds, 0),
        nan_value_counts={},
        lower_bounds={column: low for column, (low, _) in bounds.items()},
        upper_bounds={column: high for column, (_, high) in bounds.items()},
        key_metadata=None,
        split_offsets=None,
        equality_ids=None,
        sort_order_id=None,
    )
    described.spec_id = like.spec_id
    return described
