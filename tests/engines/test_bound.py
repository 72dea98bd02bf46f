"""The second look at a statement: its bound plan may read nothing but its relations."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pytest

from catalog.model import Table
from flight_server.engines.duckdb import bound
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.errors import BindFailed
from tests.engines import rig


@pytest.fixture(scope="module")
def shadow() -> Iterator[duckdb.DuckDBPyConnection]:
    """An instance with one relation, as a planner has it, and with a table that is none."""
    with duckdb.connect(config={"errors_as_json": True}) as connection:
        connection.execute(
            "CREATE VIEW t AS SELECT NULL::BIGINT AS a, NULL::VARCHAR AS s WHERE false"
        )
        connection.execute("CREATE TABLE stray (a BIGINT)")
        yield connection


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM stray",
        "SELECT a FROM t UNION ALL SELECT a FROM stray",
        "SELECT (SELECT max(a) FROM stray) FROM t",
        "SELECT * FROM t WHERE a IN (SELECT a FROM stray)",
        "WITH c AS (SELECT * FROM stray) SELECT 1 FROM t, c",
        "SELECT * FROM query('SELECT * FROM stray')",
        "SELECT * FROM query_table('stray')",
        "SELECT * FROM t WHERE a > ? AND a IN (SELECT a FROM stray)",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM duckdb_tables()",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM pragma_table_info('stray')",
        "SELECT * FROM repeat('x', 3), stray",
        "WITH x AS (INSERT INTO stray VALUES (1) RETURNING a) SELECT * FROM x",
        "INSERT INTO stray VALUES (1)",
        "SHOW TABLES",
    ],
)
def test_what_reads_anything_else_is_refused(shadow: duckdb.DuckDBPyConnection, text: str) -> None:
    fault = bound.check(shadow, text, parameters="?" in text)
    assert fault is not None
    assert "stray" not in fault.message


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM t",
        "SELECT * FROM t JOIN t u USING (a) ORDER BY 1 LIMIT 3",
        "SELECT a, count(*) FROM t GROUP BY ROLLUP (a) HAVING a > 1",
        "SELECT * FROM range(3) r(i), generate_series(1, 2), unnest([1]), repeat('x', 2)",
        "SELECT unnest([1, 2]), * FROM t",
        "WITH RECURSIVE r AS (SELECT 1 n UNION ALL SELECT n + 1 FROM r WHERE n < 3) FROM r",
        "SELECT * FROM t, LATERAL (SELECT t.a + 1)",
        "SELECT (SELECT max(u.a) FROM t u WHERE u.s = t.s) FROM t",
        "SELECT * FROM t ASOF JOIN t u ON t.a >= u.a",
        "SELECT * FROM (PIVOT t ON s IN ('a', 'b') USING sum(a))",
        "SELECT * FROM (UNPIVOT t ON a)",
        "SELECT row_number() OVER (PARTITION BY s) FROM t QUALIFY row_number() OVER () = 1",
        "SELECT a FROM t EXCEPT SELECT a FROM t INTERSECT SELECT a FROM t",
        "SELECT DISTINCT ON (a) * FROM t ORDER BY s",
        "SELECT * FROM t TABLESAMPLE 10%",
        "SELECT * FROM t POSITIONAL JOIN t u",
        "VALUES (1), (2)",
        "SELECT * FROM t WHERE a = ? LIMIT $2",
    ],
)
def test_what_reads_its_relations_passes(shadow: duckdb.DuckDBPyConnection, text: str) -> None:
    assert bound.check(shadow, text, parameters="?" in text) is None


def test_without_a_plan_only_parameters_excuse(shadow: duckdb.DuckDBPyConnection) -> None:
    """DuckDB gives no plan where a parameter has no type."""
    assert bound.check(shadow, "SELECT ?", parameters=True) is None
    assert bound.check(shadow, "SELECT ?", parameters=False) is not None
    assert shadow.execute("SELECT 1").fetchall() == [(1,)]


def test_the_engine_looks_at_plans_when_it_describes(engine: DuckDBEngine, people: Table) -> None:
    relation = rig.relation(people)
    for text in ("SELECT * FROM duckdb_views()", "SELECT 1 FROM duckdb_functions()"):
        with pytest.raises(BindFailed, match="none of its tables"):
            engine.describe(rig.secured(text, relation), None, deadline=rig.soon())
    schema = engine.describe(
        rig.secured("SELECT id FROM people", relation), None, deadline=rig.soon()
    )
    assert schema == pa.schema([("id", pa.int64())])
