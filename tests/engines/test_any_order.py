"""Large results whose rows stand each for itself come in any order, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from catalog.model import Table
from catalog.names import TableName
from flight_server.engines.base import Inside, Scanned, Secured
from flight_server.engines.duckdb import any_order
from flight_server.engines.duckdb.any_order import LARGE, in_any_order
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.setup import EMPTY, PLANNER, Setup
from tests.engines import rig
from tests.engines.conftest import NewEngine

OPTION = ("preserve_insertion_order", "false")
BY_ROW = Secured("SELECT a FROM t", (), by_row=True)


def scanned(size: int) -> list[Scanned]:
    return [Scanned(TableName("lake", "s", "t"), 2, size // 2)] * 2


def test_what_is_large_and_by_row() -> None:
    setup = in_any_order(PLANNER, BY_ROW, scanned(LARGE))
    assert setup == replace(PLANNER, options=(*PLANNER.options, OPTION))


@pytest.mark.parametrize(
    ("secured", "size"),
    [(BY_ROW, LARGE - 2), (replace(BY_ROW, by_row=False), LARGE)],
    ids=["small", "not by row"],
)
def test_what_keeps_its_order(secured: Secured, size: int) -> None:
    assert in_any_order(EMPTY, secured, scanned(size)) is EMPTY


def test_a_view_keeps_its_order(people: Table) -> None:
    inside = Inside(
        "SELECT id FROM people LIMIT 3", (rig.relation(people),), ("id",), confined=False
    )
    view = replace(rig.relation(people, ["id"]), inside=inside)
    assert in_any_order(EMPTY, replace(BY_ROW, relations=(view,)), scanned(LARGE)) is EMPTY


def test_what_comes_through_a_feeder_keeps_its_order() -> None:
    setup = replace(EMPTY, feeder=EMPTY)
    assert in_any_order(setup, BY_ROW, scanned(LARGE)) is setup


@pytest.fixture
def numbers(lake: SqlCatalog) -> Iterator[Table]:
    """Rows of several row groups in several files."""
    chance = np.random.default_rng(3)
    name = "any_order"
    rows = pa.table({"a": chance.permutation(600_000), "b": chance.random(600_000)})
    source = lake.create_table(
        f"s.{name}", schema=rows.schema, properties={"write.parquet.row-group-limit": "50000"}
    )
    for start in range(0, 600_000, 200_000):
        source.append(rows.slice(start, 200_000))
    yield rig.described(source, name)
    lake.drop_table(f"s.{name}")


def test_the_rows_are_the_same(
    new_engine: NewEngine, numbers: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = new_engine()
    text = "SELECT a, b FROM any_order WHERE b < 0.9"
    by_row = replace(rig.secured(text, rig.relation(numbers)), by_row=True)
    with told(engine) as setups:
        kept = rig.rows(engine, by_row)
        monkeypatch.setattr(any_order, "LARGE", 0)
        free = rig.rows(engine, by_row)
    assert [OPTION in setup.options for setup in setups] == [False, True]
    assert free.sort_by("a") == kept.sort_by("a")
    assert free.num_rows > 500_000


@contextmanager
def told(engine: DuckDBEngine) -> Iterator[list[Setup]]:
    """The setups that workers are asked for."""
    setups: list[Setup] = []
    acquire = engine._workers.acquire

    def noted(setup: Setup, *waiting: object) -> object:
        setups.append(setup)
        return acquire(setup, *waiting)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine._workers, "acquire", noted)
        yield setups
