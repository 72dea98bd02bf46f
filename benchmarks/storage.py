"""`python -m benchmarks.storage`: `lineitem` on S3, cold and again, against bare fetching.

A real S3 server on this machine holds the table. What is compared runs within each round, one after
the other; the table gives medians, and the ratios are medians of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pyarrow as pa
from pyarrow.fs import S3FileSystem
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table as IcebergTable

from benchmarks import data, lineitem
from catalog.model import Table
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.scan.cache import FileCache
from flight_server.engines.duckdb.scan.plan import plan
from flight_server.engines.duckdb.scan.remote import RemoteFile
from flight_server.engines.duckdb.settings import DuckDBSettings
from tests.engines import rig
from tests.object_store import KEY, SECRET, ObjectStore, faulty, object_store

_FILES = 8
_GROUP_ROWS = 120_000
_PIECE = 8 * 2**20
_AT_ONCE = 16
_MB = 1e6
_WHOLE = "SELECT * FROM lineitem"
_SUM = """SELECT sum(l_extendedprice * l_discount) AS revenue FROM lineitem
    WHERE l_shipdate >= DATE '1994-01-01' AND l_discount BETWEEN 0.05 AND 0.07"""

Seconds = Callable[[], float]


def main(arguments: list[str] | None = None) -> int:
    """Measure and print a table; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.storage", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--rate", type=int, help="MiB/s that the storage gives at most")
    options = parser.parse_args(arguments)
    # the server does not know the checksums that the SDK adds to uploads
    os.environ["AWS_REQUEST_CHECKSUM_CALCULATION"] = "when_required"
    os.environ["AWS_RESPONSE_CHECKSUM_VALIDATION"] = "when_required"
    folder = Path(__file__).with_name(".data").resolve() / f"objects-{options.scale:g}"
    _build(folder, options.scale)
    with (
        object_store(folder / "store", rate=options.rate) as store,
        tempfile.TemporaryDirectory(dir=folder) as scratch,
    ):
        table = _table(folder, store)
        local = data.warehouse(folder.parent, scale=options.scale, tables=100)
        _compare(
            table,
            _described(local.open().load_table((data.SCHEMA, data.TABLE))),
            scratch,
            options.rounds,
        )
        _count(store, table, Path(scratch))
    return 0


