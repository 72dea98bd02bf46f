"""Statements of the audit log under two policies: read, compared, grouped and told."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from auth.policy_replay import Effect, Outcome, Replay, Use
from catalog.inspection import about
from catalog.names import TableName, fold
from flight_server.config import ConfigInvalid
from flight_server.query.audit.chain import Broken, Record, read
from flight_server.query.audit.files import lines, log_files
from flight_server.query.information import PLACE

_ALL = "*"
_FROM_TOKENS = "jwt"


@dataclass(slots=True)
class Runs:
    """How often something ran, when last, and the query that was the last."""

    count: int = 0
    last: str = ""
    query_id: str = ""

    def add(self, other: Runs) -> None:
        """Count other runs too."""
        self.count += other.count
        if other.last >= self.last:
            self.last, self.query_id = other.last, other.query_id


@dataclass(slots=True)
class History:
    """What a log says of the statements that ran: the tables that each used, and how often.

    `refused` are those that never ran: what they asked for is not recorded.
    """

    statements: dict[tuple[Use, ...], Runs] = field(default_factory=dict)
    all: Runs = field(default_factory=Runs)
    first: str = ""
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """What becomes of statements of one user on one table, with all that it is about."""

    user: str
    basis: str
    table: TableName
    outcome: Outcome
    about: tuple[str, ...]
    runs: Runs


@dataclass(frozen=True, slots=True)
class Report:
    """How many runs get what they got, get something else, or cannot be decided; by group."""

    history: History
    same: int
    changed: int
    undecided: int
    groups: tuple[Group, ...]


def history_of(directory: Path, users: Collection[str], since: datetime | None) -> History:
    """The statements that a log has, of these users (none: of all), since a moment.

    Nothing of the log is proved. Raises `ConfigInvalid` for a line that is no record.
    """
    if not directory.is_dir():
        raise ConfigInvalid(f"{directory} is not a directory")
    files = log_files(directory)
    if not files:
        raise ConfigInvalid(f"{directory} has no audit log")
    history = History()
    for file in files:
        for number, line in enumerate(lines(file.path), start=1):
            if not line.endswith(b"\n"):
                break  # it is being written
            try:
                record = read(line).record
            except Broken as error:
                place = f"{file.path}:{number}"
                raise ConfigInvalid(f"{place}: {error}; see `flight-server audit verify`") from None
            if users and record.get("user") not in users:
                continue
            if since is None or datetime.fromisoformat(record["ts"]) >= since:
                _take(history, record)
    return history


def _take(history: History, record: Record) -> None:
    if record["event"] == "refused":
        history.refused += record.get("status") == "denied"
    if record["event"] != "start":
        return
    # the parts of a result are one run: that of the first part
    part = record.get("part")
    runs = Runs(int(not part or part[0] == 0), record["ts"], record.get("query_id", ""))
    uses = tuple(
        _use(record, each) for each in record.get("objects", []) if each["catalog"] != PLACE
    )
    history.statements.setdefault(uses, Runs()).add(runs)
    history.all.add(runs)
    history.first = min(history.first or record["ts"], record["ts"])


def _use(record: Record, table: dict[str, Any]) -> Use:
    names = [*table.get("projected", []), *table.get("filter_only", [])]
    name = TableName(table["catalog"], table["schema"], table["table"])
    inspected = about(name)
    if inspected is not None:
        # a table about a table is seen as far as that is, and has columns of its own
        name, names = inspected[0], []
    return Use(
        user=record.get("user", ""),
        roles=frozenset(record.get("roles", [])),
        in_file=record.get("auth_method") != _FROM_TOKENS,
        table=name,
        columns=frozenset(fold(name) for name in names if name != _ALL),
        every=_ALL in names,
    )


def replayed(history: History, replay: Replay) -> Report:
    """What becomes of all statements of a history."""
    groups: dict[tuple[str, str, TableName, Outcome], tuple[dict[str, None], Runs]] = {}
    counts = {"same": 0, "changed": 0, "undecided": 0}
    for uses, runs in history.statements.items():
        outcomes: set[Outcome] = set()
        for use in uses:
            for outcome, told in _merged(replay.effects(use)).items():
                outcomes.add(outcome)
                key = (use.user, replay.basis(use), use.table, outcome)
                names, total = groups.setdefault(key, ({}, Runs()))
                names.update(told)
                total.add(runs)
        changed = bool(outcomes - {Outcome.UNDECIDED})
        counts["changed" if changed else "undecided" if outcomes else "same"] += runs.count
    order = list(Outcome)
    found = [Group(*key, tuple(names), runs) for key, (names, runs) in groups.items()]
    found.sort(key=lambda g: (g.user, g.basis, g.table, order.index(g.outcome)))
    return Report(history, groups=tuple(found), **counts)


def _merged(effects: Sequence[Effect]) -> dict[Outcome, dict[str, None]]:
    merged: dict[Outcome, dict[str, None]] = {}
    for effect in effects:
        merged.setdefault(effect.outcome, {}).update(dict.fromkeys(effect.about))
    return merged


def replay_lines(report: Report) -> Iterator[str]:
    """The report for people, by user and table."""
    runs = report.history.all
    between = f" from {report.history.first} to {runs.last}" if runs.count else ""
    yield f"{runs.count} recorded runs of statements{between}:"
    yield (
        f"{report.same} get what they got, {report.changed} get something else,"
        f" {report.undecided} cannot be decided"
    )
    if report.history.refused:
        yield f"{report.history.refused} that were refused are not looked at: nothing tells of them"
    for (user, basis), of_user in groupby(report.groups, key=lambda g: (g.user, g.basis)):
        yield f"user {user} (by {basis})"
        for table, of_table in groupby(of_user, key=lambda g: g.table):
            yield f"  {table}"
            for group in of_table:
                more = f": {', '.join(group.about)}" if group.about else ""
                yield f"    {group.outcome}{more} ({group.runs.count}, last {group.runs.last})"


def replay_document(report: Report) -> dict[str, Any]:
    """The report for programs."""
    history = report.history
    return {
        "runs": history.all.count,
        "first": history.first or None,
        "last": history.all.last or None,
        "same": report.same,
        "changed": report.changed,
        "undecided": report.undecided,
        "refused": history.refused,
        "groups": [
            {
                "user": group.user,
                "decided_by": group.basis,
                "table": str(group.table),
                "outcome": group.outcome.name.lower(),
                "about": list(group.about),
                "runs": group.runs.count,
                "last": group.runs.last,
                "last_query_id": group.runs.query_id,
            }
            for group in report.groups
        ],
    }
