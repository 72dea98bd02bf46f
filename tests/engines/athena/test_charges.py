"""The toll of statements on Athena: asked before anything is sent, settled once, whatever comes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from flight_server.engines.athena.costs import expected
from flight_server.engines.athena.settings import MIB, AthenaSettings
from flight_server.engines.athena.stream import AthenaStream
from flight_server.engines.base import Cost, Settle
from flight_server.engines.errors import (
    Busy,
    Cancelled,
    EngineError,
    EngineUnavailable,
    OutOfResources,
    TimedOut,
)
from tests.engines.athena.running import ROLE, NewEngine, Rig, select
from tests.engines.rig import soon
from tests.waiting import eventually

SCHEMA = pa.schema([("id", pa.int64())])
ALL = select("SELECT id AS c0 FROM inv.numbers", SCHEMA)
LEAST = 10 * MIB


@dataclass
class Book:
    """A toll that writes down what it is told."""

    rig: Rig
    refuses: bool = False
    asked: list[Cost] = field(default_factory=list)
    settled: list[Cost] = field(default_factory=list)

    def __call__(self, cost: Cost) -> Settle:
        self.asked.append(cost)
        if self.refuses:
            raise Busy("no")
        return self.settled.append

    def begin(self, **options: Any) -> AthenaStream:
        return self.rig.begin(ALL, SCHEMA, toll=self, **options)


@pytest.fixture
def book(rig: Rig) -> Iterator[Book]:
    made = Book(rig)
    yield made
    assert rig.leaves_nothing()
    assert len(made.settled) == (0 if made.refuses else len(made.asked))


def test_what_it_will_cost_is_told_before_it_is_sent_and_what_it_cost_before_the_first_row(
    book: Book,
) -> None:
    before = book.rig.calls("StartQueryExecution")
    book.refuses = True
    with pytest.raises(Busy):
        book.begin(size=1)
    assert book.rig.calls("StartQueryExecution") == before
    book.refuses = False
    book.asked.clear()
    stream = book.begin(size=50 * MIB + 1)
    try:
        next(stream)
        (cost,) = book.settled
    finally:
        stream.close()
        stream.join(20)
    assert book.asked == [Cost(50 * MIB + 1, 51 * MIB, 51 * MIB / 2**40 * 5.0)]
    assert (cost, cost.billed, cost.certain) == (stream.cost, LEAST, True)


def test_where_tables_tell_no_size_what_is_assumed_counts() -> None:
    settings = AthenaSettings(assumed=100 * MIB, price_per_tb=2**20)
    assert expected(None, settings).billed == 100 * MIB
    assert expected(200 * MIB, settings).usd == 200.0
    assert expected(0, settings).billed == LEAST


def test_what_fails_is_free(book: Book) -> None:
    book.rig.aws.fail_statement("HIVE_BAD_DATA: it failed", category=2)
    with pytest.raises(EngineError):
        list(book.begin())
    (cost,) = book.settled
    assert (cost.billed, cost.usd, cost.certain) == (0, 0.0, True)


def test_each_attempt_counts(book: Book) -> None:
    book.rig.aws.fail_statement("GENERIC_INTERNAL_ERROR: x", category=1, retryable=True)
    stream = book.begin()
    assert sum(frame.rows for frame in stream) == 2_000
    stream.close()
    (cost,) = book.settled
    assert (len(book.asked), cost.billed) == (1, LEAST)


@pytest.mark.parametrize("how", ["cancelled", "closed", "late"])
def test_what_is_ended_costs_what_it_had_read_once_athena_says_so(book: Book, how: str) -> None:
    book.rig.aws.latency(30, of="run")
    stream = book.begin(deadline=soon(8 if how == "late" else 30))
    assert eventually(book.rig.started, 20)
    assert book.settled == []
    if how == "cancelled":
        stream.cancel()
    if how == "closed":
        stream.close()
    else:
        with pytest.raises((Cancelled, TimedOut)):
            next(stream)
    assert eventually(lambda: len(book.settled) == 1, 20)
    assert book.settled == [Cost()]  # it had read nothing yet
    stream.close()


def test_what_a_work_group_ends_for_reading_too_much_is_paid(
    book: Book, new_engine: NewEngine
) -> None:
    aws = book.rig.aws
    aws.client("athena").create_work_group(
        Name="small",
        Configuration={
            "BytesScannedCutoffPerQuery": 10_000_000,
            "EnforceWorkGroupConfiguration": False,
        },
    )
    rows = pa.table({"id": np.random.default_rng(1).integers(0, 2**62, 1_500_000)})
    aws.put_table("inv.large", rows, "s3://lake-of-statements/large")
    engine = new_engine(default=replace(ROLE, workgroup="small"))
    summed = select("SELECT max(id) AS c0 FROM inv.large", SCHEMA)
    with pytest.raises(OutOfResources):
        next(engine.begin(summed, SCHEMA, deadline=soon(30), toll=book))
    (cost,) = book.settled
    assert cost.billed - MIB < cost.scanned <= cost.billed
    assert cost.scanned > 10_000_000
    assert cost.usd > 0


def test_what_is_refused_before_it_runs_costs_nothing(book: Book) -> None:
    aws = book.rig.aws
    aws.fail("StartQueryExecution", 1, code="InvalidRequestException", message="no", status=400)
    with pytest.raises(EngineError):
        list(book.begin())
    assert book.settled == [Cost()]


def test_an_engine_that_is_closed_asks_for_nothing(rig: Rig) -> None:
    book = Book(rig)
    rig.engine.close()
    with pytest.raises(EngineError, match="closed"):
        book.begin()
    assert len(book.asked) == len(book.settled)


def test_what_nobody_can_tell_the_cost_of_is_not_taken_for_certain(
    book: Book, new_engine: NewEngine
) -> None:
    aws = book.rig.aws
    engine = new_engine(unreachable_seconds=0.5, attempts=1)
    aws.latency(30, of="run")
    stream = engine.begin(ALL, SCHEMA, deadline=soon(30), toll=book)
    assert eventually(book.rig.started, 20)
    aws.fail("BatchGetQueryExecution", 50, code="InternalServerException", message="x", status=500)
    with pytest.raises(EngineUnavailable):
        next(stream)
    assert [cost.certain for cost in book.settled] == [False]
    stream.close()
    stream.join(20)
    aws.clear_faults()
