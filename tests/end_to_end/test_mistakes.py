"""What people mistype is answered in one line and with status 1, whichever command it is."""

from __future__ import annotations

import csv
import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from auth.credentials import CredentialsSource
from flight_server.cli.main import main
from flight_server.config import ConfigInvalid, load
from tests.servers import Server

Told = pytest.CaptureFixture[str]


@pytest.fixture
def configuration(tmp_path: Path) -> str:
    path = tmp_path / "flight-server.yaml"
    issuer = {
        "issuer": "us",
        "audience": "a",
        "algorithms": "HS256",
        "secret": "file:key",
        "max_lifetime": 60,
    }
    (tmp_path / "key").write_text("k" * 32)
    (tmp_path / "policy.yaml").write_text("version: 1\n")
    settings = {"policy": {"file": "policy.yaml"}, "auth": {"issuers": [issuer]}}
    path.write_text(yaml.safe_dump(settings))
    return str(path)


@pytest.fixture
def used_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as door:
        yield door.getsockname()[1]


def refused(told: Told, *arguments: str) -> str:
    """The one line that a command ends with."""
    assert main(arguments) == 1
    lines = told.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("flight-server: ")
    return lines[0].removeprefix("flight-server: ")


@pytest.mark.parametrize("command", [["check"], ["serve"], ["explain", "--as", "a", "SELECT 1"]])
def test_a_command_without_configuration_asks_for_one(capsys: Told, command: list[str]) -> None:
    assert refused(capsys, *command) == "no configuration: give --config FILE"


def test_a_uri_names_its_scheme(capsys: Told) -> None:
    line = refused(capsys, "query", "--uri", "localhost:1", "SELECT 1")
    assert line == "--uri localhost:1: must begin with grpc:// or grpc+tls://"


def test_a_token_file_that_is_not_there_is_named(capsys: Told) -> None:
    line = refused(capsys, "query", "--token-file", "/nonexistent", "SELECT 1")
    assert line == "--token-file /nonexistent: No such file or directory"


def test_a_server_that_is_not_there_is_one_line(capsys: Told, used_port: int) -> None:
    line = refused(capsys, "query", "--uri", "grpc://127.0.0.1:1", "SELECT 1")
    assert "refused" in line
    assert "request" not in line


@pytest.mark.parametrize("command", [["query", "--user", "x", "SELECT 1"], ["password"]])
def test_without_a_terminal_the_variable_of_the_password_is_named(command: list[str]) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "FLIGHT_PASSWORD"}
    done = subprocess.run(
        [sys.executable, "-m", "flight_server", *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        start_new_session=True,  # no terminal to fall back to
    )
    assert done.returncode == 1
    assert done.stderr == (
        "flight-server: there is no terminal to ask for a password: set FLIGHT_PASSWORD\n"
    )


def test_a_port_in_use_is_told(capsys: Told, configuration: str, used_port: int) -> None:
    setting = ("--config", configuration, "--set", f"server.port={used_port}")
    line = refused(capsys, "serve", *setting)
    assert line == f"cannot listen on 127.0.0.1:{used_port}: Address already in use"


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "a" * 70])
def test_a_host_that_is_not_here_is_told(capsys: Told, configuration: str, host: str) -> None:
    setting = ("--config", configuration, "--set", f"server.host={host}", "--set", "server.port=0")
    assert refused(capsys, "serve", *setting).startswith(f"cannot listen on {host}:0: ")


def test_a_demo_looks_at_its_port_before_it_builds(
    capsys: Told, tmp_path: Path, used_port: int
) -> None:
    place = tmp_path / "data"
    line = refused(capsys, "demo", "--dir", str(place), "--port", str(used_port))
    assert line.startswith("cannot listen on")
    assert not place.exists()


def test_a_demo_of_no_size_is_refused(capsys: Told, tmp_path: Path) -> None:
    line = refused(capsys, "demo", "--dir", str(tmp_path), "--scale", "-1", "--build-only")
    assert line == "the scale must be above 0 and at most 100"


