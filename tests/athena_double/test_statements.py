"""Tables of every kind, views, time travel and utility statements."""

from __future__ import annotations

import datetime as dt
import decimal
import time
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from flight_server.testing.athena import AthenaDouble
from tests.athena_double.conftest import trades

Rows = Callable[[str], list[list[str | None]]]
Run = Callable[..., dict[str, Any]]

PLAIN = pa.table(
    {
        "n": pa.array([1, 2, None], pa.int64()),
        "name": pa.array(["a,b", 'c"d', "e"]),
        "price": pa.array([decimal.Decimal("1.50"), None, decimal.Decimal("-2.25")]),
        "at": pa.array([dt.datetime(2024, 1, 1, 1, 2, 3)] * 3, pa.timestamp("ms")),
        "day": pa.array(["2024-01-01", "2024-01-01", "2024-01-02"]),
    }
)


@pytest.mark.parametrize("file_format", ["parquet", "orc", "csv", "text"])
def test_an_external_table_has_its_declared_types(
    aws: AthenaDouble, rows: Rows, file_format: str
) -> None:
    name = f"inv.plain_{file_format}"
    aws.put_table(name, PLAIN, f"s3://lake/{name}", file_format=file_format)
    found = rows(f"SELECT n, name, price, at FROM {name} ORDER BY name")
    at = "2024-01-01 01:02:03.000"
    assert found == [["1", "a,b", "1.50", at], ["2", 'c"d', None, at], [None, "e", "-2.25", at]]
    assert rows(f"SELECT count(*) FROM {name}") == [["3"]]


def test_the_keys_of_partitions_are_columns(aws: AthenaDouble, rows: Rows) -> None:
    aws.put_table(
        "inv.parts",
        PLAIN,
        "s3://lake/parts",
        file_format="parquet",
        partitioned_by=["day"],
    )
    found = rows("SELECT day, count(*) FROM parts GROUP BY day ORDER BY day")
    assert found == [["2024-01-01", "2"], ["2024-01-02", "1"]]
    assert rows("SHOW PARTITIONS parts") == [["day=2024-01-01"], ["day=2024-01-02"]]


def test_a_view_is_its_query(aws: AthenaDouble, rows: Rows, run: Run) -> None:
    made = "CREATE VIEW few AS SELECT id, sym, arr FROM trades WHERE id < 3"
    assert run(made)["Status"]["State"] == "SUCCEEDED"
    assert rows("SELECT count(*), max(id) FROM few") == [["3", "2"]]
    assert ["few"] in rows("SHOW VIEWS")
    assert "TABLE_ALREADY_EXISTS" in run(made)["Status"]["StateChangeReason"]
    entry = aws.client("glue").get_table(DatabaseName="inv", Name="few")["Table"]
    types = [column["Type"] for column in entry["StorageDescriptor"]["Columns"]]
    assert types == ["bigint", "string", "array<int>"]
    assert run("DROP VIEW few")["Status"]["State"] == "SUCCEEDED"
    aws.put_view("other.few", "SELECT id FROM inv.trades", {"id": "bigint"})
    assert rows("SELECT count(*) FROM other.few") == [["600"]]


@pytest.fixture(scope="module")
def versions(aws: AthenaDouble) -> tuple[int, float]:
    """A table of two snapshots: the first one's id, and a moment between."""
    aws.put_table("inv.grown", trades(0, 10), "s3://lake/inv/grown")
    table = aws.iceberg().load_table(("inv", "grown"))
    snapshot = table.current_snapshot()
    assert snapshot is not None
    time.sleep(0.01)
    between = time.time()
    time.sleep(0.01)
    table.append(trades(10, 15))
    table.manage_snapshots().create_tag(snapshot.snapshot_id, "first").commit()
    return snapshot.snapshot_id, between


