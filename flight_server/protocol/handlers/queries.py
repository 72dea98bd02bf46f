"""What every query handler gives: a schema and a ticket to plan with, or the rows of a ticket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from google.protobuf.message import Message

from flight_server.protocol.call import Call
from flight_server.protocol.errors import MalformedMessage, TooLarge
from flight_server.protocol.messages import pack, unpack

# Tickets of metadata commands are marked by a byte that no Any starts with.
MARK = b"\x00"
_KIND = "metadata"
_MAX_METADATA_COMMAND = 32 * 1024


@dataclass(frozen=True, slots=True)
class Described:
    """A planned query: its result's schema, and its ticket made on demand."""

    schema: pa.Schema
    ticket: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Query:
    """How a command is served: `describe` plans it; `rows` is only there for metadata commands."""

    describe: Callable[[Call, Any], Described]
    rows: Callable[[Call, Any], pa.RecordBatch] | None = None


def metadata(
    schema: pa.Schema | Callable[[Any], pa.Schema], rows: Callable[[Call, Any], pa.RecordBatch]
) -> Query:
    """A metadata command: its schema is fixed (or follows from the command), and its rows are
    computed when the ticket is redeemed."""

    def describe(call: Call, message: Message) -> Described:
        fixed = schema if isinstance(schema, pa.Schema) else schema(message)
        return Described(fixed, lambda: _ticket(call, message))

    return Query(describe, rows)


def open_ticket(call: Call, ticket: bytes) -> Message:
    """The metadata command in a ticket that `metadata` made for the same user."""
    subject = call.caller.principal.subject
    return unpack(call.door.sealer.open(_KIND, subject, ticket[len(MARK) :]))


def _ticket(call: Call, message: Message) -> bytes:
    command = pack(message)
    if len(command) > _MAX_METADATA_COMMAND:
        raise TooLarge(f"The command has more than {_MAX_METADATA_COMMAND} bytes.")
    lifetime = call.door.settings.metadata_ticket_seconds
    subject = call.caller.principal.subject
    return MARK + call.door.sealer.seal(_KIND, subject, command, lifetime=lifetime)


def refuse_transaction(message: Any) -> None:
    """Refuse a statement that names a transaction, since none can have been begun."""
    if message.transaction_id:
        raise MalformedMessage("There is no such transaction: this server has none.")
