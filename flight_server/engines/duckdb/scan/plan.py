"""Which files a table's snapshot consists of, and the SQL that reads them. Knows no users."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pyarrow.parquet as pq
from pyiceberg.exceptions import ValidationError
from pyiceberg.expressions import BooleanExpression
from pyiceberg.manifest import DataFile, FileFormat
from pyiceberg.schema import Schema
from pyiceberg.table import FileScanTask, StaticTable
from pyiceberg.table.metadata import TableMetadata

from catalog.model import Table
from catalog.names import quote
from flight_server.engines.duckdb.kept import Kept
from flight_server.engines.duckdb.scan import fields
from flight_server.engines.duckdb.scan.prune import prune
from flight_server.engines.duckdb.scan.remote import RemoteFile, is_remote, open_file
from flight_server.engines.duckdb.scan.root import (
    LocalRoot,
    RemoteRoot,
    check,
    check_metadata,
    local_path,
)
from flight_server.engines.duckdb.session import text_literal
from flight_server.engines.errors import EngineError, UnsupportedData

Part = tuple[int, int] | None

_FIELD_ID = b"PARQUET:field_id"
_UNREADABLE = "The table's metadata cannot be read now."


@dataclass(frozen=True, slots=True)
class Scan:
    """A table as a subquery.

    `sql` stands in FROM, in parentheses; it gives the columns of `types` (DuckDB's type by name,
    in table order). `files` are the absolute paths that it reads. `remote` are files that have to
    be fetched first: they stand in `sql` as `mark` with their number, until `fetched` replaces it.
    """

    sql: str
    types: dict[str, str]
    files: tuple[str, ...]
    remote: tuple[RemoteFile, ...] = ()
    mark: str = ""

    def fetched(self, paths: Sequence[str]) -> Scan:
        """The scan over the local copies of its remote files, in their order."""
        sql = re.sub(
            f"'{self.mark}([0-9]+)'", lambda found: text_literal(paths[int(found[1])]), self.sql
        )
        return replace(self, sql=sql, files=(*self.files, *paths), remote=(), mark="")


@dataclass(frozen=True, slots=True)
class Source:
    """A table at its snapshot, planned once: its schema and all of its files.

    `types` are DuckDB's by column, in table order.
    """

    table: Table
    metadata: TableMetadata
    schema: Schema
    types: dict[str, str]
    tasks: tuple[FileScanTask, ...]

    def scan(self, part: Part = None, wanted: BooleanExpression | None = None) -> Scan:
        """A scan of the files, or of one part of them; only of those that may have wanted rows."""
        tasks: Sequence[FileScanTask] = self.tasks
        if part is not None:
            tasks = divide(tasks, *part)
        if wanted is not None:
            tasks = prune(tasks, self.metadata, self.schema, wanted)
        plain = [task for task in tasks if not task.delete_files]
        deleted = [task for task in tasks if task.delete_files]
        reader = _Reader(self.table, self.metadata, self.schema, self.types)
        branches = [*([reader.plain(plain)] if plain else []), *_deleted(reader, deleted)]
        sql = " UNION ALL ".join(branches) if branches else _nothing(self.types)
        remote = tuple(reader.remote.values())
        return Scan(sql, self.types, tuple(reader.files), remote, reader.mark)


class Scanner:
    """Scans by snapshot. Metadata is immutable, so what was planned once is kept."""

    def __init__(self, capacity: int) -> None:
        self._sources: Kept[Source] = Kept(capacity)
        self._scans: Kept[Scan] = Kept(4 * capacity)

    def source(self, table: Table) -> Source:
        """A table with its files. Raises `UnsupportedData`, and `EngineError`."""
        return self._sources.get(_key(table), lambda: source_of(table))

    def scan(
        self, table: Table, part: Part = None, wanted: BooleanExpression | None = None
    ) -> Scan:
        """Plan a table. Raises `UnsupportedData`, and `EngineError` where it cannot be read."""
        key = (_key(table), part, None if wanted is None else repr(wanted))
        return self._scans.get(key, lambda: self.source(table).scan(part, wanted))


def _key(table: Table) -> object:
    columns = tuple((column.field_id, column.name) for column in table.columns)
    return (table.snapshot, table.location, columns)


def plan(table: Table, part: Part = None) -> Scan:
    """Plan a table at its snapshot: its files, or one part of them. Raises as `Scanner.scan`."""
    return source_of(table).scan(part)


def source_of(table: Table) -> Source:
    """A table at its snapshot with all of its files. Raises as `Scanner.source`."""
    if table.snapshot is None:
        raise UnsupportedData("This engine cannot read a table that has no snapshot.")
    _check_storage(table.snapshot.metadata_location)
    try:
        source = StaticTable.from_metadata(
            table.snapshot.metadata_location, properties=dict(table.storage)
        )
    except (OSError, ValueError, ValidationError) as error:
        raise EngineError(_UNREADABLE) from error
    schema = _schema(source.metadata, table)
    fields.check_names(schema)
    types = {field.name: fields.sql_type(field.field_type) for field in schema.fields}
    return Source(table, source.metadata, schema, types, tuple(_tasks(source, table)))


def divide(tasks: Sequence[FileScanTask], index: int, count: int) -> list[FileScanTask]:
    """One of `count` groups of about the same size; each data file is in exactly one of them.

    A data file stays with its deletes. The groups follow from the snapshot alone, so that every
    replica forms the same ones.
    """
    loads = [0] * count
    mine: list[FileScanTask] = []
    for task in sorted(tasks, key=_identity):
        lightest = loads.index(min(loads))
        loads[lightest] += max(1, task.file.file_size_in_bytes)
        if lightest == index:
            mine.append(task)
    return mine


def _identity(task: FileScanTask) -> tuple[int, str, list[str]]:
    """Largest first, which fills groups evenly; equal only for tasks that read the same rows."""
    file = task.file
    deletes = sorted(delete.file_path for delete in task.delete_files)
    return -file.file_size_in_bytes, file.file_path, deletes


class _Reader:
    """Renders reads of groups of files, and remembers the files."""

    def __init__(
        self, table: Table, metadata: TableMetadata, schema: Schema, types: dict[str, str]
    ) -> None:
        location = table.location or metadata.location
        self._root = RemoteRoot(location) if is_remote(location) else LocalRoot(location)
        self._storage = table.storage
        self._types = types
        self._map = "" if fields.readable_by_name(metadata) else fields.field_map(schema)
        self._mapped = fields.has_name_mapping(metadata)
        self.files: dict[str, None] = {}
        self.remote: dict[str, RemoteFile] = {}
        # nothing that a table's metadata says can be taken for it
        self.mark = f"remote-{secrets.token_hex(8)}-"

    def columns(self, alias: str = "") -> str:
        """The table's columns, each with its declared type."""
        prefix = f"{alias}." if alias else ""
        return ", ".join(
            f"CAST({prefix}{quote(name)} AS {data}) AS {quote(name)}"
            for name, data in self._types.items()
        )

    def plain(self, tasks: Sequence[FileScanTask]) -> str:
        """A SELECT over files without deletes."""
        return f"SELECT {self.columns()} FROM {self.parquet(tasks)}"  # noqa: S608 - all is quoted

    def parquet(self, tasks: Sequence[FileScanTask]) -> str:
        """A `read_parquet` of data files, in order."""
        paths = self.paths(task.file for task in tasks)
        if self._mapped:
            self._check_field_ids(task.file for task in tasks)
        options = [f"[{', '.join(map(text_literal, paths))}]"]
        if self._map:
            options.append(f"schema={self._map}")
        options.append(f"explicit_cardinality={sum(task.file.record_count for task in tasks)}")
        options.append("hive_partitioning=false")
        return f"read_parquet({', '.join(options)})"

    def paths(self, files: Iterable[DataFile]) -> list[str]:
        """The checked paths of files, marks where they have to be fetched.

        Raises `UnsupportedData` for other formats than Parquet.
        """
        paths: list[str] = []
        for file in files:
            if file.file_format != FileFormat.PARQUET:
                text = f"The table has files in format {file.file_format}, not supported yet."
                raise UnsupportedData(text)
            paths.append(self._path(file))
        return paths

    def _path(self, file: DataFile) -> str:
        if isinstance(self._root, LocalRoot):
            path = self._root.path(file.file_path)
            self.files[path] = None
            return path
        uri = self._root.uri(file.file_path)
        self.remote.setdefault(uri, RemoteFile(uri, file.file_size_in_bytes))
        return f"{self.mark}{list(self.remote).index(uri)}"

    def _check_field_ids(self, files: Iterable[DataFile]) -> None:
        """Refuse imported files, whose columns would all be missed by field id."""
        for file in files:
            self._path(file)
            try:
                with open_file(file.file_path, self._storage) as source:
                    schema = pq.read_schema(source)
            except OSError as error:
                raise EngineError("A data file of a table could not be read.") from error
            if not any(field.metadata and _FIELD_ID in field.metadata for field in schema):
                raise UnsupportedData("The table has imported files, which are not supported yet.")


