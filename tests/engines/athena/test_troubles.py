"""What goes wrong at AWS is tried again within bounds, or told as an error of ours."""

from __future__ import annotations

import time
from dataclasses import replace

import pyarrow as pa
import pytest

from flight_server.engines import errors
from flight_server.engines.athena.translated import Translated
from tests.engines.athena.running import STAGING, NewEngine, Rig, select
from tests.waiting import eventually

_SCHEMA = pa.schema([("id", pa.int64())])
_ALL = select("SELECT id AS c0 FROM inv.numbers", _SCHEMA)


def _fails(rig: Rig, kind: type[errors.EngineError], statement: Translated = _ALL) -> str:
    with pytest.raises(errors.EngineError) as caught:
        rig.rows(statement, _SCHEMA)
    assert type(caught.value) is kind
    assert rig.leaves_nothing()
    return str(caught.value)


@pytest.mark.parametrize(
    "operation",
    ["StartQueryExecution", "BatchGetQueryExecution", "s3:GetObject", "s3:DeleteObjects"],
)
def test_throttled_calls_are_made_again(rig: Rig, operation: str) -> None:
    rig.aws.throttle(operation, 2)
    assert rig.rows(_ALL, _SCHEMA).num_rows == 2_000


@pytest.mark.parametrize(
    "operation", ["StartQueryExecution", "BatchGetQueryExecution", "s3:GetObject"]
)
def test_internal_faults_are_met_by_another_call(rig: Rig, operation: str) -> None:
    rig.aws.fail(operation, 2)
    assert rig.rows(_ALL, _SCHEMA).num_rows == 2_000


def test_a_start_that_is_asked_for_twice_is_one_execution(rig: Rig) -> None:
    before = len(rig.aws.executions)
    rig.aws.fail("StartQueryExecution", 3)
    rig.rows(_ALL, _SCHEMA)
    assert len(rig.aws.executions) == before + 1


def test_a_full_account_is_waited_for_and_then_told(rig: Rig, new_engine: NewEngine) -> None:
    rig.aws.limit(concurrent=0)
    impatient = replace(rig, engine=new_engine(queue_seconds=0.5))
    assert "busy" in _fails(impatient, errors.Busy)


def test_a_place_that_becomes_free_is_taken(rig: Rig) -> None:
    rig.aws.limit(concurrent=0)
    stream = rig.begin(_ALL, _SCHEMA)
    assert not stream.ready(0.5)
    rig.aws.limit(concurrent=20)
    assert sum(frame.rows for frame in stream) == 2_000
    stream.close()
    assert rig.leaves_nothing()


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("DIVISION_BY_ZERO: / by zero", errors.ExecutionFailed),
        ("EXCEEDED_LOCAL_MEMORY_LIMIT: Query exceeded", errors.OutOfResources),
        ("SYNTAX_ERROR: line 1:8: Column 'ssn' cannot be resolved", errors.EngineError),
    ],
)
def test_a_failed_execution_is_told_in_our_words(
    rig: Rig, reason: str, kind: type[errors.EngineError]
) -> None:
    rig.aws.fail_statement(reason)
    before = len(rig.aws.executions)
    told = _fails(rig, kind)
    assert "ssn" not in told
    assert "line 1" not in told
    assert len(rig.aws.executions) == before + 1


def test_athenas_own_fault_is_met_by_another_execution(rig: Rig) -> None:
    rig.aws.fail_statement("GENERIC_INTERNAL_ERROR: s3://secret", category=1, retryable=True)
    before = len(rig.aws.executions)
    assert rig.rows(_ALL, _SCHEMA).num_rows == 2_000
    assert len(rig.aws.executions) == before + 2


def test_athena_is_given_up_after_some_executions(rig: Rig) -> None:
    for _ in range(2):
        rig.aws.fail_statement("GENERIC_INTERNAL_ERROR: s3://secret", category=1, retryable=True)
    assert "secret" not in _fails(rig, errors.WorkerLost)


