"""Merges what a catalog demands of a table's readers into what a policy grants: only ever less."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from auth.fields import fields_of
from auth.grant import Expression, FieldGrant, Grant, Reason
from auth.restriction_sql import action_sql, rows_sql
from catalog.model import Column, Table
from catalog.restrictions import Action

BY_CATALOG = Reason("by the catalog", 0)
_ROWS = "by the catalog"


@dataclass(frozen=True, slots=True)
class Demand:
    """What the catalog demands of a column or field: an action of its own, or of its fields."""

    action: Action | None
    within: Mapping[str, Demand]

    @property
    def is_none(self) -> bool:
        """Whether it demands nothing."""
        return self.action is None and not self.within


def restricted(grant: Grant, table: Table) -> Grant | None:
    """The grant with the restrictions of the table's catalog; None where no column is left.

    An action of the catalog takes the place of no mask: what has both is hidden, unless all that
    the action leaves is NULL. Raises `RestrictedTable` where a row filter does not fit the table.
    """
    demanded = table.restrictions
    if demanded is None:
        return grant
    demands = demands_of(table)
    seen: list[FieldGrant] = []
    for column in table.columns:
        granted = grant.column(column.name)
        if granted is not None:
            left = _left(column, granted, demands.get(column.name))
            seen += [] if left is None else [left]
    if not seen:
        return None
    rows: tuple[Expression, ...] = ()
    if demanded.rows is not None:
        rows = (Expression(_ROWS, rows_sql(demanded.rows, table), because=BY_CATALOG),)
    return replace(
        grant,
        columns=tuple(each.name for each in seen),
        masks=MappingProxyType({each.name: each.mask for each in seen if each.mask is not None}),
        fields=MappingProxyType({each.name: each.fields for each in seen if each.fields}),
        restrictive=(*grant.restrictive, *rows),
    )


def demands_of(table: Table) -> Mapping[str, Demand]:
    """What the catalog demands of which columns."""
    if table.restrictions is None:
        return {}
    actions = dict(table.restrictions.actions)
    found = {column.name: _demand(column, actions) for column in table.columns}
    return {name: demand for name, demand in found.items() if not demand.is_none}


def _demand(column: Column, actions: Mapping[int, Action]) -> Demand:
    action = None if column.field_id is None else actions.get(column.field_id)
    within = {field.name: _demand(field, actions) for field in fields_of(column)}
    return Demand(action, {name: each for name, each in within.items() if not each.is_none})


def _left(column: Column, granted: FieldGrant, demand: Demand | None) -> FieldGrant | None:
    """What is left of what a policy grants of a column or field."""
    if demand is None:
        return granted
    if demand.action is not None:
        if granted.is_whole or demand.action is Action.NULL:
            sql = action_sql(demand.action, column.type)
            mask = Expression(f"{demand.action} {_ROWS}", sql, because=BY_CATALOG)
            return FieldGrant(granted.name, mask=mask)
        return None
    if granted.mask is not None:
        return None  # its value is made of all fields, as they are stored
    given = {field.name: field for field in granted.fields}
    fields: list[FieldGrant] = []
    for field in fields_of(column):
        mine = given.get(field.name) if granted.fields else FieldGrant(field.name)
        left = None if mine is None else _left(field, mine, demand.within.get(field.name))
        fields += [] if left is None else [left]
    return FieldGrant(granted.name, fields=tuple(fields)) if fields else None
