"""Cases with the decisions that a policy is expected to give, and whether it gives them. No SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from auth.explain import ColumnExplanation, Explanation, Rows, Visibility, explain, shown
from auth.globs import Glob
from auth.grant import Reason
from auth.insides import Reads, anything, explained, seen
from auth.matching import path_of
from auth.policy import Policy
from auth.principal import Principal
from auth.rules import Pattern
from catalog.model import Table
from catalog.names import TableName, fold


@dataclass(frozen=True, slots=True)
class Named:
    """A column or a field within one, or several by a pattern, as a case names them."""

    text: str
    glob: Glob

    def matches(self, path: tuple[str, ...]) -> bool:
        """Whether a column is meant, or a field by its path from the column on."""
        return self.glob.matches(fold(name) for name in path)


@dataclass(frozen=True, slots=True)
class Case:
    """What one principal is expected to see of a table, or of the catalogs.

    `columns` are those that must be so; with `exact` nothing else may be so, for each visibility
    that is there. `masks` are names by column. What is None is not checked.
    """

    name: str
    line: int
    principal: Principal
    table: TableName | None = None
    columns: Mapping[Visibility, tuple[Named, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    masks: tuple[tuple[Named, str], ...] = ()
    exact: bool = False
    rows: Rows | None = None
    filters: tuple[str, ...] | None = None
    sees: tuple[Pattern, ...] = ()
    sees_not: tuple[Pattern, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """How a decision differs from what is expected, and the rules that make it so."""

    text: str
    because: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """A case with its problems; it holds where there are none."""

    case: Case
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables that cases speak of: all their names, how one is found, and which are not read."""

    names: Sequence[TableName]
    find: Callable[[TableName], Table | None]
    reads: Reads = anything


def run_case(case: Case, policy: Policy, tables: Tables) -> Outcome:
    """Compare the policy's decisions with a case."""
    problems: list[Problem] = []
    if case.table is not None:
        table = tables.find(case.table)
        if table is None:
            problems.append(Problem(f"there is no table {case.table}"))
        else:
            told = explained(policy, case.principal, table, tables.reads)
            problems += [*_columns(case, told), *_masks(case, told), *_rows(case, told)]
    for patterns, expected in ((case.sees, True), (case.sees_not, False)):
        for pattern in patterns:
            problems += _listing(case, policy, tables, pattern, expected)
    return Outcome(case, tuple(problems))


def _columns(case: Case, told: Explanation) -> Iterator[Problem]:
    for expected, wanted in case.columns.items():
        for named in wanted:
            if not any(named.matches(path) for path, _ in told.parts()):
                yield Problem(f"{named.text}: there is no such column")
        for path, column in told.parts():
            meant = any(named.matches(path) for named in wanted)
            if meant and column.visibility is not expected:
                yield _differs(path, column, f"expected {expected}")
            # a struct that is visible in part is told by its fields
            elif case.exact and not (meant or column.fields) and column.visibility is expected:
                yield _differs(path, column, f"expected not {expected}")


def _masks(case: Case, told: Explanation) -> Iterator[Problem]:
    for named, mask in case.masks:
        for path, column in told.parts():
            if named.matches(path) and column.mask is not None and column.mask != mask:
                text = f"{shown(path)}: expected mask {mask}, has mask {column.mask}"
                yield Problem(text, column.because)


def _differs(path: tuple[str, ...], column: ColumnExplanation, expected: str) -> Problem:
    remark = f" ({column.remark})" if column.remark else ""
    text = f"{shown(path)}: {expected}, is {column.visibility}{remark}"
    return Problem(text, column.because)


def _rows(case: Case, told: Explanation) -> Iterator[Problem]:
    if case.rows is not None and told.rows is not case.rows:
        missing = "".join(f" (missing claim: {name})" for name in told.missing_claims)
        text = f"rows: expected {case.rows}, sees {told.rows}{missing}"
        yield Problem(text, told.row_filters)
    if case.filters is not None:
        wanted, found = set(case.filters), set(told.filters)
        for name in sorted(wanted - found):
            yield Problem(f"filters: expected {name}, which does not apply", told.row_filters)
        for name in sorted(found - wanted):
            reasons = tuple(r for r in told.row_filters if r.rule == f"row filter {name}")
            yield Problem(f"filters: {name} applies, which is not expected", reasons)


def _listing(
    case: Case, policy: Policy, tables: Tables, pattern: Pattern, expected: bool
) -> Iterator[Problem]:
    found = [name for name in tables.names if pattern.glob.matches(path_of(name))]
    if not found:
        # an expectation about nothing would always hold: more likely it is misspelled
        yield Problem(f"{pattern.text}: there is no such table")
    for name in found:
        table = tables.find(name)
        if table is None:
            yield Problem(f"{name}: cannot be read now")
            continue
        if seen(policy, case.principal, table, tables.reads) is not expected:
            told = explain(policy, case.principal, table)
            reasons = {reason for column in told.columns for reason in column.because}
            text = (
                "expected to be seen, is hidden" if expected else "expected to be hidden, is seen"
            )
            yield Problem(f"{name}: {text}", tuple(sorted(reasons, key=lambda r: r.line)))
