"""A server over a lake with something to hide, and everything that watches it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from flight_server.app import Application, build
from flight_server.config import load
from tests.security import warehouse
from tests.security.doors import Remote
from tests.security.warehouse import Lake, oracle


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The slow tests of this folder run where `-m` names them."""
    if "slow" in str(config.option.markexpr):
        return
    here = Path(__file__).parent
    skipped = [i for i in items if here in i.path.parents and i.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=skipped)
    items[:] = [item for item in items if item not in skipped]


@pytest.fixture(scope="session")
def listener() -> Iterator[socket.socket]:
    """A socket that no statement may reach."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        listening.setblocking(False)
        yield listening


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory, listener: socket.socket) -> Lake:
    """The lake, built once."""
    directory: Path = tmp_path_factory.mktemp("lake")
    return warehouse.build(directory, listener.getsockname()[1])


@pytest.fixture(scope="session")
def application(lake: Lake) -> Iterator[Application]:
    """The server with all that it is made of, listening on a free port."""
    running = build(load(lake.config))
    running.server.start()
    try:
        yield running
    finally:
        running.stop(2.0)


@pytest.fixture(scope="module")
def eve(application: Application) -> Iterator[Remote]:
    """A user from whom most is hidden, at the server's door."""
    with closing(Remote(application.server.location, warehouse.EVE)) as door:
        yield door


@pytest.fixture(scope="module")
def right() -> Iterator[duckdb.DuckDBPyConnection]:
    """What answers as it should."""
    with oracle() as connection:
        yield connection
