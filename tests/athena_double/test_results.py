"""What Athena's documentation says of results: text, CSV files, metadata, pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flight_server.testing.athena import AthenaDouble

Rows = Callable[[str], list[list[str | None]]]
Run = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("NULL", None),
        ("''", ""),
        ("true", "true"),
        ("1", "1"),
        ("1.5", "1.5"),
        ("DOUBLE '1e10'", "1.0E10"),
        ("DECIMAL '1.50'", "1.50"),
        ("CAST(0.1 AS real)", "0.1"),
        ("nan()", "NaN"),
        ("DATE '2024-02-29'", "2024-02-29"),
        ("TIMESTAMP '2024-02-29 01:02:03'", "2024-02-29 01:02:03.000"),
        ("CAST(TIMESTAMP '2024-02-29 01:02:03' AS timestamp(6))", "2024-02-29 01:02:03.000000"),
        ("ARRAY[1, NULL, 3]", "[1, null, 3]"),
        ("MAP(ARRAY['k'], ARRAY[2])", "{k=2}"),
        ("CAST(ROW(1, 'x') AS ROW(a bigint, b varchar))", "{a=1, b=x}"),
        ("ROW(1, 'x')", "{field0=1, field1=x}"),
        ("X'313233'", "31 32 33"),
        ("7 / 2", "3"),
        ("-7 / 2", "-3"),
        ("CAST('abc' AS varchar(2))", "ab"),
        ("CAST(TIMESTAMP '2024-02-29 01:02:03' AS varchar)", "2024-02-29 01:02:03.000"),
    ],
)
def test_a_value_has_athenas_text(rows: Rows, expression: str, text: str | None) -> None:
    assert rows(f"SELECT {expression}") == [[text]]


def test_the_timestamps_of_iceberg_have_microseconds_and_zones_are_utc(rows: Rows) -> None:
    found = rows("SELECT ts, tz, CAST(ts AS varchar), CAST(ts AS timestamp) FROM trades WHERE id=7")
    assert found == [
        [
            "2024-01-01 12:00:00.000007",
            "2024-01-01 12:00:07.000000 UTC",
            "2024-01-01 12:00:00.000007",
            "2024-01-01 12:00:00.000",
        ]
    ]


def test_a_csv_file_quotes_every_value_but_null(aws: AthenaDouble, run: Run) -> None:
    told = run("""SELECT 1 AS n, NULL AS nothing, '' AS empty, 'a"b' AS "Quoted" """)
    location = told["ResultConfiguration"]["OutputLocation"]
    assert location == f"s3://results/out/{told['QueryExecutionId']}.csv"
    bucket, _, key = location.removeprefix("s3://").partition("/")
    body = aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    assert body == '"n","nothing","empty","Quoted"\n"1",,"","a""b"\n'
    assert aws.objects(location) == [location, location + ".metadata"]


def test_columns_without_a_name_are_numbered_and_have_a_type(aws: AthenaDouble, run: Run) -> None:
    told = run("SELECT id, px, count(*), sum(id), DECIMAL '1.23' FROM trades GROUP BY id, px")
    answer = aws.client("athena").get_query_results(QueryExecutionId=told["QueryExecutionId"])
    columns = answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    assert [(c["Name"], c["Type"], c["Precision"], c["Scale"]) for c in columns] == [
        ("id", "bigint", 19, 0),
        ("px", "decimal", 18, 4),
        ("_col2", "bigint", 19, 0),
        ("_col3", "bigint", 19, 0),
        ("_col4", "decimal", 3, 2),
    ]


def test_pages_count_the_names_as_a_row(aws: AthenaDouble, run: Run) -> None:
    told = run("SELECT id FROM trades ORDER BY id")
    athena = aws.client("athena")
    pages = list(
        athena.get_paginator("get_query_results").paginate(
            QueryExecutionId=told["QueryExecutionId"], PaginationConfig={"PageSize": 250}
        )
    )
    counts = [len(page["ResultSet"]["Rows"]) for page in pages]
    assert counts == [250, 250, 101]
    values = [row["Data"][0]["VarCharValue"] for page in pages for row in page["ResultSet"]["Rows"]]
    assert values == ["id", *map(str, range(600))]


def test_a_page_has_at_most_a_thousand_rows(aws: AthenaDouble, run: Run) -> None:
    told = run("SELECT 1")
    athena = aws.client("athena")
    with pytest.raises(athena.exceptions.InvalidRequestException):
        athena.get_query_results(QueryExecutionId=told["QueryExecutionId"], MaxResults=1001)


def test_what_was_read_is_counted_by_column(run: Run) -> None:
    narrow = run("SELECT id FROM trades")["Statistics"]["DataScannedInBytes"]
    wide = run("SELECT * FROM trades")["Statistics"]["DataScannedInBytes"]
    assert 0 < narrow < wide
    assert run("SELECT 1")["Statistics"]["DataScannedInBytes"] == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SELEC 1", "SYNTAX_ERROR"),
        ("SELECT nope FROM trades", "SYNTAX_ERROR"),
        ("SELECT * FROM nope", "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.inv.nope'"),
        ("SELECT * FROM no.t", "SCHEMA_NOT_FOUND"),
        ("SELECT CAST('x' AS integer)", "INVALID_CAST_ARGUMENT"),
        ("SELECT id / 0 FROM trades", "DIVISION_BY_ZERO"),
        ("SELECT list_sum(arr) FROM trades", "FUNCTION_NOT_FOUND: line 1:8: Function 'list_sum'"),
        ("SELECT read_csv('/etc/passwd')", "FUNCTION_NOT_FOUND"),
        ("SELECT * FROM trades FOR VERSION AS OF 7", "INVALID_ARGUMENTS"),
        ("INSERT INTO trades SELECT 1", "TYPE_MISMATCH: line 1:1: Insert query has 1 expression"),
    ],
)
def test_a_statement_that_cannot_run_fails_with_a_reason(run: Run, text: str, reason: str) -> None:
    status = run(text)["Status"]
    assert (status["State"], status["StateChangeReason"][: len(reason)]) == ("FAILED", reason)
    assert status["AthenaError"]["ErrorCategory"] == 2


@pytest.mark.parametrize(
    "text",
    [
        "WITH q(a, b) AS (SELECT 1, 2), r(c) AS (SELECT 3) SELECT a, b, c FROM q CROSS JOIN r",
        "SELECT t.x FROM (VALUES (1), (2)) AS t(x) WHERE x IN (1, 2)",
        "SELECT CAST(ROW(1, 2) AS ROW(a decimal(3, 1), b varchar(4))).a",
        "SELECT count(*) FILTER (WHERE id > 3) OVER (PARTITION BY sym) FROM trades LIMIT 1",
        "SELECT u FROM UNNEST(ARRAY[1]) AS t(u)",
        "-- a comment (of words)\nSELECT approx_distinct(sym) FROM trades",
        "SELECT a.id FROM trades a JOIN trades b USING (id) WHERE a.px = b.px LIMIT 1",
        "SELECT transform(arr, v -> v + 1), json_format(json_parse('1')) FROM trades LIMIT 1",
    ],
)
def test_the_grammar_of_trino_is_no_unknown_function(run: Run, text: str) -> None:
    told = run(text)
    assert told["Status"]["State"] == "SUCCEEDED", told["Status"]
