"""Tables that statements make, fill and change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flight_server.testing.athena import AthenaDouble

Rows = Callable[[str], list[list[str | None]]]
Run = Callable[..., dict[str, Any]]

_HIVE = """
CREATE EXTERNAL TABLE IF NOT EXISTS {name} (
    n INT COMMENT 'a number', b BINARY, l ARRAY<int>, m MAP<string, int>,
    s STRUCT<x: int, y: array<string>>, d DECIMAL(10,1), t TIMESTAMP)
COMMENT 'of a test' {form} LOCATION 's3://lake/made/{name}/'
"""
_FORMS = {
    "text": r"ROW FORMAT DELIMITED FIELDS TERMINATED BY '\t' STORED AS TEXTFILE",
    "parquet": "STORED AS PARQUET",
    "orc": "STORED AS ORC",
}
_ROW = """
SELECT 7, CAST('123' AS varbinary), ARRAY[1, NULL], MAP(ARRAY['a', 'b'], ARRAY[2, 4]),
    CAST(ROW(1, ARRAY['p', 'q']) AS ROW(x integer, y array(varchar))), DECIMAL '0.5',
    TIMESTAMP '2024-02-29 01:02:03'
"""


def succeeded(run: Run, text: str) -> dict[str, Any]:
    told = run(text)
    assert told["Status"]["State"] == "SUCCEEDED", told["Status"]
    return told


@pytest.mark.parametrize("form", list(_FORMS))
def test_what_is_inserted_into_a_hive_table_is_read_again(
    aws: AthenaDouble, run: Run, rows: Rows, form: str
) -> None:
    name = f"made_{form}"
    succeeded(run, _HIVE.format(name=name, form=_FORMS[form]))
    succeeded(run, _HIVE.format(name=name, form=_FORMS[form]))
    assert rows(f"SELECT * FROM {name}") == []
    told = succeeded(run, f"INSERT INTO {name} {_ROW}")
    assert told["SubstatementType"] == "INSERT"
    results = aws.client("athena").get_query_results(QueryExecutionId=told["QueryExecutionId"])
    assert results["UpdateCount"] == 1
    succeeded(run, f"INSERT INTO {name}(n) VALUES (8)")
    assert rows(f"SELECT * FROM {name} ORDER BY n") == [
        [
            *("7", "31 32 33", "[1, null]", "{a=2, b=4}", "{x=1, y=[p, q]}", "0.5"),
            "2024-02-29 01:02:03.000",
        ],
        ["8", *[None] * 6],
    ]
    entry = aws.client("glue").get_table(DatabaseName="inv", Name=name)["Table"]
    assert entry["StorageDescriptor"]["Columns"][0]["Comment"] == "a number"
    assert entry["Parameters"]["comment"] == "of a test"
    assert entry["StorageDescriptor"]["Columns"][4]["Type"] == "struct<x:int,y:array<string>>"


def test_partitions_are_added_to_a_table(aws: AthenaDouble, run: Run, rows: Rows) -> None:
    succeeded(
        run,
        "CREATE EXTERNAL TABLE kept (a STRING) PARTITIONED BY (day STRING) "
        "LOCATION 's3://lake/kept'",
    )
    aws.client("s3").put_object(Bucket="lake", Key="kept/day=x/part", Body=b"one\n\ntwo\n")
    succeeded(run, "ALTER TABLE kept ADD PARTITION (day='x')")
    assert rows("SELECT a, day FROM kept") == [["one", "x"], ["", "x"], ["two", "x"]]
    again = run("ALTER TABLE kept ADD PARTITION (day='x')")["Status"]
    assert "Partition already exists" in again["StateChangeReason"]
    succeeded(run, "ALTER TABLE kept ADD IF NOT EXISTS PARTITION (day='x') PARTITION (day='y')")
    assert rows("SHOW PARTITIONS kept") == [["day=x"], ["day=y"]]


def test_a_table_is_made_of_a_query(aws: AthenaDouble, run: Run, rows: Rows) -> None:
    text = (
        "CREATE TABLE few WITH (format = 'PARQUET', external_location = 's3://lake/few/') "
        "AS SELECT id, sym FROM trades WHERE id < 3"
    )
    told = succeeded(run, text)
    assert told["SubstatementType"] == "CREATE_TABLE_AS_SELECT"
    assert rows("SELECT id, sym FROM few ORDER BY id") == [["0", None], ["1", "S1"], ["2", "S2"]]
    assert len(aws.objects("s3://lake/few/")) == 1
    assert "already exists" in run(text)["Status"]["StateChangeReason"]
    refused = run(text.replace("few WITH", "others WITH"))["Status"]
    assert refused["StateChangeReason"].startswith("HIVE_PATH_ALREADY_EXISTS")
    micro = run("CREATE TABLE micro WITH (format = 'ORC') AS SELECT ts FROM trades")["Status"]
    assert "Incorrect timestamp precision" in micro["StateChangeReason"]


def test_the_rows_of_an_iceberg_table_are_changed(run: Run, rows: Rows) -> None:
    succeeded(
        run,
        "CREATE TABLE ice (id INT, word STRING) LOCATION 's3://lake/ice/' "
        "TBLPROPERTIES ('table_type'='ICEBERG')",
    )
    succeeded(run, "INSERT INTO ice VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    succeeded(run, "UPDATE ice SET word = 'z' WHERE id IN (SELECT id FROM trades WHERE id = 1)")
    succeeded(run, "DELETE FROM ice WHERE id = 2")
    succeeded(
        run,
        "CREATE TABLE news WITH (table_type = 'ICEBERG', location = 's3://lake/news/', "
        "is_external = false) AS SELECT CAST(3 AS integer) AS id, 'n' AS word "
        "UNION ALL SELECT 4, 'm'",
    )
    succeeded(
        run,
        "MERGE INTO ice AS t USING news AS s ON t.id = s.id "
        "WHEN MATCHED THEN UPDATE SET word = s.word "
        "WHEN NOT MATCHED THEN INSERT (id, word) VALUES (s.id, s.word)",
    )
    succeeded(run, "VACUUM ice")
    assert rows("SELECT * FROM ice ORDER BY id") == [["1", "z"], ["3", "n"], ["4", "m"]]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("CREATE EXTERNAL TABLE a (n INT)", "no table location"),
        ("CREATE EXTERNAL TABLE no.a (n INT) LOCATION 's3://lake/a'", "does not exist"),
        ("CREATE EXTERNAL TABLE trades (n INT) LOCATION 's3://lake/a'", "already exists"),
        ("ALTER TABLE trades DROP COLUMN id", "NOT_SUPPORTED"),
        ("DELETE FROM nope", "TABLE_NOT_FOUND"),
        ("INSERT INTO trades (id) VALUES ('x')", "TYPE_MISMATCH"),
        ("INSERT INTO trades (id) SELECT list_sum(arr) FROM trades", "FUNCTION_NOT_FOUND"),
        ("UPDATE trades SET id = list_sum(arr)", "FUNCTION_NOT_FOUND"),
    ],
)
def test_what_cannot_be_made_fails_with_a_reason(run: Run, text: str, reason: str) -> None:
    status = run(text)["Status"]
    assert status["State"] == "FAILED"
    assert reason in status["StateChangeReason"]


def test_the_rows_of_a_hive_table_cannot_be_changed(aws: AthenaDouble, run: Run) -> None:
    succeeded(run, "CREATE EXTERNAL TABLE fixed (n INT) LOCATION 's3://lake/fixed'")
    for text in ("UPDATE fixed SET n = 1", "DELETE FROM fixed"):
        assert run(text)["Status"]["StateChangeReason"].startswith("NOT_SUPPORTED: Modifying Hive")
