"""How long one more statement would wait is told from what runs, what waits and what is typical."""

from __future__ import annotations

import pytest

from flight_server.engines.duckdb.load import Load
from tests.engines import rig
from tests.engines.conftest import NewEngine


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def load(clock: Clock) -> Load:
    """Two places, and statements that typically take two seconds."""
    made = Load(2, clock)
    made.began("first")
    clock.now += 2.0
    made.ended("first")
    return made


def test_nobody_waits_while_a_place_is_free(load: Load) -> None:
    assert load.wait() == 0.0
    load.began("a")
    assert load.wait() == 0.0


def test_what_runs_is_taken_to_need_what_is_typical(load: Load, clock: Clock) -> None:
    load.began("a")
    clock.now += 0.5
    load.began("b")
    clock.now += 0.5
    assert load.wait() == pytest.approx(1.0)


def test_what_runs_for_long_is_taken_to_need_as_long_again(load: Load, clock: Clock) -> None:
    load.began("a")
    load.began("b")
    clock.now += 30.0
    assert load.wait() == pytest.approx(30.0)


def test_those_who_wait_before_come_first(load: Load) -> None:
    load.began("a")
    load.began("b")
    for _ in range(5):
        load.waits(1)
    assert load.wait() == pytest.approx(6.0)
    for _ in range(5):
        load.waits(-1)
    load.ended("a")
    assert load.wait() == 0.0


def test_what_is_typical_follows_slowly(load: Load, clock: Clock) -> None:
    load.began("a")
    clock.now += 12.0
    load.ended("a")
    load.ended("a")
    load.began("b")
    load.began("c")
    assert load.wait() == pytest.approx(3.0)


def test_the_pool_counts_what_it_runs(new_engine: NewEngine) -> None:
    engine = new_engine(workers=1)
    assert engine.wait() == 0.0
    statement = rig.secured("SELECT count(*) FROM range(3) a, range(3) b")
    schema = engine.describe(statement, None, deadline=rig.soon())
    for _ in range(3):
        stream = engine.run(statement, None, schema, deadline=rig.soon())
        assert engine.wait() > 0.0
        stream.close()
        assert engine.wait() == 0.0
