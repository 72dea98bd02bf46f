"""What the client tests share: a token, and packages of other languages."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.clients import tools
from tests.clients.jdbc.driver import Jdbc, jvm
from tests.servers import Server

# 18.3.0 cannot give timestamps with a zone as objects; the versions before and after can.
JDBC_VERSIONS = ("18.2.0", "18.3.0", "19.0.0")


@pytest.fixture(scope="session")
def token(server: Server) -> str:
    """A bearer token with the rights of the analyst."""
    users = yaml.safe_load((server.directory / "users.yaml").read_text())["users"]
    groups = [part for group in users["analyst"]["groups"] for part in ("--group", group)]
    command = [sys.executable, "-m", "flight_server", "token", "--subject", "ann", *groups]
    config = ["--config", str(server.directory / "flight-server.yaml")]
    done = subprocess.run([*command, *config], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture(scope="session")
def node_packages() -> Path:
    """A folder whose `node_modules` has the JavaScript clients."""
    tools.program("node")
    npm = tools.program("npm")
    return tools.fetch_into(
        "the JavaScript clients",
        [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"],
        sources=[Path(__file__).parent / "javascript" / "package.json"],
    )


@pytest.fixture(scope="session", params=JDBC_VERSIONS)
def jdbc(
    request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Jdbc]:
    """A JVM with one version of the JDBC driver, and the analyst's connection in it."""
    log = tmp_path_factory.mktemp("jdbc") / f"{request.param}.log"
    with jvm(server, request.param, log) as running:
        yield running
