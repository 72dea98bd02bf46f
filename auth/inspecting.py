"""What a table about a table may tell: no more than its reader could read of the table itself."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

from auth.fields import fields_of, parts_of
from auth.grant import FieldGrant, Grant
from catalog.inspection import ABOUT_ROWS, Inspection
from catalog.model import Column, Table


def inspection_of(kind: str, grant: Grant, table: Table) -> Inspection | None:
    """What may be told in a table of a kind; None where nothing of it may be.

    Of files, manifests and partitions nothing is told to those from whom a row filter may hide
    rows: what is counted and bounded there are hidden rows too. Of a column or field that is masked
    nothing is told, and nothing of sizes where anything is hidden: they are of all columns.
    """
    filtered = bool(grant.restrictive) or grant.has_permissive
    if filtered and kind in ABOUT_ROWS:
        return None
    paths: dict[int, str] = {}
    whole = True
    for column in table.columns:
        seen = grant.column(column.name)
        whole = whole and seen is not None and seen.is_whole
        if seen is not None:
            paths |= dict(_whole(column, seen, ""))
    told = MappingProxyType(paths)
    return Inspection(kind, told, counts=not filtered, sizes=whole and not filtered)


def _whole(column: Column, seen: FieldGrant, above: str) -> Iterator[tuple[int, str]]:
    """The ids and dotted names of all that is seen as it is within a column."""
    name = f"{above}{column.name}"
    if seen.mask is not None:
        return
    if not seen.fields:
        if column.field_id is not None:
            yield column.field_id, name
        for part in parts_of(column):
            yield from _whole(part, FieldGrant(part.name), f"{name}.")
        return
    granted = {field.name: field for field in seen.fields}
    for field in fields_of(column):
        if field.name in granted:
            yield from _whole(field, granted[field.name], f"{name}.")
