"""SqlInfo and the XDBC types: complete, true, and each value in its place."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from catalog.types import type_name
from catalog.xdbc import XDBC_TYPES
from flight_server.protocol.handlers.sql_info import encode, known_codes
from flight_server.protocol.settings import ServerSettings
from flight_server.protocol.wire import codes

STRING = {0, 1, 2, 6, 7, 504, 513, 514, 529, 530, 531}
BOOL = {3, 4, 5, 9, 10, 11, *range(500, 503), 506, 515, 516, *range(518, 522), 523, 524, 527, 532}
BOOL |= {536, 537, 539, 556, 563, 565, 566, *range(572, 577)}
INT64 = {*range(541, 556), *range(557, 563)}
INT32 = {8, 100, 101, 503, 505, 507, 522, 525, 526, 528, *range(533, 536), 538, 540, 564}
INT32 |= set(range(567, 572))
LIST = set(range(508, 513))
MAP = {517}


@pytest.fixture(scope="module")
def info() -> pa.RecordBatch:
    return encode(known_codes(ServerSettings()))


def test_every_code_is_there_and_no_other(info: pa.RecordBatch) -> None:
    expected = {*range(12), 100, 101, *range(500, 577)}
    assert set(info.column("info_name").to_pylist()) == expected
    assert expected == STRING | BOOL | INT64 | INT32 | LIST | MAP


def test_every_value_is_in_the_child_that_drivers_read(info: pa.RecordBatch) -> None:
    children = [STRING, BOOL, INT64, INT32, LIST, MAP]
    names = info.column("info_name").to_pylist()
    for name, code in zip(names, info.column("value").type_codes.to_pylist(), strict=True):
        assert name in children[code], name


def test_the_claims_are_those_of_a_read_only_server(info: pa.RecordBatch) -> None:
    names, values = (info.column(i).to_pylist() for i in range(2))
    told = dict(zip(names, values, strict=True))
    assert told[0] == "flight-server"
    assert told[3] is True
    assert told[8] == 0
    assert [told[code] for code in (5, 10, 11, 500, 501, 502, 563, 572)] == [False] * 8
    assert told[504] == '"'


def test_the_keywords_are_the_reserved_ones_of_the_engine() -> None:
    rows = duckdb.execute(
        "SELECT upper(keyword_name) FROM duckdb_keywords() WHERE keyword_category = 'reserved'"
    ).fetchall()
    assert sorted(codes.KEYWORDS) == sorted(name for (name,) in rows)


def test_every_listed_function_exists() -> None:
    rows = duckdb.execute("SELECT DISTINCT function_name FROM duckdb_functions()").fetchall()
    known = {name for (name,) in rows}
    # Parsed as special forms, so that they are no functions of the catalog.
    known |= {"coalesce", "ifnull", "nullif", "position", "current_date", "trim", "least"}
    for listed in (
        codes.NUMERIC_FUNCTIONS,
        codes.STRING_FUNCTIONS,
        codes.SYSTEM_FUNCTIONS,
        codes.DATETIME_FUNCTIONS,
    ):
        assert set(listed) <= known


def test_column_types_are_named_as_the_type_info_names_them() -> None:
    names = {row.type_name for row in XDBC_TYPES}
    for kind in (
        pa.int64(),
        pa.decimal128(12, 2),
        pa.string(),
        pa.timestamp("us", tz="UTC"),
        pa.timestamp("ns"),
        pa.list_(pa.int8()),
        pa.struct([("a", pa.int8())]),
        pa.date32(),
        pa.bool_(),
    ):
        assert type_name(kind) in names
