"""Why a principal may or may not see the columns and rows of a table. For operators only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from auth.grant import FieldGrant, Grant, Reason
from auth.matching import Part, Target, covers_table, given_by, leaves, taken, taken_by
from auth.policy import Applicable, Policy, unbound
from auth.principal import Principal
from auth.restrictions import BY_CATALOG, demands_of, restricted
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
    """What becomes of a column, the rules that speak of it, and a remark where they conflict.

    `mask` is the name of the mask that applies; None where there is none. `fields` are those of a
    struct that is visible in part, hidden ones too.
    """

    name: str
    visibility: Visibility
    because: tuple[Reason, ...]
    remark: str = ""
    mask: str | None = None
    fields: tuple[ColumnExplanation, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a principal sees of a table.

    `filters` are the names of the row filters that apply, and `row_filters` the rules of all that
    the table has for the principal. `missing_claims` are those that row filters lack.
    """

    subject: str
    roles: tuple[str, ...]
    table: TableName
    columns: tuple[ColumnExplanation, ...]
    rows: Rows
    row_filters: tuple[Reason, ...]
    missing_claims: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()

    @property
    def visible(self) -> bool:
        """Whether the table is visible at all."""
        return any(column.visibility is not Visibility.HIDDEN for column in self.columns)

    def only(self, column: ColumnExplanation) -> Explanation:
        """The same of one column alone."""
        return replace(self, columns=(column,))

    def parts(self) -> Iterator[tuple[tuple[str, ...], ColumnExplanation]]:
        """All columns by path, each struct that is visible in part followed by its fields."""
        for column in self.columns:
            yield from _parts(column, ())

    def __str__(self) -> str:
        return self.text()

    def text(self, file: str = "") -> str:
        """The explanation for people; rules are told with their lines, and with a file's name."""
        head = [
            f"{self.subject} with roles {', '.join(self.roles) or '(none)'}",
            f"{self.table}: {'visible' if self.visible else 'hidden'}",
        ]
        columns = [line for column in self.columns for line in _lines(column, file)]
        filters = [f"  {told(reason, file)}" for reason in self.row_filters]
        missing = [f"  missing claim: {name}" for name in self.missing_claims]
        return "\n".join([*head, *columns, f"rows: {self.rows}", *filters, *missing])


def shown(path: tuple[str, ...]) -> str:
    """A column, or a field by its path, as SQL would name it."""
    return ".".join(display(name) for name in path)


def told(reason: Reason, file: str = "") -> str:
    """A rule with its place, for people."""
    if reason == BY_CATALOG:
        return reason.rule
    place = f"{file}:{reason.line}" if file else f"line {reason.line}"
    return f"{reason.rule} ({place})"


def explain(
    policy: Policy, principal: Principal, table: Table, *, has_claims: bool = True
) -> Explanation:
    """What the principal sees of the table, and the rules of the policy that make it so.

    What is seen is taken from the policy's decision itself; the rules are found by matching again.
    Without `has_claims` the principal's are not known: a filter may then let rows through. What the
    catalog demands is told as well; raises `RestrictedTable` where that cannot be kept to.
    """
    grant = restricted(policy.decide(principal, table) or _NOTHING, table) or _NOTHING
    roles = policy.roles(principal)
    mine = policy.applicable(roles)
    target = policy.prepared(table)
    speech = _speech(mine, target)
    columns = [_explained(speech, part, grant.column(part.column.name)) for part in target.columns]
    columns = _with_demands(columns, table)
    speaking = (*mine.restrictive, *mine.permissive, *mine.confining)
    confining = {rule.because for rule in speaking if covers_table(rule.on, target)}
    confining |= {each.because for each in grant.restrictive if each.because == BY_CATALOG}
    filters = (*grant.restrictive, *grant.permissive)
    missing = {claim for each in filters for claim in unbound(each)} if has_claims else set()
    return Explanation(
        subject=principal.subject,
        roles=tuple(sorted(roles)),
        table=table.name,
        columns=tuple(columns),
        rows=rows_of(grant, has_claims=has_claims),
        row_filters=tuple(sorted(confining, key=_in_file)),
        missing_claims=tuple(sorted(missing)),
        filters=tuple(sorted(each.name for each in filters)),
    )