def _build(folder: Path, scale: float) -> None:
    mark = folder / "complete"
    if mark.exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with object_store(folder / "store") as store, closing(_catalog(folder, store)) as lake:
        lake.create_namespace(data.SCHEMA)
        batches = lineitem.batches(lineitem.Size(scale), _FILES)
        first = next(batches)
        properties = {
            "write.parquet.row-group-limit": str(_GROUP_ROWS),
            "write.target-file-size-bytes": str(first.nbytes // 2),
        }
        table = lake.create_table((data.SCHEMA, data.TABLE), lineitem.SCHEMA, properties=properties)

        def rows() -> Iterator[pa.RecordBatch]:
            yield first
            yield from batches

        table.append(pa.RecordBatchReader.from_batches(lineitem.SCHEMA, rows()))
    mark.touch()


def _catalog(folder: Path, store: ObjectStore) -> SqlCatalog:
    return SqlCatalog("lake", uri=f"sqlite:///{folder}/catalog.db", **store.properties())


def _table(folder: Path, store: ObjectStore) -> Table:
    with closing(_catalog(folder, store)) as lake:
        return _described(lake.load_table((data.SCHEMA, data.TABLE)), store.properties())


def _described(source: IcebergTable, storage: dict[str, str] | None = None) -> Table:
    return dataclasses.replace(rig.described(source, data.TABLE), storage=storage or {})


# --- seconds -------------------------------------------------------------------------------------


def _compare(table: Table, local: Table, scratch: str, rounds: int) -> None:
    files = list(plan(table).remote)
    size = sum(file.size for file in files)
    runs: dict[str, Seconds] = {
        "bare fetch": lambda: _bare(table, files),
        "bare fetch to disk": lambda: _bare(table, files, Path(scratch)),
        "cold fetch": lambda: _cached(table, files, Path(scratch)),
    }
    taken: dict[str, list[float]] = {}
    for number in range(rounds):
        names = [*runs, "whole", "sum"]
        for name in names[number % len(names) :] + names[: number % len(names)]:
            if name in runs:
                taken.setdefault(name, []).append(runs[name]())
            else:
                text = _WHOLE if name == "whole" else _SUM
                for kind, seconds in _statements(table, local, text, Path(scratch)).items():
                    taken.setdefault(f"{name}, {kind}", []).append(seconds)
    print("| what | s, median (least) | MB/s of the objects | x bare fetch |")
    print("| --- | ---: | ---: | ---: |")
    for name, values in taken.items():
        middle = statistics.median(values)
        ratio = statistics.median(b / s for b, s in zip(taken["bare fetch"], values, strict=True))
        rate = size / middle / _MB
        print(f"| {name} | {middle:.2f} ({min(values):.2f}) | {rate:.0f} | {ratio:.2f} |")


def _bare(table: Table, files: list[RemoteFile], folder: Path | None = None) -> float:
    """Fetch all objects with nothing around it: as many pieces at once as the server fetches."""
    storage = table.storage
    client = S3FileSystem(
        access_key=KEY,
        secret_key=SECRET,
        endpoint_override=storage["s3.endpoint"],
        region=storage["s3.region"],
        connect_timeout=3,
        request_timeout=10,
    )
    started = time.perf_counter()
    opened = [client.open_input_file(file.uri.removeprefix("s3://")) for file in files]
    targets = (
        [os.open(folder / f"bare-{n}", os.O_RDWR | os.O_CREAT) for n in range(len(files))]
        if folder
        else []
    )

    def fetch(number: int, start: int) -> None:
        piece = opened[number].read_at(_PIECE, start)
        if targets:
            os.pwrite(targets[number], piece, start)

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        jobs = [(n, at) for n, file in enumerate(files) for at in range(0, file.size, _PIECE)]
        list(threads.map(lambda job: fetch(*job), jobs))
    seconds = time.perf_counter() - started
    for number, target in enumerate(targets):
        os.close(target)
        Path(f"{folder}/bare-{number}").unlink()
    return seconds


def _cached(table: Table, files: list[RemoteFile], scratch: Path) -> float:
    with _folder(scratch) as folder, closing(FileCache(folder, 1 << 40)) as cache:
        started = time.perf_counter()
        cache.hold(files, table.storage, deadline=rig.soon(600))
        return time.perf_counter() - started


def _statements(table: Table, local: Table, text: str, scratch: Path) -> dict[str, float]:
    with _folder(scratch) as folder:
        settings = DuckDBSettings(workers=2, spare=1, planners=1, cache_directory=folder)
        with closing(DuckDBEngine(settings)) as engine:
            # metadata is known, and the workers are there: only files are not
            plan(table)
            engine._sources.scanner.scan(table)
            engine.describe(rig.secured(text, rig.relation(table)), None, deadline=rig.soon(60))
            first = _read(engine, table, text)
            again = min(_read(engine, table, text) for _ in range(2))
            _read(engine, local, text)
            here = min(_read(engine, local, text) for _ in range(2))
            return {"cold": first, "second": again, "local files": here}


def _read(engine: DuckDBEngine, table: Table, text: str) -> float:
    secured = rig.secured(text, rig.relation(table))
    statement = dataclasses.replace(secured, by_row=text == _WHOLE)
    started = time.perf_counter()
    schema = engine.describe(statement, None, deadline=rig.soon(600))
    with closing(engine.run(statement, None, schema, deadline=rig.soon(600))) as stream:
        for _ in stream:
            pass
    return time.perf_counter() - started


@contextmanager
def _folder(scratch: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=scratch))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


# --- requests ------------------------------------------------------------------------------------


def _count(store: ObjectStore, table: Table, scratch: Path) -> None:
    """What is asked of the storage, through a proxy that counts."""
    print(
        "\n| cold | files | HEAD | GET | MB | of MB |\n| --- | ---: | ---: | ---: | ---: | ---: |"
    )
    size = sum(file.size for file in plan(table).remote)
    for name, text in (("whole", _WHOLE), ("sum", _SUM)):
        with faulty(store) as (port, counted), _folder(scratch) as folder:
            source = dataclasses.replace(table, storage=store.properties(port))
            settings = DuckDBSettings(workers=1, spare=0, planners=1, cache_directory=folder)
            with closing(DuckDBEngine(settings)) as engine:
                _read(engine, source, text)
                files = engine.cached()["files"]
            requests = f"{counted.heads} | {len(counted.reads)}"
            print(
                f"| {name} | {files} | {requests} | {counted.bytes / _MB:.1f} | {size / _MB:.1f} |"
            )


if __name__ == "__main__":
    sys.exit(main())
