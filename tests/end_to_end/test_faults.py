"""What happens when things die, hang or are asked too much."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.servers import Server, serving
from tests.waiting import eventually, within

STREAM = "SELECT range AS a, 'text ' || range AS b, random() AS c FROM range(200000000)"


@pytest.fixture(scope="module")
def own(demo_directory: Path) -> Iterator[Server]:
    """A server of these tests' own, as they kill parts of it."""
    with serving(demo_directory, "--set", "limits.statement=6") as running:
        yield running


def workers(server: Server) -> list[psutil.Process]:
    """The processes that run statements, the one that has worked most first."""
    front = psutil.Process(server.process.pid)
    family = [p for p in front.children(recursive=True) if p.ppid() != front.pid]
    return sorted(family, key=lambda process: -sum(process.cpu_times()[:2]))


def worked(server: Server) -> float:
    """Processor seconds of all processes below the server."""
    return sum(sum(process.cpu_times()[:2]) for process in workers(server))


def idle(server: Server) -> bool:
    """Whether no worker uses the processor."""
    before = worked(server)
    time.sleep(0.3)  # what it uses in that time is what is measured
    return abs(worked(server) - before) < 0.05


def read(reader: Any, batches: int) -> None:
    for _ in range(batches):
        reader.read_next_batch()


def works(server: Server) -> bool:
    with server.connect("analyst") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 42")
        return bool(cursor.fetchall() == [(42,)])


def test_a_killed_worker_ends_its_stream_only(own: Server) -> None:
    with (
        own.connect("compliance") as one,
        one.cursor() as first,
        own.connect("compliance") as two,
        two.cursor() as second,
    ):
        first.execute(STREAM)
        reader = first.fetch_record_batch()
        read(reader, 100)
        victim = workers(own)[0]
        second.execute("SELECT range FROM range(30000000)")
        other = second.fetch_record_batch()
        read(other, 2)
        os.kill(victim.pid, signal.SIGKILL)
        with within(3), pytest.raises(Exception, match=r"WORKER_LOST|UNAVAILABLE|Unavailable"):
            while True:
                reader.read_next_batch()
        read(other, 20)
    assert works(own)


def test_a_client_that_goes_away_frees_its_worker(own: Server) -> None:
    """The statement never waits for its reader: it is ended, not just held up."""
    endless = "SELECT count(*) FROM range(100000000000) WHERE range % 7 = 9"
    script = (
        "import sys; from adbc_driver_flightsql import dbapi;"
        "c = dbapi.connect(sys.argv[1], autocommit=True,"
        " db_kwargs={'username': sys.argv[2], 'password': sys.argv[3]});"
        "k = c.cursor(); k.execute(sys.argv[4]); k.fetchall()"
    )
    login = own.login("compliance")
    arguments = [own.uri, login["username"], login["password"], endless]
    with subprocess.Popen([sys.executable, "-c", script, *arguments]) as client:
        assert eventually(lambda: not idle(own), 10)
        client.kill()
        client.wait()
    assert eventually(lambda: idle(own), 2)
    assert works(own)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT count(*) FROM range(100000000000) a",
        "SELECT sum(length(repeat('x', 1000000000 + range))) FROM range(1000)",
    ],
)
def test_a_statement_past_its_deadline_is_ended(own: Server, statement: str) -> None:
    with within(6 + 5), own.connect("compliance") as connection, connection.cursor() as cursor:
        with pytest.raises(Exception, match=r"TIMED_OUT|OUT_OF_RESOURCES"):
            cursor.execute(statement)
            cursor.fetchall()
    assert eventually(lambda: idle(own), 5)
    assert works(own)


def test_memory_stays_flat_while_much_is_streamed(own: Server) -> None:
    processes = {"front": psutil.Process(own.process.pid)}
    statement = "SELECT range AS a, range * 2 AS b, 'some text ' || range AS c FROM range(5000000)"

    def stream() -> int:
        peak = rows = 0
        with own.connect("compliance") as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            for batch in cursor.fetch_record_batch():
                rows += batch.num_rows
                family = [processes["front"], *processes["front"].children(recursive=True)]
                peak = max(peak, *(p.memory_info().rss for p in family if p.is_running()))
        assert rows == 5_000_000
        return peak

    first = stream()
    assert stream() < first * 1.3 + 32 * 2**20
    assert processes["front"].memory_info().rss < 400 * 2**20


def test_interrupting_the_server_ends_all_its_processes(demo_directory: Path) -> None:
    with serving(demo_directory) as running:
        assert works(running)
        family = psutil.Process(running.process.pid).children(recursive=True)
        assert family
    _, alive = psutil.wait_procs(family, timeout=3)
    assert not alive


def test_killing_the_server_leaves_no_process_behind(demo_directory: Path) -> None:
    with pytest.raises(AssertionError), serving(demo_directory) as running:
        family = psutil.Process(running.process.pid).children(recursive=True)
        running.process.kill()
        running.process.wait()
    _, alive = psutil.wait_procs(family, timeout=3)
    assert not alive
