"""Binds the tables that a statement names to what its principal may see."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from auth.errors import TableNotFound
from auth.visible import VisibleCatalog, VisibleTable
from catalog.errors import SnapshotNotFound
from catalog.lookup import match
from catalog.model import Snapshot
from catalog.names import TableName, display
from flight_server.query.errors import ColumnNotFound, QueryError
from flight_server.query.gate import Statement, TableReference
from flight_server.query.information import (
    EVERYWHERE,
    PLACE,
    is_information_schema,
    system_table,
)
from flight_server.query.places import engine_table
from flight_server.query.splice import Spliced, splice
from flight_server.query.suggest import did_you_mean, nearest

# Every table that is not found takes as long; more than any answer that a catalog remembers.
_REFUSAL_SECONDS = 0.002
# So many tables of a catalog are looked at for one that may have been meant.
_MOST_NEAR = 200
_MISSING = re.compile(r'Column "(.*)" was not found\.', re.DOTALL)

Pins = Mapping[TableName, Snapshot]
AsOf = datetime | int  # a moment, or the id of a snapshot


@dataclass(frozen=True, slots=True)
class Defaults:
    """What completes an unqualified name; None where nothing does."""

    catalog: str | None
    schema: str | None


@dataclass(frozen=True, slots=True)
class Resolved:
    """A statement with its tables found, each once, in the order of first mention.

    `spliced` is the text that an engine can run: the original, with other names for system tables.
    """

    statement: Statement
    tables: tuple[VisibleTable, ...]
    defaults: Defaults
    spliced: Spliced


def resolve(
    statement: Statement,
    visible: VisibleCatalog,
    defaults: Defaults,
    pins: Pins | None = None,
    as_of: AsOf | None = None,
) -> Resolved:
    """Find every table of a statement; a pinned one at its snapshot, the rest as of a moment.

    As of a snapshot means that the table which has it is read at it, and the others as of the
    moment at which it was made.

    Raises `TableNotFound` in the same words for what is hidden and for what does not exist, and
    `SnapshotNotFound` for a table that had no state then.
    """
    if statement.functions or any(len(reference.parts) < 3 for reference in statement.tables):
        defaults = settle(defaults, visible)
    found: dict[TableName, VisibleTable] = {}
    moved: list[tuple[TableReference, TableName]] = []
    folded = {name.folded: snapshot for name, snapshot in (pins or {}).items()}
    for reference in statement.tables:
        system = find_system(reference, visible, defaults)
        if system is not None:
            found.setdefault(system.name, system)
            moved.append((reference, system.name))
            continue
        asked = time.monotonic()
        try:
            name = complete(reference, defaults)
        except TableNotFound:
            raise _not_found(reference, _near_table(reference, visible, defaults)) from None
        if name.folded not in found:
            try:
                pinned = folded.get(name.folded)
                if pinned is None and isinstance(as_of, datetime):
                    found[name.folded] = visible.find_as_of(name, as_of)
                else:
                    found[name.folded] = visible.find(name, pinned)
            except TableNotFound:
                near = _near_table(reference, visible, defaults)
                # How long it took would tell apart what is hidden and what does not exist.
                time.sleep(max(0.0, asked + _REFUSAL_SECONDS - time.monotonic()))
                raise _not_found(reference, near) from None
        place = engine_table(found[name.folded]).name
        if place != found[name.folded].name:
            moved.append((reference, place))
    if isinstance(as_of, int):
        stored = {n: t for n, t in found.items() if n not in folded and t.table.snapshot}
        found |= _at_snapshot(visible, stored, as_of)
    spliced = splice(statement.text, moved)
    tables = tuple(engine_table(table) for table in found.values())
    return Resolved(statement, tables, defaults, spliced)


def _at_snapshot(
    visible: VisibleCatalog, tables: Mapping[TableName, VisibleTable], snapshot_id: int
) -> dict[TableName, VisibleTable]:
    """Tables by their folded names, as of a snapshot that one of them has."""
    for folded, table in tables.items():
        found = visible.find_snapshot(table.name, snapshot_id)
        if found is not None:
            at, made = found
            others = {key: other.name for key, other in tables.items() if key != folded}
            return {folded: at} | {k: visible.find_as_of(n, made) for k, n in others.items()}
    if tables:
        raise SnapshotNotFound(f"No table of the statement has a snapshot {snapshot_id}.")
    return {}


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
        error.args = (f"{error}{did_you_mean(missing[1], known)}",)


def settle(asked: Defaults, visible: VisibleCatalog) -> Defaults:
    """The asked defaults as the catalog spells them; else the only visible catalog or schema."""
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
