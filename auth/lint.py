"""Rules of a policy that do nothing, or cannot do what they say, over the tables that there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from auth.grant import Reason
from auth.masks import fits
from auth.matching import Target, covers_table, given_by, taken, taken_by
from auth.policy import Policy
from auth.rules import GrantRule, Mask, RowFilter, TagRule
from catalog.model import Table

_SHOWN = 3


@dataclass(frozen=True, slots=True, order=True)
class Remark:
    """Something about a rule that its author should look at. For operators only."""

    line: int
    rule: str
    text: str


def remark(because: Reason, text: str) -> Remark:
    """A remark on the rule of a reason."""
    return Remark(because.line, because.rule, text)


def unmatched(policy: Policy, tables: Sequence[Table]) -> Iterator[Remark]:
    """Rules that are about none of these tables and columns, and lookups that nothing names."""
    rules, targets = policy.rules, [policy.prepared(table) for table in tables]
    nothing = "matches no table or column of the catalogs"
    for grant in rules.grants:
        if not any(_covers(grant, target) for target in targets):
            yield remark(grant.because, nothing)
    for row_filter in rules.row_filters:
        if not any(covers_table(row_filter.on, target) for target in targets):
            yield remark(row_filter.because, nothing)
    others: list[Mask | TagRule] = [*rules.masks, *rules.tags]
    for rule in others:
        if not any(taken(rule.on, target) for target in targets):
            yield remark(rule.because, nothing)
    reading: list[RowFilter | Mask] = [*rules.row_filters, *rules.masks]
    read = {name for each in reading for name in each.lookups}
    known = {table.name.folded for table in tables if table.rows is None}
    for name, lookup in rules.lookups.items():
        if lookup.table.folded not in known:
            yield remark(lookup.because, f"{lookup.table} is no table of the catalogs")
        if name not in read:
            yield remark(lookup.because, "is named by no filter or mask")


def unfit(policy: Policy, tables: Iterable[Table]) -> Iterator[Remark]:
    """Built-in masks over columns whose type they do not fit: these columns are hidden."""
    found: dict[Reason, list[str]] = {}
    for table in tables:
        target = policy.prepared(table)
        for mask in policy.rules.masks:
            if mask.built_in is None:
                continue
            for part in taken(mask.on, target):
                if not fits(mask.built_in, part.column.type):
                    where = f"{table.name}.{target.spelled(part)} ({part.column.type})"
                    found.setdefault(mask.because, []).append(where)
    for because, columns in found.items():
        yield remark(because, f"does not fit {several(columns)}")


def several(names: Sequence[str]) -> str:
    """The first of several names, and how many more there are."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _covers(rule: GrantRule, target: Target) -> bool:
    return bool(given_by(rule, target) if rule.allow else taken_by(rule, target))
