"""The server's door as a client drives it, keeping all that it is told beside the rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import grpc
import pyarrow as pa
import pyarrow.flight as flight

from flight_server.protocol.wire import flight_pb2, flight_sql_pb2
from tests.security.doors import Answer, Remote, packed


@dataclass(frozen=True)
class Told:
    """An answer, and what came with it: schema, sizes and `app_metadata` of plan and stream."""

    answer: Answer
    beside: str = ""

    @property
    def seen(self) -> str:
        """All of it as one text."""
        return f"{self.answer.seen}\n{self.beside}"


class Door(Remote):
    """A user's connections, whose statements all ask for Athena."""

    def __init__(self, location: str, user: str) -> None:
        super().__init__(location, user)
        for way in (self.prepared, self.statement):  # each has a login of its own
            assert way("SET engine = 'athena'").table is not None

    def told(self, text: str) -> Told:
        """A statement by the bare protocol."""
        return self._read(lambda: self.client.get_flight_info(_asked(text), self.options))

    def polled_for(self, text: str) -> Told:
        """A statement whose plan is polled for until it is there."""
        return self._read(lambda: self._polled(_asked(text)))

    def _polled(self, descriptor: flight.FlightDescriptor) -> flight.FlightInfo:
        header, token = self._token
        request = descriptor.serialize()
        while True:
            answer = self._poll(request, metadata=((header.decode(), token),), timeout=30)
            told = flight_pb2.PollInfo.FromString(answer)
            if not told.HasField("flight_descriptor"):
                return flight.FlightInfo.deserialize(told.info.SerializeToString())
            request = told.flight_descriptor.SerializeToString()

    def _read(self, plan: Callable[[], flight.FlightInfo]) -> Told:
        beside: list[str] = []
        try:
            info = plan()
            beside += [str(info.app_metadata), str(info.schema.metadata)]
            beside += [f"{info.total_records} records, {info.total_bytes} bytes"]
            batches: list[pa.RecordBatch] = []
            for endpoint in info.endpoints:
                beside += [str(endpoint.app_metadata), str(endpoint.locations)]
                stream = self.client.do_get(endpoint.ticket, self.options)
                for chunk in stream:
                    beside.append(str(chunk.app_metadata and chunk.app_metadata.to_pybytes()))
                    batches.append(chunk.data)
            table = pa.Table.from_batches(batches, info.schema)
        except grpc.RpcError as error:
            said = f"{error.details()} {error.trailing_metadata()}"
            return Told(Answer(None, str(error.code()), said), "\n".join(beside))
        except (flight.FlightError, pa.ArrowException) as error:
            said = f"{error} {error.__dict__}"
            return Told(Answer(None, type(error).__name__, said), "\n".join(beside))
        return Told(Answer(table), "\n".join(beside))


def _asked(text: str) -> flight.FlightDescriptor:
    command = packed(flight_sql_pb2.CommandStatementQuery(query=text))
    return flight.FlightDescriptor.for_command(command)
