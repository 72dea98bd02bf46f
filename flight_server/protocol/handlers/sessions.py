"""Sessions: options that go with all statements of one client."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from catalog.errors import CatalogError
from flight_server.protocol import sessions
from flight_server.protocol.call import Call
from flight_server.protocol.errors import TooLarge
from flight_server.protocol.wire.flight_pb2 import (
    CloseSessionRequest,
    CloseSessionResult,
    GetSessionOptionsRequest,
    GetSessionOptionsResult,
    SessionOptionValue,
    SetSessionOptionsRequest,
    SetSessionOptionsResult,
)
from flight_server.query.options import BY_NAME

log = logging.getLogger(__name__)

_MAX_OPTIONS = 100


def set_options(call: Call, message: SetSessionOptionsRequest) -> Iterator[bytes]:
    """Set and unset options; those that cannot be set are named, each with its kind of error."""
    if len(message.session_options) > _MAX_OPTIONS:
        raise TooLarge(f"More than {_MAX_OPTIONS} options are set at once.")
    result = SetSessionOptionsResult()
    changes: dict[str, str | None] = {}
    for name, value in message.session_options.items():
        text = _text(value)
        if name not in BY_NAME:
            result.errors[name].value = SetSessionOptionsResult.INVALID_NAME
        elif text is None:
            result.errors[name].value = SetSessionOptionsResult.INVALID_VALUE
        else:
            changes[name] = text or None
    for name, error in sessions.set_options(call, changes).items():
        unknown = isinstance(error, CatalogError)
        result.errors[name].value = (
            SetSessionOptionsResult.ERROR if unknown else SetSessionOptionsResult.INVALID_VALUE
        )
        # the answer has no place for the reason
        log.info("option refused: %s", error, extra={"request_id": call.caller.request_id})
    yield result.SerializeToString()


def get_options(call: Call, _message: GetSessionOptionsRequest) -> Iterator[bytes]:
    """What is set, by the session or the call, and the catalog and schema that names get."""
    service = call.door.service
    defaults = service.defaults(call.caller, service.visible(call.caller))
    shown = {"catalog": defaults.catalog, "schema": defaults.schema}
    found = {name: value for name, value in shown.items() if value is not None}
    # What is set is told as long as it holds: a catalog may have been hidden since.
    options = {**call.session.options, **call.session.extra}
    found |= {name: value for name, value in options.items() if name not in shown}
    yield GetSessionOptionsResult(
        session_options={
            name: SessionOptionValue(string_value=value) for name, value in found.items()
        }
    ).SerializeToString()


def close(call: Call, _message: CloseSessionRequest) -> Iterator[bytes]:
    """End the session, if there is one. What was sealed for the client holds until it expires."""
    sessions.end(call)
    yield CloseSessionResult(status=CloseSessionResult.CLOSED).SerializeToString()


def _text(value: SessionOptionValue) -> str | None:
    """A value as a text, empty to unset the option; None for what no option takes."""
    match value.WhichOneof("option_value"):
        case None:
            return ""
        case "string_value":
            return value.string_value
        case "int64_value":
            return str(value.int64_value)
        case "double_value":
            return f"{value.double_value:.9f}".rstrip("0").rstrip(".")
    return None
