"""`flight-server policy` as those use it who write policies: output, reports and exit status."""

from __future__ import annotations

import json
import logging
import os
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from auth.policy_file import parse_policy
from catalog.memory import MemoryCatalog
from catalog.model import Column, Table
from catalog.names import TableName
from catalog.registry import Registry
from flight_server.cli.main import main
from flight_server.cli.policy_check import check
from flight_server.config import PREFIX


@dataclass(frozen=True)
class Done:
    """What a command printed, and its exit status."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs `flight-server policy` in this process: one of its own takes seconds to start."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def command(*arguments: str) -> Done:
        capsys.readouterr()
        try:
            status = main(["policy", *arguments])
        except SystemExit as usage:
            status = int(str(usage.code))
        printed = capsys.readouterr()
        return Done(status, printed.out, printed.err)

    yield command
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="module")
def config(demo_directory: Path) -> str:
    return str(demo_directory / "flight-server.yaml")


@pytest.fixture(scope="module")
def policy(demo_directory: Path) -> Path:
    return demo_directory / "policy.yaml"


ALONE = """version: 1
roles: {reader: {groups: [readers]}}
grants:
  - {to: reader, on: lake.s.t, allow: select}
row_filters:
  - {name: own, on: lake.s.t, to: reader, where: "WHERE"}
"""


def test_the_demo_s_policy_has_no_faults(run: Run, config: str, policy: Path) -> None:
    done = run("check", "--config", config, "--strict")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(rf"ok    {policy}: version [0-9a-f]{{12}}, \d+ expressions\n", done.stdout)


def test_a_policy_is_checked_alone_and_faults_have_their_line(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(ALONE)
    done = run("check", str(path))
    assert done.returncode == 1
    assert f"FAULT {path}:6: Policy rule 'own' is not valid SQL" in done.stdout
    path.write_text(ALONE.replace("to: reader, on", "to: raeder, on", 1))
    done = run("check", str(path))
    assert done.returncode == 1
    assert f"{path}:4: unknown role 'raeder', did you mean 'reader'?" in done.stderr
    path.write_text(ALONE.replace('"WHERE"', "id > 1"))
    assert run("check", str(path)).returncode == 0


def test_a_policy_is_checked_against_the_catalogs(
    run: Run, config: str, policy: Path, tmp_path: Path
) -> None:
    text = policy.read_text()
    text = text.replace('where: "desk = ', 'where: "dsek = ')
    text = text.replace("on: invest.portfolio.accounts.tax_id", "on: invest.portfolio.acounts.x")
    path = tmp_path / "p.yaml"
    path.write_text(text.replace('on: "invest.**"', 'on: "**"'))
    done = run("check", str(path), "--config", config)
    assert done.returncode == 1
    faults = [line for line in done.stdout.splitlines() if line.startswith("FAULT")]
    assert len(faults) == 6
    assert "row filter own-desk: does not fit invest.portfolio.accounts: " in faults[0]
    assert "mask tax-id: matches no table or column of the catalogs" in done.stdout
    assert "Traceback" not in done.stderr
    path.write_text(policy.read_text().replace('on: "invest.**"', 'on: "**"'))
    assert run("check", str(path), "--config", config).returncode == 0


CASES = """version: 1
cases:
  - name: analysts see no personal data
    as: analyst
    table: invest.portfolio.accounts
    hidden: [tax_id, email, phone]
    rows: all
  - as: manager
    table: invest.portfolio.accounts
    masked: {tax_id: tax-id, email: email}
    filters: [own-desk]
  - as: {groups: [compliance]}
    sees_tables: ["invest.**", "system.governance.*"]
"""
WRONG = """  - name: wishful <thinking>
    as: manager
    table: invest.portfolio.accounts
    visible: [tax_id]
  - as: service
    not_sees_tables: [invest.market.prices]
