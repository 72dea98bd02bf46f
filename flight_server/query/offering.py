"""What a planned result is read by: one ticket, or one for each of its parts."""

from __future__ import annotations

from dataclasses import replace

from flight_server.engines.base import Choice
from flight_server.query.caller import Caller
from flight_server.query.gate import Statement
from flight_server.query.handles import HandleKind, Handles
from flight_server.query.parts import is_ordered, may_divide
from flight_server.query.planned import Planned
from flight_server.query.results import Endpoint, Offer, told_at_planning

# All tickets of a result together; some clients take no message over 4 MiB.
_MAX_TICKETS = 512 * 1024
_WHOLE = "The result is one part: only rows of one table, as they are, are read in parts."


def offered(
    caller: Caller,
    planned: Planned,
    choice: Choice,
    statement: Statement | None,
    *,
    handles: Handles,
    partitions: int,
) -> Offer:
    """Tickets for a planned statement, in as many parts as the caller wants and it allows.

    `statement` is None for a command; `partitions` are the most that its engine reads.
    """
    owner, warnings = caller.principal.owner, list[str]()
    whole = handles.seal(owner, planned.state, HandleKind.TICKET)
    endpoints: tuple[Endpoint, ...] = (whole,)
    count = min(caller.partitions, partitions, _MAX_TICKETS // len(whole.ticket))
    if statement is not None and count > 1 and may_divide(statement, planned):
        states = (replace(planned.state, part=(i, count)) for i in range(count))
        endpoints = tuple(handles.seal(owner, state, HandleKind.TICKET) for state in states)
    if caller.partitions > 1 and len(endpoints) == 1:
        warnings.append(_WHOLE)
    ordered = statement is not None and is_ordered(statement)
    return Offer(endpoints, ordered, told_at_planning(planned, choice, warnings))
