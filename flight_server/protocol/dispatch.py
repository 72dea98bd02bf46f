"""Flight's methods for an authenticated call: bytes in, bytes out, by the tables in `routes`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import pyarrow as pa
from google.protobuf.message import Message

from flight_server.protocol import routes
from flight_server.protocol.call import Call
from flight_server.protocol.errors import MalformedMessage, Unsupported
from flight_server.protocol.handlers.polls import Pending, Polling
from flight_server.protocol.handlers.queries import MARK, Described, open_ticket
from flight_server.protocol.messages import command, parse, printable, unpack, within
from flight_server.protocol.wire import flight_pb2, flight_sql_pb2
from flight_server.protocol.wire.frames import batch_frames, schema_bytes, table_frames
from flight_server.protocol.wire.uploads import read_upload

_SQL_FILE = flight_sql_pb2.DESCRIPTOR

_ACTIONS: Mapping[str, type[Message]] = MappingProxyType(
    {
        routes.action_name(request): request
        for request in (*routes.ACTIONS, *routes.REFUSED)
        if request.DESCRIPTOR.name.endswith("Request")
    }
)


def get_flight_info(call: Call, requests: Iterator[bytes]) -> bytes:
    """Plan a command: its schema, and the endpoints to read it from."""
    descriptor = parse(flight_pb2.FlightDescriptor, _first(requests))
    return _info(_describe(call, descriptor), descriptor).SerializeToString()


def poll_flight_info(call: Call, requests: Iterator[bytes]) -> bytes:
    """The same for clients that would wait for endpoints.

    What runs here is left to DoGet, so that the first answer is complete: it has no descriptor to
    poll again. What runs elsewhere is begun, and gives one, sealed like a ticket, until it is done.
    How far it is nobody knows, so that `progress` is not set until then.
    """
    descriptor = parse(flight_pb2.FlightDescriptor, _first(requests))
    message = command(descriptor, call.door.settings.max_command)
    poll = routes.POLLS.get(type(message))
    if poll is None:
        found: Polling = _describe(call, descriptor)
    else:
        call.command = message.DESCRIPTOR.name
        found = poll(call, message)
    if isinstance(found, Pending):
        return _pending(found).SerializeToString()
    info = _info(found, descriptor)
    polled = flight_pb2.PollInfo(info=info, progress=1.0)
    expires = [endpoint.expiration_time for endpoint in info.endpoint]
    polled.expiration_time.CopyFrom(min(expires, key=lambda moment: moment.seconds))
    return polled.SerializeToString()


def _pending(found: Pending) -> flight_pb2.PollInfo:
    info = flight_pb2.FlightInfo(
        schema=schema_bytes(found.schema),
        flight_descriptor=found.descriptor,  # by it CancelFlightInfo knows what to end
        total_records=-1,
        total_bytes=-1,
        app_metadata=found.told,
    )
    polled = flight_pb2.PollInfo(info=info, flight_descriptor=found.descriptor)
    polled.expiration_time.FromSeconds(int(found.expires_at))
    return polled


def _info(described: Described, descriptor: flight_pb2.FlightDescriptor) -> flight_pb2.FlightInfo:
    offered = described.offer()
    return flight_pb2.FlightInfo(
        schema=schema_bytes(described.schema),
        flight_descriptor=descriptor,
        endpoint=offered.endpoints,
        total_records=-1,
        total_bytes=-1,
        ordered=offered.ordered,
        app_metadata=offered.told,
    )


def get_schema(call: Call, requests: Iterator[bytes]) -> bytes:
    """The schema of a command's result."""
    descriptor = parse(flight_pb2.FlightDescriptor, _first(requests))
    described = _describe(call, descriptor)
    return flight_pb2.SchemaResult(schema=schema_bytes(described.schema)).SerializeToString()


def _describe(call: Call, descriptor: flight_pb2.FlightDescriptor) -> Described:
    message = command(descriptor, call.door.settings.max_command)
    call.command = message.DESCRIPTOR.name
    query = routes.QUERIES.get(type(message))
    if query is None:
        raise refusal(message, "GetFlightInfo")
    return query.describe(call, message)


def do_get(call: Call, requests: Iterator[bytes]) -> Iterator[bytes]:
    """Redeem a ticket: frames of Arrow data."""
    ticket = parse(flight_pb2.Ticket, _first(requests)).ticket
    within(call.door.settings.max_command, ticket)
    if ticket.startswith(MARK):
        message = open_ticket(call, ticket)
        call.command = message.DESCRIPTOR.name
        query = routes.QUERIES.get(type(message))
        if query is None or query.rows is None:
            raise refusal(message, "DoGet")
        rows = query.rows(call, message)
        if isinstance(rows, pa.RecordBatch):
            return table_frames(rows)
        return batch_frames(query.describe(call, message).schema, rows)
    message = unpack(ticket)
    call.command = message.DESCRIPTOR.name
    stream = routes.TICKETS.get(type(message))
    if stream is None:
        raise refusal(message, "DoGet")
    return stream(call, message)


def do_put(call: Call, requests: Iterator[bytes]) -> Iterator[bytes]:
    """Take an upload. What is refused is refused before any of its data is read."""
    first = parse(flight_pb2.FlightData, _first(requests))
    settings = call.door.settings
    message = command(first.flight_descriptor, settings.max_command)
    call.command = message.DESCRIPTOR.name
    update = routes.UPDATES.get(type(message))
    if update is None:
        raise refusal(message, "DoPut")
    batches = read_upload(first, requests, limit=settings.max_upload)
    for metadata in update(call, message, batches):
        yield flight_pb2.PutResult(app_metadata=metadata).SerializeToString()


def do_action(call: Call, requests: Iterator[bytes]) -> Iterator[bytes]:
    """Run an action by its name."""
    request = parse(flight_pb2.Action, _first(requests))
    call.command = printable(request.type)
    kind = _ACTIONS.get(request.type)
    if kind is None:
        raise Unsupported(f"The action {printable(request.type)} is not known to this server.")
    reason = routes.REFUSED.get(kind)
    if reason is not None:
        raise Unsupported(reason)
    wrapped = kind.DESCRIPTOR.file is _SQL_FILE
    within(call.door.settings.max_command, request.body)
    message = unpack(request.body) if wrapped else parse(kind, request.body)
    if type(message) is not kind:
        raise MalformedMessage(f"The body of {request.type} is not a {kind.DESCRIPTOR.name}.")
    for body in routes.ACTIONS[kind].run(call, message):
        yield flight_pb2.Result(body=body).SerializeToString()


def list_actions(_call: Call, _requests: Iterator[bytes]) -> Iterator[bytes]:
    """The actions that are served."""
    for request, action in routes.ACTIONS.items():
        yield flight_pb2.ActionType(
            type=routes.action_name(request), description=action.description
        ).SerializeToString()


def refused(reason: str) -> Callable[[Call, Iterator[bytes]], Iterator[bytes]]:
    """A method that is not served."""

    def refuse(_call: Call, _requests: Iterator[bytes]) -> Iterator[bytes]:
        raise Unsupported(reason)

    return refuse


def refusal(message: Message, method: str) -> Exception:
    """Why a message is not served, or not by this method."""
    reason = routes.REFUSED.get(type(message))
    if reason is not None:
        return Unsupported(reason)
    return MalformedMessage(f"{message.DESCRIPTOR.name} is not a message for {method}.")


def _first(requests: Iterator[bytes]) -> bytes:
    message = next(requests, None)
    if message is None:
        raise MalformedMessage("The call has no message.")
    return message
