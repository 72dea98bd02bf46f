"""The tables about an Iceberg table: its snapshots, their history and names, its files.

Their rows are made when they are read, from metadata and manifests, a manifest at a time. What they
hold of values, numbers and sizes is what the inspection lets them tell; names of files are told
relative to the table's location. Where a field is hidden by which the table is or was partitioned,
there is no table of files: each file is a group of its values, and the file's name has them in it.
"""

from __future__ import annotations

import struct
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice
from types import MappingProxyType
from typing import Any, TypeVar

import pyarrow as pa
from pyiceberg.conversions import from_bytes
from pyiceberg.exceptions import ValidationError
from pyiceberg.io import FileIO, load_file_io
from pyiceberg.manifest import DataFile, DataFileContent, ManifestFile, PartitionFieldSummary
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionField, PartitionSpec
from pyiceberg.serializers import FromInputFile
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.transforms import IdentityTransform, Transform
from pyiceberg.types import IcebergType, NestedField, PrimitiveType, UUIDType

from catalog.errors import CatalogUnavailable, UnsupportedTable
from catalog.iceberg_fields import parts_of
from catalog.iceberg_history import Past
from catalog.inspection import COLUMNS, Inspection
from catalog.model import Column, Table
from catalog.names import TableName
from catalog.places import OutsideLocation, relative, relative_metadata
from catalog.sources import failures

MAX_ROWS = 500_000
MAX_SECONDS = 60.0
_BATCH = 4_096
_IDENTITY: Transform[Any, Any] = IdentityTransform()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MALFORMED = (
    ValidationError,
    ValueError,
    LookupError,
    TypeError,
    EOFError,
    NotImplementedError,
    struct.error,
)
_Row = Mapping[str, Any]
_T = TypeVar("_T")

# Writers put more into a summary than these: values of partitions, names, places.
_CHANGES = ("added", "deleted", "removed", "total")
_COUNTED = frozenset(
    f"{change}-{of}"
    for change in _CHANGES
    for of in (
        "data-files",
        "delete-files",
        "equality-delete-files",
        "equality-deletes",
        "position-delete-files",
        "position-deletes",
        "records",
    )
)
_SIZED = frozenset(f"{change}-files-size" for change in _CHANGES)


def inspected(table: Table, asked: Inspection, past: Past) -> Table | None:
    """The table about a table's state; None where nothing may be told in it.

    Reading its rows raises `CatalogUnavailable`, and `UnsupportedTable` where there are too many.
    """
    if asked.kind == "files" and not past.divided_by <= asked.paths.keys():
        return None
    columns = COLUMNS[asked.kind]
    schema = pa.schema([pa.field(name, kind) for name, kind in columns])

    def rows() -> Iterator[pa.RecordBatch]:
        made = _told(table.name, lambda: _rows(table, asked))
        while batch := _told(table.name, lambda: list(islice(made, _BATCH))):
            yield pa.RecordBatch.from_pylist(batch, schema)

    return Table(
        name=replace(table.name, table=f"{table.name.table}${asked.kind}"),
        columns=tuple(Column(name, kind) for name, kind in columns),
        rows=rows,
    )


def _told(name: TableName, read: Callable[[], _T]) -> _T:
    """What goes wrong while rows are made, in words for clients."""
    try:
        return read()
    except OutsideLocation as error:
        raise UnsupportedTable(
            f"The metadata of table {name} name a file that does not lie under its location"
        ) from error
    except failures() as error:
        raise CatalogUnavailable(f"The metadata of table {name} cannot be read now") from error
    except _MALFORMED as error:
        raise UnsupportedTable(
            f"Table {name} uses a part of the Iceberg format that this server cannot read"
        ) from error


def _rows(table: Table, asked: Inspection) -> Iterator[_Row]:
    """The rows, as long as it is not too many of them; a part would be taken for all."""
    if table.snapshot is None:
        return
    location = table.snapshot.metadata_location
    file_io = load_file_io(dict(table.storage), location)
    metadata = FromInputFile.table_metadata(file_io.new_input(location))
    relative_metadata(metadata.location, location)
    state = _State(metadata, asked, file_io, table.snapshot.snapshot_id)
    until = time.monotonic() + MAX_SECONDS
    for count, row in enumerate(_MAKERS[asked.kind](state)):
        if count >= MAX_ROWS or time.monotonic() > until:
            raise _too_much(table.name)
        yield row


def _too_much(name: TableName) -> UnsupportedTable:
    return UnsupportedTable(f"Table {name} has too many files or snapshots to list")


