"""What changes for whom where one policy takes the place of another. Knows names, not SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from auth.bearers import Bearer
from auth.explain import ColumnExplanation, Explanation, Rows, Visibility, shown
from auth.grant import Expression, Grant, Reason
from auth.insides import Reads, anything, explained
from auth.policy import Policy
from catalog.model import Table
from catalog.names import TableName


class Change(StrEnum):
    """What happens to a column."""

    GAINS = "gains"
    LOSES = "loses"
    UNMASKS = "unmasks"
    MASKS = "masks"
    REMASKS = "masks otherwise"


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """A column, or a field within one, that is seen differently; `mask` is what it gets or had.

    `path` leads to it from its column. `before` and `after` are the rules that speak of it in the
    old and in the new policy.
    """

    path: tuple[str, ...]
    change: Change
    mask: str | None
    before: tuple[Reason, ...]
    after: tuple[Reason, ...]

    @property
    def column(self) -> str:
        """Its dotted name, as SQL would name it."""
        return shown(self.path)


@dataclass(frozen=True, slots=True)
class Seen:
    """Which rows are seen, by the names of the filters that apply."""

    rows: Rows
    filters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableChange:
    """What changes for one bearer in one table. A table that was or becomes hidden has no rows.

    `filters_changed` are those that apply before and after but say something else.
    """

    bearer: Bearer
    table: TableName
    columns: tuple[ColumnChange, ...]
    before: Seen | None
    after: Seen | None
    filters_changed: tuple[str, ...] = ()

    @property
    def rows_change(self) -> bool:
        """Whether rows of a table that stays visible are seen differently."""
        both = self.before is not None and self.after is not None
        return both and (self.before != self.after or bool(self.filters_changed))


def differences(
    old: Policy,
    new: Policy,
    bearers: Iterable[Bearer],
    tables: Iterable[Table],
    *,
    reads: Reads = anything,
) -> Iterator[TableChange]:
    """Every change, by bearer and table in the given order.

    Bearers of roles need policies that were made by `bearers.by_role`.
    """
    known = list(tables)
    for bearer in bearers:
        for table in known:
            change = difference(old, new, bearer, table, reads=reads)
            if change is not None:
                yield change


def difference(
    old: Policy, new: Policy, bearer: Bearer, table: Table, *, reads: Reads = anything
) -> TableChange | None:
    """What changes for one bearer in one table; None where nothing does."""
    before, after = (
        explained(policy, bearer.principal, table, reads, has_claims=bearer.has_claims)
        for policy in (old, new)
    )
    if not before.visible and not after.visible:
        return None
    texts = tuple(
        {mask.name: (mask.using, _read(mask.lookups)) for mask in each.rules.masks}
        for each in (old, new)
    )
    columns: list[ColumnChange] = []
    for was, now in zip(before.columns, after.columns, strict=True):
        for path, one, other in _parts(was, now, ()):
            kind = _change(one, other, *texts)
            if kind is not None:
                mask = other.mask or one.mask
                columns.append(ColumnChange(path, kind, mask, one.because, other.because))
    grants = (policy.decide(bearer.principal, table) for policy in (old, new))
    change = TableChange(
        bearer,
        table.name,
        tuple(columns),
        _seen(before),
        _seen(after),
        _filters_changed(*grants),
    )
    return change if change.columns or change.rows_change else None


def _parts(
    old: ColumnExplanation, new: ColumnExplanation, above: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], ColumnExplanation, ColumnExplanation]]:
    """A column before and after; its fields instead where only some of them are seen."""
    path = (*above, new.name)
    names = [field.name for field in (old.fields or new.fields)]
    if not names:
        yield path, old, new
    for name in names:
        yield from _parts(_field(old, name), _field(new, name), path)


def _field(column: ColumnExplanation, name: str) -> ColumnExplanation:
    """A field; of a column that is seen as a whole, or not at all, it is as the column is."""
    found = (field for field in column.fields if field.name == name)
    return next(found, replace(column, name=name, fields=()))


def _change(
    old: ColumnExplanation,
    new: ColumnExplanation,
    old_masks: Mapping[str, object],
    new_masks: Mapping[str, object],
) -> Change | None:
    if old.visibility is new.visibility:
        texts = (old_masks.get(old.mask or ""), new_masks.get(new.mask or ""))
        return Change.REMASKS if texts[0] != texts[1] else None
    if new.visibility is Visibility.HIDDEN:
        return Change.LOSES
    if old.visibility is Visibility.HIDDEN:
        return Change.GAINS
    return Change.UNMASKS if new.visibility is Visibility.VISIBLE else Change.MASKS


def _seen(told: Explanation) -> Seen | None:
    return Seen(told.rows, told.filters) if told.visible else None


def _filters_changed(was: Grant | None, now: Grant | None) -> tuple[str, ...]:
    if was is None or now is None:
        return ()
    old, new = _filters(was), _filters(now)
    return tuple(sorted(name for name in old.keys() & new.keys() if old[name] != new[name]))


def _filters(grant: Grant) -> dict[str, tuple[object, ...]]:
    def all_of(expression: Expression, restrictive: bool) -> tuple[object, ...]:
        claims = sorted(
            (name, kind, str(value)) for name, (kind, value) in expression.claims.items()
        )
        return (restrictive, expression.sql, *claims, *_read(expression.lookups))

    return {
        **{each.name: all_of(each, True) for each in grant.restrictive},
        **{each.name: all_of(each, False) for each in grant.permissive},
    }


def _read(lookups: Mapping[str, TableName]) -> list[tuple[str, TableName]]:
    """The tables that an expression looks up, in an order."""
    return sorted((name, table.folded) for name, table in lookups.items())
