"""On what was measured: versions, cores, load."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import psutil

_PACKAGES = ("duckdb", "pyarrow", "grpcio", "adbc-driver-flightsql", "pyiceberg", "numpy")
_ROOT = Path(__file__).parent.parent


def load() -> str:
    """The load averages of the last 1, 5 and 15 minutes."""
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def describe(arguments: Sequence[str]) -> dict[str, str]:
    """What must be known to read the results."""
    versions = [f"{package} {metadata.version(package)}" for package in _PACKAGES]
    memory = psutil.virtual_memory().total / 2**30
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "command": shlex.join(["python", "-m", "benchmarks", *arguments]),
        "commit": _commit(),
        "versions": ", ".join([f"Python {platform.python_version()}", *versions]),
        "machine": f"{_processor()}, {psutil.cpu_count()} cores, {memory:.0f} GiB,"
        f" {platform.system()} {platform.release()}",
        "load before": load(),
    }


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _commit() -> str:
    done = subprocess.run(
        ["git", "-C", str(_ROOT), "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "not known"
