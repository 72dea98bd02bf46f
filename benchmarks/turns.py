"""Two statements over one server by turns, who goes first changing: how much more one takes."""

from __future__ import annotations

import statistics
import time
from contextlib import closing
from dataclasses import dataclass

from benchmarks.processes import watched
from benchmarks.served import Served
from benchmarks.targets import Adbc


@dataclass(frozen=True, slots=True)
class Side:
    """A statement and who sends it."""

    user: str
    text: str


@dataclass(frozen=True, slots=True)
class _Run:
    """A result drained: CPU is the server's with its workers; times in seconds."""

    seconds: float
    cpu: float
    rows: int


def check_rows(name: str, server: Served, ours: Side, other: Side) -> None:
    """End the program where the two do not give the same number of rows."""
    uri, pid = server.running.uri, server.running.pid
    counts = []
    for side in (ours, other):
        with closing(Adbc(uri, server.logins[side.user])) as session:
            counts.append(_drained(session, side.text, pid).rows)
    if counts[0] != counts[1]:
        raise SystemExit(f"{name}: {counts[0]} rows, against {counts[1]}")


def taken(name: str, server: Served, ours: Side, other: Side, *, rounds: int) -> str:
    """A row of a table: seconds of both, and the medians of the ratios of time and of CPU."""
    uri, pid = server.running.uri, server.running.pid
    runs: list[tuple[_Run, _Run]] = []
    with (
        closing(Adbc(uri, server.logins[ours.user])) as first,
        closing(Adbc(uri, server.logins[other.user])) as second,
    ):
        for number in range(rounds + 1):
            ways = ((first, ours.text), (second, other.text))
            order = ways if number % 2 else ways[::-1]
            both = [_drained(session, text, pid) for session, text in order]
            one, two = both if number % 2 else both[::-1]
            if number:  # the first turn fills caches and starts workers
                runs.append((one, two))
    seconds = [statistics.median(run.seconds for run in side) for side in zip(*runs, strict=True)]
    time_ratio = statistics.median(one.seconds / two.seconds for one, two in runs)
    cpu_ratio = statistics.median(one.cpu / max(two.cpu, 0.001) for one, two in runs)
    told = (*seconds, time_ratio, cpu_ratio)
    return f"| {name} | {' | '.join(f'{number:.2f}' for number in told)} |"


def _drained(session: Adbc, text: str, pid: int) -> _Run:
    with watched(pid) as usage:
        start = time.perf_counter()
        rows = sum(batch.num_rows for batch in session.stream(text))
        seconds = time.perf_counter() - start
    return _Run(seconds, usage.front_cpu + usage.workers_cpu, rows)
