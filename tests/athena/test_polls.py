"""Statements on Athena that are polled: begun once, found on any replica, by their user only."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pyarrow as pa
import pytest
from adbc_driver_flightsql import dbapi
from pyarrow import flight

from flight_server.app import Application
from flight_server.protocol.messages import pack
from flight_server.protocol.wire import flight_pb2
from flight_server.protocol.wire.flight_sql_pb2 import CommandStatementQuery
from flight_server.testing.athena import AthenaDouble
from tests.athena import lake
from tests.waiting import eventually

POLICY = """
version: 1
roles:
  reader: {groups: [readers]}
  owner: {groups: [owners]}
grants:
  - {to: reader, on: "lake.shop.*", columns: {except: [margin]}, allow: select}
  - {to: owner, on: "**", allow: select}
row_filters:
  - {name: few, on: "lake.shop.*", to: reader, where: "id < 10"}
limits:
  reader: {concurrent: 2}
"""
GROUPS = {"ann": "readers", "amy": "readers", "olga": "owners"}
ROWS = 40
PATIENCE = 3.0
_SERVICE = "/arrow.flight.protocol.FlightService/"
_TEXT = "SELECT id, note FROM shop.orders"


@dataclass(frozen=True)
class Client:
    """A user over a channel of its own."""

    port: int
    token: tuple[str, str]

    def call(self, method: str, request: Any, answer: Any) -> Any:
        with grpc.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            send = channel.unary_unary(_SERVICE + method)
            data = send(request.SerializeToString(), metadata=[self.token], timeout=30)
        return answer.FromString(data)

    def poll(self, descriptor: flight_pb2.FlightDescriptor) -> flight_pb2.PollInfo:
        """Ask how far it is."""
        found: flight_pb2.PollInfo = self.call("PollFlightInfo", descriptor, flight_pb2.PollInfo)
        return found

    def begin(self, text: str = _TEXT) -> flight_pb2.PollInfo:
        """Begin a statement on Athena."""
        command = pack(CommandStatementQuery(query=text))
        return self.poll(flight_pb2.FlightDescriptor(type=2, cmd=command))

    def done(self, polled: flight_pb2.PollInfo) -> flight_pb2.PollInfo:
        """Poll until it is done."""
        while polled.HasField("flight_descriptor"):
            polled = self.poll(polled.flight_descriptor)
        return polled

    def read(self, ticket: bytes) -> pa.Table:
        """What a ticket is for."""
        options = flight.FlightCallOptions(
            headers=[(self.token[0].encode(), self.token[1].encode())], timeout=30
        )
        with flight.connect(f"grpc://127.0.0.1:{self.port}") as client:
            return client.do_get(flight.Ticket(ticket), options).read_all()

    def cancel(self, info: flight_pb2.FlightInfo) -> int:
        """End what an answer is about."""
        request = flight_pb2.Action(
            type="CancelFlightInfo",
            body=flight_pb2.CancelFlightInfoRequest(info=info).SerializeToString(),
        )
        with grpc.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            send = channel.unary_stream(_SERVICE + "DoAction")
            (body,) = send(request.SerializeToString(), metadata=[self.token], timeout=30)
        result = flight_pb2.Result.FromString(body).body
        return int(flight_pb2.CancelFlightInfoResult.FromString(result).status)


def ticket_of(polled: flight_pb2.PollInfo) -> bytes:
    (endpoint,) = polled.info.endpoint
    return bytes(endpoint.ticket.ticket)


def told(polled: flight_pb2.PollInfo) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(polled.info.app_metadata)
    return found


@pytest.fixture(scope="module")
def orders(double: AthenaDouble) -> None:
    rows = pa.table(
        {
            "id": pa.array(range(ROWS), pa.int64()),
            "note": [None if i % 7 == 0 else f"note {i}" for i in range(ROWS)],
            "margin": pa.array([i * 1.5 for i in range(ROWS)], pa.float64()),
        }
    )
    lake.fill(double, {"shop.orders": rows})


def configured(double: AthenaDouble) -> dict[str, Any]:
    return lake.settings(double, limits={"poll": PATIENCE}, athena={"large": 0})


@pytest.fixture(scope="module")
def application(
    double: AthenaDouble, orders: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Application]:
    directory = tmp_path_factory.mktemp("here")
    with lake.serving(directory, configured(double), POLICY, GROUPS) as running:
        yield running


@pytest.fixture(scope="module")
def replica(
    double: AthenaDouble, orders: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Application]:
    directory = tmp_path_factory.mktemp("there")
    with lake.serving(directory, configured(double), POLICY, GROUPS) as running:
        yield running


def port(application: Application) -> int:
    return int(application.server.location.rsplit(":", 1)[1])


def log_in(application: Application, user: str) -> Client:
    options = flight.FlightCallOptions(timeout=20)
    with flight.connect(f"grpc://127.0.0.1:{port(application)}") as client:
        name, value = client.authenticate_basic_token(user, lake.PASSWORD, options)
    return Client(port(application), (name.decode(), value.decode()))


@pytest.fixture
def aws(double: AthenaDouble) -> Iterator[AthenaDouble]:
    yield double
    double.clear_faults()
    assert eventually(lambda: not left(double), 20)


def left(aws: AthenaDouble) -> list[str]:
    """The objects of results, and the executions that still run."""
    ended = ("SUCCEEDED", "FAILED", "CANCELLED")
    running = [each.id for each in aws.executions if each.state not in ended]
    return [*aws.objects(lake.STAGING), *running]


def runs(aws: AthenaDouble) -> bool:
    return any(each.state == "RUNNING" for each in aws.executions)


Count = Callable[[], int]


@pytest.fixture
def started(aws: AthenaDouble) -> Count:
    before = len(aws.executions)
    return lambda: len(aws.executions) - before


def test_a_statement_is_begun_polled_and_read_once(
    application: Application, aws: AthenaDouble, started: Count
) -> None:
    olga = log_in(application, "olga")
    olga.done(olga.begin())  # tables are known, workers warm
    aws.latency(3, "run")
    before = started()
    began = time.monotonic()
    first = olga.begin()
    assert time.monotonic() - began < 2
    assert not first.info.endpoint
    assert not first.HasField("progress")
    assert 0 < first.expiration_time.seconds - time.time() <= PATIENCE
    seen = [told(first)["state"]]
    polled = first
    while polled.HasField("flight_descriptor"):
        polled = olga.poll(polled.flight_descriptor)
        seen.append(told(polled).get("state", "done"))
    assert set(seen) <= {"waiting", "queued", "running", "done"}
    assert "running" in seen
    assert polled.progress == 1.0
    assert pa.ipc.read_schema(pa.py_buffer(polled.info.schema)).names == ["id", "note"]
    assert olga.read(ticket_of(polled)).num_rows == ROWS
    assert started() - before == 1


def test_what_was_read_is_told_only_where_nothing_is_hidden(
    application: Application, aws: AthenaDouble
) -> None:
    aws.latency(1.0, "run")
    for user, shown in (("olga", True), ("ann", False)):
        client = log_in(application, user)
        first = client.begin()
        assert ("scanned" in told(first)) is shown
        assert told(first)["engine"] == "athena"
        assert client.read(ticket_of(client.done(first))).num_rows == (ROWS if shown else 10)


def test_another_replica_meets_what_runs_and_what_has_run(
    application: Application, replica: Application, aws: AthenaDouble, started: Count
) -> None:
    here, there = log_in(application, "olga"), log_in(replica, "olga")
    for client in (here, there):
        client.read(ticket_of(client.done(client.begin())))  # tables are known, workers warm
    aws.latency(1.5, "run")
    before = started()
    first = here.begin()
    assert eventually(lambda: runs(aws))
    second = there.poll(first.flight_descriptor)
    ticket = ticket_of(there.done(second))
    assert there.read(ticket).num_rows == ROWS
    assert here.read(ticket_of(here.done(first))).num_rows == ROWS
    assert started() - before == 1


def test_a_stream_joins_what_was_begun_before_it_is_done(
    application: Application, aws: AthenaDouble, started: Count
) -> None:
    aws.latency(1.5, "run")
    olga = log_in(application, "olga")
    first = olga.begin()
    assert olga.read(first.flight_descriptor.cmd).num_rows == ROWS
    assert started() == 1


def test_a_result_whose_reader_was_lost_is_read_again(
    application: Application, aws: AthenaDouble, started: Count
) -> None:
    olga = log_in(application, "olga")
    ticket = ticket_of(olga.done(olga.begin()))
    with grpc.insecure_channel(f"127.0.0.1:{olga.port}") as channel:
        get = channel.unary_stream(_SERVICE + "DoGet")
        lost = get(
            flight_pb2.Ticket(ticket=ticket).SerializeToString(), metadata=[olga.token], timeout=30
        )
        next(lost)
        lost.cancel()
    assert olga.read(ticket).num_rows == ROWS
    assert started() == 1


def test_nobody_else_meets_it(application: Application, aws: AthenaDouble, started: Count) -> None:
    aws.latency(1.0, "run")
    ann, amy, olga = (log_in(application, user) for user in ("ann", "amy", "olga"))
    first = ann.begin()
    for other in (amy, olga):
        with pytest.raises(grpc.RpcError) as error:
            other.poll(first.flight_descriptor)
        assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED
        with pytest.raises(grpc.RpcError):
            other.cancel(first.info)
    # the same text of the same role is another execution, as is the same user's next one
    others = [amy.begin(), ann.begin()]
    assert ann.read(ticket_of(ann.done(first))).num_rows == 10
    for client, polled in zip((amy, ann), others, strict=True):
        assert client.read(ticket_of(client.done(polled))).num_rows == 10
    assert started() == 3


def test_it_is_ended_where_it_is_asked_for(application: Application, aws: AthenaDouble) -> None:
    aws.latency(30, "run")
    olga = log_in(application, "olga")
    first = olga.begin()
    assert eventually(lambda: runs(aws))
    asked = time.time()
    assert olga.cancel(first.info) == flight_pb2.CANCEL_STATUS_CANCELLED
    assert eventually(lambda: not runs(aws), 2)
    stops = [call.at for call in aws.calls if call.operation == "StopQueryExecution"]
    assert stops[-1] - asked < 1.0
    with pytest.raises(grpc.RpcError) as error:
        olga.poll(first.flight_descriptor)
    assert error.value.code() == grpc.StatusCode.CANCELLED


def test_what_nobody_asks_for_is_ended_after_a_while(
    application: Application, aws: AthenaDouble
) -> None:
    aws.latency(30, "run")
    olga = log_in(application, "olga")
    first = olga.begin()
    assert eventually(lambda: runs(aws))
    time.sleep(PATIENCE / 2)
    assert runs(aws)
    assert eventually(lambda: not runs(aws), PATIENCE + 3)
    with pytest.raises(grpc.RpcError) as error:
        olga.poll(first.flight_descriptor)
    assert error.value.code() == grpc.StatusCode.CANCELLED


def test_a_result_that_nobody_reads_is_deleted_and_made_anew_for_its_ticket(
    application: Application, aws: AthenaDouble, started: Count
) -> None:
    olga = log_in(application, "olga")
    ticket = ticket_of(olga.done(olga.begin()))
    assert eventually(lambda: not left(aws), PATIENCE + 5)
    assert olga.read(ticket).num_rows == ROWS
    assert started() == 2


def test_a_failure_is_told_to_who_polls(application: Application, aws: AthenaDouble) -> None:
    aws.fail_statement("DIVISION_BY_ZERO: Division by zero")
    olga = log_in(application, "olga")
    with pytest.raises(grpc.RpcError) as error:
        olga.done(olga.begin())
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "division by zero" in str(error.value.details())


def test_polled_statements_count_as_running_ones(
    application: Application, aws: AthenaDouble
) -> None:
    aws.latency(1.0, "run")
    ann = log_in(application, "ann")
    held = [ann.begin(), ann.begin()]
    with pytest.raises(grpc.RpcError) as error:
        ann.begin()
    assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    for polled in held:
        assert ann.read(ticket_of(ann.done(polled))).num_rows == 10


def test_adbc_executes_incrementally(
    application: Application, aws: AthenaDouble, started: Count
) -> None:
    aws.latency(1.5, "run")
    login = {"username": "olga", "password": lake.PASSWORD}
    with dbapi.connect(application.server.location, login, autocommit=True) as connection:
        with connection.cursor() as cursor:
            statement = cursor.adbc_statement
            statement.set_options(**{"adbc.statement.exec.incremental": "true"})
            statement.set_sql_query(_TEXT)
            parts, _, _ = statement.execute_partitions()
            assert len(parts) == 1
            assert statement.execute_partitions()[0] == []
            cursor.adbc_read_partition(parts[0])
            assert cursor.fetch_arrow_table().num_rows == ROWS
    assert started() == 1


def test_rights_that_are_taken_away_end_what_runs_by_them(
    double: AthenaDouble, aws: AthenaDouble, orders: None, tmp_path: Path
) -> None:
    longer = configured(double)
    longer["limits"] = {"poll": 60}
    with lake.serving(tmp_path, longer, POLICY, GROUPS) as running:
        ann = log_in(running, "ann")
        ticket = ticket_of(ann.done(ann.begin()))
        aws.latency(30, "run")
        first = ann.begin()
        assert eventually(lambda: runs(aws))
        (tmp_path / "policy.yaml").write_text(POLICY.replace("id < 10", "id < 5"))
        assert eventually(lambda: not left(aws), 8)  # the result that was kept, too
        aws.clear_faults()
        # the same query, by the rights of now, runs anew
        assert ann.read(ticket).num_rows == 5
        assert ann.read(ticket_of(ann.done(first))).num_rows == 5
