"""Tables on S3: fetched into a local cache by the trusted side, never read wrongly."""

from __future__ import annotations

import dataclasses
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from catalog.model import Table
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.scan import fetch
from flight_server.engines.duckdb.scan.cache import FileCache
from flight_server.engines.duckdb.scan.fetch import RANGE
from flight_server.engines.duckdb.scan.plan import plan
from flight_server.engines.duckdb.scan.remote import Opened, RemoteFile, Storages
from flight_server.engines.errors import (
    DataMissing,
    EngineError,
    OutOfResources,
    StorageFailed,
    TimedOut,
    UnsupportedData,
)
from tests.engines import rig
from tests.object_store import Faults, ObjectStore, faulty, object_store
from tests.waiting import eventually, within

ROWS = pa.table({"a": pa.array(range(1000), pa.int64()), "b": ["x" * 20] * 1000})
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with pytest.MonkeyPatch.context() as patch:
        # the server does not know the checksums that the SDK adds to uploads
        patch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
        patch.setenv("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
        with object_store(tmp_path_factory.mktemp("store")) as running:
            yield running


@pytest.fixture(scope="module")
def remote(store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlCatalog]:
    uri = f"sqlite:///{tmp_path_factory.mktemp('catalog')}/catalog.db"
    catalog = SqlCatalog("lake", uri=uri, **store.properties())
    catalog.create_namespace("s")
    yield catalog
    catalog.engine.dispose()


@pytest.fixture(scope="module")
def table(remote: SqlCatalog, store: ObjectStore) -> Table:
    """Four files."""
    source = remote.create_table("s.four", schema=ROWS.schema)
    for _ in range(4):
        source.append(ROWS)
    return dataclasses.replace(rig.described(source, "four"), storage=store.properties())


@pytest.fixture
def flaky(table: Table, store: ObjectStore) -> Iterator[tuple[Table, Faults]]:
    """The same table through a proxy that makes mistakes."""
    with faulty(store) as (port, faults):
        yield dataclasses.replace(table, storage=store.properties(port)), faults


@pytest.fixture
def fresh(new_engine: Callable[..., DuckDBEngine], tmp_path: Path) -> DuckDBEngine:
    """An engine with an empty cache."""
    return new_engine(workers=1, cache_directory=tmp_path / "cache")


def total(engine: DuckDBEngine, table: Table) -> list[tuple[object, ...]]:
    return rig.values(engine, "SELECT count(*), sum(a) FROM four", rig.relation(table))


def settled(engine: DuckDBEngine) -> None:
    """Wait until all that failed has failed: who comes while it goes on is told the same."""
    assert eventually(lambda: engine._sources.cache.statistics.files == 0)


def files_of(table: Table) -> list[RemoteFile]:
    return list(plan(table).remote)


def test_a_table_on_s3_is_read_and_read_again_without_asking(
    fresh: DuckDBEngine, flaky: tuple[Table, Faults]
) -> None:
    table, faults = flaky
    assert total(fresh, table) == [(4000, 4 * 499500)]
    asked = list(faults.reads)
    assert len(asked) == 4
    assert total(fresh, table) == [(4000, 4 * 499500)]
    assert faults.reads == asked


def test_only_files_that_can_matter_are_fetched(
    fresh: DuckDBEngine, remote: SqlCatalog, flaky: tuple[Table, Faults]
) -> None:
    source = remote.create_table("s.ranges", schema=ROWS.schema)
    for start in (0, 1000, 2000, 3000):
        source.append(ROWS.set_column(0, "a", pa.array(range(start, start + 1000), pa.int64())))
    storage, faults = flaky[0].storage, flaky[1]
    table = dataclasses.replace(rig.described(source, "ranges"), storage=storage)
    text = "SELECT count(*) FROM ranges WHERE a BETWEEN 1500 AND 1600"
    assert rig.values(fresh, text, rig.relation(table)) == [(101,)]
    assert len(faults.reads) == 1
    assert rig.values(fresh, "SELECT sum(a) FROM ranges", rig.relation(table)) == [(7998000,)]
    assert len(faults.reads) == 4


def test_large_files_are_fetched_in_ranges(
    remote: SqlCatalog, store: ObjectStore, fresh: DuckDBEngine
) -> None:
    numbers = pa.array(range(2_000_000), pa.int64())
    source = remote.create_table("s.large", schema=pa.schema([("a", pa.int64())]))
    with source.transaction() as change:
        change.set_properties({"write.parquet.compression-codec": "uncompressed"})
    source.append(pa.table({"a": numbers}))
    table = dataclasses.replace(rig.described(source, "large"), storage=store.properties())
    assert max(file.size for file in files_of(table)) > RANGE
    found = rig.values(fresh, "SELECT count(*), sum(a), max(a) FROM large", rig.relation(table))
    assert found == [(2_000_000, 1_999_999_000_000, 1_999_999)]


@pytest.mark.parametrize("kind", ["500", "cut", "reset", "less"])
def test_an_error_of_the_storage_that_passes_is_not_noticed(
    fresh: DuckDBEngine, flaky: tuple[Table, Faults], kind: str
) -> None:
    table, faults = flaky
    faults.kind, faults.times = kind, 1
    assert total(fresh, table) == [(4000, 4 * 499500)]
    assert 5 <= len(faults.reads) <= 8


@pytest.mark.parametrize(("place", "reads"), [("the middle", 2), ("the end", 1)])
def test_bytes_that_are_the_mark_by_chance_are_told_from_those_that_never_came(
    flaky: tuple[Table, Faults], monkeypatch: pytest.MonkeyPatch, place: str, reads: int
) -> None:
    table, faults = flaky
    file = files_of(table)[0]
    source = Opened(Storages(), file, table.storage)
    whole = bytes(source.read(0, file.size))
    inside = next(at for at in range(100, file.size) if whole[at - 1 : at] != b"1")
    end = inside if place == "the middle" else file.size
    data = whole[:end]
    # the first mark is the data's own end; no Parquet file's last read takes such a one
    marks = iter([data[-16:], bytes(15) + b"x"])
    faults.reads.clear()
    monkeypatch.setattr(secrets, "token_bytes", lambda length: next(marks)[-length:])
    assert bytes(source.read(0, end)) == data
    assert len(faults.reads) == reads


@pytest.mark.parametrize("kind", ["500", "403", "cut", "reset"])
def test_a_storage_that_fails_gives_an_error_and_no_rows(
    fresh: DuckDBEngine, flaky: tuple[Table, Faults], kind: str
) -> None:
    table, faults = flaky
    faults.kind, faults.times = kind, -1
    with pytest.raises(StorageFailed) as caught:
        total(fresh, table)
    assert "s3" not in str(caught.value)
    settled(fresh)
    faults.times = 0
    assert total(fresh, table) == [(4000, 4 * 499500)]


def test_a_slow_storage_ends_at_the_deadline(
    fresh: DuckDBEngine, flaky: tuple[Table, Faults]
) -> None:
    table, faults = flaky
    statement = rig.secured("SELECT sum(a) FROM four", rig.relation(table))
    schema = fresh.describe(statement, None, deadline=rig.soon())
    faults.kind, faults.times = "slow", -1
    with within(2.5), pytest.raises(TimedOut):
        fresh.run(statement, None, schema, deadline=time.monotonic() + 1)


@pytest.mark.parametrize("kind", ["404", "less"])
def test_an_object_that_is_gone_or_short_in_the_end_is_an_error(
    fresh: DuckDBEngine, flaky: tuple[Table, Faults], kind: str
) -> None:
    table, faults = flaky
    faults.kind, faults.times = kind, -1
    with pytest.raises(DataMissing):
        total(fresh, table)
    settled(fresh)
    faults.times = 0
    assert total(fresh, table) == [(4000, 4 * 499500)]


def test_an_object_that_changes_while_it_is_read_is_an_error(
    flaky: tuple[Table, Faults], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "RANGE", 1000)
    table, faults = flaky
    cache = FileCache(tmp_path / "cache", limit=100 * MIB)
    faults.kind, faults.times = "changed", 1
    with pytest.raises(DataMissing):
        hold(cache, table)
    faults.changed = False
    paths, _ = hold(cache, table)
    assert [Path(path).stat().st_size for path in paths] == [file.size for file in files_of(table)]
    cache.close()


def test_a_storage_that_refuses_connections_is_told(fresh: DuckDBEngine, table: Table) -> None:
    storage = {**table.storage, "s3.endpoint": "http://127.0.0.1:1"}
    source = dataclasses.replace(table, storage=storage)
    cache = fresh._sources.cache
    with pytest.raises(StorageFailed):
        cache.hold(files_of(table), source.storage, deadline=rig.soon())


def test_a_storage_that_stands_still_ends_at_the_deadline(
    flaky: tuple[Table, Faults], tmp_path: Path
) -> None:
    table, faults = flaky
    faults.kind, faults.times = "slow", -1
    cache = FileCache(tmp_path / "cache", limit=100 * MIB)
    with pytest.raises(TimedOut):
        cache.hold(files_of(table), table.storage, deadline=time.monotonic() + 0.3)
    cache.close()


def test_wrong_credentials_are_refused(fresh: DuckDBEngine, table: Table) -> None:
    storage = {**table.storage, "s3.secret-access-key": "another"}
    with pytest.raises(EngineError) as caught:
        total(fresh, dataclasses.replace(table, storage=storage))
    assert "another" not in str(caught.value)


@pytest.mark.parametrize("change", ["gone", "short", "long"])
def test_an_object_that_is_not_the_one_of_the_metadata_is_an_error(
    fresh: DuckDBEngine, remote: SqlCatalog, store: ObjectStore, change: str
) -> None:
    source = remote.create_table(f"s.{change}", schema=ROWS.schema)
    source.append(ROWS)
    table = dataclasses.replace(rig.described(source, change), storage=store.properties())
    (file,) = files_of(table)
    path = store.object(file.uri)
    if change == "gone":
        path.unlink()
    else:
        data = path.read_bytes()
        path.write_bytes(data[:-1] if change == "short" else data + b"\0")
    time.sleep(1.1)  # the server keeps what it listed for a second
    with pytest.raises(DataMissing):
        rig.values(fresh, f"SELECT * FROM {change}", rig.relation(table))


@pytest.mark.parametrize(
    "location", ["s3://lake/other", "s3://other/s/four", "/tmp", "s3://lake/s/fou", "s3://lake/s?"]
)
def test_files_outside_of_the_tables_location_are_refused(table: Table, location: str) -> None:
    with pytest.raises((EngineError, UnsupportedData)):
        plan(dataclasses.replace(table, location=location))


# --- the cache -----------------------------------------------------------------------------------


def hold(cache: FileCache, table: Table) -> tuple[list[str], Callable[[], None]]:
    return cache.hold(files_of(table), table.storage, deadline=rig.soon())


def test_what_is_not_held_makes_room(table: Table, tmp_path: Path) -> None:
    files = files_of(table)
    cache = FileCache(tmp_path / "cache", limit=sum(file.size for file in files[:2]) + 10)
    try:
        with pytest.raises(OutOfResources):
            hold(cache, table)
        for file in files:
            paths, release = cache.hold([file], table.storage, deadline=rig.soon())
            assert Path(paths[0]).stat().st_size == file.size
            release()
        held, _ = cache.hold(files[2:], table.storage, deadline=rig.soon())
        with pytest.raises(OutOfResources):
            cache.hold(files[:1], table.storage, deadline=rig.soon())
        assert all(Path(path).exists() for path in held)
        kept = [path for path in (tmp_path / "cache").rglob("*") if path.suffix == ""]
        assert sum(path.stat().st_size for path in kept if path.is_file()) <= 10 + sum(
            file.size for file in files[:2]
        )
    finally:
        cache.close()


def test_many_at_once_fetch_a_file_once(flaky: tuple[Table, Faults], tmp_path: Path) -> None:
    table, faults = flaky
    cache = FileCache(tmp_path / "cache", limit=100 * MIB)
    found: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: found.append(hold(cache, table)[0])) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cache.close()
    assert len(found) == 16
    assert len({tuple(paths) for paths in found}) == 1
    assert len(faults.reads) == 4
    assert (cache.statistics.misses, cache.statistics.hits) == (4, 60)


