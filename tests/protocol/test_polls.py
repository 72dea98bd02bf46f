"""PollFlightInfo for what is not done at once: what to ask again with, and what ends it."""

from __future__ import annotations

import json
import time
from typing import Any

import grpc
import pyarrow as pa
import pytest

from flight_server.protocol.messages import pack
from flight_server.protocol.wire import flight_pb2
from flight_server.protocol.wire.flight_sql_pb2 import (
    CommandGetTableTypes,
    CommandPreparedStatementQuery,
    CommandStatementQuery,
    TicketStatementQuery,
)
from flight_server.query.handles import HandleKind
from tests.protocol.conftest import Running

_SERVICE = "/arrow.flight.protocol.FlightService/"


def _descriptor(message: Any) -> flight_pb2.FlightDescriptor:
    return flight_pb2.FlightDescriptor(type=flight_pb2.FlightDescriptor.CMD, cmd=pack(message))


def _poll(
    running: Running, descriptor: flight_pb2.FlightDescriptor, key: str | None = None
) -> flight_pb2.PollInfo:
    metadata = [("authorization", f"Bearer {key or running.api_key}")]
    with grpc.insecure_channel(running.target) as channel:
        call = channel.unary_unary(_SERVICE + "PollFlightInfo")
        answer = call(descriptor.SerializeToString(), metadata=metadata, timeout=20)
    return flight_pb2.PollInfo.FromString(answer)


def _cancel(running: Running, info: flight_pb2.FlightInfo) -> int:
    body = flight_pb2.CancelFlightInfoRequest(info=info).SerializeToString()
    action = flight_pb2.Action(type="CancelFlightInfo", body=body)
    metadata = [("authorization", f"Bearer {running.api_key}")]
    with grpc.insecure_channel(running.target) as channel:
        call = channel.unary_stream(_SERVICE + "DoAction")
        (answer,) = call(action.SerializeToString(), metadata=metadata, timeout=20)
    result = flight_pb2.Result.FromString(answer).body
    return int(flight_pb2.CancelFlightInfoResult.FromString(result).status)


def test_what_is_not_done_has_a_descriptor_to_ask_again_with(running: Running) -> None:
    running.service.states = ["queued", "running"]
    polled = _poll(running, _descriptor(CommandStatementQuery(query="SELECT 1 AS a")))
    states = []
    while polled.HasField("flight_descriptor"):
        assert not polled.HasField("progress")
        assert not polled.info.endpoint
        assert polled.info.flight_descriptor == polled.flight_descriptor
        assert pa.ipc.read_schema(pa.py_buffer(polled.info.schema)).names == ["a"]
        assert 0 < polled.expiration_time.seconds - time.time() <= 30
        states.append(json.loads(polled.info.app_metadata)["state"])
        polled = _poll(running, polled.flight_descriptor)
    assert states == ["queued", "running"]
    assert polled.progress == 1.0
    assert len(polled.info.endpoint) == 1


def test_a_prepared_statement_is_polled_alike(running: Running) -> None:
    planned = running.service._plan("SELECT 1 AS a", None)
    caller = _Alice()
    handle = running.service.seal(caller, planned, HandleKind.PREPARED)  # type: ignore[arg-type]
    command = CommandPreparedStatementQuery(prepared_statement_handle=handle)
    running.service.states = ["running"]
    polled = _poll(running, _descriptor(command))
    assert polled.HasField("flight_descriptor")
    assert not _poll(running, polled.flight_descriptor).HasField("flight_descriptor")


class _Alice:
    class principal:
        subject = "alice"


def test_metadata_is_done_at_the_first_poll(running: Running) -> None:
    running.service.states = ["running"]
    polled = _poll(running, _descriptor(CommandGetTableTypes()))
    assert polled.progress == 1.0
    assert not polled.HasField("flight_descriptor")


def test_what_is_not_done_is_cancelled_by_its_answer(running: Running) -> None:
    running.service.states = ["running"]
    polled = _poll(running, _descriptor(CommandStatementQuery(query="SELECT 1")))
    assert _cancel(running, polled.info) == flight_pb2.CANCEL_STATUS_CANCELLED


@pytest.mark.parametrize(
    "cmd", [b"", pack(CommandStatementQuery(query="SELECT 1"))], ids=["nothing", "statement"]
)
def test_an_answer_that_names_no_query_cancels_nothing(running: Running, cmd: bytes) -> None:
    descriptor = flight_pb2.FlightDescriptor(type=flight_pb2.FlightDescriptor.CMD, cmd=cmd)
    with pytest.raises(grpc.RpcError) as error:
        _cancel(running, flight_pb2.FlightInfo(flight_descriptor=descriptor))
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_a_forged_descriptor_is_refused(running: Running) -> None:
    descriptor = _descriptor(TicketStatementQuery(statement_handle=b"x" * 80))
    with pytest.raises(grpc.RpcError) as error:
        _poll(running, descriptor)
    assert "INVALID_HANDLE" in str(error.value.details())


def test_only_polls_take_what_is_polled_again(running: Running) -> None:
    running.service.states = ["running"]
    polled = _poll(running, _descriptor(CommandStatementQuery(query="SELECT 1")))
    metadata = [("authorization", f"Bearer {running.api_key}")]
    with grpc.insecure_channel(running.target) as channel:
        call = channel.unary_unary(_SERVICE + "GetFlightInfo")
        with pytest.raises(grpc.RpcError) as error:
            call(polled.flight_descriptor.SerializeToString(), metadata=metadata, timeout=20)
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
