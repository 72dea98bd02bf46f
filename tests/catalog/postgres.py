"""A PostgreSQL server of the tests' own, from the programs that the machine has."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text


def _programs() -> Path | None:
    found = shutil.which("initdb")
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return Path(found).resolve().parent if found else next(iter(places), None)


PROGRAMS = _programs()


def _run(*command: str | Path) -> None:
    """As another user where we are root: the server refuses to run as root."""
    user = "nobody" if os.getuid() == 0 else None
    subprocess.run(
        [str(part) for part in command], check=True, user=user, cwd="/", capture_output=True,
        timeout=60,
    )  # fmt: skip


@contextmanager
def cluster() -> Iterator[str]:
    """A running server; its URI names the first database."""
    # not below pytest's own directory, which only its user may enter
    with tempfile.TemporaryDirectory(prefix="flight-server-pg-") as directory:
        if os.getuid() == 0:
            shutil.chown(directory, "nobody")
        yield from _running(Path(directory) / "data")


def _running(data: Path) -> Iterator[str]:
    assert PROGRAMS is not None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    _run(PROGRAMS / "initdb", "-D", data, "-U", "lake", "-A", "trust", "-N", "-E", "UTF8")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
    options += " -c fsync=off -c shared_buffers=16MB"
    log = data / "log"
    _run(PROGRAMS / "pg_ctl", "-D", data, "-w", "-l", log, "-o", options, "start")
    try:
        yield f"postgresql+psycopg://lake@127.0.0.1:{port}/postgres"
    finally:
        _run(PROGRAMS / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")


def database(cluster: str, name: str) -> str:
    """A new database in the cluster."""
    engine = create_engine(cluster, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    engine.dispose()
    return cluster.removesuffix("postgres") + name
