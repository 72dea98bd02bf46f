"""SQL names are DuckDB's own, and the type info has a row for each."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from catalog.types import _RESERVED, XDBC_TYPES, precision, scale, sql_name, type_name

DUCKDB_TYPES = [
    "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER",
    "UBIGINT", "FLOAT", "DOUBLE", "DECIMAL(18,4)", "DECIMAL(38,0)", "DECIMAL(4,1)", "VARCHAR",
    "BLOB", "DATE", "TIME", "TIME_NS", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS",
    "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS", "INTERVAL", "INTEGER[]", "DECIMAL(9,2)[]",
    "VARCHAR[][]", "INTEGER[3]", "STRUCT(a INTEGER)", "MAP(VARCHAR, INTEGER)",
    'STRUCT("a b" INTEGER, A1 VARCHAR, "select" DATE, "qu""ote" BLOB)',
    "MAP(VARCHAR, STRUCT(x INTEGER[])[])", "UNION(n INTEGER, s VARCHAR)",
]  # fmt: skip


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as opened:
        yield opened


@pytest.mark.parametrize("name", DUCKDB_TYPES)
def test_a_type_that_duckdb_returns_has_duckdbs_name_for_it(connection, name):
    relation = connection.sql(f"SELECT NULL::{name} AS x")
    returned = relation.to_arrow_table().schema.field("x").type
    assert sql_name(returned) == str(relation.types[0]) == name


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (pa.null(), '"NULL"'),
        (pa.large_string(), "VARCHAR"),
        (pa.string_view(), "VARCHAR"),
        (pa.binary(16), "BLOB"),
        (pa.dictionary(pa.int8(), pa.string()), "VARCHAR"),
        (pa.timestamp("us", tz="Europe/Zurich"), "TIMESTAMP WITH TIME ZONE"),
        (pa.large_list(pa.int8()), "TINYINT[]"),
        (pa.uuid(), "UUID"),
        (pa.json_(), "JSON"),
        (pa.duration("us"), "INTERVAL"),
    ],
)
def test_other_arrow_types_have_the_name_of_their_nearest(kind, name):
    assert sql_name(kind) == name


@pytest.mark.parametrize("name", [*DUCKDB_TYPES, "UUID", "JSON"])
def test_every_type_has_its_row_in_the_type_info(connection, name):
    kind = connection.sql(f"SELECT NULL::{name} AS x").to_arrow_table().schema.field("x").type
    assert type_name(kind) in {row.type_name for row in XDBC_TYPES}


def test_the_name_without_parameters_is_how_the_full_name_begins():
    assert type_name(pa.decimal128(18, 4)) == "DECIMAL"
    assert type_name(pa.struct([("a", pa.int32())])) == "STRUCT"
    assert type_name(pa.list_(pa.int32())) == "LIST"


@pytest.mark.parametrize(
    ("kind", "digits", "fraction"),
    [
        (pa.decimal128(18, 4), 18, 4),
        (pa.int32(), 10, 0),
        (pa.uint64(), 20, 0),
        (pa.float64(), 15, None),
        (pa.date32(), 10, None),
        (pa.timestamp("us"), 26, 6),
        (pa.timestamp("ms"), 23, 3),
        (pa.string(), None, None),
        (pa.list_(pa.int8()), None, None),
    ],
)
def test_precision_and_scale_follow_the_type(kind, digits, fraction):
    assert (precision(kind), scale(kind)) == (digits, fraction)


def test_the_type_info_is_in_the_order_and_numbers_of_odbc():
    numbers = [row.data_type for row in XDBC_TYPES]
    assert numbers == sorted(numbers)
    assert len({row.type_name for row in XDBC_TYPES}) == len(XDBC_TYPES)
    by_name = {row.type_name: row for row in XDBC_TYPES}
    assert by_name["VARCHAR"].data_type == 12
    assert next(row for row in XDBC_TYPES if row.data_type == 12).type_name == "VARCHAR"
    moment = by_name["TIMESTAMP WITH TIME ZONE"]
    assert (moment.data_type, moment.sql_data_type, moment.datetime_subcode) == (93, 9, 5)
    for row in XDBC_TYPES:
        if row.datetime_subcode is None:
            assert row.sql_data_type == row.data_type


def test_literals_of_the_type_info_are_valid(connection):
    values = {"DATE": "2020-01-31", "TIME": "10:00:00", "VARCHAR": "x", "BLOB": "FF"}
    for row in XDBC_TYPES:
        if row.type_name not in values and row.datetime_subcode is None:
            continue
        if row.literal_prefix is None:
            continue
        default = "10:00:00" if row.datetime_subcode == 2 else "2020-01-31 10:00:00"
        value = values.get(row.type_name, default)
        found = connection.sql(f"SELECT {row.literal_prefix}{value}{row.literal_suffix}").types[0]
        assert str(found) == row.type_name


def test_reserved_words_are_those_of_the_pinned_duckdb(connection):
    query = "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category = 'reserved'"
    assert {word for (word,) in connection.sql(query).fetchall()} == _RESERVED


def test_a_type_without_a_name_is_refused():
    with pytest.raises(ValueError, match="no SQL name"):
        sql_name(pa.run_end_encoded(pa.int32(), pa.int8()))
