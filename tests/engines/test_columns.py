"""Of large files on S3 only the columns that are read are fetched, and never fewer."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from catalog.model import Table
from flight_server.engines.base import Relation
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.scan import fetch, pieces, reader
from flight_server.engines.duckdb.scan.cache import FileCache
from flight_server.engines.duckdb.scan.entries import DataFile, DeleteFile
from flight_server.engines.duckdb.scan.pieces import NotTold
from flight_server.engines.duckdb.scan.plan import plan
from flight_server.engines.errors import EngineError
from tests.engines import rig
from tests.object_store import Faults, ObjectStore, faulty, object_store

COUNT = 6_000
MIB = 1024 * 1024
NAMES = ("a", "b", "c", "d", "e", "f", "g", "h")


def made(count: int = COUNT) -> pa.Table:
    """Rows that do not compress well, of all kinds of types."""
    chance = random.Random(7)
    numbers = range(count)
    return pa.table(
        {
            "a": pa.array([chance.getrandbits(62) for _ in numbers], pa.int64()),
            "b": [None if n % 7 == 0 else chance.randbytes(12).hex() for n in numbers],
            "c": pa.array(
                [Decimal(chance.randrange(10**9)).scaleb(-2) for _ in numbers],
                pa.decimal128(12, 2),
            ),
            "d": [[chance.random() for _ in range(n % 3)] for n in numbers],
            "e": [{"x": chance.getrandbits(30), "y": chance.randbytes(6).hex()} for _ in numbers],
            "f": pa.array(
                [[(chance.randbytes(3).hex(), n)] for n in numbers],
                pa.map_(pa.string(), pa.int64()),
            ),
            "g": [["red", "green", "blue"][chance.randrange(3)] for _ in numbers],
            "h": [chance.random() < 0.5 for _ in numbers],
        }
    )


@pytest.fixture(scope="module", autouse=True)
def fine() -> Iterator[None]:
    """Holes everywhere: small files are treated as large ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetch, "_GAP", 0)
        patch.setattr(fetch, "_TAIL", 256)
        patch.setattr(fetch, "_MOST", 1.0)
        # the server does not know the checksums that the SDK adds to uploads
        patch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
        patch.setenv("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
        yield


# --- the pieces of a file ------------------------------------------------------------------------


def covered(found: list[pieces.Piece]) -> set[int]:
    return {byte for start, end in found for byte in range(start, end)}


def test_pieces_are_those_of_sets_of_bytes() -> None:
    chance = random.Random(1)
    for _ in range(2_000):
        left, right = (
            [(n, n + chance.randrange(6)) for n in chance.choices(range(40), k=chance.randrange(6))]
            for _ in range(2)
        )
        found = pieces.without(left, right)
        assert covered(found) == covered(left) - covered(right)
        assert found == pieces.merged(found)
        assert covered(pieces.merged(left)) == covered(left)
        assert covered(pieces.split(left, 3)) == covered(left)
        assert all(end - start <= 3 for start, end in pieces.split(left, 3))
        wide = pieces.merged(left, gap=2)
        assert covered(wide) >= covered(left)
        assert all(b[0] - a[1] > 2 for a, b in itertools.pairwise(wide))


def written(path: Path, table: pa.Table, **options: Any) -> Path:
    fields = [
        field.with_metadata({"PARQUET:field_id": str(number)})
        for number, field in enumerate(table.schema, 1)
    ]
    pq.write_table(table.cast(pa.schema(fields)), path, row_group_size=2_500, **options)
    return path


def test_a_file_that_is_not_plain_is_needed_whole(tmp_path: Path) -> None:
    pq.write_table(made(10), tmp_path / "without ids.parquet")
    metadata = pq.read_metadata(tmp_path / "without ids.parquet")
    with pytest.raises(NotTold):
        pieces.needed(metadata, {1}, (tmp_path / "without ids.parquet").stat().st_size)
    path = written(tmp_path / "short.parquet", made(10))
    with pytest.raises(NotTold):
        pieces.needed(pq.read_metadata(path), {1}, 100)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "zstd"},
        {"compression": "none", "use_dictionary": False},
        {"compression": "snappy", "write_page_index": True, "data_page_version": "2.0"},
    ],
    ids=["zstd", "plain", "indexed"],
)
def test_every_set_of_columns_is_read_as_from_the_whole_file(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    """And of every other column no value can be had: DuckDB never takes a hole for a page."""
    rows = made()
    source = written(tmp_path / "whole.parquet", rows, **options)
    data = source.read_bytes()
    metadata = pq.read_metadata(source)
    sets = [[n] for n in range(1, 9)] + [[], [1, 8], [2, 3, 5], [4, 6, 7, 8]]
    for ids in sets:
        path = tmp_path / f"holes-{'-'.join(map(str, ids))}.parquet"
        with path.open("wb") as target:
            target.truncate(len(data))
            for start, end in pieces.needed(metadata, set(ids), len(data)):
                target.seek(start)
                target.write(data[start:end])
        with duckdb.connect() as connection:
            names = ", ".join(NAMES[number - 1] for number in ids)
            if ids:
                query = f"SELECT {names} FROM read_parquet('{{}}') ORDER BY file_row_number"
                found = connection.sql(query.format(path)).to_arrow_table()
                assert found.equals(connection.sql(query.format(source)).to_arrow_table())
            query = f"SELECT count(*) FROM read_parquet('{path}')"
            assert connection.sql(query).fetchall() == [(COUNT,)]
            for number in set(range(1, 9)) - set(ids):
                name = NAMES[number - 1]
                with pytest.raises(duckdb.Error):
                    connection.sql(f"SELECT {name} FROM read_parquet('{path}')").fetchall()
                for asked in (f"count({name})", f"max({name})", f"sum(hash({name}))"):
                    query = f"SELECT {asked} FROM read_parquet('{{}}')"
                    try:
                        told = connection.sql(query.format(path)).fetchall()
                    except duckdb.Error:
                        continue
                    # some are answered by the statistics in the footer alone
                    assert told == connection.sql(query.format(source)).fetchall()


# --- statements ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, fine: None) -> Iterator[ObjectStore]:
    with object_store(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture(scope="module")
def table(store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    uri = f"sqlite:///{tmp_path_factory.mktemp('catalog')}/catalog.db"
    catalog = SqlCatalog("lake", uri=uri, **store.properties())
    catalog.create_namespace("s")
    rows = made()
    source = catalog.create_table(
        "s.wide", schema=rows.schema, properties={"write.parquet.row-group-limit": "2500"}
    )
    source.append(rows.slice(0, 4_000))
    source.append(rows.slice(4_000))
    yield dataclasses.replace(rig.described(source, "wide"), storage=store.properties())
    catalog.engine.dispose()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    """The same rows in files here."""
    catalog = rig.warehouse(tmp_path_factory.mktemp("local"))
    yield rig.stored(catalog, "wide", made())
    catalog.engine.dispose()


@pytest.fixture
def new_cache(engine: DuckDBEngine, tmp_path: Path) -> Iterator[Callable[[], FileCache]]:
    """Gives the engine another, empty cache."""
    before, caches = engine._sources.cache, []

    def change() -> FileCache:
        caches.append(FileCache(tmp_path / f"cache-{len(caches)}", 100 * MIB, small=0))
        engine._sources.cache = engine._pruning._cache = caches[-1]
        return caches[-1]

    yield change
    engine._sources.cache = engine._pruning._cache = before
    for cache in caches:
        cache.close()


def narrowed(table: Table) -> Relation:
    """A row filter and a mask, each over columns of which one is hidden."""
    return rig.relation(
        table,
        columns=["a", "b", "c", "e", "h"],
        masks={"b": "CASE WHEN wide.h THEN wide.b ELSE left(wide.g, 2) END"},
        row_filter="wide.g <> 'red' AND len(wide.d) < 2",
    )


STATEMENTS = [
    "SELECT {} FROM wide ORDER BY ALL",
    "SELECT * FROM wide ORDER BY a",
    "SELECT a FROM wide ORDER BY b NULLS LAST, a LIMIT 5",
    "SELECT * FROM wide ORDER BY a LIMIT 3",
    "SELECT count(*) FROM wide",
    "SELECT count(*) FROM wide WHERE h",
    "SELECT count(b), min(c), max(a) FROM wide",
    "SELECT e.y FROM wide WHERE e.x > 500000000 ORDER BY 1",
    "SELECT e FROM wide WHERE a % 3 = 1 ORDER BY e.x",
    "SELECT a FROM wide x WHERE EXISTS (SELECT 1 FROM wide y WHERE y.c > x.c AND y.h) ORDER BY 1",
    "SELECT x.a, y.b FROM wide x JOIN wide y USING (a) WHERE y.h ORDER BY 1",
    "WITH w AS MATERIALIZED (SELECT * FROM wide) SELECT sum(c) FROM w WHERE b IS NULL",
    "SELECT a, row_number() OVER (PARTITION BY h ORDER BY c, a) FROM wide ORDER BY 1",
    "SELECT b FROM wide WHERE b LIKE 'a%' OR c = 1 ORDER BY 1",
    "SELECT b FROM wide UNION SELECT CAST(a AS VARCHAR) FROM wide ORDER BY 1 LIMIT 50",
    "SELECT coalesce(b, CAST(c AS VARCHAR)) FROM wide ORDER BY 1",
    "SELECT CASE WHEN h THEN a ELSE c END AS v FROM wide ORDER BY 1 LIMIT 10",
    "SELECT a FROM wide WHERE a IN (SELECT max(a) FROM wide GROUP BY h) ORDER BY 1",
    "SELECT wide FROM wide ORDER BY a LIMIT 2",
    "SELECT DISTINCT h FROM wide ORDER BY 1",
    "SELECT (SELECT max(c) FROM wide) AS m, 1 AS one",
    "SELECT arg_max(b, a) FROM wide WHERE c < (SELECT avg(c) FROM wide)",
    "SELECT count(*) FROM wide x, (SELECT a FROM wide LIMIT 3) y WHERE x.a >= y.a AND x.h IS NULL",
    "SELECT COLUMNS('[ac]') FROM wide WHERE NOT h ORDER BY 1",
    "SELECT 1 AS one FROM wide WHERE false",
]


@pytest.mark.parametrize("kind", ["whole", "narrowed"])
def test_statements_give_what_they_give_over_local_files(
    engine: DuckDBEngine,
    table: Table,
    local: Table,
    new_cache: Callable[[], FileCache],
    kind: str,
) -> None:
    relation = rig.relation if kind == "whole" else narrowed
    chance = random.Random(3)
    visible = "abcdefgh" if kind == "whole" else "abceh"
    asked = [STATEMENTS[0].format(", ".join(chance.sample(visible, n))) for n in (1, 2, 3, 5)]
    partial = 0
    for text in [*asked, *STATEMENTS[1:]]:
        cache = new_cache()
        found = rig.values(engine, text, relation(table))
        assert found == rig.values(engine, text, relation(local)), text
        size = sum(file.size for file in plan(table).remote)
        partial += cache.statistics.fetched < size
    assert partial > 15


def test_what_one_statement_fetched_the_next_does_not_fetch(
    engine: DuckDBEngine, table: Table, local: Table, new_cache: Callable[[], FileCache]
) -> None:
    cache = new_cache()
    size = sum(file.size for file in plan(table).remote)
    before = 0
    for name in "abcdefgh":
        text = f"SELECT {name} FROM wide ORDER BY a"
        if name != "a":
            text = f"SELECT {name}, a FROM wide ORDER BY a"
        expected = rig.values(engine, text, rig.relation(local))
        for _ in range(2):
            assert rig.values(engine, text, rig.relation(table)) == expected
        assert before < cache.statistics.fetched <= size
        before = cache.statistics.fetched
    statistics = cache.statistics
    assert (statistics.files, statistics.stored) == (2, statistics.fetched)
    assert rig.values(engine, "SELECT * FROM wide ORDER BY a", rig.relation(table)) == rig.values(
        engine, "SELECT * FROM wide ORDER BY a", rig.relation(local)
    )
    assert cache.statistics.fetched == size


# --- copies with holes ---------------------------------------------------------------------------


@pytest.fixture
def flaky(table: Table, store: ObjectStore) -> Iterator[tuple[Table, Faults]]:
    with faulty(store) as (port, faults):
        yield dataclasses.replace(table, storage=store.properties(port)), faults


def hold(
    cache: FileCache, table: Table, columns: set[int] | None
) -> tuple[list[str], Callable[[], None]]:
    files = list(plan(table).remote)
    return cache.hold(files, table.storage, deadline=rig.soon(), columns=columns)


def column(paths: list[str], name: str) -> list[str]:
    """The values of a column, in any order of the files."""
    tables = [pq.read_table(path, columns=[name]) for path in paths]
    return sorted(str(value) for table in tables for value in table[name].to_pylist())


def expected(name: str) -> list[str]:
    return sorted(map(str, made()[name].to_pylist()))


def test_the_next_process_takes_copies_with_holes_over(
    flaky: tuple[Table, Faults], tmp_path: Path
) -> None:
    table, faults = flaky
    first = FileCache(tmp_path / "cache", 100 * MIB, small=0)
    paths, _ = hold(first, table, {1, 3})
    stored = first.statistics.stored
    first.close()
    second = FileCache(tmp_path / "cache", 100 * MIB, small=0)
    reads = len(faults.reads)
    assert hold(second, table, {3})[0] == paths
    assert (len(faults.reads), second.statistics.stored) == (reads, stored)
    more, _ = hold(second, table, {2})
    assert set(more).isdisjoint(paths)
    assert column(more, "a") == expected("a")
    assert column(more, "b") == expected("b")
    second.close()


def test_a_damaged_copy_with_holes_is_made_anew(
    flaky: tuple[Table, Faults], tmp_path: Path
) -> None:
    table, _ = flaky
    first = FileCache(tmp_path / "cache", 100 * MIB, small=0)
    paths, _ = hold(first, table, {1})
    first.close()
    chunk = pq.read_metadata(paths[0]).row_group(0).column(0)
    with Path(paths[0]).open("r+b") as damaged:
        damaged.seek(chunk.data_page_offset + 30)
        damaged.write(b"damaged")
    for columns in ({1}, {1, 2}):
        cache = FileCache(tmp_path / "cache", 100 * MIB, small=0)
        again, _ = hold(cache, table, columns)
        assert column(again, "a") == expected("a")
        cache.close()


def test_another_object_of_the_same_size_is_never_mixed_in(
    store: ObjectStore, table: Table, tmp_path: Path
) -> None:
    file = plan(table).remote[0]
    path = store.object(file.uri)
    before = path.read_bytes()
    cache = FileCache(tmp_path / "cache", 100 * MIB, small=0)
    try:
        hold(cache, table, {1})
        other = bytes(byte ^ 1 for byte in before)
        path.write_bytes(other)
        paths, _ = hold(cache, table, {2})
        assert Path(paths[0]).read_bytes() == other  # its footer is none, so all was fetched
    finally:
        path.write_bytes(before)
        cache.close()


def test_many_that_ask_for_other_columns_at_once_get_them(
    flaky: tuple[Table, Faults], tmp_path: Path
) -> None:
    table, _ = flaky
    cache = FileCache(tmp_path / "cache", 100 * MIB, small=0)

    def read(number: int) -> list[str]:
        paths, release = hold(cache, table, {number})
        try:
            return column(paths, NAMES[number - 1])
        finally:
            release()

    with ThreadPoolExecutor(8) as threads:
        for number, found in enumerate(threads.map(read, [1 + n % 8 for n in range(24)])):
            assert found == expected(NAMES[number % 8])
    cache.close()


def test_what_deletes_compare_is_fetched_too(table: Table, tmp_path: Path) -> None:
    files = [dataclasses.replace(file, read=frozenset({2})) for file in plan(table).remote]
    cache = FileCache(tmp_path / "cache", 100 * MIB, small=0)
    paths, _ = cache.hold(files, table.storage, deadline=rig.soon(), columns={1})
    assert column(paths, "b") == expected("b")
    stored = cache.statistics.stored
    whole = [dataclasses.replace(file, read=None) for file in files]
    paths, _ = cache.hold(whole, table.storage, deadline=rig.soon(), columns={1})
    assert column(paths, "f") == expected("f")
    assert cache.statistics.stored > stored
    cache.close()


def test_columns_that_equality_deletes_compare_are_always_read() -> None:
    part: dict[str, Any] = {"format": "PARQUET", "size": 1, "record_count": 1, "sequence": 1}
    part |= {"spec_id": 0, "partition": ()}
    deletes = [
        DeleteFile(content=2, path="d", equality_ids=(3, 5), **part),
        DeleteFile(content=1, path="p", **part),
    ]
    assert reader._read(DataFile(path="a", deletes=tuple(deletes), **part)) == {3, 5}
    assert reader._read(DataFile(path="a", **part)) == frozenset()
    assert [reader._read(each) for each in deletes] == [None, None]


def test_only_what_is_needed_must_fit_into_the_cache(table: Table, tmp_path: Path) -> None:
    size = sum(file.size for file in plan(table).remote)
    cache = FileCache(tmp_path / "cache", size // 2, small=0)
    try:
        with pytest.raises(EngineError):
            hold(cache, table, None)
        _, release = hold(cache, table, {1, 8})
        assert 0 < cache.statistics.stored < size // 2
        release()
        with pytest.raises(EngineError):
            hold(cache, table, {1, 2, 4, 5})
        assert cache.statistics.stored < size // 2
    finally:
        cache.close()
