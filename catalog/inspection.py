"""The tables about a table: which there are, and how much of them may be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import pyarrow as pa

from catalog.names import TableName, fold

_TEXT, _NUMBER, _SMALL = pa.string(), pa.int64(), pa.int32()
_MOMENT = pa.timestamp("us", tz="UTC")
_VALUES, _COUNTS = pa.map_(_TEXT, _TEXT), pa.map_(_TEXT, _NUMBER)
_SUMMARY = pa.struct(
    [
        ("field", _TEXT),
        ("contains_null", pa.bool_()),
        ("contains_nan", pa.bool_()),
        ("lower_bound", _TEXT),
        ("upper_bound", _TEXT),
    ]
)
COLUMNS: Mapping[str, tuple[tuple[str, pa.DataType], ...]] = MappingProxyType(
    {
        "snapshots": (
            ("committed_at", _MOMENT),
            ("snapshot_id", _NUMBER),
            ("parent_id", _NUMBER),
            ("operation", _TEXT),
            ("summary", _VALUES),
        ),
        "history": (
            ("made_current_at", _MOMENT),
            ("snapshot_id", _NUMBER),
            ("parent_id", _NUMBER),
            ("is_current_ancestor", pa.bool_()),
        ),
        "refs": (
            ("name", _TEXT),
            ("type", _TEXT),
            ("snapshot_id", _NUMBER),
            ("max_reference_age_in_ms", _NUMBER),
            ("min_snapshots_to_keep", _SMALL),
            ("max_snapshot_age_in_ms", _NUMBER),
        ),
        "files": (
            ("content", _SMALL),
            ("file_path", _TEXT),
            ("file_format", _TEXT),
            ("spec_id", _SMALL),
            ("partition", _VALUES),
            ("record_count", _NUMBER),
            ("file_size_in_bytes", _NUMBER),
            ("column_sizes", _COUNTS),
            ("value_counts", _COUNTS),
            ("null_value_counts", _COUNTS),
            ("nan_value_counts", _COUNTS),
            ("lower_bounds", _VALUES),
            ("upper_bounds", _VALUES),
            ("sort_order_id", _SMALL),
        ),
        "partitions": (
            ("partition", _VALUES),
            ("record_count", _NUMBER),
            ("file_count", _NUMBER),
            ("total_size", _NUMBER),
            ("delete_file_count", _NUMBER),
        ),
        "manifests": (
            ("content", _SMALL),
            ("path", _TEXT),
            ("length", _NUMBER),
            ("partition_spec_id", _SMALL),
            ("added_snapshot_id", _NUMBER),
            ("added_data_files_count", _SMALL),
            ("existing_data_files_count", _SMALL),
            ("deleted_data_files_count", _SMALL),
            ("added_rows_count", _NUMBER),
            ("existing_rows_count", _NUMBER),
            ("deleted_rows_count", _NUMBER),
            ("partition_summaries", pa.list_(_SUMMARY)),
        ),
    }
)
KINDS = frozenset(COLUMNS)
# What is counted and bounded in these are rows of the table.
ABOUT_ROWS = frozenset({"files", "manifests", "partitions"})


@dataclass(frozen=True, slots=True)
class Inspection:
    """One of `KINDS`, and what may be told in it.

    `paths` are the dotted names, by field id, of all fields whose values may be known: nothing is
    told of others. `counts` says whether numbers of rows may be, `sizes` whether those of files.
    """

    kind: str
    paths: Mapping[int, str]
    counts: bool
    sizes: bool

    def within(self, other: Inspection) -> Inspection:
        """What both let be told of the numbers."""
        return replace(self, counts=self.counts and other.counts, sizes=self.sizes and other.sizes)


def about(name: TableName) -> tuple[TableName, str] | None:
    """The table that `table$kind` is about, and the kind; None for any other name."""
    table, mark, kind = name.table.rpartition("$")
    if not (table and mark) or fold(kind) not in KINDS:
        return None
    return TableName(name.catalog, name.schema, table), fold(kind)
