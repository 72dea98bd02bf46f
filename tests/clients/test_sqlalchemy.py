"""SQLAlchemy 1.4 through `flightsql-dbapi`, as Superset uses it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients import tools
from tests.servers import Server

pytestmark = pytest.mark.timeout(480)  # fetching the packages for the first time included

SOURCES = Path(__file__).parent / "sqlalchemy"


@pytest.fixture(scope="module")
def packages() -> Path:
    """The client and its old SQLAlchemy; pyarrow and pandas are those of the tests."""
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", "packages"]
    folder = tools.fetch_into(
        "flightsql-dbapi",
        [*pip, "-r", "requirements.txt"],
        sources=[SOURCES / "requirements.txt"],
    )
    return folder / "packages"


def test_sqlalchemy_reflects_and_reads(server: Server, packages: Path) -> None:
    login = server.login("analyst")
    environment = {
        "PYTHONPATH": str(packages),
        "PORT": str(server.port),
        "FLIGHT_USER": login["username"],
        "FLIGHT_PASSWORD": login["password"],
    }
    done = subprocess.run(
        [sys.executable, str(SOURCES / "reflect.py")],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["schemas"] == ["market", "portfolio"]
    assert {"accounts", "positions"} < set(told["tables"])
    assert told["columns"]["account_id"] == "INTEGER"
    assert "holder_name" not in told["columns"]
    assert told["values"] == [[1, "x"]]
    assert told["built"] > 0
