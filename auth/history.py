"""What may be read of a table's earlier state: no more than the rules of then and now both give.

Names and tags of an earlier state may differ from today's: a column that is protected today under
its new name must be so under its old one, and a table that is gone is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from auth.fields import fields_of
from auth.grant import Expression, FieldGrant, Grant
from auth.masks import fits
from catalog.model import Column, Table
from catalog.names import fold


def both(earlier: Table, then: Grant, current: Table, now: Grant) -> Grant | None:
    """The grant on `earlier` that keeps what `now` protects; None where nothing stays visible.

    `then` and `now` are the decisions on the two states. Columns and fields are the same by field
    id, or by name where they have none. One with a different mask in each is hidden.
    """
    columns: list[FieldGrant] = []
    for column in earlier.columns:
        seen = then.column(column.name)
        today = _same(column, current.columns)
        if seen is not None and today is not None:
            seen = _common(column, seen, today, now.column(today.name))
        if seen is not None:
            columns.append(seen)
    if not columns:
        return None
    return Grant(
        columns=tuple(column.name for column in columns),
        masks=MappingProxyType({c.name: c.mask for c in columns if c.mask is not None}),
        restrictive=_united(then.restrictive, now.restrictive),
        permissive=_permissive(then, now),
        has_permissive=then.has_permissive or now.has_permissive,
        because=then.because,
        tags=then.tags | now.tags,
        fields=MappingProxyType({c.name: c.fields for c in columns if c.fields}),
    )


def _common(
    column: Column, then: FieldGrant, today: Column, now: FieldGrant | None
) -> FieldGrant | None:
    """What both grants let be seen of a column or field."""
    if now is None or (then.is_whole and now.is_whole):
        return None if now is None else then
    if then.mask is not None or now.mask is not None:
        return _masked(column, then, now)
    mine = {field.name: field for field in then.fields}
    others = {field.name: field for field in now.fields}
    fields: list[FieldGrant] = []
    for field in fields_of(column):
        seen = FieldGrant(field.name) if not then.fields else mine.get(field.name)
        same = _same(field, fields_of(today))
        if seen is not None and same is not None:
            other = FieldGrant(same.name) if not now.fields else others.get(same.name)
            seen = _common(field, seen, same, other)
        if seen is not None:
            fields.append(seen)
    return FieldGrant(then.name, fields=tuple(fields)) if fields else None


def _masked(column: Column, then: FieldGrant, now: FieldGrant) -> FieldGrant | None:
    """The one mask of the two; nothing where they differ or where the other hides a field.

    Nor where it does not fit the type that the column had.
    """
    masks = {mask.sql: mask for mask in (now.mask, then.mask) if mask is not None}
    if len(masks) > 1 or then.fields or now.fields:
        return None
    (mask,) = masks.values()
    if mask.built_in is not None and not fits(mask.built_in, column.type):
        return None
    return FieldGrant(then.name, mask=mask)


def _same(column: Column, columns: Sequence[Column]) -> Column | None:
    for other in columns:
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
