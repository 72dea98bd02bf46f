"""`python -m benchmarks.athena`: the ways in which results of Athena come back, side by side.

Against a double of Athena in a process of its own, which serves S3 as well: so only what happens
after an execution has ended, when the manifest is there, says something of this server. Each way is
measured in a process of its own, over a quarter of `--rows` and over all of them.
"""

from __future__ import annotations

import argparse
import datetime as dt
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs

from flight_server.engines.athena.engine import AthenaEngine
from flight_server.engines.athena.settings import AthenaRole, AthenaSettings, Delivery
from flight_server.engines.athena.translate import translate
from flight_server.engines.athena.translated import Sent, Translated
from flight_server.testing.athena import AthenaDouble

_LAKE, _RESULTS = "lake-of-benchmarks", "results-of-benchmarks"
_KEPT = f"s3://{_RESULTS}/kept/data/"
_SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("price", pa.float64()),
        ("amount", pa.decimal128(18, 4)),
        ("name", pa.string()),
        ("place", pa.string()),
        ("day", pa.date32()),
        ("moment", pa.timestamp("us")),
        ("kind", pa.int32()),
    ]
)
# moments travel as text: UNLOAD writes none of microseconds
_SELECT = "SELECT " + ", ".join(
    f"CAST({field.name} AS varchar) AS c{at}"
    if pa.types.is_timestamp(field.type)
    else f"{field.name} AS c{at}"
    for at, field in enumerate(_SCHEMA)
)
_FEW = 20_000  # of pages, which are slow
_WAYS: dict[str, Delivery] = {"files (UNLOAD)": "unload", "CSV": "csv", "pages": "pages"}
_DIRECT = "the same files, read directly"


@dataclass(frozen=True, slots=True)
class _Measured:
    """What one way took: the best round, and the memory of all."""

    rows: int
    seconds: float
    first: float
    grown: int

    @property
    def rate(self) -> float:
        """Rows in a second."""
        return self.rows / self.seconds


def _data(rows: int) -> pa.Table:
    keys = pa.array(range(rows), pa.int64())
    moments = pc.add(keys, pa.scalar(1_700_000_000_000_000))
    columns = [
        keys,
        pc.multiply(pc.cast(keys, pa.float64()), 0.37),
        keys.cast(pa.decimal128(23, 4)).cast(_SCHEMA.field("amount").type),
        pa.array([f"name of {k % 977}" for k in range(rows)]),
        pa.array([("Basel", "Graz", "Ulm")[k % 3] for k in range(rows)]),
        pa.array([dt.date(2020, 1, 1) + dt.timedelta(k % 1_000) for k in range(rows)]),
        moments.cast(pa.timestamp("us")),
        pc.cast(pc.bit_wise_and(keys, 1_023), pa.int32()),
    ]
    return pa.table(columns, schema=_SCHEMA)


def _serve(rows: int, line: Connection) -> None:
    """A double with a table of so many rows and its UNLOAD, until told to end."""
    with AthenaDouble(unload_files=4) as aws:
        for bucket in (_LAKE, _RESULTS):
            aws.put_bucket(bucket)
        aws.put_table("inv.big", _data(rows), f"s3://{_LAKE}/big")
        athena = aws.client("athena")
        athena.start_query_execution(
            QueryString=f"UNLOAD ({_SELECT} FROM inv.big) TO '{_KEPT}' "
            "WITH (format = 'PARQUET', compression = 'ZSTD')",
            ResultConfiguration={"OutputLocation": f"s3://{_RESULTS}/kept/"},
        )
        while not aws.executions[-1].done:
            time.sleep(0.1)
        line.send((aws.environment, aws.objects(_KEPT)))
        line.recv()


@contextmanager
def _double(rows: int) -> Iterator[tuple[dict[str, str], list[str]]]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    child = context.Process(target=_serve, args=(rows, there))
    child.start()
    there.close()
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
        """The growth so far."""
        return self.most - self._begin

    def _sample(self) -> None:
        while not self._ended.wait(0.005):
            self.most = max(self.most, self._process.memory_info().rss)


_Round = Callable[[], tuple[int, float, float]]
"""Reads a result once: its rows, the seconds until the first batch, and until the last."""


