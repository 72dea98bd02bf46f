"""Statements with PollFlightInfo: begun where they run elsewhere, and asked for until done."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TypeAlias

import pyarrow as pa

from flight_server.protocol.call import Call
from flight_server.protocol.handlers import prepared, statements
from flight_server.protocol.handlers.queries import Described
from flight_server.protocol.messages import pack
from flight_server.protocol.wire.columns import result_schema
from flight_server.protocol.wire.flight_pb2 import FlightDescriptor
from flight_server.protocol.wire.flight_sql_pb2 import (
    CommandPreparedStatementQuery,
    CommandStatementQuery,
    TicketStatementQuery,
)
from flight_server.query.handles import HandleKind
from flight_server.query.planned import Planned

# How long a poll may wait for news, in seconds: others need its thread.
_PATIENCE = 2.0


@dataclass(frozen=True, slots=True)
class Pending:
    """A statement that is not done: its result's schema, and by what to ask again until when.

    `told` is what else the client is told, as JSON; `expires_at` is in seconds since 1970.
    """

    schema: pa.Schema
    descriptor: FlightDescriptor
    told: bytes
    expires_at: float


Polling: TypeAlias = Described | Pending


def statement(call: Call, message: CommandStatementQuery) -> Polling:
    """Plan a statement, and begin it."""
    return _polled(call, statements.planned(call, message))


def prepared_statement(call: Call, message: CommandPreparedStatementQuery) -> Polling:
    """Begin a prepared statement with the values that its handle holds."""
    return _polled(call, prepared.opened(call, message))


def again(call: Call, message: TicketStatementQuery) -> Polling:
    """Ask again for what was begun: on any replica, and for a new poll on this one."""
    service = call.door.service
    planned = service.unseal(call.caller, message.statement_handle, HandleKind.TICKET)
    call.statement = planned.secured.text
    return _polled(call, planned, _PATIENCE)


def _polled(call: Call, planned: Planned, wait: float = 0.0) -> Polling:
    service = call.door.service
    polled = service.poll(call.caller, planned, wait)
    if polled.is_over:
        return statements.described(call, polled.planned)
    call.query_id = planned.query_id
    handle = service.seal(call.caller, polled.planned, HandleKind.TICKET)
    descriptor = FlightDescriptor(
        type=FlightDescriptor.CMD, cmd=pack(TicketStatementQuery(statement_handle=handle))
    )
    expires_at = time.time() + polled.patience
    return Pending(result_schema(planned.schema), descriptor, polled.told(), expires_at)