def test_time_travel_is_by_version_tag_and_moment(rows: Rows, versions: tuple[int, float]) -> None:
    snapshot, between = versions
    moment = f"{dt.datetime.fromtimestamp(between, dt.UTC):%Y-%m-%d %H:%M:%S.%f} UTC"
    count = "SELECT count(*) FROM grown"
    assert rows(count) == [["15"]]
    assert rows(f"{count} FOR VERSION AS OF {snapshot}") == [["10"]]
    assert rows(f"{count} FOR VERSION AS OF 'first'") == [["10"]]
    assert rows(f"{count} FOR TIMESTAMP AS OF TIMESTAMP '{moment}'") == [["10"]]
    assert rows('SELECT count(*) FROM "grown$snapshots"') == [["2"]]


def test_utility_statements_answer_in_lines(rows: Rows) -> None:
    assert ["inv"] in rows("SHOW DATABASES")
    assert ["trades"] in rows("SHOW TABLES IN inv 'tra*'")
    assert rows("SHOW COLUMNS IN trades")[0] == ["id                  "]
    assert (rows("DESCRIBE trades")[0][0] or "").split() == ["id", "bigint"]
    assert rows("EXPLAIN (TYPE VALIDATE) SELECT id FROM trades") == [["true"]]
    plan = "".join(line[0] or "" for line in rows("EXPLAIN (FORMAT JSON) SELECT ts FROM trades"))
    assert '"type": "timestamp(6)"' in plan


def test_information_schema_tells_trinos_types(rows: Rows) -> None:
    found = rows(
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_name = 'trades' ORDER BY ordinal_position LIMIT 3"
    )
    assert found == [["id", "bigint"], ["sym", "varchar"], ["px", "decimal(18, 4)"]]


def test_parameters_and_prepared_statements_fill_the_question_marks(rows: Rows, run: Run) -> None:
    told = run("SELECT sym FROM trades WHERE id = ? AND sym = ?", ExecutionParameters=["3", "'S3'"])
    assert told["Status"]["State"] == "SUCCEEDED"
    assert told["ExecutionParameters"] == ["3", "'S3'"]
    run("PREPARE p1 FROM SELECT px FROM trades WHERE id = ?")
    assert rows("EXECUTE p1 USING 3") == [["0.0300"]]
    few = run("SELECT ?, ?", ExecutionParameters=["1"])["Status"]
    assert few["StateChangeReason"].startswith("INVALID_PARAMETER_USAGE")


def test_an_access_key_sees_only_its_columns(aws: AthenaDouble) -> None:
    athena = aws.client("athena", "LIMITED")
    from_star = _columns(athena, "SELECT * FROM trades")
    assert from_star == ["id", "sym"]
    assert _columns(athena, "SELECT id, px FROM trades") == "COLUMN_NOT_FOUND"


def _columns(athena: Any, text: str) -> list[str] | str:
    """The names of a statement's columns, or the code of its failure."""
    identifier = athena.start_query_execution(
        QueryString=text,
        QueryExecutionContext={"Database": "inv"},
        ResultConfiguration={"OutputLocation": "s3://results/limited"},
    )["QueryExecutionId"]
    while True:
        answer = athena.get_query_execution(QueryExecutionId=identifier)
        status = answer["QueryExecution"]["Status"]
        if status["State"] == "FAILED":
            return str(status["StateChangeReason"]).partition(":")[0]
        if status["State"] == "SUCCEEDED":
            results = athena.get_query_results(QueryExecutionId=identifier)
            info = results["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
            return [column["Name"] for column in info]
        time.sleep(0.02)


def test_metadata_calls_tell_hives_types_in_pages(aws: AthenaDouble) -> None:
    athena = aws.client("athena")
    assert athena.list_data_catalogs()["DataCatalogsSummary"][0]["Type"] == "GLUE"
    databases = athena.list_databases(CatalogName="AwsDataCatalog", MaxResults=1)
    assert len(databases["DatabaseList"]) == 1
    told = athena.get_table_metadata(
        CatalogName="AwsDataCatalog", DatabaseName="inv", TableName="trades"
    )["TableMetadata"]
    types = {column["Name"]: column["Type"] for column in told["Columns"]}
    assert (types["px"], types["arr"]) == ("decimal(18,4)", "array<int>")
    with pytest.raises(athena.exceptions.MetadataException, match="EntityNotFoundException"):
        athena.get_table_metadata(
            CatalogName="AwsDataCatalog", DatabaseName="inv", TableName="nope"
        )
