"""The demo's four users with their secrets, and the files that make the server know them."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from auth.passwords import generate_api_key, hash_api_key, hash_password

POLICY, USERS, CREDENTIALS, CONFIG = (
    "policy.yaml",
    "users.yaml",
    "credentials.json",
    "flight-server.yaml",
)
_SESSION_SECRET, _SEAL_KEY, _TOKEN_SECRET, _AUDIT_SECRET = (
    "session.secret",
    "seal.key",
    "token.secret",
    "audit.secret",
)

Credentials = Mapping[str, Mapping[str, str]]


def write(directory: Path, catalog: str, properties: Mapping[str, str]) -> Credentials:
    """Write policy, users, credentials and configuration; gives the credentials by user.

    The secrets are drawn anew: they must not follow from the seed of the data.
    """
    credentials = {
        "analyst": {"password": _password()},
        "manager": {"password": _password()},
        "compliance": {"password": _password()},
        "service": {"api_key": generate_api_key()},
    }
    policy = resources.files("flight_server.demo").joinpath(POLICY).read_text()
    (directory / POLICY).write_text(policy)
    for secret in (_SESSION_SECRET, _SEAL_KEY, _TOKEN_SECRET, _AUDIT_SECRET):
        _write_private(directory / secret, secrets.token_hex(32))
    _write_private(directory / USERS, _yaml(users(credentials)))
    _write_private(directory / CREDENTIALS, json.dumps(credentials, indent=2))
    _write_private(directory / CONFIG, _yaml(configuration(catalog, properties)))
    return credentials


def read(directory: Path) -> Credentials:
    """The credentials that `write` wrote."""
    found: Credentials = json.loads((directory / CREDENTIALS).read_text())
    return found


def users(credentials: Credentials) -> dict[str, Any]:
    """The users file: hashes, groups and claims."""
    return {
        "version": 1,
        "users": {
            "analyst": _with_password(credentials["analyst"], ["analysts"]),
            "manager": {
                **_with_password(credentials["manager"], ["desk-heads"]),
                "claims": {"desk": "equities"},
            },
            "compliance": _with_password(credentials["compliance"], ["compliance"]),
            "service": {
                "api_keys": [
                    {"id": "demo", "sha256": hash_api_key(credentials["service"]["api_key"])}
                ],
                "groups": ["services"],
            },
        },
    }


def configuration(catalog: str, properties: Mapping[str, str]) -> dict[str, Any]:
    """The server's settings; relative paths are relative to the file."""
    return {
        "auth": {
            "users": USERS,
            "session_secret": f"file:{_SESSION_SECRET}",
            # what `flight-server token` signs with; a real server trusts a real issuer's key
            "issuers": [
                {
                    "issuer": "https://demo.invalid",
                    "audience": "flight-server",
                    "algorithms": ["HS256"],
                    "secret": f"file:{_TOKEN_SECRET}",
                }
            ],
        },
        "policy": {"file": POLICY},
        "catalogs": {catalog: dict(properties)},
        "seal": {"keys": [f"file:{_SEAL_KEY}"]},
        "audit": {"directory": "audit", "secret": f"file:{_AUDIT_SECRET}"},
        "defaults": {"catalog": catalog},
    }


def _with_password(credential: Mapping[str, str], groups: list[str]) -> dict[str, Any]:
    return {"password": hash_password(credential["password"]), "groups": groups}


def _password() -> str:
    return secrets.token_urlsafe(15)


def _yaml(values: Mapping[str, Any]) -> str:
    return str(yaml.safe_dump(dict(values), sort_keys=False))


def _write_private(path: Path, text: str) -> None:
    """Write a file that nobody else could read at any moment."""
    path.unlink(missing_ok=True)  # one that exists may be readable, or be a link
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
