"""A closed pool leaves no process, socket or descriptor, however late a worker comes to it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flight_server.engines.duckdb.pool import Pool, PoolSize
from flight_server.engines.duckdb.process import Launcher, WorkerProcess
from flight_server.engines.duckdb.session import Limits
from flight_server.engines.duckdb.setup import EMPTY
from flight_server.engines.errors import EngineError

LIMITS = Limits(
    threads=1,
    memory=128 * 2**20,
    process_memory=4 * 2**30,
    spill=0,
    directory=None,
    sandboxed=False,
)


class Late(Launcher):
    """A launcher whose workers come only when they are let through."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.let = threading.Event(), threading.Event()

    def start_worker(self) -> WorkerProcess:
        started = super().start_worker()
        self.asked.set()
        assert self.let.wait(10)
        return started


@pytest.fixture
def launcher() -> Iterator[Late]:
    made = Late()
    made.let.set()
    first = made.start_worker()  # the launcher itself runs from here on
    first.kill()
    assert first.gone(5)
    first.dispose()
    made.asked.clear()
    made.let.clear()
    yield made
    made.close()


def pool(launcher: Late) -> Pool:
    return Pool(
        launcher,
        PoolSize(workers=2, spare=1),
        limits=lambda directory: replace(LIMITS, directory=directory),
        spill=None,
        wake=lambda: None,
    )


def descriptors() -> set[str]:
    return {entry.name for entry in Path(f"/proc/{os.getpid()}/fd").iterdir()}


@pytest.mark.parametrize("way", ["tend", "acquire"])
def test_a_worker_that_comes_after_the_end_is_let_go_of(launcher: Late, way: str) -> None:
    made = pool(launcher)
    before = descriptors()
    refused: list[EngineError] = []

    def work() -> None:
        try:
            if way == "tend":
                made.tend()
            else:
                made.acquire(EMPTY, time.monotonic() + 10)
        except EngineError as error:
            refused.append(error)

    working = threading.Thread(target=work)
    working.start()
    assert launcher.asked.wait(10)
    made.close()
    launcher.let.set()
    working.join(10)
    assert not working.is_alive()
    assert len(refused) == (way == "acquire")
    assert descriptors() - before == set()
