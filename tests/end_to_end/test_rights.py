"""The same statement by four users: four shapes, and one answer for what is hidden or missing."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.flight as flight
import pytest
from adbc_driver_flightsql import dbapi

from flight_server.protocol.wire import flight_sql_pb2 as sql
from tests.servers import Server

USERS = ("analyst", "manager", "compliance", "service")
ACCOUNTS = "SELECT * FROM invest.portfolio.accounts"


def fetch(server: Server, user: str, statement: str = ACCOUNTS) -> pa.Table:
    with server.connect(user) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetch_arrow_table()


def outcome(server: Server, user: str, statement: str, parameters: Any = None) -> str:
    """The text of the error, or the rows where there is none."""
    with server.connect(user) as connection, connection.cursor() as cursor:
        try:
            cursor.execute(statement, parameters)
            return str(sorted(cursor.fetchall(), key=str))
        except dbapi.Error as error:
            return str(error)


def test_four_users_see_four_shapes_of_one_table(server: Server) -> None:
    seen = {user: fetch(server, user) for user in USERS}
    whole = seen["compliance"]
    personal = {"holder_name", "email", "tax_id", "date_of_birth", "phone", "address"}
    assert personal <= set(whole.column_names)

    assert not personal & set(seen["analyst"].column_names)
    assert not personal & set(seen["service"].column_names)
    assert seen["analyst"].column_names != seen["service"].column_names

    desks = set(whole["desk"].to_pylist())
    assert len(desks) > 1
    assert len(set(seen["manager"]["desk"].to_pylist())) == 1
    assert 0 < seen["manager"].num_rows < whole.num_rows
    shared = [name for name in seen["manager"].column_names if name in personal]
    assert shared
    raw = {row["account_id"]: row for row in whole.to_pylist()}
    masked = [
        name
        for name in seen["manager"].column_names
        if any(row[name] != raw[row["account_id"]][name] for row in seen["manager"].to_pylist())
    ]
    assert masked

    shapes = {
        (tuple(t.column_names), t.num_rows, str(t.slice(0, 5).to_pylist())) for t in seen.values()
    }
    assert len(shapes) == 4


POSITIONS = [
    "SELECT {c} FROM invest.portfolio.accounts",
    "SELECT a.{c} FROM invest.portfolio.accounts a",
    "SELECT accounts.{c} FROM invest.portfolio.accounts",
    "SELECT invest.portfolio.accounts.{c} FROM invest.portfolio.accounts",
    "SELECT 1 FROM invest.portfolio.accounts WHERE {c} = 'x'",
    "SELECT 1 FROM invest.portfolio.accounts WHERE {c} IS NULL",
    "SELECT desk FROM invest.portfolio.accounts ORDER BY {c}",
    "SELECT desk, count(*) FROM invest.portfolio.accounts GROUP BY desk, {c}",
    "SELECT desk FROM invest.portfolio.accounts GROUP BY desk HAVING max({c}) > 'a'",
    "SELECT 1 FROM invest.portfolio.accounts a JOIN invest.portfolio.accounts b USING ({c})",
    "SELECT 1 FROM invest.portfolio.accounts a JOIN invest.portfolio.accounts b ON a.{c} = b.{c}",
    "SELECT (SELECT max({c}) FROM invest.portfolio.accounts)",
    "SELECT 1 FROM invest.market.currencies WHERE EXISTS "
    "(SELECT {c} FROM invest.portfolio.accounts)",
    "WITH x AS (SELECT {c} FROM invest.portfolio.accounts) SELECT * FROM x",
    "SELECT sum(1) OVER (PARTITION BY {c}) FROM invest.portfolio.accounts",
    "SELECT * EXCLUDE ({c}) FROM invest.portfolio.accounts",
    "SELECT * REPLACE ('x' AS {c}) FROM invest.portfolio.accounts",
    "SELECT * RENAME ({c} AS other) FROM invest.portfolio.accounts",
    "SELECT COLUMNS('^{c}$') FROM invest.portfolio.accounts",
    "SELECT lower({c}) FROM invest.portfolio.accounts",
    "SELECT {c}.city FROM invest.portfolio.accounts",
    "SELECT DISTINCT ON ({c}) desk FROM invest.portfolio.accounts",
    "SELECT desk FROM invest.portfolio.accounts QUALIFY row_number() OVER (ORDER BY {c}) = 1",
    "FROM invest.portfolio.accounts SELECT {c} LIMIT 1",
    "SELECT 1 FROM invest.portfolio.accounts UNION SELECT {c} FROM invest.portfolio.accounts",
    "SELECT 1 FROM invest.portfolio.accounts WHERE desk IN "
    "(SELECT {c} FROM invest.portfolio.accounts)",
]


@pytest.mark.parametrize("statement", POSITIONS)
def test_a_hidden_column_fails_as_one_that_never_existed(server: Server, statement: str) -> None:
    hidden = outcome(server, "analyst", statement.format(c="tax_id"))
    missing = outcome(server, "analyst", statement.format(c="qzx_yw"))
    assert "RENAME" in statement or ("NOT_FOUND" in hidden or "not found" in hidden)
    assert hidden == missing.replace("qzx_yw", "tax_id")


def test_a_hidden_column_beside_parameters_fails_the_same(server: Server) -> None:
    statement = "SELECT desk FROM invest.portfolio.accounts WHERE {c} = ? LIMIT ?"
    hidden = outcome(server, "analyst", statement.format(c="tax_id"), ("x", 1))
    missing = outcome(server, "analyst", statement.format(c="qzx_yw"), ("x", 1))
    assert hidden == missing.replace("qzx_yw", "tax_id")


@pytest.mark.parametrize("user", USERS)
def test_all_schemas_of_a_table_agree(server: Server, user: str) -> None:
    """GetTables, the prepared statement, FlightInfo and the stream tell the same columns."""
    login = server.login(user)
    client = flight.FlightClient(server.uri)
    try:
        token = client.authenticate_basic_token(login["username"], login["password"])
        options = flight.FlightCallOptions(headers=[token])

        tables = sql.CommandGetTables(
            db_schema_filter_pattern="portfolio",
            table_name_filter_pattern="accounts",
            include_schema=True,
        )
        info = client.get_flight_info(_command(tables), options)
        (row,) = client.do_get(info.endpoints[0].ticket, options).read_all().to_pylist()
        listed = pa.ipc.read_schema(pa.py_buffer(row["table_schema"]))

        request = sql.ActionCreatePreparedStatementRequest(query=ACCOUNTS)
        action = flight.Action("CreatePreparedStatement", _any(request))
        (result,) = client.do_action(action, options)
        prepared = sql.ActionCreatePreparedStatementResult()
        prepared.ParseFromString(_unpack(result.body.to_pybytes()))
        promised = pa.ipc.read_schema(pa.py_buffer(prepared.dataset_schema))

        info = client.get_flight_info(_command(sql.CommandStatementQuery(query=ACCOUNTS)), options)
        stream = client.do_get(info.endpoints[0].ticket, options).read_all()
    finally:
        client.close()
    assert promised == info.schema == stream.schema
    assert listed.names == stream.schema.names
    assert listed.types == stream.schema.types


def test_hidden_and_missing_tables_fail_the_same(server: Server) -> None:
    """The service sees two schemas; a catalog that is not there hides nothing."""
    missing = outcome(server, "analyst", "SELECT * FROM invest.portfolio.qzxywvut")
    for name in ("invest.qzxywvut.accounts", "qzxywv.portfolio.accounts", "qzxywvut"):
        other = outcome(server, "analyst", f"SELECT * FROM {name}")
        assert other == missing.replace("invest.portfolio.qzxywvut", name)


def _any(message: Any) -> bytes:
    from google.protobuf import any_pb2

    packed = any_pb2.Any()
    packed.Pack(message)
    return packed.SerializeToString()


def _unpack(data: bytes) -> bytes:
    from google.protobuf import any_pb2

    packed = any_pb2.Any()
    packed.ParseFromString(data)
    return packed.value


def _command(message: Any) -> flight.FlightDescriptor:
    return flight.FlightDescriptor.for_command(_any(message))
