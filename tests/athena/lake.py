"""A lake in a Glue catalog that a local Athena reads, and a server over both engines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from auth.passwords import hash_password
from flight_server.app import Application, build
from flight_server.config import load
from flight_server.testing.athena import AthenaDouble

BUCKET, RESULTS = "lake-of-both", "results-of-both"
STAGING = f"s3://{RESULTS}/staging"
PASSWORD = "correct horse battery"
SECRET = "0123456789abcdef0123456789abcdef"


def settings(aws: AthenaDouble, **more: Any) -> dict[str, Any]:
    """The settings of a server whose lake is Athena's."""
    made: dict[str, Any] = {
        "server": {"port": 0},
        "auth": {"users": "users.yaml", "session_secret": "file:secret"},
        "policy": {"file": "policy.yaml"},
        "catalogs": {"lake": {"type": "athena", "refresh": 600}},
        "seal": {"keys": ["file:secret"]},
        "engine": {"workers": 3, "threads": 1, "memory": "512MiB", "cache_directory": "copies"},
        "athena": {"region": aws.region, "staging": STAGING, "endpoint": aws.endpoint},
        "defaults": {"catalog": "lake"},
    }
    for section, values in more.items():
        made[section] = {**made.get(section, {}), **values}
    return made


def users(groups: Mapping[str, str]) -> dict[str, Any]:
    """A file of users, each in one group."""
    hashed = hash_password(PASSWORD)
    return {
        "version": 1,
        "users": {
            name: {"password": hashed, "groups": [group], "claims": {"region": "eu"}}
            for name, group in groups.items()
        },
    }


@contextmanager
def serving(
    directory: Path,
    configured: Mapping[str, Any],
    policy: str,
    groups: Mapping[str, str],
) -> Iterator[Application]:
    """A server over real sockets in this process."""
    (directory / "policy.yaml").write_text(policy)
    (directory / "users.yaml").write_text(yaml.safe_dump(users(groups)))
    (directory / "secret").write_text(SECRET)
    (directory / "flight-server.yaml").write_text(yaml.safe_dump(dict(configured)))
    running = build(load(directory / "flight-server.yaml"))
    running.server.start()
    try:
        yield running
    finally:
        running.stop(2.0)


def fill(aws: AthenaDouble, tables: Mapping[str, pa.Table], file_format: str = "iceberg") -> None:
    """Make tables by `database.table`."""
    for name, rows in tables.items():
        place = f"s3://{BUCKET}/{file_format}/{name.replace('.', '/')}"
        aws.put_table(name, rows, place, file_format=file_format)
