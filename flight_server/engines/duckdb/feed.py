"""The sealed worker's side of its rows: sources that DuckDB scans, filled by the feeder process.

Each scan opens a pipe of its own, with exactly the columns that DuckDB reads there, and of the rows
those that its filter wants where that can be asked for; so a relation may be scanned as often as a
plan wants, and none of it need fit into memory. Knows no files.
"""

from __future__ import annotations

import os
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
import pyarrow.acero  # filters need it, and a worker cannot load it any more
import pyarrow.dataset as ds
from duckdb import DuckDBPyConnection

from flight_server.engines.duckdb import condition, pipe
from flight_server.engines.duckdb.faults import Fault
from flight_server.engines.duckdb.pipe import PipeBroken, PipeFault, Reader
from flight_server.engines.duckdb.setup import Stream, stream_name

MOST_OPEN = 64
# A request: which stream, how many and which of its columns, and what must be true of the rows as
# `condition` writes it. No columns ask for the schema of all.
REQUEST = struct.Struct("<IH")
COLUMN = struct.Struct("<H")

_COLUMN = re.compile(r"\bc(\d{1,5})\b")

LOST = Fault("lost", "The worker failed.", detail="the feeder is gone")
_TOO_MANY = Fault("resources", "The statement reads protected tables too often at once.")


class FeedFailed(Exception):
    """The rows cannot be had; `Feed.fault` says why."""


class Feed:
    """All sources of one worker. `fault` is why rows could not be had, None while they could."""

    def __init__(self, feeder: socket.socket | None, streams: Sequence[Stream]) -> None:
        self.fault: Fault | None = None
        self._feeder = feeder
        self._streams = streams
        self._check: Callable[[], None] = lambda: None
        self._open: set[Reader] = set()
        self._lock = threading.Lock()

    def attach(self, connection: DuckDBPyConnection) -> None:
        """Make the sources known to an instance. Raises `FeedFailed`."""
        for index in range(len(self._streams)):
            with self._told():
                reader = self._reader(index, ())
                try:
                    schema = reader.schema()
                finally:
                    self._close(reader)
            connection.register(stream_name(index), _Source(self, index, schema))

    def begin(self, check: Callable[[], None]) -> None:
        """A statement starts; `check` raises once it has been ended."""
        self.fault = None
        self._check = check

    def end(self) -> None:
        """The statement is over, and nothing reads any more."""
        with self._lock:
            left, self._open = self._open, set()
        for reader in left:
            reader.close()

    def scan(
        self, index: int, columns: Sequence[int], schema: pa.Schema, asked: bytes = b""
    ) -> pa.RecordBatchReader:
        """The rows of one source, once; only these of its columns, of which there is one or more.

        Of the rows for which the condition `asked` is not true, any may be left out. Raises
        `FeedFailed`.
        """
        with self._told():
            reader = self._reader(index, columns, asked)
        return pa.RecordBatchReader.from_batches(schema, self._batches(reader, schema))

    def _batches(self, reader: Reader, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        try:
            with self._told():
                if not reader.schema().equals(schema):
                    raise PipeBroken
                yield from reader.batches(schema)
        finally:
            self._close(reader)

    def _reader(self, index: int, columns: Sequence[int], asked: bytes = b"") -> Reader:
        """Ask the feeder to fill a new pipe."""
        if self._feeder is None:
            raise PipeBroken
        with self._lock:
            if len(self._open) >= MOST_OPEN:
                raise _TooMany
            reading, writing = pipe.create()
            reader = Reader(reading, self._check)
            self._open.add(reader)
        numbers = b"".join(COLUMN.pack(column) for column in columns)
        request = REQUEST.pack(index, len(columns)) + numbers + asked
        try:
            socket.send_fds(self._feeder, [request], [writing])
        except OSError as error:
            self._close(reader)
            raise PipeBroken from error
        finally:
            os.close(writing)
        return reader

    def _close(self, reader: Reader) -> None:
        with self._lock:
            if reader not in self._open:
                return
            self._open.discard(reader)
        reader.close()

    def _told(self) -> _Told:
        return _Told(self)


class _TooMany(Exception):
    """More scans are open at once than the feeder serves."""


class _Told:
    """Keeps what went wrong: DuckDB gives back an exception that is raised inside it as text."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, PipeFault):
            try:
                fault = Fault.decode(error.detail)
            except (ValueError, KeyError, TypeError):
                fault = LOST
        elif isinstance(error, PipeBroken):
            fault = LOST
        elif isinstance(error, _TooMany):
            fault = _TOO_MANY
        else:
            return
        self._feed.fault = fault
        raise FeedFailed from error


class _Source(ds.Dataset):  # type: ignore[misc]  # pyarrow has no types; DuckDB asks for the class
    """A stream as DuckDB's Arrow scan takes it: asked for columns and a filter at each scan.

    Nothing of the base class is used: it has no dataset behind it.
    """

    def __init__(self, feed: Feed, index: int, schema: pa.Schema) -> None:
        self._feed = feed
        self._index = index
        self._schema = schema

    @property
    def schema(self) -> pa.Schema:
        """All columns."""
        return self._schema

    def scanner(
        self,
        columns: Sequence[str] | None = None,
        filter: ds.Expression | None = None,  # DuckDB's name for it
        **_others: object,
    ) -> _Scan:
        """A scan of some columns, of the rows where the filter is true."""
        names = self._schema.names
        wanted = list(range(len(names))) if columns is None else [names.index(c) for c in columns]
        return _Scan(self._feed, self._index, wanted, self._schema, filter)


class _Scan:
    """One scan, before it starts."""

    def __init__(
        self,
        feed: Feed,
        index: int,
        columns: list[int],
        schema: pa.Schema,
        where: ds.Expression | None,
    ) -> None:
        self._feed = feed
        self._index = index
        self._columns = columns
        self._all = schema
        self._schema = pa.schema([schema.field(column) for column in columns])
        self._condition = where

    @property
    def projected_schema(self) -> pa.Schema:
        """The columns that the scan gives."""
        return self._schema

    def to_reader(self) -> pa.RecordBatchReader:
        """Start the scan."""
        if self._condition is None:
            return self._feed.scan(self._index, self._columns, self._schema)
        # a column that is only filtered by is not among those that the scan gives
        used = sorted({*self._columns, *_used(self._condition, len(self._all))})
        sent = pa.schema([self._all.field(column) for column in used])
        reader = self._feed.scan(self._index, used, sent, condition.read(self._condition))
        # what comes is no more than was asked for, but may be less narrow
        names = self._schema.names
        kept = (batch.filter(self._condition).select(names) for batch in reader)
        return pa.RecordBatchReader.from_batches(self._schema, kept)


def _used(where: ds.Expression, count: int) -> set[int]:
    """The columns that an expression names, and perhaps a few that only its texts do."""
    found = {int(number) for number in _COLUMN.findall(str(where))}
    return {number for number in found if number < count}
