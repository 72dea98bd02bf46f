"""Who calls: credentials from headers or a handshake, turned into a principal or refused."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from auth.authenticate import Authenticator
from auth.errors import Unauthenticated
from auth.principal import Principal
from flight_server.protocol.call import Metadata
from flight_server.protocol.messages import parse
from flight_server.protocol.wire import flight_pb2


@dataclass(frozen=True, slots=True)
class Login:
    """A principal, with the bearer token it came with (empty for a password)."""

    principal: Principal
    token: str = ""


def log_in(authenticator: Authenticator, metadata: Metadata) -> Login:
    """Authenticate a call by its headers.

    `authorization` carries `Bearer` or `Basic`; `auth-token-bin` is where clients of the old
    handshake put their token. Several different values are refused: a proxy and this server might
    not choose the same one. Raises `Unauthenticated`.
    """
    given = credentials(metadata)
    if given is None:
        return Login(authenticator.anonymous())
    scheme, _, value = given.partition(" ")
    match scheme.lower():
        case "bearer":
            token = value.strip()
            return Login(authenticator.bearer(token), token)
        case "basic":
            username, password = _basic(value.strip())
            return Login(authenticator.basic(username, password))
        case _:
            raise Unauthenticated()


def log_in_with_payload(authenticator: Authenticator, payload: bytes) -> Login:
    """Authenticate by the payload of a handshake, as older clients do."""
    if not payload:
        raise Unauthenticated()
    given = parse(flight_pb2.BasicAuth, payload)
    return Login(authenticator.basic(given.username, given.password))


def claimed_user(metadata: Metadata) -> str:
    """The user name that a call gives with a password, right or wrong; empty without one."""
    try:
        scheme, _, value = (credentials(metadata) or "").partition(" ")
        return _basic(value.strip())[0] if scheme.lower() == "basic" else ""
    except Unauthenticated:
        return ""


def token_for(authenticator: Authenticator, login: Login) -> str:
    """The token to go on with: a verified session token is kept, anything else gets a new one."""
    if login.token and login.principal.method == "jwt":
        return login.token
    return authenticator.mint(login.principal)


def credentials(metadata: Metadata) -> str | None:
    """The one `scheme value` pair that a call carries, or None."""
    found = {value for key, value in metadata if key == "authorization" and value}
    for key, value in metadata:
        if key == "auth-token-bin" and isinstance(value, bytes) and value:
            try:
                found.add("Bearer " + value.decode("ascii"))
            except UnicodeDecodeError:
                raise Unauthenticated() from None
    if not found:
        return None
    given = found.pop()
    if found or not isinstance(given, str):
        raise Unauthenticated()
    return given


def _basic(value: str) -> tuple[str, str]:
    # Go's driver sends base64 without padding.
    try:
        decoded = base64.b64decode(value + "=" * (-len(value) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        raise Unauthenticated() from None
    username, colon, password = decoded.partition(":")
    if not colon:
        raise Unauthenticated()
    return username, password
