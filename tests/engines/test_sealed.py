"""The sealed tier: two processes, one that holds the files and one that runs the statement."""

from __future__ import annotations

import datetime
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from catalog.model import Table
from flight_server.engines.base import Relation
from flight_server.engines.duckdb import feed, pipe
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.feeder import Feeder
from flight_server.engines.duckdb.sealed import is_sealed
from flight_server.engines.duckdb.settings import MIB, DuckDBSettings
from flight_server.engines.duckdb.setup import Stream
from flight_server.engines.duckdb.stream import WorkerStream
from flight_server.engines.errors import (
    Cancelled,
    EngineError,
    ExecutionFailed,
    OutOfResources,
    TimedOut,
    WorkerLost,
)
from tests.engines import rig
from tests.engines.conftest import NewEngine
from tests.waiting import eventually, within

TAGS = frozenset({"restricted"})
COUNT = pa.schema([("n", pa.int64())])


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBEngine]:
    """An engine that seals what is tagged."""
    settings = DuckDBSettings(
        workers=3,
        threads=2,
        memory_limit=512 * MIB,
        spill_directory=tmp_path_factory.mktemp("both"),
        sealed_tags=("Restricted",),
    )
    with closing(DuckDBEngine(settings)) as engine:
        yield engine


@pytest.fixture(scope="module")
def numbers(lake: SqlCatalog) -> Table:
    """A million rows, which no single batch holds."""
    count = 1_000_000
    data = {"i": range(count), "k": [n % 1000 for n in range(count)], "x": ["x" * 20] * count}
    return rig.stored(lake, "numbers", pa.table(data))


def sealed(relation: Relation) -> Relation:
    return replace(relation, tags=TAGS)


def started(
    engine: DuckDBEngine, text: str, relation: Relation, schema: pa.Schema, seconds: float = 60
) -> WorkerStream:
    secured = rig.secured(text, relation)
    stream = engine.run(secured, None, schema, deadline=rig.soon(seconds))
    assert isinstance(stream, WorkerStream)
    return stream


def pair(stream: WorkerStream) -> tuple[int, int]:
    """The two processes of a running statement."""
    feeder = stream._worker.feeder
    assert feeder is not None
    return stream.worker_pid, feeder.pid


def lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


# --- which relations -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "wanted", "expected"),
    [
        ({"restricted"}, ("restricted",), True),
        ({"RESTRICTED"}, ("Restricted",), True),
        ({"restricted.cost"}, ("restricted",), True),
        ({"restrictedly"}, ("restricted",), False),
        ({"pii", "restricted"}, ("secret", "restricted"), True),
        ({"pii"}, ("pii.email",), False),
        (set(), ("restricted",), False),
        ({"restricted"}, (), False),
    ],
)
def test_a_tag_seals_and_so_do_those_below_it(
    people: Table, tags: set[str], wanted: tuple[str, ...], expected: bool
) -> None:
    relation = replace(rig.relation(people), tags=frozenset(tags))
    assert is_sealed(relation, DuckDBSettings(sealed_tags=wanted)) is expected
    assert is_sealed(relation, DuckDBSettings(sealed_tags=wanted, seal_all=True))


# --- the same results ----------------------------------------------------------------------------

STATEMENTS = [
    "SELECT * FROM people",
    "SELECT count(*) FROM people",
    "SELECT 1 FROM people",
    "SELECT name FROM people LIMIT 1",
    "SELECT a.id, b.name FROM people a JOIN people b ON a.id < b.id ORDER BY ALL",
    "SELECT id, count(*) OVER (PARTITION BY region) AS n FROM people ORDER BY id",
    "WITH c AS (SELECT * FROM people) SELECT * FROM c, c d ORDER BY ALL",
    "WITH c AS MATERIALIZED (SELECT * FROM people) SELECT * FROM c UNION ALL SELECT * FROM c",
    "WITH RECURSIVE r AS (SELECT 1 n UNION ALL SELECT n + 1 FROM r, people WHERE n < 4 AND id = 1)"
    " SELECT * FROM r ORDER BY n",
    "SELECT id FROM people WHERE name IN (SELECT max(name) FROM people)",
    "SELECT (SELECT max(id) FROM people q WHERE q.region = p.region) AS m FROM people p ORDER BY 1",
    "SELECT * FROM (PIVOT people ON region IN ('eu', 'us') USING sum(id)) ORDER BY ALL",
    "SELECT * FROM people p, LATERAL (SELECT count(*) FROM people q WHERE q.id > p.id) ORDER BY 1",
    " UNION ALL ".join(["SELECT count(*) AS n FROM people"] * 20),
    "SELECT people FROM people ORDER BY id",
    "SELECT region, sum(id) FROM people GROUP BY ROLLUP (region) ORDER BY ALL",
]


