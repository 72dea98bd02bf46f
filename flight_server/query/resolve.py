"""Binds the tables that a statement names to what its principal may see."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from types import MappingProxyType

from auth.errors import TableNotFound
from auth.visible import VisibleCatalog, VisibleTable
from catalog.inspection import about
from catalog.lookup import match
from catalog.model import Snapshot
from catalog.names import TableName, display, fold
from flight_server.query.errors import ColumnNotFound, QueryError
from flight_server.query.gate import Statement
from flight_server.query.information import (
    EVERYWHERE,
    PLACE,
    is_information_schema,
    system_table,
)
from flight_server.query.places import engine_name, engine_table
from flight_server.query.references import TableReference
from flight_server.query.splice import Spliced, splice
from flight_server.query.states import all_as_of, find_at, unversioned
from flight_server.query.suggest import did_you_mean, nearest
from flight_server.query.versions import AsOf, Version

# Every table that is not found takes as long; more than any answer that a catalog remembers.
_REFUSAL_SECONDS = 0.002
# So many tables of a catalog are looked at for one that may have been meant.
_MOST_NEAR = 200
_MISSING = re.compile(r'Column "(.*)" was not found\.', re.DOTALL)

Pins = Mapping[TableName, Snapshot]


@dataclass(frozen=True, slots=True)
class Defaults:
    """What completes an unqualified name; None where nothing does."""

    catalog: str | None
    schema: str | None


@dataclass(frozen=True, slots=True)
class Reading:
    """At which states tables are read: `pins` are by the names that engines have for tables.

    The rest are read as the statement says, or else `as_of`. Moments in the statement without an
    offset are of the time zone.
    """

    pins: Pins = field(default_factory=lambda: MappingProxyType({}))
    as_of: AsOf | None = None
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Resolved:
    """A statement with its tables found, each once, in the order of first mention.

    `spliced` is the text that an engine can run: the original, with other names for system tables
    and for tables at a version. `snapshots` are the states that are read, by the names of `tables`.
    `insides` are what views are made of, by these names.
    """

    statement: Statement
    tables: tuple[VisibleTable, ...]
    defaults: Defaults
    spliced: Spliced
    snapshots: Pins
    insides: Mapping[TableName, Inside] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Inside:
    """What a view is made of, with its tables as whoever's rights it is read with may read them.

    `definer` is who that is, where it is not the view's reader. `output` are the names of the
    columns that the text gives.
    """

    resolved: Resolved
    output: tuple[str, ...]
    definer: str | None = None


def resolve(
    statement: Statement,
    visible: VisibleCatalog,
    defaults: Defaults,
    reading: Reading = Reading(),
) -> Resolved:
    """Find every table of a statement, each at the state at which it is read.

    As of a snapshot means that the table which has it is read at it, and the others as of the
    moment at which it was made; as of a tag or branch, that each table with snapshots has one.

    Raises `TableNotFound` in the same words for what is hidden and for what does not exist, and
    `SnapshotNotFound` for a table that has no such state.
    """
    if statement.functions or any(len(reference.parts) < 3 for reference in statement.tables):
        defaults = settle(defaults, visible)
    finder = _Finder(visible, defaults, reading)
    for reference in statement.tables:
        finder.add(reference)
    return finder.resolved(statement)


@dataclass(slots=True)
class _Found:
    """A table of a statement; with a `kind`, the one about it that is meant.

    Where it is `settled`, its state is pinned or said by the statement.
    """

    table: VisibleTable
    kind: str | None = None
    version: Version | None = None
    settled: bool = False

    @property
    def place(self) -> TableName:
        """The name that an engine has for it."""
        name = self.table.name
        if self.kind is not None:
            name = replace(name, table=f"{name.table}${self.kind}")
        return engine_name(name, self.version)


class _Finder:
    """The tables of one statement, as they are found."""

    def __init__(self, visible: VisibleCatalog, defaults: Defaults, reading: Reading) -> None:
        self._visible = visible
        self._defaults = defaults
        self._reading = reading
        self._pins = {name.folded: snapshot for name, snapshot in reading.pins.items()}
        self._found: dict[TableName, _Found] = {}
        self._moved: list[tuple[TableReference, TableName]] = []

    def add(self, reference: TableReference) -> None:
        """Find the table that a reference names. Raises as `resolve` does."""
        system = find_system(reference, self._visible, self._defaults)
        if system is not None:
            if reference.version is not None:
                raise unversioned(f"information_schema.{system.name.table}")
            self._found.setdefault(system.name, _Found(system, settled=True))
            self._moved.append((reference, system.name))
            return
        asked = time.monotonic()
        try:
            name = complete(reference, self._defaults)
        except TableNotFound:
            raise self._not_found(reference) from None
        key = engine_name(name.folded, reference.version).folded
        if key not in self._found:
            try:
                self._found[key] = self._find(name, reference.version, self._pins.get(key))
            except TableNotFound:
                error = self._not_found(reference)
                # How long it took would tell apart what is hidden and what does not exist.
                time.sleep(max(0.0, asked + _REFUSAL_SECONDS - time.monotonic()))
                raise error from None
        found = self._found[key]
        if found.place.catalog != found.table.name.catalog:
            self._moved.append((reference, found.place))

    def resolved(self, statement: Statement) -> Resolved:
        """The statement with what was found. Raises as `resolve` does."""
        as_of = self._reading.as_of
        free = {key: each.table for key, each in self._found.items() if not each.settled}
        for key, table in all_as_of(self._visible, free, as_of).items():
            self._found[key].table = table
        tables: list[VisibleTable] = []
        snapshots: dict[TableName, Snapshot] = {}
        for each in self._found.values():
            tables.append(engine_table(self._meant(each), each.version))
            if each.table.table.pin is not None:
                snapshots[tables[-1].name] = each.table.table.pin
        spliced = splice(statement.text, self._moved)
        return Resolved(statement, tuple(tables), self._defaults, spliced, snapshots)

    def _find(self, name: TableName, version: Version | None, pinned: Snapshot | None) -> _Found:
        settled = pinned is not None or version is not None
        try:
            return _Found(self._at(name, version, pinned), None, version, settled)
        except TableNotFound:
            told = about(name)
            if told is None:
                raise
        found = _Found(self._at(told[0], version, pinned), told[1], version, settled)
        self._meant(found)
        return found

    def _at(
        self, name: TableName, version: Version | None, pinned: Snapshot | None
    ) -> VisibleTable:
        reading = self._reading
        zone = reading.time_zone
        return find_at(self._visible, name, pinned, version, as_of=reading.as_of, time_zone=zone)

    def _meant(self, found: _Found) -> VisibleTable:
        """The table itself, or the one about it. Raises `TableNotFound`."""
        if found.kind is None:
            return found.table
        table = self._visible.about(found.table, found.kind)
        if table is None:
            raise TableNotFound(f"Table {found.place} does not exist.")
        return table

    def _not_found(self, reference: TableReference) -> TableNotFound:
        return _not_found(reference, _near_table(reference, self._visible, self._defaults))


def find_system(
    reference: TableReference, visible: VisibleCatalog, defaults: Defaults
) -> VisibleTable | None:
    """The table of `information_schema` that a reference names; None for any other reference.

    Without a catalog it is that of the default one, or else of all. Raises `TableNotFound`.
    """
    catalog = defaults.catalog
    match reference.parts:
        case (schema, table) if is_information_schema(schema):
            pass
        case (place, schema, table) if (place, schema) == (PLACE, EVERYWHERE):
            catalog = None
        case (named, schema, table) if is_information_schema(schema):
            catalog = match(visible.catalogs(), named)
            if catalog is None:
                raise _not_found(reference)
        case _:
            return None
    found = system_table(visible, catalog, table)
    if found is None:
        raise _not_found(reference)
    return found


def complete(reference: TableReference, defaults: Defaults) -> TableName:
    """The full name that a reference stands for."""
    match reference.parts:
        case (table,) if defaults.catalog and defaults.schema:
            return TableName(defaults.catalog, defaults.schema, table)
        case (schema, table) if defaults.catalog:
            return TableName(defaults.catalog, schema, table)
        case (catalog, schema, table):
            return TableName(catalog, schema, table)
    raise _not_found(reference)


def _not_found(reference: TableReference, near: str = "") -> TableNotFound:
    shown = ".".join(display(part) for part in reference.parts)[:300]
    return TableNotFound(f"Table {shown} was not found.{near}", position=reference.position)


def _near_table(reference: TableReference, visible: VisibleCatalog, defaults: Defaults) -> str:
    """What to suggest for a table that was not found: visible tables of the catalog alone."""
    *place, asked = reference.parts
    if len(place) > 2:
        return ""
    catalog = match(visible.catalogs(), place[0]) if len(place) == 2 else defaults.catalog
    schema = place[-1] if place else defaults.schema
    if catalog is None:
        return ""
    found = match((name.schema for name in visible.schemas(catalog)), schema or "")
    if found is not None:
        pattern = re.sub(r"([%_\\])", r"\\\1", found)
        inside = islice(visible.tables(catalog, pattern), _MOST_NEAR)
        near = nearest(asked, (table.name.table for table in inside))
        if near is not None:
            shown = ".".join(display(part) for part in (*place, near))
            return f" Did you mean {shown}?"
    tables = [table.name for table in islice(visible.tables(catalog), _MOST_NEAR)]
    if not place:
        known = {name.table: name for name in tables}
        near = nearest(asked, known)
    else:
        known = {f"{name.schema}.{name.table}": name for name in tables}
        near = nearest(f"{schema}.{asked}", known)
    if near is None:
        return ""
    parts = (*place[:-1], known[near].schema, known[near].table)
    return f" Did you mean {'.'.join(display(part) for part in parts)}?"


def as_sent(error: QueryError, resolved: Resolved) -> None:
    """Make a fault of binding one of the text as it was sent, with the column that was meant."""
    error.position = resolved.spliced.original(error.position)
    missing = _MISSING.fullmatch(str(error)) if isinstance(error, ColumnNotFound) else None
    if missing:
        known = (column.name for table in resolved.tables for column in table.columns)
        known = (name for name in known if fold(name) != fold(missing[1]))  # not in reach there
        error.args = (f"{error}{did_you_mean(missing[1], known)}",)


def settle(asked: Defaults, visible: VisibleCatalog) -> Defaults:
    """The asked defaults as the catalog spells them; else the only visible catalog or schema."""
    if asked.catalog is not None and asked.schema is not None:
        return Defaults(*visible.place(asked.catalog, asked.schema))
    if asked.catalog is None:
        # What the server tells of itself is never meant by a name that does not say so.
        catalog = _only([name for name in visible.catalogs() if name != visible.own])
    else:
        catalog = visible.catalog(asked.catalog)
    if catalog is None:
        return Defaults(None, None)
    if asked.schema is None:
        return Defaults(catalog, _only([name.schema for name in visible.schemas(catalog)]))
    return Defaults(catalog, visible.schema(catalog, asked.schema))


def _only(names: list[str]) -> str | None:
    return names[0] if len(names) == 1 else None
