"""Flight SQL commands by hand, for what drivers do not ask or do not show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.flight as flight
from google.protobuf import any_pb2
from google.protobuf.message import Message

from flight_server.protocol.messages import pack
from tests.servers import Server


class Client:
    """A logged-in client of pyarrow that takes Flight SQL messages."""

    def __init__(self, raw: flight.FlightClient, headers: list[tuple[bytes, bytes]]) -> None:
        self.raw = raw
        self.headers = headers

    @property
    def options(self) -> flight.FlightCallOptions:
        return flight.FlightCallOptions(headers=self.headers, timeout=60)

    def info(self, message: Message) -> flight.FlightInfo:
        return self.raw.get_flight_info(descriptor(message), self.options)

    def schema(self, message: Message) -> pa.Schema:
        return self.raw.get_schema(descriptor(message), self.options).schema

    def read(self, message: Message) -> pa.Table:
        """The rows of a command, whose stream must have the schema that was promised."""
        info = self.info(message)
        (endpoint,) = info.endpoints
        table = self.raw.do_get(endpoint.ticket, self.options).read_all()
        assert table.schema.equals(info.schema, check_metadata=True)
        return table

    def act(self, name: str, message: Message | bytes) -> list[bytes]:
        body = message if isinstance(message, bytes) else pack(message)
        results = self.raw.do_action(flight.Action(name, body), self.options)
        return [result.body.to_pybytes() for result in results]

    def put(self, message: Message, table: pa.Table) -> list[bytes]:
        writer, reader = self.raw.do_put(descriptor(message), table.schema, self.options)
        with writer:
            writer.write_table(table)
            writer.done_writing()
            answers = []
            while (answer := reader.read()) is not None:
                answers.append(answer.to_pybytes())
        return answers


@contextmanager
def client(server: Server, user: str) -> Iterator[Client]:
    """A client that is logged in as one of the demo's users."""
    login = server.login(user)
    with flight.FlightClient(server.uri) as raw:
        if user == "service":
            token = (b"authorization", f"Bearer {login['password']}".encode())
        else:
            token = raw.authenticate_basic_token(login["username"], login["password"])
        yield Client(raw, [token])


def descriptor(message: Message) -> flight.FlightDescriptor:
    return flight.FlightDescriptor.for_command(pack(message))


def unwrap(body: bytes, kind: type[Any]) -> Any:
    """The message in an Any."""
    return kind.FromString(any_pb2.Any.FromString(body).value)
