"""What users and teams use in a day: exact at the limit, settled at the end, kept by restarts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auth.limits import EVERYONE, Limits, Team
from catalog.names import TableName
from flight_server.engines.base import Cost, Frame, Scanned
from flight_server.query.audit.files import Place
from flight_server.query.audit.signing import signing_key
from flight_server.query.audit.spent import spent
from flight_server.query.audit.trail import Rhythm, Trail
from flight_server.query.budget import GIGABYTE, USD, Account, Amount, Budget, Payer, day_of
from flight_server.query.errors import OverBudget

LIMITS = Limits(scan_gb_day=1)
ANN, BOB = Payer("ann", LIMITS), Payer("bob", LIMITS)
DAY = 86_400


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 10.5 * DAY

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Frames:
    """A stream of an engine that reads a file of a size."""

    def __init__(self, size: int) -> None:
        self.scanned = (Scanned(TableName("lake", "s", "t"), 1, size),)
        self.closed = 0

    def __iter__(self) -> Iterator[Frame]:
        return iter(())

    def ready(self, seconds: float) -> bool:
        return True

    def cancel(self) -> None:
        pass

    def close(self) -> None:
        self.closed += 1


def test_all_of_the_limit_may_be_read_and_not_a_byte_more(clock: Clock) -> None:
    budget = Budget(clock)
    budget.take(ANN, Amount(GIGABYTE - 1))
    with pytest.raises(OverBudget, match="1 GB"):
        budget.take(ANN, Amount(2))
    budget.take(ANN, Amount(1))  # what was refused was not counted
    with pytest.raises(OverBudget):
        budget.take(ANN, Amount(1))
    budget.take(ANN, Amount(0))
    budget.take(BOB, Amount(GIGABYTE))


def test_what_was_read_without_a_limit_counts_once_there_is_one(clock: Clock) -> None:
    budget = Budget(clock)
    budget.take(Payer("ann"), Amount(5 * GIGABYTE))
    with pytest.raises(OverBudget):
        budget.take(ANN, Amount(1))
    budget.take(Payer("ann", Limits(scan_gb_day=6)), Amount(GIGABYTE))


def test_a_day_begins_at_midnight_and_no_clock_that_is_set_back_begins_one(clock: Clock) -> None:
    budget = Budget(clock)
    budget.take(ANN, Amount(GIGABYTE))
    clock.now = 10.99 * DAY
    with pytest.raises(OverBudget):
        budget.take(ANN, Amount(1))
    for now in (9.5, 10.2):
        clock.now = now * DAY
        with pytest.raises(OverBudget):
            budget.take(ANN, Amount(1))
    clock.now = 11.0 * DAY
    budget.take(ANN, Amount(GIGABYTE))


def test_a_stream_that_is_refused_is_closed_and_one_that_is_not_is_given_back(clock: Clock) -> None:
    budget = Budget(clock)
    good, bad = Frames(GIGABYTE), Frames(1)
    assert budget.charged(good, ANN) is good
    with pytest.raises(OverBudget):
        budget.charged(bad, ANN)
    assert (good.closed, bad.closed) == (0, 1)


def test_a_thousand_at_once_never_exceed_the_limit(clock: Clock) -> None:
    budget, taken = Budget(clock), []

    def run() -> None:
        for _ in range(100):
            try:
                budget.take(ANN, Amount(GIGABYTE // 500))
            except OverBudget:
                continue
            taken.append(1)

    threads = [threading.Thread(target=run) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 500


def usd(amount: float, size: int = 0) -> Cost:
    return Cost(size, size, amount)


def test_money_is_held_while_it_is_not_known_and_then_settled_to_the_billionth(
    clock: Clock,
) -> None:
    budget, dora = Budget(clock), Payer("dora", Limits(athena_usd_day=1.0))
    held = [budget.reserve(dora, usd(0.1)) for _ in range(10)]  # sums of 0.1 are not exact
    with pytest.raises(OverBudget, match="more than is left of the 1 USD that you may spend"):
        budget.reserve(dora, usd(0.000000001))
    budget.take(dora, Amount(GIGABYTE))  # what costs nothing goes on
    for settle in held:
        settle(usd(0.01))
    assert budget.used()[Account("dora")] == Amount(GIGABYTE, USD // 10)
    budget.reserve(dora, usd(0.9))(usd(0))
    budget.reserve(dora, usd(0.9))


def test_what_failed_is_free_and_what_was_more_than_expected_counts_in_full(clock: Clock) -> None:
    budget = Budget(clock)
    budget.reserve(ANN, usd(1.0, GIGABYTE))(Cost(scanned=5))
    assert budget.used()[Account("ann")] == Amount()
    budget.reserve(ANN, usd(0.1, 10))(usd(2.0, 3 * GIGABYTE))
    assert budget.used()[Account("ann")] == Amount(3 * GIGABYTE, 2 * USD)
    with pytest.raises(OverBudget):
        budget.reserve(ANN, usd(0.1, 10))


def test_what_is_not_known_for_sure_counts_as_it_was_expected_at_least(clock: Clock) -> None:
    budget = Budget(clock)
    budget.reserve(ANN, usd(1.0, 1_000))(Cost(5, 5, 0.1, certain=False))
    assert budget.used()[Account("ann")] == Amount(1_000, USD)
    budget.reserve(BOB, usd(1.0, 1_000))(Cost(5_000, 5_000, 3.0, certain=False))
    assert budget.used()[Account("bob")] == Amount(5_000, 3 * USD)


def test_a_charge_is_settled_once_and_on_its_own_day(clock: Clock) -> None:
    budget = Budget(clock)
    settle = budget.reserve(ANN, usd(1.0, 1_000))
    settle(usd(2.0, 2_000))
    settle(usd(9.0, 9_000))
    assert budget.used()[Account("ann")] == Amount(2_000, 2 * USD)
    late = budget.reserve(ANN, usd(1.0, 1_000))
    clock.now = 11.5 * DAY
    budget.take(ANN, Amount(7))
    late(usd(5.0, 5_000))
    assert budget.used() == {Account("ann"): Amount(7)}


def test_members_of_a_team_use_what_it_has_together(clock: Clock) -> None:
    budget = Budget(clock)
    desk = {"desk": Team(athena_usd_day=1.0), "risk": None, EVERYONE: Team(scan_gb_day=2)}
    ann, bob = (Payer(name, Limits(athena_usd_day=0.7), desk) for name in ("ann", "bob"))
    carl = Payer("carl", Limits(), {EVERYONE: desk[EVERYONE]})
    settle = budget.reserve(ann, usd(0.6, GIGABYTE))
    with pytest.raises(OverBudget, match="of the 1 USD that your team may spend in a day"):
        budget.reserve(bob, usd(0.5))
    assert Account("bob") not in budget.used()  # what was refused counts for nobody
    settle(usd(0.2, GIGABYTE))
    budget.reserve(bob, usd(0.5))
    with pytest.raises(OverBudget, match="that you may spend"):
        budget.reserve(bob, usd(0.25))
    with pytest.raises(OverBudget, match="of the 2 GB that all users together may read"):
        budget.take(carl, Amount(GIGABYTE + 1))
    budget.take(carl, Amount(GIGABYTE))
    assert budget.used()[Account("risk", is_team=True)].money == 7 * USD // 10


def test_charges_of_a_thousand_at_once_never_exceed_the_limit(clock: Clock) -> None:
    budget, dora, taken = Budget(clock), Payer("dora", Limits(athena_usd_day=1.0)), []

    def run() -> None:
        for number in range(100):
            try:
                settle = budget.reserve(dora, usd(0.01))
            except OverBudget:
                continue
            if number % 2:
                settle(usd(0))
            else:
                taken.append(1)

    threads = [threading.Thread(target=run) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) <= 100
    assert budget.used()[Account("dora")].money == len(taken) * USD // 100


def test_after_a_restart_the_log_tells_what_was_read_today(tmp_path: Path, clock: Clock) -> None:
    def end(day: float, user: str, *sizes: int) -> dict[str, object]:
        at = datetime.fromtimestamp(day * DAY, UTC).isoformat()
        scanned = [{"catalog": "c", "schema": "s", "table": "t", "bytes": size} for size in sizes]
        return {"ts": at, "event": "end", "user": user, "scanned": scanned}

    place = Place(tmp_path, "main", tmp_path)
    with_no_files = {"ts": end(10.3, "")["ts"], "event": "end", "user": "ann"}
    trail = Trail(place, signing_key("k" * 32), Rhythm(100, 10.0, 10**6))
    today = [end(10.1, "ann", GIGABYTE // 2, GIGABYTE // 2), end(10.2, "bob", 3), with_no_files]
    trail.append([end(9.9, "ann", 7 * GIGABYTE), *today], sync=True)
    everyone = Account(EVERYONE, is_team=True)
    ann, bob = Amount(GIGABYTE), Amount(3)
    told = {Account("ann"): ann, Account("bob"): bob, everyone: ann + bob}
    assert spent(place, day_of(clock.now)) == told
    budget = Budget(clock)
    budget.restore(lambda day: spent(place, day))
    with pytest.raises(OverBudget):
        budget.take(ANN, Amount(1))
    budget.take(BOB, Amount(GIGABYTE - 3))
    trail.close()


def test_the_log_tells_what_a_run_cost_and_what_one_without_an_end_was_expected_to(
    tmp_path: Path, clock: Clock
) -> None:
    def record(event: str, run: str, day: float, **more: object) -> dict[str, object]:
        at = datetime.fromtimestamp(day * DAY, UTC).isoformat()
        told = {"ts": at, "event": event, "query_id": run, "request_id": "r", "user": "ann"}
        return {**told, **more}

    def cost(money: float, size: int) -> dict[str, object]:
        return {"cost": {"scanned": size, "billed": size, "usd": money}}

    trail = Trail(
        Place(tmp_path, "main", tmp_path), signing_key("k" * 32), Rhythm(100, 10.0, 10**6)
    )
    desk: dict[str, object] = {"roles": ["desk"]}
    records = [
        record("start", "old", 9.9, **desk),
        record("charge", "old", 9.9, **cost(8.0, 8)),
        record("charge", "old", 10.05, **cost(0.25, 30)),
        record("start", "settled", 10.1, **desk),
        record("charge", "settled", 10.1, **cost(5.0, 500)),
        record("start", "killed", 10.1, **desk, part=[0, 2]),
        record("charge", "killed", 10.1, **cost(1.0, 100), part=[0, 2]),
        record("charge", "killed", 10.2, **cost(1.0, 100), part=[0, 2]),
        record("end", "settled", 10.2, **cost(0.5, 20), scanned=[{"bytes": 7}]),
        record("start", "nothing", 10.2),
    ]
    trail.append(records, sync=True)
    found = spent(Place(tmp_path, "main", tmp_path), day_of(clock.now))
    used, late = Amount(20 + 7 + 200, 5 * USD // 2), Amount(30, USD // 4)
    assert found == {
        Account("ann"): used + late,
        Account("desk", is_team=True): used,  # the roles of the late one stand in yesterday's start
        Account(EVERYONE, is_team=True): used + late,
    }
    trail.close()
