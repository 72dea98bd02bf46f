"""Credentials → `Principal`: bearer tokens, API keys, names with passwords, and our sessions."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from auth.credentials import Credentials, Login
from auth.errors import Unauthenticated
from auth.identity import Identity
from auth.keys import Key, StaticKeys
from auth.passwords import API_KEY_PREFIX
from auth.principal import Principal
from auth.tokens import Issuer, TokenMinter, TokenVerifier, VerifiedToken

_log = logging.getLogger(__name__)
_CREDENTIAL: Final = "cred"
_EXPIRED_SECONDS: Final = 60.0
_SESSION_NAME: Final = "flight-server/session"


@dataclass(frozen=True, slots=True)
class Sessions:
    """The key that our own session tokens are signed with, and how long they live, in seconds.

    Replicas that serve the same sessions share the key.
    """

    key: Key
    lifetime_seconds: int = 43_200
    name: str = _SESSION_NAME


class Authenticator:
    """Makes principals of what callers show. Safe to use from several threads.

    `identity` and `credentials` are asked at each call, so that changes of their files take effect:
    a session ends when its user is disabled or its password or API key is changed or removed.
    `anonymous` names the user whose rights callers without credentials get; None refuses them.
    """

    def __init__(
        self,
        *,
        identity: Callable[[], Identity],
        issuers: tuple[Issuer, ...] = (),
        credentials: Callable[[], Credentials] | None = None,
        sessions: Sessions | None = None,
        anonymous: str | None = None,
    ) -> None:
        self._identity = identity
        self._credentials = credentials
        self._sessions = sessions
        self._anonymous = anonymous
        self._minter = None
        if sessions is not None:
            self._minter = TokenMinter(sessions.key, issuer=sessions.name, audience=sessions.name)
            issuers = (*issuers, _session_issuer(sessions))
        self._verifier = TokenVerifier(issuers)

    def bearer(self, token: str) -> Principal:
        """The principal of a JWT or an API key. Raises `Unauthenticated`."""
        if token.startswith(API_KEY_PREFIX):
            return self._by_api_key(token)
        verified = self._verifier.verify(token)
        if self._sessions is not None and verified.issuer == self._sessions.name:
            return self._by_session(verified)
        identity = self._identity()
        return Principal(
            subject=identity.subject_of(verified.claims),
            groups=identity.groups_of(verified.claims),
            claims=verified.claims,
            issuer=verified.issuer,
            token_id=verified.token_id,
            expires_at=verified.expires_at,
            method="jwt",
        )

    def basic(self, username: str, password: str) -> Principal:
        """The principal of a user name with its password, or with an API key of that user.

        Raises `Unauthenticated`.
        """
        if password.startswith(API_KEY_PREFIX):
            principal = self._by_api_key(password)
            if principal.subject != username:
                raise _refused("API key of another user")
            return principal
        if self._credentials is None:
            raise _refused("no users are configured")
        login = self._credentials().by_password(username, password)
        if login is None:
            raise _refused("unknown user or wrong password")
        return _principal(login)

    def anonymous(self) -> Principal:
        """The principal of callers who show nothing: a user of the file, where one is named.

        Raises `Unauthenticated` where none is, or the user is gone or disabled.
        """
        if self._anonymous is None or self._credentials is None:
            raise _refused("no credentials")
        user = self._credentials().user(self._anonymous)
        if user is None or user.disabled:
            raise _refused("the anonymous user is gone")
        return _principal(Login(user, "anonymous", ""))

    def renewed(self, principal: Principal) -> Principal:
        """The principal as its credentials make it now, for what runs since it was authenticated.

        Raises `Unauthenticated` where they are gone, or expired for longer than a minute.
        """
        expires_at = principal.expires_at
        if expires_at is not None and time.time() > expires_at + _EXPIRED_SECONDS:
            raise _refused("the credentials expired while they were used")
        if principal.method == "jwt":
            if not principal.issuer:  # made in this process, not by a token
                return principal
            identity = self._identity()
            if identity.subject_of(principal.claims) != principal.subject:
                raise _refused("the policy names the user by another claim now")
            return replace(principal, groups=identity.groups_of(principal.claims))
        if principal.method == "anonymous":
            return self.anonymous()
        if self._credentials is None:
            raise _refused("no users are configured")
        login = self._credentials().by_credential(principal.subject, principal.token_id)
        if login is None:
            raise _refused("the credential is gone")
        return _principal(login, expires_at=expires_at)

    def mint(self, principal: Principal) -> str:
        """A session token for a principal of `basic`, or of `bearer` with an API key.

        It never outlives the session that the principal itself may come from. Raises
        `Unauthenticated` for a principal of a JWT, which has a token already, and where sessions
        are not configured.
        """
        if self._minter is None or self._sessions is None or self._credentials is None:
            raise _refused("no sessions are configured")
        login = self._credentials().by_credential(principal.subject, principal.token_id)
        if login is None or login.method != principal.method:
            raise _refused("no session for this principal")
        return self._minter.mint(
            principal.subject,
            lifetime_seconds=self._sessions.lifetime_seconds,
            expires_at=principal.expires_at,
            claims={_CREDENTIAL: login.credential},
        )

    def _by_api_key(self, key: str) -> Principal:
        login = None if self._credentials is None else self._credentials().by_api_key(key)
        if login is None:
            raise _refused("unknown API key")
        return _principal(login)

    def _by_session(self, verified: VerifiedToken) -> Principal:
        credential = verified.claims.get(_CREDENTIAL)
        if self._credentials is None or not isinstance(credential, str):
            raise _refused("not a session")
        login = self._credentials().by_credential(verified.subject, credential)
        if login is None:
            raise _refused("the credential of the session is gone")
        return _principal(login, expires_at=verified.expires_at)


def _session_issuer(sessions: Sessions) -> Issuer:
    return Issuer(
        iss=sessions.name,
        audience=sessions.name,
        algorithms=sessions.key.algorithms[:1],
        keys=StaticKeys(unnamed=(sessions.key,)),
        max_lifetime_seconds=sessions.lifetime_seconds,
    )


def _principal(login: Login, expires_at: int | None = None) -> Principal:
    return Principal(
        subject=login.user.name,
        groups=login.user.groups,
        claims=login.user.claims,
        token_id=login.credential,
        expires_at=expires_at,
        method=login.method,
    )


def _refused(why: str) -> Unauthenticated:
    """The one error for all, with its reason in the log only."""
    _log.info("Credentials refused: %s", why)
    return Unauthenticated()
