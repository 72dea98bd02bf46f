"""The whole protocol surface on one page: what serves or refuses each command and action."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pyarrow as pa
from google.protobuf.message import Message

from flight_server.protocol.call import Call
from flight_server.protocol.handlers import (
    keys,
    metadata,
    polls,
    prepared,
    results,
    sessions,
    sql_info,
    statements,
)
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
        sql.CommandGetPrimaryKeys: fixed(schemas.PRIMARY_KEYS, keys.primary_keys),
        sql.CommandGetExportedKeys: fixed(schemas.FOREIGN_KEYS, keys.exported_keys),
        sql.CommandGetImportedKeys: fixed(schemas.FOREIGN_KEYS, keys.imported_keys),
        sql.CommandGetCrossReference: fixed(schemas.FOREIGN_KEYS, keys.cross_reference),
        sql.CommandGetSqlInfo: fixed(schemas.SQL_INFO, sql_info.sql_info),
        sql.CommandGetXdbcTypeInfo: fixed(schemas.XDBC_TYPE_INFO, sql_info.xdbc_types),
    }
)

# PollFlightInfo, where it does more than GetFlightInfo; the last is what is polled again.
POLLS: Mapping[type[Message], Callable[[Call, Any], polls.Polling]] = MappingProxyType(
    {
        sql.CommandStatementQuery: polls.statement,
        sql.CommandPreparedStatementQuery: polls.prepared_statement,
        sql.TicketStatementQuery: polls.again,
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
        flight.CancelFlightInfoRequest: Action(
            results.cancel_info, "Ends the query of a result, where this server runs it."
        ),
        sql.ActionCancelQueryRequest: Action(
            results.cancel_query, "The same; superseded by CancelFlightInfo."
        ),
        flight.RenewFlightEndpointRequest: Action(
            results.renew, "Gives an endpoint with a ticket that is valid for longer."
        ),
        flight.SetSessionOptionsRequest: Action(
            sessions.set_options, "Sets and unsets options of the session."
        ),
        flight.GetSessionOptionsRequest: Action(
            sessions.get_options, "Gives the options that are set."
        ),
        flight.CloseSessionRequest: Action(sessions.close, "Ends the session."),
    }
)

_READ_ONLY = "This server is read-only: it takes no updates."
_NO_TRANSACTIONS = "This server has no transactions: every statement sees one consistent state."
_NO_SUBSTRAIT = "This server takes SQL, not Substrait plans."

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
    }
)


# Methods of Flight itself.
REFUSED_METHODS: Mapping[str, str] = MappingProxyType(
    {
        "ListFlights": "There are no flights to list: ask for tables with Flight SQL.",
        "DoExchange": "This server exchanges no data.",
    }
)


def action_name(request: type[Message]) -> str:
    """The name by which DoAction asks for the action of a request."""
    return request.DESCRIPTOR.name.removeprefix("Action").removesuffix("Request")
