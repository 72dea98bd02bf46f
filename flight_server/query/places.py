"""Where an engine finds the tables whose names it cannot give them.

Those of the catalog whose name it keeps for itself: `system`. Those that views are made of, which
have a schema of their own for each view and for each way to it. And those that a statement reads at
another version, so that one statement can read several of one table: each has a schema of its own
and keeps its last name, by which filters and columns may call it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from auth.visible import VisibleTable
from catalog.names import TableName, fold
from catalog.registry import SYSTEM
from flight_server.query.versions import Version

# no catalog can be called so
_PLACE = "__system"
_VERSIONS = "__version"
_INSIDES = "__view"


def engine_catalog(name: str | None) -> str | None:
    """The catalog's name within an engine; None stays None."""
    return _PLACE if name is not None and fold(name) == SYSTEM else name


def engine_name(name: TableName, version: Version | None = None) -> TableName:
    """The name that an engine has for a table, read at a version or as the statement says."""
    if version is not None:
        schema = json.dumps([name.catalog, name.schema, version.key], ensure_ascii=False)
        return TableName(_VERSIONS, schema, name.table)
    place = engine_catalog(name.catalog)
    return name if place is None or place == name.catalog else replace(name, catalog=place)


def inside_name(views: Sequence[TableName], name: TableName) -> TableName:
    """The name that an engine has for a table within views, the outermost first."""
    way = [[view.catalog, view.schema, view.table] for view in views]
    schema = json.dumps([*way, [name.catalog, name.schema]], ensure_ascii=False)
    return TableName(_INSIDES, schema, name.table)


def engine_table(table: VisibleTable, version: Version | None = None) -> VisibleTable:
    """The table under the name that an engine has for it."""
    name = engine_name(table.name, version)
    return table if name == table.name else replace(table, table=replace(table.table, name=name))


def shown_table(name: TableName) -> TableName:
    """The name that users have for a table, from the one that an engine has for it."""
    if name.catalog == _VERSIONS:
        catalog, schema, _ = json.loads(name.schema)
        return TableName(catalog, schema, name.table)
    if name.catalog == _INSIDES:
        catalog, schema = json.loads(name.schema)[-1]
        return TableName(catalog, schema, name.table)
    return replace(name, catalog=SYSTEM) if name.catalog == _PLACE else name
