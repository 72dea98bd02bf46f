"""Which session a call belongs to, and how its options reach the client again.

A client shows its session by the header `x-flight-session`, else by a cookie; for one that shows
neither it is looked up by its credentials. The first of these counts, and call headers beat it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from flight_server.protocol.call import Call, Door, Metadata, header
from flight_server.protocol.login import Login, credentials
from flight_server.query.caller import Caller
from flight_server.query.errors import InvalidHandle, WrongOwner
from flight_server.query.options import OPTIONS, Scope, applied, change, check
from flight_server.query.sessions import Opened, Session, SessionKey

HEADER = "x-flight-session"
COOKIE = "arrow_flight_session_id"
SET_COOKIE = "set-cookie"


def begun(door: Door, caller: Caller, login: Login, metadata: Metadata) -> Session:
    """The session of a call, with the options that its own headers add.

    Raises `InvalidHandle` and `WrongOwner` for a session that cannot be taken up, and
    `InvalidOption` for a header that cannot be.
    """
    key = _key(login, caller, metadata)
    shown = _shown(door, caller.principal.owner, metadata)
    options = door.sessions.recall(key) if shown is None else shown.options
    return Session(
        bare=caller,
        key=key,
        options=options,
        extra=_extra(door, caller, options, metadata),
        shown=shown is not None,
        aging=shown is not None and shown.aging,
    )


def headers_of_renewed(door: Door, session: Session) -> dict[str, str]:
    """What to send with an answer so that a session in use does not expire: mostly nothing."""
    return _headers(door, session, session.options) if session.aging else {}


def set_options(call: Call, changes: Mapping[str, str | None]) -> Mapping[str, Exception]:
    """Change known options of the session, None unsets one; gives what is wrong with which."""
    session = call.session
    scope = Scope(call.door.service, session.bare, call.door.bounds, session.options)
    options, wrong = change(scope, changes)
    if options != session.options:
        replace_options(call, options)
    return wrong


def replace_options(call: Call, options: Mapping[str, str]) -> None:
    """Give the session other options, before the first answer of a call.

    They are kept by the client, and by this process for one that shows nothing.
    """
    session = call.session
    if not session.shown:
        call.door.sessions.keep(session.key, options)
    call.headers.update(_headers(call.door, session, options))


def end(call: Call) -> None:
    """Forget the session, here and at its client."""
    call.door.sessions.keep(call.session.key, {})
    call.headers[SET_COOKIE] = f"{COOKIE}=; Path=/; Max-Age=0"


def _headers(door: Door, session: Session, options: Mapping[str, str]) -> dict[str, str]:
    sealed = door.sessions.seal(session.key.owner, options)
    age = int(door.sessions.limits.seconds)
    return {HEADER: sealed, SET_COOKIE: f"{COOKIE}={sealed}; Path=/; Max-Age={age}"}


def _shown(door: Door, owner: str, metadata: Metadata) -> Opened | None:
    text = header(metadata, HEADER)
    if not text:
        text = _cookie(metadata)
        # any server of a client may have set it: only what names our keys is ours to refuse
        if not text or not door.sessions.known(text):
            return None
    try:
        return door.sessions.open(owner, text)
    except InvalidHandle:
        raise InvalidHandle("The session is not valid or has expired: connect anew.") from None
    except WrongOwner:
        raise WrongOwner("The session belongs to another user.") from None


def _cookie(metadata: Metadata) -> str:
    for name, value in metadata:
        if name == "cookie" and isinstance(value, str):
            for part in value.split(";"):
                key, _, text = part.strip().partition("=")
                if key == COOKIE:
                    return text.strip('"')
    return ""


def _key(login: Login, caller: Caller, metadata: Metadata) -> SessionKey:
    """By what a client is known that shows no session.

    The token of a login is one connection's own. Other credentials are used by many connections,
    whose sessions must not mix: there, the peer counts as well.
    """
    principal = login.principal
    own = principal.method != "jwt" and principal.expires_at is not None
    shown = f"{credentials(metadata) or ''}\0{'' if own else caller.peer}"
    return SessionKey(principal.owner, hashlib.sha256(shown.encode()).digest())


def _extra(
    door: Door, caller: Caller, options: Mapping[str, str], metadata: Metadata
) -> Mapping[str, str]:
    extra: dict[str, str] = {}
    for option in OPTIONS:
        value = header(metadata, option.name) if option.header else ""
        if value:
            scope = Scope(door.service, caller, door.bounds, {**options, **extra})
            extra[option.name] = check(option.name, value, scope)
    return extra


def effective(session: Session) -> Caller:
    """The caller of a session, with all that is set for the call."""
    return applied(session.bare, {**session.options, **session.extra})
