"""All catalogs that are served, by name; one that is broken does not take the others down."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from catalog.base import Catalog
from catalog.errors import CatalogError
from catalog.health import Health, Reporting
from catalog.inspection import Inspection
from catalog.lookup import match
from catalog.model import Snapshot, Table
from catalog.names import SchemaName, TableName, display, fold

_log = logging.getLogger(__name__)

# names that DuckDB gives a meaning of its own, so that a statement could not mean ours by them
RESERVED_NAMES = frozenset(
    {"system", "temp", "memory", "information_schema", "__information_schema", "main", "pg_catalog"}
    | {"__system", "__version", "__view"}
)
SYSTEM = "system"


class Registry:
    """The catalogs of a server. Raises `ValueError` for reserved, empty and equal names.

    `own` is the one in which the server tells of itself; it alone may be called `system`.
    """

    def __init__(self, catalogs: Sequence[Catalog], own: Catalog | None = None) -> None:
        self._own = own
        self._catalogs: dict[str, Catalog] = {}
        taken: set[str] = set()
        for catalog in (*catalogs, *(() if own is None else (own,))):
            folded = fold(catalog.name)
            reserved = folded in RESERVED_NAMES and not (catalog is own and folded == SYSTEM)
            if not folded or reserved:
                raise ValueError(f"A catalog cannot be named {display(catalog.name)}")
            if folded in taken:
                raise ValueError(f"Two catalogs are named {display(catalog.name)}")
            taken.add(folded)
            self._catalogs[catalog.name] = catalog

    @property
    def own(self) -> str | None:
        """The name of the catalog in which the server tells of itself, if there is one."""
        return None if self._own is None else self._own.name

    def names(self) -> Sequence[str]:
        """The names of all catalogs, sorted, whether they can be reached or not."""
        return sorted(self._catalogs)

    def catalog(self, name: str) -> Catalog | None:
        """The catalog of a name, compared with ASCII case folded; None where there is none."""
        spelled = match(self._catalogs, name)
        return None if spelled is None else self._catalogs[spelled]

    def table_kind(self, catalog: str) -> str | None:
        """The kind of a catalog's tables, views aside; None where only each itself can tell."""
        kind: str | None = getattr(self.catalog(catalog), "table_kind", None)
        return kind

    def views(self, schema: SchemaName) -> frozenset[str] | None:
        """The names of those tables of a schema that are views; None where it cannot be told."""
        listed: Callable[[str], frozenset[str]] | None = getattr(
            self.catalog(schema.catalog), "views", None
        )
        try:
            return frozenset() if listed is None else listed(schema.schema)
        except CatalogError as error:
            self._left_out(schema.catalog, error)
            return None

    def health(self) -> Sequence[Health]:
        """How the catalogs are doing that can say so, by name; none is asked anything for it."""
        listed = (self._catalogs[name] for name in self.names())
        return [each.health() for each in listed if isinstance(each, Reporting)]

    def schemas(self, catalog: str | None = None) -> Sequence[SchemaName]:
        """The schemas of one catalog or of all, sorted; a broken catalog is left out and logged."""
        names = self.names() if catalog is None else [catalog]
        found: list[SchemaName] = []
        for name in names:
            source = self.catalog(name)
            if source is None:
                continue
            try:
                found += [SchemaName(source.name, schema) for schema in source.schemas()]
            except CatalogError as error:
                self._left_out(source.name, error)
        return sorted(found)

    def tables(self, schema: SchemaName) -> Sequence[TableName]:
        """The tables of a schema, sorted; none where there is none or the catalog is broken."""
        source = self.catalog(schema.catalog)
        if source is None:
            return ()
        try:
            return source.tables(schema.schema)
        except CatalogError as error:
            self._left_out(source.name, error)
            return ()

    def table(self, name: TableName, snapshot: Snapshot | None = None) -> Table | None:
        """One table at its current or a pinned snapshot; None where there is none.

        Raises `CatalogUnavailable` and `UnsupportedTable`: who asks for one table must learn that
        it may well exist.
        """
        source = self.catalog(name.catalog)
        if source is None:
            return None
        return source.table(TableName(source.name, name.schema, name.table), snapshot)

    def snapshot_as_of(self, name: TableName, moment: datetime) -> Snapshot | None:
        """The snapshot that was a table's state at a moment; None where there is none (any more).

        Raises as `table` does.
        """
        source = self.catalog(name.catalog)
        if source is None:
            return None
        return source.snapshot_as_of(TableName(source.name, name.schema, name.table), moment)

    def snapshot_made(self, name: TableName, snapshot_id: int) -> datetime | None:
        """When a snapshot of a table was made; None where the table has none of that id.

        Raises as `table` does.
        """
        source = self.catalog(name.catalog)
        if source is None:
            return None
        return source.snapshot_made(TableName(source.name, name.schema, name.table), snapshot_id)

    def snapshot_named(self, name: TableName, ref: str, kind: str | None = None) -> Snapshot | None:
        """The snapshot of a tag or branch (one of a `kind`, if it is given); None without one.

        Raises as `table` does.
        """
        source = self.catalog(name.catalog)
        if source is None:
            return None
        return source.snapshot_named(TableName(source.name, name.schema, name.table), ref, kind)

    def inspect(self, table: Table, asked: Inspection) -> Table | None:
        """A table about a table's state; None where its catalog has none of that kind."""
        source = self.catalog(table.name.catalog)
        return None if source is None else source.inspect(table, asked)

    def _left_out(self, name: str, error: CatalogError) -> None:
        _log.warning("catalog %s is left out of a listing: %s", name, error, exc_info=error)
