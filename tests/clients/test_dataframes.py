"""Data frames and other Python tools that read through the ADBC driver."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import adbc_driver_manager
import duckdb
import pandas
import polars
import pyarrow as pa
import pytest

from tests.servers import Server

CALL_HEADER = "adbc.flight.sql.rpc.call_header"
COUNT = "SELECT count(*) AS n FROM invest.portfolio.transactions"
DATED = "SELECT transaction_id, trade_date, amount FROM invest.portfolio.transactions"


def test_polars_reads_with_parameters(server: Server) -> None:
    day = datetime.date(2022, 6, 30)
    with server.connect("analyst") as connection:
        frame = polars.read_database(
            f"{DATED} WHERE trade_date > ? AND side = ?",
            connection,
            execute_options={"parameters": [day, "buy"]},
        )
    assert frame.height > 0
    assert frame["trade_date"].min() > day
    assert frame.schema["amount"] == polars.Decimal(20, 2)


def test_polars_reads_in_batches(server: Server) -> None:
    with server.connect("analyst") as connection:
        statement = "SELECT range AS a FROM range(500000)"
        frames = list(polars.read_database(statement, connection, iter_batches=True))
    assert len(frames) > 1
    assert sum(frame.height for frame in frames) == 500_000


def test_pandas_reads_with_arrow_types(server: Server) -> None:
    with server.connect("analyst") as connection:
        statement = f"{DATED} WHERE transaction_id < 10 ORDER BY 1"
        frame = pandas.read_sql(statement, connection, dtype_backend="pyarrow")
    assert frame["transaction_id"].tolist() == list(range(1, len(frame) + 1))
    assert isinstance(frame["amount"][0], Decimal)
    assert frame.dtypes["trade_date"] == pandas.ArrowDtype(pa.date32())


def test_pandas_reads_a_whole_table_of_the_chosen_schema(server: Server) -> None:
    with server.connect("analyst", **{f"{CALL_HEADER}.schema": "market"}) as connection:
        frame = pandas.read_sql_table("currencies", connection)
    assert "currency" in frame.columns


@pytest.mark.parametrize(
    ("write", "error", "told"),
    [
        (lambda cursor, sql: cursor.execute(sql), "ProgrammingError", "NOT_ALLOWED"),
        (lambda cursor, sql: cursor.executescript(sql), "NotSupportedError", "read-only"),
        (
            lambda cursor, _: cursor.adbc_ingest("mine", pa.table({"a": [1]})),
            "NotSupportedError",
            "read-only",
        ),
    ],
    ids=["statement", "script", "ingest"],
)
def test_nothing_can_be_written(server: Server, write: Any, error: str, told: str) -> None:
    with server.connect("analyst") as connection, connection.cursor() as cursor:
        with pytest.raises(getattr(adbc_driver_manager, error), match=told):
            write(cursor, "DELETE FROM invest.portfolio.accounts")


def test_duckdb_reads_a_result_as_a_table(server: Server) -> None:
    with server.connect("analyst") as connection, connection.cursor() as cursor:
        cursor.execute(DATED)
        local = duckdb.from_arrow(cursor.fetch_record_batch())
        ((rows,),) = local.aggregate("count(*)").fetchall()
        cursor.execute(COUNT)
        assert cursor.fetchall() == [(rows,)]


def test_a_cursor_iterates_and_describes(server: Server) -> None:
    with server.connect("analyst") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1 AS a, 'x' AS b, 1.50::DECIMAL(10, 2) AS c")
        assert [column[0] for column in cursor.description] == ["a", "b", "c"]
        assert list(cursor) == [(1, "x", Decimal("1.50"))]
        schema = cursor.adbc_execute_schema("SELECT 1 AS a")
        assert schema == pa.schema([pa.field("a", pa.int32())])


def test_an_error_has_its_code_and_request(server: Server) -> None:
    with server.connect("analyst") as connection, connection.cursor() as cursor:
        with pytest.raises(adbc_driver_manager.ProgrammingError) as caught:
            cursor.execute("SELECT holder_name FROM invest.portfolio.accounts")
    assert "COLUMN_NOT_FOUND" in str(caught.value)
    assert b"x-request-id" in dict(caught.value.details)
