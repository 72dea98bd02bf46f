"""The tables that filters and masks of a statement read, whatever its principal may see of them.

They reach an engine beside the table that they narrow, never a listing, a name or an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Protocol

from catalog.errors import CatalogError
from catalog.model import Snapshot, Table
from catalog.names import TableName
from flight_server.query.subqueries import LookupUnreadable


class Tables(Protocol):
    """Where tables are found; raises `CatalogError`."""

    def table(self, name: TableName, snapshot: Snapshot | None = None) -> Table | None: ...


class LookupTables:
    """Finds lookups for one planning of a statement, each once; at pinned snapshots where given.

    `tags` gives all tags of a table, by the policy in force.
    """

    def __init__(
        self,
        tables: Tables,
        pins: Mapping[TableName, Snapshot] = MappingProxyType({}),
        tags: Callable[[Table], frozenset[str]] = lambda table: table.tags,
    ) -> None:
        self._tables = tables
        self._pins = pins
        self._tags = tags
        self._found: dict[TableName, Table] = {}

    @property
    def snapshots(self) -> Mapping[TableName, Snapshot]:
        """The snapshots of those that were found."""
        return {name: t.snapshot for name, t in self._found.items() if t.snapshot is not None}

    def tags(self, tables: Iterable[Table]) -> frozenset[str]:
        """All tags of lookups."""
        return frozenset().union(*map(self._tags, tables))

    def find(self, name: TableName) -> Table:
        """One table. Raises `LookupUnreadable`, whose text is for operators."""
        known = self._found.get(name)
        if known is not None:
            return known
        try:
            table = self._tables.table(name, self._pins.get(name))
        except CatalogError as error:
            raise LookupUnreadable(f"{name}: {error}") from error
        if table is None or table.snapshot is None:
            raise LookupUnreadable(f"{name} is not a stored table")
        if table.restrictions is not None:
            # its rows and values would show in what they decide
            raise LookupUnreadable(f"{name} is restricted by its catalog")
        self._found[name] = table
        return table
