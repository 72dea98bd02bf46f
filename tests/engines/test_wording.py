"""What DuckDB says of a statement that does not fit is said in our words, without a value."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from flight_server.engines.duckdb.faults import binding_fault
from flight_server.engines.duckdb.wording import worded

VALUE = "canary"
STATEMENTS = f"""
SELECT list_transform([1], x -> x + 1)
SELECT id FROM t ORDER BY 5
SELECT id FROM t GROUP BY 5
SELECT DISTINCT ON (9) id FROM t
SELECT '{VALUE}'::INT + 1
SELECT d > 1 FROM t
SELECT count(count(*)) FROM t
SELECT row_number() FROM t
SELECT lower(name) OVER () FROM t
SELECT id FROM t WHERE row_number() OVER () = 1
SELECT id FROM t UNION SELECT id, name FROM t
SELECT (SELECT id, name FROM t)
SELECT * FROM t a, t a
SELECT *
SELECT id FROM t LIMIT '{VALUE}'
SELECT id FROM t LIMIT -1
SELECT unnest(id) FROM t
SELECT * FROM range('{VALUE}')
SELECT CAST('{VALUE}' AS DATE)
SELECT 300::TINYINT
SELECT strptime('{VALUE}', '%d')
SELECT regexp_matches(name, '({VALUE}') FROM t
SELECT regexp_replace(name, '(', 'x') FROM t
SELECT [1, '{VALUE}']
SELECT [1, d] FROM t
SELECT * EXCLUDE (id, name, d, l) FROM t
SELECT COLUMNS('(') FROM t
SELECT quantile(id, id) FROM t
SELECT id::DECIMAL(99, 1) FROM t
SELECT interval '{VALUE}'
SELECT date_trunc('{VALUE}', d) FROM t
SELECT strftime(d, '%Q{VALUE}') FROM t
SELECT * FROM t NATURAL JOIN (SELECT 1 zz)
SELECT * FROM t TABLESAMPLE 200%
SELECT * FROM t ASOF JOIN t u ON t.id = u.id
VALUES (1), (DATE '2020-01-01')
SELECT json_extract('{{"{VALUE}":', '$.a')
SELECT '{{"{VALUE}":'::JSON
SELECT COALESCE(id, d) FROM t
SELECT id FROM t UNION SELECT id FROM t ORDER BY name
FROM t PIVOT (sum(id) FOR name IN ('{VALUE}', '{VALUE}'))
SELECT unnest(l) FROM t WHERE unnest(l) > 1
SELECT timestamp '2020-01-01' AT TIME ZONE '{VALUE}'
SELECT 'a' || l FROM t
SELECT 1 WHERE '{VALUE}'
SELECT '{VALUE}'::UUID
SELECT lower(DISTINCT name) FROM t
SELECT name[1:2:1] FROM t
""".strip().splitlines()


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        made.execute("SET errors_as_json = true")
        made.execute("CREATE TABLE t (id INT, name VARCHAR, d DATE, l INT[])")
        yield made


@pytest.mark.parametrize("text", STATEMENTS)
def test_neither_the_engine_nor_a_value_is_told(
    connection: duckdb.DuckDBPyConnection, text: str
) -> None:
    with pytest.raises(duckdb.Error) as caught:
        connection.execute(text)
    fault = binding_fault(caught.value, text)
    assert fault.kind == "bind"
    for part in ("DuckDB", "memory.main", VALUE, "missing )", "should be between", "_LITERAL"):
        assert part not in fault.message
    # what was said is for the log, and none of it for the client
    said = fault.detail.partition(": ")[2].splitlines()[0]
    assert said
    assert said not in fault.message
    assert fault.message.endswith(".")


def test_a_text_that_nobody_knows_is_told_by_its_category_alone() -> None:
    for kind, told in (
        ("Conversion", "A value could not be converted to the type that was asked for."),
        ("Invalid Input", "A function was given a value that it does not take."),
        ("Binder", "The statement cannot be run as it is written."),
    ):
        assert worded("canary of /etc/passwd") is None
        fault = binding_fault(ValueError(f"{kind} Error: canary of /etc/passwd"), "SELECT 1")
        assert (fault.message, fault.about) == (told, "other")


def test_types_are_told_as_people_write_them_and_names_as_they_are() -> None:
    text = "Cannot compare values of type DATE and type INTEGER_LITERAL - an explicit cast is req"
    assert worded(text) == (
        "other",
        "Values of type DATE and INTEGER cannot be compared. Cast one of them explicitly.",
    )
    text = 'Referenced column "A_LITERAL{0}" not found in FROM clause!'
    assert worded(text) == ("column", 'Column "A_LITERAL{0}" was not found.')
