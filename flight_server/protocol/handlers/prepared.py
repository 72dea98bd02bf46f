"""Prepared statements. The server keeps none: a handle holds all there is, also bound values."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from flight_server.protocol.call import Call
from flight_server.protocol.errors import MalformedMessage, Unsupported
from flight_server.protocol.handlers import statements
from flight_server.protocol.handlers.queries import Described, refuse_transaction
from flight_server.protocol.messages import pack
from flight_server.protocol.wire.columns import result_schema
from flight_server.protocol.wire.flight_sql_pb2 import (
    ActionClosePreparedStatementRequest,
    ActionCreatePreparedStatementRequest,
    ActionCreatePreparedStatementResult,
    CommandPreparedStatementQuery,
    DoPutPreparedStatementResult,
)
from flight_server.protocol.wire.frames import schema_bytes
from flight_server.query.handles import HandleKind
from flight_server.query.planned import Planned


def create(call: Call, message: ActionCreatePreparedStatementRequest) -> Iterator[bytes]:
    """Plan a statement and give a handle to it, with the schemas of its result and parameters."""
    refuse_transaction(message)
    call.statement = message.query
    planned = call.door.service.plan(call.caller, message.query)
    yield pack(
        ActionCreatePreparedStatementResult(
            prepared_statement_handle=_handle(call, planned),
            # Drivers take a statement without a result schema for an update.
            dataset_schema=schema_bytes(result_schema(planned.schema)),
            parameter_schema=schema_bytes(planned.parameter_schema),
            is_update=False,
        )
    )


def close(_call: Call, _message: ActionClosePreparedStatementRequest) -> Iterator[bytes]:
    """Nothing is held, so there is nothing to close."""
    return iter(())


def describe(call: Call, message: CommandPreparedStatementQuery) -> Described:
    """Take a prepared statement up again, with the values that its handle holds."""
    return statements.described(call, opened(call, message))


def bind(
    call: Call, message: CommandPreparedStatementQuery, batches: list[pa.RecordBatch]
) -> Iterator[bytes]:
    """Bind rows of values; the new handle holds them and replaces the old one."""
    planned = opened(call, message)
    rows = _rows(batches)
    if rows is not None:
        planned = call.door.service.bind(call.caller, planned, rows)
    handle = _handle(call, planned)
    yield DoPutPreparedStatementResult(prepared_statement_handle=handle).SerializeToString()


def opened(call: Call, message: CommandPreparedStatementQuery) -> Planned:
    """The plan of a prepared statement, made anew."""
    planned = call.door.service.unseal(
        call.caller, message.prepared_statement_handle, HandleKind.PREPARED
    )
    call.statement = planned.secured.text
    return planned


def _handle(call: Call, planned: Planned) -> bytes:
    return call.door.service.seal(call.caller, planned, HandleKind.PREPARED)


def _rows(batches: list[pa.RecordBatch]) -> pa.RecordBatch | None:
    """The rows of an upload as one batch; None for one without columns, which binds nothing."""
    filled = [batch for batch in batches if batch.num_rows]
    if len(filled) == 1:
        return filled[0]
    if not filled:
        if any(batch.num_columns for batch in batches):
            raise MalformedMessage("The upload has columns but no row of parameters.")
        return None
    try:
        # Dictionaries may differ from batch to batch.
        table = pa.Table.from_batches(filled).unify_dictionaries().combine_chunks()
    except pa.ArrowException:
        raise Unsupported("Rows of this type cannot be bound in several batches.") from None
    (joined,) = table.to_batches()
    return joined
