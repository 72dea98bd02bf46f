"""Which rows of sealed tables are sent: conditions with constants reach the trusted side."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from flight_server.engines.duckdb import condition
from flight_server.engines.duckdb.feed import Feed
from flight_server.engines.duckdb.feeder import Feeder
from flight_server.engines.duckdb.setup import Stream, stream_name

_ROWS = 100
# The even rows are hidden, and hold what no comparison may meet; every name is masked.
_TABLE = f"""
CREATE TABLE t AS SELECT
    i::BIGINT AS id,
    'n' || i AS name,
    CASE WHEN i % 2 = 0 THEN 'leak' || i WHEN i = 1 THEN '' WHEN i = 3 THEN NULL ELSE i::VARCHAR END
        AS text,
    CASE WHEN i = 1 THEN 'nan'::DOUBLE WHEN i = 3 THEN 'inf'::DOUBLE WHEN i = 5 THEN -0.0::DOUBLE
        WHEN i <> 7 THEN i / 4 END AS d,
    (i / 4)::FLOAT AS f,
    (i / 4)::DECIMAL(9, 2) AS n,
    CASE WHEN i = 1 THEN 'infinity'::DATE ELSE DATE '2020-01-01' + i::INTEGER END AS "day",
    CASE WHEN i = 1 THEN '-infinity'::TIMESTAMP
        ELSE TIMESTAMP '2020-01-01' + to_days(i::INTEGER) END AS ts,
    TIMESTAMPTZ '2020-01-01 00:00+00' + to_days(i::INTEGER) AS tz,
    i % 3 = 0 AS b,
    {{'a': i}} AS s,
    md5(i::VARCHAR)::UUID AS u
