"""`flight-server policy diff --replay`: statements that ran, from the log that the server wrote."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flight_server.cli.main import main
from tests.servers import Server

ACCOUNTS = "invest.portfolio.accounts"


@pytest.fixture
def log(server: Server, tmp_path: Path) -> Iterator[Path]:
    """A directory with the log of a few statements alone, once it has them."""
    statements = {
        "manager": [
            f"SELECT tax_id FROM {ACCOUNTS}",
            f"SELECT count(*) FROM {ACCOUNTS} WHERE holder_name > 'M'",
            "SELECT * FROM invest.market.prices LIMIT 1",
        ],
        "analyst": [f"SELECT desk FROM {ACCOUNTS} LIMIT 1"],
    }
    sizes = {file: file.stat().st_size for file in (server.directory / "audit").glob("*.jsonl")}
    for user, texts in statements.items():
        with server.connect(user) as connection, connection.cursor() as cursor:
            for text in texts:
                cursor.execute(text)
                cursor.fetchall()
    written = tmp_path / "audit"
    written.mkdir()
    for file in (server.directory / "audit").glob("*.jsonl"):
        rest = file.read_bytes()[sizes.get(file, 0) :]
        if rest:
            (written / file.name).write_bytes(rest)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def new(server: Server, tmp_path: Path) -> Path:
    """The sample policy after managers lost personal data, and tax numbers more of their digits."""
    text = (server.directory / "policy.yaml").read_text()
    text = text.replace("unless: [manager, compliance]}", "unless: [compliance]}")
    assert text != (server.directory / "policy.yaml").read_text()
    path = tmp_path / "new.yaml"
    path.write_text(text)
    return path


def diff(server: Server, new: Path, *arguments: str) -> int:
    config, old = server.directory / "flight-server.yaml", server.directory / "policy.yaml"
    return main(["policy", "diff", str(old), str(new), "--config", str(config), *arguments])


def test_statements_that_ran_are_told_by_what_they_would_get(
    server: Server, log: Path, new: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert diff(server, new, "--replay", str(log), "--exit-code") == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "2 get what they got, 2 get something else, 0 cannot be decided"
    assert lines[2] == "user manager (by users file)"
    assert lines[3] == f"  {ACCOUNTS}"
    assert lines[4].startswith("    fails: ")
    assert "tax_id" in lines[4]
    assert "holder_name" in lines[4]
    assert " (2, last 20" in lines[4]
    assert len(lines) == 5


def test_a_report_for_programs_names_the_last_query(
    server: Server, log: Path, new: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert diff(server, new, "--replay", str(log), "--format", "json") == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (told["runs"], told["same"], told["changed"], told["undecided"]) == (4, 2, 2, 0)
    (group,) = told["groups"]
    assert (group["user"], group["table"], group["outcome"]) == ("manager", ACCOUNTS, "fails")
    assert (group["runs"], group["decided_by"]) == (2, "users file")
    assert group["last_query_id"] in "".join(file.read_text() for file in log.iterdir())


def test_users_and_a_moment_narrow_what_is_replayed(
    server: Server, log: Path, new: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert diff(server, new, "--replay", str(log), "--as", "analyst", "--exit-code") == 0
    assert "1 recorded runs" in capsys.readouterr().out
    assert diff(server, new, "--replay", str(log), "--since", "2999-01-01", "--exit-code") == 0
    assert capsys.readouterr().out.startswith("0 recorded runs of statements:\n")
    assert diff(server, new, "--since", "2026-01-01") == 1
    assert "--since goes with --replay" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        diff(server, new, "--replay", str(log), "--since", "yesterday")


def test_what_is_no_log_is_refused(
    server: Server, log: Path, new: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert diff(server, new, "--replay", str(tmp_path / "nothing")) == 1
    assert "is not a directory" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert diff(server, new, "--replay", str(tmp_path / "empty")) == 1
    assert "has no audit log" in capsys.readouterr().err
    (file,) = log.iterdir()
    file.write_bytes(file.read_bytes().replace(b'"event":"start"', b'"event":"tsart"', 1))
    assert diff(server, new, "--replay", str(log)) == 1
    assert f"{file}:" in (told := capsys.readouterr().err)
    assert "audit verify" in told
