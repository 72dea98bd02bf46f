"""Each claim of GetSqlInfo and GetXdbcTypeInfo, held against what the server does."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest
from adbc_driver_flightsql import dbapi

from flight_server.protocol import routes
from flight_server.protocol.wire import codes, schemas
from flight_server.protocol.wire import flight_sql_pb2 as sql
from flight_server.protocol.wire.codes import Convert
from tests.flight_sql import client
from tests.servers import Server

ACCOUNTS = "invest.portfolio.accounts"
CURRENCIES = "invest.market.currencies"
Run = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def told(server: Server) -> dict[int, Any]:
    with client(server, "compliance") as connected:
        table = connected.read(sql.CommandGetSqlInfo())
    assert table.schema.equals(schemas.SQL_INFO, check_metadata=True)
    return dict(zip(table["info_name"].to_pylist(), table["value"].to_pylist(), strict=True))


@pytest.fixture(scope="module")
def run(server: Server) -> Iterator[Run]:
    with server.connect("compliance") as connection, connection.cursor() as cursor:

        def rows(statement: str) -> list[tuple[Any, ...]]:
            cursor.execute(statement)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found

        yield rows


def test_asking_for_nothing_gives_every_code_and_asking_for_some_gives_those(
    server: Server, told: dict[int, Any]
) -> None:
    assert set(told) == {*range(12), 100, 101, *range(500, 577)}
    with client(server, "analyst") as connected:
        some = connected.read(sql.CommandGetSqlInfo(info=[504, 0, 504, 99_999]))
    assert some["info_name"].to_pylist() == [504, 0]
    assert some["value"].to_pylist() == ['"', told[0]]


def test_cancelling_is_claimed_as_far_as_it_is_served(told: dict[int, Any]) -> None:
    assert told[9] is (sql.ActionCancelQueryRequest in routes.ACTIONS)


def test_transactions_ingestion_and_substrait_are_claimed_as_far_as_they_are_served(
    told: dict[int, Any],
) -> None:
    assert (told[8] != 0) is (sql.ActionBeginTransactionRequest in routes.ACTIONS)
    assert told[10] is (sql.CommandStatementIngest in routes.UPDATES)
    assert told[5] is (sql.CommandStatementSubstraitPlan in routes.QUERIES)
    assert told[573] is (sql.ActionBeginSavepointRequest in routes.ACTIONS)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE SCHEMA s",
        "CREATE TABLE t (a INT)",
        "CREATE TABLE t AS SELECT 1 AS a",
        f"DELETE FROM {CURRENCIES}",
        f"UPDATE {CURRENCIES} SET name = 'x'",
        f"INSERT INTO {CURRENCIES} VALUES (1)",
        f"DROP TABLE {CURRENCIES}",
        f"SELECT * FROM {CURRENCIES} FOR UPDATE",
        "CALL pragma_version()",
        "ATTACH 'x' AS y",
    ],
)
def test_it_is_read_only(told: dict[int, Any], run: Run, statement: str) -> None:
    assert told[3] is True
    assert [told[code] for code in (500, 501, 502, 536, 537, 572)] == [False] * 6
    with pytest.raises(dbapi.Error, match=r"NOT_ALLOWED|INVALID_SQL"):
        run(statement)


def test_identifiers_are_compared_without_case_whether_quoted_or_not(
    told: dict[int, Any], run: Run
) -> None:
    assert (told[503], told[505], told[504]) == (1, 1, '"')
    expected = run(f"SELECT name FROM {CURRENCIES} ORDER BY 1")
    for statement in (
        "SELECT NAME FROM Invest.MARKET.Currencies ORDER BY 1",
        'SELECT "NAME" FROM "INVEST"."Market"."CURRENCIES" ORDER BY 1',
    ):
        assert run(statement) == expected
    assert run('SELECT 1 AS "a ""b"" c", "a ""b"" c" + 1') == [(1, 2)]


def test_further_characters_of_plain_names_are_those_claimed(
    told: dict[int, Any], run: Run
) -> None:
    assert told[514] == "$"
    assert run("SELECT 1 AS a$b, a$b + 1") == [(1, 2)]
    for char in "#@!?":
        with pytest.raises(dbapi.Error):
            run(f"SELECT 1 AS a{char}b, a{char}b + 1")


@pytest.mark.parametrize("direction", ["", "ASC", "DESC"])
def test_nulls_sort_to_the_end(told: dict[int, Any], run: Run, direction: str) -> None:
    assert told[507] == codes.NULLS_AT_END
    found = run(f"SELECT a FROM (VALUES (NULL), (1), (2)) t(a) ORDER BY a {direction}")
    assert found[-1] == (None,)


def test_keywords_must_be_quoted_to_be_names(told: dict[int, Any], run: Run) -> None:
    for word in told[508]:
        try:
            found = run(f'SELECT {word} FROM (SELECT 41 AS "{word}") t')
        except dbapi.Error:
            continue
        assert found != [(41,)], word  # TRUE, FALSE and NULL stand for themselves
    quoted = ", ".join(f'1 AS "{word}"' for word in told[508])
    assert len(run(f"SELECT {quoted}")[0]) == len(told[508])


CALLS = {
    509: """
        abs(-1) acos(1) asin(1) atan(1) atan2(1,1) cbrt(8) ceil(1.5) ceiling(1.5) cos(1) cot(1)
        degrees(1) even(3) exp(1) factorial(3) floor(1.5) gcd(4,6) greatest(1,2) lcm(4,6) least(1,2)
        ln(2) log(2) log10(2) log2(2) mod(5,3) pi() pow(2,3) power(2,3) radians(1)
        round(1.5) sign(-1) sin(1) sqrt(4) tan(1) trunc(1.5)
    """,
    510: """
        ascii('a') bit_length('a') char_length('a') chr(65) concat('a','b') concat_ws(',','a','b')
        contains('ab','a') ends_with('ab','b') instr('ab','b') lcase('A') left('ab',1) length('ab')
        levenshtein('a','b') lower('A') lpad('a',3,'x') ltrim('a') md5('a') position('b'IN'ab')
        regexp_extract('ab','a') regexp_matches('ab','a') regexp_replace('ab','a','c') repeat('a',2)
        replace('ab','a','c') reverse('ab') right('ab',1) rpad('a',3,'x') rtrim('a') sha256('a')
        split_part('a-b','-',1) starts_with('ab','a') string_split('a-b','-') strlen('a')
        substring('abc',2) translate('abc','a','b') trim('a') ucase('a') unicode('a') upper('a')
    """,
    511: "coalesce(NULL,1) ifnull(NULL,1) nullif(1,2) typeof(1)",
    512: """
        age(d) current_date date_add(d,INTERVAL(1)DAY) date_diff('day',d,d) date_part('year',d)
        date_sub('day',d,d) date_trunc('month',d) day(d) dayname(d) dayofmonth(d) dayofweek(d)
        dayofyear(d) epoch(d) hour(d) last_day(d) make_date(2024,1,1) make_time(1,2,3)
        make_timestamp(2024,1,1,1,1,1) minute(d) month(d) monthname(d) now() quarter(d) second(d)
        strftime(d,'%Y') strptime('2024','%Y') time_bucket(INTERVAL(1)DAY,d) to_timestamp(0) today()
        week(d) year(d)
    """,
}


@pytest.mark.parametrize("code", CALLS)
def test_every_listed_function_can_be_called(told: dict[int, Any], run: Run, code: int) -> None:
    calls = CALLS[code].split()
    assert sorted(call.partition("(")[0] for call in calls) == sorted(told[code])
    for call in calls:
        run(f"SELECT {call} FROM (SELECT TIMESTAMP '2024-02-29 01:02:03' AS d)")


def test_patterns_are_escaped_by_a_backslash(server: Server, told: dict[int, Any]) -> None:
    assert told[513] == "\\"

    def tables(pattern: str) -> list[str]:
        message = sql.CommandGetTables(table_name_filter_pattern=pattern)
        with client(server, "compliance") as connected:
            found: list[str] = connected.read(message)["table_name"].to_pylist()
        return found

    assert "portfolio_accounts" in tables("portfolio_%")
    assert "portfolios" in tables("portfolio_")
    assert tables(r"portfolio\_%") == ["portfolio_accounts", "portfolio_benchmarks"]
    assert tables(r"portfolio\_accounts") == ["portfolio_accounts"]
    assert tables(r"portfolio\%") == []
    assert tables("PORTFOLIO_ACC%") == ["portfolio_accounts"]
    assert tables("") == []
    assert tables("\\") == []


FEATURES = {
    506: f"SELECT 1 FROM {CURRENCIES} LIMIT 1",
    515: "SELECT 1 AS a",
    516: "SELECT 1 WHERE (NULL || 'a') IS NULL AND (NULL + 1) IS NULL",
    518: f"SELECT t.name FROM {CURRENCIES} AS t LIMIT 1",
    520: f"SELECT name FROM {CURRENCIES} ORDER BY length(name) + 1 LIMIT 1",
    521: f"SELECT name FROM {CURRENCIES} ORDER BY currency LIMIT 1",
    523: "SELECT 1 WHERE '10%' LIKE '10!%' ESCAPE '!' AND NOT '10x' LIKE '10!%' ESCAPE '!'",
    532: f"SELECT 1 FROM {CURRENCIES} LIMIT 1",
    539: f"SELECT 1 FROM {CURRENCIES} a WHERE EXISTS "
    f"(SELECT 1 FROM {CURRENCIES} b WHERE b.currency = a.currency) LIMIT 1",
}


@pytest.mark.parametrize("code", FEATURES)
def test_a_feature_that_is_claimed_works(told: dict[int, Any], run: Run, code: int) -> None:
    assert told[code] is True
    assert run(FEATURES[code])


def test_an_alias_may_be_the_name_of_a_table(told: dict[int, Any], run: Run) -> None:
    assert told[519] is False
    assert run(f"SELECT currencies.name FROM {CURRENCIES} AS currencies LIMIT 1")


BITS = {
    (522, 0): f"SELECT count(*) FROM {CURRENCIES} GROUP BY is_base",
    (522, 1): f"SELECT is_base FROM {CURRENCIES} GROUP BY is_base, minor_units",
    (525, 0): f"SELECT name FROM {CURRENCIES} WHERE name LIKE '%' AND minor_units > -1 ORDER BY 1",
    (525, 1): f"SELECT DISTINCT a.name, (a.minor_units + 1) * 2 FROM {CURRENCIES} a, {CURRENCIES} b"
    " WHERE a.currency = b.currency AND a.minor_units BETWEEN 0 AND 9",
    (526, 0): f"SELECT is_base, count(DISTINCT name), max(name) FROM {CURRENCIES} "
    "WHERE minor_units IN (0, 2) GROUP BY is_base HAVING count(*) > 0 UNION SELECT true, 1, 'x'",
    (528, 1): f"SELECT 1 FROM {CURRENCIES} a LEFT OUTER JOIN {CURRENCIES} b USING (currency)",
    (528, 2): f"SELECT 1 FROM {CURRENCIES} a FULL OUTER JOIN {CURRENCIES} b ON a.name = b.currency",
    (538, 0): f"SELECT 1 FROM {CURRENCIES} WHERE name = (SELECT max(name) FROM {CURRENCIES})",
    (538, 1): f"SELECT 1 WHERE EXISTS (SELECT 1 FROM {CURRENCIES})",
    (538, 2): f"SELECT 1 WHERE 'USD' IN (SELECT currency FROM {CURRENCIES})",
    (538, 3): f"SELECT 1 WHERE 'ZZZZ' > ALL (SELECT currency FROM {CURRENCIES})",
    (540, 0): "SELECT 1 UNION SELECT 1",
    (540, 1): "SELECT 1 UNION ALL SELECT 1",
}


def test_every_bit_that_is_claimed_works_and_all_that_work_are_claimed(
    told: dict[int, Any], run: Run
) -> None:
    for code in (522, 525, 526, 528, 538, 540):
        claimed = {bit for bit in range(32) if told[code] >> bit & 1}
        assert claimed == {bit for other, bit in BITS if other == code}
    for statement in BITS.values():
        assert run(statement)
    assert run("SELECT 1 UNION SELECT 1") == [(1,)]
    assert run("SELECT 1 UNION ALL SELECT 1") == [(1,), (1,)]


TYPES = {
    Convert.BIGINT: ("BIGINT", "1"),
    Convert.BINARY: ("BINARY", "ab"),
    Convert.BIT: ("BOOLEAN", "true"),
    Convert.CHAR: ("CHAR", "a"),
    Convert.DATE: ("DATE", "2024-01-01"),
    Convert.DECIMAL: ("DECIMAL(9,2)", "1"),
    Convert.FLOAT: ("FLOAT", "1"),
    Convert.INTEGER: ("INTEGER", "1"),
    Convert.INTERVAL_DAY_TIME: ("INTERVAL", "1 day"),
    Convert.INTERVAL_YEAR_MONTH: ("INTERVAL", "1 year"),
    Convert.LONGVARBINARY: ("BLOB", "ab"),
    Convert.LONGVARCHAR: ("TEXT", "a"),
    Convert.NUMERIC: ("NUMERIC(9,2)", "1"),
    Convert.REAL: ("REAL", "1"),
    Convert.SMALLINT: ("SMALLINT", "1"),
    Convert.TIME: ("TIME", "01:02:03"),
    Convert.TIMESTAMP: ("TIMESTAMP", "2024-01-01 01:02:03"),
    Convert.TINYINT: ("TINYINT", "1"),
    Convert.VARBINARY: ("VARBINARY", "ab"),
    Convert.VARCHAR: ("VARCHAR", "a"),
}
TEXTS = (Convert.CHAR, Convert.VARCHAR, Convert.LONGVARCHAR)


@pytest.mark.parametrize("source", list(Convert))
def test_conversions_are_claimed_exactly_as_far_as_they_work(
    told: dict[int, Any], run: Run, source: Convert
) -> None:
    claimed = set(dict(told[517]).get(source, ()))
    works = set()
    for target in Convert:
        # a text has to be one of the target's
        text = TYPES[target if source in TEXTS else source][1]
        statement = f"SELECT CAST(CAST('{text}' AS {TYPES[source][0]}) AS {TYPES[target][0]})"
        try:
            run(statement)
        except dbapi.Error:
            continue
        works.add(target)
    assert works == claimed


def test_the_limits_are_where_they_are_claimed(told: dict[int, Any], run: Run) -> None:
    longest = told[557]
    padding = "SELECT 1 -- "
    assert run(padding + "x" * (longest - len(padding))) == [(1,)]
    with pytest.raises(dbapi.Error, match="TOO_COMPLEX"):
        run(padding + "x" * (longest - len(padding) + 1))
    most = told[560]
    tables = [f"(SELECT 1 AS a FROM {CURRENCIES} LIMIT 1)"] * most
    assert run(" UNION ALL ".join(tables)) == [(1,)] * most
    with pytest.raises(dbapi.Error, match="TOO_COMPLEX"):
        run(" UNION ALL ".join([*tables, tables[0]]))


def test_the_timeout_is_the_servers(told: dict[int, Any]) -> None:
    assert told[100] == 300_000
    assert told[101] == 0


# --- the types ---


@pytest.fixture(scope="module")
def types(server: Server) -> list[dict[str, Any]]:
    with client(server, "analyst") as connected:
        table = connected.read(sql.CommandGetXdbcTypeInfo())
    assert table.schema.equals(schemas.XDBC_TYPE_INFO, check_metadata=True)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def test_types_are_sorted_and_named_once(types: list[dict[str, Any]]) -> None:
    names = [row["type_name"] for row in types]
    assert len(names) == len(set(names)) > 25
    numbers = [row["data_type"] for row in types]
    order = list(dict.fromkeys(numbers))
    assert len(order) == len(set(numbers))
    assert numbers == sorted(numbers, key=order.index)


def test_one_number_gives_the_types_of_that_number(
    server: Server, types: list[dict[str, Any]]
) -> None:
    with client(server, "analyst") as connected:
        for number in {row["data_type"] for row in types}:
            found = connected.read(sql.CommandGetXdbcTypeInfo(data_type=number)).to_pylist()
            assert found == [row for row in types if row["data_type"] == number]
        for number in (0, 12_345, -(2**31)):
            expected = [row for row in types if row["data_type"] == number]
            message = sql.CommandGetXdbcTypeInfo(data_type=number)
            assert connected.read(message).to_pylist() == expected


LITERALS = {
    "BLOB": ("00FF", b"\x00\xff"),
    "INTERVAL": ("1 day", None),
    "VARCHAR": ("a", "a"),
    "JSON": ("{}", "{}"),
    "UUID": ("00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000"),
    "DATE": ("2024-01-01", datetime.date(2024, 1, 1)),
    "TIME": ("01:02:03", datetime.time(1, 2, 3)),
    "TIME_NS": ("01:02:03", datetime.time(1, 2, 3)),
}
MOMENT = ("2024-01-01 00:00:00", None)


def test_literals_are_written_as_the_type_info_says(types: list[dict[str, Any]], run: Run) -> None:
    written = [row for row in types if row["literal_prefix"] and row["type_name"] != '"NULL"']
    assert len(written) > 10
    for row in written:
        text, value = LITERALS.get(row["type_name"], MOMENT)
        found = run(f"SELECT {row['literal_prefix']}{text}{row['literal_suffix']}")
        assert value is None or found == [(value,)], row["type_name"]


def test_every_plain_type_can_be_cast_to_by_its_name(types: list[dict[str, Any]], run: Run) -> None:
    nested = {"LIST", "ARRAY", "STRUCT", "MAP", "UNION"}
    for row in types:
        if row["type_name"] not in nested:
            assert run(f"SELECT CAST(NULL AS {row['type_name']})") == [(None,)]


def test_texts_and_types_agree_on_what_can_be_searched(
    types: list[dict[str, Any]], run: Run
) -> None:
    by_name = {row["type_name"]: row for row in types}
    assert by_name["VARCHAR"]["searchable"] == 3
    assert by_name["VARCHAR"]["case_sensitive"] is True
    assert run("SELECT 1 WHERE 'a' = 'A' OR 'a' LIKE 'A'") == []
    assert by_name["BIGINT"]["case_sensitive"] is False
    assert run("SELECT CAST(99999999999999999999999999999999999999 AS DECIMAL(38,0))")
    assert by_name["DECIMAL"]["column_size"] == by_name["DECIMAL"]["maximum_scale"] == 38
    assert by_name["DECIMAL"]["create_params"] == ["precision", "scale"]


def test_every_column_type_of_the_warehouse_is_in_the_type_info(
    server: Server, types: list[dict[str, Any]]
) -> None:
    names = {row["type_name"] for row in types}
    with client(server, "compliance") as connected:
        rows = connected.read(sql.CommandGetTables(include_schema=True)).to_pylist()
    seen = {
        field.metadata[b"ARROW:FLIGHT:SQL:TYPE_NAME"].decode()
        for row in rows
        for field in pa.ipc.read_schema(pa.py_buffer(row["table_schema"]))
    }
    assert seen <= names
    assert len(seen) > 5
