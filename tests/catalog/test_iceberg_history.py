"""Which state a table had at a moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField

from catalog.iceberg_history import current_at
from catalog.names import TableName
from tests.waiting import later

ORDERS = TableName("lake", "sales", "orders")
SIMPLE = Schema(NestedField(1, "id", LongType()))
ROWS = pa.table({"id": [1, 2]})
MILLISECOND = timedelta(milliseconds=1)


def moment(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + milliseconds * MILLISECOND


@pytest.mark.parametrize(
    ("at", "expected"), [(9, None), (10, 1), (19, 1), (20, 2), (30, None), (40, 1), (99, 1)]
)
def test_the_last_change_before_a_moment_counts(at: int, expected: int | None) -> None:
    history = ((10, 1), (20, 2), (30, None), (40, 1))  # expired at 30, rolled back at 40
    assert current_at(history, moment(at)) == expected


def test_where_clocks_differ_the_order_of_commits_counts() -> None:
    assert current_at(((10, 1), (30, 2), (20, 3)), moment(25)) == 3


def _written(lake: Any, times: int) -> Any:
    table = lake.source.create_table(("sales", "orders"), SIMPLE)
    for _ in range(times):
        table.append(ROWS)
        later()
    return table


def test_each_state_of_a_table_is_found_at_its_time(lake: Any) -> None:
    table = _written(lake, 3)
    reader = lake.reader()
    for entry in table.history():
        found = reader.snapshot_as_of(ORDERS, moment(entry.timestamp_ms))
        assert found is not None
        assert found.snapshot_id == entry.snapshot_id
        state = reader.table(ORDERS, found)
        assert state is not None
        assert state.snapshot == found
    first = moment(table.history()[0].timestamp_ms)
    assert reader.snapshot_as_of(ORDERS, first - MILLISECOND) is None
    assert reader.snapshot_as_of(TableName("lake", "sales", "none"), first) is None


def test_a_table_that_was_never_written_has_no_state(lake: Any) -> None:
    _written(lake, 0)
    assert lake.reader().snapshot_as_of(ORDERS, datetime.now(UTC)) is None


def test_an_expired_state_is_not_taken_for_another(lake: Any) -> None:
    table = _written(lake, 3)
    history = table.history()
    table.maintenance.expire_snapshots().by_id(history[1].snapshot_id).commit()
    reader = lake.reader()
    assert reader.snapshot_as_of(ORDERS, moment(history[1].timestamp_ms)) is None
    # nobody knows any more when the first state ended
    assert reader.snapshot_as_of(ORDERS, moment(history[0].timestamp_ms)) is None
    now = reader.snapshot_as_of(ORDERS, moment(history[2].timestamp_ms))
    assert now is not None
    assert now.snapshot_id == history[2].snapshot_id


def test_a_table_that_went_back_was_then_what_it_went_back_to(lake: Any) -> None:
    table = _written(lake, 2)
    first, second = table.history()
    table.manage_snapshots().set_current_snapshot(first.snapshot_id).commit()
    later()
    table.append(ROWS)
    reader = lake.reader()
    found = [reader.snapshot_as_of(ORDERS, moment(entry.timestamp_ms)) for entry in table.history()]
    assert [each and each.snapshot_id for each in found] == [
        first.snapshot_id,
        second.snapshot_id,
        first.snapshot_id,
        table.current_snapshot().snapshot_id,
    ]