@pytest.mark.parametrize("text", STATEMENTS)
def test_a_statement_answers_as_without_the_seal(
    both: DuckDBEngine, people: Table, text: str
) -> None:
    open_ = rig.relation(people, ["id", "name", "region"], {"name": "upper(name)"}, "salary < 40")
    statement = rig.secured(text, open_)
    expected = rig.rows(both, statement)
    assert rig.rows(both, replace(statement, relations=(sealed(open_),))) == expected


def test_open_and_sealed_relations_meet_in_one_statement(
    both: DuckDBEngine, people: Table, numbers: Table
) -> None:
    text = "SELECT p.id, n.k FROM people p JOIN numbers n ON n.i = p.id ORDER BY ALL"
    for one in (rig.relation(people), sealed(rig.relation(people))):
        for other in (rig.relation(numbers), sealed(rig.relation(numbers))):
            assert rig.values(both, text, one, other) == [(n, n) for n in (1, 2, 3, 4)]


def test_the_parts_of_a_sealed_table_are_its_rows(both: DuckDBEngine, numbers: Table) -> None:
    found = 0
    for index in range(2):
        part = replace(sealed(rig.relation(numbers)), part=(index, 2))
        found += rig.values(both, "SELECT count(*) FROM numbers", part)[0][0]
    assert found == 1_000_000


_MOMENTS = [
    datetime.datetime(2020, 1, 1, 1, 2, 3, 4),
    datetime.datetime(1960, 1, 1),
    None,
    datetime.datetime(9999, 12, 30),
    datetime.datetime(1, 1, 2),
]
TYPES: dict[str, tuple[pa.Array, list[str]]] = {
    "b": (pa.array([True, False, None, True, False]), ["true"]),
    "i": (pa.array([1, 2, None, -5, 2**31 - 1], pa.int32()), ["2", "-5.5"]),
    "l": (pa.array([1, 2, None, -5, 2**63 - 1]), ["9223372036854775807"]),
    "d": (pa.array([1.5, float("nan"), None, float("inf"), -0.0]), ["0.0", "'nan'::DOUBLE"]),
    "f": (pa.array([1.5, float("nan"), None, float("-inf"), -0.0], pa.float32()), ["1.5"]),
    "n": (
        pa.array([Decimal("1.10"), Decimal("-2.5"), None, Decimal(0), Decimal("9.99")]).cast(
            pa.decimal128(38, 2)
        ),
        ["1.10", "0"],
    ),
    "t": (
        pa.array([datetime.time(1, 2, 3, 4), datetime.time(0), None] + [datetime.time(12)] * 2),
        ["TIME '12:00'"],
    ),
    "day": (pa.array([m and m.date() for m in _MOMENTS]), ["DATE '2020-01-01'"]),
    "ts": (pa.array(_MOMENTS, pa.timestamp("us")), ["TIMESTAMP '2020-01-01 01:02:03.000004'"]),
    "tz": (pa.array(_MOMENTS, pa.timestamp("us", tz="UTC")), ["TIMESTAMPTZ '1960-01-01 00:00:00'"]),
    "s": (pa.array(["a", "", None, "ü c1 \U0001f600", "z'\"\\"]), ["'a'", "'ü c1 \U0001f600'"]),
    "bin": (pa.array([b"a", b"", None, b"\x00\xff", b"z"]), [r"'\x00\xFF'::BLOB"]),
    "st": (
        pa.array(
            [
                {"a": 1, "b": "x"},
                {"a": None, "b": "y"},
                None,
                {"a": 3, "b": None},
                {"a": 4, "b": "z"},
            ]
        ),
        ["{'a': 1, 'b': 'x'}"],
    ),
    "li": (pa.array([[1, 2], [], None, [None, 3], [4]]), ["[1, 2]"]),
    "mp": (
        pa.array(
            [[("k", 1)], [], None, [("x", None)], [("y", 2)]], pa.map_(pa.string(), pa.int64())
        ),
        ["MAP {'k': 1}"],
    ),
    "uu": (
        pa.array([uuid.UUID(int=n).bytes if n != 2 else None for n in range(5)], pa.uuid()),
        ["'00000000-0000-0000-0000-000000000003'::UUID"],
    ),
}


