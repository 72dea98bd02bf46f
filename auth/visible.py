"""The catalog as one principal sees it: the only way to a table.

What is hidden and what does not exist are never told apart, neither by an answer nor by the text
of an error.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from auth.errors import TableNotFound
from auth.fields import narrowed
from auth.grant import Grant
from auth.history import both
from auth.inspecting import inspection_of
from auth.policy import Policy
from auth.principal import Principal
from auth.restrictions import restricted
from catalog.errors import CatalogError, SnapshotNotFound, UnsupportedTable
from catalog.inspection import ABOUT_ROWS
from catalog.model import Column, Snapshot, Table
from catalog.names import SchemaName, TableName, fold, like
from catalog.registry import Registry

_log = logging.getLogger(__name__)


class Views(Protocol):
    """What knows whether the inside of a view can be read."""

    def readable(self, visible: VisibleCatalog, view: Table) -> bool:
        """Whether it can be by whoever's rights it is read with.

        Raises `CatalogUnavailable` and `UnsupportedTable`.
        """
        ...


class NoViews:
    """No view can be read where nothing knows how."""

    def readable(self, visible: VisibleCatalog, view: Table) -> bool:
        """Never."""
        return False


NO_VIEWS = NoViews()


@dataclass(frozen=True, slots=True)
class VisibleTable:
    """A table with what the principal may read of it. `table` itself is never to be shown.

    `columns` are the visible ones in table order, structs with their visible fields only.
    """

    table: Table
    grant: Grant
    columns: tuple[Column, ...]

    @property
    def name(self) -> TableName:
        """The table's name as the catalog spells it."""
        return self.table.name

    @property
    def arrow_schema(self) -> pa.Schema:
        """The visible columns as an Arrow schema, without metadata."""
        return pa.schema([pa.field(c.name, c.type, c.nullable) for c in self.columns])


