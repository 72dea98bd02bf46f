"""Which tables an engine elsewhere may read, and what tables and sessions say of engines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from catalog.model import Table
from flight_server.engines.base import AUTO, Relation, Secured

PIN = "flight.engine"  # the property of a table that says which engine reads it
HERE, THERE = "duckdb", "athena"

_UNKNOWN = "Athena cannot read all tables of the statement as they are asked for."
_PART = "A part of a result cannot be read by Athena."
_PROTECTED = "A table of the statement is protected so that Athena may not read it."


def unfit(relation: Relation, sealed: Callable[[Relation], bool]) -> str | None:
    """Why Athena may not read a relation; None where it may."""
    lookups = [lookup.table for lookup in relation.lookups]
    if not all(_is_known(table) for table in (relation.table, *lookups)):
        return _UNKNOWN
    if relation.inside is not None:
        return _UNKNOWN
    if relation.part is not None:
        return _PART
    # its texts are kept by Athena: no key may be in them, and nothing that is sealed
    if relation.keyed or sealed(relation):
        return _PROTECTED
    return None


def _is_known(table: Table) -> bool:
    """Whether Athena reads the same of a table as it is meant."""
    if table.athena is None or table.rows is not None:
        return False
    if table.snapshot is None:
        return table.engine == THERE
    # one that was never written has no version to name; a branch is read with other columns there
    return table.snapshot.snapshot_id is not None and not table.snapshot.branch


def pinned(asked: str, tables: Sequence[Table]) -> tuple[str, str]:
    """The engine that must run a statement over tables that both can read, or `auto`; and why."""
    if asked != AUTO:
        return asked, "the session asks for it"
    pins = {table.properties.get(PIN, AUTO).strip().lower() for table in tables} & {HERE, THERE}
    if len(pins) == 1:
        return pins.pop(), "a table of the statement says so"
    return AUTO, ""


def is_open(secured: Secured) -> bool:
    """Whether nothing of the tables is hidden, so that sizes tell nothing."""
    return all(
        not relation.needs_barrier
        and len(relation.columns) == len(relation.table.columns)
        and not any(column.fields for column in relation.columns)
        for relation in secured.relations
    )
