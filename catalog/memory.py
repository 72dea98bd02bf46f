"""A catalog of tables that are given to it: what a server tells of itself, and tables of tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from catalog.inspection import Inspection
from catalog.lookup import match
from catalog.model import Snapshot, Table
from catalog.names import TableName


class MemoryCatalog:
    """Tables under one name, each always the same value; see `catalog.base.Catalog`.

    They have no snapshots. Raises `ValueError` for a table that is of another catalog.
    """

    def __init__(self, name: str, tables: Iterable[Table]) -> None:
        self._name = name
        self._tables: dict[str, dict[str, Table]] = {}
        for table in tables:
            if table.name.catalog != name:
                raise ValueError(f"{table.name} is not a table of {name}")
            self._tables.setdefault(table.name.schema, {})[table.name.table] = table

    @property
    def name(self) -> str:
        """The name under which the catalog is served."""
        return self._name

    def schemas(self) -> Sequence[str]:
        """All schemas, sorted."""
        return sorted(self._tables)

    def tables(self, schema: str) -> Sequence[TableName]:
        """All tables of a schema, sorted; empty where the schema does not exist."""
        found = match(self._tables, schema)
        if found is None:
            return ()
        return sorted(table.name for table in self._tables[found].values())

    def table(self, name: TableName, snapshot: Snapshot | None = None) -> Table | None:
        """One table; None where there is none. A snapshot makes no difference."""
        schema = match(self._tables, name.schema)
        table = None if schema is None else match(self._tables[schema], name.table)
        return None if schema is None or table is None else self._tables[schema][table]

    def snapshot_as_of(self, name: TableName, moment: datetime) -> Snapshot | None:
        """Nothing: there are no snapshots."""
        return None

    def snapshot_made(self, name: TableName, snapshot_id: int) -> datetime | None:
        """Nothing: there are no snapshots."""
        return None

    def snapshot_named(self, name: TableName, ref: str, kind: str | None = None) -> Snapshot | None:
        """Nothing: there are no snapshots."""
        return None

    def inspect(self, table: Table, asked: Inspection) -> Table | None:
        """Nothing: there are no snapshots."""
        return None
