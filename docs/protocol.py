"""The page on the protocol: what is served and what is refused, from the tables of the code.

`FEATURES` states for each part of Flight SQL that servers differ in whether this one has it; each
"yes" names the test that shows it (a test holds that it exists), each "no" says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf.message import Message

from flight_server.protocol import routes
from flight_server.protocol.wire import flight_pb2, flight_sql_pb2

_SQL_INFO = "conformance/test_sql_info.py"
_COMMANDS = "conformance/test_commands.py"
_ADBC = "conformance/test_adbc.py"
_ROWS = "end_to_end/test_rows.py"
_KEYS = "end_to_end/test_keys.py"
_SESSIONS = "conformance/test_adbc.py"


@dataclass(frozen=True, slots=True)
class Feature:
    """A part of the protocol. `shown_by` is `file::test` below tests/, empty for what is not had.

    `messages` are those without which it could not be served.
    """

    name: str
    shown_by: str = ""
    why_not: str = ""
    messages: tuple[type[Message], ...] = ()


_sql, _flight = flight_sql_pb2, flight_pb2
_READ_ONLY = "The server only reads."

FEATURES: tuple[Feature, ...] = (
    Feature(
        "Catalogs",
        f"{_ADBC}::test_objects_at_each_depth",
        messages=(_sql.CommandGetCatalogs,),
    ),
    Feature(
        "Schemas",
        f"{_ADBC}::test_objects_at_each_depth",
        messages=(_sql.CommandGetDbSchemas,),
    ),
    Feature(
        "Tables, by pattern and type",
        f"{_ADBC}::test_objects_with_each_filter",
        messages=(_sql.CommandGetTables,),
    ),
    Feature(
        "Tables with their schemas, nullability and column metadata",
        f"{_COMMANDS}::test_table_schemas_have_exact_nullability_and_metadata",
        messages=(_sql.CommandGetTables,),
    ),
    Feature(
        "Table types",
        f"{_ADBC}::test_table_types",
        messages=(_sql.CommandGetTableTypes,),
    ),
    Feature(
        "Primary keys, real ones",
        f"{_KEYS}::test_a_primary_key_is_told",
        messages=(_sql.CommandGetPrimaryKeys,),
    ),
    Feature(
        "Imported, exported and crossing foreign keys, real ones",
        f"{_KEYS}::test_imported_keys_are_those_of_the_table",
        messages=(
            _sql.CommandGetImportedKeys,
            _sql.CommandGetExportedKeys,
            _sql.CommandGetCrossReference,
        ),
    ),
    Feature(
        "SqlInfo, every code",
        f"{_SQL_INFO}::test_asking_for_nothing_gives_every_code_and_asking_for_some_gives_those",
        messages=(_sql.CommandGetSqlInfo,),
    ),
    Feature(
        "Type info",
        f"{_SQL_INFO}::test_types_are_sorted_and_named_once",
        messages=(_sql.CommandGetXdbcTypeInfo,),
    ),
    Feature(
        "Statements",
        f"{_ADBC}::test_execute_without_preparing",
        messages=(_sql.CommandStatementQuery, _sql.TicketStatementQuery),
    ),
    Feature(
        "The schema of a statement without running it",
        f"{_COMMANDS}::test_get_schema_agrees_with_get_flight_info_and_the_stream",
        messages=(_sql.CommandStatementQuery,),
    ),
    Feature(
        "Substrait plans",
        why_not="A plan would have to pass the gate as SQL does; there is none for plans.",
        messages=(_sql.CommandStatementSubstraitPlan,),
    ),
    Feature(
        "Prepared statements",
        f"{_ADBC}::test_execute_prepares",
        messages=(
            _sql.ActionCreatePreparedStatementRequest,
            _sql.ActionClosePreparedStatementRequest,
            _sql.CommandPreparedStatementQuery,
        ),
    ),
    Feature(
        "Typed parameters, also several rows of them",
        f"{_ROWS}::test_results_come_in_the_order_of_the_rows",
        messages=(_sql.CommandPreparedStatementQuery,),
    ),
    Feature(
        "A new handle for bound parameters",
        f"{_ROWS}::test_the_handle_is_replaced_and_the_old_one_keeps_its_own_values",
        messages=(_sql.CommandPreparedStatementQuery,),
    ),
    Feature(
        "Prepared updates", why_not=_READ_ONLY, messages=(_sql.CommandPreparedStatementUpdate,)
    ),
    Feature("Updates", why_not=_READ_ONLY, messages=(_sql.CommandStatementUpdate,)),
    Feature("Bulk loading", why_not=_READ_ONLY, messages=(_sql.CommandStatementIngest,)),
    Feature(
        "Transactions",
        why_not="Every statement reads pinned snapshots; there is nothing to commit.",
        messages=(_sql.ActionBeginTransactionRequest, _sql.ActionEndTransactionRequest),
    ),
    Feature(
        "Savepoints",
        why_not="There are no transactions.",
        messages=(_sql.ActionBeginSavepointRequest, _sql.ActionEndSavepointRequest),
    ),
    Feature(
        "CancelQuery",
        f"{_COMMANDS}::test_cancel_query_ends_a_running_statement",
        messages=(_sql.ActionCancelQueryRequest,),
    ),
    Feature(
        "CancelFlightInfo",
        f"{_COMMANDS}::test_cancel_flight_info_ends_a_running_statement",
        messages=(_flight.CancelFlightInfoRequest,),
    ),
    Feature(
        "RenewFlightEndpoint",
        f"{_COMMANDS}::test_an_endpoint_is_renewed",
        messages=(_flight.RenewFlightEndpointRequest,),
    ),
    Feature(
        "Session options, set and read",
        f"{_SESSIONS}::test_session_options",
        messages=(_flight.SetSessionOptionsRequest, _flight.GetSessionOptionsRequest),
    ),
    Feature(
        "CloseSession",
        f"{_SESSIONS}::test_closing_a_connection_closes_its_session",
        messages=(_flight.CloseSessionRequest,),
    ),
    Feature("PollFlightInfo", f"{_ADBC}::test_incremental_execution"),
    Feature("Several endpoints, where a client asks for them", f"{_ADBC}::test_partitions"),
    Feature(
        "Locations of other nodes, where they are configured",
        "end_to_end/test_results.py::test_parts_name_the_replicas_that_serve_them",
    ),
    Feature("Expiry of endpoints", f"{_COMMANDS}::test_endpoints_tell_when_they_expire"),
    Feature("Metadata of the application", f"{_COMMANDS}::test_results_tell_what_made_them"),
    Feature("The `ordered` flag", f"{_COMMANDS}::test_parts_are_flagged_as_ordered"),
    Feature("`is_update` of prepared statements", f"{_ADBC}::test_execute_prepares"),
    Feature(
        "Keep-alive within a stream",
        why_not="gRPC's own pings keep connections open.",
    ),
)


_NOTES = """\
## Keys

