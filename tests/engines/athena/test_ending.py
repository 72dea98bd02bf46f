"""However a statement ends, its execution ends within a second and none of its files stay."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pyarrow as pa
import pytest

from flight_server.engines.athena.stream import AthenaStream
from flight_server.engines.errors import Busy, Cancelled, EngineError, TimedOut
from tests.engines.athena.running import NewEngine, Rig, elapsed, select
from tests.waiting import eventually

_SCHEMA = pa.schema([("id", pa.int64())])
_ALL = select("SELECT id AS c0 FROM inv.numbers", _SCHEMA)
# hundreds of frames of 3 MiB each: far more than wait to be read
_WIDE = pa.schema([("s", pa.string())])
_MANY = select("SELECT repeat('x', 1000000) AS c0 FROM inv.numbers WHERE id < 200", _WIDE)


def _stopped_within_a_second(rig: Rig, asked: float) -> bool:
    stops = [call.at for call in rig.aws.calls if call.operation == "StopQueryExecution"]
    return bool(stops) and stops[-1] - asked < 1.0


def test_a_cancelled_statement_ends_at_once_and_leaves_nothing(rig: Rig) -> None:
    rig.aws.latency(30, "run")
    stream = rig.begin(_ALL, _SCHEMA)
    assert eventually(rig.started)
    asked = time.time()
    threading.Timer(0.1, stream.cancel).start()
    with pytest.raises(Cancelled):
        next(stream)
    assert time.time() - asked < 1.0
    stream.close()
    assert rig.leaves_nothing()
    assert _stopped_within_a_second(rig, asked)


def test_a_statement_whose_client_is_gone_ends(rig: Rig) -> None:
    rig.aws.latency(30, "run")
    stream = rig.begin(_ALL, _SCHEMA)
    assert eventually(rig.started)
    asked = time.time()
    assert elapsed(stream.close) < 0.5
    assert rig.leaves_nothing()
    assert _stopped_within_a_second(rig, asked)


def test_a_statement_past_its_deadline_ends(rig: Rig) -> None:
    rig.aws.latency(30, "run")
    stream = rig.begin(_ALL, _SCHEMA, deadline=time.monotonic() + 1.0)
    began = time.monotonic()
    with pytest.raises(TimedOut):
        next(stream)
    assert time.monotonic() - began < 1.5
    stream.close()
    assert rig.leaves_nothing()
    assert rig.aws.executions[-1].state == "CANCELLED"


def test_a_deadline_ends_it_though_nobody_reads(rig: Rig) -> None:
    rig.aws.latency(30, "run")
    stream = rig.begin(_ALL, _SCHEMA, deadline=time.monotonic() + 1.0)
    assert rig.leaves_nothing(10)
    with pytest.raises(TimedOut):
        next(stream)
    stream.close()


def test_a_result_that_is_read_in_part_is_deleted(rig: Rig) -> None:
    stream = rig.begin(_MANY, _WIDE)
    assert next(stream).rows > 0
    stream.close()
    assert rig.leaves_nothing()


def test_a_statement_waits_for_its_reader_without_holding_a_place(
    rig: Rig, new_engine: NewEngine
) -> None:
    single = replace(rig, engine=new_engine(concurrent=1, queue_seconds=10.0))
    unread = single.begin(_MANY, _WIDE)
    assert unread.ready(10)
    assert single.engine.begin(_ALL, _SCHEMA, deadline=time.monotonic() + 10).ready(10)
    unread.close()


def test_a_waiting_statement_can_be_cancelled_and_never_starts(
    rig: Rig, new_engine: NewEngine
) -> None:
    rig.aws.latency(30, "run")
    single = replace(rig, engine=new_engine(concurrent=1, queued=1))
    first = single.begin(_ALL, _SCHEMA)
    assert eventually(rig.started)
    before = len(rig.aws.executions)
    second = single.begin(_ALL, _SCHEMA)
    assert not second.ready(0.2)
    with pytest.raises(Busy):
        for _ in range(10):
            single.begin(_ALL, _SCHEMA)
    second.cancel()
    with pytest.raises(Cancelled):
        next(second)
    for stream in (first, second):
        stream.close()
    assert rig.leaves_nothing()
    assert len(rig.aws.executions) == before


def test_a_statement_that_waits_too_long_is_told_so(rig: Rig, new_engine: NewEngine) -> None:
    rig.aws.latency(30, "run")
    single = replace(rig, engine=new_engine(concurrent=1, queue_seconds=0.3))
    first = single.begin(_ALL, _SCHEMA)
    assert eventually(rig.started)
    with pytest.raises(Busy):
        next(single.begin(_ALL, _SCHEMA))
    first.close()
    assert rig.leaves_nothing()


def test_an_engine_that_is_closed_ends_all_and_starts_none(rig: Rig, new_engine: NewEngine) -> None:
    rig.aws.latency(30, "run")
    engine = new_engine()
    streams = [replace(rig, engine=engine).begin(_ALL, _SCHEMA) for _ in range(3)]
    assert eventually(rig.started)
    engine.close()
    assert rig.left() == []
    with pytest.raises(EngineError):
        replace(rig, engine=engine).begin(_ALL, _SCHEMA)
    for stream in streams:
        with pytest.raises(Cancelled):
            next(stream)


def test_many_statements_are_watched_with_few_calls(rig: Rig) -> None:
    rig.aws.latency(1.5, "run")
    before = rig.calls("BatchGetQueryExecution")
    streams: list[AthenaStream] = [rig.begin(_ALL, _SCHEMA) for _ in range(10)]
    for stream in streams:
        assert sum(frame.rows for frame in stream) == 2_000
        stream.close()
    assert rig.calls("GetQueryExecution") == 0
    assert rig.calls("BatchGetQueryExecution") - before < 40
    assert rig.leaves_nothing()


def test_progress_is_told_while_it_runs(rig: Rig) -> None:
    rig.aws.latency(1.0, "run")
    stream = rig.begin(_ALL, _SCHEMA)
    assert eventually(lambda: stream.progress.state == "RUNNING")
    assert not stream.ready(0)
    assert stream.ready(10)
    stream.close()
    assert rig.leaves_nothing()
