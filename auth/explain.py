"""Why a principal may or may not see the columns and rows of a table. For operators only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from auth.grant import Grant, Reason
from auth.matching import Target, covered, covers_table, target_of
from auth.policy import Applicable, Policy, rule_covers, unbound
from auth.principal import Principal
from catalog.model import Table
from catalog.names import TableName, display

_NOTHING = Grant(columns=())


class Visibility(StrEnum):
    """What becomes of a column."""

    VISIBLE = "visible"
    MASKED = "masked"
    HIDDEN = "hidden"


class Rows(StrEnum):
    """Which rows are seen."""

    ALL = "all rows"
    FILTERED = "filtered rows"
    NONE = "no rows"


@dataclass(frozen=True, slots=True)
class ColumnExplanation:
    """What becomes of a column, the rules that speak of it, and a remark where they conflict."""

    name: str
    visibility: Visibility
    because: tuple[Reason, ...]
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a principal sees of a table. `missing_claims` are those that row filters lack."""

    subject: str
    roles: tuple[str, ...]
    table: TableName
    columns: tuple[ColumnExplanation, ...]
    rows: Rows
    row_filters: tuple[Reason, ...]
    missing_claims: tuple[str, ...] = ()

    @property
    def visible(self) -> bool:
        """Whether the table is visible at all."""
        return any(column.visibility is not Visibility.HIDDEN for column in self.columns)

    def __str__(self) -> str:
        head = [
            f"{self.subject} with roles {', '.join(self.roles) or '(none)'}",
            f"{self.table}: {'visible' if self.visible else 'hidden'}",
        ]
        columns = [_line(column) for column in self.columns]
        filters = [f"  {reason.rule} (line {reason.line})" for reason in self.row_filters]
        missing = [f"  missing claim: {name}" for name in self.missing_claims]
        return "\n".join([*head, *columns, f"rows: {self.rows}", *filters, *missing])


def explain(policy: Policy, principal: Principal, table: Table) -> Explanation:
    """What the principal sees of the table, and the rules of the policy that make it so.

    What is seen is taken from the policy's decision itself; the rules are found by matching again.
    """
    grant = policy.decide(principal, table) or _NOTHING
    roles = policy.roles(principal)
    mine = policy.applicable(roles)
    target = target_of(table, policy.rules.tags)
    columns = []
    for at, column in enumerate(table.columns):
        visibility = _visibility(grant, column.name)
        because, remark = _reasons(mine, target, at, visibility)
        columns.append(ColumnExplanation(column.name, visibility, because, remark))
    speaking = (*mine.restrictive, *mine.permissive, *mine.confining)
    confining = {rule.because for rule in speaking if covers_table(rule.on, target)}
    missing = {claim for each in (*grant.restrictive, *grant.permissive) for claim in unbound(each)}
    return Explanation(
        subject=principal.subject,
        roles=tuple(sorted(roles)),
        table=table.name,
        columns=tuple(columns),
        rows=_rows(grant),
        row_filters=tuple(sorted(confining, key=_in_file)),
        missing_claims=tuple(sorted(missing)),
    )


def _visibility(grant: Grant, column: str) -> Visibility:
    if column not in grant.columns:
        return Visibility.HIDDEN
    return Visibility.MASKED if column in grant.masks else Visibility.VISIBLE


def _rows(grant: Grant) -> Rows:
    lost = any(unbound(expression) for expression in grant.restrictive)
    open_ = [expression for expression in grant.permissive if not unbound(expression)]
    if not grant.columns or lost or (grant.has_permissive and not open_):
        return Rows.NONE
    return Rows.FILTERED if grant.restrictive or grant.has_permissive else Rows.ALL


def _reasons(
    mine: Applicable, target: Target, at: int, visibility: Visibility
) -> tuple[tuple[Reason, ...], str]:
    """The rules that speak of a column, and why it is hidden where no single rule says so."""
    allows = [rule.because for rule in mine.allows if at in rule_covers(rule, target)]
    denies = [rule.because for rule in mine.denies if at in rule_covers(rule, target)]
    masks = [rule.because for rule in mine.masks if at in covered(rule.on, target, within=True)]
    remark = ""
    if at in target.ambiguous:
        remark = "its name is not unique, so it is hidden"
    elif visibility is Visibility.HIDDEN and not denies:
        remark = "no rule allows it" if not allows else "its masks conflict, so it is hidden"
    return tuple(sorted((*allows, *denies, *masks), key=_in_file)), remark


def _in_file(reason: Reason) -> tuple[int, str]:
    return (reason.line, reason.rule)


def _line(column: ColumnExplanation) -> str:
    told = [f"{reason.rule} (line {reason.line})" for reason in column.because]
    why = "; ".join([*told, *([column.remark] if column.remark else [])])
    return f"  {display(column.name)}: {column.visibility}" + (f" - {why}" if why else "")