@dataclass(frozen=True)
class _State:
    """A table's metadata, what of it may be told, and the snapshot that is looked at."""

    metadata: TableMetadata
    asked: Inspection
    file_io: FileIO
    snapshot_id: int | None

    @cached_property
    def types(self) -> Mapping[int, IcebergType]:
        """The types of the fields of which values may be told, the current ones last."""
        schemas = [*self.metadata.schemas, self.metadata.schema()]
        found = {f.field_id: f.field_type for s in schemas for f in _within(s.fields)}
        return {at: kind for at, kind in found.items() if at in self.asked.paths}

    @cached_property
    def specs(self) -> Mapping[int, PartitionSpec]:
        """The partition specs, by their ids."""
        return self.metadata.specs()

    def spec(self, spec_id: int) -> PartitionSpec:
        """The spec of an id. Raises `ValueError`."""
        found = self.specs.get(spec_id)
        if found is None and spec_id == 0:
            return UNPARTITIONED_PARTITION_SPEC
        if found is None:
            raise ValueError("no such partition spec")
        return found

    def size(self, size: int) -> int | None:
        """The size of a file, where it may be told."""
        return size if self.asked.sizes else None

    def manifests(self) -> Iterator[ManifestFile]:
        """The manifests of the snapshot, all of them within the table's location."""
        snapshot = None
        if self.snapshot_id is not None:
            snapshot = self.metadata.snapshot_by_id(self.snapshot_id)
        if snapshot is not None:
            relative(self.metadata.location, snapshot.manifest_list)
            for manifest in snapshot.manifests(self.file_io):
                relative(self.metadata.location, manifest.manifest_path)
                yield manifest

    def files(self) -> Iterator[DataFile]:
        """The live data and delete files of the snapshot."""
        for manifest in self.manifests():
            for entry in manifest.fetch_manifest_entry(self.file_io, discard_deleted=True):
                yield entry.data_file

    def partition(self, file: DataFile) -> dict[str, str | None]:
        """The partition of a file, as far as it may be told."""
        return {
            field.name: self._partition_text(field, file.partition[at])
            for at, field in enumerate(self.spec(file.spec_id).fields)
            if field.source_id in self.types
        }

    def _partition_text(self, field: PartitionField, value: Any) -> str | None:
        if value is None:
            return None
        return _text(field.transform, self.types[field.source_id], value)

    def by_name(self, counts: Mapping[int, int] | None) -> dict[str, int]:
        """Counts by the names of the fields that may be told."""
        paths = self.asked.paths
        return {paths[at]: count for at, count in (counts or {}).items() if at in paths}

    def bounds(self, bounds: Mapping[int, bytes] | None) -> dict[str, str]:
        """Bounds as texts, by the names of the fields that may be told."""
        found: dict[str, str] = {}
        for at, value in (bounds or {}).items():
            kind = self.types.get(at)
            text = None if kind is None else _bound(kind, value)
            if text is not None:
                found[self.asked.paths[at]] = text
        return found

    def summaries(self, manifest: ManifestFile) -> Iterator[_Row]:
        """What a manifest says of its partitions, as far as it may be told."""
        fields = self.spec(manifest.partition_spec_id).fields
        for field, summary in zip(fields, manifest.partitions or (), strict=False):
            if field.source_id in self.types:
                yield self._summary(field, summary)

    def _summary(self, field: PartitionField, summary: PartitionFieldSummary) -> _Row:
        source = self.types[field.source_id]
        result = field.transform.result_type(source)

        def text(bound: bytes | None) -> str | None:
            if bound is None or not isinstance(result, PrimitiveType):
                return None
            return self._partition_text(field, from_bytes(result, bound))

        return {
            "field": field.name,
            "contains_null": summary.contains_null,
            "contains_nan": summary.contains_nan,
            "lower_bound": text(summary.lower_bound),
            "upper_bound": text(summary.upper_bound),
        }


def _within(fields: Iterable[NestedField]) -> Iterator[NestedField]:
    for field in fields:
        yield field
        yield from _within(parts_of(field.field_type))


def _bound(kind: IcebergType, value: bytes) -> str | None:
    """A bound as a text; None for one that is not understood."""
    if not isinstance(kind, PrimitiveType):
        return None
    try:
        return _text(_IDENTITY, kind, from_bytes(kind, value))
    except (ValueError, TypeError, OverflowError, ArithmeticError):
        return None


def _text(transform: Transform[Any, Any], kind: IcebergType, value: Any) -> str:
    """A transformed value of a type as people read it."""
    if isinstance(kind, UUIDType) and isinstance(value, bytes) and transform == _IDENTITY:
        return str(uuid.UUID(bytes=value))
    return transform.to_human_string(kind, value)


