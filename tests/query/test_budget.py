"""How much users read in a day: exact at the limit, by user and day, and known after a restart."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auth.limits import Limits
from catalog.names import TableName
from flight_server.engines.base import Frame, Scanned
from flight_server.query.audit.files import Place
from flight_server.query.audit.signing import signing_key
from flight_server.query.audit.spent import spent
from flight_server.query.audit.trail import Rhythm, Trail
from flight_server.query.budget import GIGABYTE, Budget, day_of
from flight_server.query.errors import OverBudget

LIMITS = Limits(scan_gb_day=1)
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
    budget.take("ann", GIGABYTE - 1, LIMITS)
    with pytest.raises(OverBudget, match="1 GB"):
        budget.take("ann", 2, LIMITS)
    budget.take("ann", 1, LIMITS)  # what was refused was not counted
    with pytest.raises(OverBudget):
        budget.take("ann", 1, LIMITS)
    budget.take("ann", 0, LIMITS)
    budget.take("bob", GIGABYTE, LIMITS)


def test_what_was_read_without_a_limit_counts_once_there_is_one(clock: Clock) -> None:
    budget = Budget(clock)
    budget.take("ann", 5 * GIGABYTE, Limits())
    with pytest.raises(OverBudget):
        budget.take("ann", 1, LIMITS)
    budget.take("ann", GIGABYTE, Limits(scan_gb_day=6))


def test_a_day_begins_at_midnight_and_no_clock_that_is_set_back_begins_one(clock: Clock) -> None:
    budget = Budget(clock)
    budget.take("ann", GIGABYTE, LIMITS)
    clock.now = 10.99 * DAY
    with pytest.raises(OverBudget):
        budget.take("ann", 1, LIMITS)
    for now in (9.5, 10.2):
        clock.now = now * DAY
        with pytest.raises(OverBudget):
            budget.take("ann", 1, LIMITS)
    clock.now = 11.0 * DAY
    budget.take("ann", GIGABYTE, LIMITS)


def test_a_stream_that_is_refused_is_closed_and_one_that_is_not_is_given_back(clock: Clock) -> None:
    budget = Budget(clock)
    good, bad = Frames(GIGABYTE), Frames(1)
    assert budget.charged(good, "ann", LIMITS) is good
    with pytest.raises(OverBudget):
        budget.charged(bad, "ann", LIMITS)
    assert (good.closed, bad.closed) == (0, 1)


def test_a_thousand_at_once_never_exceed_the_limit(clock: Clock) -> None:
    budget, taken = Budget(clock), []

    def run() -> None:
        for _ in range(100):
            try:
                budget.take("ann", GIGABYTE // 500, LIMITS)
            except OverBudget:
                continue
            taken.append(1)

    threads = [threading.Thread(target=run) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 500


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
    assert spent(place, day_of(clock.now)) == {"ann": GIGABYTE, "bob": 3}
    budget = Budget(clock)
    budget.restore(lambda day: spent(place, day))
    with pytest.raises(OverBudget):
        budget.take("ann", 1, LIMITS)
    budget.take("bob", GIGABYTE - 3, LIMITS)
    trail.close()
