"""Where an engine finds the tables of a catalog whose name it keeps for itself: `system`."""

from __future__ import annotations

from dataclasses import replace

from auth.visible import VisibleTable
from catalog.names import TableName, fold
from catalog.registry import SYSTEM

_PLACE = "__system"  # no catalog can be called so


def engine_catalog(name: str | None) -> str | None:
    """The catalog's name within an engine; None stays None."""
    return _PLACE if name is not None and fold(name) == SYSTEM else name


def engine_table(table: VisibleTable) -> VisibleTable:
    """The table under the name that an engine has for it."""
    name = table.name
    place = engine_catalog(name.catalog)
    if place is None or place == name.catalog:
        return table
    return replace(table, table=replace(table.table, name=replace(name, catalog=place)))


def shown_table(name: TableName) -> TableName:
    """The name that users have for a table, from the one that an engine has for it."""
    return replace(name, catalog=SYSTEM) if name.catalog == _PLACE else name
