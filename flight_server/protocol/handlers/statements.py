"""Statements: planned with GetFlightInfo, run and streamed with DoGet."""

from __future__ import annotations

from collections.abc import Iterator

from flight_server.protocol.call import Call
from flight_server.protocol.handlers.queries import Described, refuse_transaction
from flight_server.protocol.messages import pack
from flight_server.protocol.wire.flight_sql_pb2 import CommandStatementQuery, TicketStatementQuery
from flight_server.protocol.wire.frames import frame
from flight_server.query.errors import InvalidParameters
from flight_server.query.service import HandleKind, Planned


def describe(call: Call, message: CommandStatementQuery) -> Described:
    """Plan a statement; nothing runs."""
    refuse_transaction(message)
    call.statement = message.query
    return described(call, call.door.service.plan(call.caller, message.query))


def described(call: Call, planned: Planned) -> Described:
    """A planned statement's schema, and a ticket to run it with."""
    return Described(planned.schema, lambda: _ticket(call, planned))


def _ticket(call: Call, planned: Planned) -> bytes:
    if not planned.bound:
        count = len(planned.parameter_schema)
        raise InvalidParameters(
            f"The statement has {count} parameter{'s'[: count != 1]}, none were bound."
        )
    sealed = call.door.service.seal(call.caller, planned, HandleKind.TICKET)
    return pack(TicketStatementQuery(statement_handle=sealed))


def stream(call: Call, message: TicketStatementQuery) -> Iterator[bytes]:
    """Run the statement of a ticket: its schema, then its frames as the engine made them."""
    service = call.door.service
    planned = service.unseal(call.caller, message.statement_handle, HandleKind.TICKET)
    result = service.run(call.caller, planned)
    running = True

    def client_gone() -> None:
        # Called at the end of every call, on the thread that serves the network: only a statement
        # that still runs is cancelled.
        if running:
            result.cancel()

    try:
        if call.on_end(client_gone):
            yield frame(planned.schema.serialize())
            for batch in result:
                yield batch.data
    finally:
        running = False
        result.close()
