"""The life of a worker process: blank, given one setup, then statement after statement."""

from __future__ import annotations

import json
import mmap
import os
import socket
import threading
from contextlib import suppress
from functools import partial
from typing import Any

import duckdb
import pyarrow as pa
from duckdb import DuckDBPyConnection

from flight_server.engines.duckdb import channel as wire
from flight_server.engines.duckdb import probe, ring, sandbox, session
from flight_server.engines.duckdb.arriving import Arrived, ArrivingFiles, is_arriving
from flight_server.engines.duckdb.channel import Channel, ChannelClosed
from flight_server.engines.duckdb.emit import Emitter, Stopped
from flight_server.engines.duckdb.faults import Fault, binding_fault, running_fault
from flight_server.engines.duckdb.feed import LOST, Feed, FeedFailed
from flight_server.engines.duckdb.feeder import Feeder
from flight_server.engines.duckdb.parameters import ParameterRefused, bind
from flight_server.engines.duckdb.planner import Planner
from flight_server.engines.duckdb.session import Limits, NotOneSelect
from flight_server.engines.duckdb.setup import Setup

_REPEAT_SECONDS = 0.05
_ANY_LENGTH = 1 << 31
_NOT_SELECT = "Only one SELECT statement can be run."


class Worker:
    """One process. The main thread serves the work socket; a second one only ends statements."""

    def __init__(
        self,
        work: socket.socket,
        control: socket.socket,
        memory: mmap.mmap,
        connection: DuckDBPyConnection,
    ) -> None:
        self._channel = Channel(work, _ANY_LENGTH)
        self._control = control
        self._ring = memory
        self._connection = connection
        self._planner: Planner | None = None
        self._feed = Feed(None, ())
        self._arrived: Arrived | None = None
        self._running = 0
        self._ended = 0
        self._idle = threading.Event()

    def serve(self) -> None:
        """Serve until the front goes away."""
        while True:
            kind, payload = self._channel.receive()
            if kind == wire.ASSIGN:
                if not self._assign(*wire.unpack(payload)):
                    return
            elif kind == wire.FEED:
                self._feed_another(*wire.unpack(payload))
                return
            elif kind == wire.RUN:
                self._statement(self._run, wire.unpack(payload))
            elif kind in (wire.DESCRIBE, wire.CHECK):
                describe = partial(self._describe, kind == wire.CHECK)
                self._statement(describe, wire.unpack(payload))
            elif kind == wire.PUSHED:
                self._statement(self._pushed, wire.unpack(payload))
            elif kind == wire.PROBE:
                self._probe(*wire.unpack(payload))
                return
            # CREDIT and CANCEL that arrive here are late: their statement has ended

    def _confine(self, limits: Limits, files: tuple[str, ...]) -> None:
        sandbox.limit(memory=limits.process_memory, file_size=limits.spill)
        if limits.sandboxed:
            sandbox.restrict(files, limits.directory)
            sandbox.refuse_system_calls()
        # started here, not earlier: a thread keeps the rights that it was started with
        threading.Thread(target=self._listen, daemon=True).start()

    def _assign(self, limits: bytes, setup: bytes) -> bool:
        bounds, contents = Limits.decode(limits), Setup.decode(setup)
        if contents.streams:
            self._feed = Feed(self._peer(), contents.streams)
        feed = self._feed
        peer = self._peer() if contents.awaits_files else None
        self._confine(bounds, contents.files)
        if peer is not None:
            self._arrived = Arrived(peer)
            files = filter(is_arriving, contents.files)
            self._connection.register_filesystem(ArrivingFiles(self._arrived, files))
        try:
            session.fill(self._connection, contents, bounds, lambda: feed.attach(self._connection))
        except FeedFailed:
            self._fault(feed.fault or LOST)
            return False
        except (duckdb.Error, OSError) as error:
            self._fault(running_fault(error))
            return False
        self._planner = Planner(self._connection)
        return True

    def _feed_another(self, limits: bytes, setup: bytes) -> None:
        """Be the trusted side of a sealed worker, which is told of any fault."""
        bounds, contents = Limits.decode(limits), Setup.decode(setup)
        fault: Fault | None = None
        with self._peer() as peer:
            self._confine(bounds, contents.files)
            try:
                # one batch may hold more text than Arrow's short form can
                self._connection.execute("SET arrow_large_buffer_size = true")
                session.fill(self._connection, contents, bounds)
            except (duckdb.Error, OSError) as error:
                fault = running_fault(error)
            Feeder(peer, self._connection, contents.streams, fault).serve()

    def _peer(self) -> socket.socket:
        """The socket to the other process of the pair, which the front sends ahead of the setup."""
        _, descriptors, _, _ = socket.recv_fds(self._control, 1, 1)
        return socket.socket(fileno=descriptors[0])

    def _probe(self, limits: bytes, elsewhere: bytes) -> None:
        bounds = Limits.decode(limits)
        self._confine(bounds, ())
        report = probe.attempts(self._connection, elsewhere.decode())
        self._channel.send(wire.REPORT, json.dumps(report).encode())

    # --- one statement ---------------------------------------------------------------------------

    def _statement(self, work: Any, parts: Any) -> None:
        (number,) = wire.NUMBER.unpack(parts[0])
        self._idle.clear()
        self._running = number
        try:
            fault = work(number, *parts[1:])
        finally:
            self._running = 0
            self._idle.set()
        if fault is None:
            self._channel.send(wire.END)
            return
        self._fault(fault)
        if fault.kind == "lost":
            os._exit(1)

    def _run(
        self, number: int, text: bytes, names: bytes, row: bytes, schema: bytes, compression: bytes
    ) -> Fault | None:
        promised = pa.ipc.read_schema(pa.py_buffer(schema))
        emitter = Emitter(self._channel, self._ring, promised, number, compression.decode() or None)
        try:
            self._check(number)
            self._feed.begin(lambda: self._check(number))
            if self._arrived is not None:
                self._arrived.begin(lambda: self._check(number))
            values = bind(json.loads(names), _row(row))
            bound = session.relation(self._connection, text.decode(), values)
            rows = _batch_rows(promised)
            reader = bound.to_arrow_reader(rows)
            try:
                # A bound NULL has no type, so that its row may give another type than other rows.
                cast = None in values.values()
                return emitter.emit(reader, lambda: self._check(number), cast=cast)
            finally:
                reader.close()
        except Stopped:
            return Fault("interrupted", "The statement was ended.")
        except NotOneSelect:
            return Fault("data", _NOT_SELECT)
        except ParameterRefused as error:
            return Fault("bind", str(error))
        except (duckdb.Error, pa.ArrowException, OSError, MemoryError, RuntimeError) as error:
            if self._ended >= number:
                return Fault("interrupted", "The statement was ended.")
            return self._feed.fault or running_fault(error)
        finally:
            self._feed.end()

    def _describe(
        self, checked: bool, number: int, setup: bytes, text: bytes, names: bytes, row: bytes
    ) -> Fault | None:
        if self._planner is None:
            return Fault("lost", "The worker failed.")
        statement = text.decode()
        try:
            self._check(number)
            values = bind(json.loads(names), _row(row))
            schema = self._planner.describe(Setup.decode(setup), statement, values, checked=checked)
        except Stopped:
            return Fault("interrupted", "The statement was ended.")
        except NotOneSelect:
            return Fault("bind", _NOT_SELECT)
        except ParameterRefused as error:
            return Fault("bind", str(error))
        except (duckdb.Error, MemoryError, RuntimeError) as error:
            return binding_fault(error, statement)
        if isinstance(schema, Fault):
            return schema
        self._channel.send(wire.SHAPE, schema.serialize().to_pybytes())
        return None

    def _pushed(
        self, number: int, setup: bytes, text: bytes, names: bytes, row: bytes
    ) -> Fault | None:
        if self._planner is None:
            return Fault("lost", "The worker failed.")
        try:
            self._check(number)
            values = bind(json.loads(names), _row(row))
            found = self._planner.pushed(Setup.decode(setup), text.decode(), values)
        except (Stopped, NotOneSelect, ParameterRefused, duckdb.Error, MemoryError, RuntimeError):
            found = b"null"  # nothing is known, so nothing is left out; running it says why
        self._channel.send(wire.SHAPE, found)
        return None

    def _fault(self, fault: Fault) -> None:
        self._channel.send(wire.FAULT, fault.encode())

    # --- being ended -----------------------------------------------------------------------------

    def _check(self, number: int) -> None:
        if self._ended >= number:
            raise Stopped

    def _listen(self) -> None:
        """End statements as the front asks; the second thread."""
        while True:
            data = self._control.recv(wire.NUMBER.size, socket.MSG_WAITALL)
            if len(data) < wire.NUMBER.size:
                return
            (number,) = wire.NUMBER.unpack(data)
            self._ended = max(self._ended, number)
            # an interrupt is forgotten where the next query starts, so it is repeated
            while self._running == number:
                self._connection.interrupt()
                if self._idle.wait(_REPEAT_SECONDS):
                    break


def _row(data: bytes) -> pa.RecordBatch | None:
    if not data:
        return None
    with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
        return reader.read_next_batch()


def _batch_rows(schema: pa.Schema, target: int = 3 * 1024 * 1024, most: int = 16_384) -> int:
    """Rows per batch: fewer where many columns would make a batch large."""
    width = 0
    for data in schema.types:
        try:
            width += max(1, data.bit_width // 8)
        except ValueError:  # a type without a fixed width
            width += 16
    return max(1024, min(most, target // max(1, width)))


def main(work: int, control: int, memory: int, connection: DuckDBPyConnection) -> None:
    """Be a worker over these three file descriptors, until the front closes them.

    `connection` is of a blank instance that has not started a thread.
    """
    with (
        socket.socket(fileno=work) as work_socket,
        socket.socket(fileno=control) as control_socket,
        suppress(ChannelClosed),
    ):
        shared = ring.writable(memory)
        os.close(memory)
        Worker(work_socket, control_socket, shared, connection).serve()
