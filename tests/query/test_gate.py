"""The gate: what it lets through, what it refuses, and that it overlooks no table or function."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flight_server.query import gate, lexical
from flight_server.query.errors import (
    FunctionNotFound,
    InvalidSql,
    NotAllowed,
    QueryError,
    TooComplex,
)
from flight_server.query.gate import Gate, Statement
from flight_server.query.parser import Node, Parser, nodes
from tests.statements import Example, read
from tests.waiting import within

CASES = Path(__file__).parent / "gate"
ACCEPTED = read(CASES / "accepted.sql")
REFUSED = read(CASES / "refused.sql")
KINDS = (FunctionNotFound, InvalidSql, NotAllowed, TooComplex)
ERRORS = {error.__name__: error for error in KINDS}
HIDDEN = "hidden_table_of_the_test"
PARSER = Parser()
GATE = Gate(PARSER)


def tables(statement: Statement) -> list[str]:
    return [".".join(reference.parts) for reference in statement.tables]


def named(example: Example) -> set[str]:
    """The tables that an example's comment names."""
    _, colon, names = example.title.rpartition(": ")
    return set(names.split()) if colon else set()


# --- shapes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("example", ACCEPTED, ids=lambda e: e.id)
def test_lets_through_what_people_write(example: Example) -> None:
    statement = GATE.check(example.text)
    assert set(tables(statement)) == named(example)
    order = [reference.position or 0 for reference in statement.tables]
    assert order == sorted(order)


@pytest.mark.parametrize("example", REFUSED, ids=lambda e: e.id)
def test_refuses_everything_else(example: Example) -> None:
    (error,) = example.marks
    with pytest.raises(ERRORS[error]) as caught:
        GATE.check(example.text)
    assert len(str(caught.value)) < 500


def test_names_are_reported_as_they_are_written_with_their_place() -> None:
    text = 'SELECT \'é\', * FROM "Strange ""name"", with.dots" JOIN Sales.Orders USING (x)'
    first, second = GATE.check(text).tables
    assert first.parts == ('Strange "name", with.dots',)
    assert second.parts == ("Sales", "Orders")
    assert first.position == text.index('"Strange')
    assert second.position == text.index("Sales")


def test_nested_schemas_are_reported_with_all_their_parts() -> None:
    assert tables(GATE.check("SELECT * FROM a.b.c.d")) == ["a.b.c.d"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("SELECT 1", ()),
        ("SELECT ?, ?", ("1", "2")),
        ("SELECT $2, $1", ("1", "2")),
        ("SELECT $b, $a, $b", ("b", "a")),
        ("SELECT (SELECT max(a) FROM t WHERE b = $x) LIMIT $y", ("x", "y")),
    ],
)
def test_parameters_are_told_once_each(text: str, names: tuple[str, ...]) -> None:
    assert sorted(GATE.check(text).parameters) == sorted(names)


def test_an_error_tells_the_place_in_characters() -> None:
    text = "SELECT 'é', current_setting('x')"
    with pytest.raises(NotAllowed) as caught:
        GATE.check(text)
    assert caught.value.position == text.index("current_setting")
    with pytest.raises(InvalidSql) as invalid:
        GATE.check("SELECT 'é' FROM FROM t")
    assert invalid.value.position == "SELECT 'é' FROM FROM t".rindex("FROM")


# --- common table expressions ---------------------------------------------------------------------

