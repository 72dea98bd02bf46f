"""The life of a result: what is told of it, reading it in parts, cancelling and renewing it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pyarrow as pa
import pyarrow.flight as flight
import pytest

from flight_server.protocol.messages import pack, unpack
from flight_server.protocol.wire import flight_pb2, flight_sql_pb2
from tests.servers import Server, serving
from tests.waiting import within

PRICES = "SELECT * FROM invest.market.prices"
TRANSACTIONS = "SELECT * FROM invest.portfolio.transactions"
ENDLESS = "SELECT range AS n FROM range(100000000000)"
SILENT = "SELECT count(*) AS n FROM range(1000000000000) t(a) WHERE a % 7 = 3"
PARTITIONS = "adbc.flight.sql.rpc.call_header.x-partitions"
CANCELLED = flight_pb2.CANCEL_STATUS_CANCELLED
NOT_CANCELLABLE = flight_pb2.CANCEL_STATUS_NOT_CANCELLABLE


class Client:
    """A user's client of pyarrow."""

    def __init__(self, client: flight.FlightClient, token: tuple[bytes, bytes]) -> None:
        self.client, self.token = client, token

    def options(self, **headers: str) -> flight.FlightCallOptions:
        extra = [(key.replace("_", "-").encode(), text.encode()) for key, text in headers.items()]
        return flight.FlightCallOptions(headers=[self.token, *extra])

    def plan(self, query: str, **headers: str) -> flight.FlightInfo:
        command = pack(flight_sql_pb2.CommandStatementQuery(query=query))
        descriptor = flight.FlightDescriptor.for_command(command)
        return self.client.get_flight_info(descriptor, self.options(**headers))

    def read(self, endpoint: flight.FlightEndpoint) -> flight.FlightStreamReader:
        return self.client.do_get(endpoint.ticket, self.options())

    def rows(self, info: flight.FlightInfo) -> list[dict[str, Any]]:
        return [row for part in info.endpoints for row in self.read(part).read_all().to_pylist()]

    def act(self, name: str, body: bytes) -> bytes:
        (result,) = self.client.do_action(flight.Action(name, body), self.options())
        data: bytes = result.body.to_pybytes()
        return data

    def cancel(self, info: flight.FlightInfo) -> int:
        given = flight_pb2.FlightInfo.FromString(info.serialize())
        body = flight_pb2.CancelFlightInfoRequest(info=given).SerializeToString()
        return flight_pb2.CancelFlightInfoResult.FromString(
            self.act("CancelFlightInfo", body)
        ).status

    def renew(self, endpoint: flight.FlightEndpoint) -> flight.FlightEndpoint:
        given = flight_pb2.FlightEndpoint.FromString(endpoint.serialize())
        body = flight_pb2.RenewFlightEndpointRequest(endpoint=given).SerializeToString()
        return flight.FlightEndpoint.deserialize(self.act("RenewFlightEndpoint", body))


@contextmanager
def client_of(server: Server, user: str) -> Iterator[Client]:
    login = server.login(user)
    with flight.FlightClient(server.uri) as client:
        yield Client(client, client.authenticate_basic_token(login["username"], login["password"]))


@pytest.fixture
def compliance(server: Server) -> Iterator[Client]:
    with client_of(server, "compliance") as client:
        yield client


