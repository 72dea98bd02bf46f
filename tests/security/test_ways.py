"""The attack statements by further ways, and as users from whom other rules hide things."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace

import duckdb
import pyarrow as pa
import pytest
from google.protobuf.message import Message

from flight_server.app import Application
from flight_server.protocol.wire import flight_sql_pb2 as sql
from tests.security import canaries, doors
from tests.security.doors import EVE, Answer, Remote
from tests.security.shapes import SHAPES
from tests.security.test_attacks import ATTACKS, assert_none, attacked, judge, tree
from tests.security.warehouse import Lake, oracle
from tests.statements import Example

SHARED = [a for a in ATTACKS if "alone" not in a.marks and "slow" not in a.marks]
# As each user one statement in so many is tried; the slow run tries all.
ONE_IN = 12


@pytest.fixture(autouse=True)
def untouched(lake: Lake, listener: socket.socket) -> Iterator[None]:
    """Whatever is tried, no file is written and no socket reached."""
    before = tree(lake.directory)
    yield
    assert tree(lake.directory) == before
    assert not list(lake.outside.iterdir())
    with pytest.raises(BlockingIOError):
        listener.accept()


def texts(lake: Lake, attacks: list[Example]) -> list[str]:
    return [attack.fill(lake.places) for attack in attacks]


def assert_shows_nothing(asked: list[tuple[str, Answer]]) -> None:
    """No answer may show what is hidden, but for what was in the question."""
    wrong = []
    for sent, answer in asked:
        shown = canaries.found(answer.seen, sent)
        if shown:
            wrong.append(f"{sent[:300]!r} shows {shown}: {answer.seen[:1000]}")
    assert_none(wrong)


# --- as other users -------------------------------------------------------------------------------


def as_shape(name: str, attacks: list[Example], application: Application, lake: Lake) -> list[str]:
    """What went wrong as the user of a shape."""
    shape = SHAPES[name]()
    wrong = []
    with oracle(shape.tables) as right:
        for attack in attacks:
            sent = attack.fill(lake.places)
            answer = doors.in_process(application.service, shape.caller, sent)
            fault = judge(attack, sent, answer, right, shape=True)
            if fault:
                wrong.append(f"{attack.id} {attack.title}\n  {sent[:300]!r}\n  {fault[:1500]}")
    return wrong


@pytest.mark.parametrize("name", SHAPES)
def test_as_users_of_other_policies(name: str, application: Application, lake: Lake) -> None:
    start = list(SHAPES).index(name) % ONE_IN
    assert_none(as_shape(name, SHARED[start::ONE_IN], application, lake))


@pytest.mark.slow
@pytest.mark.parametrize("name", SHAPES)
def test_all_as_users_of_other_policies(name: str, application: Application, lake: Lake) -> None:
    assert_none(as_shape(name, SHARED, application, lake))


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("table", ["customers", "orders", "lake.ref.regions"])
def test_users_of_other_policies_see_what_they_may(
    name: str, table: str, application: Application
) -> None:
    """Without this the shapes would prove nothing: each user has something, and not the same."""
    shape = SHAPES[name]()
    answer = doors.in_process(application.service, shape.caller, f"FROM {table} ORDER BY 1")
    path = tuple(table.split(".")[-2:]) if "." in table else ("shop", table)
    expected = shape.tables.get((path[0], path[1]))
    assert (answer.table is None) == (expected is None)
    if answer.table is not None and expected is not None:
        assert doors.alike(answer.table, expected.sort_by(expected.column_names[0]), ordered=True)


# --- by other ways --------------------------------------------------------------------------------


def test_in_parts_that_are_read_one_by_one(
    application: Application, lake: Lake, right: duckdb.DuckDBPyConnection
) -> None:
    def way(text: str) -> Answer:
        return doors.in_parts(application.service, EVE, text)

    unordered = [a for a in SHARED if "ORDER BY" not in a.text.upper()]
    assert_none(attacked(unordered[::4], way, lake, right))


def test_a_large_share_of_what_runs_in_parts_has_several(application: Application) -> None:
    wanting = replace(EVE, partitions=3)
    for text in ("FROM customers", "SELECT name, email FROM customers WHERE id > 2"):
        planned = application.service.plan(wanting, text)
        assert len(application.service.offer(wanting, planned).endpoints) == 3


def test_as_statements_that_are_polled_for(
    eve: Remote, lake: Lake, right: duckdb.DuckDBPyConnection
) -> None:
    assert_none(attacked(SHARED[3::8], eve.polled, lake, right))


def test_described_and_explained(application: Application, lake: Lake) -> None:
    asked = []
    for start, word in enumerate(("DESCRIBE", "EXPLAIN", "SUMMARIZE", "EXPLAIN ANALYZE")):
        for sent in texts(lake, SHARED[start::12]):
            text = f"{word} {sent}"
            asked.append((text, doors.in_process(application.service, EVE, text)))
    assert_shows_nothing(asked)


# --- as values ------------------------------------------------------------------------------------

# Statements whose parameters get the attacks as values, and whether a row may come back.
TAKES_TEXT = [
    "SELECT ? AS said",
    "SELECT name, ? AS said FROM customers WHERE region = ?",
    "SELECT count(*) AS n FROM customers WHERE name = ? OR email = ?",
    "SELECT name FROM customers WHERE name LIKE ?",
    "SELECT table_name FROM information_schema.tables WHERE table_name LIKE ?",
    "SELECT column_name FROM information_schema.columns WHERE column_name = ? OR table_name = ?",
    "SELECT schema_name FROM information_schema.schemata WHERE schema_name SIMILAR TO ?",
]


@pytest.mark.parametrize("statement", TAKES_TEXT)
def test_as_values_of_parameters(
    statement: str, application: Application, lake: Lake, right: duckdb.DuckDBPyConnection
) -> None:
    """A value is a value: it is compared and given back, and means nothing."""
    place = TAKES_TEXT.index(statement)
    sent = [text.replace("\0", "") for text in texts(lake, SHARED[place::40])]
    count = statement.count("?")
    ours = "information_schema" in statement
    wrong = []
    for text in sent:
        row = pa.record_batch([[text]] * count, [str(n + 1) for n in range(count)])
        answer = doors.bound(application.service, EVE, statement, row)
        if answer.table is None:
            assert answer.code == "EXECUTION_FAILED", answer.seen  # no pattern
        elif not ours:
            rows = right.execute(statement, [text] * count).fetchall()
            if sorted(map(str, rows)) != sorted(
                str(tuple(r.values())) for r in answer.table.to_pylist()
            ):
                wrong.append(f"{text[:200]!r}: {answer.seen[:500]}")
        shown = canaries.found(answer.seen, text)
        if shown:
            wrong.append(f"{text[:200]!r} shows {shown}")
    assert_none(wrong)


@pytest.mark.parametrize(
    ("statement", "values", "code"),
    [
        ("SELECT name FROM customers WHERE id = ? ORDER BY 1", [2], ""),
        ("SELECT name FROM customers WHERE id = ? OR ?", [7, True], ""),
        ("SELECT ssn FROM customers WHERE id = ?", [1], "COLUMN_NOT_FOUND"),
        ("SELECT name FROM customers WHERE ssn = ?", ["canary-f-ssn-1"], "COLUMN_NOT_FOUND"),
        ("SELECT ? FROM salaries", [1], "TABLE_NOT_FOUND"),
        ("SELECT * FROM query(?)", ["SELECT * FROM salaries"], "NOT_ALLOWED"),
        ("SELECT * FROM query_table(?)", ["salaries"], "NOT_ALLOWED"),
        ("SELECT * FROM read_csv(?)", ["/etc/passwd"], "NOT_ALLOWED"),
        ("SELECT current_setting(?)", ["allowed_paths"], "NOT_ALLOWED"),
        ("SELECT COLUMNS(?) FROM customers", ["ssn|name"], "INVALID_STATEMENT"),
        ("SELECT email FROM customers WHERE email = ?", ["canary-f-1@mail.test"], ""),
        ("SELECT count(*) FROM customers WHERE md5(email) = md5(?)", ["canary-f-1@mail.test"], ""),
        ("SELECT name FROM customers ORDER BY ?", ["ssn"], "INVALID_STATEMENT"),
        ("SELECT name FROM customers LIMIT ?", [100], ""),
        ("SELECT regexp_extract(name, ?) FROM customers ORDER BY 1", [".*"], ""),
        ("SELECT printf(?, name) FROM customers ORDER BY 1", ["%s %%"], ""),
        ("SELECT json_extract_string(to_json(c), ?) FROM customers c ORDER BY 1", ["$.ssn"], ""),
    ],
)  # fmt: skip
def test_bound_parameters_open_nothing(
    statement: str,
    values: list[object],
    code: str,
    application: Application,
    right: duckdb.DuckDBPyConnection,
) -> None:
    row = pa.record_batch([[value] for value in values], [str(n + 1) for n in range(len(values))])
    answer = doors.bound(application.service, EVE, statement, row)
    assert answer.code == code, answer.seen
    assert not canaries.found(answer.seen, statement)
    if answer.table is not None:
        expected = right.sql(statement, params=values).to_arrow_table()
        assert doors.alike(answer.table, expected, ordered=False)


def commands(text: str) -> Iterator[Message]:
    """Every command of the metadata that takes a name or a pattern."""
    yield sql.CommandGetDbSchemas(catalog=text, db_schema_filter_pattern=text)
    yield sql.CommandGetDbSchemas(db_schema_filter_pattern=text)
    yield sql.CommandGetTables(table_name_filter_pattern=text, include_schema=True)
    yield sql.CommandGetTables(db_schema_filter_pattern=f"%{text}%", table_types=[text])
    yield sql.CommandGetTables(catalog=text, db_schema_filter_pattern=text)
    yield sql.CommandGetPrimaryKeys(catalog=text, db_schema=text, table=text)
    yield sql.CommandGetImportedKeys(table=text)
    yield sql.CommandGetExportedKeys(db_schema="shop", table=text)
    yield sql.CommandGetCrossReference(pk_table=text, fk_table="orders")


def test_as_patterns_of_the_metadata(eve: Remote, lake: Lake) -> None:
    # Most statements match no name: with them, patterns that match much.
    patterns = ["%", "_%", "%_%", "sal%", "canary%", "%x%", "lake", "shop", "salaries", "\\", "%\\"]
    asked: list[tuple[str, Answer]] = []
    for text in [*patterns, *texts(lake, SHARED[::40])]:
        sent = text.replace("\0", "")
        asked.extend((sent, eve.listed(command)) for command in commands(sent))
    assert_shows_nothing(asked)
    for sent, answer in asked:
        if answer.table is not None and "table_name" in answer.table.column_names:
            names = set(answer.table["table_name"].to_pylist())
            assert names <= {"customers", "orders", "regions"}, sent


def test_as_names_of_the_default_catalog_and_schema(application: Application, lake: Lake) -> None:
    asked = []
    for text in texts(lake, SHARED[::120]):
        for caller in (replace(EVE, catalog=text), replace(EVE, schema=text)):
            for statement in ("SELECT * FROM salaries", "SELECT current_schema()", "SHOW TABLES"):
                answer = doors.in_process(application.service, caller, statement)
                asked.append((text, answer))
    assert_shows_nothing(asked)