A primary key is a table's Iceberg identifier. Foreign keys are declared in the table property
`flight.foreign_keys`, a JSON list of `{"columns": [...], "table": "schema.table", "references":
[...]}` within the same catalog. Nothing enforces either. A key is told to those who see all of its
columns unmasked, on both sides; a malformed declaration is logged and ignored.

## Several rows of parameters

A binding may have up to `limits.parameter_rows` rows: the statement runs once for each, and the
results come in that order as one. A NULL takes the type that other rows give its column; a row
whose result still has another type, and cannot be cast without loss, is refused. What is too large
for a handle is kept under `spool.directory`, which replicas have to share. Sent as an update (as
`executemany` of Python's DB-API does, which would drop the results) it is refused.
"""


def render() -> str:
    """The page."""
    lines = [
        "# The protocol",
        "",
        "Arrow Flight and Flight SQL over gRPC, with gRPC's health service (without credentials)",
        "and server reflection (with them, `grpc.reflection.v1` and `v1alpha`). What is refused is",
        "refused before any work, as UNIMPLEMENTED with the reason given here.",
        "",
        "## Methods of Flight",
        "",
        "| method | |",
        "|---|---|",
    ]
    for method in flight_pb2.DESCRIPTOR.services_by_name["FlightService"].methods:
        reason = routes.REFUSED_METHODS.get(method.name)
        lines.append(f"| {method.name} | {_served('yes', reason)} |")
    lines += [
        "",
        "## Commands and actions of Flight SQL, and actions of Flight",
        "",
        "| message | through | |",
        "|---|---|---|",
    ]
    lines += [f"| {name} | {through} | {told} |" for name, through, told in _messages()]
    lines += ["", _NOTES.rstrip()]
    have = sum(1 for feature in FEATURES if feature.shown_by)
    lines += [
        "",
        "## What servers differ in",
        "",
        f"Of {len(FEATURES)} parts of the protocol this server has {have}.",
        "",
        "| part | | shown by, or why not |",
        "|---|---|---|",
    ]
    for feature in FEATURES:
        shown = f"`tests/{feature.shown_by}`" if feature.shown_by else feature.why_not
        lines.append(f"| {feature.name} | {'yes' if feature.shown_by else 'no'} | {shown} |")
    return "\n".join(lines) + "\n"


def _served(yes: str, reason: str | None) -> str:
    return yes if reason is None else f"no: {reason}"


def _messages() -> Iterator[tuple[str, str, str]]:
    """Every request with the method it comes by and whether it is served."""
    polled = {message: None for message in routes.POLLS if message not in routes.QUERIES}
    tables = (
        (routes.QUERIES, "GetFlightInfo, PollFlightInfo, GetSchema"),
        (polled, "PollFlightInfo"),
        (routes.TICKETS, "DoGet"),
        (routes.UPDATES, "DoPut"),
        (routes.ACTIONS, "DoAction"),
    )
    through: dict[str, list[str]] = {}
    for table, method in tables:
        for message in table:
            through.setdefault(message.DESCRIPTOR.name, []).append(method)
    refused = {message.DESCRIPTOR.name: reason for message, reason in routes.REFUSED.items()}
    for name in sorted({*through, *refused}):
        yield name, ", ".join(through.get(name, [])), _served("yes", refused.get(name))
