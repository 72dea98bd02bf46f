"""A table in parts: every row in exactly one, however the files and their deletes lie."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from catalog.model import Table
from flight_server.engines.duckdb.engine import DuckDBEngine
from tests.engines import rig


@pytest.fixture(scope="module")
def files(lake: SqlCatalog) -> Table:
    """A table of seven files of different sizes."""
    schema = pa.schema([("id", pa.int64())])
    source = lake.create_table("s.in_files", schema=schema)
    start = 0
    for size in (1, 500, 20, 3000, 1, 1, 70):
        source.append(pa.table({"id": range(start, start + size)}, schema=schema))
        start += size
    return rig.described(source, "in_files")


@pytest.mark.parametrize("count", [1, 2, 3, 7, 12])
def test_each_row_is_in_exactly_one_part(engine: DuckDBEngine, files: Table, count: int) -> None:
    seen: list[int] = []
    for index in range(count):
        part = replace(rig.relation(files), part=(index, count))
        seen += rig.rows(engine, rig.secured("SELECT id FROM in_files", part))["id"].to_pylist()
    assert sorted(seen) == list(range(3593))


def test_a_part_is_the_same_whenever_it_is_read(files: Table, engine: DuckDBEngine) -> None:
    part = replace(rig.relation(files), part=(1, 3))
    text = rig.secured("SELECT id FROM in_files ORDER BY id", part)
    assert rig.rows(engine, text) == rig.rows(engine, text)


def test_a_filter_and_a_mask_hold_in_every_part(engine: DuckDBEngine, files: Table) -> None:
    narrowed = rig.relation(files, masks={"id": "-id"}, row_filter="id < 600")
    seen: list[int] = []
    for index in range(3):
        part = replace(narrowed, part=(index, 3))
        seen += rig.rows(engine, rig.secured("SELECT id FROM in_files", part))["id"].to_pylist()
    assert sorted(seen) == sorted(-number for number in range(600))


def test_whether_a_result_goes_on_is_known_without_waiting_for_it(engine: DuckDBEngine) -> None:
    statement = rig.secured("SELECT range AS n FROM range(100)")
    schema = engine.describe(statement, None, deadline=rig.soon())
    stream = engine.run(statement, None, schema, deadline=rig.soon())
    try:
        assert stream.ready(10)
        assert len(list(stream)) == 1
        assert stream.ready(0)
    finally:
        stream.close()
    assert stream.ready(0)
    slow = rig.secured("SELECT count(*) AS n FROM range(1000000000000) t(a) WHERE a % 7 = 3")
    stream = engine.run(slow, None, pa.schema([("n", pa.int64())]), deadline=rig.soon())
    try:
        assert not stream.ready(0.05)
        stream.cancel()
        assert stream.ready(0)
    finally:
        stream.close()