def test_the_next_process_takes_the_files_over(flaky: tuple[Table, Faults], tmp_path: Path) -> None:
    table, faults = flaky
    first = FileCache(tmp_path / "cache", limit=100 * MIB)
    paths, release = hold(first, table)
    release()
    first.close()
    second = FileCache(tmp_path / "cache", limit=100 * MIB)
    assert hold(second, table)[0] == paths
    assert len(faults.reads) == 4
    second.close()


@pytest.mark.parametrize("damage", ["flipped", "cut", "without note", "half fetched"])
def test_damaged_files_of_an_earlier_process_are_fetched_anew(
    flaky: tuple[Table, Faults], tmp_path: Path, damage: str
) -> None:
    table, faults = flaky
    first = FileCache(tmp_path / "cache", limit=100 * MIB)
    paths, _ = hold(first, table)
    first.close()
    victim = Path(paths[0])
    data = victim.read_bytes()
    match damage:
        case "flipped":
            victim.write_bytes(data[:50] + bytes([data[50] ^ 1]) + data[51:])
        case "cut":
            victim.write_bytes(data[:-10])
        case "without note":
            victim.with_name(victim.name + ".json").unlink()
        case "half fetched":
            victim.rename(victim.with_name(victim.name + ".part"))
    second = FileCache(tmp_path / "cache", limit=100 * MIB)
    again, _ = hold(second, table)
    second.close()
    assert Path(again[0]).read_bytes() == data
    assert again[1:] == paths[1:]
    assert len(faults.reads) == 5