@pytest.fixture(scope="module")
def typed(lake: SqlCatalog) -> Table:
    return rig.stored(lake, "typed", pa.table({name: data for name, (data, _) in TYPES.items()}))


@pytest.mark.parametrize("name", TYPES)
def test_values_and_filters_of_every_type_are_the_same(
    both: DuckDBEngine, typed: Table, name: str
) -> None:
    conditions = [f"{name} IS NULL", f"{name} IN (SELECT {name} FROM typed WHERE i > 0)"]
    for value in TYPES[name][1]:
        operators = ("=", "<>", "<", ">=", "IS DISTINCT FROM")
        conditions += [f"{name} {operator} {value}" for operator in operators]
        conditions.append(f"({name} IN ({value}, NULL) OR i = 2)")
    each = (f"SELECT {n} AS n, i FROM typed WHERE {c}" for n, c in enumerate(conditions))
    texts = [
        f"SELECT {name}, typeof({name}) FROM typed ORDER BY {name} DESC NULLS LAST LIMIT 3",
        f"FROM ({' UNION ALL '.join(each)}) ORDER BY ALL",
    ]
    zone = "America/New_York" if name == "tz" else "UTC"
    for text in texts:
        statement = replace(rig.secured(text, rig.relation(typed)), time_zone=zone)
        behind = replace(statement, relations=(sealed(rig.relation(typed)),))
        found, expected = rig.rows(both, behind), rig.rows(both, statement)
        # NaN is not equal to itself
        assert repr(found.to_pylist()) == repr(expected.to_pylist()), text
        assert found.schema == expected.schema, text


# --- limits --------------------------------------------------------------------------------------


def test_a_stream_takes_little_memory_whatever_the_table_holds(
    new_engine: NewEngine, numbers: Table
) -> None:
    engine = new_engine(workers=1, memory_limit=64 * MIB, seal_all=True)
    schema = pa.schema([("i", pa.int64()), ("x", pa.string())])
    text = "SELECT n.i, repeat(n.x, 5) AS x FROM numbers n"
    with closing(started(engine, text, rig.relation(numbers), schema)) as stream:
        most = rows = 0
        for frame in stream:
            rows += frame.rows
            most = max(most, stream._worker.resident())
    assert rows == 1_000_000
    assert most < 200 * MIB


def test_a_reader_that_stalls_stalls_both_processes(both: DuckDBEngine, numbers: Table) -> None:
    schema = pa.schema([("i", pa.int64()), ("x", pa.string())])
    relation = sealed(rig.relation(numbers))
    text = "SELECT n.i, repeat(n.x, 50) AS x FROM numbers n"
    with closing(started(both, text, relation, schema)) as stream:
        next(iter(stream))
        time.sleep(0.5)  # until all that fits on the way to the reader is full
        before = [_cpu(pid) for pid in pair(stream)]
        time.sleep(0.3)  # what they use in that time is what is measured
        assert sum(_cpu(pid) for pid in pair(stream)) - sum(before) <= 0.05


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def slow(numbers: Table) -> Relation:
    """A relation whose policy keeps the feeder busy for long before it has a row to send."""
    condition = "length(repeat(x || i, 2000)) < 0"
    return sealed(rig.relation(numbers, ["i"], row_filter=condition))


def test_both_processes_stop_where_a_statement_is_ended(
    new_engine: NewEngine, numbers: Table
) -> None:
    engine = new_engine(workers=1, sealed_tags=("restricted",))
    for way in ("cancel", "deadline", "close"):
        seconds = 3.0 if way == "deadline" else 60
        text = "SELECT count(*) AS n FROM numbers"
        stream = started(engine, text, slow(numbers), COUNT, seconds)
        pids = pair(stream)
        idle = _cpu(pids[1])
        assert eventually(lambda pids=pids, idle=idle: _cpu(pids[1]) > idle + 0.05, 15.0)
        with within(4.5):
            if way == "cancel":
                threading.Timer(0.1, stream.cancel).start()
            if way != "close":
                with pytest.raises(Cancelled if way == "cancel" else TimedOut):
                    next(iter(stream))
            stream.close()
        assert eventually(lambda pids=pids: not any(map(_busy, pids)), 5.0)
    assert rig.values(engine, "SELECT 1") == [(1,)]


def _busy(pid: int) -> bool:
    if not lives(pid):
        return False
    before = _cpu(pid)
    time.sleep(0.3)  # long enough for its share of a machine that has much else to do
    return lives(pid) and _cpu(pid) - before > 0.02


