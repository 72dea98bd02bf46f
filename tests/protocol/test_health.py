"""The health service and reflection, as a bare gRPC client meets them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

from flight_server.protocol.health import HEALTH
from flight_server.protocol.reflection import METHODS
from flight_server.protocol.wire.health_pb2 import HealthCheckRequest, HealthCheckResponse
from flight_server.protocol.wire.reflection_pb2 import (
    ServerReflectionRequest,
    ServerReflectionResponse,
)
from tests.waiting import eventually, within

SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING


@pytest.fixture
def channel(running: Any) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(running.target) as opened:
        yield opened


def check(channel: grpc.Channel, service: str = "") -> int:
    answer = channel.unary_unary(HEALTH + "Check")(
        HealthCheckRequest(service=service).SerializeToString(), timeout=10
    )
    return HealthCheckResponse.FromString(answer).status


def watch(channel: grpc.Channel, service: str = "") -> Any:
    return channel.unary_stream(HEALTH + "Watch")(
        HealthCheckRequest(service=service).SerializeToString(), timeout=30
    )


@pytest.mark.parametrize("service", ["", "arrow.flight.protocol.FlightService"])
def test_health_is_told_without_credentials(channel: grpc.Channel, service: str) -> None:
    assert check(channel, service) == SERVING


def test_a_service_that_is_not_here_is_not_found(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        check(channel, "other")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    first = HealthCheckResponse.FromString(next(watch(channel, "other")))
    assert first.status == HealthCheckResponse.SERVICE_UNKNOWN


def test_a_question_that_is_no_message_is_refused(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(HEALTH + "Check")(b"\xff\xff", timeout=10)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_another_method_of_the_service_is_unknown(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(HEALTH + "List")(b"", timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_server_that_stops_says_so_first(serve: Any) -> None:
    with serve() as running, grpc.insecure_channel(running.target) as channel:
        told = watch(channel)
        assert HealthCheckResponse.FromString(next(told)).status == SERVING
        drained = threading.Thread(target=running.server.drain, args=(20,))
        drained.start()
        assert HealthCheckResponse.FromString(next(told)).status == NOT_SERVING
        assert check(channel) == NOT_SERVING
        with running.adbc() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")  # calls are still taken
            assert cursor.fetchone() == (1,)
        with within(5):
            running.server.stop(10)
            drained.join(5)
            assert not list(told)


def test_those_who_watch_are_limited_and_leave_their_place(serve: Any) -> None:
    with serve() as running, grpc.insecure_channel(running.target) as channel:
        watch_as_many_as_may(channel)


def watch_as_many_as_may(channel: grpc.Channel) -> None:
    watched = [watch(channel) for _ in range(16)]
    for one in watched:
        next(one)
    with pytest.raises(grpc.RpcError) as caught:
        next(watch(channel))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert check(channel) == SERVING
    for one in watched:
        one.cancel()

    def watches() -> bool:
        with contextlib.suppress(grpc.RpcError):
            next(watch(channel))
            return True
        return False

    assert eventually(watches, 10)  # the server learns of it a moment later


# --- reflection ---


def ask(running: Any, channel: grpc.Channel, method: str, **question: str) -> Any:
    call = channel.stream_stream(method)(
        iter([ServerReflectionRequest(**question).SerializeToString()]),
        metadata=[("authorization", "Bearer " + running.bearer())],
        timeout=10,
    )
    (answer,) = call
    return ServerReflectionResponse.FromString(answer)


@pytest.mark.parametrize("method", METHODS)
def test_a_tool_can_learn_the_service_with_all_its_messages(
    running: Any, channel: grpc.Channel, method: str
) -> None:
    listed = ask(running, channel, method, list_services="*").list_services_response.service
    assert [service.name for service in listed] == ["arrow.flight.protocol.FlightService"]
    pool = descriptor_pool.DescriptorPool()
    answer = ask(running, channel, method, file_containing_symbol=listed[0].name)
    for file in reversed(answer.file_descriptor_response.file_descriptor_proto):
        pool.Add(descriptor_pb2.FileDescriptorProto.FromString(file))
    service = pool.FindServiceByName(listed[0].name)
    assert len(service.methods) == 10
    assert service.FindMethodByName("DoGet").input_type.name == "Ticket"


def test_messages_of_flight_sql_are_found_by_name(running: Any, channel: grpc.Channel) -> None:
    name = "arrow.flight.protocol.sql.CommandStatementQuery"
    answer = ask(running, channel, METHODS[0], file_containing_symbol=name)
    assert len(answer.file_descriptor_response.file_descriptor_proto) == 1
    by_file = ask(
        running,
        channel,
        METHODS[0],
        file_by_filename="flight_server/protocol/wire/flight_sql.proto",
    )
    assert by_file.file_descriptor_response == answer.file_descriptor_response
    numbers = ask(running, channel, METHODS[0], all_extension_numbers_of_type=name)
    assert numbers.all_extension_numbers_response.base_type_name == name


@pytest.mark.parametrize(
    "question",
    [
        {"file_containing_symbol": "flight_server.wire.Status"},
        {"file_containing_symbol": "none"},
        {"file_containing_symbol": ""},
        {"file_by_filename": "/etc/passwd"},
        {"all_extension_numbers_of_type": "none"},
        {},
    ],
    ids=str,
)
def test_what_is_not_known_is_told(
    running: Any, channel: grpc.Channel, question: dict[str, str]
) -> None:
    answer = ask(running, channel, METHODS[0], **question)
    assert answer.error_response.error_code == (5 if question else 3)


def test_reflection_wants_credentials(channel: grpc.Channel) -> None:
    request = ServerReflectionRequest(list_services="*").SerializeToString()
    with pytest.raises(grpc.RpcError) as caught:
        list(channel.stream_stream(METHODS[0])(iter([request]), timeout=10))
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
