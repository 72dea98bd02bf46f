"""A Flight SQL server without SQL: it answers the calls of a driver from memory.

What it takes is the floor for any server under the same driver: transport, driver and Arrow.
Run as `python -m benchmarks.bare FOLDER SCALE TABLES`; it serves until it is stopped.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.flight as fl
from google.protobuf.message import Message

from benchmarks import data, lineitem
from flight_server.protocol.messages import pack, unpack
from flight_server.protocol.wire import flight_sql_pb2 as sql
from flight_server.protocol.wire import schemas

READY = "bare-flight ready "
BATCH_ROWS = 16_384
_NO_PARAMETERS = pa.schema([])
_ONE_NUMBER = pa.schema([("0", pa.int64())])


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a kind of statement gives, whatever its text."""

    result: pa.Table
    parameters: pa.Schema = _NO_PARAMETERS


class BareServer(fl.FlightServerBase):  # type: ignore[misc]  # pyarrow has no types
    """Serves fixed tables: by prepared statement, by statement, and as metadata."""

    def __init__(
        self, statements: Mapping[bytes, Prepared], metadata: Mapping[str, pa.Table]
    ) -> None:
        super().__init__("grpc://127.0.0.1:0")
        self._statements = statements
        self._metadata = metadata

    def do_action(self, context: fl.ServerCallContext, action: fl.Action) -> Iterator[fl.Result]:
        """Prepare and close; the handle is the kind of statement."""
        request = unpack(action.body.to_pybytes())
        if isinstance(request, sql.ActionCreatePreparedStatementRequest):
            handle = kind_of(request.query)
            prepared = self._statements[handle]
            answer = sql.ActionCreatePreparedStatementResult(
                prepared_statement_handle=handle,
                dataset_schema=prepared.result.schema.serialize().to_pybytes(),
                parameter_schema=prepared.parameters.serialize().to_pybytes(),
            )
            yield fl.Result(pack(answer))

    def get_flight_info(
        self, context: fl.ServerCallContext, descriptor: fl.FlightDescriptor
    ) -> fl.FlightInfo:
        """Describe a result; the ticket is the command itself."""
        result = self._result(unpack(descriptor.command))
        endpoint = fl.FlightEndpoint(descriptor.command, [])
        return fl.FlightInfo(result.schema, descriptor, [endpoint], -1, -1)

    def do_get(self, context: fl.ServerCallContext, ticket: fl.Ticket) -> fl.RecordBatchStream:
        """Send a result."""
        return fl.RecordBatchStream(self._result(unpack(ticket.ticket)))

    def do_put(
        self,
        context: fl.ServerCallContext,
        descriptor: fl.FlightDescriptor,
        reader: fl.MetadataRecordBatchReader,
        writer: fl.FlightMetadataWriter,
    ) -> None:
        """Bind parameters, that is: read them."""
        command = unpack(descriptor.command)
        assert isinstance(command, sql.CommandPreparedStatementQuery)
        reader.read_all()
        answer = sql.DoPutPreparedStatementResult(
            prepared_statement_handle=command.prepared_statement_handle
        )
        writer.write(pa.py_buffer(answer.SerializeToString()))

    def _result(self, command: Message) -> pa.Table:
        if isinstance(command, sql.CommandPreparedStatementQuery):
            return self._statements[command.prepared_statement_handle].result
        if isinstance(command, sql.CommandStatementQuery):
            return self._statements[kind_of(command.query)].result
        name = command.DESCRIPTOR.name
        if isinstance(command, sql.CommandGetTables) and command.include_schema:
            name += "+schema"
        return self._metadata[name]


def kind_of(text: str) -> bytes:
    """Which of the fixed results answers a statement."""
    if "?" in text:
        return b"lookup"
    return b"scan" if data.TABLE in text else b"one"


def _statements(files: list[str]) -> dict[bytes, Prepared]:
    connection = duckdb.connect()
    reader = connection.read_parquet(files).to_arrow_reader(BATCH_ROWS)
    lines = pa.Table.from_batches(list(reader))
    return {
        b"one": Prepared(pa.table({"1": pa.array([1], pa.int32())})),
        b"lookup": Prepared(lines.slice(0, 4), _ONE_NUMBER),
        b"scan": Prepared(lines),
    }


def _metadata(tables: list[tuple[str, str]]) -> dict[str, pa.Table]:
    names = [
        pa.array([data.CATALOG] * len(tables)),
        pa.array([schema for schema, _ in tables]),
        pa.array([table for _, table in tables]),
        pa.array(["TABLE"] * len(tables)),
    ]
    columns = pa.array([lineitem.SCHEMA.serialize().to_pybytes()] * len(tables))
    spaces = sorted({schema for schema, _ in tables})
    catalog = pa.array([data.CATALOG] * len(spaces))
    return {
        "CommandGetSqlInfo": pa.Table.from_batches([], schemas.SQL_INFO),
        "CommandGetCatalogs": pa.table([catalog.slice(0, 1)], schema=schemas.CATALOGS),
        "CommandGetDbSchemas": pa.table([catalog, pa.array(spaces)], schema=schemas.DB_SCHEMAS),
        "CommandGetTables": pa.table(names, schema=schemas.TABLES),
        "CommandGetTables+schema": pa.table([*names, columns], schema=schemas.TABLES_WITH_SCHEMA),
    }


def main(folder: str, scale: str, tables: str) -> None:
    """Load a warehouse into memory and serve it."""
    warehouse = data.warehouse(Path(folder), scale=float(scale), tables=int(tables))
    with BareServer(_statements(warehouse.files()), _metadata(warehouse.names())) as server:
        print(f"{READY}grpc://127.0.0.1:{server.port}", flush=True)
        server.serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