def test_a_feeder_that_dies_is_no_end_of_the_rows(new_engine: NewEngine, numbers: Table) -> None:
    engine = new_engine(workers=1, seal_all=True)
    schema = pa.schema([("i", pa.int64()), ("x", pa.string())])
    text = "SELECT n.i, repeat(n.x, 50) AS x FROM numbers n"
    stream = started(engine, text, rig.relation(numbers), schema)
    next(iter(stream))
    worker, feeder = pair(stream)
    os.kill(feeder, signal.SIGKILL)
    with pytest.raises(WorkerLost):
        list(stream)
    stream.close()
    assert eventually(lambda: not lives(worker))
    assert rig.values(engine, "SELECT count(*) FROM numbers", rig.relation(numbers)) == [(10**6,)]


def test_a_feeder_dies_with_its_worker_and_an_idle_pair_is_not_used_broken(
    new_engine: NewEngine, people: Table
) -> None:
    engine = new_engine(workers=1, spare=0, seal_all=True)
    schema = pa.schema([("id", pa.int64())])
    for broken in (0, 1):
        with closing(started(engine, "SELECT id FROM people", rig.relation(people), schema)) as one:
            assert sum(frame.rows for frame in one) == 4
            pids = pair(one)
        os.kill(pids[broken], signal.SIGKILL)
        assert eventually(lambda pid=pids[broken]: not lives(pid))
        assert rig.values(engine, "SELECT count(*) FROM people", rig.relation(people)) == [(4,)]
        assert eventually(lambda pids=pids: not any(map(lives, pids)))


def test_a_warm_pair_is_used_again_and_nothing_is_left_open(
    new_engine: NewEngine, people: Table
) -> None:
    engine = new_engine(workers=1, spare=0, seal_all=True)
    relation = rig.relation(people)
    texts = ["SELECT count(*) FROM people", "SELECT id FROM people LIMIT 1"]
    for text in texts:
        rig.values(engine, text, relation)
    pids = set(rig.workers(engine))
    opened = [len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in sorted(pids)]
    before = rig.descriptors()
    for _ in range(20):
        for text in texts:
            rig.values(engine, text, relation)
    assert set(rig.workers(engine)) == pids
    assert eventually(
        lambda: [len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in sorted(pids)] == opened
    )
    assert rig.descriptors() <= before + 2


def test_closing_the_engine_leaves_neither(new_engine: NewEngine, numbers: Table) -> None:
    engine = new_engine(sealed_tags=("restricted",))
    stream = started(engine, "SELECT count(*) AS n FROM numbers", slow(numbers), COUNT)
    pids = pair(stream)
    engine.close()
    assert eventually(lambda: not any(map(lives, pids)))
    with pytest.raises(EngineError):
        list(stream)
    stream.close()


def test_many_scans_at_once_answer_or_are_refused(both: DuckDBEngine, people: Table) -> None:
    tables = ", ".join(f"people p{n}" for n in range(100))
    joined = " AND ".join(f"p{n}.id = p{n + 1}.id" for n in range(99))
    relation = sealed(rig.relation(people))
    with suppress(OutOfResources):
        text = f"SELECT count(*) AS n FROM {tables} WHERE {joined}"
        assert rig.values(both, text, relation) == [(4,)]
    assert rig.values(both, "SELECT count(*) FROM people", relation) == [(4,)]


# --- what the two may say to each other ----------------------------------------------------------


def test_faults_of_the_data_are_told_as_without_the_seal(both: DuckDBEngine, people: Table) -> None:
    broken = rig.relation(
        people, ["id", "name"], {"name": "CAST(CAST(name AS INTEGER) AS VARCHAR)"}
    )
    texts = []
    for relation in (broken, sealed(broken)):
        with pytest.raises(ExecutionFailed) as caught:
            rig.values(both, "SELECT name FROM people", relation)
        texts.append(str(caught.value))
    assert texts[0] == texts[1]
    assert rig.values(both, "SELECT count(id) FROM people", sealed(broken)) == [(4,)]


def test_a_missing_file_is_told_as_without_the_seal(both: DuckDBEngine, lake: SqlCatalog) -> None:
    table = rig.stored(lake, "gone", rig.PEOPLE)
    for path in Path(table.location.removeprefix("file://")).rglob("*.parquet"):
        path.unlink()
    texts = []
    for relation in (rig.relation(table), sealed(rig.relation(table))):
        with pytest.raises(EngineError) as caught:
            rig.values(both, "SELECT * FROM gone", relation)
        texts.append((type(caught.value), str(caught.value)))
    assert texts[0] == texts[1]


