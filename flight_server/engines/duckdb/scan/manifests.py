"""The manifests of a snapshot as columns. Each is decoded once: a manifest never changes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyiceberg.avro.file import AvroFile
from pyiceberg.avro.resolver import resolve_reader
from pyiceberg.exceptions import ResolveError
from pyiceberg.io import FileIO
from pyiceberg.manifest import ManifestContent, ManifestFile, read_manifest_list
from pyiceberg.schema import Schema
from pyiceberg.typedef import Record
from pyiceberg.types import (
    BinaryType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    PrimitiveType,
    StringType,
    StructType,
)

from flight_server.engines.duckdb.kept import Kept
from flight_server.engines.duckdb.scan.entries import DeleteFile
from flight_server.engines.duckdb.scan.remote import identity, is_remote
from flight_server.engines.errors import EngineError, StorageFailed

Ints = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]

_DAMAGED = "The table's metadata cannot be read now."
_FAILED = "The storage of a table cannot be read now."
_KEPT_BYTES = 256 * 1024 * 1024
_READS = 8
_ADDED, _DELETED = 1, 2
_DATA, _POSITIONS, _EQUALITY = 0, 1, 2
# The path column of position deletes.
_FILE_PATH = 2147483546
_PARTITION = 102
_DATA_FILE = 2
# What a reader of Avro raises over bytes that are no such file.
_UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    OverflowError,
    AssertionError,
    NotImplementedError,
    ResolveError,
    struct.error,
    zlib.error,
)


def _optional(number: int, name: str, data: IcebergType) -> NestedField:
    return NestedField(number, name, data, required=False)


def _needed(number: int, name: str, data: IcebergType, default: Any = None) -> NestedField:
    return NestedField(number, name, data, required=True, initial_default=default)


def _by_column(number: int, name: str, value: PrimitiveType, parts: tuple[int, int]) -> NestedField:
    key, item = parts
    return _optional(number, name, MapType(key, IntegerType(), item, value, value_required=True))


# The fields of version 3 that matter here.
_FILE = StructType(
    _needed(134, "content", IntegerType(), _DATA),
    _needed(100, "file_path", StringType()),
    _needed(101, "file_format", StringType()),
    _needed(_PARTITION, "partition", StructType()),
    _needed(103, "record_count", LongType()),
    _needed(104, "file_size_in_bytes", LongType()),
    _by_column(109, "value_counts", LongType(), (119, 120)),
    _by_column(110, "null_value_counts", LongType(), (121, 122)),
    _by_column(137, "nan_value_counts", LongType(), (138, 139)),
    _by_column(125, "lower_bounds", BinaryType(), (126, 127)),
    _by_column(128, "upper_bounds", BinaryType(), (129, 130)),
    _optional(135, "equality_ids", ListType(136, LongType(), element_required=True)),
    _optional(143, "referenced_data_file", StringType()),
    _optional(144, "content_offset", LongType()),
    _optional(145, "content_size_in_bytes", LongType()),
)
_AT = {entry.name: position for position, entry in enumerate(_FILE.fields)}


@dataclass(frozen=True, slots=True, eq=False)
class Sparse:
    """Values by file and field, for the files and fields that have one.

    `rows` are the files' numbers in their manifest, `ids` the fields'; `values` are numbers, or
    binary as Arrow holds it.
    """

    rows: Numbers
    ids: Numbers
    values: Any

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return int(self.rows.nbytes + self.ids.nbytes + self.values.nbytes)


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """What is told of the columns of each file: counts of values, NULLs and NaNs, and bounds."""

    values: Sparse
    nulls: Sparse
    nans: Sparse
    lower: Sparse
    upper: Sparse

    @property
    def size(self) -> int:
        """Bytes in memory."""
        parts = (self.values, self.nulls, self.nans, self.lower, self.upper)
        return sum(part.size for part in parts)


@dataclass(frozen=True, slots=True)
class Delete:
    """A file of deletes, and between which paths its data files lie, where that is known."""

    file: DeleteFile
    first: bytes | None = None
    last: bytes | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Manifest:
    """The live files of a manifest: of data, column-wise, or of deletes.

    `types` are those of the partition's fields by id, as they were written; `partitions` are the
    values in their order.
    """

    spec_id: int
    types: tuple[tuple[int, IcebergType], ...]
    paths: pa.LargeStringArray
    formats: tuple[str, ...]
    sizes: Ints
    records: Ints
    sequences: Ints
    partitions: tuple[tuple[Any, ...], ...]
    statistics: Statistics
    deletes: tuple[Delete, ...] = field(default=())

    @property
    def size(self) -> int:
        """About how many bytes it takes in memory."""
        files, deletes = len(self.formats), len(self.deletes)
        each = 96 + 40 * len(self.types)
        return int(self.paths.nbytes + self.statistics.size + each * files + 1024 * deletes)


def unreadable(uri: str, error: OSError) -> EngineError:
    """What is told where metadata could not be read."""
    if is_remote(uri) and not isinstance(error, FileNotFoundError):
        return StorageFailed(_FAILED)
    return EngineError(_DAMAGED)


class Manifests:
    """Reads manifests, and keeps them for ever as far as there is room."""

    def __init__(self, capacity: int = _KEPT_BYTES) -> None:
        self._kept: Kept[Manifest] = Kept(capacity, lambda manifest: manifest.size)

    def read(self, io: FileIO, manifest_list: str, check: Callable[[str], None]) -> list[Manifest]:
        """The manifests of a list, in its order; `check` sees each path before it is read.

        Raises what `check` raises, `StorageFailed`, and `EngineError` for what is no manifest.
        """
        check(manifest_list)
        try:
            listed = list(read_manifest_list(io.new_input(manifest_list)))
            for each in listed:
                check(each.manifest_path)
            return self._all(io, listed)
        except OSError as error:
            raise unreadable(manifest_list, error) from error
        except EngineError:
            raise
        except _UNREADABLE as error:
            raise EngineError(_DAMAGED) from error

    def _all(self, io: FileIO, listed: Sequence[ManifestFile]) -> list[Manifest]:
        def one(each: ManifestFile) -> Manifest:
            return self._kept.get(_key(io, each), lambda: _read(io, each))

        # decoding is work for one core; only waiting for a storage is worth threads
        if len(listed) < 2 or not is_remote(listed[0].manifest_path):
            return [one(each) for each in listed]
        with ThreadPoolExecutor(_READS, thread_name_prefix="read-manifest") as pool:
            return list(pool.map(one, listed))


def _key(io: FileIO, listed: ManifestFile) -> object:
    place = identity(listed.manifest_path, io.properties)
    # what a manifest inherits from its list
    return place, listed.sequence_number, listed.partition_spec_id, listed.content


def _read(io: FileIO, listed: ManifestFile) -> Manifest:
    with AvroFile[Record](io.new_input(listed.manifest_path)) as source:
        source.reader = resolve_reader(source.schema, _entry(source.schema))
        types = _partition_types(source.schema)
        live = list(_live(source, listed.sequence_number))
    files = [file for file, _ in live]
    deletes = listed.content == ManifestContent.DELETES
    for file in files:
        if (file[_AT["content"]] != _DATA) != deletes:
            raise EngineError(_DAMAGED)
    if deletes:
        found = tuple(_delete(file, sequence, listed.partition_spec_id) for file, sequence in live)
        return _manifest(listed.partition_spec_id, types, [], found)
    return _manifest(listed.partition_spec_id, types, live)


def _live(source: Iterable[Record], inherited: int) -> Iterator[tuple[Record, int]]:
    """The files that are there, with the sequence numbers of their data."""
    for entry in source:
        status, sequence, file = entry[0], entry[1], entry[2]
        if status == _DELETED:
            continue
        if sequence is None:
            # of files that were only carried over it is told; before version 2 there was none
            if status != _ADDED and inherited != 0:
                raise EngineError(_DAMAGED)
            sequence = inherited
        yield file, sequence


def _entry(written: Schema) -> Schema:
    """The fields to read of entries.

    Also lists and maps that nothing is wanted of: pyiceberg cannot skip them.
    """
    files = written.find_type(_DATA_FILE)
    if not isinstance(files, StructType):
        raise EngineError(_DAMAGED)
    known = {each.field_id for each in _FILE.fields}
    nested = [each for each in files.fields if not isinstance(each.field_type, PrimitiveType)]
    others = [each for each in nested if each.field_id not in known]
    return Schema(
        _needed(0, "status", IntegerType()),
        _optional(3, "sequence_number", LongType()),
        _needed(_DATA_FILE, "data_file", StructType(*_FILE.fields, *others)),
    )


def _partition_types(schema: Schema) -> tuple[tuple[int, IcebergType], ...]:
    partition = schema.find_type(_PARTITION)
    if not isinstance(partition, StructType):
        raise EngineError(_DAMAGED)
    return tuple((part.field_id, part.field_type) for part in partition.fields)


def _manifest(
    spec_id: int,
    types: tuple[tuple[int, IcebergType], ...],
    live: Sequence[tuple[Record, int]],
    deletes: tuple[Delete, ...] = (),
) -> Manifest:
    def column(name: str) -> list[Any]:
        position = _AT[name]
        return [file[position] for file, _ in live]

    statistics = Statistics(
        values=_sparse(column("value_counts")),
        nulls=_sparse(column("null_value_counts")),
        nans=_sparse(column("nan_value_counts")),
        lower=_sparse(column("lower_bounds"), binary=True),
        upper=_sparse(column("upper_bounds"), binary=True),
    )
    formats = {name: name.upper() for name in set(column("file_format"))}
    return Manifest(
        spec_id=spec_id,
        types=types,
        paths=pa.array(column("file_path"), pa.large_string()),
        formats=tuple(formats[name] for name in column("file_format")),
        sizes=np.array(column("file_size_in_bytes"), np.int64),
        records=np.array(column("record_count"), np.int64),
        sequences=np.array([sequence for _, sequence in live], np.int64),
        partitions=tuple(tuple(values) for values in column("partition")),
        statistics=statistics,
        deletes=deletes,
    )


def _sparse(maps: Sequence[dict[int, Any] | None], *, binary: bool = False) -> Sparse:
    lengths = [len(each) if each else 0 for each in maps]
    ids: list[int] = []
    values: list[Any] = []
    for each in maps:
        if each:
            ids.extend(each)
            values.extend(each.values())
    rows = np.repeat(np.arange(len(maps), dtype=np.int32), lengths)
    told = pa.array(values, pa.large_binary()) if binary else np.array(values, np.int64)
    return Sparse(rows, np.array(ids, np.int32), told)


def _delete(file: Record, sequence: int, spec_id: int) -> Delete:
    def value(name: str) -> Any:
        return file[_AT[name]]

    if value("content") not in (_POSITIONS, _EQUALITY):
        raise EngineError(_DAMAGED)
    first = (value("lower_bounds") or {}).get(_FILE_PATH)
    last = (value("upper_bounds") or {}).get(_FILE_PATH)
    referenced = value("referenced_data_file")
    if referenced is None and first is not None and first == last:
        referenced = first.decode()
    found = DeleteFile(
        content=value("content"),
        path=value("file_path"),
        format=value("file_format").upper(),
        size=value("file_size_in_bytes"),
        record_count=value("record_count"),
        sequence=sequence,
        spec_id=spec_id,
        partition=tuple(value("partition")),
        equality_ids=tuple(value("equality_ids") or ()),
        referenced=referenced if value("content") == _POSITIONS else None,
        offset=value("content_offset"),
        length=value("content_size_in_bytes"),
    )
    return Delete(found, first, last) if found.content == _POSITIONS else Delete(found)
