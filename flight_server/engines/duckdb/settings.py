"""How the DuckDB engine is sized: processes, memory, disk and times."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir
from typing import Literal

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class DuckDBSettings:
    """Sizes in bytes, times in seconds.

    `workers` bounds the processes that hold a statement's setup (running or warm); `spare` more are
    kept started and blank; `planners` bind statements on empty tables. `memory_limit` is what
    DuckDB may use in one worker, `resident_limit` (0: 1.5 times that and 512 MiB) what the process
    may hold before it is killed. `spill_limit` of 0 turns spilling off. `sandbox` is `landlock`,
    or `none` to run without one where the kernel cannot. Tables with one of `sealed_tags`, or a tag
    below one, are sealed: the process that runs a statement over them holds only permitted rows.
    With `seal_all` all stored tables are. Remote files of at most `cache_small` are fetched whole,
    of larger ones the columns that are read. `check_plans` looks at what a bound statement reads;
    only tests of the other walls go without.
    """

    workers: int = 8
    spare: int = 2
    planners: int = 2
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    memory_limit: int = 2048 * MIB
    resident_limit: int = 0
    spill_limit: int = 8192 * MIB
    spill_directory: Path = field(default_factory=lambda: Path(gettempdir()))
    sandbox: Literal["landlock", "none"] = "landlock"
    queue_seconds: float = 10.0
    describe_seconds: float = 5.0
    grace_seconds: float = 0.5
    scan_cache: int = 256
    cache_directory: Path = field(
        default_factory=lambda: Path(gettempdir()) / "flight-server-cache"
    )
    cache_limit: int = 16_384 * MIB
    cache_small: int = 8 * MIB
    sealed_tags: tuple[str, ...] = ()
    seal_all: bool = False
    check_plans: bool = True

    @property
    def resident_cap(self) -> int:
        """The resident memory over which a worker is killed."""
        return self.resident_limit or self.memory_limit + self.memory_limit // 2 + 512 * MIB
