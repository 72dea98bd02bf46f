"""What Athena's documentation and Trino's Hive writer say of UNLOAD."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flight_server.testing.athena import AthenaDouble

Run = Callable[..., dict[str, Any]]


def unload(query: str, folder: str, more: str = "") -> str:
    return f"UNLOAD ({query}) TO 's3://results/{folder}/' WITH (format = 'PARQUET'{more})"


def read(aws: AthenaDouble, url: str) -> bytes:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    body: bytes = aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def manifest(aws: AthenaDouble, told: dict[str, Any]) -> list[str]:
    return read(aws, told["Statistics"]["DataManifestLocation"]).decode().split()


def test_it_writes_files_that_the_manifest_names(aws: AthenaDouble, run: Run) -> None:
    told = run(unload("SELECT id, px, arr FROM trades", "u1", ", compression = 'ZSTD'"))
    files = manifest(aws, told)
    assert len(files) == 3
    assert sorted(files) == aws.objects("s3://results/u1/")
    assert not any(url.endswith(".parquet") for url in files)
    tables = [pq.read_table(io.BytesIO(read(aws, url))) for url in files]
    assert tables[0].schema.field("arr").type.value_field.name == "array_element"
    ids = [table["id"].to_pylist() for table in tables]
    assert all(part == sorted(part) for part in ids)
    together = [number for part in ids for number in part]
    assert together != sorted(together) == list(range(600))
    metadata = pq.ParquetFile(io.BytesIO(read(aws, files[0]))).metadata
    assert metadata.row_group(0).column(0).compression == "ZSTD"


def test_timestamps_are_int96_of_milliseconds(aws: AthenaDouble, run: Run) -> None:
    told = run(unload("SELECT CAST(ts AS timestamp(3)) AS ts FROM trades", "u2"))
    file = pq.ParquetFile(io.BytesIO(read(aws, manifest(aws, told)[0])))
    assert file.metadata.row_group(0).column(0).physical_type == "INT96"


def test_no_rows_are_no_files(aws: AthenaDouble, run: Run) -> None:
    told = run(unload("SELECT id FROM trades WHERE false", "u3"))
    assert manifest(aws, told) == []
    assert aws.objects("s3://results/u3/") == []


def test_names_are_in_lower_case(aws: AthenaDouble, run: Run) -> None:
    told = run(unload('SELECT id AS "Ident" FROM trades LIMIT 1', "u4"))
    file = pq.read_table(io.BytesIO(read(aws, manifest(aws, told)[0])))
    assert file.schema == pa.schema([("ident", pa.int64())])


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT ts FROM trades", "NOT_SUPPORTED: Incorrect timestamp precision for timestamp(6)"),
        (
            "SELECT ARRAY[ts] AS a FROM trades",
            "NOT_SUPPORTED: Incorrect timestamp precision for timestamp(6)",
        ),
        (
            "SELECT tz FROM trades",
            "NOT_SUPPORTED: Unsupported Hive type: timestamp with time zone",
        ),
        ("SELECT CAST('01:02:03' AS time) AS t", "NOT_SUPPORTED: Unsupported Hive type: time"),
        ("SELECT NULL AS n", "NOT_SUPPORTED: Unsupported Hive type: unknown"),
        ("SELECT id, id FROM trades", "DUPLICATE_COLUMN_NAME"),
        ("SELECT id + 1 FROM trades", "MISSING_COLUMN_NAME"),
    ],
)
def test_what_hives_writer_does_not_take_fails(
    aws: AthenaDouble, run: Run, query: str, reason: str
) -> None:
    status = run(unload(query, "u5"))["Status"]
    assert (status["State"], status["StateChangeReason"][: len(reason)]) == ("FAILED", reason)
    assert aws.objects("s3://results/u5/") == []


def test_a_folder_that_is_not_empty_is_refused(run: Run) -> None:
    run(unload("SELECT id FROM trades", "u6"))
    status = run(unload("SELECT id FROM trades", "u6"))["Status"]
    assert status["StateChangeReason"].startswith("HIVE_PATH_ALREADY_EXISTS")


def test_a_bucket_that_is_not_there_is_access_denied(run: Run) -> None:
    text = "UNLOAD (SELECT 1 AS a) TO 's3://nowhere/x/' WITH (format = 'PARQUET')"
    status = run(text)["Status"]
    assert status["State"] == "FAILED", status
    assert "Access denied" in status["StateChangeReason"]
