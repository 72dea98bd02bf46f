"""Limits of roles, through the real service and engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa
import pytest

from flight_server.engines.errors import TimedOut
from flight_server.query.budget import Account, Amount, Payer
from flight_server.query.errors import OverBudget, OverQuota, ResultTooLarge
from flight_server.query.failures import Kind, failure_of
from flight_server.query.handles import HandleKind
from flight_server.query.limits import Limits
from tests.end_to_end.governed import Lake, caller, governed
from tests.waiting import within

ANN = caller("ann")
POLICY = """
limits:
  trader: {concurrent: 1, statement_seconds: 1, rows: 1_000}
  chief: {concurrent: 2, rows: 2_000, result_bytes: 100_000}
"""
FOREVER = "SELECT max(md5(range::VARCHAR)) FROM range(1_000_000_000_000)"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    tables = {"desk.numbers": pa.table({"n": range(1_000)})}
    directory = tmp_path_factory.mktemp("lake")
    with governed(directory, tables, Limits(statement_seconds=20.0)) as made:
        made.policy(POLICY)
        for _ in range(3):  # so that parts have files of their own
            made.source.load_table("desk.numbers").append(pa.table({"n": range(100)}))
        yield made


def test_a_second_statement_is_refused_while_one_runs_and_let_in_after_it(lake: Lake) -> None:
    service = lake.service
    planned = service.plan(ANN, "SELECT 1")
    held = service.run(ANN, planned)
    with pytest.raises(OverQuota) as caught:
        service.run(ANN, service.plan(ANN, "SELECT 2"))
    told = failure_of(caught.value)
    assert (told.code, told.kind) == ("OVER_QUOTA", Kind.RESOURCE_EXHAUSTED)
    assert told.hint
    assert lake.rows(caller("bob"), "SELECT 2") == [(2,)]
    assert lake.rows(caller("carl", "traders", "chiefs"), "SELECT 2") == [(2,)]
    held.close()
    assert lake.rows(ANN, "SELECT 2") == [(2,)]


def test_a_statement_runs_no_longer_than_its_users_role_may(lake: Lake) -> None:
    with within(10), pytest.raises(TimedOut):
        lake.rows(ANN, FOREVER)
    # who asks for longer gets no more
    with within(10), pytest.raises(TimedOut):
        lake.rows(replace(ANN, statement_timeout=15.0), FOREVER)


def test_a_result_is_cut_at_the_row_after_the_last_allowed_one(lake: Lake) -> None:
    assert len(lake.rows(ANN, "SELECT range FROM range(1_000)")) == 1_000
    with pytest.raises(ResultTooLarge, match="more than 1,000 rows") as caught:
        lake.rows(ANN, "SELECT range FROM range(1_001)")
    assert failure_of(caught.value).code == "RESULT_TOO_LARGE"
    chief = caller("carl", "chiefs")
    assert len(lake.rows(chief, "SELECT range FROM range(1_001)")) == 1_001
    with pytest.raises(ResultTooLarge, match="bytes"):
        lake.rows(chief, "SELECT repeat('x', 1_000) FROM range(200)")


def test_a_result_read_in_parts_is_measured_as_one(lake: Lake) -> None:
    asking = replace(ANN, partitions=2)
    planned = lake.service.plan(asking, "SELECT n FROM numbers")
    endpoints = lake.service.offer(asking, planned).endpoints
    assert len(endpoints) == 2
    with pytest.raises(ResultTooLarge):
        for endpoint in endpoints:
            part = lake.service.unseal(asking, endpoint.ticket, HandleKind.TICKET)
            assert len(lake.run(asking, part)) <= 1_000


def test_files_beyond_the_budget_of_the_day_are_not_read(lake: Lake) -> None:
    dora, budget = caller("dora", "chiefs"), lake.service._budget
    lake.policy("limits: {chief: {scan_gb_day: 1}}")
    try:
        assert lake.rows(dora, "SELECT count(*) FROM numbers WHERE n < 1") == [(4,)]
        read = budget.used()[Account("dora")].size
        assert read > 0
        budget.take(Payer("dora"), Amount(10**9 - 2 * read))
        assert lake.rows(dora, "SELECT count(*) FROM numbers WHERE n < 1") == [(4,)]
        with pytest.raises(OverBudget, match="1 GB") as caught:
            lake.rows(dora, "SELECT count(*) FROM numbers WHERE n < 1")
        assert failure_of(caught.value).code == "OVER_BUDGET"
        # what reads no file is not refused, nor is another user
        assert lake.rows(dora, "SELECT 1") == [(1,)]
        other = caller("emil", "chiefs")
        assert lake.rows(other, "SELECT count(*) FROM numbers WHERE n < 1") == [(4,)]
    finally:
        lake.policy(POLICY)


def test_limits_change_with_the_policy(lake: Lake) -> None:
    planned = lake.service.plan(ANN, "SELECT range FROM range(10)")
    lake.policy("limits: {trader: {rows: 9}}")
    with pytest.raises(ResultTooLarge):
        lake.run(ANN, planned)
    lake.policy("")
    assert len(lake.run(ANN, planned)) == 10
    lake.policy(POLICY)
