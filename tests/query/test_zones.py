"""Policy SQL whose value the session's time zone could move is refused, by what it is bound to."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from auth.errors import PolicyInvalid
from auth.grant import Expression
from catalog.model import Column, Table
from catalog.names import TableName
from flight_server.query import zones
from flight_server.query.expressions import Compiler
from flight_server.query.parser import Parser
from flight_server.query.zones import Zones

MOMENT = pa.timestamp("us", "UTC")
PEOPLE = Table(
    TableName("lake", "s", "people"),
    (
        Column("id", pa.int64()),
        Column("email", pa.string()),
        Column("seen", MOMENT),
        Column("born", pa.timestamp("us")),
        Column("day", pa.date32()),
        Column("s", pa.struct([("a", MOMENT)])),
        Column("li", pa.list_(MOMENT)),
        Column("m", pa.map_(pa.string(), MOMENT)),
        Column('odd "Seen', MOMENT),
    ),
)
ACL = Table(TableName("lake", "sec", "acl"), (Column("id", pa.int64()), Column("until", MOMENT)))
_ROWS = """
SELECT id, 'x' || id AS email, seen, seen::TIMESTAMP AS born, seen::DATE AS "day",
    {'a': seen} AS s, [seen] AS li, MAP {'k': seen} AS m, seen AS "odd ""Seen"
FROM (SELECT id, TIMESTAMPTZ '2026-03-08 00:00:00+00' + id * INTERVAL '5 hours' AS seen
    FROM range(200) r(id) UNION ALL SELECT -1, NULL)
