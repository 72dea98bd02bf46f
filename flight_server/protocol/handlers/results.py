"""What can be done with a planned result beside reading it: cancel it, and have it longer."""

from __future__ import annotations

from collections.abc import Iterator

from flight_server.protocol.call import Call
from flight_server.protocol.errors import MalformedMessage, Unsupported
from flight_server.protocol.handlers.queries import MARK, endpoint, open_ticket
from flight_server.protocol.messages import pack, parse, unpack
from flight_server.protocol.wire.flight_pb2 import (
    CancelFlightInfoRequest,
    CancelFlightInfoResult,
    CancelStatus,
    FlightInfo,
    RenewFlightEndpointRequest,
)
from flight_server.protocol.wire.flight_sql_pb2 import (
    ActionCancelQueryRequest,
    ActionCancelQueryResult,
    TicketStatementQuery,
)

# The two actions count alike.
_ENDED = CancelStatus.CANCEL_STATUS_CANCELLED
_NOTHING_TO_END = CancelStatus.CANCEL_STATUS_NOT_CANCELLABLE


def cancel_info(call: Call, message: CancelFlightInfoRequest) -> Iterator[bytes]:
    """End the query of a result, in this process."""
    yield CancelFlightInfoResult(status=_cancel(call, message.info)).SerializeToString()


def cancel_query(call: Call, message: ActionCancelQueryRequest) -> Iterator[bytes]:
    """The same as Flight SQL had it before Flight did."""
    status = _cancel(call, parse(FlightInfo, message.info))
    results = ActionCancelQueryResult.CancelResult
    result = (
        results.CANCEL_RESULT_CANCELLED
        if status == _ENDED
        else results.CANCEL_RESULT_NOT_CANCELLABLE
    )
    yield pack(ActionCancelQueryResult(result=result))


def renew(call: Call, message: RenewFlightEndpointRequest) -> Iterator[bytes]:
    """The same endpoint with a ticket that is valid for longer."""
    handle = _handle(call, message.endpoint.ticket.ticket)
    if handle is None:
        raise Unsupported("Only results of statements can be renewed: ask for the metadata again.")
    renewed = call.door.service.renew(call.caller, handle)
    ticket = pack(TicketStatementQuery(statement_handle=renewed.ticket))
    yield endpoint(ticket, renewed.expires_at).SerializeToString()


def _cancel(call: Call, info: FlightInfo) -> CancelStatus.ValueType:
    tickets = [given.ticket.ticket for given in info.endpoint] or [_begun(info)]
    found = [_handle(call, ticket) for ticket in tickets]
    handles = [handle for handle in found if handle is not None]
    # What answers metadata is over in no time.
    ended = bool(handles) and call.door.service.cancel(call.caller, handles)
    return _ENDED if ended else _NOTHING_TO_END


def _begun(info: FlightInfo) -> bytes:
    """The ticket of a polled statement that is not done: it is all that its descriptor has."""
    asked = info.flight_descriptor.cmd
    if not asked or not isinstance(unpack(asked), TicketStatementQuery):
        raise MalformedMessage("The FlightInfo has no endpoint, so that it names no query.")
    return asked


def _handle(call: Call, ticket: bytes) -> bytes | None:
    """The handle in a statement's ticket; None for one of metadata, which is the caller's too."""
    if ticket.startswith(MARK):
        open_ticket(call, ticket)
        return None
    message = unpack(ticket)
    if not isinstance(message, TicketStatementQuery):
        raise MalformedMessage("The endpoint's ticket is not one of this server.")
    return message.statement_handle
