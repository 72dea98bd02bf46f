"""What costs money in the course of a statement: recorded before it begins, told with the end."""

from __future__ import annotations

from typing import Any

import pytest

from flight_server.engines.base import Cost, Settle
from flight_server.query.audit.records import Scribe
from flight_server.query.audit.signing import signing_key
from flight_server.query.course import Course
from flight_server.query.errors import AuditUnavailable, OverBudget
from flight_server.query.events import (
    Event,
    Receipt,
    StatementCharged,
    StatementEnded,
)
from tests.query.test_audit_log import start

EXPECTED, ACTUAL = Cost(50, 60, 0.5), Cost(5, 6, 0.25)


class Heard:
    """A listener whose records of charges may fail to be written."""

    def __init__(self, *, fails: bool = False) -> None:
        self.events: list[Event] = []
        self._fails = fails

    def tell(self, event: Event) -> Receipt | None:
        self.events.append(event)
        return self._wait if isinstance(event, StatementCharged) else None

    def _wait(self) -> None:
        if self._fails:
            raise AuditUnavailable("not now")

    def ends(self) -> list[Cost | None]:
        return [event.cost for event in self.events if isinstance(event, StatementEnded)]


class Purse:
    """A budget that writes down what is settled."""

    def __init__(self) -> None:
        self.settled: list[Cost] = []

    def __call__(self, _expected: Cost) -> Settle:
        return self.settled.append


def course(heard: Heard) -> Course:
    return Course(heard, start())


def test_an_end_that_owes_nothing_is_told_at_once() -> None:
    heard = Heard()
    run = course(heard)
    run.end(None, whole=True)
    assert heard.ends() == [None]
    assert run.cost is None


def test_a_charge_is_recorded_before_it_is_begun_and_its_cost_told_with_the_end() -> None:
    heard, purse = Heard(), Purse()
    run = course(heard)
    settle = run.toll(purse)(EXPECTED)
    (charged,) = heard.events
    assert isinstance(charged, StatementCharged)
    assert charged.expected == EXPECTED
    settle(ACTUAL)
    run.end(None, whole=True)
    assert heard.ends() == [ACTUAL]
    assert (purse.settled, run.cost) == ([ACTUAL], ACTUAL)


def test_an_end_waits_for_all_that_is_still_owed() -> None:
    heard, purse = Heard(), Purse()
    run = course(heard)
    first, second = (run.toll(purse)(EXPECTED) for _ in range(2))
    first(ACTUAL)
    run.end(None)
    assert heard.ends() == []
    second(Cost(1, 1, 1.0, certain=False))
    assert heard.ends() == [Cost(6, 7, 1.25, certain=False)]


def test_what_a_budget_refuses_is_not_recorded() -> None:
    def refuse(_expected: Cost) -> Settle:
        raise OverBudget("no")

    heard = Heard()
    run = course(heard)
    with pytest.raises(OverBudget):
        run.toll(refuse)(EXPECTED)
    run.end(OverBudget("no"))
    assert len(heard.events) == 1
    assert heard.ends() == [None]


def test_what_cannot_be_recorded_is_not_begun_and_not_held() -> None:
    heard, purse = Heard(fails=True), Purse()
    run = course(heard)
    with pytest.raises(AuditUnavailable):
        run.toll(purse)(EXPECTED)
    assert purse.settled == [Cost()]
    run.end(AuditUnavailable("not now"))
    assert heard.ends() == [None]


def records(event: Event) -> list[dict[str, Any]]:
    scribe = Scribe(signing_key("k" * 32).namer())
    return [dict(record) for record in scribe.records(event)]


def test_records_tell_what_is_expected_and_what_it_was() -> None:
    heard = Heard()
    run = course(heard)
    settle = run.toll(Purse())(EXPECTED)
    settle(Cost(5, 6, 0.25, certain=False))
    run.end(None, whole=True)
    (charge,), (end,) = (records(event) for event in heard.events)
    assert (charge["event"], end["event"]) == ("charge", "end")
    assert charge["cost"] == {"scanned": 50, "billed": 60, "usd": 0.5}
    assert end["cost"] == {"scanned": 5, "billed": 6, "usd": 0.25, "certain": False}
    assert charge["query_id"] == end["query_id"]
