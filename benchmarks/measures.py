"""What is measured of a target: one run of bulk, small statements, metadata or concurrency."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks import lineitem
from benchmarks.processes import watched
from benchmarks.targets import LOOKUP, Session, Target

Values = dict[str, float]
_MEGABYTE = 1e6


@dataclass(frozen=True, slots=True)
class Effort:
    """How often things are repeated within a round."""

    small: int
    lookup: int
    metadata: int
    threads: int
    concurrent_seconds: float


@dataclass(frozen=True, slots=True)
class Run:
    """A target with its open session, for the whole of all rounds."""

    target: Target
    session: Session
    size: lineitem.Size
    effort: Effort


def bulk(run: Run) -> Values:
    """Read all of `lineitem`, batch by batch; throw each batch away."""
    rows = size = batches = 0
    first = 0.0
    with watched(run.target.pid, memory=True) as usage:
        start = time.perf_counter()
        for batch in run.session.stream(run.target.scan):
            first = first or time.perf_counter() - start
            rows += batch.num_rows
            size += batch.nbytes
            batches += 1
    return {
        "seconds": usage.wall,
        "first batch s": first,
        "rows": rows,
        "batches": batches,
        "MB": size / _MEGABYTE,
        "M rows/s": rows / usage.wall / 1e6,
        "front CPU s": usage.front_cpu,
        "workers CPU s": usage.workers_cpu,
        "client CPU s": usage.client_cpu,
        "front peak MB": usage.front_peak / _MEGABYTE,
        "workers peak MB": usage.workers_peak / _MEGABYTE,
        "other cores": usage.others_cpu / usage.wall,
        "wall s": usage.wall,
    }


def same_text(run: Run) -> Values:
    """`SELECT 1` again and again, each time as a statement of its own."""
    return _repeated(run, lambda _: run.session.table("SELECT 1"), run.effort.small)


def prepared(run: Run) -> Values:
    """`SELECT 1` again and again, prepared once."""
    again = run.session.repeat("SELECT 1")
    return _repeated(run, lambda _: again(), run.effort.small)


def new_text(run: Run) -> Values:
    """A statement that was never seen before, each time."""
    first = random.SystemRandom().randrange(10**12)
    return _repeated(
        run, lambda number: run.session.table(f"SELECT {first + number}"), run.effort.small
    )


def lookup(run: Run) -> Values:
    """One order by its key, bound as a parameter; another key each time."""
    choice = np.random.default_rng(0).integers(1, run.size.orders + 1, run.effort.lookup + 1)
    keys = lineitem.order_key(choice)
    return _repeated(
        run, lambda number: run.session.table(LOOKUP, [int(keys[number])]), run.effort.lookup
    )


def objects_tables(run: Run) -> Values:
    """GetObjects down to tables."""
    return _repeated(run, lambda _: run.session.objects("tables"), run.effort.metadata)


def objects_all(run: Run) -> Values:
    """GetObjects down to columns."""
    return _repeated(run, lambda _: run.session.objects("all"), run.effort.metadata)


def get_tables(run: Run) -> Values:
    """One GetTables without columns."""
    return _repeated(run, lambda _: run.session.tables(columns=False), run.effort.metadata)


def get_tables_columns(run: Run) -> Values:
    """One GetTables with each table's columns."""
    return _repeated(run, lambda _: run.session.tables(columns=True), run.effort.metadata)


def _repeated(run: Run, call: Callable[[int], object], count: int) -> Values:
    """Call `count` times after one call that is not counted, which gets the highest number."""
    call(count)
    took = np.empty(count)
    with watched(run.target.pid) as usage:
        for number in range(count):
            start = time.perf_counter()
            call(number)
            took[number] = time.perf_counter() - start
    return {
        "p50 ms": float(np.percentile(took, 50)) * 1e3,
        "p99 ms": float(np.percentile(took, 99)) * 1e3,
        "front CPU ms": usage.front_cpu / count * 1e3,
        "workers CPU ms": usage.workers_cpu / count * 1e3,
        "client CPU ms": usage.client_cpu / count * 1e3,
        "other cores": usage.others_cpu / usage.wall,
        "wall s": usage.wall,
    }


def concurrent(run: Run) -> Values:
    """`SELECT 1` from several threads, each with a connection of its own, for a while."""
    sessions = [run.target.open() for _ in range(run.effort.threads)]
    counts = [0] * len(sessions)
    failed: list[Exception] = []
    stop = threading.Event()

    def work(index: int) -> None:
        try:
            while not stop.is_set():
                sessions[index].table("SELECT 1")
                counts[index] += 1
        except Exception as error:  # a thread's root: raised again below
            failed.append(error)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(sessions))]
    for thread in threads:
        thread.start()
    stop.wait(run.effort.concurrent_seconds / 4)  # not counted: workers start
    before = sum(counts)
    with watched(run.target.pid) as usage:
        stop.wait(run.effort.concurrent_seconds)
        done = sum(counts) - before
    stop.set()
    for thread in threads:
        thread.join()
    for session in sessions:
        session.close()
    if failed:
        raise failed[0]
    return {
        "per second": done / usage.wall,
        "front CPU ms": usage.front_cpu / max(done, 1) * 1e3,
        "workers CPU ms": usage.workers_cpu / max(done, 1) * 1e3,
        "client CPU ms": usage.client_cpu / max(done, 1) * 1e3,
        "other cores": usage.others_cpu / usage.wall,
        "wall s": usage.wall,
    }
