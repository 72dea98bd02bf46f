"""Tables of other writers are read as those say, or refused."""

from __future__ import annotations

import pytest

from catalog.iceberg import IcebergCatalog
from flight_server.engines.duckdb.engine import DuckDBEngine
from tests.iceberg import fixtures
from tests.iceberg.checks import check


@pytest.mark.parametrize("name", fixtures.cases())
def test_a_table_in_local_files(engine: DuckDBEngine, local: IcebergCatalog, name: str) -> None:
    check(engine, local, fixtures.cases()[name])
