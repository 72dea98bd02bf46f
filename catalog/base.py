"""The face that every catalog shows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from catalog.inspection import Inspection
from catalog.model import Snapshot, Table
from catalog.names import TableName


class Catalog(Protocol):
    """A source of schemas and tables under one name.

    Implementations are safe to call from several threads. Names are returned as the source spells
    them; lookups fold ASCII case. Raises `CatalogUnavailable` when the source cannot be asked.
    """

    @property
    def name(self) -> str:
        """The name under which the catalog is served."""
        ...

    def schemas(self) -> Sequence[str]:
        """All schemas, sorted."""
        ...

    def tables(self, schema: str) -> Sequence[TableName]:
        """All tables of a schema, sorted; empty where the schema does not exist."""
        ...

    def table(self, name: TableName, snapshot: Snapshot | None = None) -> Table | None:
        """One table at its current or a pinned snapshot; None where there is none."""
        ...

    def snapshot_as_of(self, name: TableName, moment: datetime) -> Snapshot | None:
        """The snapshot that was a table's state at a moment; None where there is none (any more).

        `moment` has a time zone. None is also the answer for a table without snapshots.
        """
        ...

    def snapshot_made(self, name: TableName, snapshot_id: int) -> datetime | None:
        """When a snapshot of a table was made; None where the table has none of that id."""
        ...

    def snapshot_named(self, name: TableName, ref: str, kind: str | None = None) -> Snapshot | None:
        """The snapshot of a tag or branch (one of a `kind`, if it is given); None without one."""
        ...

    def inspect(self, table: Table, asked: Inspection) -> Table | None:
        """A table about a table's state; None where the catalog has none of that kind."""
        ...
