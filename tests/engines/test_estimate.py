"""What a statement would read is told by its files, but nothing of rows that are hidden."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from catalog.model import Table
from flight_server.engines.base import Relation
from flight_server.engines.duckdb import pruning
from flight_server.engines.duckdb.engine import DuckDBEngine
from tests.engines import rig

FILES = 4


@pytest.fixture(scope="module")
def table(lake: SqlCatalog) -> Table:
    source = lake.create_table(
        "s.sizes", schema=pa.schema([("id", pa.int64()), ("v", pa.string())])
    )
    for at in range(FILES):
        source.append(pa.table({"id": [at], "v": ["x"]}))
    return rig.described(source, "sizes")


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at what is wanted however few files there are."""
    monkeypatch.setattr(pruning, "MANY_FILES", 0)


def files(engine: DuckDBEngine, text: str, relation: Relation) -> int:
    return engine.estimate(rig.secured(text, relation), None, deadline=rig.soon()).files


def test_files_without_wanted_rows_are_not_counted(engine: DuckDBEngine, table: Table) -> None:
    assert files(engine, "SELECT v FROM sizes", rig.relation(table)) == FILES
    assert files(engine, "SELECT v FROM sizes WHERE id = 2", rig.relation(table)) == 1


def test_where_rows_are_hidden_the_caller_cannot_tell_by_it_what_they_hold(
    engine: DuckDBEngine, table: Table
) -> None:
    filtered = replace(rig.relation(table), row_filter="id = 0")
    for condition in ("id = 2", "id = 9", "id = 0"):
        text = f"SELECT v FROM sizes WHERE {condition}"
        assert files(engine, text, filtered) == FILES