def _with_demands(columns: list[ColumnExplanation], table: Table) -> list[ColumnExplanation]:
    demands = demands_of(table)
    return [
        replace(column, because=(*column.because, BY_CATALOG)) if column.name in demands else column
        for column in columns
    ]


_Reaching = tuple[tuple[Reason, frozenset[int]], ...]


@dataclass(frozen=True, slots=True)
class _Speech:
    """The rules that reach something of a table, each with the leaves that it reaches."""

    target: Target
    ambiguous: frozenset[int]
    allows: _Reaching
    denies: _Reaching
    masks: _Reaching


def _speech(mine: Applicable, target: Target) -> _Speech:
    def reaching(found: Iterable[tuple[Reason, frozenset[int]]]) -> _Reaching:
        return tuple((because, reached) for because, reached in found if reached)

    return _Speech(
        target,
        target.ambiguous,
        reaching((rule.because, given_by(rule, target)) for rule in mine.allows),
        reaching((rule.because, taken_by(rule, target)) for rule in mine.denies),
        reaching((rule.because, leaves(taken(rule.on, target))) for rule in mine.masks),
    )


def _explained(speech: _Speech, part: Part, grant: FieldGrant | None) -> ColumnExplanation:
    visibility = Visibility.HIDDEN if grant is None else Visibility.VISIBLE
    if grant is not None and grant.mask is not None:
        visibility = Visibility.MASKED
    because, remark = _reasons(speech, part, visibility)
    seen = {field.name: field for field in grant.fields} if grant is not None else {}
    return ColumnExplanation(
        name=part.column.name,
        visibility=visibility,
        because=because,
        remark="in part" if seen else remark,
        mask=grant.mask.name if grant is not None and grant.mask is not None else None,
        fields=tuple(
            _explained(speech, field, seen.get(field.column.name))
            for field in (part.parts if seen else ())
        ),
    )


def rows_of(grant: Grant, *, has_claims: bool = True) -> Rows:
    """Which rows a grant lets through; without `has_claims` any claim may be there."""
    lost = has_claims and any(unbound(expression) for expression in grant.restrictive)
    open_ = [each for each in grant.permissive if not (has_claims and unbound(each))]
    if not grant.columns or lost or (grant.has_permissive and not open_):
        return Rows.NONE
    return Rows.FILTERED if grant.restrictive or grant.has_permissive else Rows.ALL


def _reasons(speech: _Speech, part: Part, visibility: Visibility) -> tuple[tuple[Reason, ...], str]:
    """The rules that speak of a part, and why it is hidden where no single rule says so."""

    def speaking(rules: _Reaching) -> list[Reason]:
        return [because for because, reached in rules if not part.leaves.isdisjoint(reached)]

    target = speech.target
    allows, denies, masks = map(speaking, (speech.allows, speech.denies, speech.masks))
    remark = ""
    if not part.leaves.isdisjoint(speech.ambiguous):
        remark = "its name is not unique, so it is hidden"
    elif visibility is Visibility.HIDDEN and not denies:
        remark = _not_allowed(target, part) if not allows else "not all of it is allowed"
        if allows and masks:
            remark = "its masks conflict or do not fit, so it is hidden"
    elif part.former and (denies or masks):
        remark = f"it was {' and '.join(map(display, sorted(part.former)))} before"
    return tuple(sorted((*allows, *denies, *masks), key=_in_file)), remark


def _not_allowed(target: Target, part: Part) -> str:
    if part.leaves <= target.unreviewed:
        return "it is new: only a rule that spells out its name, or a tag, can show it"
    if part.column.reused:
        return "no rule allows it: its name was another column's, so that only a * or a tag can"
    return "no rule allows it"


def _parts(
    column: ColumnExplanation, above: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], ColumnExplanation]]:
    path = (*above, column.name)
    yield path, column
    for field in column.fields:
        yield from _parts(field, path)


def _in_file(reason: Reason) -> tuple[int, str]:
    return (reason.line, reason.rule)


def _lines(column: ColumnExplanation, file: str, above: str = "") -> Iterator[str]:
    rules = [told(reason, file) for reason in column.because]
    why = "; ".join([*rules, *([column.remark] if column.remark else [])])
    name = above + display(column.name)
    yield f"  {name}: {column.visibility}" + (f" - {why}" if why else "")
    for field in column.fields:
        yield from _lines(field, file, f"{name}.")