class VisibleCatalog:
    """The catalogs, schemas and tables that a principal sees under one policy.

    A schema is visible when one of its tables is, a catalog when one of its schemas is. Listings
    leave out catalogs and tables that cannot be read now. Made for one call, over the policy then
    in force; `fingerprint` names all that its answers depend on, the tables aside;
    `roles` are those that the principal bears. A view is visible when its inside can be read, too.
    """

    def __init__(
        self, principal: Principal, policy: Policy, registry: Registry, views: Views = NO_VIEWS
    ) -> None:
        self.principal = principal
        self.fingerprint = policy.fingerprint(principal)
        self.policy_version = policy.version
        self.roles = policy.roles(principal)
        self._policy = policy
        self._registry = registry
        self._views = views

    def seen_by(self, principal: Principal, views: Views) -> VisibleCatalog:
        """The same catalogs under the same policy, as another principal sees them."""
        return VisibleCatalog(principal, self._policy, self._registry, views)

    @property
    def own(self) -> str | None:
        """The catalog in which the server tells of itself, if there is one; visible or not."""
        return self._registry.own

    def catalogs(self) -> list[str]:
        """The names of the visible catalogs, sorted."""
        return [name for name in self._registry.names() if self._has_schema(name)]

    def catalog(self, name: str) -> str | None:
        """The visible catalog of a name as it is spelled; None where there is none."""
        return next((n for n in _same(self._registry.names(), name) if self._has_schema(n)), None)

    def schema(self, catalog: str, name: str) -> str | None:
        """The visible schema of a name in a catalog as it is spelled; None where there is none."""
        listed = {found.schema: found for found in self._registry.schemas(catalog)}
        return next((n for n in _same(listed, name) if self._has_table(listed[n])), None)

    def place(self, catalog: str, schema: str) -> tuple[str | None, str | None]:
        """A visible catalog and its visible schema as they are spelled; None for what is not.

        Where the schema is visible no other one is looked at: this is asked for each statement.
        """
        for spelled in _same(self._registry.names(), catalog):
            found = self.schema(spelled, schema)
            if found is not None:
                return spelled, found
        return self.catalog(catalog), None

    def schemas(self, catalog: str | None = None, pattern: str | None = None) -> list[SchemaName]:
        """The visible schemas, sorted: of one catalog, and those LIKE a pattern."""
        return [name for name in self._listed(catalog, pattern) if self._has_table(name)]

    def tables(
        self,
        catalog: str | None = None,
        schema_pattern: str | None = None,
        table_pattern: str | None = None,
    ) -> Iterator[VisibleTable]:
        """The visible tables, sorted by catalog, schema and table."""
        wanted = like(table_pattern)
        for schema in self._listed(catalog, schema_pattern):
            for name in self._registry.tables(schema):
                if wanted(name.table):
                    found = self._in_listing(name)
                    if found is not None:
                        yield found

    def names(
        self,
        catalog: str | None = None,
        schema_pattern: str | None = None,
        table_pattern: str | None = None,
    ) -> Iterator[tuple[TableName, str]]:
        """The names of the visible tables, sorted, each with its kind.

        Quicker than `tables`: what the policy shows by its name alone is not read for it, so that
        one which cannot be read is among them.
        """
        wanted = like(table_pattern)
        for schema in self._listed(catalog, schema_pattern):
            kind, views = self._known_kinds(schema)
            for name in self._registry.tables(schema):
                if not wanted(name.table):
                    continue
                known = kind is not None and name.table not in views
                if kind and known and self._policy.may_know_of(self.principal, name):
                    yield name, kind
                    continue
                found = self._in_listing(name)
                if found is not None:
                    yield found.name, found.table.kind

    def find(self, name: TableName, snapshot: Snapshot | None = None) -> VisibleTable:
        """One table, at its current or a pinned snapshot.

        Raises `TableNotFound`, whose text has only the name as it was asked for; and
        `CatalogUnavailable` or `UnsupportedTable` where the principal may know why not.
        """
        if self._policy.may_see(self.principal, name):
            try:
                found = self._load(name, snapshot)
            except UnsupportedTable as error:
                if self._policy.may_know_of(self.principal, name):
                    raise
                _log.warning("Table %s is kept secret as it cannot be read: %s", name, error)
                found = None
            if found is not None:
                return found
        raise TableNotFound(f"Table {name} does not exist.")

    def find_as_of(self, name: TableName, moment: datetime) -> VisibleTable:
        """One table as it was at a moment; one without snapshots as it is.

        Raises as `find` does, and `SnapshotNotFound` where the table had no state then.
        """
        # first as it is now: what is hidden today must not be told apart by its past
        today = self.find(name)
        if today.table.snapshot is None:
            return today
        snapshot = self._registry.snapshot_as_of(today.name, moment)
        if snapshot is None:
            shown = moment.isoformat(sep=" ", timespec="auto")
            raise SnapshotNotFound(
                f"Table {today.name} has no state as of {shown}: it was made later, or that state"
                " has expired."
            )
        return self.find(today.name, snapshot)

    def find_snapshot(
        self, name: TableName, snapshot_id: int
    ) -> tuple[VisibleTable, datetime] | None:
        """One table at a snapshot, and when that was made; None where it has none of that id.

        Raises as `find` does.
        """
        today = self.find(name)
        made = self._registry.snapshot_made(today.name, snapshot_id)
        if made is None or today.table.snapshot is None:
            return None
        pinned = replace(today.table.snapshot, snapshot_id=snapshot_id)
        return self.find(today.name, pinned), made

    def find_named(self, name: TableName, ref: str, kind: str | None = None) -> VisibleTable | None:
        """One table at a tag or branch (one of a `kind`, if it is given); None without one.

        Raises as `find` does.
        """
        today = self.find(name)
        snapshot = self._registry.snapshot_named(today.name, ref, kind)
        return None if snapshot is None else self.find(today.name, snapshot)

    def about(self, table: VisibleTable, kind: str) -> VisibleTable | None:
        """A table about a table: what the grants on that let be told; None where it may not be."""
        asked = inspection_of(kind, table.grant, table.table)
        if asked is not None and kind not in ABOUT_ROWS:
            # told are all states, also those after the one at which the table is read
            today = self.find(table.name)
            now = inspection_of(kind, today.grant, today.table)
            asked = None if now is None else asked.within(now)
        found = None if asked is None else self._registry.inspect(table.table, asked)
        if found is None:
            return None
        names = tuple(column.name for column in found.columns)
        grant = Grant(names, because=table.grant.because, tags=table.grant.tags)
        return VisibleTable(found, grant, found.columns)

    def tags(self, table: Table) -> frozenset[str]:
        """All tags of a table and what is in it, whatever of it is visible. Never to be shown."""
        return self._policy.prepared(table).all_tags

    def _listed(self, catalog: str | None, pattern: str | None) -> list[SchemaName]:
        wanted = like(pattern)
        return [name for name in self._registry.schemas(catalog) if wanted(name.schema)]

    def _has_schema(self, catalog: str) -> bool:
        return any(self._has_table(schema) for schema in self._registry.schemas(catalog))

    def _has_table(self, schema: SchemaName) -> bool:
        kind, views = self._known_kinds(schema)
        return any(
            (kind and name.table not in views and self._policy.may_know_of(self.principal, name))
            or self._in_listing(name) is not None
            for name in self._registry.tables(schema)
        )

    def _known_kinds(self, schema: SchemaName) -> tuple[str | None, frozenset[str]]:
        """The kind of a schema's tables, views aside, and the names of its views."""
        views = self._registry.views(schema)
        if views is None:
            return None, frozenset()
        return self._registry.table_kind(schema.catalog), views

    def _in_listing(self, name: TableName) -> VisibleTable | None:
        if not self._policy.may_see(self.principal, name):
            return None
        try:
            return self._load(name, None)
        except CatalogError as error:
            _log.warning("Table %s is left out of a listing: %s", name, error)
            return None

    def _load(self, name: TableName, snapshot: Snapshot | None) -> VisibleTable | None:
        current = self._registry.table(name)
        if current is None or (current.name != name and current.name.folded != name.folded):
            return None
        now = self._policy.decide(self.principal, current)
        if now is not None and current.view is not None:
            return self._view(current, now, snapshot)
        if now is None or snapshot is None or snapshot == current.snapshot:
            return None if now is None else _visible(current, now)
        earlier = self._registry.table(current.name, snapshot)
        then = None if earlier is None else self._policy.decide(self.principal, earlier)
        if earlier is None or then is None:
            return None
        if earlier.restrictions != current.restrictions:
            earlier = replace(earlier, restrictions=current.restrictions)
        grant = both(earlier, then, current, now)
        return None if grant is None else _visible(earlier, grant)

    def _view(self, view: Table, grant: Grant, pinned: Snapshot | None) -> VisibleTable | None:
        """A view, if its inside can be read. Raises `SnapshotNotFound` for another text of it."""
        if not self._views.readable(self, view):
            return None
        if pinned is not None and pinned != view.pin:
            raise SnapshotNotFound(f"View {view.name} was changed since the statement was planned.")
        return _visible(view, grant)


def _same(names: Iterable[str], asked: str) -> Iterator[str]:
    """The names that are the asked one, whatever the case of their letters."""
    folded = fold(asked)
    return (name for name in names if fold(name) == folded)


def _visible(table: Table, granted: Grant) -> VisibleTable | None:
    grant = restricted(granted, table)
    if grant is None:
        return None
    seen = ((column, grant.column(column.name)) for column in table.columns)
    columns = tuple(narrowed(column, field) for column, field in seen if field is not None)
    return VisibleTable(table, grant, columns)
