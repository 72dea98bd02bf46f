"""The session's time zone, which the caller chooses, moves no edge of what is hidden."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa
import pytest

from auth.errors import PolicyInvalid
from auth.policy_file import parse_policy
from flight_server.query.compiled import faults
from flight_server.query.expressions import Compiler
from flight_server.query.parser import Parser
from tests.end_to_end.governed import HEAD, Lake, caller, governed

ANN = caller("ann")
ZONES = ("UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago")
TRADES = pa.table(
    {
        "id": list(range(48)),
        "seen": pa.array(
            [dt.datetime(2026, 5, 1, tzinfo=dt.UTC) + dt.timedelta(hours=n) for n in range(48)],
            pa.timestamp("us", "UTC"),
        ),
    }
)
FILTER = 'row_filters: [{name: f, on: lake.desk.trades, to: trader, where: "%s"}]'
MASK = 'masks: [{name: m, on: lake.desk.trades.seen, to: trader, using: "%s"}]'


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with governed(tmp_path_factory.mktemp("lake"), {"desk.trades": TRADES}) as made:
        yield made


@pytest.mark.parametrize(
    "where",
    [
        "seen >= '2026-05-02'",
        "seen::DATE = DATE '2026-05-02'",
        "date_trunc('day', seen) < seen",
        "day(seen) = 2",
    ],
)
def test_a_filter_whose_edge_could_be_moved_lets_nobody_read(lake: Lake, where: str) -> None:
    lake.policy(FILTER % where)
    for zone in ZONES:
        with pytest.raises(PolicyInvalid, match="a rule of the policy does not fit") as caught:
            lake.service.plan(replace(ANN, time_zone=zone), "SELECT id FROM trades")
        assert "seen" not in str(caught.value).split()
        assert "depends on the time zone of the session" in str(caught.value.__cause__)
    # who is not filtered reads on
    assert lake.rows(caller("eve", "chiefs"), "SELECT count(*) FROM trades") == [(48,)]


@pytest.mark.parametrize(
    "where", ["seen >= '2026-05-02 00:00+00'", "timezone('UTC', seen)::DATE = DATE '2026-05-02'"]
)
def test_an_edge_that_says_its_zone_stays_where_it_is(lake: Lake, where: str) -> None:
    lake.policy(FILTER % where)
    for zone in ZONES:
        planned = lake.service.plan(replace(ANN, time_zone=zone), "SELECT min(id) FROM trades")
        assert lake.run(ANN, planned) == [(24,)]


def test_a_mask_that_could_be_turned_lets_nobody_read(lake: Lake) -> None:
    lake.policy(MASK % "date_trunc('day', ${col})")
    with pytest.raises(PolicyInvalid):
        lake.service.plan(ANN, "SELECT id FROM trades")
    lake.policy(MASK % "timezone('UTC', date_trunc('day', timezone('UTC', ${col})))")
    for zone in ZONES:
        text = "SELECT DISTINCT epoch(seen)::BIGINT % 86400 FROM trades"
        planned = lake.service.plan(replace(ANN, time_zone=zone), text)
        assert lake.run(ANN, planned) == [(0,)]


def test_a_policy_is_not_taken_where_no_table_is_needed_to_tell() -> None:
    policy = parse_policy(HEAD + FILTER % "seen >= TIMESTAMPTZ '2026-05-02'")
    ((line, fault),) = faults(policy, Compiler(Parser()))
    assert line == HEAD.count("\n") + 1
    assert "'f' depends on the time zone of the session" in fault
