"""Which statements are read in parts: those that make each row of one row of one table."""

from __future__ import annotations

from contextlib import suppress

import duckdb
import pytest

from flight_server.query.by_row import BY_ROW
from flight_server.query.errors import NotAllowed
from flight_server.query.gate import Gate, Statement
from flight_server.query.parser import Parser
from flight_server.query.parts import is_ordered

GATE = Gate(Parser())

DIVISIBLE = [
    "SELECT * FROM t",
    "FROM t",
    "SELECT a, b + 1 AS c, upper(d) FROM c.s.t AS x WHERE a BETWEEN ? AND ? AND b IN (1, 2)",
    "SELECT * EXCLUDE (a) FROM t WHERE d LIKE 'x%' OR NOT coalesce(b, true)",
    "SELECT CASE WHEN a > 1 THEN 'x' ELSE d END, a::DECIMAL(9, 2), s.f, l[1] FROM t",
    "SELECT list_transform(l, lambda x: x + 1), list_sum(l), COLUMNS('a.*') FROM t",
    "SELECT d COLLATE NOCASE, {'a': a}, [a, b], DATE '2020-01-01' FROM t x(a, b)",
]
WHOLE = [
    "SELECT 1",
    "VALUES (1)",
    "SELECT count(*) FROM t",
    "SELECT a FROM t GROUP BY a",
    "SELECT a FROM t GROUP BY ALL",
    "SELECT a FROM t GROUP BY GROUPING SETS ((a), ())",
    "SELECT 1 FROM t HAVING true",
    "SELECT a + sum(b) FROM t",
    "SELECT wavg(a, b) FROM t",
    "SELECT json_group_array(a) FROM t",
    "SELECT sum(a) OVER () FROM t",
    "SELECT a FROM t QUALIFY row_number() OVER () = 1",
    "SELECT DISTINCT a FROM t",
    "SELECT DISTINCT ON (a) b FROM t",
    "SELECT a FROM t ORDER BY a",
    "SELECT a FROM t LIMIT 1",
    "SELECT a FROM t LIMIT 1%",
    "SELECT a FROM t OFFSET 1",
    "SELECT a FROM t USING SAMPLE 10%",
    "SELECT a FROM t TABLESAMPLE 10%",
    "SELECT a FROM t UNION ALL SELECT a FROM t",
    "SELECT a FROM t EXCEPT SELECT a FROM t",
    "SELECT a FROM (SELECT a FROM t)",
    "WITH x AS (SELECT a FROM t) SELECT a FROM x",
    "WITH t AS (SELECT 1 AS a) SELECT a FROM t",
    "WITH x AS (SELECT 1) SELECT a FROM t",
    "WITH RECURSIVE x AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM x) SELECT a FROM x, t",
    "SELECT a FROM t, t AS u",
    "SELECT a FROM t JOIN u USING (a)",
    "SELECT a FROM t, range(3)",
    "SELECT a FROM t, (VALUES (1), (2)) v",
    "SELECT a, (SELECT 1) FROM t",
    "SELECT a FROM t WHERE a IN (SELECT 1)",
    "SELECT a FROM t WHERE EXISTS (SELECT 1)",
    "SELECT unnest(l) FROM t",
    "SELECT regexp_split_to_table(d, ',') FROM t",
    "SELECT a FROM t WHERE random() < 0.5",
    "SELECT now() FROM t",
    "SELECT uuid() FROM t",
    "PIVOT t ON a USING sum(b)",
]


def _checked(text: str) -> Statement:
    return GATE.check(text)


@pytest.mark.parametrize("text", DIVISIBLE)
def test_rows_of_one_table_are_divided(text: str) -> None:
    assert _checked(text).by_row


@pytest.mark.parametrize("text", WHOLE)
def test_anything_else_stays_whole(text: str) -> None:
    with suppress(NotAllowed):  # what does not pass the gate is not run at all
        assert not _checked(text).by_row


def test_only_the_order_of_the_whole_counts() -> None:
    assert is_ordered(_checked("SELECT a FROM t ORDER BY a LIMIT 3"))
    assert is_ordered(_checked("(SELECT 1 AS a) UNION SELECT 2 ORDER BY a"))
    assert not is_ordered(_checked("SELECT a FROM (SELECT a FROM t ORDER BY a)"))
    assert not is_ordered(_checked("SELECT sum(a) OVER (ORDER BY a) FROM t"))


# Macros that nobody has found to look at more than one row; a new one stops this test.
_NOT_PLAIN = ("unnest(", "sum(", "avg(", "string_agg(", "count(", "random(", "now(")


def test_each_function_that_may_be_divided_looks_at_one_row() -> None:
    """By what DuckDB says of its functions, so that an upgrade cannot bring another kind."""
    found = duckdb.execute(
        "SELECT lower(function_name), function_type, stability, macro_definition"
        " FROM duckdb_functions()"
    ).fetchall()
    for name, kind, stability, definition in found:
        if name not in BY_ROW or kind == "table":
            continue
        assert kind in ("scalar", "macro"), f"{name} is of kind {kind}"
        assert stability in (None, "CONSISTENT"), f"{name} is {stability}"
        if definition is not None and "list_aggr(" not in definition:
            assert not any(call in definition for call in _NOT_PLAIN), f"{name}: {definition}"
