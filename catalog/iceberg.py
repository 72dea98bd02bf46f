"""A catalog of Iceberg tables, of any kind that pyiceberg can open.

A table's description and owner come from its properties `comment` and `owner`, its tags from
`flight.tags` and `flight.tags.<column>` (see `catalog.iceberg_schema`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar

from pyiceberg.catalog import Catalog as Source
from pyiceberg.catalog import load_catalog
from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.exceptions import (
    ForbiddenError,
    NoSuchNamespaceError,
    NoSuchPropertyException,
    NoSuchTableError,
    NotInstalledError,
    ValidationError,
)
from pyiceberg.io import PY_IO_IMPL, FileIO, load_file_io
from pyiceberg.schema import Schema
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import Table as IcebergTable
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.typedef import Identifier
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.cache import ExpiringCache
from catalog.errors import CatalogUnavailable, UnsupportedTable
from catalog.iceberg_fields import TAGS, past_of, split_tags
from catalog.iceberg_history import History, current_at, history_of, made_of
from catalog.iceberg_schema import columns_of
from catalog.lookup import match
from catalog.model import Snapshot, Table
from catalog.names import TableName, display
from catalog.sources import failures

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_Past = tuple[History, Mapping[int, datetime]]

_DEEPEST_NAMESPACE = 8
_MOST_TABLES = 10_000  # kept in memory; the least recently used go first
_MOST_PINNED = 1_000
_MOST_HISTORIES = 200
_PINNED_SECONDS = 300.0  # the metadata is good for ever, credentials lent with it are not
# what opens files; the rest of a catalog's properties (its URL, its tokens) is nobody else's
_STORAGE_PREFIXES = ("s3.", "gcs.", "adls.", "hdfs.", "hf.", "oss.", "client.")
# pyiceberg's and pydantic's words for a document that is not an Iceberg table's (pydantic's own
# exception is a ValueError)
_MALFORMED = (ValidationError, ValueError, KeyError, NotImplementedError)
_MISCONFIGURED = (ValueError, NoSuchPropertyException, ImportError, NotInstalledError)
_NO_PROPERTIES: Mapping[str, str] = MappingProxyType({})


class IcebergCatalog:
    """The tables of one pyiceberg catalog, under the name by which they are served.

    `properties` are pyiceberg's (`type`, `uri`, `warehouse`, …) and may hold credentials. Nothing
    is opened before the first question. What the catalog said is believed for `refresh_seconds`;
    while a table does not change, the same `Table` object is given. Safe for several threads.
    """

    def __init__(self, name: str, properties: Mapping[str, str], *, refresh_seconds: float) -> None:
        self._name = name
        self._properties = dict(properties)
        self._failures = failures()
        self._connecting = threading.Lock()
        self._source: Source | None = None
        self._namespaces: ExpiringCache[None, Mapping[str, Identifier]] = ExpiringCache(
            seconds=refresh_seconds, entries=1
        )
        self._listings: ExpiringCache[str, tuple[TableName, ...]] = ExpiringCache(
            seconds=refresh_seconds, entries=_MOST_TABLES
        )
        self._current: ExpiringCache[TableName, Table | None] = ExpiringCache(
            seconds=refresh_seconds, entries=_MOST_TABLES
        )
        self._pinned: ExpiringCache[tuple[TableName, Snapshot], Table | None] = ExpiringCache(
            seconds=_PINNED_SECONDS, entries=_MOST_PINNED
        )
        self._histories: ExpiringCache[str, _Past] = ExpiringCache(
            seconds=_PINNED_SECONDS, entries=_MOST_HISTORIES
        )

    def __repr__(self) -> str:
        return f"IcebergCatalog({self._name!r})"

    @property
    def name(self) -> str:
        """The name under which the catalog is served."""
        return self._name

    def connect(self) -> None:
        """Open the catalog now rather than at the first question. Raises `CatalogUnavailable`."""
        self._opened()

    def close(self) -> None:
        """Give back connections; a later question opens the catalog again."""
        with self._connecting:
            source, self._source = self._source, None
        if source is not None:
            source.close()

    def schemas(self) -> Sequence[str]:
        """All namespaces, nested ones joined with dots, sorted."""
        return sorted(self._known_namespaces())

    def tables(self, schema: str) -> Sequence[TableName]:
        """All tables of a schema, sorted; empty where the schema does not exist."""
        namespaces = self._known_namespaces()
        spelled = match(namespaces, schema)
        if spelled is None:
            return ()
        namespace = namespaces[spelled]
        return self._listings.get(spelled, lambda _old: self._list(spelled, namespace))

    def table(self, name: TableName, snapshot: Snapshot | None = None) -> Table | None:
        """One table at its current or a pinned snapshot; None where there is none.

        A pinned snapshot is read from its metadata file: the catalog is not asked where the table
        is now. Raises `UnsupportedTable` for a table that cannot be read.
        """
        if snapshot is not None:
            return self._pinned.get(
                (name, snapshot), lambda _old: self._load_pinned(name, snapshot)
            )
        spelled = self._spelled(name)
        if spelled is None:
            return None
        return self._current.get(spelled, lambda old: self._load_current(spelled, old))

    def snapshot_as_of(self, name: TableName, moment: datetime) -> Snapshot | None:
        """The snapshot that was a table's state at a moment; None where there is none (any more).

        Raises `UnsupportedTable` for a table that cannot be read.
        """
        table = self.table(name)
        if table is None or table.snapshot is None:
            return None
        snapshot_id = current_at(self._past(table, table.snapshot)[0], moment)
        return None if snapshot_id is None else replace(table.snapshot, snapshot_id=snapshot_id)

    def snapshot_made(self, name: TableName, snapshot_id: int) -> datetime | None:
        """When a snapshot of a table was made; None where the table has none of that id.

        Raises `UnsupportedTable` for a table that cannot be read.
        """
        table = self.table(name)
        if table is None or table.snapshot is None:
            return None
        return self._past(table, table.snapshot)[1].get(snapshot_id)

    def _past(self, table: Table, snapshot: Snapshot) -> _Past:
        location = snapshot.metadata_location

        def read(_old: _Past | None) -> _Past:
            metadata = self._metadata(table.name, location, table.storage)
            return history_of(metadata), made_of(metadata)

        return self._histories.get(location, read)

    def _spelled(self, name: TableName) -> TableName | None:
        listed = self.tables(name.schema)
        found = match((table.table for table in listed), name.table)
        return None if found is None else TableName(self._name, listed[0].schema, found)

    def _opened(self) -> Source:
        with self._connecting:
            if self._source is None:
                self._source = self._open()
            return self._source

    def _open(self) -> Source:
        # a server that only reads must not create a SQL catalog's tables in a mistyped database
        properties = {"init_catalog_tables": "false", **self._properties}
        try:
            return _without_foreign_code(load_catalog(self._name, **properties))
        except self._failures as error:
            raise self._unavailable() from error
        except _MISCONFIGURED as error:
            kind = self._properties.get("type", "this kind")
            raise CatalogUnavailable(
                f"Catalog {display(self._name)} is not set up: a property is wrong, or the server"
                f" lacks the pyiceberg extra for catalogs of type {kind}"
            ) from error

    def _ask(self, question: Callable[[Source], _T]) -> _T:
        """Put a question to the source; all its failures become one, without detail."""
        source = self._opened()
        return self._told(lambda: question(source))

    def _told(self, call: Callable[[], _T]) -> _T:
        try:
            return call()
        except self._failures as error:
            raise self._unavailable() from error

    def _unavailable(self) -> CatalogUnavailable:
        return CatalogUnavailable(f"Catalog {display(self._name)} cannot be reached now")

    def _known_namespaces(self) -> Mapping[str, Identifier]:
        return self._namespaces.get(None, lambda _old: self._ask(self._list_namespaces))

    def _list_namespaces(self, source: Source) -> Mapping[str, Identifier]:
        found: dict[str, Identifier] = {}
        level = list(source.list_namespaces())
        for depth in range(_DEEPEST_NAMESPACE):
            below: list[Identifier] = []
            for namespace in sorted(level):
                schema = ".".join(namespace)
                if schema in found:
                    _log.warning("catalog %s: two namespaces are spelled %s", self._name, schema)
                    continue
                found[schema] = namespace
                # some kinds of catalog have one level only and say so in one of these ways
                with suppress(NoSuchNamespaceError, NotImplementedError):
                    inner = source.list_namespaces(namespace)
                    below += [each for each in inner if len(each) == depth + 2]
            level = below
        return found

    def _list(self, schema: str, namespace: Identifier) -> tuple[TableName, ...]:
        def question(source: Source) -> list[Identifier]:
            try:
                return source.list_tables(namespace)
            except NoSuchNamespaceError:
                return []

        listed = self._ask(question)
        return tuple(sorted(TableName(self._name, schema, identifier[-1]) for identifier in listed))

    def _load_current(self, name: TableName, old: Table | None) -> Table | None:
        namespace = self._known_namespaces().get(name.schema)
        if namespace is None:
            return None  # dropped since it was listed
        identifier = (*namespace, name.table)
        if old is not None and old.snapshot is not None:
            # of SQL catalogs the pointer can be asked alone
            where = self._ask(lambda source: _pointer(source, identifier))
            if where == old.snapshot.metadata_location:
                return old

        def question(source: Source) -> IcebergTable | None:
            try:
                return source.load_table(identifier)
            except NoSuchTableError:
                return None

        loaded = self._reading(name, lambda: self._ask(question))
        if loaded is None:
            return None
        new = _described(name, loaded, self._properties)
        # the same object while nothing changed: decisions are remembered by it
        unchanged = old is not None and old == new and old.storage == new.storage
        return old if unchanged else new

    def _load_pinned(self, name: TableName, snapshot: Snapshot) -> Table | None:
        current = self._current.peek(name)
        if current is not None and current.snapshot == snapshot:
            return current
        # credentials that the catalog lent for this table are good for its older states too
        storage = current.storage if current is not None else _storage_of(self._properties)
        metadata = self._metadata(name, snapshot.metadata_location, storage)
        return _table(name, metadata, snapshot, storage=storage)

    def _metadata(
        self, name: TableName, location: str, storage: Mapping[str, str]
    ) -> TableMetadata:
        def read() -> TableMetadata:
            file_io = load_file_io(dict(storage), location)
            return FromInputFile.table_metadata(file_io.new_input(location))

        return self._reading(name, lambda: self._told(read))

    def _reading(self, name: TableName, read: Callable[[], _T]) -> _T:
        """Read a table; what is wrong with the one table must not look like a lost catalog."""
        try:
            return read()
        except CatalogUnavailable as error:
            if isinstance(error.__cause__, (FileNotFoundError, ForbiddenError)):
                raise UnsupportedTable(f"The metadata of table {name} cannot be read") from error
            raise
        except _MALFORMED as error:
            raise UnsupportedTable(
                f"Table {name} uses a part of the Iceberg format that this server cannot read"
            ) from error


def _described(name: TableName, loaded: IcebergTable, catalog: Mapping[str, str]) -> Table:
    metadata = loaded.metadata
    snapshot = Snapshot(loaded.metadata_location, metadata.current_snapshot_id)
    options = dict(loaded.io.properties)
    for key, value in metadata.properties.items():
        # pyiceberg lets a table's properties redirect its storage: the table's writer would then
        # choose where our credentials are sent
        if options.get(key) == value:
            trusted = {**catalog, **loaded.config}
            options.pop(key)
            if key in trusted:
                options[key] = trusted[key]
    found = _table(name, metadata, snapshot, storage=_storage_of(options))
    if found is None:
        raise UnsupportedTable(f"The metadata of table {name} contradicts itself")
    return found


def _table(
    name: TableName, metadata: TableMetadata, snapshot: Snapshot, *, storage: Mapping[str, str]
) -> Table | None:
    schema = metadata.schema()
    if snapshot.snapshot_id is not None and snapshot.snapshot_id != metadata.current_snapshot_id:
        pinned = metadata.snapshot_by_id(snapshot.snapshot_id)
        if pinned is None:
            return None
        schema = next((s for s in metadata.schemas if s.schema_id == pinned.schema_id), schema)
    properties = dict(metadata.properties)
    return Table(
        name=name,
        columns=columns_of(schema, past_of(metadata)),
        snapshot=snapshot,
        description=properties.get("comment", ""),
        owner=properties.get("owner", ""),
        tags=split_tags(properties.get(TAGS, "")),
        properties=MappingProxyType(properties),
        identifier=_identifier(schema),
        location=metadata.location,
        storage=storage,
    )


def _identifier(schema: Schema) -> tuple[str, ...]:
    wanted = set(schema.identifier_field_ids)
    names = tuple(field.name for field in schema.fields if field.field_id in wanted)
    # fields of structs may be part of it too: without them, rows would not be told apart
    return names if len(names) == len(wanted) else ()


def _storage_of(properties: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(
        {
            key: str(value)
            for key, value in properties.items()
            if key == PY_IO_IMPL or key.startswith(_STORAGE_PREFIXES)
        }
    )


def _pointer(source: Source, identifier: Identifier) -> str | None:
    """Where a table's metadata is now, where that is cheaper to ask than the whole table."""
    if not isinstance(source, SqlCatalog):
        return None
    with Session(source.engine) as session:
        statement = select(IcebergTables.metadata_location).where(
            IcebergTables.catalog_name == source.name,
            IcebergTables.table_namespace == ".".join(identifier[:-1]),
            IcebergTables.table_name == identifier[-1],
        )
        return session.scalar(statement)


def _without_foreign_code(source: Source) -> Source:
    """Keep tables from naming Python code to load: pyiceberg imports what their properties say."""
    load: Callable[..., FileIO] = source._load_file_io

    def guarded(
        properties: Mapping[str, Any] = _NO_PROPERTIES, location: str | None = None
    ) -> FileIO:
        return load({k: v for k, v in properties.items() if k != PY_IO_IMPL}, location)

    source._load_file_io = guarded  # type: ignore[method-assign]
    return source
