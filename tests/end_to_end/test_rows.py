"""A statement that is run once for each of several rows of parameters."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pytest
from adbc_driver_flightsql import dbapi

from flight_server.protocol.wire import flight_sql_pb2 as sql
from tests.flight_sql import client, unwrap
from tests.servers import Server, serving
from tests.waiting import within

BY_ID = "SELECT currency, name FROM invest.market.currencies WHERE currency = ?"


def run(server: Server, statement: str, rows: object, user: str = "compliance") -> pa.Table:
    with server.connect(user) as connection, connection.cursor() as cursor:
        cursor.execute(statement, rows)
        return cursor.fetch_arrow_table()


def test_results_come_in_the_order_of_the_rows(server: Server) -> None:
    wanted = ["USD", "none", "EUR", "CHF", "USD"]
    table = run(server, BY_ID, pa.record_batch({"0": wanted}))
    assert table.column("currency").to_pylist() == ["USD", "EUR", "CHF", "USD"]


def test_rows_of_several_batches_are_one_binding(server: Server) -> None:
    table = pa.table({"0": pa.chunked_array([["USD"], [], ["EUR", "CHF"]])})
    found = run(server, BY_ID, table)
    assert found.column("currency").to_pylist() == ["USD", "EUR", "CHF"]


def test_dictionaries_that_differ_by_batch_are_bound(server: Server) -> None:
    batches = [pa.array(names).dictionary_encode() for names in (["USD", "EUR"], ["CHF"])]
    found = run(server, BY_ID, pa.table({"0": pa.chunked_array(batches)}))
    assert found.column("currency").to_pylist() == ["USD", "EUR", "CHF"]


def test_nulls_take_the_type_of_the_other_rows(server: Server) -> None:
    rows = pa.record_batch({"0": [None, "b", None], "1": [1, None, 3]})
    table = run(server, "SELECT ? AS a, ? + 1 AS b", rows)
    assert table.schema.types == [pa.string(), pa.int64()]
    assert table.to_pydict() == {"a": [None, "b", None], "b": [2, None, 4]}


def test_a_row_that_cannot_have_the_type_of_the_others_is_refused(server: Server) -> None:
    rows = pa.record_batch({"0": pa.array([[1], None])})
    with pytest.raises(dbapi.Error, match="EXECUTION_FAILED"):
        run(server, "SELECT coalesce(?, 'text') AS a", rows)


def test_large_bindings_are_kept_beside_the_handle(server: Server) -> None:
    values = [f"{n:05}" + "x" * 1_000 for n in range(150)]
    table = run(server, "SELECT left(?, 5) AS a", pa.record_batch({"0": values}))
    assert table.column("a").to_pylist() == [f"{n:05}" for n in range(150)]


def test_a_statement_that_is_larger_than_a_ticket_runs(server: Server) -> None:
    table = run(server, f"SELECT '{'y' * 300_000}' AS a", None)
    assert len(table["a"][0].as_py()) == 300_000


def test_too_many_rows_or_bytes_are_refused(server: Server) -> None:
    with pytest.raises(dbapi.Error, match="INVALID_PARAMETERS: From 1 to 10,000 rows"):
        run(server, "SELECT ?", pa.record_batch({"0": range(10_001)}))
    with pytest.raises(dbapi.Error, match=r"TOO_LARGE|INVALID_PARAMETERS"):
        run(server, "SELECT ?", pa.table({"0": pa.chunked_array([["x" * 2**20]] * 18)}))


def test_a_failing_row_ends_the_whole(server: Server) -> None:
    with pytest.raises(dbapi.Error, match="EXECUTION_FAILED"):
        run(server, "SELECT CAST(? AS INTEGER) AS a", pa.record_batch({"0": ["1", "x", "3"]}))


def test_rows_and_rights_meet(server: Server) -> None:
    """Each run is that of the user: filtered rows stay filtered whatever is bound."""
    statement = "SELECT desk FROM invest.portfolio.accounts WHERE desk = ?"
    desks = sorted(
        set(run(server, "SELECT desk FROM invest.portfolio.accounts", None)["desk"].to_pylist())
    )
    assert len(desks) > 1
    rows = pa.record_batch({"0": desks})
    assert set(run(server, statement, rows)["desk"].to_pylist()) == set(desks)
    assert set(run(server, statement, rows, "manager")["desk"].to_pylist()) == {"equities"}


def test_cancelling_ends_it_between_and_within_rows(server: Server) -> None:
    rows = pa.record_batch({"0": [0] * 5_000})
    with server.connect("compliance") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) AS n FROM range(20_000_000) WHERE hash(range) = ?", rows)
        threading.Timer(0.5, cursor.adbc_cancel).start()
        with within(10), pytest.raises(dbapi.Error):
            cursor.fetch_arrow_table()


def test_the_handle_is_replaced_and_the_old_one_keeps_its_own_values(server: Server) -> None:
    with client(server, "compliance") as connected:
        (body,) = connected.act(
            "CreatePreparedStatement",
            sql.ActionCreatePreparedStatementRequest(query="SELECT ?::INT AS a"),
        )
        created = unwrap(body, sql.ActionCreatePreparedStatementResult)
        assert created.is_update is False
        assert pa.ipc.read_schema(pa.py_buffer(created.parameter_schema)).types == [pa.int32()]
        first = sql.CommandPreparedStatementQuery(
            prepared_statement_handle=created.prepared_statement_handle
        )
        handles = []
        for values in ([1, 2], [3]):
            (answer,) = connected.put(first, pa.table({"": values}))
            bound = sql.DoPutPreparedStatementResult.FromString(answer)
            handles.append(
                sql.CommandPreparedStatementQuery(
                    prepared_statement_handle=bound.prepared_statement_handle
                )
            )
        assert connected.read(handles[0])["a"].to_pylist() == [1, 2]
        assert connected.read(handles[1])["a"].to_pylist() == [3]
        assert connected.schema(handles[0]) == pa.schema([("a", pa.int32())])


def test_another_replica_serves_a_large_binding(demo_directory: Path, tmp_path: Path) -> None:
    shared = ["--set", f"spool.directory={tmp_path / 'spool'}"]
    rows = pa.record_batch({"0": [f"{n}" + "z" * 2_000 for n in range(50)]})
    with serving(demo_directory, *shared) as one, serving(demo_directory, *shared) as other:
        with one.connect("compliance") as connection, connection.cursor() as cursor:
            cursor.adbc_statement.set_sql_query("SELECT length(?) AS n")
            cursor.adbc_statement.prepare()
            cursor._bind(rows)
            partitions, _, _ = cursor.adbc_statement.execute_partitions()
        assert list((tmp_path / "spool").rglob("*"))
        with other.connect("compliance") as connection, connection.cursor() as cursor:
            cursor.adbc_read_partition(partitions[0])
            assert cursor.fetch_arrow_table().num_rows == 50


def test_a_private_spool_is_removed_at_the_end(demo_directory: Path, tmp_path: Path) -> None:
    script = (
        "import tempfile; tempfile.tempdir = {!r}\n"
        "from pathlib import Path\n"
        "from flight_server import app, config\n"
        "application = app.build(config.load(Path({!r}), {{'server.port': 0}}))\n"
        "assert list(Path({!r}).glob('flight-server-spool-*'))\n"
        "application.stop(0)\n"
    ).format(str(tmp_path), str(demo_directory / "flight-server.yaml"), str(tmp_path))
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    assert not list(tmp_path.glob("flight-server-spool-*"))
