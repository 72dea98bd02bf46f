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


# What takes long: statements without number, processes that are killed, clients that are fetched.
# `make test` leaves them out; `make proofs` and continuous integration run them.
PROOFS = (
    "benchmarks",
    "clients",
    "conformance/test_soak.py",
    "corpora",
    "end_to_end/test_audit.py",
    "end_to_end/test_faults.py",
    "end_to_end/test_policy_commands.py",
    "end_to_end/test_policy_views.py",
    "end_to_end/test_system_tables.py",
    "end_to_end/test_views_served.py",
    "engines/test_ending.py",
    "engines/test_pruning.py",
    "engines/test_remote.py",
    "engines/test_sealed.py",
    "engines/test_timely.py",
    "iceberg/test_matrix_s3.py",
    "oracle",
    "protocol/test_fuzz.py",
    "security/test_attacks.py",
    "security/test_error_channels.py",
    "security/test_mutation.py",
    "security/test_names.py",
    "security/test_revocation.py",
    "security/test_rules.py",
    "security/test_sealed.py",
    "security/test_ways.py",
)

# What continuous integration has no time for: `make night` runs them.
NIGHT = (
    "athena",
    "athena_double",
    "aws",
    "benchmarks/test_iceberg_scan.py",
    "catalog/test_kinds.py",
    "catalog/test_restrictions.py",
    "catalog/test_vended.py",
    "end_to_end/test_metadata_tables.py",
    "end_to_end/test_writers.py",
    "engines/athena/test_charges.py",
    "engines/athena/test_aws_faults.py",
    "engines/athena/test_ending.py",
    "engines/athena/test_foreign_trees.py",
    "engines/athena/test_round_trips.py",
    "engines/athena/test_held.py",
    "engines/athena/test_running.py",
    "engines/athena/test_troubles.py",
    "engines/test_columns.py",
    "engines/test_files_left_out.py",
    "security/test_views_alike.py",
    "security/test_views_attacked.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the long proofs, and those for the night."""
    here = Path(__file__).parent
    for item in items:
        place = item.path.relative_to(here).as_posix()
        for listed, mark in ((NIGHT, pytest.mark.night), (PROOFS, pytest.mark.proof)):
            if any(place == each or place.startswith(f"{each}/") for each in listed):
                item.add_marker(mark)
                break
