"""The SQL that reads the files of a snapshot, with its deletes. Knows no users."""

from __future__ import annotations

import secrets
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace

from pyiceberg.schema import Schema
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.name_mapping import parse_mapping_from_json
from pyiceberg.types import NestedField

from catalog.model import Table
from catalog.names import quote
from flight_server.engines.duckdb.scan import bitmaps, deletes, fields
from flight_server.engines.duckdb.scan.columns import (
    Columns,
    by_field_name,
    check_column,
    clashes,
    columns_of,
)
from flight_server.engines.duckdb.scan.entries import DataFile, DeleteFile
from flight_server.engines.duckdb.scan.footers import Footers
from flight_server.engines.duckdb.scan.literals import constant, told_by_partition
from flight_server.engines.duckdb.scan.physical import Physical, has_ids, mapped
from flight_server.engines.duckdb.scan.remote import RemoteFile, is_remote
from flight_server.engines.duckdb.scan.root import LocalRoot, RemoteRoot, is_pattern
from flight_server.engines.duckdb.scan.scan import Scan
from flight_server.engines.duckdb.scan.vectors import Vector
from flight_server.engines.duckdb.session import text_literal
from flight_server.engines.errors import UnsupportedData

_PARQUET = "PARQUET"
_NO_IDS = (
    "The table has imported files without field ids, and no name mapping that tells its columns."
)
_NO_DELETE_IDS = "The table has equality deletes without field ids, which is not supported yet."


def render(
    table: Table,
    metadata: TableMetadata,
    schema: Schema,
    files: Sequence[DataFile],
    footers: Footers,
) -> Scan:
    """A scan of files of a table's snapshot, read by a schema.

    `footers` keep what was read of the files before. Raises `UnsupportedData`, `OutsideTable`, and
    `EngineError` where a file cannot be read.
    """
    reader = _Reader(table, metadata, schema, footers)
    # a file without rows may never have been made
    plain = [file for file in files if file.record_count and not file.deletes]
    deleted = [file for file in files if file.record_count and file.deletes]
    branches = [*reader.branches(plain), *reader.branches(deleted)]
    types = reader.types
    sql = " UNION ALL ".join(branches) if branches else _nothing(types)
    remote = tuple(reader.remote.values())
    return Scan(sql, types, tuple(reader.files), remote, reader.mark, tuple(reader.vectors))


