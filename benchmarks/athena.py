"""`python -m benchmarks.athena`: the ways in which results of Athena come back, side by side.

Against a double of Athena in a process of its own, which serves S3 as well: so only what happens
after an execution has ended says something of this server. `--rows` makes it longer.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from flight_server.engines.athena.engine import AthenaEngine
from flight_server.engines.athena.settings import AthenaRole, AthenaSettings, Delivery
from flight_server.engines.athena.translate import translate
from flight_server.engines.athena.translated import Sent, Translated
from flight_server.testing.athena import AthenaDouble

_SCHEMA = pa.schema([("k", pa.int64()), ("p", pa.float64()), ("s", pa.string())])
_LAKE = "s3://lake-of-benchmarks/big"
_FEW = 20_000  # of pages, which are slow
_SELECT = "SELECT k AS c0, p AS c1, s AS c2 FROM inv.big"


def _serve(rows: int, line: Connection) -> None:
    """A double with a table of so many rows, until told to end."""
    keys = range(rows)
    data = pa.table(
        {"k": keys, "p": [k * 0.37 for k in keys], "s": [f"name of {k % 977}" for k in keys]},
        schema=_SCHEMA,
    )
    with AthenaDouble(unload_files=4) as aws:
        for bucket in ("lake-of-benchmarks", "results-of-benchmarks"):
            aws.put_bucket(bucket)
        aws.put_table("inv.big", data, _LAKE, file_format="parquet")
        line.send((aws.environment, aws.objects(_LAKE)))
        line.recv()


@contextmanager
def _double(rows: int) -> Iterator[tuple[dict[str, str], list[str]]]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    child = context.Process(target=_serve, args=(rows, there))
    child.start()
    try:
        yield here.recv()
        here.send("end")
    finally:
        child.join(20)
        child.terminate()


class _Peak:
    """How far the memory of this process grows while something runs, in bytes."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._ended = threading.Event()
        self._begin = self.most = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self) -> _Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def grown(self) -> int:
        return self.most - self._begin

    def _sample(self) -> None:
        while not self._ended.wait(0.01):
            self.most = max(self.most, self._process.memory_info().rss)


def _way(endpoint: str, delivery: Delivery) -> Callable[[], tuple[int, float]]:
    role = AthenaRole(staging="s3://results-of-benchmarks/staging", delivery=delivery)
    settings = AthenaSettings(default=role, endpoint=endpoint, poll_first=0.05, poll_most=0.1)
    columns = tuple(Sent(f"c{i}", field.type, False) for i, field in enumerate(_SCHEMA))
    select = f"{_SELECT} LIMIT {_FEW}" if delivery == "pages" else _SELECT
    statement = Translated(select, select, columns, len(columns))

    def run() -> tuple[int, float]:
        engine = AthenaEngine(settings, translate)
        try:
            stream = engine.begin(statement, _SCHEMA, deadline=time.monotonic() + 600)
            while stream.progress.state != "SUCCEEDED" and not stream.ready(0.01):
                pass
            began = time.perf_counter()
            rows = sum(frame.rows for frame in stream)
            taken = time.perf_counter() - began
            stream.close()
            return rows, taken
        finally:
            engine.close()

    return run


def _direct(endpoint: str, paths: list[str]) -> Callable[[], tuple[int, float]]:
    def run() -> tuple[int, float]:
        began, rows = time.perf_counter(), 0
        files = fs.S3FileSystem(
            access_key=os.environ["AWS_ACCESS_KEY_ID"],
            secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
            endpoint_override=endpoint.removeprefix("http://"),
            scheme="http",
        )
        for path in paths:
            with files.open_input_file(path.removeprefix("s3://")) as source:
                for batch in pq.ParquetFile(source).iter_batches():
                    rows += batch.num_rows
        return rows, time.perf_counter() - began

    return run


def main() -> None:
    """Measure each way once and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    rows = parser.parse_args().rows
    with _double(rows) as (environment, paths):
        endpoint = environment.pop("AWS_ENDPOINT_URL")
        os.environ.update(environment)
        ways: dict[str, Callable[[], tuple[int, float]]] = {
            "the table's Parquet, read directly": _direct(endpoint, paths),
            "files (UNLOAD)": _way(endpoint, "unload"),
            "CSV": _way(endpoint, "csv"),
            "pages": _way(endpoint, "pages"),
        }
        print("| way | rows | rows/s | memory, MiB more |\n| --- | ---: | ---: | ---: |")
        for name, run in ways.items():
            with _Peak() as peak:
                found, seconds = run()
            print(f"| {name} | {found:,} | {found / seconds:,.0f} | {peak.grown / 2**20:.0f} |")


if __name__ == "__main__":
    main()
