"""A policy that cannot work is never in force: not at start, and not later."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import Server, serving
from tests.waiting import eventually

FAULTS = {
    "function": ("using", "regexp_replac(${col}, 'a', 'b')", "regexp_replac"),
    "aggregate": ("using", "max(${col})", "max"),
}


def broken(policy: str, using: str) -> str:
    lines = policy.splitlines()
    lines += [
        '  - {name: broken, on: "invest.portfolio.accounts.email", to: "*",',
        f'     priority: 9, using: "{using}"}}',
    ]
    return "\n".join(lines) + "\n"


@pytest.fixture
def directory(demo_directory: Path, tmp_path: Path) -> Path:
    """The demo's data under a policy of this test's own, which ends with its masks."""
    for file in demo_directory.iterdir():
        if file.suffix in (".yaml", ".json", ".secret", ".key"):
            shutil.copy(file, tmp_path)
    return tmp_path


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_does_not_start_with_it(directory: Path, fault: str) -> None:
    _, using, named = FAULTS[fault]
    file = directory / "policy.yaml"
    file.write_text(broken(file.read_text(), using))
    command = [sys.executable, "-m", "flight_server", "serve", "--config"]
    ran = subprocess.run(
        [*command, str(directory / "flight-server.yaml"), "--set", "server.port=0"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 1
    (line,) = [line for line in ran.stderr.splitlines() if line.startswith("flight-server:")]
    assert f"policy.yaml:{len(file.read_text().splitlines()) - 1}" in line
    assert named in line


@pytest.fixture
def server(directory: Path) -> Iterator[Server]:
    with serving(directory) as running:
        yield running


def log(server: Server) -> str:
    (file,) = server.directory.glob("server-*.log")
    return file.read_text()


def test_a_running_server_keeps_the_last_good_one_and_says_so_at_once(server: Server) -> None:
    file = server.directory / "policy.yaml"
    good = file.read_text()
    file.write_text(broken(good, "regexp_replac(${col}, 'a', 'b')"))
    assert eventually(lambda: "regexp_replac" in log(server), 10)  # without any call
    with server.connect("compliance") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT email FROM invest.portfolio.accounts LIMIT 1")
        ((email,),) = cursor.fetchall()
    assert "@" in email
    assert json.loads((server.directory / "credentials.json").read_text())
