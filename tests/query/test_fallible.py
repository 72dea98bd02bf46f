"""Which filters and masks are kept from failing, and which are left as they are."""

from __future__ import annotations

import pyarrow as pa
import pytest

from catalog.model import Column, Table
from catalog.names import TableName
from flight_server.query.fallible import guarded, sorts, tried
from flight_server.query.parser import Parser

KINDS = {
    "word": pa.string(),
    "number": pa.int64(),
    "money": pa.decimal128(12, 2),
    "wide": pa.decimal128(38, 2),
    "share": pa.float64(),
    "flag": pa.bool_(),
    "day": pa.date32(),
    "placed": pa.timestamp("us"),
    "seen": pa.timestamp("us", "UTC"),
    "place": pa.struct([("city", pa.string())]),
}
TABLE = Table(
    TableName("lake", "s", "t"),
    tuple(Column(name, kind, field_id=at) for at, (name, kind) in enumerate(KINDS.items(), 1)),
)
SAFE = [
    "word = 'x' AND number IN (1, 2) AND NOT flag",
    "word LIKE 'x%' OR starts_with(word, 'y')",
    "number > 1.5 OR number = CAST('7' AS BIGINT) OR number < 1e9",
    "money BETWEEN 1 AND 250.25",
    "share >= 2 AND share <> 0.5",
    "day >= DATE '2026-01-01' OR day = '2026-01-01'",
    "placed < TIMESTAMP '2026-01-01 00:00:00' OR placed > DATE '2026-01-01'",
    "seen < TIMESTAMPTZ '2026-01-01 00:00:00+00'",
    "wide > '0.5' AND word IS NOT NULL AND flag = true",
]
FALLIBLE = [
    "CAST(word AS INTEGER) > 1",
    "word > 5",
    "word = CAST('7' AS BIGINT)",
    "word = number",
    "word",
    "number",
    "flag = 1",
    # a date far from now is no timestamp
    "day < TIMESTAMP '2026-01-01 12:00:00'",
    "day BETWEEN DATE '2026-01-01' AND TIMESTAMP '2026-01-01 12:00:00'",
    "placed < CAST('2026-01-01' AS TIMESTAMP_NS)",
    # there may be no room for more digits
    "wide > 0.123",
    "money > 0.123456789012345678",
    "100 // number > 1",
    "place.city = 5",
    "NOT (number % 7 = 0)",
]


@pytest.fixture(scope="module")
def parser() -> Parser:
    return Parser()


@pytest.mark.parametrize("sql", SAFE)
def test_what_cannot_fail_stays_as_it_is(parser: Parser, sql: str) -> None:
    assert guarded(parser, sql, sorts(TABLE)) == sql


@pytest.mark.parametrize("sql", FALLIBLE)
def test_what_may_fail_is_tried(parser: Parser, sql: str) -> None:
    assert guarded(parser, sql, sorts(TABLE)).startswith("TRY(")


def test_each_part_of_a_conjunction_is_tried_by_itself(parser: Parser) -> None:
    found = guarded(parser, "number = 1 AND CAST(word AS INTEGER) > 1", sorts(TABLE))
    assert found.count("TRY(") == 1
    assert "(number = 1) AND TRY(" in found


def test_a_filter_with_a_subquery_cannot_be_tried(parser: Parser) -> None:
    sql = "CAST(word AS INTEGER) IN (SELECT number FROM lookup)"
    assert guarded(parser, sql, sorts(TABLE)) == sql


def test_a_mask_is_tried_with_the_cast_to_the_type_of_its_column(parser: Parser) -> None:
    assert tried(parser, "upper(word)", "VARCHAR") == "TRY(CAST((upper(word)) AS VARCHAR))"
    for sql in ("NULL", "'x'", "(SELECT max(n) FROM lookup)"):
        assert tried(parser, sql, "VARCHAR") == sql
