"""What may be read of a table's earlier state: no more than the rules of then and now both give.

Names and tags of an earlier state may differ from today's: a column that is protected today under
its new name must be so under its old one, and a table that is gone is gone.
"""

from __future__ import annotations

from types import MappingProxyType

from auth.grant import Expression, Grant
from catalog.model import Column, Table
from catalog.names import fold


def both(earlier: Table, then: Grant, current: Table, now: Grant) -> Grant | None:
    """The grant on `earlier` that keeps what `now` protects; None where nothing stays visible.

    `then` and `now` are the decisions on the two states. Columns are the same by field id, or by
    name where they have none. A column with a different mask in each is hidden.
    """
    visible = set(then.columns)
    columns: list[str] = []
    masks: dict[str, Expression] = {}
    for column in earlier.columns:
        today = _same(column, current)
        if column.name not in visible or (today is not None and today.name not in now.columns):
            continue
        found = {
            mask.sql: mask
            for mask in (
                then.masks.get(column.name),
                None if today is None else now.masks.get(today.name),
            )
            if mask is not None
        }
        if len(found) > 1:
            continue
        columns.append(column.name)
        masks.update((column.name, mask) for mask in found.values())
    if not columns:
        return None
    return Grant(
        columns=tuple(columns),
        masks=MappingProxyType(masks),
        restrictive=_united(then.restrictive, now.restrictive),
        permissive=_permissive(then, now),
        has_permissive=then.has_permissive or now.has_permissive,
        because=then.because,
    )


def _same(column: Column, table: Table) -> Column | None:
    for other in table.columns:
        if column.field_id is not None and other.field_id is not None:
            if column.field_id == other.field_id:
                return other
        elif fold(column.name) == fold(other.name):
            return other
    return None


def _united(then: tuple[Expression, ...], now: tuple[Expression, ...]) -> tuple[Expression, ...]:
    found = {expression.name: expression for expression in (*then, *now)}
    return tuple(found[name] for name in sorted(found))


def _permissive(then: Grant, now: Grant) -> tuple[Expression, ...]:
    """Where both states are confined by such filters, only those count that are about both."""
    if not then.has_permissive:
        return now.permissive
    if not now.has_permissive:
        return then.permissive
    names = {expression.name for expression in now.permissive}
    return tuple(expression for expression in then.permissive if expression.name in names)
