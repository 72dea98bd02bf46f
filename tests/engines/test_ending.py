"""Statements end when they must: cancelled, late, too large, or with their worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from catalog.model import Table
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.settings import MIB
from flight_server.engines.duckdb.stream import WorkerStream
from flight_server.engines.errors import (
    Busy,
    Cancelled,
    EngineError,
    OutOfResources,
    TimedOut,
    WorkerLost,
)
from tests.engines import rig
from tests.engines.conftest import NewEngine
from tests.waiting import eventually, within

ENDLESS = "SELECT count(*) AS n FROM range(100000000000)"
STREAM = "SELECT i, repeat('x', 1000) AS x FROM range(100000000) r(i)"
# it does not hear DuckDB's interrupt
DEAF = "SELECT sum(length(lpad('x', 500000000 + i::INT, 'yz')))::BIGINT AS n FROM range(100) r(i)"
COUNT = pa.schema([("n", pa.int64())])
ROWS = pa.schema([("i", pa.int64()), ("x", pa.string())])


def started(
    engine: DuckDBEngine, text: str, schema: pa.Schema, seconds: float = 60
) -> WorkerStream:
    stream = engine.run(rig.secured(text), None, schema, deadline=rig.soon(seconds))
    assert isinstance(stream, WorkerStream)
    return stream


@pytest.mark.parametrize("text", [ENDLESS, DEAF])
def test_a_cancelled_statement_ends_at_once(engine: DuckDBEngine, text: str) -> None:
    stream = started(engine, text, COUNT)
    threading.Timer(0.5, stream.cancel).start()
    with within(2):
        with pytest.raises(Cancelled):
            next(iter(stream))
        stream.close()
    assert rig.values(engine, "SELECT 1") == [(1,)]


def test_a_stream_is_cancelled_in_the_middle_and_its_worker_used_again(
    single: DuckDBEngine,
) -> None:
    stream = started(single, STREAM, ROWS)
    frames = iter(stream)
    assert next(frames).rows > 0
    before = rig.workers(single)
    stream.cancel()
    with pytest.raises(Cancelled):
        next(frames)
    stream.close()
    again = started(single, STREAM, ROWS)
    assert next(iter(again)).rows > 0
    again.close()
    assert set(before) & set(rig.workers(single))


def test_a_stream_that_is_closed_early_frees_its_worker(single: DuckDBEngine) -> None:
    for _ in range(3):
        stream = started(single, STREAM, ROWS)
        next(iter(stream))
        with within(1):
            stream.close()
    assert rig.values(single, "SELECT 1") == [(1,)]


@pytest.mark.parametrize("text", [ENDLESS, DEAF])
def test_a_statement_past_its_deadline_is_ended(engine: DuckDBEngine, text: str) -> None:
    with within(2), closing(started(engine, text, COUNT, seconds=0.5)) as stream:
        with pytest.raises(TimedOut):
            next(iter(stream))


def test_a_deadline_frees_the_worker_of_a_reader_that_stalls(single: DuckDBEngine) -> None:
    stream = started(single, STREAM, ROWS, seconds=0.3)
    next(iter(stream))
    assert rig.values(single, "SELECT 1") == [(1,)]
    with pytest.raises(TimedOut):
        list(stream)
    stream.close()


def test_a_worker_that_waits_for_its_reader_uses_no_processor(new_engine: NewEngine) -> None:
    engine = new_engine(workers=1, spare=0)
    with closing(started(engine, STREAM, ROWS)) as stream:
        next(iter(stream))
        time.sleep(0.5)  # until all that fits on the way to the reader is full
        pid = stream.worker_pid
        before = _cpu(pid)
        time.sleep(0.5)  # what it uses in that time is what is measured
        assert _cpu(pid) - before <= 0.05


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_killed_worker_is_noticed_and_others_go_on(new_engine: NewEngine) -> None:
    engine = new_engine(spare=0)
    victim = started(engine, STREAM, ROWS)
    next(iter(victim))
    pid = victim.worker_pid
    other = started(engine, "/* other */ " + STREAM, ROWS)
    next(iter(other))
    os.kill(pid, signal.SIGKILL)
    with within(1), pytest.raises(WorkerLost):
        list(victim)
    assert sum(next(iter(other)).rows for _ in range(20)) > 0
    victim.close()
    other.close()


def test_a_statement_that_hoards_memory_is_ended(new_engine: NewEngine) -> None:
    engine = new_engine(memory_limit=256 * MIB, resident_limit=400 * MIB)
    for text in (
        "SELECT sum(length(x))::BIGINT AS n FROM "
        "(SELECT list(repeat('x', 1000) || i) AS l FROM range(10000000) r(i)), unnest(l) t(x)",
        DEAF.replace("500000000", "900000000"),
    ):
        with closing(started(engine, text, COUNT, seconds=30)) as stream:
            with pytest.raises(OutOfResources):
                list(stream)
    assert rig.values(engine, "SELECT 1") == [(1,)]


def test_what_does_not_fit_memory_is_spilled_within_the_limit(new_engine: NewEngine) -> None:
    text = "SELECT i FROM range(4000000) r(i) ORDER BY hash(i)"
    schema = pa.schema([("i", pa.int64())])
    engine = new_engine(memory_limit=64 * MIB, workers=1)
    with closing(started(engine, text, schema)) as stream:
        assert sum(frame.rows for frame in stream) == 4_000_000
    small = new_engine(memory_limit=64 * MIB, spill_limit=10 * MIB, workers=1)
    with closing(started(small, text, schema)) as stream:
        with pytest.raises(OutOfResources):
            list(stream)


def test_all_workers_busy_is_said_after_a_while(new_engine: NewEngine) -> None:
    engine = new_engine(workers=1, queue_seconds=0.3)
    with closing(started(engine, STREAM, ROWS)) as stream:
        next(iter(stream))
        begin = time.monotonic()
        with within(1), pytest.raises(Busy):
            started(engine, "SELECT 1 AS n", COUNT)
        assert time.monotonic() - begin > 0.2
        with pytest.raises(TimedOut):
            started(engine, "SELECT 1 AS n", COUNT, seconds=0.1)


def test_a_waiting_statement_gets_the_worker_that_becomes_free(single: DuckDBEngine) -> None:
    stream = started(single, STREAM, ROWS)
    next(iter(stream))
    threading.Timer(0.2, stream.close).start()
    assert rig.values(single, "SELECT 1") == [(1,)]


def test_a_warm_worker_is_used_again_and_the_oldest_is_given_up(
    new_engine: NewEngine, people: Table
) -> None:
    engine = new_engine(workers=2, spare=0)
    setups = [rig.relation(people, ["id"]), rig.relation(people, ["name"]), rig.relation(people)]
    for setup in [*setups, *setups, setups[-1], setups[-1]]:
        assert rig.values(engine, "SELECT count(*) FROM people", setup) == [(4,)]
    # the planner is one more
    assert eventually(lambda: len(rig.workers(engine)) == 3)
    before = set(rig.workers(engine))
    for _ in range(5):
        rig.values(engine, "SELECT count(*) FROM people", setups[-1])
    assert set(rig.workers(engine)) == before


def test_many_statements_at_once_all_answer(new_engine: NewEngine, people: Table) -> None:
    engine = new_engine(workers=3)
    answers: list[object] = []
    setups = [
        rig.relation(people, ["id"]),
        rig.relation(people),
        rig.relation(people, ["id", "name"]),
    ]

    def ask(number: int) -> None:
        for turn in range(8):
            setup = setups[(number + turn) % 3]
            answers.append(rig.values(engine, f"SELECT count(*) + {number} FROM people", setup))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, answers)) == sorted(str([(4 + n,)]) for n in range(8) for _ in range(8))


def test_a_lost_launcher_is_replaced(new_engine: NewEngine) -> None:
    engine = new_engine()
    assert rig.values(engine, "SELECT 1") == [(1,)]
    lost = engine.launcher_pid
    assert lost is not None
    workers = rig.workers(engine)
    os.kill(lost, signal.SIGKILL)
    assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    assert rig.values(engine, "SELECT 1") == [(1,)]
    assert engine.launcher_pid != lost


def test_closing_leaves_no_process_and_no_file(new_engine: NewEngine, tmp_path: Path) -> None:
    engine = new_engine()
    stream = started(engine, STREAM, ROWS)
    next(iter(stream))
    launcher = engine.launcher_pid
    assert launcher is not None
    pids = [launcher, *rig.workers(engine)]
    assert len(pids) >= 3
    engine.close()
    # they are dead by now; the kernel's first process has to notice it as well
    _, alive = psutil.wait_procs([psutil.Process(p) for p in pids if psutil.pid_exists(p)], 5)
    assert not alive
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(EngineError):
        list(stream)
    stream.close()
    with pytest.raises(EngineError):
        started(engine, STREAM, ROWS)


def test_no_descriptor_is_left_over(new_engine: NewEngine, people: Table) -> None:
    engine = new_engine(workers=2)
    setups = [rig.relation(people, ["id"]), rig.relation(people), rig.relation(people, ["name"])]

    def round_trip(number: int) -> None:
        # a worker is given up for another setup now and then
        rig.values(engine, f"SELECT {number} FROM people", setups[number // 10 % 3])

    for number in range(0, 60, 10):
        round_trip(number)
    time.sleep(0.5)  # workers that were given up end meanwhile
    before = rig.descriptors()
    for number in range(100):
        round_trip(number)
    assert eventually(lambda: rig.descriptors() <= before + 4)


def test_workers_die_with_the_process_that_owns_the_engine(tmp_path: Path) -> None:
    code = (  # the workers start meanwhile; then it stays until it is killed
        "import sys, time, pathlib\n"
        "from flight_server.engines.duckdb.engine import DuckDBEngine\n"
        "from flight_server.engines.duckdb.settings import DuckDBSettings\n"
        "e = DuckDBEngine(DuckDBSettings(spill_directory=pathlib.Path(sys.argv[1])))\n"
        "time.sleep(0.5); print(e.launcher_pid, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        launcher = int(process.stdout.readline())
        pids = [launcher, *rig.children(launcher)]
        process.kill()
    assert len(pids) >= 3
    assert eventually(lambda: not any(_lives(pid) for pid in pids), 2.0)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