def _deleted(reader: _Reader, tasks: Sequence[FileScanTask]) -> list[str]:
    """A SELECT over files with position deletes, which the worker reads itself."""
    if not tasks:
        return []
    deletes = {file.file_path: file for task in tasks for file in task.delete_files}
    order = {path: index for index, path in enumerate(deletes)}
    paths = reader.paths(deletes.values())
    # which delete file speaks of which data file: others may name it but were written before it
    rows = ", ".join(
        f"({order[delete.file_path]}, {text_literal(task.file.file_path)}, {index})"
        for index, task in enumerate(tasks)
        for delete in task.delete_files
    )
    # ruff's S608 is about pasted values: names and paths are quoted here
    positions = (
        "SELECT m.data, p.pos FROM (SELECT file_path, pos, file_index FROM "  # noqa: S608
        f"read_parquet([{', '.join(map(text_literal, paths))}], hive_partitioning=false)) p "
        f"JOIN (VALUES {rows}) m(deletes, path, data) "
        "ON m.deletes = p.file_index AND m.path = p.file_path"
    )
    return [
        f"SELECT {reader.columns('r')} FROM (SELECT *, file_index, file_row_number "  # noqa: S608
        f"FROM {reader.parquet(tasks)}) r ANTI JOIN ({positions}) d "
        "ON d.data = r.file_index AND d.pos = r.file_row_number"
    ]


