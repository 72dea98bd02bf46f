"""Which texts are commands, and what they ask for."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pytest

from flight_server.query import commands, functions
from flight_server.query.commands import Name, recognise
from flight_server.query.errors import InvalidSql, NotAllowed
from flight_server.query.facts import Facts, literal, session_functions
from flight_server.query.gate import Gate
from flight_server.query.parser import Parser
from flight_server.query.resolve import Defaults

FACTS = Facts("flight-server 1.2", "o'brien", Defaults("my cat", "s'1"), "Europe/Zurich")


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("SHOW TABLES", commands.ShowTables(None, None)),
        ("show tables;", commands.ShowTables(None, None)),
        (
            ' -- c\n/* x */ SHOW TABLES FROM c."a ""b""" ',
            commands.ShowTables(Name(("c", 'a "b"'), 31), None),
        ),
        ("SHOW TABLES IN s LIKE 'a''%'", commands.ShowTables(Name(("s",), 15), "a'%")),
        ("SHOW ALL TABLES", commands.ShowAllTables()),
        ("SHOW SCHEMAS", commands.ShowSchemas(None)),
        ("SHOW SCHEMAS FROM c", commands.ShowSchemas(Name(("c",), 18))),
        ("SHOW DATABASES", commands.ShowCatalogs()),
        ("SHOW CATALOGS", commands.ShowCatalogs()),
        ("SHOW COLUMNS FROM a.b.c", commands.Describe(Name(("a", "b", "c"), 18))),
        ("DESCRIBE t", commands.Describe(Name(("t",), 9))),
        ("DESC TABLE s.t", commands.Describe(Name(("s", "t"), 11))),
        ('DESCRIBE "select"', commands.Describe(Name(("select",), 9))),
        ("DESCRIBE SELECT 1", commands.DescribeQuery("         SELECT 1")),
        ("DESCRIBE FROM t", commands.DescribeQuery("         FROM t")),
        (
            "EXPLAIN WITH x AS (SELECT 1) FROM x;",
            commands.Explain(" " * 8 + "WITH x AS (SELECT 1) FROM x;"),
        ),
        ("SHOW search_path", commands.ShowSetting("search_path", 5)),
        ("SHOW TRANSACTION ISOLATION LEVEL", commands.ShowSetting("transaction_isolation", 5)),
        ("SHOW TIME ZONE", commands.ShowSetting("timezone", 5)),
        ("USE s", commands.Use(Name(("s",), 4))),
        ("USE c.s", commands.Use(Name(("c", "s"), 4))),
        ("SET search_path TO s", commands.Use(Name(("s",), 19))),
        ("SET search_path = 'c.s'", commands.Use(Name(("c", "s"), 18))),
        ("SET TimeZone = 'UTC'", commands.Set("timezone", "UTC", 4)),
        ("SET TIME ZONE 'UTC'", commands.Set("timezone", "UTC", 4)),
        ("SET SESSION extra_float_digits TO -3", commands.Set("extra_float_digits", "-3", 4)),
        ("SET schema TO DEFAULT", commands.Set("schema", None, 4)),
        ("RESET schema", commands.Set("schema", None, 6)),
        ("RESET ALL", commands.Set("all", None, 6)),
        ("SET NAMES 'utf8'", commands.Set("client_encoding", "utf8", 4)),
        ("BEGIN", commands.Nothing()),
        ("BEGIN TRANSACTION READ ONLY", commands.Nothing()),
        ("START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", commands.Nothing()),
        ("COMMIT WORK;", commands.Nothing()),
        ("ROLLBACK", commands.Nothing()),
        ("END", commands.Nothing()),
        ("SET TRANSACTION READ ONLY", commands.Nothing()),
        (
            "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED",
            commands.Nothing(),
        ),
    ],
)
def test_a_command_is_recognised(text: str, command: commands.Command) -> None:
    found = recognise(text)
    if isinstance(found, commands.Set):
        # where a setting is counted from differs by form: only that it is within the text matters
        assert text[found.position :]
        assert isinstance(command, commands.Set)
        found = replace(found, position=command.position)
    assert found == command


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SELECT 1",
        "WITH show AS (SELECT 1) FROM show",
        "FROM tables",
        '"SHOW" TABLES',
        "'SHOW' TABLES",
        "(SHOW TABLES)",
        "/* /* */ SHOW */ TABLES",
        "; SHOW TABLES",
        "SHOWTABLES",
        "ＳＨＯＷ TABLES",
        "\N{KELVIN SIGN}SHOW",
    ],
)
def test_what_does_not_begin_as_a_command_is_left_to_the_gate(text: str) -> None:
    assert recognise(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "SHOW",
        "SHOW TABLES FROM",
        "SHOW TABLES FROM a.b.c",
        "SHOW TABLES; SELECT 1",
        "SHOW TABLES;;",
        "SHOW TABLES WHERE 1 = 1",
        "SHOW TABLES LIKE x",
        "SHOW TABLES /* unfinished",
        "SHOW CREATE TABLE t",
        "DESCRIBE",
        "DESCRIBE a.b.c.d",
        "DESCRIBE t, u",
        "DESCRIBE 't'",
        "USE",
        "USE a.b.c",
        "SET x",
        "SET x = 1, 2",
        "SET x = (SELECT 1)",
        "SET GLOBAL x = 1",
        "SET a.b = 1",
        "BEGIN; DROP TABLE t",
        "BEGIN DEFERRED",
        "COMMIT PREPARED 'x'",
        "ROLLBACK TO SAVEPOINT s",
        "START",
        "END IF",
        'USE ""',
    ],
)
def test_what_begins_as_a_command_must_be_one(text: str) -> None:
    with pytest.raises(InvalidSql):
        recognise(text)


