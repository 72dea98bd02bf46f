"""Bytes that no client would send: clean answers, and a server that goes on serving."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from flight_server.protocol.messages import SQL_MESSAGES, pack
from flight_server.protocol.rpc import SERVICE
from flight_server.protocol.wire import flight_pb2
from flight_server.protocol.wire import flight_sql_pb2 as sql

CLEAN = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.UNAUTHENTICATED,  # a handle that is not ours
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.NOT_FOUND,
}
METHODS = ["GetFlightInfo", "GetSchema", "DoGet", "DoPut", "DoAction", "PollFlightInfo"]
Send = Callable[[str, list[bytes]], grpc.StatusCode]


@pytest.fixture
def send(running: Any) -> Any:
    """Sends messages to a method and gives the status, which must be clean."""
    channel = grpc.insecure_channel(running.target)
    headers = [("authorization", "Bearer " + running.bearer())]

    def send(method: str, messages: list[bytes]) -> grpc.StatusCode:
        call = channel.stream_stream(SERVICE + method)(iter(messages), metadata=headers, timeout=10)
        try:
            list(call)
        except grpc.RpcError:
            assert call.code() in CLEAN, (method, messages, call.code(), call.details())
            assert ".py" not in call.details()
            assert "Traceback" not in call.details()
        return call.code()

    yield send
    statement = _wrap("GetFlightInfo", pack(sql.CommandStatementQuery(query="SELECT 1")))
    assert send("GetFlightInfo", [statement]) is grpc.StatusCode.OK
    channel.close()


def _wrap(method: str, body: bytes, action: str = "CreatePreparedStatement") -> bytes:
    descriptor = flight_pb2.FlightDescriptor(type=flight_pb2.FlightDescriptor.CMD, cmd=body)
    return {
        "DoGet": flight_pb2.Ticket(ticket=body),
        "DoPut": flight_pb2.FlightData(flight_descriptor=descriptor),
        "DoAction": flight_pb2.Action(type=action, body=body),
    }.get(method, descriptor).SerializeToString()


def _filled(kind: type[Any]) -> Any:
    """A message with something in every field."""
    message = kind()
    for field in message.DESCRIPTOR.fields:
        if field.message_type is None:
            value: Any = {field.TYPE_STRING: "a%", field.TYPE_BYTES: b"\1\2"}.get(field.type, 1)
            if field.is_repeated:
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)
    return message


@pytest.mark.parametrize("name", sorted(SQL_MESSAGES))
def test_every_message_gets_a_clean_answer_from_every_method(send: Send, name: str) -> None:
    body = pack(_filled(SQL_MESSAGES[name]))
    for method in METHODS:
        send(method, [_wrap(method, body)])
        send(method, [_wrap(method, body, name.removeprefix("Action").removesuffix("Request"))])


@pytest.mark.parametrize("name", sorted(name for name in SQL_MESSAGES if "Command" in name))
def test_truncated_and_damaged_commands_are_refused_cleanly(send: Send, name: str) -> None:
    chance = random.Random(name)
    body = pack(_filled(SQL_MESSAGES[name]))
    for _ in range(12):
        cut = body[: chance.randrange(len(body))]
        damaged = bytearray(body)
        for _ in range(chance.randrange(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        for method in ("GetFlightInfo", "DoPut"):
            send(method, [_wrap(method, cut)])
            send(method, [_wrap(method, bytes(damaged))])


def test_random_bytes_are_refused_cleanly(send: Send) -> None:
    chance = random.Random(7)
    for method in METHODS:
        for length in (0, 1, 2, 10, 300, 5_000):
            noise = chance.randbytes(length)
            assert send(method, [noise]) is not grpc.StatusCode.OK
            assert send(method, [_wrap(method, noise)]) is not grpc.StatusCode.OK


def test_calls_without_a_message_are_refused(send: Send) -> None:
    for method in ("GetFlightInfo", "GetSchema", "DoGet", "DoPut", "DoAction"):
        assert send(method, []) is grpc.StatusCode.INVALID_ARGUMENT


def test_deeply_nested_messages_are_refused(send: Send) -> None:
    body = b""
    for _ in range(5_000):
        body = b"\x0b" + body + b"\x0c"  # groups within groups, of field 1
    for method in ("GetFlightInfo", "DoPut", "DoAction"):
        assert send(method, [_wrap(method, body)]) is not grpc.StatusCode.OK
        assert send(method, [body]) is not grpc.StatusCode.OK


def test_a_command_over_the_limit_is_too_large(send: Send) -> None:
    body = pack(sql.CommandStatementQuery(query="SELECT " + "1" * 1_100_000))
    message = _wrap("GetFlightInfo", body)
    assert send("GetFlightInfo", [message]) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert send("DoAction", [_wrap("DoAction", body)]) is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_metadata_command_with_huge_filters_is_too_large(send: Send) -> None:
    body = pack(sql.CommandGetTables(table_types=["x" * 100] * 1_000))
    assert send("GetFlightInfo", [_wrap("GetFlightInfo", body)]) is (
        grpc.StatusCode.RESOURCE_EXHAUSTED
    )


def test_an_action_with_the_body_of_another_is_malformed(send: Send) -> None:
    body = pack(sql.ActionClosePreparedStatementRequest())
    assert send("DoAction", [_wrap("DoAction", body)]) is grpc.StatusCode.INVALID_ARGUMENT


def test_a_path_pattern_that_explodes_stays_quick(send: Send) -> None:
    body = pack(sql.CommandGetTables(table_name_filter_pattern="%a" * 200 + "b"))
    assert send("GetFlightInfo", [_wrap("GetFlightInfo", body)]) is grpc.StatusCode.OK
