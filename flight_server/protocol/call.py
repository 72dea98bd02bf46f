"""One call as the handlers see it: who asks, through which door, and what to tell if it fails."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from auth.authenticate import Authenticator
from flight_server.protocol.settings import ServerSettings
from flight_server.protocol.wire.columns import TableSchemas
from flight_server.query.caller import Caller
from flight_server.query.events import NOBODY, Listener
from flight_server.query.options import Bounds
from flight_server.query.seal import Sealer
from flight_server.query.service import QueryService
from flight_server.query.sessions import Session, Sessions

Metadata = Sequence[tuple[str, str | bytes]]

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_MAX_CLIENT = 200


@dataclass(frozen=True, slots=True)
class Door:
    """What every call shares."""

    service: QueryService
    authenticator: Authenticator
    sealer: Sealer
    settings: ServerSettings
    sessions: Sessions
    bounds: Bounds
    listener: Listener = NOBODY
    schemas: TableSchemas = field(default_factory=TableSchemas)


@dataclass(slots=True)
class Call:
    """One call. `on_end` registers what to do when the client is gone; False if it already is.

    `caller` has the options of the session. `statement` is set once the statement is known, so that
    errors can name a line and column. `headers` are sent before the first answer. `command` names
    the message that it is about, `query_id` is that of a statement that it runs.
    """

    door: Door
    caller: Caller
    session: Session
    on_end: Callable[[Callable[[], None]], bool]
    headers: dict[str, str] = field(default_factory=dict)
    statement: str | None = None
    command: str = ""
    query_id: str | None = None


def header(metadata: Metadata, name: str) -> str:
    """The first value of a text header, or an empty text."""
    for key, value in metadata:
        if key == name and isinstance(value, str):
            return value
    return ""


def with_partitions(metadata: Metadata) -> Metadata:
    """The headers, in which `x-partitions` also says what the option `partitions` does."""
    asked = header(metadata, "x-partitions")
    return [*metadata, ("partitions", asked)] if asked else metadata


def request_id_of(metadata: Metadata) -> str:
    """The client's request id where it is well-formed, else a new one."""
    given = header(metadata, "x-request-id")
    return given if given and _REQUEST_ID.fullmatch(given) else os.urandom(16).hex()


def client_of(metadata: Metadata) -> str:
    """What the client says it is, without anything that would upset a log."""
    agent = header(metadata, "user-agent")[:_MAX_CLIENT]
    return agent if agent.isprintable() else ascii(agent)
