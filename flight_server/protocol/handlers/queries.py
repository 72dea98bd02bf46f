"""What every query handler gives: a schema and a ticket to plan with, or the rows of a ticket."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyarrow as pa
from google.protobuf.message import Message

from flight_server.protocol.call import Call
from flight_server.protocol.errors import MalformedMessage, TooLarge
from flight_server.protocol.messages import pack, unpack
from flight_server.protocol.wire.flight_pb2 import FlightEndpoint, Location, Ticket

# Tickets of metadata commands are marked by a byte that no Any starts with.
MARK = b"\x00"
_KIND = "metadata"
_MAX_METADATA_COMMAND = 32 * 1024


@dataclass(frozen=True, slots=True)
class Described:
    """A planned query: its result's schema, and what it is read by, made on demand."""

    schema: pa.Schema
    offer: Callable[[], Offered]


@dataclass(frozen=True, slots=True)
class Offered:
    """What a result is read by. `ordered`: it is in the order of its endpoints.

    `told` is what else the client is told, as JSON.
    """

    endpoints: Sequence[FlightEndpoint]
    ordered: bool = False
    told: bytes = b""


# The rows of a metadata command, whole or in parts.
Rows: TypeAlias = "pa.RecordBatch | Iterator[pa.RecordBatch]"


@dataclass(frozen=True, slots=True)
class Query:
    """How a command is served: `describe` plans it; `rows` is only there for metadata commands."""

    describe: Callable[[Call, Any], Described]
    rows: Callable[[Call, Any], Rows] | None = None


def metadata(
    schema: pa.Schema | Callable[[Any], pa.Schema], rows: Callable[[Call, Any], Rows]
) -> Query:
    """A metadata command: its schema is fixed (or follows from the command), and its rows are
    computed when the ticket is redeemed."""

    def describe(call: Call, message: Message) -> Described:
        fixed = schema if isinstance(schema, pa.Schema) else schema(message)
        return Described(fixed, lambda: _offer(call, message))

    return Query(describe, rows)


def open_ticket(call: Call, ticket: bytes) -> Message:
    """The metadata command in a ticket that `metadata` made for the same user."""
    owner = call.caller.principal.owner
    return unpack(call.door.sealer.open(_KIND, owner, ticket[len(MARK) :]))


def endpoint(ticket: bytes, expires_at: float, locations: Sequence[str] = ()) -> FlightEndpoint:
    """An endpoint that expires, in seconds since 1970.

    Without locations it is read where it was asked for. Several clients take any location for
    another server, and fail: only who asks for parts is told some.
    """
    made = FlightEndpoint(
        ticket=Ticket(ticket=ticket), location=[Location(uri=uri) for uri in locations]
    )
    made.expiration_time.FromSeconds(int(expires_at))
    return made


def _offer(call: Call, message: Message) -> Offered:
    command = pack(message)
    if len(command) > _MAX_METADATA_COMMAND:
        raise TooLarge(f"The command has more than {_MAX_METADATA_COMMAND} bytes.")
    lifetime = call.door.settings.metadata_ticket_seconds
    owner = call.caller.principal.owner
    expires_at = time.time() + lifetime
    ticket = MARK + call.door.sealer.seal(_KIND, owner, command, lifetime=lifetime)
    return Offered([endpoint(ticket, expires_at)])


def refuse_transaction(message: Any) -> None:
    """Refuse a statement that names a transaction, since none can have been begun."""
    if message.transaction_id:
        raise MalformedMessage("There is no such transaction: this server has none.")
