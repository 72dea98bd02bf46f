"""The tables of the matrix on S3 are read as in local files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from catalog.iceberg import IcebergCatalog
from flight_server.engines.duckdb.engine import DuckDBEngine
from tests.iceberg import fixtures
from tests.iceberg.checks import check


@pytest.mark.parametrize("name", fixtures.cases())
def test_a_table_on_s3(engine: DuckDBEngine, remote: IcebergCatalog, name: str) -> None:
    case = fixtures.cases()[name]
    check(engine, remote, replace(case, rows=None) if case.refused_on_s3 else case)