def test_a_disk_that_is_full_is_told_and_leaves_nothing(table: Table, tmp_path: Path) -> None:
    """As a limit on file sizes, in a process of its own: it is for all of its files."""
    script = tmp_path / "full.py"
    files = [(file.uri, file.size) for file in files_of(table)]
    script.write_text(FULL.format(files=files, storage=dict(table.storage), place=str(tmp_path)))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["OutOfResources", "0", "0"], done.stderr


FULL = """
import resource, time
from pathlib import Path
from flight_server.engines.duckdb.scan.cache import FileCache
from flight_server.engines.duckdb.scan.remote import RemoteFile
cache = FileCache(Path({place!r}) / "cache", 1 << 30)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    files = [RemoteFile(*each) for each in {files!r}]
    cache.hold(files, {storage!r}, deadline=time.monotonic() + 20)
except Exception as error:
    left = [p for p in (Path({place!r}) / "cache").rglob("*") if p.is_file() and p.name != "lock"]
    time.sleep(1)  # what goes on in threads ends meanwhile
    print(type(error).__name__, cache.statistics.stored, len([p for p in left if p.exists()]))
cache.close()
"""


def test_a_directory_that_is_removed_is_made_anew(
    flaky: tuple[Table, Faults], fresh: DuckDBEngine, tmp_path: Path
) -> None:
    table, faults = flaky
    assert total(fresh, table) == [(4000, 4 * 499500)]
    shutil.rmtree(tmp_path / "cache")
    assert total(fresh, table) == [(4000, 4 * 499500)]
    copy = next(
        p for p in (tmp_path / "cache" / "files-0").iterdir() if not p.suffix and "-" in p.name
    )
    copy.unlink()
    assert total(fresh, table) == [(4000, 4 * 499500)]
    assert len(faults.reads) == 9


