"""Built-in masks: what they make of values, in any time zone, and that none fails on a value."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from decimal import Decimal as D
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from auth.errors import PolicyInvalid
from auth.grant import Expression
from auth.masks import Bucket, BuiltIn, Constant, Hash, Null, Partial, Truncate, fits, shown
from flight_server.engines.duckdb.sqltypes import sql_type
from flight_server.query.expressions import Compiler
from flight_server.query.parser import Parser

MOMENT = "2026-05-01 00:30:00"


@pytest.fixture(scope="module")
def compiler() -> Compiler:
    return Compiler(Parser())


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def masked(
    connection: duckdb.DuckDBPyConnection,
    mask: BuiltIn,
    kind: pa.DataType,
    values: list[Any],
    zone: str = "UTC",
) -> list[Any]:
    """What an engine makes of values: as text where they are not plain numbers or text."""
    assert fits(mask, kind)
    expression = Expression("m", shown(mask), built_in=mask)
    text = Compiler(Parser()).mask(expression, frozenset({"o'd\"d"}), "o'd\"d", kind=kind)
    declared = sql_type(kind)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f'CREATE OR REPLACE TABLE t (n INT, "o\'d""d" {declared})')
    connection.executemany(f"INSERT INTO t VALUES (?, ?::{declared})", list(enumerate(values)))
    connection.execute(f"SET TimeZone = '{zone}'")
    connection.execute(
        f"CREATE OR REPLACE VIEW v AS SELECT n, CAST(({text}) AS {declared}) x FROM t"
    )
    shown_as = "epoch_us(x)" if pa.types.is_timestamp(kind) and kind.tz else "x"
    found = connection.execute(f"SELECT {shown_as} FROM v ORDER BY n").fetchall()
    return [value for (value,) in found]


LAST_4 = Partial(0, 4, "*")
CASES: list[tuple[BuiltIn, pa.DataType, list[Any], list[Any]]] = [
    (Null(), pa.string(), ["a", None], [None, None]),
    (Null(), pa.list_(pa.int32()), [[1], None], [None, None]),
    (Constant("it's"), pa.string(), ["a", "", None], ["it's", "it's", None]),
    (Constant(7), pa.int8(), [1, None], [7, None]),
    (Constant(7), pa.decimal128(9, 2), [1, None], [D("7.00"), None]),
    (Constant(0.5), pa.float64(), [1.0, None], [0.5, None]),
    (Constant(True), pa.bool_(), [False, None], [True, None]),
    (Constant("2000-01-01"), pa.date32(), [MOMENT[:10]], [dt.date(2000, 1, 1)]),
    (Constant("2000-01-01T05"), pa.timestamp("us"), [MOMENT], [dt.datetime(2000, 1, 1, 5)]),
    (LAST_4, pa.string(), ["1234567890", "12345", "1234", "1", "", None],
     ["******7890", "*2345", "****", "*", "", None]),
    (LAST_4, pa.string(), ["a\nb·ü€𝄞z"], ["****ü€𝄞z"]),
    (Partial(1, 0, "x"), pa.string(), ["anna", "a"], ["axxx", "x"]),
    (Partial(1, 1, "'"), pa.large_string(), ["anna", "an", "ann"], ["a''a", "''", "a'n"]),
    (Truncate("month"), pa.date32(), ["2026-05-17", "0001-03-02", None],
     [dt.date(2026, 5, 1), dt.date(1, 3, 1), None]),
    (Truncate("week"), pa.date32(), ["2026-05-17"], [dt.date(2026, 5, 11)]),
    # a value that has no start is NULL: an error would tell something of it
    (Truncate("year"), pa.date32(), ["300000-01-01", "2026-05-17"], [None, dt.date(2026, 1, 1)]),
    (Truncate("year"), pa.timestamp("us"), ["290309-12-22 (BC) 00:00:00"], [None]),
    (Truncate("hour"), pa.timestamp("us"), ["2026-05-17 13:14:15"],
     [dt.datetime(2026, 5, 17, 13)]),
    (Truncate("day"), pa.timestamp("ns"), ["2026-05-17 13:14:15"], [dt.datetime(2026, 5, 17)]),
    (Bucket(D(1000)), pa.int64(), [1999, -1999, 0, None, -(2**63), 2**63 - 1],
     [1000, -1000, 0, None, -9223372036854775000, 9223372036854775000]),
    (Bucket(D(1000)), pa.int8(), [-128, 127], [0, 0]),
    (Bucket(D(100)), pa.uint64(), [2**64 - 1], [18446744073709551600]),
    (Bucket(D("0.5")), pa.decimal128(9, 2), [D("1.74"), D("-1.74")], [D("1.50"), D("-1.50")]),
    (Bucket(D(1000)), pa.decimal128(38, 2), [D("9" * 36 + ".99")], [D("9" * 33 + "000")]),
    (Bucket(D("0.25")), pa.float32(), [1.3, -1.3], [1.25, -1.25]),
]  # fmt: skip


@pytest.mark.parametrize(("mask", "kind", "values", "expected"), CASES)
def test_a_mask_gives_values_of_the_columns_own_type(
    connection: duckdb.DuckDBPyConnection,
    mask: BuiltIn,
    kind: pa.DataType,
    values: list[Any],
    expected: list[Any],
) -> None:
    assert masked(connection, mask, kind, values) == expected


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/New_York"])
@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (Truncate("month"), dt.datetime(2026, 5, 1, tzinfo=dt.UTC)),
        (Truncate("day"), dt.datetime(2026, 5, 1, tzinfo=dt.UTC)),
        (Constant("2000-01-01T02:00:00+02:00"), dt.datetime(2000, 1, 1, tzinfo=dt.UTC)),
    ],
)
def test_a_mask_is_the_same_in_every_time_zone(
    connection: duckdb.DuckDBPyConnection, zone: str, mask: BuiltIn, expected: dt.datetime
) -> None:
    found = masked(connection, mask, pa.timestamp("us", "UTC"), [MOMENT + "+00"], zone)
    assert found == [int(expected.timestamp()) * 1_000_000]


KEYS = {"crm": b"k" * 32, "long": b"l" * 100}


@pytest.mark.parametrize("key", KEYS)
def test_a_hash_is_hmac_sha256_with_the_named_key(
    connection: duckdb.DuckDBPyConnection, key: str
) -> None:
    compiler, mask = Compiler(Parser(), KEYS), Expression("m", "", built_in=Hash(key))
    text = compiler.mask(mask, frozenset({"x"}), "x", kind=pa.string())
    for value in ("", "a", "ü€𝄞\n"):
        expected = hmac.new(KEYS[key], value.encode(), hashlib.sha256).hexdigest()
        row = connection.execute(f"SELECT {text} FROM (SELECT ?::VARCHAR x)", [value])
        assert row.fetchall() == [(expected,)]
    row = connection.execute(f"SELECT {text} FROM (SELECT NULL::VARCHAR x)")
    assert row.fetchall() == [(None,)]


def test_a_hash_per_claim_has_a_key_for_each_of_its_values(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    def hashed(tenant: str | None = None) -> Any:
        claims = {} if tenant is None else {"tenant": ("VARCHAR", tenant)}
        mask = Expression("m", "", claims, built_in=Hash("crm", "tenant"))
        text = Compiler(Parser(), KEYS).mask(mask, frozenset({"x"}), "x", kind=pa.string())
        return connection.execute(f"SELECT {text} FROM (SELECT 'a' x)").fetchall()[0][0]

    derived = hmac.digest(KEYS["crm"], b"acme", hashlib.sha256)
    assert hashed("acme") == hmac.new(derived, b"a", hashlib.sha256).hexdigest()
    assert hashed("acme") != hashed("other")
    assert hashed() is None


def test_a_hash_whose_key_is_not_known_gives_nothing(
    compiler: Compiler, caplog: pytest.LogCaptureFixture
) -> None:
    mask = Expression("m", "", built_in=Hash("crm"))
    assert compiler.mask(mask, frozenset({"x"}), "x", kind=pa.string()) == "NULL"
    assert "there is no key crm" in caplog.text


UNFIT: list[tuple[BuiltIn, pa.DataType]] = [
    (LAST_4, pa.int64()),
    (LAST_4, pa.binary()),
    (Hash("crm"), pa.int64()),
    (Truncate("day"), pa.date32()),
    (Truncate("hour"), pa.date32()),
    (Truncate("month"), pa.string()),
    (Truncate("month"), pa.time64("us")),
    (Bucket(D(1)), pa.int32()),
    (Bucket(D("0.5")), pa.int32()),
    (Bucket(D("0.01")), pa.decimal128(9, 2)),
    (Bucket(D("0.025")), pa.decimal128(9, 2)),
    (Bucket(D(1000)), pa.decimal128(4, 3)),
    (Bucket(D(10)), pa.string()),
    (Bucket(D(10)), pa.bool_()),
    (Constant("x"), pa.int64()),
    (Constant("x"), pa.date32()),
    (Constant("2000-01-01"), pa.timestamp("us", "UTC")),
    (Constant("2000-01-01T00:00:00Z"), pa.timestamp("us")),
    (Constant(1), pa.string()),
    (Constant(300), pa.int8()),
    (Constant(-1), pa.uint32()),
    (Constant(1.5), pa.int32()),
    (Constant(1.555), pa.decimal128(9, 2)),
    (Constant(1), pa.bool_()),
    (Constant(True), pa.int32()),
    (Constant("x"), pa.list_(pa.string())),
]


@pytest.mark.parametrize(("mask", "kind"), UNFIT)
def test_a_mask_does_not_fit_what_it_cannot_keep_the_type_of(
    compiler: Compiler, mask: BuiltIn, kind: pa.DataType
) -> None:
    assert not fits(mask, kind)
    with pytest.raises(PolicyInvalid):
        compiler.mask(Expression("m", shown(mask), built_in=mask), frozenset({"x"}), "x", kind=kind)
