"""The whole protocol surface on one page: what serves or refuses each command and action."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pyarrow as pa
from google.protobuf.message import Message

from flight_server.protocol.call import Call
from flight_server.protocol.handlers import metadata, prepared, sql_info, statements
from flight_server.protocol.handlers.queries import Query
from flight_server.protocol.handlers.queries import metadata as fixed
from flight_server.protocol.wire import flight_pb2 as flight
from flight_server.protocol.wire import flight_sql_pb2 as sql
from flight_server.protocol.wire import schemas


@dataclass(frozen=True, slots=True)
class Action:
    """An action that DoAction serves; `run` gives the bodies of its results."""

    run: Callable[[Call, Any], Iterator[bytes]]
    description: str


Update = Callable[[Call, Any, list[pa.RecordBatch]], Iterator[bytes]]

# GetFlightInfo and GetSchema; DoGet for the tickets of metadata commands.
QUERIES: Mapping[type[Message], Query] = MappingProxyType(
    {
        sql.CommandStatementQuery: Query(statements.describe),
        sql.CommandPreparedStatementQuery: Query(prepared.describe),
        sql.CommandGetCatalogs: fixed(schemas.CATALOGS, metadata.catalogs),
        sql.CommandGetDbSchemas: fixed(schemas.DB_SCHEMAS, metadata.db_schemas),
        sql.CommandGetTables: fixed(metadata.tables_schema, metadata.tables),
        sql.CommandGetTableTypes: fixed(schemas.TABLE_TYPES, metadata.table_types),
        sql.CommandGetPrimaryKeys: fixed(schemas.PRIMARY_KEYS, metadata.primary_keys),
        sql.CommandGetExportedKeys: fixed(schemas.FOREIGN_KEYS, metadata.foreign_keys),
        sql.CommandGetImportedKeys: fixed(schemas.FOREIGN_KEYS, metadata.foreign_keys),
        sql.CommandGetCrossReference: fixed(schemas.FOREIGN_KEYS, metadata.foreign_keys),
        sql.CommandGetSqlInfo: fixed(schemas.SQL_INFO, sql_info.sql_info),
        sql.CommandGetXdbcTypeInfo: fixed(schemas.XDBC_TYPE_INFO, sql_info.xdbc_types),
    }
)

# DoGet for the tickets of statements.
TICKETS: Mapping[type[Message], Callable[[Call, Any], Iterator[bytes]]] = MappingProxyType(
    {sql.TicketStatementQuery: statements.stream}
)

# DoPut.
UPDATES: Mapping[type[Message], Update] = MappingProxyType(
    {sql.CommandPreparedStatementQuery: prepared.bind}
)

# DoAction. An action's name is that of its request without `Action` and `Request`; those of Flight
# SQL come wrapped in an Any, those of Flight itself do not.
ACTIONS: Mapping[type[Message], Action] = MappingProxyType(
    {
        sql.ActionCreatePreparedStatementRequest: Action(
            prepared.create, "Prepares a statement: a handle and the schemas."
        ),
        sql.ActionClosePreparedStatementRequest: Action(
            prepared.close, "Closes a prepared statement."
        ),
    }
)

_READ_ONLY = "This server is read-only: it takes no updates."
_NO_TRANSACTIONS = "This server has no transactions: every statement sees one consistent state."
_NO_SESSIONS = "This server keeps no sessions yet: give options as call headers."
_NO_SUBSTRAIT = "This server takes SQL, not Substrait plans."
_NO_CANCEL = "Cancel a statement by ending its call: closing the stream stops it."

REFUSED: Mapping[type[Message], str] = MappingProxyType(
    {
        sql.CommandStatementUpdate: _READ_ONLY,
        sql.CommandPreparedStatementUpdate: _READ_ONLY,
        sql.CommandStatementIngest: _READ_ONLY,
        sql.CommandStatementSubstraitPlan: _NO_SUBSTRAIT,
        sql.ActionCreatePreparedSubstraitPlanRequest: _NO_SUBSTRAIT,
        sql.ActionBeginTransactionRequest: _NO_TRANSACTIONS,
        sql.ActionEndTransactionRequest: _NO_TRANSACTIONS,
        sql.ActionBeginSavepointRequest: _NO_TRANSACTIONS,
        sql.ActionEndSavepointRequest: _NO_TRANSACTIONS,
        sql.ActionCancelQueryRequest: _NO_CANCEL,
        flight.CancelFlightInfoRequest: _NO_CANCEL,
        flight.RenewFlightEndpointRequest: "Results cannot be renewed: plan the statement again.",
        flight.SetSessionOptionsRequest: _NO_SESSIONS,
        flight.GetSessionOptionsRequest: _NO_SESSIONS,
        flight.CloseSessionRequest: _NO_SESSIONS,
    }
)


def action_name(request: type[Message]) -> str:
    """The name by which DoAction asks for the action of a request."""
    return request.DESCRIPTOR.name.removeprefix("Action").removesuffix("Request")