def _check_storage(uri: str) -> None:
    """Refuse storage of other kinds before anything of it is read. Raises `UnsupportedData`."""
    if not is_remote(uri):
        local_path(uri)


def _nothing(types: dict[str, str]) -> str:
    columns = ", ".join(f"CAST(NULL AS {data}) AS {quote(name)}" for name, data in types.items())
    return f"SELECT {columns} WHERE false"


def _tasks(source: StaticTable, table: Table) -> list[FileScanTask]:
    if table.snapshot is None or table.snapshot.snapshot_id is None:
        return []
    if source.metadata.snapshot_by_id(table.snapshot.snapshot_id) is None:
        raise EngineError("The table's snapshot no longer exists.")
    try:
        _check_manifests(source, table)
        return list(source.scan(snapshot_id=table.snapshot.snapshot_id).plan_files())
    except OSError as error:
        raise EngineError(_UNREADABLE) from error
    except (ValueError, NotImplementedError) as error:
        # equality deletes, above all
        raise UnsupportedData("The table has deletes of a kind not supported yet.") from error


def _check_manifests(source: StaticTable, table: Table) -> None:
    """Refuse metadata that lies elsewhere, before it is read. Raises `OutsideTable`."""
    if table.snapshot is None or table.snapshot.snapshot_id is None:
        return
    location = table.location or source.metadata.location
    check_metadata(location, table.snapshot.metadata_location)
    snapshot = source.metadata.snapshot_by_id(table.snapshot.snapshot_id)
    if snapshot is None:
        return
    check(location, snapshot.manifest_list)
    for manifest in snapshot.manifests(source.io):
        check(location, manifest.manifest_path)


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
