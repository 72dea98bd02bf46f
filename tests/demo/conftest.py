"""The demo at its smallest, built once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyiceberg.catalog import Catalog, load_catalog

from flight_server.demo.warehouse import Demo, build


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return build(tmp_path_factory.mktemp("demo"), scale=0.01)


@pytest.fixture(scope="session")
def lake(demo: Demo) -> Iterator[Catalog]:
    catalog = load_catalog(demo.catalog, **demo.properties)
    yield catalog
    catalog.close()
