"""Our own server as it is deployed: its configuration, its users, a policy, and a process."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from auth.passwords import hash_password
from benchmarks import data
from benchmarks.processes import Running, started
from benchmarks.targets import HIDDEN, MASK, MASKED, SEEN_MODES

READY = "flight-server ready "
FULL = "full"
NARROW = "narrow"
MASKED_USER = "masked"
FILTER_ONLY = "filtered"
MASK_ONLY = "masking"
_USERS = (FULL, NARROW, MASKED_USER, FILTER_ONLY, MASK_ONLY)
_START_SECONDS = 60.0
_TABLE = f"{data.CATALOG}.{data.SCHEMA}.{data.TABLE}"


@dataclass(frozen=True, slots=True)
class Served:
    """The server, ready, with the logins of its users by name."""

    running: Running
    logins: Mapping[str, dict[str, str]] = field(repr=False)


def command() -> Path | None:
    """The server's command, next to this interpreter; None where it is not installed."""
    path = Path(sys.executable).with_name("flight-server")
    return path if path.exists() else None


@contextmanager
def served(warehouse: data.Warehouse, folder: Path) -> Iterator[Served]:
    """Serve a warehouse to users of whom one sees all and the others are under a policy.

    `folder` takes the configuration and the log.
    """
    program = command()
    assert program is not None
    passwords = {user: secrets.token_urlsafe(16) for user in _USERS}
    config = configured(warehouse, folder, passwords)
    with started(
        [str(program), "serve", "--config", str(config)],
        ready=READY,
        log=folder / "server.log",
        seconds=_START_SECONDS,
    ) as running:
        logins = {
            user: {"username": user, "password": password} for user, password in passwords.items()
        }
        yield Served(running, logins)


def configured(
    warehouse: data.Warehouse, folder: Path, passwords: Mapping[str, str] | None = None
) -> Path:
    """Write policy, users and settings; gives the file of the settings."""
    given = passwords or dict.fromkeys(_USERS, secrets.token_urlsafe(16))
    _write(folder / "policy.yaml", _policy())
    _write(folder / "users.yaml", _users(given))
    _write(folder / "config.yaml", _config(warehouse))
    return folder / "config.yaml"


def _config(warehouse: data.Warehouse) -> dict[str, Any]:
    return {
        "server": {"port": 0},
        "auth": {"users": "users.yaml"},
        "policy": {"file": "policy.yaml"},
        "catalogs": {data.CATALOG: warehouse.properties},
        "defaults": {"catalog": data.CATALOG, "schema": data.SCHEMA},
        "log": {"level": "warning"},
    }


def _users(passwords: Mapping[str, str]) -> dict[str, Any]:
    users = {
        user: {
            "password": hash_password(password),
            "groups": [user],
            "claims": {"modes": list(SEEN_MODES)},
        }
        for user, password in passwords.items()
    }
    return {"version": 1, "users": users}


def _policy() -> dict[str, Any]:
    return {
        "version": 1,
        "identity": {
            "groups": ["groups"],
            "claims": {"modes": {"from": "modes", "type": "list<string>"}},
        },
        "roles": {user: {"groups": [user]} for user in _USERS},
        "grants": [
            {"to": FULL, "on": f"{data.CATALOG}.**", "allow": "select"},
            {"to": NARROW, "on": _TABLE, "allow": "select", "columns": {"except": list(HIDDEN)}},
            {"to": [MASKED_USER, FILTER_ONLY, MASK_ONLY], "on": _TABLE, "allow": "select"},
        ],
        "row_filters": [
            {
                "name": "modes",
                "on": _TABLE,
                "to": [MASKED_USER, FILTER_ONLY],
                "where": "l_shipmode IN (${claims.modes})",
            }
        ],
        "masks": [
            {
                "name": "comment",
                "on": f"{_TABLE}.{MASKED}",
                "to": [MASKED_USER, MASK_ONLY],
                "using": MASK.format("${col}"),
            }
        ],
    }


def _write(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(yaml.safe_dump(dict(values), sort_keys=False))
