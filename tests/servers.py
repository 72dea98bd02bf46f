"""Real server processes for tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adbc_driver_flightsql import dbapi


@dataclass(frozen=True)
class Server:
    """A running server process."""

    uri: str
    directory: Path
    credentials: dict[str, dict[str, str]]
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        return int(self.uri.rsplit(":", 1)[1])

    def login(self, user: str) -> dict[str, str]:
        entry = self.credentials[user]
        return {"username": user, "password": entry.get("password") or entry["api_key"]}

    def connect(self, user: str, **options: str) -> Any:
        return dbapi.connect(self.uri, db_kwargs=self.login(user) | options, autocommit=True)


@contextmanager
def serving(directory: Path, *arguments: str) -> Iterator[Server]:
    """A server process over the sample warehouse, on a free port."""
    command = [sys.executable, "-m", "flight_server", "serve"]
    config = ["--config", str(directory / "flight-server.yaml"), "--set", "server.port=0"]
    # Several tests serve the same warehouse at once: each server has records of its own.
    config += ["--set", f"audit.stream=test-{os.urandom(4).hex()}"]
    log = directory / f"server-{os.urandom(4).hex()}.log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [*command, *config, *arguments], stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("flight-server ready grpc://"), line + log.read_text()
        credentials = json.loads((directory / "credentials.json").read_text())
        try:
            yield Server(line.split()[-1], directory, credentials, process)
        finally:
            process.send_signal(signal.SIGTERM)
            status = process.wait(20)
    assert status == 0, log.read_text()
