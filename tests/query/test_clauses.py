"""The clauses that say which state of a table is read: where they are found and what they say."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from flight_server.query.clauses import Clauses
from flight_server.query.errors import NotAllowed, QueryError
from flight_server.query.gate import Gate
from flight_server.query.parser import Parser
from flight_server.query.versions import (
    Ref,
    Version,
    VersionKind,
    as_text,
    decode,
    encode,
    read_reference,
)
from tests.waiting import within

GATE = Gate(Parser())


def versions(text: str) -> list[str | None]:
    """What the statement says of each table, in order."""
    found = [table.version for table in GATE.check(text).tables]
    return [None if each is None else f"{each.kind} {each.value}" for each in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM t FOR VERSION AS OF 1", ["snapshot 1"]),
        ("FROM t FOR VERSION AS OF 007", ["snapshot 7"]),
        ("FROM t FOR VERSION AS OF 9223372036854775807", ["snapshot 9223372036854775807"]),
        ("FROM t FOR VERSION AS OF 'it''s'", ["name it's"]),
        ("FROM t FOR VERSION AS OF '7'", ["name 7"]),
        ("FROM t for system_version As Of 1 AS x", ["snapshot 1"]),
        ("FROM t FOR TIMESTAMP AS OF '2026-01-31'", ["moment 2026-01-31"]),
        ("FROM t FOR SYSTEM_TIME AS OF DATE '2026-01-31' x", ["moment 2026-01-31"]),
        ("FROM t FOR TIMESTAMP AS OF TIMESTAMP '2026-01-31' x(a)", ["moment 2026-01-31"]),
        ("FROM t AT (VERSION => 1)", ["snapshot 1"]),
        ("FROM t x AT (VERSION => 'eom')", ["name eom"]),
        ("FROM t AS x FOR VERSION AS OF 1", ["snapshot 1"]),
        ('FROM t AS "x y"(a, "b") AT (TIMESTAMP => \'2026-01-31\')', ["moment 2026-01-31"]),
        ("FROM t AT (TIMESTAMP => TIMESTAMPTZ '2026-1') TABLESAMPLE 10%", ["moment 2026-1"]),
        ("FROM a.\"b c\" . t/* */for/**/version--\nas of/* /* */ */1", ["snapshot 1"]),
        ('FROM lake.s."orders$files" FOR VERSION AS OF 1', ["snapshot 1"]),
        (
            "FROM t JOIN t FOR VERSION AS OF 2 AS u USING (a), t v AT (VERSION => 'é')",
            [None, "snapshot 2", "name é"],
        ),
        ("FROM 'é' AS z, t FOR VERSION AS OF 1", [None, "snapshot 1"]),
        ("SELECT (SELECT max(a) FROM t FOR VERSION AS OF 1) FROM s", ["snapshot 1", None]),
        ("WITH x AS (FROM t FOR VERSION AS OF 1) FROM x, t", ["snapshot 1", None]),
        ("PIVOT t AT (VERSION => 1) ON c IN ('a') USING sum(x)", ["snapshot 1"]),
        ("SELECT 'FOR VERSION AS OF', e'\\' FOR VERSION AS OF 1', $$FOR VERSION AS OF 1$$ FROM t",
         [None]),
        ("SELECT $x$ FROM t FOR VERSION AS OF 1 $$ $x$ FROM t", [None]),
        ('SELECT "FOR VERSION AS OF 1" FROM t -- FOR VERSION AS OF 1', [None]),
        ("FROM t /* /* */ FOR VERSION AS OF 1 */", [None]),
        ("SELECT version AS of, timestamp FROM t /* AT (VERSION => 1) */", [None]),
        ("SELECT timestamp AT TIME ZONE 'UTC' FROM t", [None]),
    ],
)  # fmt: skip
def test_each_table_gets_the_state_that_follows_it(text: str, expected: list[str | None]) -> None:
    assert versions(text) == expected


def test_all_positions_stay_and_nothing_but_the_clauses_is_blanked() -> None:
    text = "SELECT 'é' FROM t FOR VERSION /* x */ AS OF 1 AS x WHERE '1' = 'FOR VERSION AS OF 1'"
    bare = GATE.check(text).text
    clause = "FOR VERSION /* x */ AS OF 1"
    assert bare == text.replace(clause, " " * len(clause), 1)
    assert GATE.check("SELECT 1 FROM t").text == "SELECT 1 FROM t"


def test_a_lexer_that_reads_wrongly_cannot_change_what_is_meant() -> None:
    """What is in a text for the parser follows no table for it either."""
    for text in (
        "SELECT U&'t FOR VERSION AS OF 1' FROM t",
        "SELECT x't FOR VERSION AS OF 1' FROM t",
        "SELECT N't FOR VERSION AS OF 1' FROM t",
        "SELECT 1 AS a$$ FROM t FOR VERSION AS OF 1 -- $$",
        "SELECT $1x$ FROM t FOR VERSION AS OF 1 $1x$",
    ):
        try:
            statement = GATE.check(text)
        except QueryError:
            continue
        outside = [table.version for table in statement.tables]
        assert (statement.text == text) == (outside == [None]), text


@pytest.mark.parametrize(
    "text",
    [
        "/*" * 15_000,
        "'" * 15_001 + " version of",
        "$a$ " * 9_000 + "version of",
        "e'\\" * 9_000 + "version of",
        "FOR VERSION AS OF 1 " * 6_000,
        "AT ( VERSION => 1 ) " * 5_000,
        '"' * 20_001 + " timestamp at",
    ],
)
def test_hostile_texts_are_looked_at_in_no_time(text: str) -> None:
    with within(3), suppress(QueryError):
        GATE.check(f"SELECT version FROM t AS of {text}")


def test_a_text_without_them_is_not_taken_apart() -> None:
    assert Clauses("SELECT version FROM t").given_to(()) == ()


# --- moments --------------------------------------------------------------------------------------


def moment(text: str, zone: str = "UTC") -> str:
    return Version(VersionKind.MOMENT, text, 0).moment(zone).isoformat()


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2020-01-31", "UTC", "2020-01-31T00:00:00+00:00"),
        ("2020-01-31 12:00", "Europe/Zurich", "2020-01-31T11:00:00+00:00"),
        ("2020-07-31 12:00:00.5", "Europe/Zurich", "2020-07-31T10:00:00.500000+00:00"),
        ("2020-01-31T12:00:00+05:00", "Europe/Zurich", "2020-01-31T07:00:00+00:00"),
        ("2020-01-31 12:00:00Z", "Asia/Tokyo", "2020-01-31T12:00:00+00:00"),
        ("2020-01-31 12:00:00 UTC", "Asia/Tokyo", "2020-01-31T12:00:00+00:00"),
        (" 2020-01-31 12:00:00 Asia/Tokyo ", "UTC", "2020-01-31T03:00:00+00:00"),
        ("2020-01-31 12:00:00", "Etc/GMT-2", "2020-01-31T10:00:00+00:00"),
    ],
)
def test_a_moment_is_of_the_time_zone_unless_it_says_otherwise(
    text: str, zone: str, expected: str
) -> None:
    assert moment(text, zone) == expected


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "",
        "2020-13-01",
        "2020-01-31 12:00:00 Mars/Olympus",
        "2020-01-31 12:00:00 ../../etc/passwd",
        "2020-01-31 12:00:00 /etc/passwd",
        "0001-01-01 00:00:00+14:00",
        pytest.param((datetime.now(UTC) + timedelta(days=1)).isoformat(), id="tomorrow"),
    ],
)
def test_what_is_no_moment_of_the_past_is_refused(text: str) -> None:
    with pytest.raises(NotAllowed) as caught:
        moment(text)
    assert caught.value.position == 0


# --- the option -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("snapshot:7", 7),
        ("SNAPSHOT: 7", 7),
        ("tag:eom", Ref("tag", "eom")),
        ("Branch:Audit: 1", Ref("branch", "Audit: 1")),
        ("tag:", None),
        ("label:x", None),
        ("2020-01-31", None),
    ],
)
def test_references_are_read_and_written(text: str, expected: int | Ref | None) -> None:
    assert read_reference(text) == expected
    if expected is not None:
        assert read_reference(as_text(expected)) == expected
    assert decode(encode(expected)) == expected
