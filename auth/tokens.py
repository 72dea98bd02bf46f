"""JSON Web Tokens: verifying those of known issuers, and minting our own."""

from __future__ import annotations

import logging
import math
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import jwt
from jwt.types import Options

from auth.errors import ConfigurationInvalid, Unauthenticated
from auth.keys import ALGORITHMS, Key, KeySet
from auth.subjects import is_subject

_log = logging.getLogger(__name__)
_MAX_BYTES: Final = 8 * 1024
_REQUIRED: Final = ("iss", "aud", "sub", "exp")
_MAX_ID: Final = 256
_KEPT: Final = 1_024  # genuine tokens, of at most 8 KiB each
_OPTIONS: Final[Options] = {  # the library checks signature and issuer, the rest is stricter here
    "require": ["iss"],
    "verify_iss": True,
    "verify_aud": False,
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_sub": False,
    "verify_jti": False,
}


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose tokens are accepted, and how strictly. Raises `ConfigurationInvalid`.

    `algorithms` are those that the issuer signs with; secrets and public keys cannot be mixed.
    A token is accepted when its audience is or contains `audience`, and it was made to live at most
    `max_lifetime_seconds`. `leeway` is what clocks may differ, in seconds.
    """

    iss: str
    audience: str
    algorithms: tuple[str, ...]
    keys: KeySet
    max_lifetime_seconds: int = 86_400
    leeway: int = 30

    def __post_init__(self) -> None:
        unknown = set(self.algorithms) - ALGORITHMS
        if unknown or not self.algorithms:
            raise ConfigurationInvalid(f"not algorithms of tokens: {sorted(unknown)}")
        if len({name.startswith("HS") for name in self.algorithms}) > 1:
            raise ConfigurationInvalid("an issuer signs either with a secret or with a key pair")
        if not self.iss or not self.audience:
            raise ConfigurationInvalid("an issuer needs a name (iss) and an audience")
        if self.max_lifetime_seconds <= 0 or not 0 <= self.leeway <= 300:
            raise ConfigurationInvalid("lifetime or leeway of an issuer is out of bounds")


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """What a token says once its signature and its standard claims hold."""

    issuer: str
    subject: str
    token_id: str
    expires_at: int
    claims: Mapping[str, Any]


class _Refused(Exception):
    """Why a token is not accepted: for the log, never for the client."""


class TokenVerifier:
    """Verifies tokens of the given issuers. Safe to use from several threads."""

    def __init__(self, issuers: Iterable[Issuer], clock: Callable[[], float] = time.time) -> None:
        self.issuers = tuple(issuers)
        self._clock = clock
        # A signature that held once holds for good, as keys are fixed; what depends on the time is
        # checked at every use. Failures are not kept.
        self._genuine = lru_cache(maxsize=_KEPT)(self._verify_signature)
        if len({issuer.iss for issuer in self.issuers}) != len(self.issuers):
            raise ConfigurationInvalid("two issuers have the same name (iss)")

    def verify(self, token: str) -> VerifiedToken:
        """The verified content of a token. Raises `Unauthenticated`, with one text for all."""
        try:
            return self._verify(token)
        except _Refused as refusal:
            _log.info("Token refused: %s", refusal)
        raise Unauthenticated

    def _verify(self, token: str) -> VerifiedToken:
        if len(token) > _MAX_BYTES or not token.isascii():
            raise _Refused("too large or not ASCII")
        return self._checked(*self._genuine(token))

    def _verify_signature(self, token: str) -> tuple[dict[str, Any], Issuer]:
        """The claims of a token, with the issuer whose signature it bears."""
        algorithm, kid = _header(token)
        for issuer in self.issuers:
            if algorithm not in issuer.algorithms:
                continue
            key = issuer.keys.find(kid, algorithm)
            claims = None if key is None else _signed(token, key, algorithm, issuer.iss)
            if claims is not None:
                return claims, issuer
        raise _Refused("no key and issuer for it")

    def _checked(self, claims: dict[str, Any], issuer: Issuer) -> VerifiedToken:
        """Check the standard claims, with their types, which the library does not."""
        for name in _REQUIRED:
            if claims.get(name) is None:
                raise _Refused(f"{name} is missing")
        if not _for_audience(claims["aud"], issuer.audience):
            raise _Refused("meant for another audience")
        if not is_subject(claims["sub"]):
            raise _Refused("sub is not a subject")
        now, leeway = self._clock(), issuer.leeway
        expires = _moment(claims, "exp")
        # without the moment of issue, a token is taken as issued now: it may not live longer either
        issued = _moment(claims, "iat") if claims.get("iat") is not None else now
        if expires + leeway <= now:
            raise _Refused("expired")
        if issued > now + leeway or ("nbf" in claims and _moment(claims, "nbf") > now + leeway):
            raise _Refused("not valid yet")
        if not 0 < expires - issued <= issuer.max_lifetime_seconds:
            raise _Refused("lives too long")
        token_id = claims.get("jti", "")
        if not isinstance(token_id, str) or len(token_id) > _MAX_ID:
            raise _Refused("jti is not a short text")
        return VerifiedToken(
            issuer=issuer.iss,
            subject=claims["sub"],
            token_id=token_id,
            expires_at=math.floor(expires),
            claims=MappingProxyType(claims),
        )


class TokenMinter:
    """Makes tokens with a key that can sign. Raises `ConfigurationInvalid` for one that cannot."""

    def __init__(
        self, key: Key, *, issuer: str, audience: str, clock: Callable[[], float] = time.time
    ) -> None:
        if key.sign is None:
            raise ConfigurationInvalid("a public key cannot sign tokens")
        self._sign = key.sign
        self._algorithm = key.algorithms[0]
        self._issuer = issuer
        self._audience = audience
        self._clock = clock

    def mint(
        self,
        subject: str,
        *,
        lifetime_seconds: int,
        expires_at: int | None = None,
        claims: Mapping[str, Any] | None = None,
    ) -> str:
        """A signed token that ends after its lifetime, or at `expires_at` where that is earlier.

        `claims` are added and cannot replace the standard ones.
        """
        if not is_subject(subject):
            raise ConfigurationInvalid("the subject is empty, too long or has odd characters")
        if lifetime_seconds <= 0:
            raise ConfigurationInvalid("the lifetime must be positive")
        now = int(self._clock())
        expires = now + lifetime_seconds
        standard = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": subject,
            "iat": now,
            "exp": expires if expires_at is None else min(expires, expires_at),
            "jti": uuid.uuid4().hex,
        }
        return jwt.encode({**(claims or {}), **standard}, self._sign, algorithm=self._algorithm)


def _header(token: str) -> tuple[str, str | None]:
    """The algorithm and the key's identifier; nothing else in a header is ever looked at."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError) as fault:
        raise _Refused("not a token") from fault
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise _Refused("algorithm is not allowed")
    if "crit" in header or not (kid is None or isinstance(kid, str)):
        raise _Refused("header has critical parts or an odd kid")
    return algorithm, kid


def _signed(token: str, key: Key, algorithm: str, iss: str) -> dict[str, Any] | None:
    """The claims, if the signature holds and the issuer is the one named; else None."""
    try:
        return dict(
            jwt.decode(token, key.verify, algorithms=[algorithm], issuer=iss, options=_OPTIONS)
        )
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None


def _for_audience(found: object, wanted: str) -> bool:
    return found == wanted or (
        isinstance(found, list) and all(isinstance(a, str) for a in found) and wanted in found
    )


def _moment(claims: Mapping[str, Any], name: str) -> float:
    """A time in Unix seconds; a number, and not one so large that arithmetic breaks on it."""
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**40:
        raise _Refused(f"{name} is not a time")
    return float(value)