def _sorted(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(repr(row) for row in rows)


# --- what is told of a result --------------------------------------------------------------------


def test_a_plan_tells_its_query_its_tables_and_their_snapshots(compliance: Client) -> None:
    info = compliance.plan(
        "SELECT p.close FROM invest.market.prices p JOIN invest.market.currencies c ON true"
    )
    told = json.loads(info.app_metadata)
    assert set(told) == {"query_id", "engine", "snapshots", "tables", "warnings"}
    assert told["engine"] == "duckdb"
    assert told["tables"] == ["invest.market.prices", "invest.market.currencies"]
    assert set(told["snapshots"]) == set(told["tables"])
    assert all(int(snapshot) > 0 for snapshot in told["snapshots"].values())
    assert told["warnings"] == []
    assert (info.total_records, info.total_bytes) == (-1, -1)


def test_the_last_message_of_a_result_tells_how_it_went(compliance: Client) -> None:
    for _ in range(3):  # on a machine that is slow just then it may be left out
        info = compliance.plan("SELECT range AS n FROM range(50000)")
        chunks = list(compliance.read(info.endpoints[0]))
        assert all(chunk.app_metadata is None for chunk in chunks[:-1])
        if chunks[-1].app_metadata is not None:
            break
    told = json.loads(chunks[-1].app_metadata.to_pybytes())
    assert told["query_id"] == json.loads(info.app_metadata)["query_id"]
    assert (told["status"], told["rows"], told["engine"]) == ("ok", 50_000, "duckdb")
    assert told["bytes"] >= 50_000 * 8
    assert told["seconds"] > 0
    assert sum(chunk.data.num_rows for chunk in chunks) == 50_000


def test_nothing_is_added_to_the_rows_of_a_result(server: Server) -> None:
    """Neither a batch without rows nor a message without a batch: both upset some drivers."""
    with server.connect("analyst") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT range AS n FROM range(50000)")
        assert all(batch.num_rows for batch in cursor.fetch_record_batch())
        cursor.execute("SELECT range AS n FROM range(50000) WHERE range < 0")
        assert list(cursor.fetch_record_batch()) == []


def test_a_result_is_ordered_where_the_statement_itself_orders_it(compliance: Client) -> None:
    assert compliance.plan("SELECT close FROM invest.market.prices ORDER BY 1").ordered
    assert compliance.plan("SELECT 1 UNION ALL SELECT 2 ORDER BY 1").ordered
    assert not compliance.plan("SELECT * FROM (SELECT 1 AS a ORDER BY 1)").ordered
    assert not compliance.plan(PRICES).ordered


def test_an_endpoint_tells_when_it_expires(compliance: Client) -> None:
    (endpoint,) = compliance.plan("SELECT 1").endpoints
    left = (endpoint.expiration_time.as_py() - datetime.now(UTC)).total_seconds()
    assert 590 < left <= 600
    assert endpoint.locations == []


# --- polling -------------------------------------------------------------------------------------


def _poll(server: Server, client: Client, query: str) -> flight_pb2.PollInfo:
    descriptor = flight_pb2.FlightDescriptor(
        type=flight_pb2.FlightDescriptor.CMD,
        cmd=pack(flight_sql_pb2.CommandStatementQuery(query=query)),
    )
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = channel.unary_unary("/arrow.flight.protocol.FlightService/PollFlightInfo")
        token = [(client.token[0].decode(), client.token[1].decode())]
        answer = call(descriptor.SerializeToString(), metadata=token, timeout=20)
    return flight_pb2.PollInfo.FromString(answer)


def test_the_first_poll_is_complete(server: Server, compliance: Client) -> None:
    polled = _poll(server, compliance, "SELECT 1 AS a")
    assert polled.progress == 1.0
    assert not polled.HasField("flight_descriptor")
    assert polled.expiration_time.seconds > time.time()
    (endpoint,) = polled.info.endpoint
    ticket = flight.Ticket(endpoint.ticket.ticket)
    table = compliance.client.do_get(ticket, compliance.options()).read_all()
    assert table.to_pydict() == {"a": [1]}


def test_adbc_executes_incrementally(server: Server) -> None:
    with server.connect("analyst") as connection, connection.cursor() as cursor:
        statement = cursor.adbc_statement
        statement.set_options(**{"adbc.statement.exec.incremental": "true"})
        statement.set_sql_query("SELECT currency FROM invest.market.currencies")
        first, _, _ = statement.execute_partitions()
        assert len(first) == 1
        again, _, _ = statement.execute_partitions()
        assert again == []
        cursor.adbc_read_partition(first[0])
        assert cursor.fetch_arrow_table().num_rows > 0


# --- in parts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", [PRICES, TRANSACTIONS], ids=["files", "deletes"])
def test_parts_are_read_by_another_connection_and_another_replica(
    server: Server, demo_directory: Path, query: str
) -> None:
    with server.connect("analyst") as connection, connection.cursor() as cursor:
        cursor.execute(query)
        whole = cursor.fetch_arrow_table()
    with server.connect("analyst", **{PARTITIONS: "4"}) as connection:
        with connection.cursor() as cursor:
            parts, schema = cursor.adbc_execute_partitions(query)
    assert len(parts) == 4
    assert schema == whole.schema
    with serving(demo_directory) as replica:
        with server.connect("analyst") as here, replica.connect("analyst") as there:
            tables = []
            for connection, part in zip((here, there, here, there), parts, strict=True):
                with connection.cursor() as cursor:
                    cursor.adbc_read_partition(part)
                    tables.append(cursor.fetch_arrow_table())
    assert all(table.num_rows for table in tables)
    together = pa.concat_tables(tables)
    assert together.num_rows == whole.num_rows
    assert _sorted(together.to_pylist()) == _sorted(whole.to_pylist())


def test_parts_name_the_replicas_that_serve_them(server: Server, demo_directory: Path) -> None:
    with serving(demo_directory) as replica:
        places = [replica.uri, server.uri]
        with serving(demo_directory, "--set", f"server.locations=[{', '.join(places)}]") as told:
            with client_of(told, "analyst") as here, client_of(replica, "analyst") as there:
                info = here.plan(PRICES, x_partitions="4")
                named = [[str(place.uri.decode()) for place in e.locations] for e in info.endpoints]
                assert named == [places, places[::-1]] * 2
                found = sum(there.read(part).read_all().num_rows for part in info.endpoints)
                (whole,) = here.plan(PRICES).endpoints
                assert not whole.locations
                assert here.read(whole).read_all().num_rows == found
            # a driver goes there by itself
            with told.connect("analyst", **{PARTITIONS: "4"}) as connection:
                with connection.cursor() as cursor:
                    cursor.execute(PRICES)
                    assert cursor.fetch_arrow_table().num_rows == found


def test_parts_show_what_the_whole_shows(server: Server) -> None:
    """The manager sees only rows of one desk."""
    query = f"{TRANSACTIONS} WHERE quantity > 10"
    with client_of(server, "manager") as manager:
        info = manager.plan(query, x_partitions="3")
        assert len(info.endpoints) == 3
        assert not info.ordered
        seen = manager.rows(info)
        whole = manager.rows(manager.plan(query))
    assert seen
    assert _sorted(seen) == _sorted(whole)


def test_more_parts_than_files_are_empty_ones(compliance: Client) -> None:
    query = "SELECT currency FROM invest.market.currencies"
    info = compliance.plan(query, x_partitions="8")
    assert len(info.endpoints) == 8
    assert _sorted(compliance.rows(info)) == _sorted(compliance.rows(compliance.plan(query)))


WHOLE = [
    "SELECT count(*) FROM invest.market.prices",
    f"{PRICES} ORDER BY 1",
    f"{PRICES} LIMIT 5",
    "SELECT DISTINCT security_id FROM invest.market.prices",
    "SELECT row_number() OVER () FROM invest.market.prices",
    f"{PRICES} UNION ALL {PRICES}",
    f"SELECT * FROM ({PRICES})",
    f"WITH p AS ({PRICES}) SELECT * FROM p",
    "SELECT a.close FROM invest.market.prices a, invest.market.prices b WHERE false",
    "SELECT random() FROM invest.market.prices LIMIT 1",
    "SELECT 1",
]


@pytest.mark.parametrize("query", WHOLE)
def test_what_cannot_be_divided_is_one_endpoint_and_says_so(compliance: Client, query: str) -> None:
    info = compliance.plan(query, x_partitions="4")
    assert len(info.endpoints) == 1
    (warning,) = json.loads(info.app_metadata)["warnings"]
    assert "one part" in warning


def test_a_senseless_number_of_parts_is_refused(compliance: Client) -> None:
    for number in ("0", "-1", "many", "1000000"):
        with pytest.raises(pa.ArrowInvalid, match="partitions"):
            compliance.plan(PRICES, x_partitions=number)


def test_a_part_belongs_to_its_user(server: Server, compliance: Client) -> None:
    info = compliance.plan(PRICES, x_partitions="2")
    with client_of(server, "analyst") as other:
        with pytest.raises(flight.FlightUnauthorizedError, match="WRONG_OWNER"):
            other.read(info.endpoints[1]).read_all()


# --- cancelling ----------------------------------------------------------------------------------


class Reading(threading.Thread):
    """Reads an endpoint to its end; then `error` is what it ended with."""

    def __init__(self, client: Client, endpoint: flight.FlightEndpoint) -> None:
        super().__init__(daemon=True)
        self.client, self.endpoint = client, endpoint
        self.begun = threading.Event()
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            reader = self.client.read(self.endpoint)
            assert reader.schema.names == ["n"]
            self.begun.set()
            for _ in reader:
                pass
        except (pa.ArrowException, flight.FlightError, OSError) as error:
            self.error = error


@pytest.mark.parametrize("query", [ENDLESS, SILENT], ids=["while rows come", "before any row"])
def test_the_owner_ends_a_running_statement_within_a_second(
    server: Server, compliance: Client, query: str
) -> None:
    info = compliance.plan(query)
    with client_of(server, "compliance") as reader:
        reading = Reading(reader, info.endpoints[0])
        assert reading.begun.wait(10)
        with within(1.5):  # a second, and what a busy machine adds
            assert compliance.cancel(info) == CANCELLED
            reading.join(10)
            assert not reading.is_alive()
    assert isinstance(reading.error, flight.FlightCancelledError)
    assert "CANCELLED: The statement was cancelled." in str(reading.error)


def test_a_cancelled_query_is_not_started_nor_renewed(compliance: Client) -> None:
    info = compliance.plan("SELECT 1 AS a")
    assert compliance.cancel(info) == CANCELLED
    assert compliance.cancel(info) == CANCELLED
    with pytest.raises(flight.FlightCancelledError, match="CANCELLED: The statement was"):
        compliance.read(info.endpoints[0]).read_all()
    with pytest.raises(flight.FlightCancelledError, match="CANCELLED: The statement was"):
        compliance.renew(info.endpoints[0])


def test_what_was_read_to_its_end_cannot_be_cancelled(compliance: Client) -> None:
    info = compliance.plan(PRICES, x_partitions="2")
    first, second = info.endpoints
    compliance.read(first).read_all()
    compliance.read(second).read_all()
    assert compliance.cancel(info) == NOT_CANCELLABLE
    assert compliance.read(first).read_all().num_rows > 0


def test_each_execution_of_a_prepared_statement_is_cancelled_alone(
    server: Server, compliance: Client
) -> None:
    request = flight_sql_pb2.ActionCreatePreparedStatementRequest(query="SELECT 1 AS a")
    made = unpack(compliance.act("CreatePreparedStatement", pack(request)))
    command = flight_sql_pb2.CommandPreparedStatementQuery(
        prepared_statement_handle=made.prepared_statement_handle
    )
    descriptor = flight.FlightDescriptor.for_command(pack(command))
    one, other = (
        compliance.client.get_flight_info(descriptor, compliance.options()) for _ in range(2)
    )
    assert compliance.cancel(one) == CANCELLED
    assert compliance.rows(other) == [{"a": 1}]


def test_the_older_action_cancels_as_well(compliance: Client) -> None:
    info = compliance.plan("SELECT 1 AS a")
    body = pack(flight_sql_pb2.ActionCancelQueryRequest(info=info.serialize()))
    result = unpack(compliance.act("CancelQuery", body))
    assert isinstance(result, flight_sql_pb2.ActionCancelQueryResult)
    assert result.result == flight_sql_pb2.ActionCancelQueryResult.CANCEL_RESULT_CANCELLED
    with pytest.raises(flight.FlightCancelledError):
        compliance.rows(info)


def test_others_can_neither_cancel_nor_renew(server: Server, compliance: Client) -> None:
    info = compliance.plan("SELECT 1 AS a")
    with client_of(server, "analyst") as other:
        with pytest.raises(flight.FlightUnauthorizedError, match="WRONG_OWNER"):
            other.cancel(info)
        with pytest.raises(flight.FlightUnauthorizedError, match="WRONG_OWNER"):
            other.renew(info.endpoints[0])
    assert compliance.rows(info) == [{"a": 1}]


def test_metadata_can_neither_be_cancelled_nor_renewed(compliance: Client) -> None:
    command = pack(flight_sql_pb2.CommandGetCatalogs())
    descriptor = flight.FlightDescriptor.for_command(command)
    info = compliance.client.get_flight_info(descriptor, compliance.options())
    assert compliance.cancel(info) == NOT_CANCELLABLE
    with pytest.raises(NotImplementedError, match="Only results of statements"):
        compliance.renew(info.endpoints[0])


def test_what_names_no_query_is_refused(compliance: Client) -> None:
    for name, body in (
        ("CancelFlightInfo", b""),
        ("CancelFlightInfo", b"\x0a\x06\x1a\x04\x0a\x02\x0a\x00"),
        ("CancelQuery", pack(flight_sql_pb2.ActionCancelQueryRequest(info=b"\xff"))),
        ("RenewFlightEndpoint", b""),
    ):
        with pytest.raises(pa.ArrowInvalid, match="MALFORMED_MESSAGE"):
            compliance.act(name, body)


# --- renewing ------------------------------------------------------------------------------------


def _wait_until(moment: datetime) -> None:
    """Wait until a moment, and what was to end then has ended."""
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds() + 0.2))


def test_a_ticket_is_renewed_until_its_result_is_too_old(demo_directory: Path) -> None:
    limits = ("--set", "limits.ticket=4", "--set", "limits.result=6")
    with serving(demo_directory, *limits) as server, client_of(server, "compliance") as client:
        (first,) = client.plan("SELECT 1 AS a").endpoints
        planned = datetime.now(UTC)
        time.sleep(1.5)  # moments are compared in seconds
        second = client.renew(first)
        assert second.ticket != first.ticket
        assert second.expiration_time.as_py() > first.expiration_time.as_py()
        _wait_until(planned + timedelta(seconds=4))
        with pytest.raises(flight.FlightUnauthenticatedError, match="INVALID_HANDLE"):
            client.read(first).read_all()
        with pytest.raises(flight.FlightUnauthenticatedError, match="INVALID_HANDLE"):
            client.renew(first)
        assert client.read(second).read_all().num_rows == 1
        last = client.renew(second)
        _wait_until(planned + timedelta(seconds=6))
        with pytest.raises(flight.FlightUnauthenticatedError, match="INVALID_HANDLE"):
            client.read(last).read_all()
