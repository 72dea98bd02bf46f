"""Slow storage, credentials that end while rows come, and what work groups insist on."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import Any

import pyarrow as pa
import pytest

from flight_server.engines import errors
from flight_server.engines.athena.stream import AthenaStream
from tests.engines.athena.running import ROLE, NewEngine, Rig, select
from tests.waiting import eventually

_SCHEMA = pa.schema([("id", pa.int64())])
_ALL = select("SELECT id AS c0 FROM inv.numbers", _SCHEMA)
_WIDE = pa.schema([("s", pa.string())])
_MANY = select("SELECT repeat('x', 1000000) AS c0 FROM inv.numbers WHERE id < 200", _WIDE)


def _group(rig: Rig, name: str, **settings: Any) -> None:
    chosen = {"EnforceWorkGroupConfiguration": False, **settings}
    rig.aws.client("athena").create_work_group(Name=name, Configuration=chosen)


def _fails(rig: Rig, stream: AthenaStream) -> errors.EngineError:
    """How a stream ends; nothing is left of it."""
    with pytest.raises(errors.EngineError) as caught:
        list(stream)
    stream.close()
    assert rig.leaves_nothing()
    assert "s3" not in str(caught.value)
    return caught.value


def test_a_slow_storage_is_waited_for(rig: Rig) -> None:
    rig.aws.latency(1.0, "s3:GetObject")
    assert rig.rows(_ALL, _SCHEMA).num_rows == 2_000


def test_a_storage_that_does_not_answer_is_told_within_bounds(
    rig: Rig, new_engine: NewEngine
) -> None:
    hasty = replace(rig, engine=new_engine(request_seconds=0.2))
    rig.aws.latency(3.0, "s3:GetObject")
    began = time.monotonic()
    stream = hasty.begin(_ALL, _SCHEMA)
    with pytest.raises(errors.StorageFailed):
        list(stream)
    assert time.monotonic() - began < 25
    rig.aws.clear_faults()
    stream.close()
    assert rig.leaves_nothing()


def test_a_storage_that_fails_for_good_is_told(rig: Rig) -> None:
    rig.aws.fail("s3:GetObject", -1)
    assert isinstance(_fails(rig, rig.begin(_ALL, _SCHEMA)), errors.StorageFailed)


def test_a_file_that_goes_while_others_are_read_is_told(rig: Rig, new_engine: NewEngine) -> None:
    one_ahead = replace(rig, engine=new_engine(prefetch=1))
    stream = one_ahead.begin(_MANY, _WIDE)
    next(stream)
    for place in rig.aws.objects("s3://results-of-statements/"):
        if "/data/" in place:
            rig.aws.drop_object(place)
    assert isinstance(_fails(rig, stream), errors.DataMissing)


def test_credentials_that_end_while_rows_come_are_taken_anew(
    rig: Rig, new_engine: NewEngine
) -> None:
    one_ahead = replace(rig, engine=new_engine(prefetch=1))
    stream = one_ahead.begin(_MANY, _WIDE)
    rows = next(stream).rows
    rig.aws.expire_credentials()
    time.sleep(0.3)
    rig.aws.renew_credentials()
    assert rows + sum(frame.rows for frame in stream) == 200
    stream.close()
    assert rig.leaves_nothing()


def test_credentials_that_have_ended_for_good_while_rows_come_are_told(
    rig: Rig, new_engine: NewEngine
) -> None:
    one_ahead = replace(rig, engine=new_engine(prefetch=1))
    stream = one_ahead.begin(_MANY, _WIDE)
    next(stream)
    rig.aws.expire_credentials()
    with pytest.raises(errors.StorageFailed):
        list(stream)
    rig.aws.renew_credentials()
    stream.close()
    assert rig.leaves_nothing()


def test_an_account_that_takes_no_more_meanwhile_runs_all_in_the_end(rig: Rig) -> None:
    rig.aws.limit(concurrent=1)
    rig.aws.latency(0.3, "run")
    streams = [rig.begin(_ALL, _SCHEMA) for _ in range(3)]
    assert [sum(frame.rows for frame in stream) for stream in streams] == [2_000] * 3
    for stream in streams:
        stream.close()
    assert rig.leaves_nothing()


def test_a_work_group_that_keeps_its_results_refuses_files(rig: Rig, new_engine: NewEngine) -> None:
    _group(rig, "keeping", ManagedQueryResultsConfiguration={"Enabled": True})
    before = len(rig.aws.executions)
    misled = replace(rig, engine=new_engine(default=replace(ROLE, workgroup="keeping")))
    _fails(rig, misled.begin(_ALL, _SCHEMA))
    assert len(rig.aws.executions) == before


def test_a_work_group_that_is_not_there_is_told(rig: Rig, new_engine: NewEngine) -> None:
    before = len(rig.aws.executions)
    misled = replace(rig, engine=new_engine(default=replace(ROLE, workgroup="nowhere")))
    assert "nowhere" not in str(_fails(rig, misled.begin(_ALL, _SCHEMA)))
    assert len(rig.aws.executions) == before


def test_a_statement_that_reads_more_than_its_work_group_allows_is_told(
    rig: Rig, new_engine: NewEngine
) -> None:
    wide = pa.table({"s": ["x" * 10_000] * 1_100})
    rig.aws.put_table("inv.wide", wide, "s3://lake-of-statements/wide", file_format="text")
    _group(rig, "bounded", BytesScannedCutoffPerQuery=10_000_000)
    bounded = replace(rig, engine=new_engine(default=replace(ROLE, workgroup="bounded")))
    stream = bounded.begin(select("SELECT s AS c0 FROM inv.wide", _WIDE), _WIDE)
    assert isinstance(_fails(rig, stream), errors.OutOfResources)
    assert rig.aws.executions[-1].state == "CANCELLED"


def test_a_staging_place_that_may_not_be_written_is_told(rig: Rig, new_engine: NewEngine) -> None:
    elsewhere = replace(ROLE, staging="s3://no-such-bucket-at-all/staging")
    misled = replace(rig, engine=new_engine(default=elsewhere))
    stream = misled.begin(_ALL, _SCHEMA)
    assert "bucket" not in str(_fails(rig, stream))


def test_statements_ended_by_others_at_any_moment_leave_nothing(rig: Rig) -> None:
    athena = rig.aws.client("athena")
    rig.aws.latency(0.2, "queue")
    rig.aws.latency(30, "run")
    for wanted in ("QUEUED", "RUNNING"):
        before = len(rig.aws.executions)
        stream = rig.begin(_ALL, _SCHEMA)
        assert eventually(partial(_has_come_to, rig, before, wanted))
        athena.stop_query_execution(QueryExecutionId=rig.aws.executions[before].id)
        assert isinstance(_fails(rig, stream), errors.Cancelled)


def _has_come_to(rig: Rig, number: int, state: str) -> bool:
    executions = rig.aws.executions
    return len(executions) > number and executions[number].state == state
