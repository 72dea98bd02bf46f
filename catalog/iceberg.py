"""A catalog of Iceberg tables, of any kind that pyiceberg can open.

A table's description and owner come from its properties `comment` and `owner`, its tags from
`flight.tags` and `flight.tags.<column>` (see `catalog.iceberg_schema`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from pyiceberg.catalog import Catalog as Source
from pyiceberg.exceptions import ForbiddenError, NoSuchTableError, ServerError, ValidationError
from pyiceberg.io import load_file_io
from pyiceberg.serializers import FromInputFile
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.typedef import Identifier

from catalog.cache import ExpiringCache
from catalog.errors import CatalogUnavailable, UnsupportedTable
from catalog.health import Health, Pulse
from catalog.iceberg_history import Past, current_at, states_of
from catalog.iceberg_inspect import inspected
from catalog.iceberg_rest import Answer, RestSource
from catalog.iceberg_restrictions import restrictions_of
from catalog.iceberg_source import MISCONFIGURED, open_source
from catalog.iceberg_survey import NOTHING, Listing, Survey, listing, survey
from catalog.iceberg_table import good_for, is_at, sound, storage_of, table_of
from catalog.iceberg_views import load_view
from catalog.inspection import Inspection
from catalog.model import Snapshot, Table
from catalog.names import TableName, display
from catalog.sources import failures, of_service

_T = TypeVar("_T")

_MOST_TABLES = 30_000  # kept in memory; the least recently used go first
_MOST_PINNED = 1_000
_MOST_HISTORIES = 200
_PINNED_SECONDS = 300.0  # the metadata is good for ever, credentials lent with it are not
# pyiceberg's and pydantic's words for a document that is not an Iceberg table's (pydantic's own
# exception is a ValueError)
_MALFORMED = (ValidationError, ValueError, TypeError, KeyError, NotImplementedError)


class IcebergCatalog:
    """The tables of one pyiceberg catalog, under the name by which they are served.

    `properties` are pyiceberg's (`type`, `uri`, `warehouse`, …) and may hold credentials. Nothing
    is opened before the first question. What the catalog said is believed for `refresh_seconds`;
    while a table does not change, the same `Table` object is given. A source that failed is not
    asked for `rest_seconds`, and none is waited for longer than `timeout_seconds` at a time. Safe
    for several threads.
    """

    def __init__(
        self,
        name: str,
        properties: Mapping[str, str],
        *,
        refresh_seconds: float,
        rest_seconds: float = 5.0,
        timeout_seconds: float = 10.0,
    ) -> None:
        self._name = name
        self._properties = dict(properties)
        self._timeout = timeout_seconds
        self._failures = failures()
        self._of_service = of_service()
        self._pulse = Pulse(rest_seconds)
        self._connecting = threading.Lock()
        self._source: Source | None = None
        self._survey: ExpiringCache[None, Survey] = ExpiringCache(
            seconds=refresh_seconds, entries=1
        )
        self._listings: ExpiringCache[str, Listing] = ExpiringCache(
            seconds=refresh_seconds, entries=_MOST_TABLES
        )
        self._current: ExpiringCache[TableName, Table | None] = ExpiringCache(
            seconds=refresh_seconds, entries=_MOST_TABLES, good_for=good_for
        )
        self._pinned: ExpiringCache[tuple[TableName, Snapshot], Table | None] = ExpiringCache(
            seconds=_PINNED_SECONDS, entries=_MOST_PINNED
        )
        self._histories: ExpiringCache[str, Past] = ExpiringCache(
            seconds=_PINNED_SECONDS, entries=_MOST_HISTORIES
        )

    @property
    def table_kind(self) -> str:
        """The kind of all its tables but views: a listing need not read them to know."""
        return "TABLE"

    def views(self, schema: str) -> frozenset[str]:
        """Those tables of a schema that are views."""
        return self._listing(self._surveyed(), schema).views

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

    def health(self) -> Health:
        """How the catalog is doing, as far as it was asked."""
        known = self._survey.peek(None)
        tables = None if known is None else self._counted(known)
        return self._pulse.health(self._name, self._properties.get("type", "iceberg"), tables)

    def schemas(self) -> Sequence[str]:
        """All namespaces, nested ones joined with dots, sorted."""
        return list(self._surveyed().schemas)

    def tables(self, schema: str) -> Sequence[TableName]:
        """All tables of a schema, sorted; empty where the schema does not exist."""
        return self._listing(self._surveyed(), schema).names

    def table(self, name: TableName, snapshot: Snapshot | None = None) -> Table | None:
        """One table at its current or a pinned snapshot; None where there is none.

        A pinned snapshot is read from its metadata file: the catalog is not asked where the table
        is now, unless it may restrict who reads it. Raises `UnsupportedTable` for a table that
        cannot be read.
        """
        if snapshot is not None:
            return self._at(name, snapshot)
        known = self._surveyed()
        spelled, place = self._spelled(known, name)
        if spelled is None:
            return None
        if place is None:
            identifier = (*known.namespaces[spelled.schema], spelled.table)
            if spelled.table in self._listing(known, spelled.schema).views:
                return self._current.get(spelled, lambda old: self._view(spelled, identifier, old))
            return self._current.get(spelled, lambda old: self._load(spelled, identifier, old))
        # what the survey says of it is as fresh as any answer
        return self._current.get(
            spelled,
            lambda old: self._load_at(spelled, place, old),
            holds=lambda known: is_at(known, place),
        )

    def snapshot_as_of(self, name: TableName, moment: datetime) -> Snapshot | None:
        """The snapshot that was a table's state at a moment; None where there is none (any more).

        Raises `UnsupportedTable` for a table that cannot be read.
        """
        table = self.table(name)
        if table is None or table.snapshot is None:
            return None
        snapshot_id = current_at(self._past(table, table.snapshot).history, moment)
        return None if snapshot_id is None else replace(table.snapshot, snapshot_id=snapshot_id)

    def snapshot_made(self, name: TableName, snapshot_id: int) -> datetime | None:
        """When a snapshot of a table was made; None where the table has none of that id.

        Raises `UnsupportedTable` for a table that cannot be read.
        """
        table = self.table(name)
        if table is None or table.snapshot is None:
            return None
        return self._past(table, table.snapshot).made.get(snapshot_id)

    def snapshot_named(self, name: TableName, ref: str, kind: str | None = None) -> Snapshot | None:
        """The snapshot of a tag or branch (one of a `kind`, if it is given); None without one.

        Raises `UnsupportedTable` for a table that cannot be read.
        """
        table = self.table(name)
        if table is None or table.snapshot is None:
            return None
        return self._past(table, table.snapshot).named(table.snapshot, ref, kind)

    def inspect(self, table: Table, asked: Inspection) -> Table | None:
        """A table about a table's state; None where there is none, or nothing may be told in it.

        Raises `UnsupportedTable` for a table that cannot be read.
        """
        if table.snapshot is None:
            return None
        return inspected(table, asked, self._past(table, table.snapshot))

    def _past(self, table: Table, snapshot: Snapshot) -> Past:
        location = snapshot.metadata_location

        def read(_old: Past | None) -> Past:
            return states_of(self._metadata(table.name, location, table.storage))

        return self._histories.get(location, read)

    def _spelled(self, known: Survey, name: TableName) -> tuple[TableName | None, str | None]:
        """A table as the catalog spells it, and where its metadata is, if that is known."""
        schema = known.known.match(name.schema)
        if schema is None:
            return None, None
        listed = self._listing(known, schema)
        table = listed.known.match(name.table)
        if table is None:
            return None, None
        return TableName(self._name, schema, table), listed.places.get(table)

    def _surveyed(self) -> Survey:
        return self._survey.get(
            None, lambda _old: self._ask(lambda source: survey(source, self._name))
        )

    def _listing(self, known: Survey, schema: str) -> Listing:
        spelled = known.known.match(schema)
        if spelled is None:
            return NOTHING
        if known.listings is not None:
            return known.listings.get(spelled, NOTHING)
        namespace = known.namespaces[spelled]

        def question(source: Source) -> Listing:
            return listing(source, self._name, spelled, namespace)

        return self._listings.get(spelled, lambda _old: self._ask(question))

    def _counted(self, known: Survey) -> int | None:
        if known.listings is not None:
            return sum(len(each.names) for each in known.listings.values())
        listed = [self._listings.peek(schema) for schema in known.schemas]
        return sum(len(each.names) for each in listed if each is not None)

    def _opened(self) -> Source:
        with self._connecting:
            if self._source is None:
                self._source = self._open()
            return self._source

    def _open(self) -> Source:
        if not self._pulse.may_ask():  # it failed while others waited for it
            raise self._unavailable()
        try:
            return open_source(self._name, self._properties, self._timeout)
        except self._failures as error:
            self._pulse.failed(error)
            raise self._unavailable() from error
        except MISCONFIGURED as error:
            self._pulse.failed(error)
            kind = self._properties.get("type", "this kind")
            raise CatalogUnavailable(
                f"Catalog {display(self._name)} is not set up: a property is wrong, or the server"
                f" lacks the pyiceberg extra for catalogs of type {kind}"
            ) from error

    def _ask(self, question: Callable[[Source], _T], *, of_one: bool = False) -> _T:
        """Put a question to the source; all its failures become one, without detail.

        What fails `of_one` table may be that table's fault.
        """
        with self._connecting:
            opened = self._source
        if opened is None:
            opened = self._opened()
        elif not self._pulse.may_ask():
            raise self._unavailable()
        try:
            answer = question(opened)
        except self._failures as error:
            # what is wrong with one table or its files does not speak of the catalog
            if isinstance(error, self._of_service) and not (
                of_one and isinstance(error, ServerError)
            ):
                self._pulse.failed(error)
            raise self._unavailable() from error
        except _MALFORMED as error:
            if of_one:
                raise
            self._pulse.failed(error)
            raise self._unavailable() from error
        self._pulse.answered()
        return answer

    def _unavailable(self) -> CatalogUnavailable:
        return CatalogUnavailable(f"Catalog {display(self._name)} cannot be reached now")

    def _load(self, name: TableName, identifier: Identifier, old: Table | None) -> Table | None:
        """A table as the catalog gives it."""

        def question(source: Source) -> Answer | None:
            try:
                if isinstance(source, RestSource):
                    answer: Answer = source.answer(identifier)
                    return answer
                found = source.load_table(identifier)
            except NoSuchTableError:
                return None
            options = {**source.properties, **found.config}
            return Answer(found.metadata, found.metadata_location, options)

        loaded = self._reading(name, lambda: self._ask(question, of_one=True))
        if loaded is None:
            return None
        metadata = loaded.metadata
        new = table_of(
            name,
            metadata,
            Snapshot(loaded.location, metadata.current_snapshot_id),
            storage=storage_of(loaded.options),
            restrictions=restrictions_of(loaded.restrictions, metadata.schema(), name),
        )
        # the same object while nothing changed: decisions are remembered by it
        unchanged = old is not None and old == new and new and old.storage == new.storage
        return old if unchanged else sound(new, name)

    def _view(self, name: TableName, identifier: Identifier, old: Table | None) -> Table | None:
        found = self._reading(
            name, lambda: self._ask(lambda source: load_view(source, name, identifier), of_one=True)
        )
        return old if found is not None and found == old else found

    def _load_at(self, name: TableName, place: str, old: Table | None) -> Table:
        """A table of which the catalog said all that it knows: where its metadata is."""
        if old is not None and is_at(old, place):
            return old
        storage = storage_of(self._properties)
        metadata = self._metadata(name, place, storage)
        snapshot = Snapshot(place, metadata.current_snapshot_id)
        return sound(table_of(name, metadata, snapshot, storage=storage), name)

    def _at(self, name: TableName, snapshot: Snapshot) -> Table | None:
        current = self._current.peek(name)
        if self._properties.get("type") == "rest":
            # credentials end, and what restricts the table now restricts its past
            current = self.table(name)
            if current is None:
                return None
        if current is not None and current.snapshot == snapshot:
            return current
        found = self._pinned.get(
            (name, snapshot), lambda _old: self._load_pinned(name, snapshot, current)
        )
        if found is None or current is None:
            return found
        if found.storage == current.storage and found.restrictions == current.restrictions:
            return found
        return replace(found, storage=current.storage, restrictions=current.restrictions)

    def _load_pinned(
        self, name: TableName, snapshot: Snapshot, current: Table | None
    ) -> Table | None:
        # credentials that the catalog lent for this table are good for its older states too
        storage = storage_of(self._properties) if current is None else current.storage
        metadata = self._metadata(name, snapshot.metadata_location, storage)
        restrictions = None if current is None else current.restrictions
        return table_of(name, metadata, snapshot, storage=storage, restrictions=restrictions)

    def _metadata(
        self, name: TableName, location: str, storage: Mapping[str, str]
    ) -> TableMetadata:
        def read() -> TableMetadata:
            try:
                file_io = load_file_io(dict(storage), location)
                return FromInputFile.table_metadata(file_io.new_input(location))
            except self._failures as error:
                raise self._unavailable() from error

        return self._reading(name, read)

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
