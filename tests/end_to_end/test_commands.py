"""The command line as an operator uses it: what it prints, and what its exit status says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.servers import Server


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flight_server", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | environment,
    )


def configuration(server: Server) -> str:
    return str(server.directory / "flight-server.yaml")


def test_check_verifies_everything(server: Server) -> None:
    done = run("check", "--config", configuration(server))
    assert done.returncode == 0, done.stdout + done.stderr
    for part in ("server", "users", "policy", "catalog invest", "engine"):
        assert f"ok    {part}" in done.stdout


def test_check_names_what_is_wrong(server: Server, tmp_path: Path) -> None:
    settings = yaml.safe_load(Path(configuration(server)).read_text())
    settings["policy"]["file"] = str(tmp_path / "missing.yaml")
    settings["auth"]["users"] = str(server.directory / "users.yaml")
    path = tmp_path / "flight-server.yaml"
    path.write_text(yaml.safe_dump({"policy": settings["policy"]}))
    done = run("check", "--config", str(path))
    assert done.returncode == 1
    assert "FAULT policy" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("server: {prt: 1}\npolicy: {file: p.yaml}", "did you mean server.port"),
        ("server: {port: 99999}\npolicy: {file: p.yaml}", "server.port"),
        ("engine: {memory: lots}\npolicy: {file: p.yaml}", "engine.memory"),
        ("seal: {keys: [plain-text]}\npolicy: {file: p.yaml}", "env:NAME"),
        ("{}", "policy"),
        ("- 1", "settings by name"),
        ("a: [", "not YAML"),
    ],
)
def test_a_wrong_configuration_is_refused_in_one_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "flight-server.yaml"
    path.write_text(text)
    done = run("serve", "--config", str(path))
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert "plain-text" not in done.stderr


def test_the_environment_and_flags_set_settings(server: Server) -> None:
    done = run(
        "check",
        "--config",
        configuration(server),
        "--set",
        "server.port=5005",
        FLIGHT_SERVER_SERVER__HOST="127.0.0.2",
    )
    assert "127.0.0.2:5005" in done.stdout


def test_query_prints_a_table(server: Server) -> None:
    login = server.login("analyst")
    statement = "SELECT 1 AS one, 'two' AS two UNION ALL SELECT NULL, 'three' ORDER BY 1"
    arguments = ("query", "--uri", server.uri, "--user", "analyst", statement)
    done = run(*arguments, FLIGHT_PASSWORD=login["password"])
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "one   two",
        "----  -----",
        "1     two",
        "NULL  three",
        "(2 rows)",
    ]
    done = run(*arguments, "--format", "csv", FLIGHT_PASSWORD=login["password"])
    assert done.stdout.splitlines()[0] == '"one","two"'
    done = run(*arguments, "--format", "json", FLIGHT_PASSWORD=login["password"])
    assert done.stdout.splitlines()[0] == '{"one": 1, "two": "two"}'


def test_query_tells_an_error_and_fails(server: Server) -> None:
    login = server.login("analyst")
    arguments = ("query", "--uri", server.uri, "--user", "analyst", "SELECT nope")
    done = run(*arguments, FLIGHT_PASSWORD=login["password"])
    assert done.returncode == 1
    assert "COLUMN_NOT_FOUND" in done.stderr
    assert "Traceback" not in done.stderr


def test_explain_names_the_rules(server: Server) -> None:
    statement = "SELECT * FROM invest.portfolio.accounts"
    done = run("explain", "--config", configuration(server), "--as", "manager", statement)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "invest.portfolio.accounts: visible" in done.stdout
    assert "policy.yaml" in done.stdout or "line" in done.stdout
    assert "rows where" in done.stdout
    done = run("explain", "--config", configuration(server), "--as", "nobody", statement)
    assert done.returncode == 1
