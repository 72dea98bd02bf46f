"""Handshakes and credentials, in every form that clients send them."""

from __future__ import annotations

import base64
import threading
from typing import Any

import grpc
import pyarrow.flight as flight
import pytest

from auth.errors import Unauthenticated
from flight_server.protocol.login import credentials
from flight_server.protocol.rpc import SERVICE
from flight_server.protocol.settings import ServerSettings
from flight_server.protocol.wire import flight_pb2


def _handshake(
    running: Any, metadata: list[tuple[str, str | bytes]], messages: list[bytes]
) -> tuple[Any, list[flight_pb2.HandshakeResponse]]:
    with grpc.insecure_channel(running.target) as channel:
        call = channel.stream_stream(SERVICE + "Handshake")(
            iter(messages), metadata=metadata, timeout=10
        )
        answers = [flight_pb2.HandshakeResponse.FromString(answer) for answer in call]
        return call, answers


def _basic(user: str, password: str, *, padded: bool = True) -> str:
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    return "Basic " + (encoded if padded else encoded.rstrip("="))


def _token(call: Any) -> str:
    initial, trailing = dict(call.initial_metadata()), dict(call.trailing_metadata())
    assert initial["authorization"] == trailing["authorization"]
    assert trailing["x-request-id"]
    scheme, _, token = initial["authorization"].partition(" ")
    assert scheme == "Bearer"
    return str(token)


@pytest.mark.parametrize("padded", [True, False])
def test_basic_credentials_are_exchanged_for_a_token(running: Any, padded: bool) -> None:
    sent = _basic("alice", running.password, padded=padded)
    call, answers = _handshake(running, [("authorization", sent)], [])
    assert running.authenticator.bearer(_token(call)).subject == "alice"
    assert answers == []


def test_a_handshake_with_a_message_is_answered_with_one(running: Any) -> None:
    message = flight_pb2.HandshakeRequest(protocol_version=1).SerializeToString()
    sent = _basic("alice", running.password)
    call, answers = _handshake(running, [("authorization", sent)], [message])
    assert [answer.payload.decode() for answer in answers] == [_token(call)]
    assert answers[0].protocol_version == 1


def test_a_session_token_is_taken_too(running: Any) -> None:
    call, _ = _handshake(running, [("authorization", "Bearer " + running.bearer())], [])
    assert running.authenticator.bearer(_token(call)).subject == "alice"


def test_an_api_key_is_exchanged_for_a_token(running: Any) -> None:
    call, _ = _handshake(running, [("authorization", "bearer " + running.api_key)], [])
    assert _token(call) != running.api_key


def test_the_old_handshake_with_a_payload_works(running: Any) -> None:
    payload = flight_pb2.BasicAuth(username="alice", password=running.password)
    message = flight_pb2.HandshakeRequest(payload=payload.SerializeToString())
    _, (answer,) = _handshake(running, [], [message.SerializeToString()])
    with flight.FlightClient(running.uri) as client:
        headers = [(b"auth-token-bin", answer.payload)]
        assert list(client.list_actions(flight.FlightCallOptions(headers=headers)))


class _OldHandler(flight.ClientAuthHandler):
    def __init__(self, auth: flight.BasicAuth) -> None:
        super().__init__()
        self._auth, self._token = auth, b""

    def authenticate(self, outgoing: Any, incoming: Any) -> None:
        outgoing.write(self._auth.serialize())
        self._token = incoming.read()

    def get_token(self) -> bytes:
        return self._token


def test_pyarrows_old_handshake_works(running: Any) -> None:
    with flight.FlightClient(running.uri) as client:
        client.authenticate(_OldHandler(flight.BasicAuth("alice", running.password)))
        assert list(client.list_actions())


@pytest.mark.parametrize(
    "header",
    [
        _basic("alice", "wrong"),
        _basic("nobody", "wrong"),
        "Basic !!!",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic",
        "Bearer",
        "Bearer nonsense",
        "Digest x",
        "x",
    ],
)
def test_what_is_not_valid_is_refused_with_one_text(running: Any, header: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        _handshake(running, [("authorization", header)], [])
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert caught.value.details() == (
        "UNAUTHENTICATED: The credentials are missing or not valid."
        " Hint: Log in again or renew the token."
    )


@pytest.mark.parametrize("messages", [[], [b""], [b"\x12\x00"]])
def test_a_handshake_without_credentials_is_refused(running: Any, messages: list[bytes]) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        _handshake(running, [], messages)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_handshake_that_sends_nothing_is_ended(serve: Any) -> None:
    with (
        serve(ServerSettings(port=0, handshake_seconds=0.3)) as running,
        grpc.insecure_channel(running.target) as channel,
    ):
        done = threading.Event()
        call = channel.stream_stream(SERVICE + "Handshake")(
            (b"" for _ in range(1) if done.wait(10)), timeout=10
        )
        with pytest.raises(grpc.RpcError) as caught:
            list(call)
        done.set()
        assert caught.value.code() is grpc.StatusCode.CANCELLED


@pytest.mark.parametrize("method", ["GetFlightInfo", "DoGet", "DoPut", "DoAction", "ListActions"])
def test_nothing_is_served_without_credentials(running: Any, method: str) -> None:
    with grpc.insecure_channel(running.target) as channel:
        call = channel.stream_stream(SERVICE + method)(iter([b"\xff"]), timeout=10)
        with pytest.raises(grpc.RpcError) as caught:
            list(call)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_two_different_credentials_are_refused() -> None:
    assert credentials([("authorization", "a b"), ("authorization", "a b")]) == "a b"
    with pytest.raises(Unauthenticated):
        credentials([("authorization", "a b"), ("authorization", "a c")])
    with pytest.raises(Unauthenticated):
        credentials([("authorization", "Bearer a"), ("auth-token-bin", b"b")])
    assert credentials([("x", "y")]) is None


def test_only_a_handshake_sends_an_authorization_header(running: Any) -> None:
    with grpc.insecure_channel(running.target) as channel:
        call = channel.unary_stream(SERVICE + "ListActions")(
            b"", metadata=[("authorization", "Bearer " + running.bearer())], timeout=10
        )
        assert list(call)
        sent = [key for key, _ in (*call.initial_metadata(), *call.trailing_metadata())]
    assert "authorization" not in sent


@pytest.mark.parametrize(
    ("given", "kept"), [("job-17:a.b", True), ("", False), ("x" * 65, False), ("a b", False)]
)
def test_a_request_id_is_kept_where_it_is_well_formed(running: Any, given: str, kept: bool) -> None:
    metadata = [("authorization", "Bearer " + running.bearer()), ("x-request-id", given)]
    with grpc.insecure_channel(running.target) as channel:
        call = channel.unary_stream(SERVICE + "ListActions")(b"", metadata=metadata, timeout=10)
        assert list(call)
        told = dict(call.trailing_metadata())["x-request-id"]
    assert (told == given) is kept
    assert kept or len(told) == 32
