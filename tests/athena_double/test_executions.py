"""The life of executions, work groups, and every fault that can be ordered."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError

from flight_server.testing.athena import AthenaDouble
from tests.athena_double.conftest import RESULTS, ended

Start = Callable[..., str]
Run = Callable[..., dict[str, Any]]
LONG = "SELECT sum(a.px * b.px * c.px) FROM trades a CROSS JOIN trades b CROSS JOIN trades c"


def state(aws: AthenaDouble, identifier: str) -> str:
    answer = aws.client("athena").get_query_execution(QueryExecutionId=identifier)
    return str(answer["QueryExecution"]["Status"]["State"])


def await_state(aws: AthenaDouble, identifier: str, wanted: str) -> None:
    until = time.monotonic() + 20
    while state(aws, identifier) != wanted:
        assert time.monotonic() < until
        time.sleep(0.01)


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_a_stopped_statement_ends_at_once(aws: AthenaDouble, start: Start) -> None:
    identifier = start(LONG)
    await_state(aws, identifier, "RUNNING")
    time.sleep(0.2)
    begun = time.monotonic()
    aws.client("athena").stop_query_execution(QueryExecutionId=identifier)
    told = ended(aws, identifier)
    assert (told["Status"]["State"], time.monotonic() - begun < 2) == ("CANCELLED", True)
    (execution,) = [e for e in aws.executions if e.id == identifier]
    assert execution.done


def test_results_are_refused_before_the_end_and_after_a_failure(
    aws: AthenaDouble, start: Start, run: Run
) -> None:
    aws.latency(1.0, of="run")
    athena = aws.client("athena")
    identifier = start("SELECT 1")
    with pytest.raises(ClientError, match="has not yet finished"):
        athena.get_query_results(QueryExecutionId=identifier)
    athena.stop_query_execution(QueryExecutionId=identifier)
    with pytest.raises(ClientError, match="Final query state: CANCELLED"):
        athena.get_query_results(QueryExecutionId=identifier)


def test_a_repeated_token_is_the_same_execution(aws: AthenaDouble, start: Start) -> None:
    token = "a" * 36
    first = start("SELECT 1", ClientRequestToken=token)
    assert start("SELECT 1", ClientRequestToken=token) == first
    with pytest.raises(ClientError, match="Idempotent parameters do not match"):
        start("SELECT 2", ClientRequestToken=token)


def test_many_executions_are_told_in_one_call(aws: AthenaDouble, start: Start) -> None:
    ids = [start(f"SELECT {i}") for i in range(3)]
    answer = aws.client("athena").batch_get_query_execution(QueryExecutionIds=[*ids, "unknown"])
    assert [told["QueryExecutionId"] for told in answer["QueryExecutions"]] == ids
    assert [u["QueryExecutionId"] for u in answer["UnprocessedQueryExecutionIds"]] == ["unknown"]


def test_a_group_that_enforces_its_settings_ignores_the_clients(
    aws: AthenaDouble, run: Run
) -> None:
    settings = {"ResultConfiguration": {"OutputLocation": "s3://results/enforced/"}}
    athena = aws.client("athena")
    athena.create_work_group(Name="enforcing", Configuration=settings)
    told = run("SELECT 1", WorkGroup="enforcing")
    assert told["ResultConfiguration"]["OutputLocation"].startswith("s3://results/enforced/")
    athena.update_work_group(
        WorkGroup="enforcing", ConfigurationUpdates={"BytesScannedCutoffPerQuery": 10_000_000}
    )
    wide = pa.table({"text": ["x" * 10_000] * 1_100})
    aws.put_table("inv.wide", wide, "s3://lake/wide", file_format="text")
    status = run("SELECT count(*) FROM wide", WorkGroup="enforcing")["Status"]
    assert status["State"] == "CANCELLED"
    assert "Bytes scanned limit" in status["StateChangeReason"]


def test_a_group_may_keep_the_results_itself(aws: AthenaDouble) -> None:
    athena = aws.client("athena")
    managed = {"ManagedQueryResultsConfiguration": {"Enabled": True}}
    athena.create_work_group(Name="managed", Configuration=managed)
    identifier = athena.start_query_execution(QueryString="SELECT 7", WorkGroup="managed")
    told = ended(aws, identifier["QueryExecutionId"])
    assert "OutputLocation" not in told["ResultConfiguration"]
    page = athena.get_query_results(QueryExecutionId=told["QueryExecutionId"])
    assert page["ResultSet"]["Rows"][1]["Data"] == [{"VarCharValue": "7"}]
    with pytest.raises(ClientError, match="managed query results"):
        athena.start_query_execution(
            QueryString="SELECT 1",
            WorkGroup="managed",
            ResultConfiguration={"OutputLocation": RESULTS},
        )


def test_without_an_output_location_nothing_runs(aws: AthenaDouble) -> None:
    with pytest.raises(ClientError, match="No output location provided"):
        aws.client("athena").start_query_execution(QueryString="SELECT 1")


def test_a_result_is_reused_where_the_request_allows_it(aws: AthenaDouble, run: Run) -> None:
    reuse = {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 5}}
    first = run("SELECT max(id) FROM trades", ResultReuseConfiguration=reuse)
    second = run("SELECT max(id) FROM trades", ResultReuseConfiguration=reuse)
    reused = [
        told["Statistics"]["ResultReuseInformation"]["ReusedPreviousResult"]
        for told in (first, second)
    ]
    assert reused == [False, True]
    assert second["ResultConfiguration"] == first["ResultConfiguration"]


def test_throttled_calls_are_tried_again_by_boto3_and_logged(
    aws: AthenaDouble, start: Start
) -> None:
    identifier = start("SELECT 1")
    before = len(aws.calls)
    aws.throttle("GetQueryExecution", 2)
    state(aws, identifier)
    operations = [call.operation for call in aws.calls[before:]]
    assert operations == ["GetQueryExecution"] * 3


def test_a_failing_call_fails_as_ordered(aws: AthenaDouble, start: Start) -> None:
    aws.fail("StartQueryExecution", code="InvalidRequestException", message="No.", status=400)
    with pytest.raises(ClientError, match=r"No\."):
        start("SELECT 1")
    start("SELECT 1")


def test_a_failing_statement_fails_as_ordered(aws: AthenaDouble, run: Run) -> None:
    aws.fail_statement("HIVE_CANNOT_OPEN_SPLIT: no", category=1, retryable=True)
    status = run("SELECT 1")["Status"]
    assert status["State"] == "FAILED"
    assert (status["AthenaError"]["ErrorCategory"], status["AthenaError"]["Retryable"]) == (1, True)
    assert run("SELECT 1")["Status"]["State"] == "SUCCEEDED"


def test_one_statement_too_many_is_refused_and_one_more_waits(
    aws: AthenaDouble, start: Start
) -> None:
    aws.limit(concurrent=1, queued=1)
    aws.latency(20.0, of="run")
    first = start("SELECT 1")
    await_state(aws, first, "RUNNING")
    second = start("SELECT 2")
    time.sleep(0.3)
    assert state(aws, second) == "QUEUED"
    impatient = aws.client("athena")
    with pytest.raises(ClientError) as refused:
        impatient.start_query_execution(
            QueryString="SELECT 3", ResultConfiguration={"OutputLocation": RESULTS}
        )
    assert code(refused) == "TooManyRequestsException"
    for identifier in (first, second):
        impatient.stop_query_execution(QueryExecutionId=identifier)
        assert state(aws, identifier) == "CANCELLED"


def test_expired_credentials_are_refused_by_athena_and_s3(aws: AthenaDouble, start: Start) -> None:
    identifier = start("SELECT 1")
    aws.expire_credentials("testing")
    with pytest.raises(ClientError) as refused:
        state(aws, identifier)
    assert code(refused) == "ExpiredTokenException"
    with pytest.raises(ClientError) as refused:
        aws.client("s3").list_objects_v2(Bucket="lake")
    assert code(refused) == "ExpiredToken"
    role = aws.client("sts").assume_role(
        RoleArn="arn:aws:iam::123456789012:role/reader", RoleSessionName="tests"
    )
    renewed = aws.client("athena", role["Credentials"]["AccessKeyId"])
    renewed.get_query_execution(QueryExecutionId=identifier)
    aws.renew_credentials()
    state(aws, identifier)


def test_lost_files_are_in_the_manifest_and_nowhere_else(aws: AthenaDouble, run: Run) -> None:
    aws.lose_files(1)
    text = "UNLOAD (SELECT id FROM trades) TO 's3://results/lost/' WITH (format = 'PARQUET')"
    manifest = run(text)["Statistics"]["DataManifestLocation"]
    bucket, _, key = manifest.removeprefix("s3://").partition("/")
    body = aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    named = body.decode().split()
    kept = aws.objects("s3://results/lost/")
    assert (len(named), len(kept)) == (3, 2)
    aws.drop_object(kept[0])
    assert aws.objects("s3://results/lost/") == kept[1:]


def test_objects_may_be_slow_or_fail(aws: AthenaDouble) -> None:
    s3 = aws.client("s3")
    s3.put_object(Bucket="results", Key="one", Body=b"1")
    aws.latency(0.5, of="s3:GetObject")
    begun = time.monotonic()
    assert s3.get_object(Bucket="results", Key="one")["Body"].read() == b"1"
    assert time.monotonic() - begun >= 0.5
    aws.clear_faults()
    aws.fail("s3:GetObject", code="AccessDenied", message="Access Denied", status=403)
    with pytest.raises(ClientError) as refused:
        s3.get_object(Bucket="results", Key="one")
    assert code(refused) == "AccessDenied"


def test_two_doubles_have_tables_of_their_own(aws: AthenaDouble) -> None:
    with AthenaDouble() as other:
        assert other.client("glue").get_databases()["DatabaseList"] == []
        other.put_bucket("another")
    assert aws.client("glue").get_databases()["DatabaseList"] != []
    with pytest.raises(RuntimeError, match="not serving"):
        _ = other.endpoint
