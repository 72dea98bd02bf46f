"""What one worker process may use, by the engine's settings."""

from __future__ import annotations

from flight_server.engines.duckdb.session import Limits
from flight_server.engines.duckdb.settings import MIB, DuckDBSettings

_PLANNER_MEMORY = 512 * MIB


def worker_limits(settings: DuckDBSettings, directory: str | None) -> Limits:
    """The limits of a process that runs statements and spills to a directory, None for none."""
    return Limits(
        threads=settings.threads,
        memory=settings.memory_limit,
        process_memory=2 * settings.resident_cap + 1024 * MIB,
        spill=settings.spill_limit,
        directory=directory,
        sandboxed=settings.sandbox == "landlock",
    )


def planner_limits(settings: DuckDBSettings, _directory: str | None = None) -> Limits:
    """The limits of a process that binds statements on empty tables."""
    return Limits(
        threads=1,
        memory=_PLANNER_MEMORY,
        process_memory=2 * settings.resident_cap + 1024 * MIB,
        spill=0,
        directory=None,
        sandboxed=settings.sandbox == "landlock",
    )
