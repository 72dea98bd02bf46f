"""What all tests share: the sample warehouse, and a real server process over it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import Server, serving

SCALE = 0.01


@pytest.fixture(scope="session")
def demo_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample warehouse at a small scale, with its policy, users and configuration."""
    directory = tmp_path_factory.mktemp("demo") / "data"
    command = [sys.executable, "-m", "flight_server", "demo", "--build-only"]
    subprocess.run(
        [*command, "--dir", str(directory), "--scale", str(SCALE)], check=True, timeout=120
    )
    return directory


@pytest.fixture(scope="session")
def server(demo_directory: Path) -> Iterator[Server]:
    """One server for all tests that do not change it."""
    with serving(demo_directory) as running:
        yield running