def _moment(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


# --- the rows of each kind ------------------------------------------------------------------------


def _snapshots(state: _State) -> Iterator[_Row]:
    for each in state.metadata.snapshots:
        yield {
            "committed_at": _moment(each.timestamp_ms),
            "snapshot_id": each.snapshot_id,
            "parent_id": each.parent_snapshot_id,
            "operation": each.summary.operation.value if each.summary else None,
            "summary": _counted(each, state.asked),
        }


def _counted(snapshot: Snapshot, asked: Inspection) -> dict[str, str]:
    """What a summary counts, as far as it may be told."""
    if not asked.counts or snapshot.summary is None:
        return {}
    known = _COUNTED | _SIZED if asked.sizes else _COUNTED
    told = snapshot.summary.additional_properties
    return {key: str(value) for key, value in told.items() if key in known}


def _history(state: _State) -> Iterator[_Row]:
    by_id = {each.snapshot_id: each for each in state.metadata.snapshots}
    ancestors: set[int] = set()
    at = state.metadata.current_snapshot_id
    while at is not None and at not in ancestors:
        ancestors.add(at)
        at = by_id[at].parent_snapshot_id if at in by_id else None
    for entry in state.metadata.snapshot_log:
        known = by_id.get(entry.snapshot_id)
        yield {
            "made_current_at": _moment(entry.timestamp_ms),
            "snapshot_id": entry.snapshot_id,
            "parent_id": known.parent_snapshot_id if known else None,
            "is_current_ancestor": entry.snapshot_id in ancestors,
        }


def _refs(state: _State) -> Iterator[_Row]:
    for name, ref in sorted(state.metadata.refs.items()):
        yield {
            "name": name,
            "type": ref.snapshot_ref_type.value.upper(),
            "snapshot_id": ref.snapshot_id,
            "max_reference_age_in_ms": ref.max_ref_age_ms,
            "min_snapshots_to_keep": ref.min_snapshots_to_keep,
            "max_snapshot_age_in_ms": ref.max_snapshot_age_ms,
        }


def _files(state: _State) -> Iterator[_Row]:
    for file in state.files():
        yield {
            "content": int(file.content),
            "file_path": relative(state.metadata.location, file.file_path),
            "file_format": str(file.file_format.value),
            "spec_id": file.spec_id,
            "partition": state.partition(file),
            "record_count": file.record_count,
            "file_size_in_bytes": state.size(file.file_size_in_bytes),
            "column_sizes": state.by_name(file.column_sizes),
            "value_counts": state.by_name(file.value_counts),
            "null_value_counts": state.by_name(file.null_value_counts),
            "nan_value_counts": state.by_name(file.nan_value_counts),
            "lower_bounds": state.bounds(file.lower_bounds),
            "upper_bounds": state.bounds(file.upper_bounds),
            "sort_order_id": file.sort_order_id,
        }


def _partitions(state: _State) -> Iterator[_Row]:
    """Sums over files of the same partition, as far as it may be told."""
    sums: dict[tuple[tuple[str, str | None], ...], list[int]] = {}
    for file in state.files():
        found = sums.setdefault(tuple(state.partition(file).items()), [0, 0, 0, 0])
        if file.content == DataFileContent.DATA:
            added: Iterable[int] = (file.record_count, 1, file.file_size_in_bytes, 0)
        else:
            added = (0, 0, 0, 1)
        found[:] = [old + new for old, new in zip(found, added, strict=True)]
    names = [name for name, _ in COLUMNS["partitions"][1:]]
    for partition, counts in sums.items():
        row = {"partition": dict(partition), **dict(zip(names, counts, strict=True))}
        yield {**row, "total_size": state.size(counts[2])}


def _manifests(state: _State) -> Iterator[_Row]:
    for each in state.manifests():
        yield {
            "content": int(each.content),
            "path": relative(state.metadata.location, each.manifest_path),
            "length": state.size(each.manifest_length),
            "partition_spec_id": each.partition_spec_id,
            "added_snapshot_id": each.added_snapshot_id,
            "added_data_files_count": each.added_files_count,
            "existing_data_files_count": each.existing_files_count,
            "deleted_data_files_count": each.deleted_files_count,
            "added_rows_count": each.added_rows_count,
            "existing_rows_count": each.existing_rows_count,
            "deleted_rows_count": each.deleted_rows_count,
            "partition_summaries": list(state.summaries(each)),
        }


_MAKERS: Mapping[str, Callable[[_State], Iterator[_Row]]] = MappingProxyType(
    {
        "files": _files,
        "history": _history,
        "manifests": _manifests,
        "partitions": _partitions,
        "refs": _refs,
        "snapshots": _snapshots,
    }
)
