"""A catalog of what Athena reads: Iceberg tables, which others read too, and tables of its own.

Tables of the second kind have no snapshots, and their columns no field ids. Descriptions, owners
and tags are declared as for Iceberg tables: by `comment`, `owner`, `flight.tags` and
`flight.tags.<column>` among a table's parameters.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from catalog.athena_source import GLUE_CATALOG, Entry, Source, open_source
from catalog.athena_table import table_of
from catalog.cache import ExpiringCache
from catalog.errors import CatalogUnavailable
from catalog.health import Health, Pulse
from catalog.iceberg import IcebergCatalog
from catalog.inspection import Inspection
from catalog.lookup import Names
from catalog.model import AthenaPlace, Snapshot, Table
from catalog.names import TableName, display

_T = TypeVar("_T")
_FAILURES = (BotoCoreError, ClientError, OSError)
_MISCONFIGURED = (ValueError, TypeError)
_MOST_TABLES = 30_000
_OWN = ("data_catalog", "type")


@dataclass(frozen=True, slots=True)
class _Listing:
    """The tables of a database with what is told of them in listings."""

    entries: Mapping[str, Entry]
    known: Names


@dataclass(frozen=True, slots=True)
class _Placed:
    """An Iceberg table, its entry, and what is made of both."""

    table: Table
    entry: Entry
    made: Table


_NOTHING = _Listing(MappingProxyType({}), Names(()))


class AthenaCatalog:
    """One data catalog of Athena under the name by which it is served; see `catalog.base.Catalog`.

    `properties` are those of pyiceberg's Glue catalogs, and `data_catalog`, by default Glue's own;
    of others all tables are Athena's alone. Nothing is opened before the first question. What was
    told is believed for `refresh_seconds`; while a table does not change, the same `Table` is
    given. A source that failed is not asked for `rest_seconds`. Safe for several threads.
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
        self._data_catalog = properties.get("data_catalog") or GLUE_CATALOG
        self._timeout = timeout_seconds
        self._pulse = Pulse(rest_seconds)
        self._opening = threading.Lock()
        self._source: Source | None = None
        inner = {key: value for key, value in properties.items() if key not in _OWN}
        self._iceberg = IcebergCatalog(
            name,
            inner | {"type": "glue"},
            refresh_seconds=refresh_seconds,
            rest_seconds=rest_seconds,
            timeout_seconds=timeout_seconds,
        )
        self._databases: ExpiringCache[None, tuple[str, ...]] = ExpiringCache(
            seconds=refresh_seconds, entries=1
        )
        self._listings: ExpiringCache[str, _Listing] = ExpiringCache(
            seconds=refresh_seconds, entries=_MOST_TABLES
        )
        self._entries: ExpiringCache[TableName, tuple[Entry, Table | None] | None] = ExpiringCache(
            seconds=refresh_seconds, entries=_MOST_TABLES
        )
        # by name and state; decisions are remembered by the table's object
        self._placed: ExpiringCache[tuple[TableName, Snapshot | None], _Placed] = ExpiringCache(
            seconds=float("inf"), entries=_MOST_TABLES
        )

    def __repr__(self) -> str:
        return f"AthenaCatalog({self._name!r})"

    @property
    def name(self) -> str:
        """The name under which the catalog is served."""
        return self._name

    def close(self) -> None:
        """Give back connections; a later question opens them again."""
        self._iceberg.close()
        with self._opening:
            self._source = None

    def health(self) -> Health:
        """How the catalog is doing, as far as it was asked."""
        listed = [self._listings.peek(each) for each in self._databases.peek(None) or ()]
        known = [each for each in listed if each is not None]
        tables = sum(len(each.entries) for each in known) if known else None
        return self._pulse.health(self._name, "athena", tables)

    def schemas(self) -> Sequence[str]:
        """All databases, sorted."""
        return list(self._surveyed())

    def tables(self, schema: str) -> Sequence[TableName]:
        """All tables and views of a database, sorted; empty where it does not exist."""
        spelled = Names(self._surveyed()).match(schema)
        if spelled is None:
            return ()
        return sorted(
            TableName(self._name, spelled, each) for each in self._listed(spelled).entries
        )

    def table(self, name: TableName, snapshot: Snapshot | None = None) -> Table | None:
        """One table at its current or a pinned snapshot; None where there is none.

        Raises `UnsupportedTable` for a table that cannot be read.
        """
        spelled = self._spelled(name)
        if spelled is None:
            return None
        found = self._entries.get(spelled, lambda old: self._load(spelled, old))
        if found is None:
            return None
        entry, own = found
        if own is not None:
            return own
        table = self._iceberg.table(spelled, snapshot)
        return None if table is None else self._at(table, entry)

    def snapshot_as_of(self, name: TableName, moment: datetime) -> Snapshot | None:
        """The snapshot that was a table's state at a moment; None where there is none."""
        spelled = self._stored(name)
        return None if spelled is None else self._iceberg.snapshot_as_of(spelled, moment)

    def snapshot_made(self, name: TableName, snapshot_id: int) -> datetime | None:
        """When a snapshot of a table was made; None where the table has none of that id."""
        spelled = self._stored(name)
        return None if spelled is None else self._iceberg.snapshot_made(spelled, snapshot_id)

    def snapshot_named(self, name: TableName, ref: str, kind: str | None = None) -> Snapshot | None:
        """The snapshot of a tag or branch (one of a `kind`, if it is given); None without one."""
        spelled = self._stored(name)
        return None if spelled is None else self._iceberg.snapshot_named(spelled, ref, kind)

    def inspect(self, table: Table, asked: Inspection) -> Table | None:
        """A table about a table's state; None where there is none, or nothing may be told in it."""
        return None if table.snapshot is None else self._iceberg.inspect(table, asked)

    def _stored(self, name: TableName) -> TableName | None:
        """An Iceberg table as it is spelled; None for what is none."""
        table = self.table(name)
        return None if table is None or table.snapshot is None else table.name

    def _at(self, table: Table, entry: Entry) -> Table:
        """An Iceberg table with what Athena calls it: the same object for the same table."""
        key = (table.name, table.snapshot)

        def placed(_old: _Placed | None) -> _Placed:
            place = AthenaPlace(self._data_catalog, table.name.schema, entry.name)
            # What a table is called elsewhere is told there as well.
            description = table.description or entry.description
            owner = table.owner or entry.owner
            made = replace(table, athena=place, description=description, owner=owner)
            return _Placed(table, entry, made)

        def holds(known: _Placed) -> bool:
            return known.table is table and known.entry == entry

        return self._placed.get(key, placed, holds).made

    def _load(
        self, name: TableName, old: tuple[Entry, Table | None] | None
    ) -> tuple[Entry, Table | None] | None:
        entry = self._ask(lambda source: source.table(name.schema, name.table))
        if entry is None:
            return None
        if entry.is_iceberg and self._data_catalog == GLUE_CATALOG:
            return entry, None
        if old is not None and old[0] == entry and old[1] is not None:
            return old
        place = AthenaPlace(self._data_catalog, name.schema, entry.name)
        return entry, table_of(name, entry, place)

    def _spelled(self, name: TableName) -> TableName | None:
        schema = Names(self._surveyed()).match(name.schema)
        if schema is None:
            return None
        table = self._listed(schema).known.match(name.table)
        return None if table is None else TableName(self._name, schema, table)

    def _surveyed(self) -> tuple[str, ...]:
        return self._databases.get(
            None, lambda _old: tuple(sorted(self._ask(lambda source: source.databases())))
        )

    def _listed(self, schema: str) -> _Listing:
        def listing(_old: _Listing | None) -> _Listing:
            found = {each.name: each for each in self._ask(lambda source: source.tables(schema))}
            return _Listing(MappingProxyType(found), Names(found)) if found else _NOTHING

        return self._listings.get(schema, listing)

    def _ask(self, question: Callable[[Source], _T]) -> _T:
        """Put a question to the source; all its failures become one, without detail."""
        if not self._pulse.may_ask():
            raise self._unavailable()
        try:
            answer = question(self._opened())
        except _FAILURES as error:
            self._pulse.failed(error)
            raise self._unavailable() from error
        except _MISCONFIGURED as error:
            self._pulse.failed(error)
            raise CatalogUnavailable(
                f"Catalog {display(self._name)} is not set up: a property is wrong"
            ) from error
        self._pulse.answered()
        return answer

    def _opened(self) -> Source:
        with self._opening:
            if self._source is None:
                self._source = open_source(self._properties, self._data_catalog, self._timeout)
            return self._source

    def _unavailable(self) -> CatalogUnavailable:
        return CatalogUnavailable(f"Catalog {display(self._name)} cannot be reached now")
