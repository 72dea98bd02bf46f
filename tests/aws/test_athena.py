"""What matters most of Athena, on the double and on real AWS: rows, types, both engines, ends."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import closing

import boto3
import duckdb
import pyarrow as pa
import pytest

from catalog.athena import AthenaCatalog
from catalog.model import Table
from catalog.names import TableName
from flight_server.engines import errors
from flight_server.engines.athena.engine import AthenaEngine
from flight_server.engines.athena.settings import Delivery
from flight_server.engines.base import Relation, RelationColumn, Secured
from flight_server.engines.duckdb.engine import DuckDBEngine
from tests.aws.conftest import Cloud
from tests.engines import rig
from tests.engines.conftest import engine

__all__ = ["engine"]  # a fixture of DuckDB

_ROWS = 2_500
_VALUES = """
SELECT * FROM (VALUES
    (1, true, CAST(-128 AS TINYINT), CAST(32767 AS SMALLINT), 2147483647, 9223372036854775807,
     CAST(1.5 AS FLOAT), CAST(0.1 AS DOUBLE), CAST(12345678901234.5678 AS DECIMAL(18, 4)),
     CAST(9999999999999999999999999999.9999999999 AS DECIMAL(38, 10)), 'a "b",', 'ü',
     DATE '2024-02-29', TIMESTAMP '2024-02-29 12:30:15.123456'),
    (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', NULL, NULL))
    AS t (k, b, i1, i2, i4, i8, f4, f8, d18, d38, s, e, day, ts)
"""
_STATEMENTS = (
    "SELECT * FROM rows_of ORDER BY k",
    "SELECT g, count(*), sum(k), min(word), max(amount) FROM rows_of GROUP BY g ORDER BY g",
    "SELECT a.k, b.k, a.k AS k FROM rows_of a JOIN rows_of b ON a.k = b.k + 1 ORDER BY 1 LIMIT 9",
    "SELECT k, row_number() OVER (PARTITION BY g ORDER BY k) AS n FROM rows_of ORDER BY k LIMIT 99",
    "WITH few AS (SELECT k, word FROM rows_of WHERE k < 5) "
    "SELECT upper(f.word) AS w, k / 2 AS half, moment FROM few f JOIN rows_of USING (k) ORDER BY 2",
    "SELECT k FROM rows_of WHERE false",
    "SELECT word FROM rows_of WHERE k IN (SELECT max(k) FROM rows_of GROUP BY g) ORDER BY word",
)


def _run(athena: AthenaEngine, statement: Secured, schema: pa.Schema) -> pa.Table:
    with closing(athena.run(statement, None, schema, deadline=rig.soon(120))) as stream:
        found = rig.decoded(stream, schema)
        stream.join(30)
    return found


def _plain(text: str) -> tuple[Secured, pa.Table]:
    """A statement over no table, and what DuckDB makes of it."""
    with duckdb.connect() as connection:
        return Secured(text, (), catalog="lake", schema="s"), connection.sql(text).to_arrow_table()


@pytest.fixture(scope="module")
def table(cloud: Cloud) -> Iterator[Table]:
    """An Iceberg table that Athena has made of its own rows."""
    name = f"rows_{uuid.uuid4().hex[:12]}"
    place = f"{cloud.staging}-tables/{name}/"
    _execute(
        cloud,
        f"CREATE TABLE {cloud.database}.{name} WITH (table_type = 'ICEBERG', "
        f"location = '{place}', is_external = false) AS "
        "SELECT n AS k, n % 7 AS g, CAST(n AS varchar) AS word, "
        "CAST(n AS decimal(18, 4)) AS amount, "
        "CAST(date_add('second', CAST(n AS bigint), TIMESTAMP '2024-01-01 00:00:00') "
        "AS timestamp(6)) AS moment "
        f"FROM UNNEST(sequence(1, {_ROWS})) AS t (n)",
    )
    try:
        with closing(AthenaCatalog("lake", cloud.catalog, refresh_seconds=0.0)) as catalog:
            found = catalog.table(TableName("lake", cloud.database, name))
        assert found is not None
        yield found
    finally:
        _execute(cloud, f"DROP TABLE {cloud.database}.{name}")


def _execute(cloud: Cloud, text: str) -> None:
    athena = boto3.client("athena", region_name=cloud.region, endpoint_url=cloud.endpoint)
    identifier = athena.start_query_execution(
        QueryString=text,
        WorkGroup=cloud.workgroup,
        ResultConfiguration={"OutputLocation": f"{cloud.staging}-tables/"},
    )["QueryExecutionId"]
    until = time.monotonic() + 120
    while time.monotonic() < until:
        told = athena.get_query_execution(QueryExecutionId=identifier)["QueryExecution"]["Status"]
        if told["State"] == "SUCCEEDED":
            return
        assert told["State"] in ("QUEUED", "RUNNING"), told
        time.sleep(0.2)
    raise AssertionError("Athena did not end in time")


@pytest.mark.parametrize("delivery", ["unload", "csv", "pages"])
def test_values_of_every_plain_type_come_back_by_each_way(cloud: Cloud, delivery: Delivery) -> None:
    statement, expected = _plain(_VALUES)
    with closing(cloud.engine(delivery)) as athena:
        found = _run(athena, statement, expected.schema).sort_by("k")
    for name in expected.column_names:
        assert repr(found[name].to_pylist()) == repr(expected[name].to_pylist()), name
    assert cloud.left() == []


@pytest.mark.parametrize("text", _STATEMENTS)
def test_both_engines_say_the_same_of_a_table(
    athena: AthenaEngine, engine: DuckDBEngine, table: Table, text: str
) -> None:
    columns = tuple(RelationColumn(c.name, c.type) for c in table.columns)
    name = table.name
    statement = Secured(
        text.replace("rows_of", name.table),
        (Relation(name, table, columns),),
        catalog=name.catalog,
        schema=name.schema,
    )
    expected = rig.rows(engine, statement)
    found = _run(athena, statement, expected.schema)
    assert found.schema == expected.schema
    assert found.to_pydict() == expected.to_pydict() or found.equals(expected)


def test_a_statement_that_fails_is_told_and_leaves_nothing(athena: AthenaEngine) -> None:
    statement, _ = _plain("SELECT 1 AS n")
    failing = Secured(
        "SELECT CAST(x AS TINYINT) AS n FROM (VALUES (1), (1000)) AS t (x)",
        (),
        catalog=statement.catalog,
        schema=statement.schema,
    )
    with pytest.raises(errors.ExecutionFailed):
        _run(athena, failing, pa.schema([("n", pa.int8())]))


def test_a_cancelled_statement_leaves_nothing(athena: AthenaEngine) -> None:
    statement, expected = _plain("SELECT 1 AS n")
    stream = athena.run(statement, None, expected.schema, deadline=rig.soon(60))
    stream.cancel()
    with pytest.raises(errors.Cancelled):
        next(stream)
    stream.close()
    stream.join(60)
