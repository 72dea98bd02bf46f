"""Statements: planned with GetFlightInfo, run and streamed with DoGet."""

from __future__ import annotations

from collections.abc import Iterator

from flight_server.protocol.call import Call
from flight_server.protocol.changes import apply_changes
from flight_server.protocol.handlers.queries import (
    Described,
    Offered,
    endpoint,
    refuse_transaction,
)
from flight_server.protocol.messages import pack
from flight_server.protocol.wire.columns import result_schema
from flight_server.protocol.wire.flight_sql_pb2 import CommandStatementQuery, TicketStatementQuery
from flight_server.protocol.wire.frames import frame, with_metadata
from flight_server.query.errors import InvalidParameters
from flight_server.query.handles import HandleKind
from flight_server.query.planned import Planned
from flight_server.query.results import ResultStream

# How long a frame may be kept back to learn whether it is the last one, in seconds.
_PATIENCE = 0.02


def describe(call: Call, message: CommandStatementQuery) -> Described:
    """Plan a statement; nothing runs."""
    return described(call, planned(call, message))


def planned(call: Call, message: CommandStatementQuery) -> Planned:
    """The plan of a statement."""
    refuse_transaction(message)
    call.statement = message.query
    return call.door.service.plan(call.caller, message.query)


def described(call: Call, planned: Planned) -> Described:
    """A planned statement's schema, and tickets to run it with."""
    return Described(result_schema(planned.schema), lambda: _offer(call, planned))


def _offer(call: Call, planned: Planned) -> Offered:
    if not planned.bound:
        count = len(planned.parameter_schema)
        raise InvalidParameters(
            f"The statement has {count} parameter{'s'[: count != 1]}, none were bound."
        )
    offer = call.door.service.offer(call.caller, planned)
    places = call.door.settings.locations if len(offer.endpoints) > 1 else ()
    endpoints = [
        endpoint(
            pack(TicketStatementQuery(statement_handle=part.ticket)),
            part.expires_at,
            _rotated(places, at),
        )
        for at, part in enumerate(offer.endpoints)
    ]
    return Offered(endpoints, offer.ordered, offer.told)


def _rotated(places: tuple[str, ...], by: int) -> tuple[str, ...]:
    """All places, another one first for each part: clients take the first that answers."""
    first = by % len(places) if places else 0
    return places[first:] + places[:first]


def stream(call: Call, message: TicketStatementQuery) -> Iterator[bytes]:
    """Run the statement of a ticket: its schema, then its frames as the engine made them."""
    service = call.door.service
    planned = service.unseal(call.caller, message.statement_handle, HandleKind.TICKET)
    if planned.changes:
        apply_changes(call, planned.changes)
    call.query_id = planned.query_id
    result = service.run(call.caller, planned)
    running = True

    def client_gone() -> None:
        # Called at the end of every call, on the thread that serves the network: only a statement
        # that still runs is cancelled.
        if running:
            result.cancel()

    try:
        if call.on_end(client_gone):
            yield from _frames(result)
    finally:
        running = False
        result.close()


def _frames(result: ResultStream) -> Iterator[bytes]:
    """The result's messages; the last one also carries what is told at the end.

    It has to be one of the result's own: a message without data ends some drivers, and a batch
    without rows is a row to others. So each is kept back until the next, or the end, is there, but
    not for long: where the end comes later than that, it is not told.
    """
    frames = iter(result)
    kept: bytes | None = frame(result_schema(result.schema).serialize())
    while True:
        if kept is not None and not result.ready(_PATIENCE):
            yield kept
            kept = None
        batch = next(frames, None)
        if batch is None:
            break
        if kept is not None:
            yield kept
        kept = batch.data
    if kept is not None:
        yield with_metadata(kept, result.told())