# Each statement with the tables that DuckDB would read for it.
SCOPES = [
    ("WITH x AS (SELECT 1) SELECT * FROM x", []),
    ("WITH X AS (SELECT 1) SELECT * FROM x", []),
    ("WITH x AS (SELECT 1) SELECT * FROM s.x", ["s.x"]),
    ("WITH x AS (SELECT * FROM x) SELECT * FROM x", ["x"]),
    ("WITH a AS (SELECT * FROM x), x AS (SELECT 1) SELECT * FROM a", ["x"]),
    ("WITH x AS (SELECT 1), a AS (SELECT * FROM x) SELECT * FROM a", []),
    ("SELECT * FROM (WITH x AS (SELECT 1) FROM x) y, x", ["x"]),
    ("(WITH x AS (SELECT 1) FROM x) UNION FROM x", ["x"]),
    ("WITH x AS (SELECT 1) (FROM x) UNION FROM x ORDER BY (SELECT max(1) FROM x)", []),
    ("SELECT (WITH x AS (SELECT 1) FROM x), (FROM x)", ["x"]),
    ("WITH x AS (SELECT 1) SELECT (SELECT (SELECT (FROM x)))", []),
    ("WITH x AS (SELECT 1), y AS (WITH x AS (FROM x) FROM x) FROM y", []),
    # U+212A, which Unicode folds to k and DuckDB does not
    ("WITH \u212aeys AS (SELECT 1) SELECT * FROM keys", ["keys"]),
    ("WITH keys AS (SELECT 1) SELECT * FROM \u212aeys", ["\u212aeys"]),
    ("WITH \u212aeys AS (SELECT 1) SELECT * FROM \u212aeys", []),
    ("WITH \u00e9 AS (SELECT 1) SELECT * FROM \u00c9", ["\u00c9"]),
    # the first member of a recursive expression does not see the name, the second one does
    ("WITH RECURSIVE x AS (SELECT 1 UNION ALL FROM x) FROM x", []),
    ("WITH RECURSIVE x AS (FROM x UNION ALL SELECT 1) FROM x", ["x"]),
    ("WITH RECURSIVE x AS (FROM x UNION ALL FROM x) FROM x", ["x"]),
    ("WITH RECURSIVE x AS (SELECT (FROM x) UNION SELECT 1 FROM x) FROM x", ["x"]),
    ("WITH RECURSIVE x AS (FROM x) FROM x", ["x"]),
    ("WITH RECURSIVE x AS (SELECT 1 EXCEPT FROM x) FROM x", ["x"]),
    ("WITH RECURSIVE x(a) USING KEY (a) AS (FROM x UNION FROM x) FROM x", ["x"]),
    ("WITH RECURSIVE x(a) USING KEY (a) AS (SELECT 1 UNION FROM recurring.y) FROM x", None),
    ("WITH RECURSIVE a AS (FROM x), x AS (SELECT 1) FROM a", ["x"]),
    ("WITH x AS (SELECT 1) FROM (WITH RECURSIVE x AS (FROM x UNION FROM x) FROM x)", []),
]


@pytest.mark.parametrize(("text", "expected"), SCOPES)
def test_a_name_is_covered_exactly_where_duckdb_says(text: str, expected: list[str] | None) -> None:
    found = tables(GATE.check(text))
    assert found == (["recurring.y"] if expected is None else expected)


@pytest.mark.parametrize("text", [text for text, expected in SCOPES if expected == []])
def test_a_covered_name_reads_no_table_in_duckdb(text: str) -> None:
    with duckdb.connect() as connection:
        for name in ("x", "keys", "\u212aeys", "y"):
            connection.execute(f"CREATE TABLE {name} AS SELECT 'from the table' AS a")
        rows = connection.execute(text).fetchmany(100) if "UNION ALL FROM x" not in text else []
        assert "from the table" not in str(rows)


# --- nothing is overlooked ------------------------------------------------------------------------


def trees() -> Iterator[tuple[Example, Node]]:
    for example in ACCEPTED:
        yield example, PARSER.tree(example.text)


def walked(tree: Node) -> set[str]:
    walk = gate._Walk("")
    walk.run(tree)
    return {".".join(reference.parts) for reference in walk.tables}


def places(tree: Node, wanted: Callable[[Node], bool]) -> int:
    return sum(1 for node in nodes(tree) if wanted(node))


def mutants(tree: Node, wanted: Callable[[Node], bool], change: Callable[[Node], None]) -> Any:
    """The tree with one node changed, for each node that is wanted."""
    for index in range(places(tree, wanted)):
        mutant = copy.deepcopy(tree)
        change([node for node in nodes(mutant) if wanted(node)][index])
        yield mutant


def kind_of(node: Node) -> str:
    kind = node.get("type")
    return kind if isinstance(kind, str) else ""


def is_table(node: Node) -> bool:
    return node.get("type") == "BASE_TABLE"


def is_function(node: Node) -> bool:
    return node.get("class") in ("FUNCTION", "WINDOW")


def is_type(node: Node) -> bool:
    return node.get("class") == "TYPE"


def is_query(node: Node) -> bool:
    return kind_of(node) in gate.QUERY_NODES


def is_typed(node: Node) -> bool:
    known = gate.QUERY_NODES | gate.TABLE_NODES | gate.MODIFIERS | gate.ORDERS
    return "class" not in node and kind_of(node) in known


def is_expression(node: Node) -> bool:
    return node.get("class") in gate.EXPRESSIONS


