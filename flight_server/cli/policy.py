"""`flight-server policy check | test | explain | diff`: for those who write policies.

Exit status: 0 done, 1 a fault or a failed case, 2 wrong usage, 3 differences (with --exit-code).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from auth.bearers import Bearer, BearerKind, bearers, by_role
from auth.errors import ConfigurationInvalid, PolicyInvalid
from auth.globs import GlobInvalid
from auth.insides import explained
from auth.lookups import table_name
from auth.policy import Policy
from auth.policy_cases import parse_cases
from auth.policy_diff import differences
from auth.policy_file import parse_policy
from auth.policy_replay import Replay
from auth.policy_test import Tables, run_case
from catalog.errors import CatalogError
from catalog.lookup import match
from catalog.model import Table
from catalog.names import TableName
from catalog.registry import Registry
from flight_server import app
from flight_server.cli.configured import configured, configured_if_any
from flight_server.cli.policy_check import check
from flight_server.cli.policy_replay import (
    history_of,
    replay_document,
    replay_lines,
    replayed,
)
from flight_server.cli.policy_report import (
    changed,
    difference_lines,
    document_of,
    junit,
    outcome_lines,
)
from flight_server.cli.principals import principal_of, users_of
from flight_server.cli.tables import names as table_names
from flight_server.cli.tables import readable
from flight_server.cli.tables import tables as tables_of
from flight_server.cli.views import doubtful, reads
from flight_server.config import ConfigInvalid, Settings

_DIFFERENT = 3


def run(options: argparse.Namespace) -> int:
    """Run the action that the command line names."""
    actions = {"check": _check, "test": _test, "explain": _explain, "diff": _diff}
    return actions[options.action](options)


def _check(options: argparse.Namespace) -> int:
    settings = configured_if_any(options)
    policy, file = _policy(options.file, settings)
    registry = None if settings is None else app.catalogs(settings, lambda: policy)
    findings = check(policy, registry, None if settings is None else app.mask_keys(settings))
    views = () if settings is None or registry is None else doubtful(settings, policy, registry)
    for line in (*findings.warnings, *(f"1: {view}" for view in views)):
        print(f"warn  {file}:{line}")
    for line in findings.faults:
        print(f"FAULT {file}:{line}")
    sound = not findings.faults and not ((findings.warnings or views) and options.strict)
    if sound:
        count = len(list(policy.expressions()))
        print(f"ok    {file}: version {policy.version[:12]}, {count} expressions")
    return 0 if sound else 1


def _test(options: argparse.Namespace) -> int:
    settings = configured_if_any(options)
    policy, file = _policy(options.policy, settings)
    cases = parse_cases(_read(options.cases), str(options.cases), users_of(settings))
    declared = {table.name.folded: table for table in cases.tables}
    registry = _registry(settings, policy, cases.tables)
    names = {table.name.folded: table.name for table in cases.tables}
    for name in table_names(registry):
        names.setdefault(name.folded, name)
    known = Tables(
        sorted(names.values()),
        lambda name: declared.get(name.folded) or registry.table(name),
        reads(settings, registry),
    )
    outcomes = [run_case(case, policy, known) for case in cases.cases]
    for outcome in outcomes:
        print("\n".join(outcome_lines(outcome, str(options.cases), file)))
    failed = sum(bool(outcome.problems) for outcome in outcomes)
    print(f"{len(outcomes)} cases: {len(outcomes) - failed} passed, {failed} failed")
    if options.junit is not None:
        _write(options.junit, junit(outcomes, str(options.cases), file))
    return 1 if failed or not outcomes else 0


def _explain(options: argparse.Namespace) -> int:
    settings = configured(options)
    policy, file = _policy(options.policy, settings)
    principal = principal_of(users_of(settings), options)
    registry = app.catalogs(settings, lambda: policy)
    table = _table(registry, options.table)
    told = explained(policy, principal, table, reads(settings, registry))
    if options.column is not None:
        by_name = {column.name: column for column in told.columns}
        column = match(by_name, options.column)
        if column is None:
            raise ConfigInvalid(f"table {told.table} has no column {options.column}")
        told = told.only(by_name[column])
    if options.format == "json":
        print(json.dumps(document_of(told, file), indent=2, ensure_ascii=False))
    else:
        print(told.text(file))
    return 0


def _diff(options: argparse.Namespace) -> int:
    if options.since is not None and options.replay is None:
        raise ConfigInvalid("--since goes with --replay")
    settings = configured_if_any(options)
    old, new = (by_role(_policy(path, None)[0]) for path in (options.old, options.new))
    users = users_of(settings)
    declared: tuple[Table, ...] = ()
    if options.tables is not None:
        declared = parse_cases(_read(options.tables), str(options.tables), users).tables
    registry = _registry(settings, new, declared)
    read = reads(settings, registry)
    files = (str(options.old), str(options.new))
    document: dict[str, Any] = {
        "old": {"file": files[0], "version": old.version},
        "new": {"file": files[1], "version": new.version},
    }
    if options.replay is None:
        chosen = _chosen(bearers([old, new], users), options.user)
        tables = _tables(registry, declared)
        changes = list(differences(old, new, chosen, tables, reads=read))
        different, lines = bool(changes), difference_lines(changes, *files)
        document["changes"] = [changed(change, *files) for change in changes]
    else:
        replay = Replay(old, new, users, _found(registry, declared), reads=read)
        report = replayed(history_of(options.replay, options.user, options.since), replay)
        different, lines = bool(report.changed), replay_lines(report)
        document |= replay_document(report)
    if options.format == "json":
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        print("\n".join(lines))
    return _DIFFERENT if different and options.exit_code else 0


# --- what the actions read and write --------------------------------------------------------------


def _policy(path: Path | None, settings: Settings | None) -> tuple[Policy, str]:
    """The policy of a file, else the configured one, and the file's name as it was given."""
    if path is None and settings is None:
        raise ConfigInvalid("which policy? Name its file, or a configuration with --config")
    chosen = path or (settings.policy.file if settings is not None else Path())
    try:
        text = chosen.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyInvalid(f"{chosen}: cannot be read ({error})") from error
    return parse_policy(text, str(chosen)), str(chosen)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationInvalid(f"{path}: cannot be read ({error})") from error


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise ConfigInvalid(f"{path}: cannot be written ({error.strerror})") from error