def _way(endpoint: str, delivery: Delivery) -> _Round:
    role = AthenaRole(staging=f"s3://{_RESULTS}/staging", delivery=delivery)
    settings = AthenaSettings(default=role, endpoint=endpoint, poll_first=0.05, poll_most=0.1)
    columns = tuple(Sent(f"c{i}", field.type, False) for i, field in enumerate(_SCHEMA))
    select = f"{_SELECT} FROM inv.big" + (f" LIMIT {_FEW}" if delivery == "pages" else "")
    statement = Translated(select, select, columns, len(columns))

    def run() -> tuple[int, float, float]:
        with closing(AthenaEngine(settings, translate)) as engine:
            stream = engine.begin(statement, _SCHEMA, deadline=time.monotonic() + 600)
            while stream.progress.state != "SUCCEEDED" and not stream.ready(0.002):
                pass
            began = time.perf_counter()
            rows = next(stream).rows
            first = time.perf_counter() - began
            rows += sum(frame.rows for frame in stream)
            taken = time.perf_counter() - began
            stream.close()
            return rows, first, taken

    return run


def _direct(endpoint: str, places: list[str]) -> _Round:
    def run() -> tuple[int, float, float]:
        files = fs.S3FileSystem(
            access_key=os.environ["AWS_ACCESS_KEY_ID"],
            secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
            endpoint_override=endpoint.removeprefix("http://"),
            scheme="http",
        )
        began, rows, first = time.perf_counter(), 0, 0.0
        for place in places:
            with files.open_input_file(place.removeprefix("s3://")) as source:
                for batch in pq.ParquetFile(source, pre_buffer=True).iter_batches():
                    rows += batch.num_rows
                    first = first or time.perf_counter() - began
        return rows, first, time.perf_counter() - began

    return run


def _measure(name: str, environment: dict[str, str], places: list[str], *rest: Any) -> None:
    """In a process of its own: read once to warm up, then so many rounds."""
    rounds, line = rest
    endpoint = environment.pop("AWS_ENDPOINT_URL")
    os.environ.update(environment)
    run = _direct(endpoint, places) if name == _DIRECT else _way(endpoint, _WAYS[name])
    found = []
    with _Peak() as peak:
        for _ in range(rounds):
            found.append(run())
    rows = found[0][0]
    seconds, first = min(each[2] for each in found), min(each[1] for each in found)
    line.send(_Measured(rows, seconds, first, peak.grown))


def _measured(name: str, environment: dict[str, str], places: list[str], rounds: int) -> _Measured:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    given = (name, dict(environment), places, rounds, there)
    child = context.Process(target=_measure, args=given)
    child.start()
    there.close()
    found: _Measured = here.recv()
    child.join()
    return found


def main() -> None:
    """Measure each way over few and over all rows, and print a table and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pages", action="store_true", help="measure pages as well")
    options = parser.parse_args()
    names = [_DIRECT, *(name for name in _WAYS if options.pages or name != "pages")]
    found: dict[tuple[int, str], _Measured] = {}
    print("| way | rows | rows/s | first batch, ms | memory, MiB more |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for rows in (options.rows // 4, options.rows):
        with _double(rows) as (environment, places):
            for name in names:
                one = found[rows, name] = _measured(name, environment, places, options.rounds)
                memory = one.grown / 2**20
                print(
                    f"| {name} | {one.rows:,} | {one.rate:,.0f} | {one.first * 1000:.0f} "
                    f"| {memory:.0f} |",
                    flush=True,
                )
    _compare(found, options.rows)


def _compare(found: dict[tuple[int, str], _Measured], rows: int) -> None:
    files, csv, direct = (found[rows, name] for name in ("files (UNLOAD)", "CSV", _DIRECT))
    print()
    print(f"files to CSV, rows/s: {files.rate / csv.rate:.2f} (3 wanted)")
    print(f"files to the same read directly, rows/s: {files.rate / direct.rate:.2f} (0.7 wanted)")
    for name in ("files (UNLOAD)", "CSV"):
        few, all_ = found[rows // 4, name], found[rows, name]
        more = (all_.grown - few.grown) / 2**20
        print(f"{name}: four times the rows take {more:+.0f} MiB; the first batch comes ", end="")
        print(f"{few.first * 1000:.0f} and {all_.first * 1000:.0f} ms after Athena's end")


if __name__ == "__main__":
    main()