def rename_table(node: Node) -> None:
    node["qualified_name"]["path"] = [HIDDEN]


def rename_function(node: Node) -> None:
    node["function_name"] = "query"
    node["qualified_name"]["path"] = ["query"]


def qualify_function(node: Node) -> None:
    node["qualified_name"]["path"] = ["system", "main", node["function_name"]]


def hide_function(node: Node) -> None:
    """The name that is looked at stays, the one that is called changes."""
    node["qualified_name"]["path"] = ["query"]


def rename_type(node: Node) -> None:
    node["qualified_name"]["path"] = ["mine"]


def retype(node: Node) -> None:
    node["type"] = "UNHEARD_OF_NODE"


def reclass(node: Node) -> None:
    node["class"] = "UNHEARD_OF"


def write(node: Node) -> None:
    node["type"] = "INSERT_QUERY_NODE"


REFUSED_MUTANTS = [
    (is_function, rename_function),
    (is_function, qualify_function),
    (is_function, hide_function),
    (is_type, rename_type),
    (is_typed, retype),
    (is_expression, reclass),
    (is_query, write),
]


def test_a_table_anywhere_in_a_statement_is_reported() -> None:
    count = 0
    for example, tree in trees():
        for mutant in mutants(tree, is_table, rename_table):
            assert HIDDEN in walked(mutant), example.text
            count += 1
    assert count > 150


@pytest.mark.parametrize(
    ("wanted", "change"), REFUSED_MUTANTS, ids=[change.__name__ for _, change in REFUSED_MUTANTS]
)
def test_what_is_unheard_of_anywhere_in_a_statement_is_refused(
    wanted: Callable[[Node], bool], change: Callable[[Node], None]
) -> None:
    count = 0
    for example, tree in trees():
        for mutant in mutants(tree, wanted, change):
            count += 1
            try:
                walked(mutant)
            except NotAllowed:
                continue
            pytest.fail(f"not refused: {change.__name__} in {example.text}")
    assert count > 20


def test_a_subquery_grafted_onto_any_expression_is_seen() -> None:
    """Wherever the parser puts an expression, a table below it is found."""
    (select,) = PARSER.tree(f"SELECT (SELECT max(a) FROM {HIDDEN})")["node"]["select_list"]
    chance = random.Random(5)
    count = 0
    for example, tree in trees():
        total = places(tree, is_expression)
        for index in chance.sample(range(total), min(total, 12)):
            mutant = copy.deepcopy(tree)
            victim = [node for node in nodes(mutant) if is_expression(node)][index]
            victim.clear()
            victim.update(copy.deepcopy(select))
            try:
                found = walked(mutant)
            except NotAllowed:  # it replaced a table function or a type
                continue
            assert HIDDEN in found, (example.text, index)
            count += 1
    assert count > 500


def test_what_the_gate_saw_survives_being_printed_and_parsed_again() -> None:
    """Renaming a table in the tree, printing it and checking the text reports the new name."""
    count = 0
    for _example, tree in trees():
        for mutant in mutants(tree, is_table, rename_table):
            try:
                text = PARSER.text(mutant)
            except duckdb.Error:
                continue
            assert HIDDEN in tables(GATE.check(text))
            count += 1
    assert count > 150


# --- limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["SELECT \0", "\0", "SELECT 'a\0b'", "SELECT 1 --\0"])
def test_a_nul_character_is_refused(place: str) -> None:
    with pytest.raises(InvalidSql) as caught:
        GATE.check(place)
    assert caught.value.position == place.index("\0")


def test_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(InvalidSql):
        GATE.check("SELECT '\ud800'")


def test_the_longest_text_is_let_through_and_one_more_character_is_not() -> None:
    text = "SELECT 1".ljust(lexical.MAX_TEXT)
    assert GATE.check(text).tables == ()
    with pytest.raises(TooComplex):
        GATE.check(text + " ")