def test_a_process_that_is_killed_while_it_fetches_leaves_no_half_files(
    flaky: tuple[Table, Faults], tmp_path: Path
) -> None:
    table, faults = flaky
    script = tmp_path / "killed.py"
    files = [(file.uri, file.size) for file in files_of(table)]
    script.write_text(KILLED.format(files=files, storage=dict(table.storage), place=str(tmp_path)))
    faults.kind, faults.times = "slow", -1
    for wait in (0.5, 2.9, 3.1):
        with subprocess.Popen(
            [sys.executable, str(script)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(wait)  # before the storage answers, and about when it does
            process.kill()
    faults.times = 0
    cache = FileCache(tmp_path / "cache", limit=100 * MIB)
    paths, _ = hold(cache, table)
    read = pa.concat_tables([pq.read_table(path) for path in paths])
    assert (read.num_rows, pc.sum(read["a"]).as_py()) == (4000, 4 * 499500)
    assert not list((tmp_path / "cache").rglob("*.part"))
    cache.close()


KILLED = """
import time
from pathlib import Path
from flight_server.engines.duckdb.scan.cache import FileCache
from flight_server.engines.duckdb.scan.remote import RemoteFile
cache = FileCache(Path({place!r}) / "cache", 1 << 30)
files = [RemoteFile(*each) for each in {files!r}]
print("now", flush=True)
cache.hold(files, {storage!r}, deadline=time.monotonic() + 20)
time.sleep(20)  # until it is killed
"""


def test_two_processes_never_share_their_files(table: Table, tmp_path: Path) -> None:
    caches = [FileCache(tmp_path / "cache", limit=100 * MIB) for _ in range(2)]
    held = [hold(cache, table)[0] for cache in caches]
    assert not set(held[0]) & set(held[1])
    for cache in caches:
        cache.close()


def test_a_directory_that_others_may_change_is_refused(table: Table, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o777)
    cache = FileCache(tmp_path / "cache", limit=100 * MIB)
    with pytest.raises(EngineError, match="copies"):
        hold(cache, table)
    cache.close()
