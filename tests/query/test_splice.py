"""Only table references are replaced, exactly where they stand; positions lead back."""

from __future__ import annotations

from contextlib import suppress

import pytest

from catalog.names import TableName
from flight_server.query.errors import InvalidSql, NotAllowed
from flight_server.query.gate import Gate, Statement, TableReference
from flight_server.query.parser import Parser
from flight_server.query.splice import Spliced, splice

GATE = Gate(Parser())
THERE = "place"


def spliced(text: str) -> tuple[Statement, Spliced]:
    statement = GATE.check(text)
    moved = [
        (reference, TableName(THERE, "all", reference.parts[-1].lower()))
        for reference in statement.tables
        if reference.parts[-2:-1] and reference.parts[-2].lower() == "information_schema"
    ]
    return statement, splice(text, moved)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1", "SELECT 1"),
        ("SELECT * FROM shop.tables", "SELECT * FROM shop.tables"),
        (
            "SELECT * FROM information_schema.tables",
            'SELECT * FROM "place"."all"."tables" AS "tables"',
        ),
        (
            "from INFORMATION_SCHEMA.TABLES where TABLES.table_name = 'x'",
            'from "place"."all"."tables" AS "TABLES" where TABLES.table_name = \'x\'',
        ),
        (
            "SELECT * FROM information_schema.tables t",
            'SELECT * FROM "place"."all"."tables" t',
        ),
        (
            'SELECT * FROM information_schema . tables AS "T" (a, b)',
            'SELECT * FROM "place"."all"."tables" AS "T" (a, b)',
        ),
        (
            'SELECT * FROM c /* . */ . -- x\n "information_schema"\t.tables',
            'SELECT * FROM "place"."all"."tables" AS "tables"',
        ),
        (
            'SELECT \'é\', "ü".* FROM information_schema.columns "ü"',
            'SELECT \'é\', "ü".* FROM "place"."all"."columns" "ü"',
        ),
        (
            "SELECT * FROM information_schema.tables TABLESAMPLE 10%, shop.t",
            'SELECT * FROM "place"."all"."tables" AS "tables" TABLESAMPLE 10%, shop.t',
        ),
        (
            "SELECT (SELECT 1 FROM information_schema.views) FROM information_schema.tables "
            "JOIN information_schema.columns USING (table_name)",
            'SELECT (SELECT 1 FROM "place"."all"."views" AS "views") FROM "place"."all"."tables" '
            'AS "tables" JOIN "place"."all"."columns" AS "columns" USING (table_name)',
        ),
        (
            "WITH tables AS (SELECT 'information_schema.tables' FROM information_schema.tables) "
            "SELECT * FROM tables -- information_schema.tables",
            'WITH tables AS (SELECT \'information_schema.tables\' FROM "place"."all"."tables" '
            'AS "tables") SELECT * FROM tables -- information_schema.tables',
        ),
    ],
)
def test_a_reference_is_replaced_and_nothing_else(text: str, expected: str) -> None:
    assert spliced(text)[1].text == expected


@pytest.mark.parametrize(
    "text",
    [
        "TABLE information_schema.tables",
        "SELECT * FROM t: information_schema.tables",
        "SELECT * FROM information_schema /* /* */ */ .tables",
        'SELECT * FROM U&"information_schema".tables',
    ],
)
def test_what_does_not_stand_where_it_should_is_refused(text: str) -> None:
    with suppress(NotAllowed, InvalidSql):  # the parser may refuse it before
        _, result = spliced(text)
        assert THERE in result.text


@pytest.mark.parametrize(
    ("parts", "position"),
    [
        (("information_schema", "tables"), None),
        (("information_schema", "tables"), 0),
        (("information_schema", "columns"), 14),
        (("information_schema",), 14),
        (("information_schema", "tables", "x"), 14),
        (("INFORMATION_SCHEMA", "tables"), 14),
    ],
)
def test_a_wrong_place_is_refused(parts: tuple[str, ...], position: int | None) -> None:
    text = "SELECT * FROM information_schema.tables"
    with pytest.raises(NotAllowed):
        splice(text, [(TableReference(parts, position), TableName("a", "b", "c"))])


def test_references_that_a_parser_copied_are_replaced_once() -> None:
    text = "SELECT * FROM information_schema.tables"
    one = (TableReference(("information_schema", "tables"), 14), TableName("a", "b", "c"))
    assert splice(text, [one, one]).text == 'SELECT * FROM "a"."b"."c" AS "tables"'


def test_positions_lead_back_to_the_original_text() -> None:
    text = "SELECT 'é', a FROM information_schema.tables x, b, information_schema.columns, c"
    _, result = spliced(text)
    for word in ("'é'", "a FROM", "x, b", " b,", ", c"):
        assert result.original(result.text.index(word)) == text.index(word)
    first = text.index("information_schema.tables")
    begin = result.text.index('"place"')
    assert [result.original(begin + n) for n in (0, 5)] == [first, first]
    assert result.original(result.text.index('AS "columns"')) == text.index("information_schema.c")
    assert result.original(None) is None
    assert Spliced("SELECT 1").original(3) == 3


def test_what_was_spliced_reads_as_the_original_with_other_names() -> None:
    for text in (
        "SELECT tables.table_name FROM information_schema.tables WHERE tables.table_name = 'x'",
        "SELECT * FROM information_schema.tables, LATERAL (FROM information_schema.columns)",
    ):
        statement, result = spliced(text)
        again = GATE.check(result.text)
        assert [t.parts[-1] for t in again.tables] == [t.parts[-1] for t in statement.tables]
        assert all(table.parts[0] == THERE for table in again.tables)
