"""Passwords and API keys as they are stored: made, and compared without telling anything."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import unicodedata
from dataclasses import dataclass, field
from typing import Final

from auth.errors import ConfigurationInvalid

API_KEY_PREFIX: Final = "fsk_"
MAX_PASSWORD: Final = 1_024  # bytes; longer ones are never hashed
_API_KEY: Final = re.compile(r"fsk_[A-Za-z0-9_\-]{43}")
_STORED: Final = re.compile(
    r"\$scrypt\$ln=(\d{2}),r=8,p=1\$([A-Za-z0-9+/]{22,86})\$([A-Za-z0-9+/]{43})"
)
_LOG_N: Final = 14  # 16 MiB and some 50 ms for each attempt
_HIGHEST_LOG_N: Final = 16
_BLOCK: Final = 8
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """A stored scrypt hash. `cost` is the binary logarithm of its work factor."""

    cost: int
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)

    def matches(self, password: str) -> bool:
        """Whether a password is the one; takes as long for a wrong one."""
        return hmac.compare_digest(_scrypt(password, self.salt, self.cost), self.digest)

    def __str__(self) -> str:
        return f"$scrypt$ln={self.cost},r={_BLOCK},p=1${_encode(self.salt)}${_encode(self.digest)}"


def hash_password(password: str) -> str:
    """The text to store for a password. Raises `ConfigurationInvalid` for an unusable one."""
    if not password or len(utf8(password)) > MAX_PASSWORD:
        raise ConfigurationInvalid(f"a password has 1 to {MAX_PASSWORD} bytes")
    if password.startswith(API_KEY_PREFIX):
        raise ConfigurationInvalid(f"a password cannot begin with {API_KEY_PREFIX}")
    salt = secrets.token_bytes(_SALT_BYTES)
    return str(PasswordHash(_LOG_N, salt, _scrypt(password, salt, _LOG_N)))


def parse_password_hash(stored: str) -> PasswordHash | None:
    """The hash that a text stores; None where it is not one, or too cheap or costly."""
    found = _STORED.fullmatch(stored)
    if found is None or not _LOG_N <= int(found[1]) <= _HIGHEST_LOG_N:
        return None
    try:
        return PasswordHash(int(found[1]), _decode(found[2]), _decode(found[3]))
    except binascii.Error:
        return None


def unknown_password(cost: int = _LOG_N) -> PasswordHash:
    """A hash of no password, to spend the same time on users that do not exist."""
    return PasswordHash(cost, bytes(_SALT_BYTES), secrets.token_bytes(_HASH_BYTES))


def generate_api_key() -> str:
    """A new API key: `fsk_` and 256 random bits. Shown once; only its hash is stored."""
    return API_KEY_PREFIX + secrets.token_urlsafe(32)


def hash_api_key(key: str) -> str:
    """The SHA-256 of an API key, in hexadecimal, as it is stored.

    A fast hash is right here, and only here: the key is random with 256 bits, so there is nothing
    to guess that a slow hash would slow down, and keys are checked at every call.
    """
    return hashlib.sha256(utf8(key)).hexdigest()


def is_api_key(text: str) -> bool:
    """Whether a text has the shape of an API key."""
    return _API_KEY.fullmatch(text) is not None


def utf8(text: str) -> bytes:
    """The bytes of any text, also of one that came from bytes that are no text."""
    return text.encode("utf-8", "surrogatepass")


def _scrypt(password: str, salt: bytes, cost: int) -> bytes:
    # the same password typed on different keyboards may differ in its bytes, hence NFC
    data = utf8(unicodedata.normalize("NFC", password))
    n = 1 << cost
    return hashlib.scrypt(
        data, salt=salt, n=n, r=_BLOCK, p=1, dklen=_HASH_BYTES, maxmem=256 * n * _BLOCK
    )


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
