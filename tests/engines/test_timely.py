"""A storage that hangs while a table is planned ends in an error at the statement's deadline."""

from __future__ import annotations

import dataclasses
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from catalog.model import Table
from flight_server.engines.base import Secured
from flight_server.engines.duckdb import positions
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.memory import MemoryFiles
from flight_server.engines.duckdb.scan.footers import Footers
from flight_server.engines.duckdb.scan.timely import in_time
from flight_server.engines.duckdb.scan.vectors import Vector
from flight_server.engines.errors import DataMissing, TimedOut
from tests.engines import rig
from tests.object_store import Faults, ObjectStore, faulty, object_store
from tests.waiting import within

ROWS = pa.table({"a": pa.array(range(100), pa.int64())})
TOTAL = "SELECT sum(b) FROM evolved"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with pytest.MonkeyPatch.context() as patch:
        # the server does not know the checksums that the SDK adds to uploads
        patch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
        patch.setenv("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
        with object_store(tmp_path_factory.mktemp("store")) as running:
            yield running


@pytest.fixture(scope="module")
def table(store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    """Files that have another column name than the table: their footers are read."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('catalog')}/catalog.db"
    with closing(SqlCatalog("lake", uri=uri, **store.properties())) as catalog:
        catalog.create_namespace("s")
        source = catalog.create_table("s.evolved", schema=ROWS.schema)
        source.append(ROWS)
        with source.update_schema() as update:
            update.rename_column("a", "b")
        source.append(ROWS.rename_columns(["b"]))
        yield rig.described(source, "evolved")


@pytest.fixture
def engine(new_engine: Callable[..., DuckDBEngine], tmp_path: Path) -> DuckDBEngine:
    return new_engine(workers=1, cache_directory=tmp_path / "cache")


def planned(engine: DuckDBEngine, table: Table) -> tuple[Secured, pa.Schema]:
    statement = rig.secured(TOTAL, rig.relation(table))
    return statement, engine.describe(statement, None, deadline=rig.soon())


def test_footers_that_do_not_come_end_at_the_deadline(
    engine: DuckDBEngine, table: Table, store: ObjectStore
) -> None:
    with faulty(store) as (port, faults):
        slow = dataclasses.replace(table, storage=store.properties(port))
        statement, schema = planned(engine, slow)
        faults.kind, faults.times = "slow", -1
        with within(2.5), pytest.raises(TimedOut):
            engine.run(statement, None, schema, deadline=time.monotonic() + 1)
        assert faults.reads
        faults.times = 0
        # what the storage then gave is not asked for again
        assert rig.values(engine, TOTAL, rig.relation(slow)) == [(9900,)]


def test_a_storage_that_never_answers_ends_at_the_deadline(
    engine: DuckDBEngine, table: Table, store: ObjectStore
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        deaf = dataclasses.replace(table, storage=store.properties(silent.getsockname()[1]))
        statement, schema = planned(engine, deaf)
        for _ in range(2):  # others do not wait longer for what one of them asked for
            with within(2.5), pytest.raises(TimedOut):
                engine.run(statement, None, schema, deadline=time.monotonic() + 1)


def test_where_one_footer_fails_the_others_are_not_asked_for(
    table: Table, store: ObjectStore
) -> None:
    with faulty(store) as (port, faults):
        names = [f"s3://lake/s/evolved/data/{number}.parquet" for number in range(400)]
        with pytest.raises(DataMissing):
            Footers().columns(names, store.properties(port))
        assert _asked(faults) < 200


def _asked(faults: Faults) -> int:
    return faults.heads + len(faults.reads)


def test_errors_of_planning_are_told_as_they_are(table: Table) -> None:
    def fails() -> None:
        raise DataMissing("gone")

    with pytest.raises(DataMissing):
        in_time(table, fails, time.monotonic() + 5)
    assert in_time(table, lambda: 7, time.monotonic() + 5) == 7
    with pytest.raises(TimedOut):
        in_time(table, lambda: time.sleep(1), time.monotonic() - 1)


def test_deletion_vectors_that_do_not_come_end_at_the_deadline(
    table: Table, store: ObjectStore, tmp_path: Path
) -> None:
    vector = Vector(0, "s3://lake/s/evolved/data/v.puffin", 4, 40, 1)
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as silent,
        closing(MemoryFiles(tmp_path)) as files,
    ):
        storage = store.properties(silent.getsockname()[1])
        deadline = time.monotonic() + 1
        with within(2.5), pytest.raises(TimedOut):
            positions.hold([vector], storage, files, lambda work: in_time(table, work, deadline))
