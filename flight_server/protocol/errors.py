"""From a failure to what travels: a gRPC status with one text, and the same in structured form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import grpc

from flight_server.protocol.wire import status_pb2
from flight_server.query.failures import RULES, Failure, Kind, Rule, failure_of

MAX_TEXT = 2048
DOMAIN = "flight-server"
REQUEST_ID = "x-request-id"
DETAILS = "grpc-status-details-bin"
_TYPES = "type.googleapis.com/google.rpc."


class MalformedMessage(Exception):
    """A message cannot be decoded or does not fit its call."""


class TooLarge(Exception):
    """A command or an upload is over a limit of size."""


class Unsupported(Exception):
    """A part of Flight or Flight SQL that this server does not speak."""


class TooManyCalls(Exception):
    """The user has more calls open than one user may have."""


PROTOCOL_RULES: dict[type[Exception], Rule] = {
    **RULES,
    MalformedMessage: Rule("MALFORMED_MESSAGE", Kind.INVALID_ARGUMENT),
    TooLarge: Rule("TOO_LARGE", Kind.RESOURCE_EXHAUSTED),
    Unsupported: Rule("UNSUPPORTED", Kind.UNIMPLEMENTED),
    TooManyCalls: Rule(
        "TOO_MANY_CALLS", Kind.RESOURCE_EXHAUSTED, "Read or close open results first."
    ),
}


@dataclass(frozen=True, slots=True)
class Status:
    """What a failed call ends with."""

    code: grpc.StatusCode
    text: str
    details: bytes


def failure(error: BaseException) -> Failure:
    """What to tell of an error, with this layer's own exceptions known."""
    return failure_of(error, PROTOCOL_RULES)


def status_of(told: Failure, *, statement: str | None, request_id: str) -> Status:
    """The status of a failure; `statement` turns its position into a line and column.

    The text is the same for the same failure, whatever the call: the request id is in the details
    only, so that answers cannot be told apart by more than they say.
    """
    code = grpc.StatusCode[told.kind.name]
    place = _place(told, statement)
    text = _text(told, place)
    info = status_pb2.ErrorInfo(reason=told.code, domain=DOMAIN, metadata=place)
    if told.hint:
        info.metadata["hint"] = told.hint
    status = status_pb2.Status(code=code.value[0], message=text)
    for name, detail in (
        ("ErrorInfo", info),
        ("RequestInfo", status_pb2.RequestInfo(request_id=request_id)),
    ):
        status.details.add(type_url=_TYPES + name, value=detail.SerializeToString())
    return Status(code, text, status.SerializeToString())


def _place(told: Failure, statement: str | None) -> dict[str, str]:
    if told.position is None or statement is None or not 0 <= told.position <= len(statement):
        return {}
    before = statement[: told.position]
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    return {"line": str(line), "column": str(column)}


def _text(told: Failure, place: Mapping[str, str]) -> str:
    tail = f" (line {place['line']}, column {place['column']})" if place else ""
    tail += f" Hint: {told.hint}" if told.hint else ""
    head = f"{told.code}: "
    return head + shorten(told.message, MAX_TEXT - sent_size(head + tail)) + tail


def sent_size(text: str) -> int:
    """The size of a text in a gRPC header, where all but printable ASCII takes three bytes."""
    return sum(1 if 0x20 <= byte <= 0x7E and byte != 0x25 else 3 for byte in text.encode())


def shorten(text: str, limit: int) -> str:
    """The text, cut so that it takes at most `limit` bytes in a header."""
    if sent_size(text) <= limit:
        return text
    room, kept = limit - sent_size("…"), 0
    for index, char in enumerate(text):
        kept += sent_size(char)
        if kept > room:
            return text[:index] + "…"
    return text