"""


@pytest.fixture(scope="module")
def parser() -> Parser:
    return Parser()


@pytest.fixture(scope="module")
def checked(parser: Parser) -> Zones:
    return Zones(parser)


SETTLED = [
    "id = 1 AND email = 'x' AND day > '2026-01-01'",
    "born > '2026-03-10' AND year(born) = 2026 AND strftime(born, '%H') = '05'",
    "seen > '2026-03-10 00:00:00+00'",
    "seen BETWEEN '2026-03-10 00:00Z' AND TIMESTAMPTZ '2026-03-20 00:00:00.5-01:00'",
    "seen IN ('2026-03-08 05:00+00', '2026-03-08 10:00:00 UTC')",
    "seen NOT IN (to_timestamp(0))",
    "(seen AT TIME ZONE 'UTC')::DATE = DATE '2026-03-08'",
    "hour(timezone('America/New_York', seen)) < 9",
    "seen = born AT TIME ZONE 'America/New_York'",
    "seen > to_timestamp(1773000000)",
    "seen > make_timestamptz(1773000000000000)",
    "seen > make_timestamptz(2026, 3, 10, 0, 0, 0.0, 'UTC')",
    "seen IS NOT NULL",
    "seen IS DISTINCT FROM NULL",
    "seen < 'infinity' AND seen > '-infinity'",
    "NOT (seen <> seen)",
    "epoch(seen) % 2 = 0 OR epoch_ms(seen) % 7 = 0 OR epoch_us(seen) % 11 = 0",
    "date_part('epoch', seen) % 7 = 0",
    "hash(seen) % 2 = 0",
    "CASE WHEN id % 2 = 0 THEN seen END > '2026-03-10 00:00Z'",
    "coalesce(NULL, seen) = greatest(seen, NULL)",
    "nullif(seen, to_timestamp(0)) = least(seen, seen)",
    "s.a = seen AND struct_extract(s, 'a') IN (seen)",
    "list_contains(li, seen) AND li[1] = seen AND len(li) = 1",
    "m['k'] = seen",
    '"odd ""Seen" = seen',
    "isfinite(seen)",
]
TURNED = [
    "seen > '2026-03-10'",
    "seen > '2026-03-10 00:00:00'",
    "'2026-03-10' <= seen",
    "seen <> '2026-03-10 10:00 America/New_York x'",
    "seen IN ('2026-03-10 00:00Z', '2026-03-10')",
    "seen BETWEEN '2026-03-10 00:00Z' AND '2026-03-11'",
    "seen BETWEEN DATE '2026-03-10' AND DATE '2026-03-11'",
    "seen = day",
    "day < seen",
    "seen > born",
    "seen IS NOT DISTINCT FROM born",
    "CASE WHEN id > 1 THEN seen ELSE born END > to_timestamp(0)",
    "coalesce(born, seen) = seen",
    "seen::DATE = DATE '2026-03-08'",
    "seen::TIMESTAMP = born",
    "seen::TIME > TIME '12:00'",
    "CAST(seen AS VARCHAR) LIKE '2026-03-08%'",
    "TRY_CAST(seen AS DATE) = day",
    "TRY_CAST(email AS TIMESTAMPTZ) < seen",
    "CAST(born AS TIMESTAMPTZ) IS NULL",
    "timezone('UTC', seen) > seen",
    "timezone(seen) = 0",
    "year(seen) = 2026",
    "day(seen) = 8",
    "date_part('hour', seen) < 9",
    "extract('hour' FROM seen) < 9",
    "date_trunc('day', seen) = seen",
    "date_diff('day', seen, to_timestamp(0)) = 1",
    "time_bucket(INTERVAL '1 day', seen) = seen",
    "last_day(seen) = day",
    "monthname(seen) = 'March'",
    "strftime(seen, '%d') = '08'",
    "strptime(email, '%Z') < seen",
    "make_timestamptz(2026, 3, 8, 0, 0, 0.0) < seen",
    "seen + INTERVAL '1 day' > to_timestamp(0)",
    "seen - INTERVAL '1 month' > to_timestamp(0)",
    "seen - to_timestamp(0) > INTERVAL '1 day'",
    "concat(seen, '') = 'x'",
    "seen || '' = 'x'",
    "format('{}', seen) = 'x'",
    "md5(CAST(seen AS VARCHAR)) = 'x'",
    "CAST(s AS VARCHAR) = 'x'",
    "CAST(s.a AS DATE) = day",
    "CAST(li[1] AS DATE) = day",
    "list_contains(li, '2026-03-08')",
    "m['k']::DATE = day",
    "to_json(s) IS NULL",
    '"odd ""Seen"::DATE = day',
]
_ZONES = ("UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Apia")


@pytest.mark.parametrize("where", SETTLED)
def test_what_names_its_zone_is_let_through_and_is_the_same_in_each(
    checked: Zones, where: str
) -> None:
    checked.check("f", where, PEOPLE, {})
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE TABLE people AS {_ROWS}")
        found = set()
        for zone in _ZONES:
            connection.execute(f"SET TimeZone = '{zone}'")
            rows = connection.execute(f"SELECT id FROM people WHERE {where} ORDER BY 1").fetchall()
            found.add(tuple(rows))
    assert len(found) == 1


@pytest.mark.parametrize("where", TURNED)
def test_what_follows_the_zone_of_the_session_is_refused(checked: Zones, where: str) -> None:
    with pytest.raises(PolicyInvalid, match=r"'f' depends on the time zone of .*timezone\('UTC'"):
        checked.check("f", where, PEOPLE, {})


@pytest.mark.parametrize(
    ("sql", "refused"),
    [
        ("seen", False),
        ("NULL", False),
        ("'2026-03-08 00:00:00+00'", False),
        ("'2026-03-08'", True),
        ("born", True),
        ("day", True),
        ("email", True),
        ("timezone('UTC', date_trunc('month', timezone('UTC', seen)))", False),
        ("date_trunc('month', seen AT TIME ZONE 'UTC')", True),
    ],
)
def test_a_mask_is_looked_at_with_its_cast_to_the_type_of_the_column(
    checked: Zones, sql: str, refused: bool
) -> None:
    if not refused:
        checked.check("m", sql, PEOPLE, {}, MOMENT)
        return
    with pytest.raises(PolicyInvalid, match="time zone"):
        checked.check("m", sql, PEOPLE, {}, MOMENT)


@pytest.mark.parametrize(
    ("where", "refused"),
    [
        ("id IN (SELECT a.id FROM {acl} a WHERE a.until > people.seen)", False),
        ("seen < (SELECT max(a.until) FROM {acl} a)", False),
        ("seen = (SELECT a.until FROM {acl} a)", False),
        ("seen IN (SELECT a.until FROM {acl} a)", False),
        ("EXISTS (SELECT 1 FROM {acl} a WHERE a.until::DATE = people.day)", True),
        ("EXISTS (SELECT 1 FROM {acl} a WHERE a.until > '2026-03-08')", True),
        ("day < (SELECT max(a.until) FROM {acl} a)", True),
        ("id IN (SELECT year(a.until) FROM {acl} a)", True),
        ("born IN (SELECT a.until FROM {acl} a)", True),
    ],
)
def test_subqueries_are_looked_at_as_well(checked: Zones, where: str, refused: bool) -> None:
    sql = where.format(acl='"lookup acl"')
    if not refused:
        checked.check("f", sql, PEOPLE, {"acl": ACL})
        return
    with pytest.raises(PolicyInvalid, match="time zone"):
        checked.check("f", sql, PEOPLE, {"acl": ACL})


def test_what_cannot_be_bound_is_refused(checked: Zones) -> None:
    with pytest.raises(PolicyInvalid, match="'f' does not fit the table") as caught:
        checked.check("f", "lower(id) = 'x'", PEOPLE, {})
    assert str(caught.value.__cause__).startswith("Binder: No function matches")
    with pytest.raises(PolicyInvalid, match="does not fit"):
        checked.check("f", "nothing = 1", PEOPLE, {})


def test_the_same_sql_over_another_table_is_looked_at_anew(checked: Zones) -> None:
    where = "seen > '2026-03-10'"
    plain = Table(PEOPLE.name, (Column("seen", pa.timestamp("us")),))
    for _ in range(2):
        checked.check("f", where, plain, {})
        with pytest.raises(PolicyInvalid):
            checked.check("f", where, PEOPLE, {})


@pytest.mark.parametrize(
    ("sql", "refused"),
    [
        ("TIMESTAMPTZ '2026-01-01' < seen", True),
        ("seen > CAST('2026-01-01 00:00' AS TIMESTAMP WITH TIME ZONE)", True),
        ("TRY_CAST('today' AS TIMESTAMPTZ) < seen", True),
        ("TIMESTAMPTZ '2026-01-01 00:00+00' < seen", False),
        ("born > TIMESTAMP '2026-01-01'", False),
    ],
)
def test_some_is_refused_whatever_the_table(parser: Parser, sql: str, refused: bool) -> None:
    compiler = Compiler(parser)
    if not refused:
        compiler.check(Expression("f", sql))
        return
    with pytest.raises(PolicyInvalid, match="time zone"):
        compiler.check(Expression("f", sql))


def test_no_function_that_reads_the_zone_is_taken_for_plain() -> None:
    """Those of the engine that give another value in another zone for the same moment."""
    with duckdb.connect() as connection:
        listed = connection.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions()"
            " WHERE list_contains(parameter_types, 'TIMESTAMP WITH TIME ZONE')"
        ).fetchall()
    plain = {name for (name,) in listed if name in zones._FUNCTIONS}
    assert plain <= {"epoch", "epoch_ms", "epoch_us", "epoch_ns", "isfinite", "isinf"}