class _Reader:
    """Renders reads of groups of files, and remembers the files."""

    def __init__(
        self, table: Table, metadata: TableMetadata, schema: Schema, footers: Footers
    ) -> None:
        location = table.location or metadata.location
        self._root = RemoteRoot(location) if is_remote(location) else LocalRoot(location)
        self._storage = table.storage
        self._metadata = metadata
        self._schema = schema
        self.types = {field.name: fields.sql_type(field.field_type) for field in schema.fields}
        self._footers = footers
        self._specs = metadata.specs()
        self._everywhere = {
            number for number, spec in self._specs.items() if fields.is_unpartitioned(spec)
        }
        mapping = fields.name_mapping(metadata)
        self._mapping = parse_mapping_from_json(mapping).root if mapping is not None else None
        self._by_name = fields.readable_by_name(metadata)
        self.files: dict[str, None] = {}
        self.remote: dict[str, RemoteFile] = {}
        self._numbers: dict[str, int] = {}
        self.vectors: list[tuple[Vector, ...]] = []
        # nothing that a table's metadata says can be taken for it
        self.mark = f"remote-{secrets.token_hex(8)}-"

    def branches(self, files: Sequence[DataFile]) -> Iterator[str]:
        """A SELECT over files, or several where the files have other columns."""
        if not files:
            return
        sets = deletes.equality_sets(files)
        keys = {number: self._key(number) for ids, _ in sets for number in ids}
        known = {field.field_id for field in self._schema.fields}
        dropped = [key for number, key in keys.items() if number not in known]
        wanted = [*(keys.get(f.field_id, f) for f in self._schema.fields), *dropped]
        names = [field.name for field in self._schema.fields]
        if self._by_name and not dropped and not (files[0].deletes and clashes(names)):
            yield self._branch(files, by_field_name(self._schema.fields))
            return
        for columns, group in self._grouped(wanted, files):
            yield self._branch(group, columns)

    def _branch(self, files: Sequence[DataFile], columns: Columns) -> str:
        """A SELECT over files with the same columns, without their deleted rows."""
        sets = deletes.equality_sets(files)
        keyed = {number for ids, _ in sets for number in ids}
        selected = ", ".join(
            f"{self._value(columns, field, keyed)} AS {quote(field.name)}"
            for field in self._schema.fields
        )
        sql = f"SELECT {selected} FROM {self._parquet(files, columns.schema)} r"  # noqa: S608 - quoted
        positions = deletes.positions(files, self._paths)
        vectors = deletes.vectors_of(files)
        as_bitmaps = bool(positions or vectors) and bitmaps.are_small(files)
        made = self._made(vectors, as_bitmaps=as_bitmaps) if vectors else ""
        if as_bitmaps:
            sql += bitmaps.joined(files, positions, made)
        elif positions or made:
            sql += deletes.by_positions([each for each in (positions, made) if each])
        for ids, some in sets:
            keys = [self._key(number) for number in ids]
            self._check_keys(keys, some)
            given = deletes.Keys(keys, some, self._paths(some), columns.values)
            sql += deletes.by_equality(given, files, self._everywhere)
        return sql

    def _made(self, vectors: Sequence[Vector], *, as_bitmaps: bool) -> str:
        """The rows (data, bits) or (data, pos) of a file that is made of vectors for this read."""
        place = text_literal(f"{self.mark}v{len(self.vectors)}")
        self.vectors.append(
            tuple(
                replace(
                    each,
                    uri=self._root.path(each.uri),
                    rows=each.rows if as_bitmaps else None,
                )
                for each in vectors
            )
        )
        what = "bits" if as_bitmaps else "pos"
        return f"SELECT data, {what} FROM read_parquet([{place}])"  # noqa: S608 - quoted

    def _value(self, columns: Columns, field: NestedField, keyed: Container[int]) -> str:
        value = columns.values[field.field_id]
        # keys of deletes are read by their latest type, also where an older schema is wanted
        return f"CAST({value} AS {self.types[field.name]})" if field.field_id in keyed else value

    def _key(self, field_id: int) -> NestedField:
        """A column that deletes compare; it may have been dropped since. Raises `UnsupportedData`.

        Its latest type holds all values that it ever had.
        """
        key = fields.latest_field(self._metadata, self._schema, field_id)
        if fields.children(key.field_type):
            raise UnsupportedData("The table has deletes by nested columns, not supported yet.")
        return key

    def _check_keys(self, keys: Sequence[NestedField], some: Sequence[DeleteFile]) -> None:
        """Refuse equality deletes whose keys would be missed: they would delete other rows."""
        for found in self._found(some):
            if not has_ids(found):
                raise UnsupportedData(_NO_DELETE_IDS)
            for key in keys:
                check_column(found, key)

    def _grouped(
        self, wanted: Sequence[NestedField], files: Sequence[DataFile]
    ) -> Iterator[tuple[Columns, list[DataFile]]]:
        """Files by their physical columns, and how these are read."""
        found = self._found(files)
        groups: dict[tuple[int, tuple[int, ...]], list[int]] = {}
        for number, (columns, file) in enumerate(zip(found, files, strict=True)):
            # equal columns are one object
            key = (id(columns), self._told(wanted, columns, file))
            groups.setdefault(key, []).append(number)
        for numbers in groups.values():
            same = [files[number] for number in numbers]
            yield self._columns(wanted, found[numbers[0]], same), same

    def _found(
        self, files: Sequence[DataFile] | Sequence[DeleteFile]
    ) -> list[tuple[Physical, ...]]:
        """The physical columns of files, which are read here."""
        self._paths(files)
        return self._footers.columns([self._root.path(file.path) for file in files], self._storage)

    def _columns(
        self, wanted: Sequence[NestedField], found: Sequence[Physical], files: Sequence[DataFile]
    ) -> Columns:
        known, ids = self._with_ids(found)
        told = set(self._told(wanted, found, files[0]))
        told_by = [told_by_partition(file, self._specs[file.spec_id]) for file in files]
        constants = {
            field.field_id: constant(field, [each[field.field_id] for each in told_by])
            for field in wanted
            if field.field_id in told
        }
        return columns_of(wanted, known, constants, ids=ids)

    def _told(
        self, wanted: Sequence[NestedField], found: Sequence[Physical], file: DataFile
    ) -> tuple[int, ...]:
        """The ids of columns that are not in a file, but that its partition tells."""
        told = told_by_partition(file, self._specs[file.spec_id])
        if not told:
            return ()
        known = {each.field_id for each in self._with_ids(found)[0]}
        return tuple(f.field_id for f in wanted if f.field_id in told and f.field_id not in known)

    def _with_ids(self, found: Sequence[Physical]) -> tuple[Sequence[Physical], bool]:
        """A file's columns with field ids, and whether the file itself has them."""
        if has_ids(found):
            return found, True
        if self._mapping is None:
            raise UnsupportedData(_NO_IDS)
        return mapped(found, self._mapping), False

    def _parquet(self, files: Sequence[DataFile], schema: str) -> str:
        """A `read_parquet` of data files, in order."""
        options = [f"[{', '.join(map(text_literal, self._paths(files)))}]"]
        if schema:
            options.append(f"schema={schema}")
        options.append(f"explicit_cardinality={sum(file.record_count for file in files)}")
        options.append("hive_partitioning=false")
        return f"read_parquet({', '.join(options)})"

    def _paths(self, files: Sequence[DataFile] | Sequence[DeleteFile]) -> list[str]:
        """The checked paths of files, marks where they have to be fetched.

        Raises `UnsupportedData` for other formats than Parquet.
        """
        for file in files:
            if file.format != _PARQUET:
                text = f"The table has files in format {file.format}, not supported yet."
                raise UnsupportedData(text)
        return [self._path(file) for file in files]

    def _path(self, file: DataFile | DeleteFile) -> str:
        uri = self._root.path(file.path)
        # a copy of a local file has a name that is no pattern
        if isinstance(self._root, LocalRoot) and not is_pattern(uri):
            self.files[uri] = None
            return uri
        read = _read(file)
        known = self.remote.setdefault(uri, RemoteFile(uri, file.size, read))
        if known.read != read:
            self.remote[uri] = RemoteFile(uri, known.size)
        number = self._numbers.setdefault(uri, len(self._numbers))
        return f"{self.mark}{number}"


def _read(file: DataFile | DeleteFile) -> frozenset[int] | None:
    """The columns that are read of a file whatever is projected; None for all."""
    if isinstance(file, DeleteFile):
        return None
    return frozenset(column for delete in file.deletes for column in delete.equality_ids)


def _nothing(types: dict[str, str]) -> str:
    columns = ", ".join(f"CAST(NULL AS {data}) AS {quote(name)}" for name, data in types.items())
    return f"SELECT {columns} WHERE false"
