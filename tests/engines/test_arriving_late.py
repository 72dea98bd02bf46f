"""Statements over files on S3 that come while they run: late, never, or too many at once."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from catalog.model import Table
from flight_server.engines.base import EngineStream
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.process import WorkerProcess
from flight_server.engines.duckdb.scan.cache import FileCache
from flight_server.engines.duckdb.scan.fetch import Fetcher
from flight_server.engines.duckdb.scan.plan import plan
from flight_server.engines.duckdb.settings import MIB, DuckDBSettings
from flight_server.engines.errors import Cancelled, DataMissing, EngineError, TimedOut
from tests.engines import rig
from tests.object_store import Faults, ObjectStore, faulty, object_store
from tests.waiting import eventually, within

FILES = 100
AT_ONCE = 16  # files that are fetched at once
TOTAL = "SELECT count(*), sum(a) FROM many"
FEW = "SELECT a FROM many WHERE a % 2 < 2 LIMIT 3"
SUM = [(FILES * 10, sum(range(FILES * 10)))]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with pytest.MonkeyPatch.context() as patch:
        # the server does not know the checksums that the SDK adds to uploads
        patch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
        patch.setenv("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
        with object_store(tmp_path_factory.mktemp("store")) as running:
            yield running


@pytest.fixture(scope="module")
def stored(store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    """A table of many small files."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('catalog')}/catalog.db"
    rows = pa.table({"a": pa.array(range(FILES * 10), pa.int64()), "k": [*range(FILES)] * 10})
    with closing(SqlCatalog("lake", uri=uri, **store.properties())) as catalog:
        catalog.create_namespace("s")
        source = catalog.create_table("s.many", schema=rows.schema)
        with source.update_spec() as spec:
            spec.add_identity("k")
        source.append(rows)
        yield rig.described(source, "many")


class Gate:
    """A storage that gives some data files, and the others once it is opened, or errors then."""

    def __init__(self, faults: Faults, first: int) -> None:
        self.open = threading.Event()
        self.kind = ""
        self.seconds = 30.0
        self._faults = faults
        self._free = first
        self._known: set[str] = set()
        faults.next = self._next  # type: ignore[method-assign]

    @property
    def asked(self) -> int:
        """How many files were asked for."""
        return len(self._known)

    def _next(self, path: str) -> str:
        with self._faults.lock:
            free = path in self._known or len(self._known) < self._free
            self._known.add(path)
        if free:
            return ""
        self.open.wait(self.seconds)
        return self.kind


@pytest.fixture
def gated(stored: Table, store: ObjectStore) -> Iterator[tuple[Table, Gate]]:
    """The table in a storage that gives its first file at once."""
    with faulty(store) as (port, faults):
        gate = Gate(faults, 1)
        yield dataclasses.replace(stored, storage=store.properties(port)), gate
        gate.open.set()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBEngine]:
    """One worker, so that one that is not given back is missed; each storage has its own copies."""
    place = tmp_path_factory.mktemp("engine")
    settings = DuckDBSettings(
        workers=1,
        spare=1,
        planners=1,
        threads=2,
        memory_limit=512 * MIB,
        spill_directory=place,
        cache_directory=place / "cache",
    )
    with closing(DuckDBEngine(settings)) as started:
        yield started


def begun(engine: DuckDBEngine, table: Table, text: str, seconds: float = 20.0) -> EngineStream:
    statement = rig.secured(text, rig.relation(table))
    schema = engine.describe(statement, None, deadline=rig.soon())
    return engine.run(statement, None, schema, deadline=rig.soon(seconds))


def test_a_statement_runs_before_its_files_are_here(
    engine: DuckDBEngine, gated: tuple[Table, Gate]
) -> None:
    table, gate = gated
    with closing(begun(engine, table, TOTAL)) as stream:
        assert not stream.ready(0.3)
        gate.open.set()
        assert sum(frame.rows for frame in stream) == 1
    assert rig.values(engine, TOTAL, rig.relation(table)) == SUM


