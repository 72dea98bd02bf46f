"""pyarrow's Flight client: the protocol without a driver around it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.flight as flight
import pytest

from catalog.xdbc import XDBC_TYPES
from flight_server.protocol.messages import pack, unpack
from flight_server.protocol.wire import flight_sql_pb2 as sql
from flight_server.protocol.wire import schemas


class Client:
    """A logged-in client."""

    def __init__(self, client: flight.FlightClient, options: flight.FlightCallOptions) -> None:
        self.client, self.options = client, options

    def info(self, message: Any) -> flight.FlightInfo:
        descriptor = flight.FlightDescriptor.for_command(pack(message))
        return self.client.get_flight_info(descriptor, self.options)

    def schema(self, message: Any) -> pa.Schema:
        descriptor = flight.FlightDescriptor.for_command(pack(message))
        return self.client.get_schema(descriptor, self.options).schema

    def read(self, message: Any) -> pa.Table:
        ticket = self.info(message).endpoints[0].ticket
        return self.client.do_get(ticket, self.options).read_all()

    def act(self, message: Any) -> list[bytes]:
        name = message.DESCRIPTOR.name.removeprefix("Action").removesuffix("Request")
        wrapped = message.DESCRIPTOR.file.package.endswith("sql")
        body = pack(message) if wrapped else message.SerializeToString()
        results = self.client.do_action(flight.Action(name, body), self.options)
        return [result.body.to_pybytes() for result in results]


@pytest.fixture
def client(running: Any) -> Iterator[Client]:
    with running.flight() as (made, options):
        yield Client(made, options)


METADATA = [
    (sql.CommandGetCatalogs(), schemas.CATALOGS, 2),
    (sql.CommandGetDbSchemas(), schemas.DB_SCHEMAS, 3),
    (sql.CommandGetTables(), schemas.TABLES, 4),
    (sql.CommandGetTables(include_schema=True), schemas.TABLES_WITH_SCHEMA, 4),
    (sql.CommandGetTableTypes(), schemas.TABLE_TYPES, 2),
    (sql.CommandGetPrimaryKeys(table="orders"), schemas.PRIMARY_KEYS, 0),
    (sql.CommandGetExportedKeys(table="orders"), schemas.FOREIGN_KEYS, 0),
    (sql.CommandGetImportedKeys(table="orders"), schemas.FOREIGN_KEYS, 0),
    (sql.CommandGetCrossReference(pk_table="a", fk_table="b"), schemas.FOREIGN_KEYS, 0),
    (sql.CommandGetSqlInfo(), schemas.SQL_INFO, 91),
    (sql.CommandGetSqlInfo(info=[8, 0, 10_000, 8]), schemas.SQL_INFO, 2),
    (sql.CommandGetXdbcTypeInfo(), schemas.XDBC_TYPE_INFO, len(XDBC_TYPES)),
    (sql.CommandGetXdbcTypeInfo(data_type=93), schemas.XDBC_TYPE_INFO, 6),
]


@pytest.mark.parametrize(
    ("message", "schema", "rows"), METADATA, ids=[m.DESCRIPTOR.name for m, _, _ in METADATA]
)
def test_a_metadata_command_has_its_schema_in_every_answer(
    client: Client, message: Any, schema: pa.Schema, rows: int
) -> None:
    assert client.info(message).schema.equals(schema, check_metadata=True)
    assert client.schema(message).equals(schema, check_metadata=True)
    table = client.read(message)
    assert table.schema.equals(schema, check_metadata=True)
    assert table.num_rows == rows
    table.validate(full=True)


def test_a_flight_info_is_what_every_client_takes(client: Client) -> None:
    info = client.info(sql.CommandStatementQuery(query="SELECT 1 AS a"))
    assert info.schema == pa.schema([("a", pa.int32())])
    (endpoint,) = info.endpoints
    assert endpoint.locations == []
    assert endpoint.expiration_time is not None
    assert (info.total_records, info.total_bytes, info.ordered) == (-1, -1, False)
    assert info.descriptor.command == pack(sql.CommandStatementQuery(query="SELECT 1 AS a"))


def test_a_statement_runs_directly(client: Client) -> None:
    assert client.read(sql.CommandStatementQuery(query="SELECT 1 AS a")).to_pydict() == {"a": [1]}


def test_filters_that_are_absent_differ_from_empty_ones(client: Client) -> None:
    assert client.read(sql.CommandGetTables(catalog="")).num_rows == 0
    assert client.read(sql.CommandGetTables(catalog="lake")).num_rows == 3
    assert client.read(sql.CommandGetDbSchemas(catalog="other")).num_rows == 1


def test_tables_are_sorted_and_typed(client: Client) -> None:
    table = client.read(sql.CommandGetTables(table_types=["BASE TABLE", "table"]))
    assert table.column("table_name").to_pylist() == ["people", "orders", "orders"]
    assert set(table.column("table_type").to_pylist()) == {"TABLE"}


def _prepare(client: Client, query: str) -> sql.ActionCreatePreparedStatementResult:
    (body,) = client.act(sql.ActionCreatePreparedStatementRequest(query=query))
    result = unpack(body)
    assert isinstance(result, sql.ActionCreatePreparedStatementResult)
    return result


def test_a_prepared_statement_tells_both_schemas_and_that_it_is_no_update(client: Client) -> None:
    result = _prepare(client, "SELECT ?::VARCHAR AS a")
    assert pa.ipc.read_schema(pa.py_buffer(result.dataset_schema)).names == ["a"]
    assert len(pa.ipc.read_schema(pa.py_buffer(result.parameter_schema))) == 1
    assert result.HasField("is_update")
    assert result.is_update is False
    without = _prepare(client, "SELECT 1 AS a")
    assert len(pa.ipc.read_schema(pa.py_buffer(without.parameter_schema))) == 0


def _bind(client: Client, handle: bytes, batch: pa.RecordBatch) -> bytes:
    command = pack(sql.CommandPreparedStatementQuery(prepared_statement_handle=handle))
    descriptor = flight.FlightDescriptor.for_command(command)
    writer, reader = client.client.do_put(descriptor, batch.schema, client.options)
    with writer:
        writer.write_batch(batch)
        writer.done_writing()
        answer = reader.read().to_pybytes()
    bound: bytes = sql.DoPutPreparedStatementResult.FromString(answer).prepared_statement_handle
    return bound


def test_binding_gives_a_new_handle_and_leaves_the_old_one_unbound(client: Client) -> None:
    handle = _prepare(client, "SELECT ?::VARCHAR AS a").prepared_statement_handle
    bound = _bind(client, handle, pa.record_batch({"": ["x"]}))
    again = _bind(client, handle, pa.record_batch({"": ["y"]}))
    for made, value in ((bound, "x"), (again, "y")):
        message = sql.CommandPreparedStatementQuery(prepared_statement_handle=made)
        assert client.read(message).to_pydict() == {"a": [value]}
    with pytest.raises(pa.ArrowInvalid, match="INVALID_PARAMETERS"):
        client.info(sql.CommandPreparedStatementQuery(prepared_statement_handle=handle))
    assert (
        client.act(sql.ActionClosePreparedStatementRequest(prepared_statement_handle=bound)) == []
    )


def test_columns_without_a_row_bind_nothing_and_are_refused(client: Client) -> None:
    handle = _prepare(client, "SELECT ?::VARCHAR AS a").prepared_statement_handle
    with pytest.raises(pa.ArrowInvalid, match="no row"):
        _bind(client, handle, pa.record_batch({"a": pa.array([], pa.string())}))


REFUSED = [
    sql.ActionBeginTransactionRequest(),
    sql.ActionBeginSavepointRequest(),
    sql.ActionEndTransactionRequest(),
    sql.ActionEndSavepointRequest(),
    sql.ActionCreatePreparedSubstraitPlanRequest(),
]


@pytest.mark.parametrize("message", REFUSED, ids=[m.DESCRIPTOR.name for m in REFUSED])
def test_what_is_not_supported_says_so(client: Client, message: Any) -> None:
    with pytest.raises(NotImplementedError, match="UNSUPPORTED: "):
        client.act(message)


def test_updates_are_refused_before_their_data_is_read(client: Client) -> None:
    for message in (
        sql.CommandStatementUpdate(query="DELETE FROM t"),
        sql.CommandPreparedStatementUpdate(),
        sql.CommandStatementIngest(table="t"),
    ):
        descriptor = flight.FlightDescriptor.for_command(pack(message))
        schema = pa.schema([("a", pa.int8())])
        with pytest.raises(NotImplementedError, match="read-only"):
            writer, reader = client.client.do_put(descriptor, schema, client.options)
            with writer:
                writer.done_writing()
                reader.read()


def test_transactions_in_statements_are_refused(client: Client) -> None:
    with pytest.raises(pa.ArrowInvalid, match="no such transaction"):
        client.info(sql.CommandStatementQuery(query="SELECT 1", transaction_id=b"t"))


def test_what_is_not_flight_sql_is_refused_clearly(client: Client) -> None:
    with pytest.raises(pa.ArrowInvalid, match="has no paths"):
        client.client.get_flight_info(flight.FlightDescriptor.for_path("a"), client.options)
    with pytest.raises(pa.ArrowInvalid, match="not wrapped"):
        client.client.get_schema(flight.FlightDescriptor.for_command(b""), client.options)
    with pytest.raises(NotImplementedError, match="no flights to list"):
        list(client.client.list_flights(options=client.options))
    with pytest.raises(NotImplementedError, match="Frobnicate is not known"):
        list(client.client.do_action("Frobnicate", client.options))
    with pytest.raises(NotImplementedError, match="exchanges no data"):
        _, reader = client.client.do_exchange(
            flight.FlightDescriptor.for_command(b""), client.options
        )
        reader.read_all()
    with pytest.raises(NotImplementedError, match="Timestamp is not known"):
        wrapped = b"\x0a\x2dtype.googleapis.com/google.protobuf.Timestamp"
        client.client.get_flight_info(flight.FlightDescriptor.for_command(wrapped), client.options)


def test_served_actions_are_listed(client: Client) -> None:
    listed = [action.type for action in client.client.list_actions(client.options)]
    assert listed == [
        "CreatePreparedStatement",
        "ClosePreparedStatement",
        "CancelFlightInfo",
        "CancelQuery",
        "RenewFlightEndpoint",
        "SetSessionOptions",
        "GetSessionOptions",
        "CloseSession",
    ]


def test_a_metadata_ticket_is_its_users_alone(client: Client, running: Any) -> None:
    ticket = client.info(sql.CommandGetTables()).endpoints[0].ticket
    with flight.FlightClient(running.uri) as other:
        token = other.authenticate_basic_token("bob", running.password)
        options = flight.FlightCallOptions(headers=[token])
        with pytest.raises(flight.FlightUnauthorizedError, match="WRONG_OWNER"):
            other.do_get(ticket, options).read_all()
    sealed = ticket.ticket
    damaged = flight.Ticket(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    with pytest.raises(flight.FlightUnauthenticatedError, match="INVALID_HANDLE"):
        client.client.do_get(damaged, client.options).read_all()
