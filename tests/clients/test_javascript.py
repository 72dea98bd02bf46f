"""The Flight SQL clients that run in Node: the Rust one and two written in JavaScript."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients import tools
from tests.servers import Server

pytestmark = pytest.mark.timeout(480)  # fetching the packages for the first time included

PROGRAMS = Path(__file__).parent / "javascript"
CLIENTS = ("rust", "lancedb", "gizmodata")
Answers = dict[str, dict[str, Any]]


def ask(client: str, server: Server, packages: Path, token: str) -> tuple[Answers, str]:
    login = server.login("analyst")
    environment = {
        "PACKAGES": str(packages),
        "PORT": str(server.port),
        "FLIGHT_USER": login["username"],
        "FLIGHT_PASSWORD": login["password"],
        "FLIGHT_TOKEN": token,
    }
    done = subprocess.run(
        [tools.program("node"), str(PROGRAMS / f"{client}.mjs")],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line.pop("check"): line for line in lines}, done.stderr


@pytest.fixture(scope="module", params=CLIENTS)
def told(
    request: pytest.FixtureRequest, server: Server, node_packages: Path, token: str
) -> tuple[str, Answers, str]:
    """What one client told of all its checks, and what it wrote to standard error."""
    answers, errors = ask(request.param, server, node_packages, token)
    return request.param, answers, errors


def test_values_arrive(told: tuple[str, Answers, str]) -> None:
    _, answers, _ = told
    expected = {"a": 1, "b": "x", "c": [1, 2], "d": {"x": 1}, "e": None, "f": True, "g": 2.5}
    assert answers["values"] == {"value": [expected]}
    assert answers["rows"] == {"value": [{"currency": "AUD"}, {"currency": "CAD"}]}


def test_many_rows_and_none_arrive(told: tuple[str, Answers, str]) -> None:
    _, answers, _ = told
    assert answers["large"] == {"value": 20_000}
    assert answers["empty"] == {"value": 0}


def test_a_hidden_column_is_not_found(told: tuple[str, Answers, str]) -> None:
    client, answers, _ = told
    # The Rust client of this version keeps the server's words to itself.
    expected = "failed to prepare" if client == "rust" else 'COLUMN_NOT_FOUND: Column "holder_name"'
    assert expected in answers["hidden"]["error"]


def test_a_wrong_password_is_refused(told: tuple[str, Answers, str]) -> None:
    client, answers, _ = told
    if client == "rust":
        pytest.skip("this version panics when its login is refused, and never returns")
    assert "error" in answers["refused"]


def test_a_token_lets_in(told: tuple[str, Answers, str]) -> None:
    client, answers, _ = told
    if client == "lancedb":
        pytest.skip("this client knows no tokens")
    assert answers["token"] == answers["rows"]


def test_metadata_is_listed(told: tuple[str, Answers, str]) -> None:
    client, answers, _ = told
    if client == "lancedb":
        pytest.skip("this client asks for no metadata")
    catalog, schema, table = {
        "rust": ("catalog_name", "db_schema_name", "table_name"),
        "gizmodata": ("catalog", "schema", "tableName"),
    }[client]
    catalogs = [{catalog: "invest"}] if client == "rust" else ["invest"]
    assert answers["catalogs"]["value"] == catalogs
    assert [row[schema] for row in answers["schemas"]["value"]] == ["market", "portfolio"]
    tables = [row[table] for row in answers["tables"]["value"]]
    assert tables == sorted(tables)
    assert {"accounts", "positions"} < set(tables)


def test_everything_said_of_the_server_is_read(
    server: Server, told: tuple[str, Answers, str]
) -> None:
    client, answers, errors = told
    if client == "rust":
        assert answers["described"]["value"] > 10
    if client == "gizmodata":
        assert answers["types"]["value"] == ["TABLE", "VIEW"]
        assert answers["server"]["value"] == [[0, "flight-server"]]
        assert answers["information"]["value"] > 80
        assert answers["close"] == {"value": None}
    assert errors == ""