FROM range({_ROWS}) r(i)
"""
_VIEW = "CREATE SECURE VIEW v AS SELECT * REPLACE ('***' AS name) FROM t WHERE id % 2 = 1"
_NAMES = ("id", "name", "text", "d", "f", "n", "day", "ts", "tz", "b", "s", "u")


class Counting(Feed):
    """A feed that says how many rows were sent."""

    sent = 0

    def _batches(self, *given: object) -> Iterator[pa.RecordBatch]:
        for batch in super()._batches(*given):
            self.sent += batch.num_rows
            yield batch


class Rig:
    """The two sides over one socket, and the view itself to compare with."""

    def __init__(self, theirs: socket.socket, ours: socket.socket) -> None:
        self.trusted = duckdb.connect()
        self.trusted.execute("SET TimeZone = 'UTC'")
        self.trusted.execute(_TABLE)
        self.trusted.execute(_VIEW)
        self.compared = self.trusted.cursor()
        self.compared.execute("SET TimeZone = 'UTC'")
        stream = Stream("memory.main.v", _NAMES)
        self.thread = threading.Thread(target=Feeder(theirs, self.trusted, [stream]).serve)
        self.thread.start()
        self.feed = Counting(ours, [stream])
        self.worker = duckdb.connect()
        self.worker.execute("SET TimeZone = 'UTC'")
        self.feed.attach(self.worker)
        types = map(str, self.trusted.sql("FROM v").types)
        shown = ", ".join(
            f'CAST(c{at} AS {data}) AS "{name}"'
            for at, (name, data) in enumerate(zip(_NAMES, types, strict=True))
        )
        self.worker.execute(f"CREATE VIEW v AS SELECT {shown} FROM temp.main.{stream_name(0)}")

    def sent(self, where: str) -> int:
        """How many rows were sent for a condition; what it gives is as without the seal."""
        self.feed.sent = 0
        self.feed.begin(lambda: None)
        text = f"SELECT COLUMNS(*)::VARCHAR FROM v WHERE {where} ORDER BY ALL"
        found, expected = (
            repr(each.execute(text).fetchall()) for each in (self.worker, self.compared)
        )
        self.feed.end()
        assert found == expected
        return self.feed.sent


@pytest.fixture(scope="module")
def rows() -> Iterator[Rig]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        rig = Rig(theirs, ours)
        with closing(rig.worker), closing(rig.trusted):
            yield rig
            ours.shutdown(socket.SHUT_RDWR)
            rig.thread.join(5)
            assert not rig.thread.is_alive()


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("id = 5", 1),
        ("id = 4", 0),
        ("5 > id", 2),
        ("id BETWEEN 10 AND 20", 5),
        ("id IN (1, 2, 3)", 2),
        ("id = 3 OR id = 7 OR text = '9'", 3),
        ("id < 20 AND abs(id) < 10", 10),
        ("text IS NULL", 1),
        ("text IS NOT NULL AND id < 10", 4),
        ("text = ''", 1),
        ("text > '95'", 2),
        ("f = 1.25::FLOAT", 1),
        ("n = 1.25", 1),
        ("n IN (1.25, 1.75)", 2),
        ("\"day\" = DATE '2020-01-06'", 1),
        ("ts = TIMESTAMP '2020-01-06'", 1),
        ("ts < TIMESTAMP '2020-01-06'", 2),
        ("tz = TIMESTAMPTZ '2020-01-06 02:00+02'", 1),
        ("b = true AND id < 10", 2),
    ],
)
def test_rows_that_no_comparison_wants_are_not_sent(rows: Rig, where: str, expected: int) -> None:
    assert rows.sent(where) == expected


def test_a_masked_column_is_compared_as_it_shows(rows: Rig) -> None:
    assert rows.sent("name = 'n5'") == 0
    assert rows.sent("name = '***'") == _ROWS // 2
    assert rows.sent("name = '***' AND id = 5") == 1


@pytest.mark.parametrize(
    "where",
    [
        "text LIKE '9%'",
        "text ILIKE '9%'",
        "lower(text) = '9'",
        "text COLLATE NOCASE = 'A'",
        "TRY_CAST(text AS INTEGER) = 9",
        "s.a = 5",
        "id % 4 = 1",
        "u = '00000000-0000-0000-0000-000000000000'",
        "id <> 5",
        "(SELECT max(id) FROM v) = id",
    ],
)
def test_whatever_else_is_asked_is_done_where_the_statement_runs(rows: Rig, where: str) -> None:
    assert rows.sent(where) >= _ROWS // 2


def test_what_would_fail_on_hidden_rows_does_not(rows: Rig) -> None:
    """The hidden rows hold texts that are no numbers, and a row that would divide by zero."""
    where = "text IS NOT NULL AND text <> '' AND CAST(text AS INTEGER) = 9 AND 1 // id >= 0"
    assert rows.sent(where) <= _ROWS // 2


@pytest.mark.parametrize("operator", ["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM"])
@pytest.mark.parametrize(
    "compared",
    [
        *(f"d {{}} {value}::DOUBLE" for value in ("'nan'", "'inf'", "'-inf'", "0.0", "1.25")),
        "d {} NULL",
        "f {} 'nan'::FLOAT",
        "\"day\" {} 'infinity'::DATE",
        "ts {} '-infinity'::TIMESTAMP",
        "tz {} 'infinity'::TIMESTAMPTZ",
        "text {} '\u00fc \\ '' \" \U0001f600'",
        "id {} -9223372036854775808",
        "n {} 9999999.99",
    ],
)
def test_odd_constants_compare_as_without_the_seal(rows: Rig, compared: str, operator: str) -> None:
    assert rows.sent(compared.format(operator)) <= _ROWS // 2


def test_long_conditions_are_served(rows: Rig) -> None:
    ids = ", ".join(str(2 * n) for n in range(30_000))
    assert rows.sent(f"id IN ({ids}, 5)") <= _ROWS // 2
    assert rows.sent(f"id IN ({', '.join(map(str, range(5, 500)))})") == _ROWS // 2 - 2
    either = " OR ".join(f"(id = {n} AND text = '{n}')" for n in range(300))
    assert rows.sent(either) <= _ROWS // 2
    assert rows.sent(" AND ".join(f"id <> {n}" for n in range(400))) <= _ROWS // 2
    nested = "id = 5"
    for n in range(30):
        nested = f"((({nested}) AND text > '') OR id = {n})"
    assert rows.sent(nested) <= _ROWS // 2


# --- the closed form -----------------------------------------------------------------------------


def test_what_is_not_understood_weakens_a_condition_or_spoils_it() -> None:
    known, unknown = ds.field("c0") == 1, ds.field("c0") != 1
    assert condition.read(known & unknown) == b'["=",0,1]'
    assert condition.read(known | unknown) == b""
    assert condition.read(~known) == b""
    assert condition.read(ds.field(("c0", "c1")) == 1) == b""
    assert condition.read((ds.field("c0") + 1) == 1) == b""
    assert condition.read(ds.field("c0") == ds.field("c1")) == b""


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (b'["=",0,1]', "(a = CAST(1 AS BIGINT))"),
        (b'["=",0,"1"]', None),
        (b'["=",0,true]', None),
        (b'["=",0,9223372036854775808]', None),
        (b'["=",1,"it\'s"]', "(b = CAST('it''s' AS VARCHAR))"),
        (b'["=",1,"\\u0000"]', None),
        (b'["=",1,"\\ud800"]', None),
        (b'["=",2,[1]]', None),
        (b'["in",0,[1,2]]', "(a IN (CAST(1 AS BIGINT), CAST(2 AS BIGINT)))"),
        (b'["in",0,[1,"2"]]', None),
        (b'["and",[["=",0,"x"],["null",1]]]', "((b IS NULL))"),
        (b'["or",[["=",0,"x"],["null",1]]]', None),
    ],
)
def test_only_constants_of_the_columns_own_type_become_sql(
    asked: bytes, expected: str | None
) -> None:
    assert condition.sql(asked, ["a", "b", "l"], ["BIGINT", "VARCHAR", "BIGINT[]"]) == expected


@pytest.mark.parametrize(
    "asked",
    [
        b"x",
        b"1",
        b"[]",
        b'["="]',
        b'["=",0]',
        b'["=",-1,1]',
        b'["=",1,1]',
        b'["=",true,1]',
        b'["=",0,1,2]',
        b'["<>",0,1]',
        b'["=0 OR 1=",0,1]',
        b'["in",0,1]',
        b'["null",0,1]',
        b'["and",[]]',
        b'["and",[1]]',
        b'["or",["=",0,1]]',
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_what_is_not_of_the_closed_form_is_refused(asked: bytes) -> None:
    with pytest.raises(condition.Malformed):
        condition.sql(asked, ["a"], ["BIGINT"])
