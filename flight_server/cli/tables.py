"""All tables of the configured catalogs, for commands that look at each of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from auth.grant import Grant
from auth.restrictions import restricted
from catalog.errors import CatalogError
from catalog.model import Table
from catalog.names import TableName
from catalog.registry import Registry


def names(registry: Registry) -> Iterator[TableName]:
    """The names of all tables, by catalog and schema."""
    for schema in registry.schemas():
        yield from registry.tables(schema)


def readable(registry: Registry, name: TableName) -> Table | None:
    """One table, if it is there.

    Raises `CatalogError`, also where its catalog demands of readers what cannot be kept to.
    """
    table = registry.table(name)
    if table is not None:
        restricted(Grant(tuple(column.name for column in table.columns)), table)
    return table


def tables(
    registry: Registry,
    unread: Callable[[TableName, CatalogError], None],
    but: Collection[TableName] = (),
) -> Iterator[Table]:
    """All tables but those of these folded names; `unread` is told of each that cannot be read."""
    for name in names(registry):
        if name.folded in but:
            continue
        try:
            table = readable(registry, name)
        except CatalogError as error:
            unread(name, error)
            continue
        if table is not None:
            yield table
