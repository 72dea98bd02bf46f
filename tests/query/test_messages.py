"""What a refused statement is told: the thing that is wrong, and what to write instead."""

from __future__ import annotations

import pytest

from auth.errors import ConfigurationInvalid, PolicyInvalid
from flight_server.engines.errors import TimedOut
from flight_server.query import functions, refused
from flight_server.query.commands import recognise
from flight_server.query.errors import FunctionNotFound, NotAllowed, QueryError
from flight_server.query.failures import failure_of
from flight_server.query.gate import Gate
from flight_server.query.parser import Parser
from flight_server.query.suggest import did_you_mean, nearest

GATE = Gate(Parser())


def refusal(text: str) -> QueryError:
    with pytest.raises(QueryError) as caught:
        if recognise(text) is None:
            GATE.check(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "told", "at"),
    [
        ("INSERT INTO t VALUES (1)", "This server is read-only: INSERT cannot be run.", 0),
        (" update t SET a = 1", "This server is read-only: UPDATE cannot be run.", 1),
        ("/* c */ CREATE TABLE t (a INT)", "This server is read-only: CREATE cannot be run.", 8),
        ("PRAGMA version", "PRAGMA cannot be run here.", 0),
        ("SUMMARIZE t", "SUMMARIZE cannot be run here: select count(*), min, max and the like.", 0),
        ("FROM (SUMMARIZE t)", "SUMMARIZE within a statement cannot be used here.", None),
        ("FROM (DESCRIBE t)", "DESCRIBE within a statement cannot be used here.", None),
        ("FROM (SHOW TABLES)", "SHOW within a statement cannot be used here.", None),
        ("SELECT current_setting('nope')", 'There is no setting "nope".', 7),
        (
            "SELECT current_setting('timezon')",
            'There is no setting "timezon". Did you mean timezone?',
            7,
        ),
        ("SELECT current_setting(?)", "current_setting takes the name of a setting.", 7),
        (
            "PIVOT t ON c USING sum(x)",
            "PIVOT must list the values with IN: PIVOT t ON c IN ('a', 'b') USING sum(x).",
            None,
        ),
        ("SELECT ?, $a", "Named and positional parameters cannot be mixed.", None),
        ("WITH x AS (SELECT 1) INSERT INTO t FROM x", "Only SELECT statements can be run.", None),
    ],
)
def test_what_is_not_allowed_is_named(text: str, told: str, at: int | None) -> None:
    error = refusal(text)
    assert (type(error), str(error), error.position) == (NotAllowed, told, at)


@pytest.mark.parametrize(
    ("clause", "at"),
    [
        ("AT (TIMESTAMP => now())", 33),
        ("AT (VERSION => ?)", 31),
        ("FOR VERSION AS OF ?", 34),
        ("FOR TIMESTAMP AS OF TIMESTAMP now()", 36),
    ],
)
def test_time_travel_is_told_how_it_is_done(clause: str, at: int) -> None:
    error = refusal(f"SELECT * FROM t {clause}")
    assert isinstance(error, NotAllowed)
    assert "FOR VERSION AS OF takes the number of a snapshot" in str(error)
    assert error.position == at


def test_a_state_of_something_else_than_a_table_is_told_where_it_belongs() -> None:
    error = refusal("SELECT * FROM t WHERE a = 1 FOR VERSION AS OF 1")
    assert "right after the name of a stored table" in str(error)
    assert error.position == 28


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("SELECT nosuchfn(1)", 'Function "nosuchfn" was not found.'),
        ("SELECT uper('a')", 'Function "uper" was not found. Did you mean upper?'),
        ("SELECT * FROM generate_serie(1)", 'Function "generate_serie" was not found.'),
        # what is not allowed is never suggested
        ("SELECT pg_slep(1)", 'Function "pg_slep" was not found.'),
    ],
)
def test_a_function_that_is_not_there_is_not_found(text: str, told: str) -> None:
    error = refusal(text)
    assert isinstance(error, FunctionNotFound)
    assert str(error).startswith(told)
    assert "pg_sleep" not in str(error)


def test_a_function_that_is_there_and_refused_is_not_allowed() -> None:
    everywhere = {name for names in refused.REFUSED.values() for name in names}
    for name in sorted(everywhere - functions.ALLOWED - functions.SESSION):
        assert type(refusal(f'SELECT "{name}"(1)')) is NotAllowed, name
    for name in sorted({name for names in refused.REFUSED_IN_FROM.values() for name in names}):
        assert type(refusal(f'SELECT * FROM "{name}"(1)')) is NotAllowed, name


def test_syntax_errors_are_told_in_known_words_only() -> None:
    assert 'at or near "SELEC"' in str(refusal("SELEC 1"))
    assert str(refusal("SELECT TRY(1, 2)")).endswith("it cannot be parsed.")


# --- suggestions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("acounts", "accounts"),
        ("ACCOUNT", "accounts"),
        ("accounts", "accounts"),
        ("position", "Positions"),
        ("acc", None),
        ("", None),
        ("x" * 500, None),
    ],
)
def test_only_a_close_name_is_suggested(asked: str, found: str | None) -> None:
    assert nearest(asked, ["accounts", "Positions"]) == found
    assert bool(did_you_mean(asked, ["accounts", "Positions"])) is bool(found)


# --- what is for operators ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [PolicyInvalid, ConfigurationInvalid])
def test_faults_of_the_setup_are_told_to_operators_only(kind: type[Exception]) -> None:
    told = failure_of(kind("Policy rule 'email' calls 'regexp_replac', which is not allowed"))
    assert "email" not in told.message + told.hint
    assert "regexp" not in told.message + told.hint
    assert told.hint == "Tell the operator the request id."


def test_a_policy_fault_says_that_the_table_cannot_be_read() -> None:
    assert failure_of(PolicyInvalid("x")).message == "This table cannot be read now."


def test_a_timeout_names_the_option_that_sets_it() -> None:
    assert "statement_timeout" in failure_of(TimedOut("late")).hint