"""


def test_cases_that_hold_pass(run: Run, config: str, tmp_path: Path) -> None:
    path = tmp_path / "cases.yaml"
    path.write_text(CASES)
    done = run("test", str(path), "--config", config)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok    analysts see no personal data\n" in done.stdout
    assert done.stdout.endswith("3 cases: 3 passed, 0 failed\n")


def test_cases_that_do_not_hold_fail_and_name_the_rule(
    run: Run, config: str, policy: Path, tmp_path: Path
) -> None:
    path, report = tmp_path / "cases.yaml", tmp_path / "report.xml"
    path.write_text(CASES + WRONG)
    done = run("test", str(path), "--config", config, "--junit", str(report))
    assert done.returncode == 1
    line = next(
        number
        for number, text in enumerate(policy.read_text().splitlines(), start=1)
        if "name: tax-id" in text
    )
    assert f"FAIL  wishful <thinking> ({path}:14)" in done.stdout
    assert "      tax_id: expected visible, is masked\n" in done.stdout
    assert f"        mask tax-id ({policy}:{line})\n" in done.stdout
    assert "invest.market.prices: expected to be hidden, is seen" in done.stdout
    assert done.stdout.endswith("5 cases: 3 passed, 2 failed\n")
    suite = ElementTree.parse(report).getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("5", "2")
    failures = [case.get("name") for case in suite if case.find("failure") is not None]
    assert failures == ["wishful <thinking>", "service: not sees tables"]


def test_cases_may_declare_tables_and_need_no_server(run: Run, tmp_path: Path) -> None:
    policy, cases = tmp_path / "p.yaml", tmp_path / "cases.yaml"
    policy.write_text(ALONE.replace('"WHERE"', "id > 1"))
    cases.write_text(
        "version: 1\ntables: {lake.s.t: [id, name]}\n"
        "cases: [{as: {groups: [readers]}, table: lake.s.t, visible: [id, name], exact: true}]\n"
    )
    done = run("test", str(cases), "--policy", str(policy))
    assert done.returncode == 0, done.stdout + done.stderr
    other = tmp_path / "other.yaml"
    other.write_text(policy.read_text().replace("on: lake.s.t,", "on: lake.s.t.id,", 1))
    done = run("diff", str(policy), str(other), "--tables", str(cases))
    assert "role reader\n  lake.s.t\n    loses: name\n" in done.stdout


@pytest.mark.parametrize(
    ("cases", "told"),
    [
        ("version: 1\ncases: [{as: nobody, sees_tables: a.b.c}]", "cases.yaml:2: user 'nobody'"),
        ("version: 1\ncases: {}", "must be a list"),
    ],
)
def test_cases_that_make_no_sense_are_refused(
    run: Run, config: str, tmp_path: Path, cases: str, told: str
) -> None:
    path = tmp_path / "cases.yaml"
    path.write_text(cases)
    done = run("test", str(path), "--config", config)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_no_cases_at_all_are_no_success(run: Run, config: str, tmp_path: Path) -> None:
    path = tmp_path / "cases.yaml"
    path.write_text("version: 1")
    assert run("test", str(path), "--config", config).returncode == 1


def test_explain_says_why_with_rule_file_and_line(run: Run, config: str, policy: Path) -> None:
    arguments = ("explain", "--config", config, "--table", "invest.portfolio.accounts")
    done = run(*arguments, "--as", "analyst", "--column", "TAX_ID")
    assert done.returncode == 0, done.stderr
    assert re.search(rf"  tax_id: hidden - .*deny \* on tag:pii \({policy}:\d+\)", done.stdout)
    assert "email" not in done.stdout
    done = run(*arguments, "--as", "manager", "--format", "json")
    told = json.loads(done.stdout)
    (tax_id,) = (column for column in told["columns"] if column["name"] == "tax_id")
    assert (tax_id["visibility"], tax_id["mask"]) == ("masked", "tax-id")
    assert told["row_filters"] == ["own-desk"]
    done = run(*arguments, "--as", "somebody", "--group", "services", "--column", "desk")
    assert "somebody with roles service" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--as", "analyst", "--table", "invest.portfolio.acounts"], "there is no table"),
        (["--as", "analyst", "--table", "accounts"], "catalog.schema.table"),
        (["--as", "nobody", "--table", "invest.portfolio.accounts"], "not in the users file"),
        (
            ["--as", "analyst", "--table", "invest.portfolio.accounts", "--column", "x"],
            "has no column x",
        ),
    ],
)
def test_explain_refuses_what_is_not_there(
    run: Run, config: str, arguments: list[str], told: str
) -> None:
    done = run("explain", "--config", config, *arguments)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_diff_says_who_gains_and_loses(run: Run, config: str, policy: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.yaml"
    text = policy.read_text().replace("unless: [manager, compliance]}", "unless: [compliance]}")
    path.write_text(text.replace("${col}, 8)", "${col}, 4)"))
    done = run("diff", str(policy), str(path), "--config", config)
    assert done.returncode == 0, done.stderr
    assert "user manager\n  invest.portfolio.accounts\n    loses: holder_name" in done.stdout
    assert f"+ deny * on tag:pii ({path}:" in done.stdout
    assert "role manager" in done.stdout
    assert "analyst" not in done.stdout
    done = run(
        *("diff", str(path), str(policy), "--config", config),
        *("--as", "manager", "--format", "json", "--exit-code"),
    )
    assert done.returncode == 3
    told = json.loads(done.stdout)
    (change,) = told["changes"]
    assert change["bearer"] == {"kind": "user", "name": "manager"}
    kinds = {column["column"]: column["change"] for column in change["columns"]}
    assert kinds["tax_id"] == "gains"
    assert told["old"]["version"] != told["new"]["version"]


def test_diff_of_equal_policies_is_silent_about_everybody(
    run: Run, config: str, policy: Path
) -> None:
    done = run("diff", str(policy), str(policy), "--config", config, "--exit-code")
    assert done.returncode == 0
    assert done.stdout == "nobody sees more or less than before\n"
    done = run("diff", str(policy), str(policy), "--config", config, "--as", "nobody")
    assert done.returncode == 1
    assert "user nobody is not in the users file" in done.stderr


def test_wrong_usage_has_a_status_of_its_own(run: Run) -> None:
    assert run("tset").returncode == 2
    assert run("explain", "--as", "analyst").returncode == 2
    done = run("check")
    assert done.returncode == 1
    assert "which policy?" in done.stderr


TABLE = Table(
    TableName("lake", "s", "t"),
    (
        Column("id", pa.int64()),
        Column("name", pa.string()),
        Column("born", pa.date32()),
        Column("place", pa.struct([("city", pa.string()), ("zip", pa.int32())])),
    ),
)
SECTIONS = """version: 1
identity: {claims: {ids: {from: ids, type: "list<integer>"}, day: {from: day, type: date}}}
roles: {reader: {groups: [readers]}}
grants: [{to: reader, on: "lake.**", allow: select}]
"""


@pytest.mark.parametrize(
    "rule",
    [
        "row_filters: [{name: r, on: lake.s.t, to: reader, where: 'id IN (${claims.ids})'}]",
        "row_filters: [{name: r, on: lake.s.t, to: reader, where: 'born < ${claims.day}'}]",
        "masks: [{name: r, on: lake.s.t.born, to: reader, using: \"date_trunc('year', ${col})\"}]",
        "masks: [{name: r, on: lake.s.t.place.zip, to: reader, using: '${col} // 100'}]",
        "masks: [{name: r, on: lake.s.t.name, to: reader, mask: {hash: {key: k}}}]",
        "masks: [{name: r, on: lake.s.t.name, to: reader, mask: {partial: {keep_last: 2}}}]",
    ],
)
def test_rules_that_fit_a_table_are_no_faults(rule: str) -> None:
    registry = Registry([MemoryCatalog("lake", [TABLE])])
    assert check(parse_policy(SECTIONS + rule), registry, {"k": b"k" * 32}).faults == ()


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (
            "row_filters: [{name: r, on: lake.s.t, to: reader, where: 'nope = 1'}]",
            "5: row filter r: does not fit lake.s.t: Policy rule 'r' does not fit the table",
        ),
        (
            "row_filters: [{name: r, on: lake.s.t, to: reader, where: 'lower(id) = 1'}]",
            "5: row filter r: does not fit lake.s.t: Binder: No function matches",
        ),
        (
            "row_filters: [{name: r, on: lake.s.t, to: reader, where: 'place > 1'}]",
            "5: row filter r: does not fit lake.s.t: Binder: ",
        ),
        (
            "masks: [{name: r, on: lake.s.t.born, to: reader, using: 'left(${col}, 4)'}]",
            "5: mask r: does not fit lake.s.t: Binder: No function matches",
        ),
        (
            "masks: [{name: r, on: lake.s.t.place.zip, to: reader, using: 'left(${col}, 1)'}]",
            "5: mask r: does not fit lake.s.t: Binder: No function matches",
        ),
        (
            "masks: [{name: r, on: lake.s.t.born, to: reader, mask: {partial: {keep_last: 2}}}]",
            "5: mask r: does not fit lake.s.t.born",
        ),
    ],
)
def test_rules_that_do_not_fit_a_table_are_faults(rule: str, told: str) -> None:
    registry = Registry([MemoryCatalog("lake", [TABLE])])
    (fault,) = check(parse_policy(SECTIONS + rule), registry).faults
    assert fault.startswith(told)
