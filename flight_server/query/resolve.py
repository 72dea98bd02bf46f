"""Binds the tables that a statement names to what its principal may see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from auth.errors import TableNotFound
from auth.visible import VisibleCatalog, VisibleTable
from catalog.model import Snapshot
from catalog.names import TableName, display, fold
from flight_server.query.gate import Statement, TableReference

Pins = Mapping[TableName, Snapshot]


@dataclass(frozen=True, slots=True)
class Defaults:
    """What completes an unqualified name; None where nothing does."""

    catalog: str | None
    schema: str | None


@dataclass(frozen=True, slots=True)
class Resolved:
    """A statement with its tables found, each once, in the order of first mention."""

    statement: Statement
    tables: tuple[VisibleTable, ...]
    defaults: Defaults


def resolve(
    statement: Statement, visible: VisibleCatalog, defaults: Defaults, pins: Pins | None = None
) -> Resolved:
    """Find every table of a statement; a pinned one at its pinned snapshot.

    Raises `TableNotFound` in the same words for what is hidden and for what does not exist.
    """
    if any(len(reference.parts) < 3 for reference in statement.tables):
        defaults = settle(defaults, visible)
    found: dict[TableName, VisibleTable] = {}
    folded = {name.folded: snapshot for name, snapshot in (pins or {}).items()}
    for reference in statement.tables:
        name = complete(reference, defaults)
        if name.folded not in found:
            try:
                found[name.folded] = visible.find(name, folded.get(name.folded))
            except TableNotFound:
                raise _not_found(reference) from None
    return Resolved(statement, tuple(found.values()), defaults)


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


def _not_found(reference: TableReference) -> TableNotFound:
    shown = ".".join(display(part) for part in reference.parts)[:300]
    return TableNotFound(f"Table {shown} was not found.", position=reference.position)


def settle(asked: Defaults, visible: VisibleCatalog) -> Defaults:
    """The asked defaults as the catalog spells them; else the only visible catalog or schema."""
    catalogs = visible.catalogs()
    catalog = _only(catalogs, asked.catalog)
    if catalog is None:
        return Defaults(None, None)
    schemas = [name.schema for name in visible.schemas(catalog)]
    return Defaults(catalog, _only(schemas, asked.schema))


def _only(names: list[str], asked: str | None) -> str | None:
    if asked is None:
        return names[0] if len(names) == 1 else None
    return next((name for name in names if fold(name) == fold(asked)), None)