def _registry(settings: Settings | None, policy: Policy, declared: Sequence[Table]) -> Registry:
    """The configured catalogs, or none where tables are declared instead."""
    if settings is not None:
        return app.catalogs(settings, lambda: policy)
    if not declared:
        raise ConfigInvalid("which tables? Name a configuration with --config, or declare 'tables'")
    return Registry([])


def _tables(registry: Registry, declared: Sequence[Table]) -> Iterator[Table]:
    """The declared tables and those of the catalogs; one that cannot be read is told."""

    def left_out(name: TableName, error: CatalogError) -> None:
        print(f"left out: {name}: {error}", file=sys.stderr)

    yield from declared
    yield from tables_of(registry, left_out, {table.name.folded for table in declared})


def _found(registry: Registry, declared: Sequence[Table]) -> Callable[[TableName], Table | None]:
    """What finds a table; one that cannot be read is told, and not found."""
    own = {table.name.folded: table for table in declared}

    def find(name: TableName) -> Table | None:
        try:
            return own.get(name.folded) or readable(registry, name)
        except CatalogError as error:
            print(f"left out: {name}: {error}", file=sys.stderr)
            return None

    return find


def _table(registry: Registry, text: str) -> Table:
    try:
        table = registry.table(table_name(text))
    except (GlobInvalid, CatalogError) as error:
        raise ConfigInvalid(f"--table: {error}") from error
    if table is None:
        raise ConfigInvalid(f"--table: there is no table {text}")
    return table


def _chosen(bearers: Sequence[Bearer], names: Sequence[str]) -> list[Bearer]:
    """The users of these names, in the order of the users file; all bearers where none is named."""
    if not names:
        return list(bearers)
    users = [bearer for bearer in bearers if bearer.kind is BearerKind.USER]
    unknown = set(names) - {user.name for user in users}
    if unknown:
        raise ConfigInvalid(f"user {min(unknown)} is not in the users file, or is disabled")
    return [user for user in users if user.name in names]
