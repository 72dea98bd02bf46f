"""The Go client of Arrow and its database/sql driver, which usql and Grafana are built on."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients import tools
from tests.servers import Server

pytestmark = [
    pytest.mark.slow,  # building takes minutes once; then a second
    pytest.mark.timeout(480),
]

SOURCES = Path(__file__).parent / "go"
Answers = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def binary() -> Path:
    """The built program."""
    go = tools.program("go")
    files = [SOURCES / name for name in ("go.mod", "go.sum", "main.go")]
    build = [go, "build", "-buildvcs=false", "-o", "goclient", "."]
    folder = tools.fetch_into("arrow-go", [go, "mod", "download"], build, sources=files)
    return folder / "goclient"


@pytest.fixture(scope="module")
def answers(binary: Path, server: Server) -> Answers:
    """What the program told of all its checks."""
    login = server.login("analyst")
    environment = {
        "ADDRESS": f"127.0.0.1:{server.port}",
        "FLIGHT_USER": login["username"],
        "FLIGHT_PASSWORD": login["password"],
    }
    done = subprocess.run(
        [binary], env=os.environ | environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line.pop("check"): line for line in lines}


def test_the_handshake_lets_in_who_knows_the_password(answers: Answers) -> None:
    assert answers["login"] == {"value": True}
    assert "UNAUTHENTICATED" in answers["wrong password"]["error"]


def test_metadata_is_listed(answers: Answers) -> None:
    assert answers["catalogs"]["value"] == [{"catalog_name": "invest"}]
    schemas = [row["db_schema_name"] for row in answers["schemas"]["value"]]
    assert schemas == ["market", "portfolio"]
    assert [row["table_type"] for row in answers["table types"]["value"]] == ["TABLE", "VIEW"]


def test_table_types_are_matched_as_grafana_writes_them(answers: Answers) -> None:
    assert [row["table_name"] for row in answers["tables"]["value"]] == ["accounts"]


def test_everything_said_of_the_server_is_read(answers: Answers) -> None:
    names = [row["info_name"] for row in answers["sql info"]["value"]]
    assert len(names) > 80
    types = [row["type_name"] for row in answers["type info"]["value"]]
    assert {"BOOLEAN", "INTEGER", "BIGINT", "DOUBLE", "DECIMAL", "DATE", "VARCHAR"} <= set(types)


def test_keys_are_listed(answers: Answers) -> None:
    columns = [row["column_name"] for row in answers["primary keys"]["value"]]
    assert columns == ["portfolio_id", "security_id", "as_of_date"]
    referred = {row["pk_table_name"] for row in answers["imported keys"]["value"]}
    assert {"portfolios", "securities"} <= referred


def test_statements_run(answers: Answers) -> None:
    assert answers["query"]["value"] == [{"a": 1, "b": "x", "c": [1, 2], "d": None}]
    assert answers["large"]["value"] == 300_000
    assert "a: type=int32" in answers["schema"]["value"]


def test_a_prepared_statement_is_bound_twice(answers: Answers) -> None:
    assert answers["prepared 0"]["value"] == [{"a": 42, "b": "text"}]
    assert answers["prepared 1"]["value"] == [{"a": 43, "b": "text"}]


def test_what_is_hidden_or_refused_is_told(answers: Answers) -> None:
    assert 'COLUMN_NOT_FOUND: Column "holder_name"' in answers["hidden column"]["error"]
    assert "read-only" in answers["update"]["error"]
    assert "no transactions" in answers["transaction"]["error"]


def test_session_options_are_set_and_a_session_closed(answers: Answers) -> None:
    assert answers["set session option"] == {"value": 0}
    assert answers["close session"] == {"value": True}


def test_the_database_sql_driver_binds_and_reads(answers: Answers) -> None:
    assert answers["database/sql"] == {"value": [2, "X"]}
