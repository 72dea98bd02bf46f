"""How the outcomes of `flight-server policy` are told: to people, as JSON and as JUnit XML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from typing import Any

from auth.explain import ColumnExplanation, Explanation, told
from auth.grant import Reason
from auth.policy_diff import Change, ColumnChange, Seen, TableChange
from auth.policy_test import Outcome


def outcome_lines(outcome: Outcome, cases: str, policy: str) -> Iterator[str]:
    """A case: one line where it holds, else what differs and the rules that make it so."""
    if not outcome.problems:
        yield f"ok    {outcome.case.name}"
        return
    yield f"FAIL  {outcome.case.name} ({cases}:{outcome.case.line})"
    yield from _problems(outcome, policy)


def _problems(outcome: Outcome, policy: str) -> Iterator[str]:
    for problem in outcome.problems:
        yield f"      {problem.text}"
        for reason in problem.because:
            yield f"        {told(reason, policy)}"


def junit(outcomes: Sequence[Outcome], cases: str, policy: str) -> str:
    """The outcomes as a JUnit report."""
    failed = sum(bool(outcome.problems) for outcome in outcomes)
    counts = f'tests="{len(outcomes)}" failures="{failed}" errors="0"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="policy" {counts}>',
        f'  <testsuite name="{escape(cases)}" {counts}>',
    ]
    for outcome in outcomes:
        case = outcome.case
        place = f'file="{escape(cases)}" line="{case.line}"'
        head = f'    <testcase classname="policy" name="{escape(case.name)}" {place}'
        if not outcome.problems:
            lines.append(f"{head}/>")
            continue
        text = "\n".join(_problems(outcome, policy))
        message = escape(outcome.problems[0].text)
        lines.append(f'{head}><failure message="{message}">{escape(text)}</failure></testcase>')
    return "\n".join([*lines, "  </testsuite>", "</testsuites>"]) + "\n"


def document_of(explanation: Explanation, file: str) -> dict[str, Any]:
    """An explanation for programs."""
    return {
        "subject": explanation.subject,
        "roles": list(explanation.roles),
        "table": str(explanation.table),
        "visible": explanation.visible,
        "columns": [_column(column, file) for column in explanation.columns],
        "rows": explanation.rows.name.lower(),
        "row_filters": list(explanation.filters),
        "rules_on_rows": _reasons(explanation.row_filters, file),
        "missing_claims": list(explanation.missing_claims),
    }


def _column(column: ColumnExplanation, file: str) -> dict[str, Any]:
    return {
        "name": column.name,
        "visibility": str(column.visibility),
        "mask": column.mask,
        "rules": _reasons(column.because, file),
        "remark": column.remark or None,
        "fields": [_column(field, file) for field in column.fields],
    }


def _reasons(reasons: Sequence[Reason], file: str) -> list[dict[str, Any]]:
    return [{"rule": reason.rule, "file": file, "line": reason.line} for reason in reasons]


def changed(change: TableChange, old: str, new: str) -> dict[str, Any]:
    """What changes in a table for one bearer, for programs."""
    return {
        "bearer": {"kind": str(change.bearer.kind), "name": change.bearer.name},
        "table": str(change.table),
        "columns": [
            {
                "column": column.column,
                "change": str(column.change),
                "mask": column.mask,
                "rules_before": _reasons(column.before, old),
                "rules_after": _reasons(column.after, new),
            }
            for column in change.columns
        ],
        "rows_before": _seen(change.before),
        "rows_after": _seen(change.after),
        "filters_changed": list(change.filters_changed),
    }


def _seen(seen: Seen | None) -> dict[str, Any] | None:
    return None if seen is None else {"rows": seen.rows.name.lower(), "filters": list(seen.filters)}


def difference_lines(changes: Sequence[TableChange], old: str, new: str) -> Iterator[str]:
    """What changes, by bearer and table, for people."""
    if not changes:
        yield "nobody sees more or less than before"
    for bearer, of_bearer in groupby(changes, key=lambda change: change.bearer):
        yield f"{bearer}"
        for change in of_bearer:
            hint = " (a new table to them)" if change.before is None else ""
            hint = " (not seen any more)" if change.after is None else hint
            yield f"  {change.table}{hint}"
            for kind in Change:
                columns = [column for column in change.columns if column.change is kind]
                if columns:
                    yield f"    {kind}: {', '.join(column.column for column in columns)}"
                    yield from _rules(kind, columns, old, new)
            if change.rows_change or (change.before is None and change.after is not None):
                yield f"    rows: {_rows(change)}"


def _rules(kind: Change, columns: Sequence[ColumnChange], old: str, new: str) -> Iterator[str]:
    """The rules behind a change: those that are new, and those that no longer are there."""
    # rules are the same where they say the same, wherever they stand
    was = {reason.rule: reason for column in columns for reason in column.before}
    now = {reason.rule: reason for column in columns for reason in column.after}
    for rule in sorted(now.keys() - was.keys(), key=lambda rule: now[rule].line):
        yield f"      + {told(now[rule], new)}"
    for rule in sorted(was.keys() - now.keys(), key=lambda rule: was[rule].line):
        yield f"      - {told(was[rule], old)}"
    if now.keys() == was.keys():
        for rule in sorted(now, key=lambda rule: now[rule].line):
            yield f"      ~ {told(now[rule], new)}"


def _rows(change: TableChange) -> str:
    def shown(seen: Seen | None) -> str:
        if seen is None:
            return "none"
        return f"{seen.rows}" + (f" by {', '.join(seen.filters)}" if seen.filters else "")

    if change.filters_changed:
        return f"filters that say something else: {', '.join(change.filters_changed)}"
    if change.before is None:
        return shown(change.after)
    return f"{shown(change.before)} -> {shown(change.after)}"