def test_a_file_that_fails_later_is_told_as_what_it_is(
    engine: DuckDBEngine, gated: tuple[Table, Gate]
) -> None:
    table, gate = gated
    gate.kind = "404"
    with closing(begun(engine, table, TOTAL)) as stream:
        gate.open.set()
        with within(10), pytest.raises(DataMissing):
            list(stream)
    gate.kind = ""
    assert rig.values(engine, TOTAL, rig.relation(table)) == SUM


def test_what_a_limit_leaves_is_not_fetched(
    engine: DuckDBEngine, gated: tuple[Table, Gate]
) -> None:
    table, gate = gated
    gate.seconds = 1.0
    with within(10), closing(begun(engine, table, FEW)) as stream:
        assert sum(frame.rows for frame in stream) == 3
    cache = engine._sources.cache
    assert eventually(lambda: all(copy.ready.done() for copy in [*cache._copies.values()]))
    assert gate.asked < FILES - AT_ONCE
    gate.open.set()
    assert rig.values(engine, TOTAL, rig.relation(table)) == SUM


def test_a_statement_that_waits_for_a_file_can_be_cancelled(
    engine: DuckDBEngine, gated: tuple[Table, Gate]
) -> None:
    table, gate = gated
    with closing(begun(engine, table, TOTAL)) as stream:
        assert not stream.ready(0.5)
        stream.cancel()
        with within(5), pytest.raises(Cancelled):
            list(stream)
    gate.open.set()
    assert rig.values(engine, TOTAL, rig.relation(table)) == SUM


def test_a_statement_that_waits_for_a_file_ends_at_its_deadline(
    engine: DuckDBEngine, gated: tuple[Table, Gate]
) -> None:
    table, gate = gated
    with within(8), closing(begun(engine, table, TOTAL, 1.5)) as stream, pytest.raises(TimedOut):
        list(stream)
    gate.open.set()
    assert rig.values(engine, TOTAL, rig.relation(table)) == SUM


def test_where_no_thread_can_fetch_the_next_statement_tries_again(
    stored: Table, store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = list(plan(dataclasses.replace(stored, storage=store.properties())).remote)[:2]
    with closing(FileCache(tmp_path, 2**30)) as cache:
        with monkeypatch.context() as patch:

            def none(_fetcher: Fetcher, _order: object) -> None:
                raise RuntimeError("can't start new thread")

            patch.setattr(Fetcher, "fetch", none)
            with within(5), pytest.raises(EngineError):
                cache.hold(files, store.properties(), deadline=rig.soon())
        paths, release = cache.hold(files, store.properties(), deadline=rig.soon())
        assert all(Path(path).exists() for path in paths)
        release()


def test_nothing_is_left_open(engine: DuckDBEngine, gated: tuple[Table, Gate]) -> None:
    table, gate = gated
    before = 0
    for _ in range(4):
        begun(engine, table, TOTAL).close()
        before = before or rig.descriptors()
    gate.open.set()
    assert eventually(lambda: rig.descriptors() <= before + 4)


def test_many_files_that_come_before_the_worker_do_not_hold_it_up(
    engine: DuckDBEngine, gated: tuple[Table, Gate], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A socket takes few of them without a reader; the statement waits for its turn meanwhile."""
    table, gate = gated
    gate.seconds = 0.1
    cache, acquire = engine._sources.cache, engine._workers.acquire

    def late(*arguments: Any) -> WorkerProcess:
        assert eventually(lambda: gate.asked == FILES, 10)
        assert eventually(lambda: all(copy.ready.done() for copy in [*cache._copies.values()]))
        return acquire(*arguments)

    monkeypatch.setattr(engine._workers, "acquire", late)
    with within(20):
        assert rig.values(engine, TOTAL, rig.relation(table)) == SUM
