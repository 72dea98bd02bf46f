"""Which files a table's snapshot consists of, and which of them a scan reads. Knows no users."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from pyiceberg.exceptions import ValidationError
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.schema import Schema
from pyiceberg.table import StaticTable
from pyiceberg.table.metadata import TableMetadata

from catalog.model import Table
from flight_server.engines.duckdb.kept import Kept
from flight_server.engines.duckdb.scan import fields
from flight_server.engines.duckdb.scan.footers import Footers
from flight_server.engines.duckdb.scan.index import FileIndex
from flight_server.engines.duckdb.scan.manifests import Manifests, unreadable
from flight_server.engines.duckdb.scan.prune import prune
from flight_server.engines.duckdb.scan.reader import render
from flight_server.engines.duckdb.scan.remote import identity, is_remote
from flight_server.engines.duckdb.scan.root import check, check_metadata, local_path
from flight_server.engines.duckdb.scan.scan import Scan
from flight_server.engines.duckdb.scan.wanted import ALL, Wanted
from flight_server.engines.duckdb.session import nulls
from flight_server.engines.errors import EngineError, UnsupportedData

Part = tuple[int, int] | None

_UNREADABLE = "The table's metadata cannot be read now."
_INDEX_BYTES = 256 * 1024 * 1024
_SCAN_BYTES = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """A table at its snapshot, planned once: its schema and the index of its files.

    `types` are DuckDB's by column, in table order.
    """

    table: Table
    metadata: TableMetadata
    schema: Schema
    types: dict[str, str]
    index: FileIndex
    footers: Footers

    def scan(self, part: Part = None, wanted: Wanted = ALL) -> Scan:
        """A scan of the files, or of one part of them; only of those that matter."""
        index = self.index
        if not wanted.values and not index.has_deletes:
            return _rows(self.types, int(index.records[self.matching(ALL, part)].sum()))
        numbers = self.matching(wanted, part)
        whole = isinstance(wanted.rows, AlwaysTrue) and not index.has_deletes
        if wanted.limit is not None and whole:
            numbers = numbers[: _enough(index.records[numbers], wanted.limit)]
        files = index.files(numbers)
        return render(self.table, self.metadata, self.schema, files, self.footers)

    def matching(self, wanted: Wanted, part: Part = None) -> npt.NDArray[np.int64]:
        """The numbers of the files, or of one part of them, that may hold wanted rows."""
        numbers = np.arange(self.index.count) if part is None else self.index.part(*part)
        if isinstance(wanted.rows, AlwaysTrue):
            return numbers
        mask = prune(self.index, self.metadata.specs(), self.schema, wanted.rows)
        return numbers[mask[numbers]]


class Scanner:
    """Scans by snapshot. Metadata is immutable, so what was planned once is kept."""

    def __init__(self, capacity: int) -> None:
        self._manifests = Manifests()
        self._footers = Footers()
        most = max(1, _INDEX_BYTES // capacity)
        self._sources: Kept[Source] = Kept(
            _INDEX_BYTES, lambda source: max(most, source.index.size)
        )
        least = max(1, _SCAN_BYTES // (4 * capacity))
        self._scans: Kept[Scan] = Kept(_SCAN_BYTES, lambda scan: max(least, _weight(scan)))

    def source(self, table: Table) -> Source:
        """A table with its files. Raises `UnsupportedData`, and `EngineError`."""
        return self._sources.get(
            _key(table), lambda: source_of(table, self._manifests, self._footers)
        )

    def scan(self, table: Table, part: Part = None, wanted: Wanted | None = None) -> Scan:
        """Plan a table. Raises `UnsupportedData`, and `EngineError` where it cannot be read."""
        needed = wanted or ALL
        key = (_key(table), part, needed.key)
        return self._scans.get(key, lambda: self.source(table).scan(part, needed))


def _key(table: Table) -> object:
    columns = tuple((column.field_id, column.name) for column in table.columns)
    return (table.snapshot, identity(table.location, table.storage), columns)


def _weight(scan: Scan) -> int:
    """About how many bytes a scan takes: a path in its text, and one beside it."""
    return 2 * len(scan.sql) + 200 * (len(scan.files) + len(scan.remote))


def plan(table: Table, part: Part = None) -> Scan:
    """Plan a table at its snapshot: its files, or one part of them. Raises as `Scanner.scan`."""
    return source_of(table, Manifests(), Footers()).scan(part)


def source_of(table: Table, manifests: Manifests, footers: Footers) -> Source:
    """A table at its snapshot with all of its files. Raises as `Scanner.source`."""
    if table.snapshot is None:
        raise UnsupportedData("This engine cannot read a table that has no snapshot.")
    _check_storage(table.snapshot.metadata_location)
    try:
        source = StaticTable.from_metadata(
            table.snapshot.metadata_location, properties=dict(table.storage)
        )
    except OSError as error:
        raise unreadable(table.snapshot.metadata_location, error) from error
    except (ValueError, ValidationError) as error:
        raise EngineError(_UNREADABLE) from error
    schema = _schema(source.metadata, table)
    fields.check_names(schema)
    types = {field.name: fields.sql_type(field.field_type) for field in schema.fields}
    index = _index(source, table, manifests)
    return Source(table, source.metadata, schema, types, index, footers)


def _index(source: StaticTable, table: Table, manifests: Manifests) -> FileIndex:
    metadata = source.metadata
    if table.snapshot is None or table.snapshot.snapshot_id is None:
        return FileIndex([], metadata.specs())
    snapshot = metadata.snapshot_by_id(table.snapshot.snapshot_id)
    if snapshot is None:
        raise EngineError("The table's snapshot no longer exists.")
    location = table.location or metadata.location
    check_metadata(location, table.snapshot.metadata_location)
    # metadata that lies elsewhere is refused before it is read
    checked: Callable[[str], None] = partial(check, location)
    return FileIndex(manifests.read(source.io, snapshot.manifest_list, checked), metadata.specs())


def _check_storage(uri: str) -> None:
    """Refuse storage of other kinds before anything of it is read. Raises `UnsupportedData`."""
    if not is_remote(uri):
        local_path(uri)


def _enough(records: npt.NDArray[np.int64], limit: int) -> int:
    """How many files from the start certainly have so many rows, or all of them; at least one."""
    return int(np.searchsorted(np.cumsum(records), limit)) + 1


def _rows(types: dict[str, str], count: int) -> Scan:
    """So many rows without values, for statements that read none."""
    source = f"system.main.range({count})"
    return Scan(f"SELECT {nulls(types)} FROM {source}", types, ())  # noqa: S608 - quoted


def _schema(metadata: TableMetadata, table: Table) -> Schema:
    """The schema that the catalog showed: the current one, or that of the pinned snapshot."""
    current = metadata.schema()
    others = [schema for schema in metadata.schemas if schema.schema_id != current.schema_id]
    for schema in (current, *reversed(others)):
        shown = [
            (field.field_id if column.field_id is not None else None, field.name)
            for field, column in zip(schema.fields, table.columns, strict=False)
        ]
        if len(schema.fields) == len(table.columns) and shown == [
            (column.field_id, column.name) for column in table.columns
        ]:
            return schema
    raise EngineError("The table's columns are not those of its metadata.")