def test_a_demo_where_nothing_can_be_written_is_refused(capsys: Told, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = refused(capsys, "demo", "--dir", str(tmp_path / "file" / "data"), "--build-only")
    assert line.endswith("Not a directory")


def test_a_token_lives_no_longer_than_its_issuer_allows(capsys: Told, configuration: str) -> None:
    arguments = ("token", "--config", configuration, "--subject", "ann", "--lifetime")
    assert refused(capsys, *arguments, "61") == (
        "--lifetime: tokens of us may live 60 seconds (auth.issuers, max_lifetime)"
    )
    assert refused(capsys, *arguments, "nan").startswith("--lifetime")
    assert main([*arguments, "60"]) == 0


def test_a_property_whose_secret_is_not_there_is_told(
    capsys: Told, configuration: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_SUCH", raising=False)
    arguments = ("check", "--config", configuration, "--set", "catalogs.x.uri=env:NO_SUCH")
    assert main(arguments) == 1
    told = capsys.readouterr().out
    assert "FAULT catalog x: catalogs: uri: environment variable NO_SUCH is not set" in told


def test_who_reads_only_the_first_lines_ends_the_rest_quietly() -> None:
    script = f"{sys.executable} -m flight_server policy --help | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    assert done.stdout.strip() in ("0", "1")  # as quick as the reader was


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("server.port", "x", "server.port: expected a whole number"),
        ("engine.seal_all", "maybe", "engine.seal_all: expected true or false"),
        ("engine.memory", "63MiB", "engine.memory: must be at least 64MiB"),
        ("engine.memory", "1.2.3GB", "engine.memory: expected a size such as 512MiB or 2GB"),
        ("limits.ticket", "0", "limits.ticket: must be more than 0"),
        ("server", "x", "server: expected settings by name"),
        (
            "catalogs.x.type",
            "sqll",
            "catalogs.x.type: unknown type; known are sql, rest, glue, hive",
        ),
        ("seal.keys", "[a", "seal.keys: expected a list such as [a, b]"),
        ("server.locations", "here", "server.locations.0: expected a URI such as grpc://"),
    ],
)
def test_a_value_that_does_not_fit_is_told_in_short_words(name: str, value: str, told: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        load(None, {"policy.file": "p.yaml", name: value})
    assert str(caught.value).startswith(told)


def test_a_list_is_given_in_brackets_and_one_text_is_a_list_of_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("A", "first")
    monkeypatch.setenv("B", "second")

    def keys(**flags: str) -> list[str]:
        settings = load(None, {"policy.file": "p.yaml", **flags})
        return [key.get_secret_value() for key in settings.seal.keys]

    assert keys(**{"seal.keys": "env:A"}) == ["first"]
    assert keys(**{"seal.keys": "[env:A, env:B]"}) == ["first", "second"]
    monkeypatch.setenv("FLIGHT_SERVER_SEAL__KEYS", "env:B")
    assert keys() == ["second"]
    monkeypatch.setenv("FLIGHT_SERVER_SEAL__KEYS", '["env:B", "env:A"]')
    assert keys() == ["second", "first"]
    assert keys(**{"seal.keys": "env:A"}) == ["first"]


def test_a_section_can_be_a_variable_and_a_text_for_one_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLIGHT_SERVER_SERVER", '{"port": 7}')
    monkeypatch.setenv("FLIGHT_SERVER_SERVER__HOST", "127.0.0.9")
    server = load(None, {"policy.file": "p.yaml"}).server
    assert (server.host, server.port) == ("127.0.0.9", 7)
    monkeypatch.setenv("FLIGHT_SERVER_AUTH", "x")
    with pytest.raises(ConfigInvalid, match="auth: expected settings by name"):
        load(None, {"policy.file": "p.yaml"})


def test_the_lines_for_the_users_file_let_their_user_in(
    capsys: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLIGHT_PASSWORD", "correct horse")
    assert main(["password"]) == 0
    password = capsys.readouterr().out
    assert main(["api-key", "--id", "nightly"]) == 0
    comment, key = capsys.readouterr().out.splitlines()
    users = f"version: 1\nusers:\n  ann:\n    {password}    api_keys:\n      {key}\n"
    (tmp_path / "users.yaml").write_text(users)
    known = CredentialsSource(tmp_path / "users.yaml").current()
    assert known.by_password("ann", "correct horse") is not None
    assert known.by_password("ann", "wrong horse") is None
    assert known.by_api_key(comment.rpartition(" ")[2]) is not None


def test_two_different_passwords_are_refused(capsys: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLIGHT_PASSWORD", raising=False)
    typed = iter(["one", "two"])
    monkeypatch.setattr("getpass.getpass", lambda _prompt: next(typed))
    assert refused(capsys, "password") == "the two passwords are not the same"


def test_an_error_while_reading_is_told_with_its_request(
    capfd: pytest.CaptureFixture[str], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLIGHT_PASSWORD", server.login("analyst")["password"])
    arguments = ("query", "--uri", server.uri, "--user", "analyst")
    for statement, code in (("SELECT CAST('abc' AS INTEGER)", "EXECUTION"), ("SELECT x", "COLUMN")):
        line = refused(capfd, *arguments, statement)
        assert line.startswith(code)
        assert "(request " in line


def test_without_a_user_a_statement_is_sent_as_nobody(
    capfd: pytest.CaptureFixture[str], server: Server
) -> None:
    line = refused(capfd, "query", "--uri", server.uri, "SELECT 1")
    assert line.startswith("UNAUTHENTICATED")
    assert "--user or --token-file" in line


def test_values_of_any_kind_can_be_printed(
    capfdbinary: pytest.CaptureFixture[bytes], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLIGHT_PASSWORD", server.login("analyst")["password"])
    statement = (
        "SELECT [1, NULL] AS l, {'a': 'x'} AS s, INTERVAL 1 DAY AS i, uuid() AS u, NULL AS n,"
        " DATE '20000-01-01' AS d, TIMESTAMP_NS '2020-01-01 00:00:00.123456789' AS t"
    )
    arguments = ["query", "--uri", server.uri, "--user", "analyst", statement, "--format"]
    assert main([*arguments, "csv"]) == 0
    header, row = csv.reader(io.StringIO(capfdbinary.readouterr().out.decode()))
    assert header == ["l", "s", "i", "u", "n", "d", "t"]
    assert row[:2] == ["[1, null]", '{"a": "x"}']
    assert row[4:] == ["", "20000-01-01", "2020-01-01 00:00:00.123456789"]
    assert main([*arguments, "json"]) == 0
    told = json.loads(capfdbinary.readouterr().out)
    assert (told["l"], told["s"], told["d"]) == ([1, None], {"a": "x"}, "20000-01-01")
    assert main([*arguments, "table"]) == 0


def test_explain_tells_the_error_that_the_user_gets(capfd: Told, server: Server) -> None:
    arguments = ["explain", "--config", str(server.directory / "flight-server.yaml")]
    arguments += ["--as", "analyst", "--set", "engine.threads=1"]
    assert main([*arguments, "SELECT email FROM portfolio.accounts"]) == 1
    lines = capfd.readouterr().out.splitlines()
    assert any(line.startswith("  email: hidden") for line in lines)
    assert lines[-1].startswith('refused: COLUMN_NOT_FOUND: Column "email" was not found.')
    assert main([*arguments, "SHOW TABLES"]) == 0
    assert capfd.readouterr().out.startswith("analyst may run it")
