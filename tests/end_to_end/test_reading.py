"""What people do all day, through unmodified clients against a real server."""

from __future__ import annotations

import datetime
import decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas
import polars
import pyarrow as pa
import pytest
import yaml
from pyiceberg.catalog import load_catalog

from tests.servers import Server, serving


def whole(directory: Path, table: str) -> pa.Table:
    """A table as pyiceberg reads it: the truth, found without the server."""
    warehouse = load_catalog("invest", type="sql", uri=_catalog_uri(directory))
    return warehouse.load_table(table).scan().to_arrow()


def _catalog_uri(directory: Path) -> str:
    settings = yaml.safe_load((directory / "flight-server.yaml").read_text())
    uri: str = settings["catalogs"]["invest"]["uri"]
    return uri


@pytest.mark.parametrize(
    "table",
    [
        "market.currencies",
        "market.securities",
        "market.corporate_actions",
        "portfolio.portfolios",
        "portfolio.accounts",
        "portfolio.benchmarks",
        "portfolio.portfolio_accounts",
        "portfolio.portfolio_benchmarks",
        "portfolio.positions",
        "portfolio.transactions",
    ],
)
def test_every_table_reads_as_iceberg_says(server: Server, table: str) -> None:
    truth = whole(server.directory, table)
    with server.connect("compliance") as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM invest.{table}")
        got = cursor.fetch_arrow_table()
    assert got.column_names == truth.column_names
    keys = [name for name in truth.column_names if not pa.types.is_nested(truth[name].type)]
    order = [(name, "ascending") for name in keys[:5]]
    expected = truth.cast(got.schema).sort_by(order)
    assert got.num_rows == expected.num_rows
    assert got.sort_by(order).to_pylist() == expected.to_pylist()


QUESTIONS = {
    "join": """
        SELECT s.sector, count(*) AS n, round(sum(t.amount), 2) AS amount
        FROM invest.portfolio.transactions t JOIN invest.market.securities s USING (security_id)
        GROUP BY ALL ORDER BY ALL""",
    "window": """
        SELECT portfolio_id, as_of_date, total, total - lag(total) OVER w AS change
        FROM (SELECT portfolio_id, as_of_date, sum(market_value) AS total
              FROM invest.portfolio.positions GROUP BY ALL)
        WINDOW w AS (PARTITION BY portfolio_id ORDER BY as_of_date) ORDER BY 1, 2""",
    "cte": """
        WITH RECURSIVE steps(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM steps WHERE n < 5),
             open AS (SELECT desk, count(*) AS c FROM invest.portfolio.portfolios GROUP BY desk)
        SELECT * FROM steps, open ORDER BY ALL""",
    "aggregate": """
        SELECT desk, count(DISTINCT account_id), min(opened_at), max(balance)
        FROM invest.portfolio.accounts GROUP BY ROLLUP (desk) ORDER BY 1 NULLS FIRST""",
    "set operations": """
        SELECT currency FROM invest.market.currencies
        EXCEPT SELECT base_currency FROM invest.portfolio.portfolios ORDER BY 1""",
    "nested": """
        SELECT account_id, address.city, len(tags), list_contains(tags, tags[1])
        FROM invest.portfolio.accounts ORDER BY account_id LIMIT 20""",
}


@pytest.fixture(scope="module")
def local(demo_directory: Path) -> duckdb.DuckDBPyConnection:
    """An in-process DuckDB over the same tables, to compare with."""
    connection = duckdb.connect()
    connection.execute("ATTACH ':memory:' AS invest; SET TimeZone = 'UTC'")
    for schema, tables in {
        "market": ("currencies", "securities"),
        "portfolio": ("portfolios", "accounts", "positions", "transactions"),
    }.items():
        connection.execute(f"CREATE SCHEMA invest.{schema}")
        for table in tables:
            connection.register("source", whole(demo_directory, f"{schema}.{table}"))
            connection.execute(f"CREATE TABLE invest.{schema}.{table} AS SELECT * FROM source")
            connection.unregister("source")
    return connection


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_gets_the_answer_that_duckdb_gives(
    server: Server, local: duckdb.DuckDBPyConnection, name: str
) -> None:
    with server.connect("compliance") as connection, connection.cursor() as cursor:
        cursor.execute(QUESTIONS[name])
        got = cursor.fetch_arrow_table()
    expected = local.sql(QUESTIONS[name]).to_arrow_table()
    assert got.to_pylist() == expected.to_pylist()
    assert got.schema.types == expected.schema.types


def test_metadata_at_every_depth(server: Server) -> None:
    with server.connect("compliance") as connection:
        catalogs = connection.adbc_get_objects(depth="catalogs").read_all().to_pylist()
        assert [row["catalog_name"] for row in catalogs] == ["invest", "system"]
        schemas = connection.adbc_get_objects(depth="db_schemas").read_all().to_pylist()
        names = [schema["db_schema_name"] for schema in schemas[0]["catalog_db_schemas"]]
        assert names == ["market", "portfolio"]
        tables = connection.adbc_get_objects(depth="tables").read_all().to_pylist()
        market = tables[0]["catalog_db_schemas"][0]["db_schema_tables"]
        assert "prices" in [table["table_name"] for table in market]
        everything = connection.adbc_get_objects(
            depth="all", db_schema_filter="portfolio", table_name_filter="acc%"
        ).read_all()
        (accounts,) = everything.to_pylist()[0]["catalog_db_schemas"][0]["db_schema_tables"]
        assert "holder_name" in [c["column_name"] for c in accounts["table_columns"]]
        schema = connection.adbc_get_table_schema(
            "accounts", catalog_filter="invest", db_schema_filter="portfolio"
        )
        assert schema.field("balance").type == pa.decimal128(18, 2)
        assert "TABLE" in connection.adbc_get_table_types()
        assert connection.adbc_get_info()["vendor_name"] == "flight-server"


