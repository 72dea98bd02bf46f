"""The trusted process of the sealed tier: reads narrowed tables and pipes their rows away.

It holds the files and the policy's views, and never sees a statement of a user: it is asked for a
stream by number and for columns by number, and both must be among those that it was given. Columns
may be compared with constants as well: with what the view shows, not with what lies behind it.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa
from duckdb import DuckDBPyConnection

from catalog.names import quote
from flight_server.engines.duckdb import condition, feed
from flight_server.engines.duckdb.faults import Fault, running_fault
from flight_server.engines.duckdb.pipe import Writer
from flight_server.engines.duckdb.settings import MIB
from flight_server.engines.duckdb.setup import Stream, stream_column

_LONGEST_REQUEST = 256 * 1024
_LOOK_MILLISECONDS = 50
_BATCH_BYTES = 4 * MIB
_VALUE_BYTES = 16
_LEAST_ROWS, _MOST_ROWS = 2048, 64 * 1024


@dataclass(eq=False)
class _Running:
    """A stream that is written by a thread of its own."""

    descriptor: int
    connection: DuckDBPyConnection
    over: threading.Event = field(default_factory=threading.Event)


class Feeder:
    """Serves one worker through one socket, until that is closed.

    `failed` is why there is nothing to serve: each request is then answered with it.
    """

    def __init__(
        self,
        worker: socket.socket,
        connection: DuckDBPyConnection,
        streams: Sequence[Stream],
        failed: Fault | None = None,
    ) -> None:
        self._worker = worker
        self._connection = connection
        self._streams = streams
        self._failed = failed
        self._running: list[_Running] = []
        # of all columns of a stream, by its number
        self._types: dict[int, list[str]] = {}

    def serve(self) -> None:
        """Serve until the worker is gone, or asks for what it may not."""
        poll = select.poll()
        poll.register(self._worker, select.POLLIN)
        while True:
            if poll.poll(_LOOK_MILLISECONDS if self._running else None) and not self._request():
                return
            self._tend()

    def _request(self) -> bool:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._worker, _LONGEST_REQUEST, 1)
        except OSError:
            return False
        query = self._query(data)
        if query is None or len(descriptors) != 1 or len(self._running) > 2 * feed.MOST_OPEN:
            for descriptor in descriptors:
                os.close(descriptor)
            return False
        running = _Running(descriptors[0], self._connection.cursor())
        self._running.append(running)
        threading.Thread(target=self._write, args=(running, query), daemon=True).start()
        return True

    def _query(self, data: bytes) -> str | None:
        """The statement that answers a request; None for a request that may not be made."""
        if len(data) < feed.REQUEST.size:
            return None
        number, count = feed.REQUEST.unpack_from(data)
        end = feed.REQUEST.size + count * feed.COLUMN.size
        if number >= len(self._streams) or len(data) < end:
            return None
        stream = self._streams[number]
        indexes = [index for (index,) in feed.COLUMN.iter_unpack(data[feed.REQUEST.size : end])]
        if any(index >= len(stream.columns) for index in indexes):
            return None
        try:
            where = self._where(number, data[end:])
        except condition.Malformed:
            return None
        wanted = indexes or range(len(stream.columns))
        columns = ", ".join(
            f"{_column(stream, index)} AS {stream_column(index)}" for index in wanted
        )
        limit = "" if indexes else " LIMIT 0"
        return f"SELECT {columns} FROM {stream.relation} AS r{where}{limit}"  # noqa: S608 - quoted

    def _where(self, number: int, asked: bytes) -> str:
        """The condition of a request as SQL. Raises `Malformed`."""
        stream = self._streams[number]
        if not asked or stream.unasked:
            return ""
        if number not in self._types:
            try:
                bound = self._connection.sql(f"FROM {stream.relation}")
            except duckdb.Error:
                return ""  # reading it will say why
            self._types[number] = [str(data) for data in bound.types]
        columns = [_column(stream, index) for index in range(len(stream.columns))]
        found = condition.sql(asked, columns, self._types[number])
        return "" if found is None else f" WHERE {found}"

    def _write(self, running: _Running, query: str) -> None:
        """Answer one request; the root of a thread."""
        writer = Writer(running.descriptor)
        try:
            fault = self._failed or _answer(running.connection, query, writer)
            if fault is not None:
                writer.fault(fault.encode())
        except OSError:
            pass  # the worker needs no more: a LIMIT, or its statement was ended
        finally:
            running.over.set()

    def _tend(self) -> None:
        """Let go of what is over, and end what nobody reads any more."""
        for running in [running for running in self._running if running.over.is_set()]:
            self._running.remove(running)
            running.connection.close()
            os.close(running.descriptor)
        poll = select.poll()
        for running in self._running:
            poll.register(running.descriptor, 0)
        unread = {descriptor for descriptor, _ in poll.poll(0)} if self._running else set()
        for running in self._running:
            if running.descriptor in unread:
                # said again at the next look: an interrupt is forgotten where a query starts
                running.connection.interrupt()


def _column(stream: Stream, index: int) -> str:
    return f"r.{quote(stream.columns[index])}"


def _answer(connection: DuckDBPyConnection, query: str, writer: Writer) -> Fault | None:
    """Write the rows of a query. Raises `OSError` where nobody reads."""
    try:
        relation = connection.sql(query)
        rows = min(_MOST_ROWS, _BATCH_BYTES // (_VALUE_BYTES * len(relation.columns)))
        reader = relation.to_arrow_reader(max(_LEAST_ROWS, rows))
    except (duckdb.Error, pa.ArrowException, OSError, MemoryError, RuntimeError) as error:
        return running_fault(error)
    writer.schema(reader.schema)
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            writer.end()
            return None
        except (duckdb.Error, pa.ArrowException, OSError, MemoryError, RuntimeError) as error:
            return running_fault(error)
        writer.batch(batch)
