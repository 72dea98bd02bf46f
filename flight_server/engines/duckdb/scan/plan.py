"""Which files a table's snapshot consists of, and the SQL that reads them. Knows no users."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pyarrow.parquet as pq
from pyiceberg.exceptions import ValidationError
from pyiceberg.manifest import DataFile, FileFormat
from pyiceberg.schema import Schema
from pyiceberg.table import FileScanTask, StaticTable
from pyiceberg.table.metadata import TableMetadata

from catalog.model import Table
from catalog.names import quote
from flight_server.engines.duckdb.scan import fields
from flight_server.engines.duckdb.session import text_literal
from flight_server.engines.errors import EngineError, UnsupportedData

Part = tuple[int, int] | None

_FIELD_ID = b"PARQUET:field_id"
_UNREADABLE = "The table's metadata cannot be read now."


@dataclass(frozen=True, slots=True)
class Scan:
    """A table as a subquery.

    `sql` stands in FROM, in parentheses; it gives the columns of `types` (DuckDB's type by name,
    in table order). `files` are the absolute paths that it reads.
    """

    sql: str
    types: dict[str, str]
    files: tuple[str, ...]


class Scanner:
    """Scans by snapshot. Metadata is immutable, so what was planned once is kept."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._scans: OrderedDict[object, Scan] = OrderedDict()

    def scan(self, table: Table, part: Part = None) -> Scan:
        """Plan a table. Raises `UnsupportedData`, and `EngineError` where it cannot be read."""
        columns = tuple((column.field_id, column.name) for column in table.columns)
        key = (table.snapshot, table.location, columns, part)
        with self._lock:
            known = self._scans.get(key)
            if known is not None:
                self._scans.move_to_end(key)
                return known
        planned = plan(table, part)
        with self._lock:
            self._scans[key] = planned
            while len(self._scans) > self._capacity:
                self._scans.popitem(last=False)
        return planned


def plan(table: Table, part: Part = None) -> Scan:
    """Plan a table at its snapshot: its files, or one part of them. Raises as `Scanner.scan`."""
    if table.snapshot is None:
        raise UnsupportedData("This engine cannot read a table that has no snapshot.")
    local_path(table.snapshot.metadata_location)
    try:
        source = StaticTable.from_metadata(
            table.snapshot.metadata_location, properties=dict(table.storage)
        )
    except (OSError, ValueError, ValidationError) as error:
        raise EngineError(_UNREADABLE) from error
    schema = _schema(source.metadata, table)
    fields.check_names(schema)
    types = {field.name: fields.sql_type(field.field_type) for field in schema.fields}
    tasks = _tasks(source, table)
    if part is not None:
        tasks = divide(tasks, *part)
    root = _Root(table.location or source.metadata.location)
    plain = [task for task in tasks if not task.delete_files]
    deleted = [task for task in tasks if task.delete_files]
    reader = _Reader(source.metadata, schema, types, root)
    branches = [*([reader.plain(plain)] if plain else []), *_deleted(reader, deleted)]
    sql = " UNION ALL ".join(branches) if branches else _nothing(types)
    return Scan(sql, types, tuple(reader.files))


def local_path(uri: str) -> str:
    """The absolute path of a local file's URI. Raises `UnsupportedData` for any other storage."""
    if uri.startswith("/"):
        return os.path.normpath(uri)
    parts = urlsplit(uri)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise UnsupportedData("Tables in this kind of storage are not supported yet.")
    # everything after the scheme is the path, also where it looks like a query
    path = uri.removeprefix("file:")
    path = "/" + path.removeprefix(f"//{parts.netloc}").lstrip("/")
    return os.path.normpath(path if Path(path).exists() else unquote(path))


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


class _Root:
    """The place that all files of a table must lie under.

    Metadata is written by whoever may write the table: without this check it could name any file
    that the server can read.
    """

    def __init__(self, location: str) -> None:
        self._path = local_path(location)
        self._real = os.path.realpath(self._path)

    def path(self, uri: str) -> str:
        """The path of a file, checked. Raises `EngineError` for one outside."""
        path = local_path(uri)
        for found, root in ((path, self._path), (os.path.realpath(path), self._real)):
            if not found.startswith(root.rstrip("/") + "/"):
                raise EngineError("The table names a file that does not lie under its location.")
        if any(char in path for char in "*?["):
            raise UnsupportedData("A file name of the table is not supported yet.")
        return path


class _Reader:
    """Renders reads of groups of files, and remembers the files."""

    def __init__(
        self, metadata: TableMetadata, schema: Schema, types: dict[str, str], root: _Root
    ) -> None:
        self._root = root
        self._types = types
        self._map = "" if fields.readable_by_name(metadata) else fields.field_map(schema)
        self._mapped = fields.has_name_mapping(metadata)
        self.files: dict[str, None] = {}

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
            _check_field_ids(paths)
        options = [f"[{', '.join(map(text_literal, paths))}]"]
        if self._map:
            options.append(f"schema={self._map}")
        options.append(f"explicit_cardinality={sum(task.file.record_count for task in tasks)}")
        options.append("hive_partitioning=false")
        return f"read_parquet({', '.join(options)})"

    def paths(self, files: Iterable[DataFile]) -> list[str]:
        """The checked paths of files. Raises `UnsupportedData` for other formats than Parquet."""
        paths: list[str] = []
        for file in files:
            if file.file_format != FileFormat.PARQUET:
                text = f"The table has files in format {file.file_format}, not supported yet."
                raise UnsupportedData(text)
            paths.append(self._root.path(file.file_path))
        self.files.update(dict.fromkeys(paths))
        return paths


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


def _nothing(types: dict[str, str]) -> str:
    columns = ", ".join(f"CAST(NULL AS {data}) AS {quote(name)}" for name, data in types.items())
    return f"SELECT {columns} WHERE false"


def _tasks(source: StaticTable, table: Table) -> list[FileScanTask]:
    if table.snapshot is None or table.snapshot.snapshot_id is None:
        return []
    if source.metadata.snapshot_by_id(table.snapshot.snapshot_id) is None:
        raise EngineError("The table's snapshot no longer exists.")
    try:
        return list(source.scan(snapshot_id=table.snapshot.snapshot_id).plan_files())
    except OSError as error:
        raise EngineError(_UNREADABLE) from error
    except (ValueError, NotImplementedError) as error:
        # equality deletes, above all
        raise UnsupportedData("The table has deletes of a kind not supported yet.") from error


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


def _check_field_ids(paths: Iterable[str]) -> None:
    """Refuse imported files, whose columns would all be missed by field id."""
    for path in paths:
        try:
            schema = pq.read_schema(path)
        except OSError as error:
            raise EngineError("A data file of a table could not be read.") from error
        if not any(field.metadata and _FIELD_ID in field.metadata for field in schema):
            raise UnsupportedData("The table has imported files, which are not supported yet.")
