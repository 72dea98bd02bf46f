"""The ways to a statement's result, each as one function: what the user then sees as one text."""

from __future__ import annotations

import itertools
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import adbc_driver_manager
import grpc
import pyarrow as pa
import pyarrow.flight as flight
from adbc_driver_flightsql import dbapi
from google.protobuf import any_pb2
from google.protobuf.message import Message

from auth.principal import Principal
from flight_server.engines.base import Engine, Frame, Secured
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.errors import EngineError
from flight_server.protocol.wire import flight_pb2, flight_sql_pb2
from flight_server.query.caller import Caller
from flight_server.query.failures import INTERNAL, failure_of
from flight_server.query.handles import HandleKind
from flight_server.query.planned import Planned
from flight_server.query.service import QueryService
from tests.security import warehouse


def caller(name: str, group: str) -> Caller:
    """A user of the lake, as the doors know them after login."""
    principal = Principal(name, groups=frozenset({group}), claims={"region": "eu"})
    return Caller(principal, f"request-of-{name}")


EVE = caller(warehouse.EVE, "readers")
WANDA = caller(warehouse.WANDA, "widely")
OWNER = caller(warehouse.OWNER, "owners")
_MOST_ROWS = 100_000


@dataclass(frozen=True)
class Answer:
    """What came back: a table, or the error's code with its whole text."""

    table: pa.Table | None
    code: str = ""
    error: str = ""

    @property
    def seen(self) -> str:
        """All that the user saw, as one text."""
        if self.table is None:
            return f"{self.code} {self.error}"
        return f"{self.table.schema!s}\n{self.table.to_pylist()!r}"


