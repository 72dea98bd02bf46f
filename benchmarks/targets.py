"""What is measured: DuckDB in this process, and Flight SQL servers under the ADBC driver."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import duckdb
import pyarrow as pa
import pyarrow.flight as fl
from adbc_driver_flightsql import dbapi

from benchmarks import data, lineitem
from benchmarks.bare import BATCH_ROWS
from flight_server.protocol.messages import pack
from flight_server.protocol.wire import flight_sql_pb2

Depth = Literal["tables", "all"]


class Session(Protocol):
    """A connection as an application has it. Every call is a statement of its own."""

    def stream(self, text: str) -> Iterator[pa.RecordBatch]:
        """The batches of a large result, as they come."""
        ...

    def table(self, text: str, parameters: Sequence[Any] = ()) -> pa.Table:
        """A small result as a whole."""
        ...

    def repeat(self, text: str) -> Callable[[], pa.Table]:
        """A statement that is prepared once, to be run again and again."""
        ...

    def objects(self, depth: Depth) -> int:
        """List what there is, down to `tables` or `all`; gives how many tables."""
        ...

    def tables(self, columns: bool) -> int:
        """One GetTables, with or without each table's columns; gives how many tables."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """Something to measure. `scan` is its statement for the bulk read.

    `like` names the target in process that gives the same rows; `pid` is the server's process.
    """

    name: str
    open: Callable[[], Session]
    scan: str
    like: str
    pid: int | None = None


class InProcess:
    """DuckDB in this process, over the same Parquet files."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def stream(self, text: str) -> Iterator[pa.RecordBatch]:
        """The batches of a large result, as they come."""
        reader: Iterator[pa.RecordBatch] = self._connection.sql(text).to_arrow_reader(BATCH_ROWS)
        return reader

    def table(self, text: str, parameters: Sequence[Any] = ()) -> pa.Table:
        """A small result as a whole."""
        # Not execute(): its Arrow results are copied once more.
        return self._connection.sql(text, params=list(parameters)).to_arrow_table()

    def repeat(self, text: str) -> Callable[[], pa.Table]:
        """DuckDB's Python package keeps no statements: the text is parsed each time."""
        return lambda: self.table(text)

    def objects(self, depth: Depth) -> int:
        """Ask DuckDB's own catalog for as much."""
        return self.tables(columns=depth == "all")

    def tables(self, columns: bool) -> int:
        """The same, since DuckDB has one way to ask."""
        found = self.table("FROM duckdb_tables()").num_rows
        if columns:
            self.table("FROM duckdb_columns()")
        return int(found) + 1  # `lineitem` is a view

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class Adbc:
    """A Flight SQL server under the ADBC driver, as an application uses it.

    A new cursor for each statement: the driver prepares, asks for the FlightInfo, reads and closes.
    """

    def __init__(self, uri: str, login: dict[str, str]) -> None:
        self._connection = dbapi.connect(uri, db_kwargs=login, autocommit=True)
        self._client = fl.FlightClient(uri)
        self._login = login
        self._options: fl.FlightCallOptions | None = None

    def stream(self, text: str) -> Iterator[pa.RecordBatch]:
        """The batches of a large result, as they come."""
        with self._connection.cursor() as cursor:
            cursor.execute(text)
            with cursor.fetch_record_batch() as reader:
                yield from reader

    def table(self, text: str, parameters: Sequence[Any] = ()) -> pa.Table:
        """A small result as a whole."""
        with self._connection.cursor() as cursor:
            cursor.execute(text, list(parameters) or None)
            found: pa.Table = cursor.fetch_arrow_table()
            return found

    def repeat(self, text: str) -> Callable[[], pa.Table]:
        """The cursor is kept, so that the driver prepares once."""
        cursor = self._connection.cursor()

        def run() -> pa.Table:
            cursor.execute(text)
            return cursor.fetch_arrow_table()

        return run

    def objects(self, depth: Depth) -> int:
        """The driver's GetObjects."""
        with self._connection.adbc_get_objects(depth=depth) as reader:
            catalogs = reader.read_all().to_pylist()
        schemas = [schema for each in catalogs for schema in each["catalog_db_schemas"] or ()]
        return sum(len(schema["db_schema_tables"] or ()) for schema in schemas)

    def tables(self, columns: bool) -> int:
        """GetFlightInfo and DoGet, by pyarrow's client: the driver alone never asks just this."""
        command = pack(flight_sql_pb2.CommandGetTables(include_schema=columns))
        descriptor = fl.FlightDescriptor.for_command(command)
        if self._options is None:
            self._options = self._logged_in()
        info = self._client.get_flight_info(descriptor, self._options)
        reader = self._client.do_get(info.endpoints[0].ticket, self._options)
        return int(reader.read_all().num_rows)

    def _logged_in(self) -> fl.FlightCallOptions:
        if not self._login:
            return fl.FlightCallOptions()
        name, password = self._login["username"], self._login["password"]
        return fl.FlightCallOptions(headers=[self._client.authenticate_basic_token(name, password)])

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
        self._connection.close()


class Local:
    """DuckDB in this process; its sessions share one database, as its users do."""

    def __init__(self, warehouse: data.Warehouse) -> None:
        self._opening = threading.Lock()
        self._root = duckdb.connect()
        self._root.read_parquet(warehouse.files()).create_view(data.TABLE)
        self._root.execute(f"CREATE SCHEMA {data.EMPTY_SCHEMA}")
        columns = f"(SELECT * FROM {data.TABLE} LIMIT 0)"
        for number in range(warehouse.tables):
            self._root.execute(
                f"CREATE TABLE {data.EMPTY_SCHEMA}.{data.empty_table(number)} AS {columns}"
            )

    def open(self) -> Session:
        """A connection."""
        with self._opening:
            return InProcess(self._root.cursor())


IN_PROCESS = "in process"
IN_PROCESS_NARROW = "in process, fewer columns"
IN_PROCESS_MASKED = "in process, filter and mask"
BARE = "bare Flight"
SERVER = "this server"
SERVER_NARROW = "this server, hidden columns"
SERVER_MASKED = "this server, filter and mask"

HIDDEN = ("l_suppkey", "l_linestatus", "l_tax")
MASKED = "l_comment"
MASK = "concat(left({}, 3), '***')"
SEEN_MODES = lineitem.SHIP_MODES[1:]
SCAN = f"SELECT * FROM {data.TABLE}"
LOOKUP = f"SELECT * FROM {data.TABLE} WHERE l_orderkey = ?"


def in_process(warehouse: data.Warehouse) -> list[Target]:
    """DuckDB, and what a careful person would write by hand for the two policies."""
    local = Local(warehouse)
    seen = ", ".join(name for name in lineitem.SCHEMA.names if name not in HIDDEN)
    modes = ", ".join(f"'{mode}'" for mode in SEEN_MODES)
    masked = (
        f"SELECT * REPLACE ({MASK.format(MASKED)} AS {MASKED}) FROM {data.TABLE}"
        f" WHERE l_shipmode IN ({modes})"
    )
    return [
        Target(IN_PROCESS, local.open, SCAN, IN_PROCESS),
        Target(
            IN_PROCESS_NARROW, local.open, f"SELECT {seen} FROM {data.TABLE}", IN_PROCESS_NARROW
        ),
        Target(IN_PROCESS_MASKED, local.open, masked, IN_PROCESS_MASKED),
    ]


def flight(
    name: str, like: str, uri: str, pid: int, *, login: dict[str, str] | None = None
) -> Target:
    """A Flight SQL server."""
    return Target(name, lambda: Adbc(uri, login or {}), SCAN, like, pid)
