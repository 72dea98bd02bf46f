"""Users with passwords and API keys, read from a file and checked as a whole."""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from auth.errors import ConfigurationInvalid, TooManyLogins
from auth.passwords import (
    MAX_PASSWORD,
    PasswordHash,
    hash_api_key,
    is_api_key,
    parse_password_hash,
    unknown_password,
    utf8,
)
from auth.reloading import ReloadingFile
from auth.subjects import is_subject
from auth.yaml_file import Value, read_yaml

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_RESERVED: Final = frozenset({"sub", "iss", "aud", "exp", "iat", "nbf", "jti"})
_HASHING_AT_ONCE: Final = 4  # each takes 16 MiB or more
# each holds a place of the server (of 256), and nobody is known yet; an application that opens a
# hundred connections at once is let in
_WAITING_AT_ONCE: Final = 124


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A stored API key: its name and the SHA-256 of the key."""

    name: str
    digest: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class User:
    """A user of the file; the name is the subject."""

    name: str
    password: PasswordHash | None = None
    api_keys: tuple[ApiKey, ...] = ()
    groups: frozenset[str] = frozenset()
    claims: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Login:
    """A user with the credential that was shown.

    `method` is `password` or `api_key`. `credential` names the credential and changes with it, so
    that what was issued for it can be refused once it is gone; it is no secret.
    """

    user: User
    method: str
    credential: str


class Credentials:
    """The users of a file, to be asked by credential. Safe to use from several threads."""

    def __init__(self, users: Iterable[User]) -> None:
        self._users = {user.name: user for user in users}
        self._by_digest = {
            key.digest: (user, key) for user in self._users.values() for key in user.api_keys
        }
        costs = [user.password.cost for user in self._users.values() if user.password]
        self._unknown = unknown_password(max(costs)) if costs else unknown_password()
        self._hashing = threading.BoundedSemaphore(_HASHING_AT_ONCE)
        self._waiting = threading.BoundedSemaphore(_HASHING_AT_ONCE + _WAITING_AT_ONCE)

    def users(self) -> list[User]:
        """All users, sorted by name, for operators' questions; disabled ones too."""
        return [self._users[name] for name in sorted(self._users)]

    def user(self, name: str) -> User | None:
        """A user by name, for operators' questions; proves nothing about a caller."""
        return self._users.get(name)

    def by_password(self, name: str, password: str) -> Login | None:
        """The login of a name and password; None where they do not fit.

        The same hashing is done for users that do not exist, are disabled or have no password.
        Nothing is remembered of a success: a fast second check would be a fast way to guess. Raises
        `TooManyLogins` where too many wait already.
        """
        if len(password) > MAX_PASSWORD or len(utf8(password)) > MAX_PASSWORD:
            return None
        user = self._users.get(name)
        stored = self._unknown if user is None or user.password is None else user.password
        matches = self._matches(stored, password)
        if not matches or user is None or user.password is None or user.disabled:
            return None
        return Login(user, "password", _password_id(user.password))

    def _matches(self, stored: PasswordHash, password: str) -> bool:
        if not self._waiting.acquire(blocking=False):
            raise TooManyLogins
        try:
            with self._hashing:
                return stored.matches(password)
        finally:
            self._waiting.release()

    def by_api_key(self, key: str) -> Login | None:
        """The login of an API key; None where it is not one of an active user."""
        if not is_api_key(key):
            return None
        digest = hash_api_key(key)
        found = self._by_digest.get(digest)
        if found is None or not hmac.compare_digest(found[1].digest, digest) or found[0].disabled:
            return None
        return Login(found[0], "api_key", _api_key_id(found[1]))

    def by_credential(self, name: str, credential: str) -> Login | None:
        """The login that was made with a credential earlier; None where user or it are gone."""
        user = self._users.get(name)
        if user is None or user.disabled:
            return None
        if user.password is not None and credential == _password_id(user.password):
            return Login(user, "password", credential)
        if any(credential == _api_key_id(key) for key in user.api_keys):
            return Login(user, "api_key", credential)
        return None


class CredentialsSource:
    """The users of a file, read again when it changes. Raises `ConfigurationInvalid` at first."""

    def __init__(self, path: Path | str) -> None:
        self._file = ReloadingFile(Path(path), parse_credentials, ConfigurationInvalid)

    def current(self) -> Credentials:
        """The users in force."""
        return self._file.current()

    @property
    def failure(self) -> str:
        """Why the file as it is now is not in force; empty when it is. For operators only."""
        return self._file.failure


def parse_credentials(text: str, file: str = "users.yaml") -> Credentials:
    """The users of a YAML text. Raises `ConfigurationInvalid`, which names file and line."""
    root = read_yaml(text, file, ConfigurationInvalid)
    fields = root.fields(required=["version", "users"])
    if fields["version"].integer(0, 2**31) != 1:
        raise fields["version"].fault("only version 1 is known")
    users = []
    digests: set[str] = set()
    for key, value in fields["users"].entries():
        name = key.key()
        if not is_subject(name):
            raise key.fault("a user name has up to 256 plain characters in normal form (NFC)")
        users.append(_user(name, value, digests))
    return Credentials(users)


def _user(name: str, value: Value, digests: set[str]) -> User:
    fields = value.fields(optional=["password", "api_keys", "groups", "claims", "disabled"])
    claims: dict[str, Any] = {"sub": name}
    for key, claim in fields["claims"].entries() if "claims" in fields else []:
        if key.key() in _RESERVED:
            raise key.fault(f"{key.key()!r} cannot be set")
        claims[key.key()] = claim.plain()
    groups = fields["groups"].one_or_more() if "groups" in fields else []
    keys = fields["api_keys"].items() if "api_keys" in fields else []
    return User(
        name=name,
        password=_password(fields["password"]) if "password" in fields else None,
        api_keys=tuple(_api_key(item, digests) for item in keys),
        groups=frozenset(group.text() for group in groups),
        claims=MappingProxyType(claims),
        disabled=fields["disabled"].boolean() if "disabled" in fields else False,
    )


def _password(value: Value) -> PasswordHash:
    stored = parse_password_hash(value.text())
    if stored is None:  # the text may be a password: it is not repeated
        raise value.fault("must be a hash that starts with $scrypt$, never the password itself")
    return stored


def _api_key(value: Value, digests: set[str]) -> ApiKey:
    fields = value.fields(required=["id", "sha256"])
    digest = fields["sha256"].text()
    if not _DIGEST.fullmatch(digest):
        raise fields["sha256"].fault("must be the SHA-256 of the key: 64 hexadecimal digits")
    if digest in digests:
        raise fields["sha256"].fault("this key is given twice")
    digests.add(digest)
    return ApiKey(fields["id"].text(longest=64), digest)


def _password_id(stored: PasswordHash) -> str:
    return f"password:{_short(str(stored))}"


def _api_key_id(key: ApiKey) -> str:
    return f"{key.name}:{_short(key.digest)}"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
