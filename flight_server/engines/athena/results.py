"""Finished results as record batches: Parquet files fetched ahead, CSV, or pages of the API."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from functools import partial
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv, fs

from flight_server.engines.athena.faults import CallFailed
from flight_server.engines.athena.settings import MIB, AthenaSettings

Check = Callable[[], None]  # raises where the statement was ended
Opened = Callable[[], fs.FileSystem]  # with the credentials of now

_ROWS = 65_536
_PATIENCE = 0.05
_TRIES = 4
_STUMBLED: tuple[type[Exception], ...] = (OSError, *CallFailed)
_PAGE = 1_000
_BLOCK = 17 * MIB  # no row may be longer: more than a message holds


_T = TypeVar("_T")


def again(action: Callable[[], _T], wait: Callable[[float], object]) -> _T:
    """Read from a storage or a service, a few times where it stumbles.

    Credentials that have expired look the same: who reads takes those of now each time.
    """
    for left in reversed(range(_TRIES)):
        try:
            return action()
        except FileNotFoundError:
            raise
        except _STUMBLED:
            if not left:
                raise
        wait(random.uniform(0.1, 0.5) * (_TRIES - left))  # noqa: S311 - jitter
    raise AssertionError("unreachable")


class Files:
    """The files of one result, some of them fetched ahead; to be closed."""

    def __init__(self, opened: Opened, paths: Sequence[str], settings: AthenaSettings) -> None:
        self._opened = opened
        self._paths = paths
        self._settings = settings
        self._ended = threading.Event()
        self._pool = ThreadPoolExecutor(settings.prefetch, thread_name_prefix="athena-fetch")

    def one_by_one(self, check: Check) -> Iterator[pa.RecordBatch]:
        """All batches, file by file; a few files are in memory, or one row group of large ones."""
        todo = iter(self._paths)
        ahead: deque[Future[pq.ParquetFile]] = deque()
        for path in todo:
            ahead.append(self._pool.submit(self._fetch, path))
            if len(ahead) >= self._settings.prefetch:
                break
        while ahead:
            source = _await(ahead.popleft(), check)
            following = next(todo, None)
            if following is not None:
                ahead.append(self._pool.submit(self._fetch, following))
            yield from _batches(source, check)

    def size(self) -> int:
        """The bytes of all files."""
        found = self._opened().get_file_info(list(self._paths))
        return sum(each.size or 0 for each in found)

    def close(self) -> None:
        """Fetch no more."""
        self._ended.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _fetch(self, path: str) -> pq.ParquetFile:
        return again(lambda: self._open(path), self._ended.wait)

    def _open(self, path: str) -> pq.ParquetFile:
        source = self._opened().open_input_file(path)
        if source.size() <= self._settings.whole_file:
            with source:
                source = pa.BufferReader(source.read_buffer())
        return pq.ParquetFile(source, coerce_int96_timestamp_unit="us", pre_buffer=True)


def _batches(source: pq.ParquetFile, check: Check) -> Iterator[pa.RecordBatch]:
    with source:
        for batch in source.iter_batches(batch_size=_ROWS):
            check()
            yield batch


def _await(future: Future[pq.ParquetFile], check: Check) -> pq.ParquetFile:
    while True:
        check()
        try:
            return future.result(_PATIENCE)
        except NotYet:
            if future.done():
                raise  # a time-out of the storage itself


def from_csv(
    files: fs.FileSystem, path: str, columns: int, check: Check
) -> Iterator[pa.RecordBatch]:
    """The rows of a CSV file of Athena, all of them as text: what is not quoted is NULL."""
    names = [str(number) for number in range(columns)]
    with files.open_input_stream(path) as source:
        # the first line has names: it is skipped, as ours are by position
        reader = csv.open_csv(
            source,
            read_options=csv.ReadOptions(column_names=names, skip_rows=1, block_size=_BLOCK),
            parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        for batch in reader:
            check()
            yield batch


def from_pages(athena: Any, execution: str, columns: int, check: Check) -> Iterator[pa.RecordBatch]:
    """The rows of a SELECT by GetQueryResults, as text: slow, but needs no storage."""
    token: str | None = None
    lead = 1  # the first row of the first page has the names
    while True:
        check()
        asked: dict[str, Any] = {"QueryExecutionId": execution, "MaxResults": _PAGE}
        asked |= {"NextToken": token} if token else {}
        page = again(partial(athena.get_query_results, **asked), time.sleep)
        rows = page["ResultSet"]["Rows"][lead:]
        values = [[cell.get("VarCharValue") for cell in row["Data"]] for row in rows]
        arrays = [pa.array([row[i] for row in values], pa.string()) for i in range(columns)]
        yield pa.RecordBatch.from_arrays(arrays, [str(number) for number in range(columns)])
        lead, token = 0, page.get("NextToken")
        if not token:
            return
