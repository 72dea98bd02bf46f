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
_PART = 4 * MIB
_LONGEST_ROW = 17 * MIB  # more than a message holds


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


def _await(future: Future[_T], check: Check) -> _T:
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
    """The rows of a CSV file of Athena, all of them as text: what is not quoted is NULL.

    Two parts of the file are in memory: Arrow's own reader would run far ahead of who reads.
    """
    names = [str(number) for number in range(columns)]
    kept = b""
    # the first line has names: ours are by position
    skipped = 1
    for part in _parts(files, path, check):
        check()
        text = kept + part
        end = _end_of_rows(text) if part else len(text)
        if end:
            yield from _rows(text[:end], names, skipped)
            skipped = 0
        kept = text[end:]
        if len(kept) > _LONGEST_ROW:
            raise pa.ArrowInvalid("a row is longer than a message may be")


def _parts(files: fs.FileSystem, path: str, check: Check) -> Iterator[bytes]:
    """The file piece by piece, the next one fetched ahead; the last piece is empty."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="athena-fetch")
    ended = threading.Event()
    source = files.open_input_file(path)
    try:
        size = source.size()
        ahead = pool.submit(_part, source, 0, ended)
        for start in range(_PART, size, _PART):
            part = _await(ahead, check)
            ahead = pool.submit(_part, source, start, ended)
            yield part
        yield _await(ahead, check)
        yield b""
    finally:
        ended.set()
        # after what is being read: nobody waits for that
        pool.submit(source.close)
        pool.shutdown(wait=False)


def _part(source: pa.NativeFile, start: int, ended: threading.Event) -> bytes:
    return again(lambda: bytes(source.read_at(_PART, start)), ended.wait)


def _end_of_rows(text: bytes) -> int:
    """Where the last whole row ends: at a line break outside of quotes."""
    at = text.rfind(b"\n")
    quotes = text.count(b'"', 0, max(at, 0))
    while at >= 0 and quotes % 2:
        before = text.rfind(b"\n", 0, at)
        quotes -= text.count(b'"', max(before, 0), at)
        at = before
    return at + 1


def _rows(text: bytes, names: list[str], skipped: int) -> Iterator[pa.RecordBatch]:
    if skipped:
        text = text[text.find(b"\n") + 1 :]
    if not text:
        return
    table = csv.read_csv(
        pa.BufferReader(text),
        read_options=csv.ReadOptions(column_names=names, block_size=len(text) + 1),
        parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    yield from table.to_batches(max_chunksize=_ROWS)


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