@pytest.mark.parametrize(
    "text",
    [
        "EXPLAIN ANALYZE SELECT 1",
        "EXPLAIN (FORMAT json) SELECT 1",
        "EXPLAIN EXPLAIN SELECT 1",
        "EXPLAIN DELETE FROM t",
        "BEGIN READ WRITE",
        "START TRANSACTION READ WRITE",
    ],
)
def test_what_is_not_done_here_is_said_so(text: str) -> None:
    with pytest.raises(NotAllowed):
        recognise(text)


def test_a_fault_is_told_with_its_place() -> None:
    with pytest.raises(InvalidSql, match='near "FORM"') as caught:
        recognise("SHOW TABLES FORM x")
    assert caught.value.position == 12


def test_long_texts_are_looked_at_in_no_time() -> None:
    for piece in ("/*", "--\n", "'", '"', "a.", " ", "SHOW ", "(", "''"):
        for before in ("", "SHOW TABLES ", "SET x = ", "USE "):
            try:
                recognise(before + piece * 50_000)
            except (InvalidSql, NotAllowed):
                continue


# --- session functions ----------------------------------------------------------------------------


def answers(names: frozenset[str]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for function in session_functions(names, FACTS):
        connection.execute(f'CREATE TEMP MACRO "{function.name}"{function.definition}')
    return connection


@pytest.mark.parametrize(
    ("call", "value"),
    [
        ("version()", "flight-server 1.2"),
        ("current_catalog", "my cat"),
        ("current_catalog()", "my cat"),
        ("current_database()", "my cat"),
        ("current_schema", "s'1"),
        ("current_schema()", "s'1"),
        ("current_schemas(true)", ["s'1"]),
        ("current_user", "o'brien"),
        ('"current_user"()', "o'brien"),
        ("user", "o'brien"),
        ("session_user", "o'brien"),
        ("current_role", "o'brien"),
        ("pg_backend_pid()", 0),
        ("current_setting('TIMEZONE')", "Europe/Zurich"),
        ("current_setting('search_path', true)", '"s\'1"'),
    ],
)
def test_session_functions_answer_with_our_values(call: str, value: object) -> None:
    statement = Gate(Parser()).check(f"SELECT {call}")
    with answers(statement.functions) as connection:
        assert connection.execute(f"SELECT {call}").fetchall() == [(value,)]


def test_every_session_function_has_an_answer_where_nothing_is_set() -> None:
    facts = replace(FACTS, defaults=Defaults(None, None))
    for function in session_functions(functions.SESSION, facts):
        with duckdb.connect() as connection:
            connection.execute(f'CREATE TEMP MACRO "{function.name}"{function.definition}')


def test_settings_can_be_asked_for_by_the_names_that_there_are() -> None:
    assert set(FACTS.settings) == functions.SETTINGS


def test_no_other_word_than_ours_makes_duckdb_tell_of_itself() -> None:
    clocks = {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"}
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions() UNION "
            "SELECT keyword_name FROM duckdb_keywords()"
        ).fetchall()
        called = set()
        for (name,) in rows:
            try:
                connection.execute(f'SELECT "{name}"')
            except duckdb.Error:
                continue
            called.add(str(name).lower())
    assert called - clocks == functions.SESSION_WORDS


def test_texts_become_literals_whatever_is_in_them() -> None:
    for text in ("", "'", "''", "\\'", "x\0y", "a\nb", "é🎉", "$$", "--"):
        with duckdb.connect() as connection:
            (row,) = connection.execute(f"SELECT {literal(text)}").fetchall()
        assert row == (text.replace("\0", ""),)
