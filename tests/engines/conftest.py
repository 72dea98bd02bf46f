"""One engine and one warehouse for the tests that do not break them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from catalog.model import Table
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.settings import MIB, DuckDBSettings
from tests.engines import rig

NewEngine = Callable[..., DuckDBEngine]


def _settings(directory: Path, **options: object) -> DuckDBSettings:
    sizes: dict[str, object] = {
        "workers": 3,
        "spare": 1,
        "planners": 1,
        "threads": 2,
        "memory_limit": 512 * MIB,
        "spill_limit": 1024 * MIB,
        "spill_directory": directory,
    }
    return DuckDBSettings(**{**sizes, **options})


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBEngine]:
    with closing(DuckDBEngine(_settings(tmp_path_factory.mktemp("spill")))) as started:
        yield started


@pytest.fixture(scope="session")
def single(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBEngine]:
    """An engine in which a worker that is not given back is missed."""
    settings = _settings(tmp_path_factory.mktemp("single"), workers=1)
    with closing(DuckDBEngine(settings)) as started:
        yield started


@pytest.fixture
def new_engine(tmp_path: Path) -> Iterator[NewEngine]:
    """Starts engines of a test's own."""
    with ExitStack() as stack:

        def start(**options: object) -> DuckDBEngine:
            return stack.enter_context(closing(DuckDBEngine(_settings(tmp_path, **options))))

        yield start


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlCatalog]:
    catalog = rig.warehouse(tmp_path_factory.mktemp("lake"))
    yield catalog
    catalog.engine.dispose()


@pytest.fixture(scope="session")
def people(lake: SqlCatalog) -> Table:
    return rig.stored(lake, "people", rig.PEOPLE)