def rows(frames: Iterable[Frame], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The batches that a stream's finished messages hold."""
    total = 0
    for frame in frames:
        message = flight_pb2.FlightData.FromString(frame.data)
        head = message.data_header + b"\0" * (-len(message.data_header) % 8)
        data = b"\xff\xff\xff\xff" + struct.pack("<i", len(head)) + head + message.data_body
        yield pa.ipc.read_record_batch(pa.ipc.read_message(data), schema)
        total += frame.rows
        assert total <= _MOST_ROWS


def in_process(service: QueryService, caller: Caller, text: str) -> Answer:
    """Plan and run, as a door does."""
    return _told(lambda: _read(service, caller, service.plan(caller, text)))


def in_parts(service: QueryService, caller: Caller, text: str) -> Answer:
    """Plan, seal in as many parts as the statement allows, unseal and run each of them."""

    def read() -> pa.Table:
        wanting = replace(caller, partitions=3)
        endpoints = service.offer(wanting, service.plan(wanting, text)).endpoints
        tickets = [service.unseal(caller, e.ticket, HandleKind.TICKET) for e in endpoints]
        return pa.concat_tables([_read(service, caller, planned) for planned in tickets])

    return _told(read)


def bound(service: QueryService, caller: Caller, text: str, rows: pa.RecordBatch) -> Answer:
    """Plan, keep as a prepared statement, take it up again, bind rows and run."""

    def read() -> pa.Table:
        sealed = service.seal(caller, service.plan(caller, text), HandleKind.PREPARED)
        planned = service.unseal(caller, sealed, HandleKind.PREPARED)
        return _read(service, caller, service.bind(caller, planned, rows))

    return _told(read)


def _read(service: QueryService, caller: Caller, planned: Planned) -> pa.Table:
    stream = service.run(caller, planned)
    try:
        return pa.Table.from_batches(rows(stream, stream.schema), stream.schema)
    finally:
        stream.close()


def _told(read: Callable[[], pa.Table]) -> Answer:
    """The table, or what a door would tell of the error."""
    try:
        return Answer(read())
    except Exception as error:  # what a door does with every exception
        failure = failure_of(error)
        said = f"{failure.message} {failure.hint} {failure.position}"
        if failure.code == INTERNAL.code:
            raise
        return Answer(None, failure.code, said)


@contextmanager
def without_plan_check(service: QueryService) -> Iterator[Engine]:
    """The service's engine, not looking at plans: else little would reach a worker."""
    engine = service._engine
    assert isinstance(engine, DuckDBEngine)
    before = engine._settings
    engine._settings = replace(before, check_plans=False)
    try:
        yield engine
    finally:
        engine._settings = before


def bare_engine(service: QueryService, secured: Secured, text: str) -> Answer:
    """The engine alone, with the gate switched off: `secured` has the narrowed tables."""
    changed = replace(secured, text=text, parameters=())
    deadline = time.monotonic() + 2
    try:
        with without_plan_check(service) as engine:
            schema = engine.describe(changed, None, deadline=deadline)
        stream = engine.run(changed, None, schema, deadline=deadline)
        try:
            return Answer(pa.Table.from_batches(rows(stream, schema), schema))
        finally:
            stream.close()
    except EngineError as error:
        return Answer(None, type(error).__name__, str(error))


class Remote:
    """The Flight SQL door over the network, as one of the users."""

    def __init__(self, location: str, user: str) -> None:
        login = {"username": user, "password": warehouse.PASSWORD}
        self._connection = dbapi.connect(location, db_kwargs=login, autocommit=True)
        self.client = flight.FlightClient(location)
        self._token = self.client.authenticate_basic_token(user, warehouse.PASSWORD)
        self.options = flight.FlightCallOptions(headers=[self._token], timeout=30)
        self._channel = grpc.insecure_channel(location.removeprefix("grpc://"))
        self._poll = self._channel.unary_unary(
            "/arrow.flight.protocol.FlightService/PollFlightInfo",
            request_serializer=None,
            response_deserializer=None,
        )

    def close(self) -> None:
        self._connection.close()
        self.client.close()
        self._channel.close()

    def prepared(self, text: str) -> Answer:
        """As a prepared statement, by the driver that most clients use."""
        with self._connection.cursor() as cursor:
            try:
                cursor.execute(text.replace("\0", "\N{SYMBOL FOR NULL}"))  # it takes no NUL
                return Answer(cursor.fetch_arrow_table())
            except adbc_driver_manager.Error as error:
                return Answer(None, str(error.status_code), f"{error} {error.details}")

    def statement(self, text: str) -> Answer:
        """As CommandStatementQuery, by the bare protocol."""
        command = flight_sql_pb2.CommandStatementQuery(query=text)
        descriptor = flight.FlightDescriptor.for_command(packed(command))
        try:
            info = self.client.get_flight_info(descriptor, self.options)
            streams = [self.client.do_get(e.ticket, self.options) for e in info.endpoints]
            tables = [stream.read_all() for stream in streams]
        except (flight.FlightError, pa.ArrowException) as error:
            return Answer(None, type(error).__name__, f"{error} {error.__dict__}")
        return Answer(pa.concat_tables(tables))

    def polled(self, text: str) -> Answer:
        """As a statement whose plan is polled for, which the client library cannot do."""
        command = packed(flight_sql_pb2.CommandStatementQuery(query=text))
        descriptor = flight_pb2.FlightDescriptor(type=flight_pb2.FlightDescriptor.CMD, cmd=command)
        header, token = self._token
        try:
            answer = self._poll(
                descriptor.SerializeToString(), metadata=((header.decode(), token),), timeout=30
            )
            info = flight_pb2.PollInfo.FromString(answer).info
            tickets = [flight.Ticket(endpoint.ticket.ticket) for endpoint in info.endpoint]
            tables = [self.client.do_get(t, self.options).read_all() for t in tickets]
        except grpc.RpcError as error:
            return Answer(None, str(error.code()), f"{error.details()} {error.trailing_metadata()}")
        except (flight.FlightError, pa.ArrowException) as error:
            return Answer(None, type(error).__name__, f"{error} {error.__dict__}")
        return Answer(pa.concat_tables(tables))

    def listed(self, command: Message) -> Answer:
        """The rows of a metadata command."""
        descriptor = flight.FlightDescriptor.for_command(packed(command))
        try:
            info = self.client.get_flight_info(descriptor, self.options)
            return Answer(self.client.do_get(info.endpoints[0].ticket, self.options).read_all())
        except (flight.FlightError, pa.ArrowException) as error:
            return Answer(None, type(error).__name__, f"{error} {error.__dict__}")


def packed(message: Any) -> bytes:
    """A protobuf message as Flight SQL sends it."""
    wrapper = any_pb2.Any()
    wrapper.Pack(message)
    return wrapper.SerializeToString()


def alike(one: pa.Table, other: pa.Table, *, ordered: bool) -> bool:
    """Whether two results are the same, by names and values; by types only roughly."""
    if one.column_names != other.column_names:
        return False
    ours, theirs = (_texts(table) for table in (one, other))
    return ours == theirs if ordered else sorted(ours) == sorted(theirs)


def _texts(table: pa.Table) -> list[str]:
    columns = [table.column(index).to_pylist() for index in range(table.num_columns)]
    return [repr(row) for row in itertools.zip_longest(*columns)]
