"""Filters and masks that fail on some values, over many files: nothing tells which rows there are.

Files are left out by what the caller asks for. Were a filter or a mask to fail in one of them, its
error would say that the caller's condition reaches a row that is hidden.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import pyarrow as pa
import pytest
from pyiceberg.transforms import IdentityTransform

from flight_server.engines.duckdb.pruning import MANY_FILES
from flight_server.engines.duckdb.setup import Setup
from tests.end_to_end.governed import Lake, caller, governed

ANN = caller("ann")
COUNT = MANY_FILES + 8
# every fourth row is hidden, as its code is no number
ROWS = pa.table(
    {
        "id": pa.array(range(COUNT), pa.int64()),
        "code": [f"canary-{n}" if n % 4 == 0 else str(n) for n in range(COUNT)],
    }
)
VISIBLE = [n for n in range(COUNT) if n % 4]
FILTER = """
row_filters:
  - {name: f, on: lake.desk.spread, to: trader, where: "CAST(code AS INTEGER) >= 0"}
"""
MASK = """
masks:
  - {name: m, on: lake.desk.spread.code, to: trader,
     using: "CAST(CAST(${col} AS INTEGER) * 2 AS VARCHAR)"}
  - {name: n, on: lake.desk.spread.id, to: trader, using: "CAST(code AS BIGINT)"}
"""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with governed(tmp_path_factory.mktemp("failing"), {}) as made:
        made.source.create_namespace_if_not_exists("desk")
        table = made.source.create_table("desk.spread", ROWS.schema)
        with table.update_spec() as update:
            update.add_field("id", IdentityTransform(), "id")
        table.append(ROWS)
        assert len(list(table.scan().plan_files())) == COUNT
        yield made


@pytest.mark.parametrize("condition", ["id = {}", "id BETWEEN {} AND {}", "code = 'canary-{}'"])
def test_a_filter_that_fails_in_one_file_only_tells_nothing_of_it(
    lake: Lake, condition: str
) -> None:
    lake.policy(FILTER)
    for number in (0, 1, 2, 4, COUNT - 4):
        text = f"SELECT id FROM spread WHERE {condition}".replace("{}", str(number))
        seen = number in VISIBLE and "canary" not in condition
        assert lake.rows(ANN, text) == ([(number,)] if seen else [])


def test_all_rows_whose_filter_can_be_worked_out_are_seen(lake: Lake) -> None:
    lake.policy(FILTER)
    found = lake.rows(ANN, "SELECT id, code FROM spread ORDER BY id")
    assert found == [(n, str(n)) for n in VISIBLE]


def test_files_are_still_left_out_by_what_the_caller_asks_for(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Setup] = []
    acquire = lake.engine._workers.acquire

    def noted(setup: Setup, *waiting: object) -> object:
        told.append(setup)
        return acquire(setup, *waiting)  # type: ignore[arg-type]

    monkeypatch.setattr(lake.engine._workers, "acquire", noted)
    lake.policy(FILTER)
    planned = lake.service.plan(ANN, "SELECT id FROM spread WHERE id = 4")
    deadline = time.monotonic() + 30
    with closing(lake.engine.run(planned.secured, None, planned.schema, deadline=deadline)) as each:
        assert sum(frame.rows for frame in each) == 0
        # but what is counted does not tell so
        assert [scanned.files for scanned in each.scanned] == [COUNT]
    (setup,) = told
    assert len(setup.files) == 1


def test_a_value_that_cannot_be_masked_is_null(lake: Lake) -> None:
    lake.policy(MASK)
    expected = [(n, str(2 * n)) if n in VISIBLE else (None, None) for n in range(COUNT)]
    found = lake.rows(ANN, "SELECT id, code FROM spread")
    assert sorted(found, key=str) == sorted(expected, key=str)
    assert lake.rows(ANN, "SELECT count(*), count(code) FROM spread") == [(COUNT, len(VISIBLE))]
    # what the caller compares is the masked value, which no file's statistics tell
    assert lake.rows(ANN, "SELECT code FROM spread WHERE id = 4") == []
    assert lake.rows(ANN, "SELECT code FROM spread WHERE id = 5") == [("10",)]
