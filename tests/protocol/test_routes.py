"""The tables that say what is served."""

from __future__ import annotations

from flight_server.protocol import routes
from flight_server.protocol.wire import flight_pb2, flight_sql_pb2

PLAIN = {
    "CancelFlightInfoRequest",
    "RenewFlightEndpointRequest",
    "SetSessionOptionsRequest",
    "GetSessionOptionsRequest",
    "CloseSessionRequest",
}


def test_every_command_and_action_is_served_or_refused_and_never_both() -> None:
    sql = flight_sql_pb2.DESCRIPTOR.message_types_by_name
    asked = {
        name
        for name in sql
        if name.startswith(("Command", "Ticket"))
        or (name.startswith("Action") and name.endswith("Request"))
    }
    asked |= PLAIN
    assert set(flight_pb2.DESCRIPTOR.message_types_by_name) >= PLAIN
    served = {
        message.DESCRIPTOR.name
        for table in (routes.QUERIES, routes.TICKETS, routes.UPDATES, routes.ACTIONS)
        for message in table
    }
    refused = {message.DESCRIPTOR.name for message in routes.REFUSED}
    assert served | refused == asked
    assert not served & refused


def test_actions_are_named_as_the_protocol_names_them() -> None:
    names = {routes.action_name(request) for request in (*routes.ACTIONS, *routes.REFUSED)}
    assert names >= {
        "CreatePreparedStatement",
        "CreatePreparedSubstraitPlan",
        "ClosePreparedStatement",
        "BeginTransaction",
        "BeginSavepoint",
        "EndTransaction",
        "EndSavepoint",
        "CancelQuery",
        "CancelFlightInfo",
        "RenewFlightEndpoint",
        "SetSessionOptions",
        "GetSessionOptions",
        "CloseSession",
    }