@pytest.fixture
def feeder() -> Iterator[tuple[socket.socket, threading.Thread]]:
    """A feeder of one stream with two columns, in a thread, and the worker's end of its socket."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection = duckdb.connect()
    connection.execute(
        'CREATE VIEW v AS SELECT i AS "a ""b", -i AS hidden, 2 * i AS c FROM range(9) r(i)'
    )
    served = Feeder(theirs, connection, [Stream("v", ('a "b', "c"))])
    thread = threading.Thread(target=served.serve)
    thread.start()
    with ours:
        yield ours, thread
    thread.join(5)
    assert not thread.is_alive()
    theirs.close()
    connection.close()


def request(stream: int, *columns: int) -> bytes:
    numbers = b"".join(feed.COLUMN.pack(column) for column in columns)
    return feed.REQUEST.pack(stream, len(columns)) + numbers


def asked(worker: socket.socket, request: bytes) -> pa.Table:
    reading, writing = pipe.create()
    socket.send_fds(worker, [request], [writing])
    os.close(writing)
    with closing(pipe.Reader(reading, lambda: None)) as reader:
        schema = reader.schema()
        return pa.Table.from_batches(reader.batches(schema), schema)


def test_a_feeder_gives_the_columns_that_it_was_given(
    feeder: tuple[socket.socket, threading.Thread],
) -> None:
    worker, _ = feeder
    assert asked(worker, request(0)).schema.names == ["c0", "c1"]
    assert asked(worker, request(0)).num_rows == 0
    assert asked(worker, request(0, 1)).to_pydict() == {"c1": list(range(0, 18, 2))}
    narrowed = request(0, 1) + b'["and",[[">=",0,1]]]'
    assert asked(worker, narrowed).num_rows == 8


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b"\0",
        b"\0\0\0\0\0",
        request(1),
        request(0, 2),
        request(0, 0, 65535),
        feed.REQUEST.pack(0, 2) + feed.COLUMN.pack(0),
        request(0, 0) + b"hidden = 1",
        request(0, 0) + b'["=",2,1]',
        request(0, 0) + b'["=","hidden",1]',
        request(0, 0) + b'["= 1 OR error(hidden)=",0,1]',
        b"SELECT hidden FROM v;;",
    ],
)
def test_a_feeder_ends_where_it_is_asked_for_anything_else(
    feeder: tuple[socket.socket, threading.Thread], request_: bytes
) -> None:
    worker, thread = feeder
    with pytest.raises(pipe.PipeBroken):
        asked(worker, request_)
    thread.join(5)
    assert not thread.is_alive()


def test_an_end_that_is_not_said_is_no_end() -> None:
    schema = pa.schema([("a", pa.int64())])
    reading, writing = pipe.create()
    writer = pipe.Writer(writing)
    writer.schema(schema)
    writer.batch(pa.record_batch([pa.array([1])], schema))
    os.close(writing)
    with closing(pipe.Reader(reading, lambda: None)) as reader:
        batches = reader.batches(reader.schema())
        assert next(batches).num_rows == 1
        with pytest.raises(pipe.PipeBroken):
            next(batches)


def test_a_fault_goes_through_a_pipe() -> None:
    reading, writing = pipe.create()
    pipe.Writer(writing).fault(b"why")
    os.close(writing)
    with closing(pipe.Reader(reading, lambda: None)) as reader:
        with pytest.raises(pipe.PipeFault) as caught:
            reader.schema()
    assert caught.value.detail == b"why"


def test_a_sealed_worker_has_no_file_open_and_may_open_none(
    new_engine: NewEngine, people: Table
) -> None:
    engine = new_engine(workers=1, spare=0, seal_all=True)
    schema = pa.schema([("id", pa.int64())])
    with closing(started(engine, "SELECT id FROM people", rig.relation(people), schema)) as stream:
        assert sum(frame.rows for frame in stream) == 4
        worker, feeder = pair(stream)
        maps = Path(f"/proc/{worker}/maps").read_text()
        links = {str(entry.readlink()) for entry in Path(f"/proc/{worker}/fd").iterdir()}
        assert lives(feeder)
    assert ".parquet" not in maps
    assert not any(".parquet" in link for link in links)
    path = next(Path(people.location.removeprefix("file://")).rglob("*.parquet"))
    text = f"SELECT * FROM read_parquet('{path}')"
    with closing(started(engine, text, rig.relation(people), schema)) as stream:
        with pytest.raises(EngineError) as caught:
            list(stream)
    assert "shape" not in str(caught.value)
