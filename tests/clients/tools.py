"""What the client tests need from the machine: programs, and packages that are fetched once."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

CACHE = "FLIGHT_SERVER_TEST_CACHE"
_SECONDS = 420


def cache() -> Path:
    """The folder that keeps fetched packages between runs."""
    folder = Path(os.environ.get(CACHE) or Path.home() / ".cache" / "flight-server-tests")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def program(name: str) -> str:
    """The path of a program; skips the test where there is none."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def fetch(what: str, command: list[str], folder: Path) -> None:
    """Run what fetches or builds something; skips the test with what went wrong."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{what}: not fetched within {_SECONDS} seconds")
    if done.returncode != 0:
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        print("\n".join(lines))
        pytest.skip(f"{what} cannot be had here")


def fetch_into(what: str, *commands: list[str], sources: Iterable[Path]) -> Path:
    """A folder with copies of the sources, in which the commands have been run once.

    The folder is another one when the sources or the commands change, and one whose commands did
    not all succeed is not used again.
    """
    files = sorted(sources)
    state = repr(commands).encode() + b"".join(path.read_bytes() for path in files)
    folder = cache() / f"{files[0].parent.name}-{hashlib.sha256(state).hexdigest()[:12]}"
    done = folder / ".done"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for path in files:
            shutil.copy(path, folder)
        for command in commands:
            fetch(what, command, folder)
        done.touch()
    return folder