UTC = datetime.UTC
VALUES: dict[str, tuple[pa.Scalar, Any]] = {
    "bool": (pa.scalar(True), True),
    "int8": (pa.scalar(-8, pa.int8()), -8),
    "int16": (pa.scalar(-16, pa.int16()), -16),
    "int32": (pa.scalar(-32, pa.int32()), -32),
    "int64": (pa.scalar(2**60), 2**60),
    "uint8": (pa.scalar(8, pa.uint8()), 8),
    "uint16": (pa.scalar(16, pa.uint16()), 16),
    "uint32": (pa.scalar(32, pa.uint32()), 32),
    "uint64": (pa.scalar(2**63, pa.uint64()), 2**63),
    "float": (pa.scalar(0.5, pa.float32()), 0.5),
    "double": (pa.scalar(0.1), 0.1),
    "decimal": (
        pa.scalar(decimal.Decimal("12345678901234567.8901"), pa.decimal128(38, 4)),
        decimal.Decimal("12345678901234567.8901"),
    ),
    "string": (pa.scalar("it's – “text” 🎉"), "it's – “text” 🎉"),
    "empty string": (pa.scalar(""), ""),
    "binary": (pa.scalar(b"\x00\xff'"), b"\x00\xff'"),
    "date": (pa.scalar(datetime.date(2024, 2, 29)), datetime.date(2024, 2, 29)),
    "time": (
        pa.scalar(datetime.time(23, 59, 59, 999999), pa.time64("us")),
        datetime.time(23, 59, 59, 999999),
    ),
    "timestamp": (
        pa.scalar(datetime.datetime(2024, 2, 29, 1, 2, 3, 456789)),
        datetime.datetime(2024, 2, 29, 1, 2, 3, 456789),
    ),
    "timestamptz": (
        pa.scalar(datetime.datetime(2024, 2, 29, 1, 2, 3, tzinfo=UTC), pa.timestamp("us", "UTC")),
        datetime.datetime(2024, 2, 29, 1, 2, 3, tzinfo=UTC),
    ),
    "null": (pa.scalar(None, pa.string()), None),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_parameter_of_each_type_comes_back_as_it_was_sent(server: Server, name: str) -> None:
    scalar, expected = VALUES[name]
    row = pa.record_batch([pa.array([scalar.as_py()], scalar.type)], names=["0"])
    with server.connect("compliance") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT ? AS value", row)
        assert cursor.fetchall() == [(expected,)]


def test_parameters_filter_rows(server: Server) -> None:
    with server.connect("compliance") as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT account_id, desk FROM invest.portfolio.accounts "
            "WHERE account_id BETWEEN ? AND ? AND desk <> ? ORDER BY 1 LIMIT ?",
            (10, 500, "none", 3),
        )
        rows = cursor.fetchall()
        assert len(rows) == 3
        assert all(10 <= account <= 500 for account, _ in rows)
        cursor.execute("SELECT $2 - $1", (1, 3))
        assert cursor.fetchall() == [(2,)]


@pytest.mark.parametrize("parameters", [None, (), (1,), (1, 2, 3)])
def test_too_few_or_too_many_parameters_are_refused(
    server: Server, parameters: tuple[int, ...] | None
) -> None:
    with server.connect("compliance") as connection, connection.cursor() as cursor:
        with pytest.raises(Exception, match="INVALID_PARAMETERS"):
            cursor.execute("SELECT ?, ?", parameters)
            cursor.fetchall()


def test_batches_arrive_one_by_one(server: Server) -> None:
    with server.connect("compliance") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT range AS n, 'x' || range AS s FROM range(1000000)")
        reader = cursor.fetch_record_batch()
        batches = list(reader)
    assert sum(batch.num_rows for batch in batches) == 1_000_000
    assert len(batches) > 10
    assert all(batch.nbytes < 4 * 2**20 for batch in batches)


CURRENCIES = "SELECT currency, name FROM invest.market.currencies ORDER BY 1"


@pytest.mark.filterwarnings("ignore:pandas only supports SQLAlchemy")
def test_polars_and_pandas_read_through_a_connection(server: Server) -> None:
    with server.connect("analyst") as connection:
        through_polars = polars.read_database(CURRENCIES, connection)
        through_pandas = pandas.read_sql(CURRENCIES, connection)
    assert len(through_polars) > 0
    assert through_polars["currency"].to_list() == through_pandas["currency"].tolist()


@pytest.mark.filterwarnings("ignore:Cannot disable autocommit")
def test_polars_reads_by_uri_where_anonymous_callers_may(demo_directory: Path) -> None:
    """A flightsql URI has no place for credentials: the driver would not send them."""
    with serving(demo_directory, "--set", "auth.anonymous=analyst") as open_server:
        uri = f"flightsql://127.0.0.1:{open_server.port}?transport=tcp"
        assert len(polars.read_database_uri(CURRENCIES, uri, engine="adbc")) > 0
        accounts = polars.read_database_uri(
            "SELECT * FROM invest.portfolio.accounts", uri, engine="adbc"
        )
        assert "tax_id" not in accounts.columns
