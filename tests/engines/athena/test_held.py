"""What runs ahead is found by whoever has its name, on any server, and by nobody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from flight_server.engines.athena.engine import AthenaEngine
from flight_server.engines.athena.leases import Lease
from flight_server.engines.athena.unload import found_again, place
from flight_server.engines.base import Ahead, Cost, EngineStream, Errand, Settle
from flight_server.engines.errors import Cancelled, EngineError, ExecutionFailed, TimedOut
from tests.engines.athena.running import STAGING, NewEngine, Rig, select
from tests.engines.rig import decoded, soon
from tests.waiting import eventually, within

_SCHEMA = pa.schema([("id", pa.int64())])
_ALL = select("SELECT id AS c0 FROM inv.numbers", _SCHEMA)
_OTHER = select("SELECT id AS c0 FROM inv.numbers WHERE id < 10", _SCHEMA)
_ORDERED = select(
    "SELECT id AS c0 FROM inv.numbers",
    _SCHEMA,
    ordered="SELECT id AS c0 FROM inv.numbers ORDER BY 1",
)


def find(engine: AthenaEngine, name: str, *, ahead: bool = False, **options: Any) -> EngineStream:
    statement = options.pop("statement", _ALL)
    given = {"deadline": soon(30), **options}
    return engine.find(Errand(name, ahead), statement, _SCHEMA, **given)


def ahead(engine: AthenaEngine, name: str, **options: Any) -> Ahead:
    stream = find(engine, name, ahead=True, **options)
    assert isinstance(stream, Ahead)
    return stream


def finished(stream: Ahead) -> Callable[[], bool]:
    return lambda: stream.progress().state == "finished"


def read(engine: AthenaEngine, name: str, **options: Any) -> pa.Table:
    stream = find(engine, name, **options)
    try:
        return decoded(stream, _SCHEMA)
    finally:
        stream.close()


def started(rig: Rig) -> int:
    """How many executions there are."""
    return len(rig.aws.executions)


@pytest.mark.parametrize("statement", [_ALL, _ORDERED], ids=["files", "csv"])
def test_what_runs_ahead_is_read_without_running_anew(rig: Rig, statement: Any) -> None:
    rig.aws.latency(0.5, "run")
    before = started(rig)
    held = ahead(rig.engine, "a", statement=statement)
    assert held.progress().state in ("waiting", "queued")
    assert eventually(finished(held))
    for _ in range(2):
        assert read(rig.engine, "a", statement=statement).num_rows == 2_000
    assert started(rig) - before == 1
    assert rig.left()
    held.close()
    assert rig.leaves_nothing()


def test_a_running_statement_is_met_by_who_reads_it(rig: Rig) -> None:
    rig.aws.latency(1.0, "run")
    before = started(rig)
    held = ahead(rig.engine, "b")
    assert eventually(rig.started)
    assert read(rig.engine, "b").num_rows == 2_000
    held.close()
    assert started(rig) - before == 1
    assert rig.leaves_nothing()


def test_another_server_finds_what_runs_and_what_has_run(rig: Rig, new_engine: NewEngine) -> None:
    rig.aws.latency(1.0, "run")
    before, other = started(rig), new_engine()
    here = ahead(rig.engine, "c")
    assert eventually(rig.started)
    assert read(other, "c").num_rows == 2_000
    # it left, and nobody there wants it: but it is wanted here
    assert eventually(finished(here))
    assert read(other, "c").num_rows == 2_000
    assert read(rig.engine, "c").num_rows == 2_000
    assert started(rig) - before == 1
    here.close()


def test_only_who_started_it_pays(rig: Rig, new_engine: NewEngine) -> None:
    paid: dict[str, list[Cost]] = {"here": [], "there": []}

    def toll(who: str) -> Callable[[Cost], Settle]:
        return lambda _expected: paid[who].append

    here = ahead(rig.engine, "d", toll=toll("here"))
    assert eventually(finished(here))
    assert read(rig.engine, "d", toll=toll("here")).num_rows == 2_000
    assert read(new_engine(), "d", toll=toll("there")).num_rows == 2_000
    here.close()
    assert [cost.scanned > 0 for cost in paid["here"]] == [True]
    assert [cost.scanned for cost in paid["there"]] == [0]


def test_another_name_and_another_text_are_other_executions(rig: Rig) -> None:
    before = started(rig)
    held = [
        ahead(rig.engine, "e"),
        ahead(rig.engine, "f"),
        ahead(rig.engine, "e", statement=_OTHER),
    ]
    for each in held:
        assert eventually(finished(each))
    assert started(rig) - before == 3
    assert read(rig.engine, "e", statement=_OTHER).num_rows == 10
    for each in held:
        each.close()
    assert rig.leaves_nothing()


def test_what_nobody_wants_any_more_ends_at_once(rig: Rig) -> None:
    rig.aws.latency(30, "run")
    held = ahead(rig.engine, "g")
    assert eventually(rig.started)
    reader = find(rig.engine, "g")
    reader.close()
    time.sleep(1.0)
    assert rig.started()  # it is still wanted
    asked = time.time()
    held.close()
    assert rig.leaves_nothing()
    stops = [call.at for call in rig.aws.calls if call.operation == "StopQueryExecution"]
    assert stops
    assert stops[-1] - asked < 1.0


def test_what_another_server_wants_runs_on(rig: Rig, new_engine: NewEngine) -> None:
    rig.aws.latency(3, "run")
    before, other = started(rig), new_engine()
    here, there = ahead(rig.engine, "h"), ahead(other, "h")
    assert eventually(rig.started)
    time.sleep(0.5)
    stops = rig.calls("StopQueryExecution")
    here.close()
    assert eventually(finished(there))
    assert read(other, "h").num_rows == 2_000
    assert rig.calls("StopQueryExecution") == stops
    assert started(rig) - before == 1
    there.close()


def test_an_engine_that_closes_leaves_to_others_what_they_want(
    rig: Rig, new_engine: NewEngine
) -> None:
    rig.aws.latency(2, "run")
    closing = new_engine()
    there, here = ahead(closing, "i"), ahead(rig.engine, "i")
    assert eventually(rig.started)
    time.sleep(0.5)
    closing.close()
    with pytest.raises(EngineError):
        there.progress()
    assert eventually(finished(here))
    assert read(rig.engine, "i").num_rows == 2_000
    here.close()


def test_an_engine_that_closes_ends_what_nobody_else_wants(new_engine: NewEngine, rig: Rig) -> None:
    rig.aws.latency(30, "run")
    closing = new_engine()
    ahead(closing, "j")
    assert eventually(rig.started)
    closing.close()
    assert not rig.left()


def test_a_cancelled_one_ends_for_all(rig: Rig, new_engine: NewEngine) -> None:
    rig.aws.latency(30, "run")
    here, there = ahead(rig.engine, "k"), ahead(new_engine(), "k")
    assert eventually(rig.started)
    time.sleep(0.5)
    reader = find(rig.engine, "k")
    here.cancel()
    for stream in (here, there, reader):
        with pytest.raises(Cancelled):
            next(iter(stream))
        stream.close()
    assert rig.leaves_nothing()


def test_one_that_runs_past_its_deadline_ends(rig: Rig) -> None:
    rig.aws.latency(30, "run")
    held = ahead(rig.engine, "l", deadline=soon(1.0))
    with pytest.raises(TimedOut):
        next(iter(held))
    held.close()
    assert rig.leaves_nothing()


def test_one_that_fails_stays_failed_wherever_it_is_asked_for(
    rig: Rig, new_engine: NewEngine
) -> None:
    rig.aws.fail_statement("DIVISION_BY_ZERO: Division by zero")
    before = started(rig)
    held = ahead(rig.engine, "m")
    for _ in range(2):
        with pytest.raises(ExecutionFailed):
            next(iter(held))
    for engine in (rig.engine, new_engine()):
        with pytest.raises(ExecutionFailed):
            read(engine, "m")
    held.close()
    assert started(rig) - before == 1
    assert rig.leaves_nothing()


def test_what_was_read_and_deleted_runs_anew(rig: Rig) -> None:
    before = started(rig)
    assert read(rig.engine, "n").num_rows == 2_000
    assert rig.leaves_nothing()
    assert read(rig.engine, "n").num_rows == 2_000
    assert rig.leaves_nothing()
    assert started(rig) - before == 2


def test_what_was_read_and_deleted_is_not_paid_again(rig: Rig) -> None:
    paid: list[Cost] = []
    for _ in range(3):
        assert read(rig.engine, "s", toll=lambda _expected: paid.append).num_rows == 2_000
        assert rig.leaves_nothing()
    assert len(paid) == 3
    assert paid[0].scanned > 0
    assert len(set(paid)) == 1


def test_tokens_are_made_of_all_that_is_said_and_of_the_secret() -> None:
    first = list(zip(range(20), found_again("secret", "a", "b"), strict=False))
    assert first[:16] == list(zip(range(16), found_again("secret", "a", "b"), strict=False))
    others = [
        found_again("secret", "ab"),
        found_again("other", "a", "b"),
        found_again("secret", "a"),
    ]
    tokens = [token for _, token in first] + [next(other) for other in others]
    assert len(set(tokens)) == len(tokens)
    assert all(32 <= len(token) <= 128 for token in tokens)


def test_a_mark_that_is_not_renewed_counts_no_more(rig: Rig) -> None:
    held = ahead(rig.engine, "o")
    assert eventually(finished(held))
    (mark,) = [each for each in rig.left() if "/held/" in each]
    token = mark.split("/held/")[0].rpartition("/")[2]
    account = rig.engine._accounts.of(frozenset())
    where = place(STAGING, token)
    assert not Lease(account).is_free(where)
    time.sleep(1.1)
    assert Lease(account, seconds=1.0).is_free(where)
    held.close()


def test_a_toll_that_takes_long_holds_up_nobody_else(rig: Rig) -> None:
    """It is recorded before anything is begun, and a disk may be slow."""
    before, asked, paid = started(rig), threading.Event(), threading.Event()

    def slow(_expected: Cost) -> Settle:
        asked.set()
        paid.wait(10)
        return lambda _cost: None

    found: list[Ahead] = []
    same = [
        threading.Thread(target=lambda: found.append(ahead(rig.engine, "p", toll=slow)))
        for _ in range(3)
    ]
    for thread in same:
        thread.start()
    assert asked.wait(5)
    with within(5, "another statement"):
        ahead(rig.engine, "q").close()
    assert not found
    paid.set()
    for thread in same:
        thread.join(10)
    assert len(found) == 3
    assert all(eventually(finished(each)) for each in found)
    assert started(rig) - before <= 2  # one of the three, and the other where it had begun
    for each in found:
        each.close()
    assert rig.leaves_nothing()


@pytest.mark.parametrize("name", ["athena-held", "athena-run"])
def test_where_there_is_no_thread_nothing_is_owed_or_waited_for(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    settled: list[Cost] = []
    start = threading.Thread.start

    def none(thread: threading.Thread) -> None:
        if thread.name == name:
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none)
        for begin in (find, lambda engine, _, **options: engine.begin(_ALL, _SCHEMA, **options)):
            if name == "athena-held" and begin is not find:
                continue
            with pytest.raises(RuntimeError):
                begin(rig.engine, "r", toll=lambda _expected: settled.append, deadline=soon(30))
    assert eventually(lambda: len(settled) == (1 if name == "athena-held" else 2))
    assert rig.leaves_nothing()
    with within(10, "the same statement"):
        assert read(rig.engine, "r").num_rows == 2_000
    assert rig.leaves_nothing()
    assert not rig.engine._streams