def test_an_execution_that_others_end_is_cancelled(rig: Rig) -> None:
    rig.aws.latency(30, "run")
    stream = rig.begin(_ALL, _SCHEMA)
    assert eventually(rig.started)
    rig.aws.client("athena").stop_query_execution(QueryExecutionId=rig.aws.executions[-1].id)
    with pytest.raises(errors.Cancelled):
        next(stream)
    stream.close()
    assert rig.leaves_nothing()


def test_a_manifest_that_names_a_missing_file_is_told(rig: Rig) -> None:
    rig.aws.lose_files(1)
    assert "s3" not in _fails(rig, errors.DataMissing)


def test_a_cutoff_of_the_work_group_is_told(rig: Rig, new_engine: NewEngine) -> None:
    rig.aws.client("athena").create_work_group(
        Name="cut",
        Configuration={
            "EnforceWorkGroupConfiguration": False,
            "BytesScannedCutoffPerQuery": 10_000_000,
        },
    )
    role = replace(rig.engine._settings.default, workgroup="cut")
    rig.aws.fail_statement("Query cancelled! : Bytes scanned limit was exceeded")
    cut = replace(rig, engine=new_engine(default=role))
    assert "work group" in _fails(cut, errors.OutOfResources)


def test_credentials_that_expire_and_are_renewed_go_unnoticed(rig: Rig) -> None:
    rig.aws.latency(1.0, "run")
    stream = rig.begin(_ALL, _SCHEMA)
    assert eventually(rig.started)
    rig.aws.expire_credentials()
    time.sleep(0.5)
    rig.aws.renew_credentials()
    assert sum(frame.rows for frame in stream) == 2_000
    stream.close()
    assert rig.leaves_nothing()


def test_credentials_that_stay_expired_are_told(rig: Rig, new_engine: NewEngine) -> None:
    rig.aws.latency(60.0, "run")
    impatient = replace(rig, engine=new_engine(unreachable_seconds=0.5))
    stream = impatient.begin(_ALL, _SCHEMA)
    assert eventually(rig.started)
    rig.aws.expire_credentials()
    with pytest.raises(errors.EngineUnavailable, match="credentials"):
        next(stream)
    stream.close()
    stream.join(10)
    rig.aws.renew_credentials()
    # nothing could be told to Athena before: it is now
    assert rig.leaves_nothing()


def test_an_account_that_does_not_answer_is_told(new_engine: NewEngine, rig: Rig) -> None:
    away = new_engine(endpoint="http://127.0.0.1:9", unreachable_seconds=0.5, request_seconds=1.0)
    with pytest.raises(errors.EngineUnavailable):
        next(replace(rig, engine=away).begin(_ALL, _SCHEMA))


def test_a_slow_storage_does_not_hold_who_cancels(rig: Rig) -> None:
    rig.aws.latency(3.0, "s3:GetObject")
    stream = rig.begin(_ALL, _SCHEMA)
    assert eventually(lambda: stream.progress.state == "SUCCEEDED")
    began = time.monotonic()
    stream.cancel()
    with pytest.raises(errors.Cancelled):
        next(stream)
    stream.close()
    assert time.monotonic() - began < 0.5
    rig.aws.latency(0.0, "s3:GetObject")
    assert rig.leaves_nothing()


def test_a_manifest_that_names_files_of_others_is_refused(rig: Rig) -> None:
    rig.aws.latency(2.0, "s3:GetObject")
    stream = rig.begin(_ALL, _SCHEMA)
    assert eventually(lambda: stream.progress.state == "SUCCEEDED", 10)
    s3 = rig.aws.client("s3")
    own = f"{rig.aws.executions[-1].id}-manifest.csv"
    (manifest,) = [each for each in rig.aws.objects(STAGING) if each.endswith(own)]
    bucket, _, key = manifest.removeprefix("s3://").partition("/")
    s3.put_object(Bucket=bucket, Key=key, Body=b"s3://lake-of-statements/numbers/secret\n")
    with pytest.raises(errors.EngineError):
        list(stream)
    stream.close()
    assert rig.leaves_nothing()


def test_a_text_that_is_too_long_is_refused(rig: Rig) -> None:
    long = select(f"SELECT {'1 + ' * 70_000}1 AS c0", _SCHEMA)
    _fails(rig, errors.OutOfResources, long)
