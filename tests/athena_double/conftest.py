"""A double over a small lake, for all tests of a module, and how to run a statement on it."""

from __future__ import annotations

import datetime as dt
import decimal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest

from flight_server.testing.athena import AthenaDouble

RESULTS = "s3://results/out"
SEEN = {"LIMITED": frozenset({"id", "sym"})}
Run = Callable[..., dict[str, Any]]


def trades(start: int, stop: int) -> pa.Table:
    """Rows of every kind that an Iceberg table has."""
    numbers = range(start, stop)
    noon = dt.datetime(2024, 1, 1, 12)
    return pa.table(
        {
            "id": pa.array(numbers, pa.int64()),
            "sym": pa.array([f"S{i % 7}" if i % 5 else None for i in numbers]),
            "px": pa.array([decimal.Decimal(i) / 100 for i in numbers], pa.decimal128(18, 4)),
            "ts": pa.array([noon + dt.timedelta(microseconds=i) for i in numbers]),
            "tz": pa.array(
                [noon.replace(tzinfo=dt.UTC) + dt.timedelta(seconds=i) for i in numbers],
                pa.timestamp("us", "UTC"),
            ),
            "day": pa.array([dt.date(2024, 1, 1 + i % 3) for i in numbers]),
            "arr": pa.array([[i, i + 1] for i in numbers], pa.list_(pa.int32())),
        }
    )


@pytest.fixture(scope="module")
def aws() -> Iterator[AthenaDouble]:
    with AthenaDouble(authorize=lambda key, database, table: SEEN.get(key or "")) as double:
        double.put_bucket("lake")
        double.put_bucket("results")
        double.put_table("inv.trades", trades(0, 600), "s3://lake/inv/trades")
        yield double


@pytest.fixture(autouse=True)
def _no_faults(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "aws" in request.fixturenames:
        request.getfixturevalue("aws").clear_faults()


@pytest.fixture
def start(aws: AthenaDouble) -> Callable[..., str]:
    """Starts a statement; its id."""
    athena = aws.client("athena")

    def started(text: str, **more: Any) -> str:
        request = {
            "QueryExecutionContext": {"Database": "inv"},
            "ResultConfiguration": {"OutputLocation": RESULTS},
        }
        answer = athena.start_query_execution(QueryString=text, **(request | more))
        return str(answer["QueryExecutionId"])

    return started


@pytest.fixture
def run(aws: AthenaDouble, start: Callable[..., str]) -> Run:
    """Runs a statement to its end; what GetQueryExecution tells."""

    def ran(text: str, **more: Any) -> dict[str, Any]:
        return ended(aws, start(text, **more))

    return ran


@pytest.fixture
def rows(aws: AthenaDouble, run: Run) -> Callable[[str], list[list[str | None]]]:
    """Runs a statement; its rows without the names, as GetQueryResults has them."""
    athena = aws.client("athena")

    def all_rows(text: str) -> list[list[str | None]]:
        told = run(text)
        assert told["Status"]["State"] == "SUCCEEDED", told["Status"]
        answer = athena.get_query_results(QueryExecutionId=told["QueryExecutionId"])
        found = answer["ResultSet"]["Rows"]
        values = [[cell.get("VarCharValue") for cell in row["Data"]] for row in found]
        return values[1:] if told["SubstatementType"] == "SELECT" else values

    return all_rows


def ended(aws: AthenaDouble, identifier: str, within: float = 30) -> dict[str, Any]:
    """An execution once it has ended."""
    athena = aws.client("athena")
    until = time.monotonic() + within
    while True:
        answer = athena.get_query_execution(QueryExecutionId=identifier)
        told: dict[str, Any] = answer["QueryExecution"]
        if told["Status"]["State"] in ("SUCCEEDED", "FAILED", "CANCELLED"):
            return told
        assert time.monotonic() < until, told["Status"]
        time.sleep(0.02)