def test_a_list_of_ten_thousand_values_is_let_through() -> None:
    values = ", ".join(f"'{n:08x}-0000-0000'" for n in range(10_000))
    assert tables(GATE.check(f"SELECT * FROM t WHERE a IN ({values})")) == ["t"]


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("SELECT " + "(" * 140 + "1" + ")" * 140, True),
        ("SELECT " + "(" * 160 + "1" + ")" * 160, False),
        ("SELECT " + "+".join(["(1)"] * 300), True),
        ("SELECT '" + "(" * 5_000 + "'", True),
        ("SELECT 1 -- " + "(" * 5_000, True),
        ("SELECT 1 /* " + "(" * 5_000 + "*/", True),
        ("SELECT $$" + "(" * 5_000 + "$$", False),
        ("SELECT e'\\'" + "(" * 5_000 + "'", False),
        ("SELECT 'E'" + ", (1)" * 300, True),
        ("SELECT 'a$b$c', \"e'\"" + ", (1)" * 300 + " FROM t", True),
        ("SELECT '/* /*' -- e'$$\n" + ", (1)" * 300 + "/* $$ e' */", True),
        ("SELECT 'E' FROM t AS sets WHERE a IN (" + ",".join(["a"] * 600) + ")", True),
        ("SELECT " + "(" * 900_000, False),
        ("SELECT " + "[" * 400_000 + "1" + "]" * 400_000, False),
        ("SELECT " + "- " * 490_000 + "1", False),
        ("SELECT * FROM t" + ", t" * 330_000, False),
        ("SELECT * FROM " + "(SELECT * FROM " * 60_000 + "t" + ")" * 60_000, False),
        ("SELECT * FROM t" + ", t" * 99, True),
        ("SELECT * FROM t" + ", t" * 100, False),
        ("SELECT 1" + " UNION ALL SELECT 1" * 3_000, True),
        ("SELECT 1" + " EXCEPT SELECT 1" * 3_000, False),
        ("SELECT " + "?," * 999 + "?", True),
        ("SELECT " + "?," * 1_000 + "?", False),
        ("WITH " + ",".join(f"c{n} AS (SELECT 1)" for n in range(500)) + " SELECT 1", True),
        ("WITH " + ",".join(f"c{n} AS (SELECT 1)" for n in range(501)) + " SELECT 1", False),
        ("SELECT 1 FROM t GROUP BY ROLLUP (" + ",".join("abcdefghij") + ")", True),
        ("SELECT 1 FROM t GROUP BY ROLLUP (" + ",".join(f"c{n}" for n in range(60)) + ")", False),
        ("SELECT 1 FROM t GROUP BY ROLLUP/**/(" + ",".join(["a"] * 60) + ")", False),
        ("SELECT 1 FROM t GROUP BY rollup--\n(" + ",".join(["a"] * 60) + ")", False),
        ("SELECT $$$$ FROM t GROUP BY ROLLUP (" + ",".join(["a"] * 300) + ")", False),
        ("SELECT 'rollup (" + ",".join(["a"] * 300) + ")'", True),
    ],
    ids=lambda value: f"{value[:24]}…{len(value)}" if isinstance(value, str) else str(value),
)
def test_statements_are_bounded_before_they_are_expensive(text: str, fits: bool) -> None:
    with within(5), nullcontext() if fits else pytest.raises(TooComplex):
        GATE.check(text)


def test_quotes_and_comments_cannot_hide_what_is_counted() -> None:
    deep = "(" * 1_000 + "1" + ")" * 1_000
    for trick in (
        f"SELECT e'\\'', {deep}, '",
        f"SELECT '''', {deep}",
        f'SELECT "a""", {deep}',
        f"SELECT '--', {deep}",
        f"SELECT '/*', {deep}, '*/'",
        f"SELECT /* /* */ ' */ {deep} -- '",
        f"SELECT -- '\n {deep} -- '",
        f"SELECT -- '\r {deep} -- '",
        f"SELECT $a$ ' $a$, {deep}, $a$ ' $a$",
        "SELECT " + "f(')', " * 1_000 + "1" + ")" * 1_000,
        "SELECT " + "(/*)*/" * 1_000 + "1" + ")" * 1_000,
        "SELECT " + "(--)\n" * 1_000 + "1" + ")" * 1_000,
        f"SELECT 'E', e'\\'', {deep}, '",
        f"SELECT '$$', $$ ' $$, {deep}, $$ ' $$",
        f"SELECT '/*', /* /* */ ' */ {deep} -- '",
    ):
        with pytest.raises(TooComplex):
            GATE.check(trick)


def test_counting_takes_no_longer_than_the_text_is_long() -> None:
    for piece in ("'", '"', "/*", "--", "$", "$a", "e'", "rollup(", "rollup ", "\n", "é", "(", ")"):
        with within(2, piece), suppress(QueryError):
            lexical.check_size(piece * (lexical.MAX_TEXT // 16 // len(piece)))
