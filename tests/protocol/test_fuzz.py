"""Damaged messages against a real server process: clean answers, bounded memory, still serving.

The seed is fixed here; `make fuzz` takes one from the clock, prints it and goes on for longer.
`FLIGHT_SERVER_FUZZ` is for how many seconds, `FLIGHT_SERVER_FUZZ_SEED` the seed.
"""

from __future__ import annotations

import os
import random
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import grpc
import psutil
import pyarrow as pa
import pytest
from google.protobuf.message import Message

from flight_server.protocol.health import HEALTH
from flight_server.protocol.messages import SQL_MESSAGES, pack
from flight_server.protocol.reflection import METHODS as REFLECTION
from flight_server.protocol.routes import action_name
from flight_server.protocol.rpc import SERVICE
from flight_server.protocol.wire import flight_pb2 as flight
from flight_server.protocol.wire import flight_sql_pb2 as sql
from flight_server.protocol.wire.frames import frame
from flight_server.protocol.wire.reflection_pb2 import ServerReflectionRequest
from tests.servers import Server, serving
from tests.waiting import eventually

SECONDS = float(os.environ.get("FLIGHT_SERVER_FUZZ", "8"))
SEED = int(os.environ.get("FLIGHT_SERVER_FUZZ_SEED", "20260131"))
MIB = 1024 * 1024
GROWTH = 64 * MIB
CLEAN = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.NOT_FOUND,
}
PLAIN: tuple[type[Message], ...] = (
    flight.CancelFlightInfoRequest,
    flight.RenewFlightEndpointRequest,
    flight.SetSessionOptionsRequest,
    flight.GetSessionOptionsRequest,
    flight.CloseSessionRequest,
)
QUERY = "SELECT currency FROM invest.market.currencies WHERE currency = ?"


class Target:
    """A server process, a way to send it bytes, and what it must not do with them."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.process = psutil.Process(server.process.pid)
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self.channel = grpc.insecure_channel(f"127.0.0.1:{server.port}", options)
        key = server.credentials["service"]["api_key"]
        self.headers = [("authorization", f"Bearer {key}")]
        self.answers: Counter[str] = Counter()

    def send(
        self, method: str, messages: Iterable[bytes], *, known: bool = True, **more: Any
    ) -> grpc.StatusCode:
        """The status of a call, which must be clean, with a text that tells nothing of ours."""
        path = method if method.startswith("/") else SERVICE + method
        headers = self.headers if known else []
        sent = [*messages]
        call = self.channel.stream_stream(path)(iter(sent), metadata=headers, timeout=30, **more)
        try:
            for _ in call:
                pass
        except grpc.RpcError:
            shown = (method, [data[:200] for data in sent], call.code(), call.details())
            assert call.code() in CLEAN, shown
            text = call.details()
            assert not any(word in text for word in (".py", "Traceback", "/work", "0x")), shown
            assert len(text.encode()) <= 2_048
        status = call.code()
        self.answers[status.name] += 1
        return status

    def resident(self) -> int:
        return int(self.process.memory_info().rss)

    def serves(self) -> None:
        body = pack(sql.CommandStatementQuery(query="SELECT 1"))
        assert self.send("GetFlightInfo", [wrap("GetFlightInfo", body)]) is grpc.StatusCode.OK


@pytest.fixture(scope="module")
def target(demo_directory: Path) -> Iterator[Target]:
    with serving(demo_directory, "--set", "log.level=error") as server:
        made = Target(server)
        for _ in range(50):  # threads and caches that would be taken for growth
            made.serves()
        yield made
        made.channel.close()


@pytest.fixture(autouse=True)
def bounded(target: Target) -> Iterator[None]:
    """Every test here leaves a server that serves and has not grown."""
    before = target.resident()
    yield
    target.serves()
    assert eventually(lambda: target.resident() - before < GROWTH)


def wrap(method: str, body: bytes, action: str = "CreatePreparedStatement") -> bytes:
    """A message for a method that carries a body where that method looks for it."""
    described = flight.FlightDescriptor(type=flight.FlightDescriptor.CMD, cmd=body)
    carried: dict[str, Message] = {
        "DoGet": flight.Ticket(ticket=body),
        "DoPut": flight.FlightData(flight_descriptor=described),
        "DoAction": flight.Action(type=action, body=body),
    }
    return carried.get(method, described).SerializeToString()


def filled(kind: type[Any]) -> Any:
    """A message with something in every field, nested ones included."""
    message = kind()
    for field in message.DESCRIPTOR.fields:
        if field.message_type is not None:
            if field.message_type.GetOptions().map_entry:
                continue
            inner = getattr(message, field.name)
            if field.is_repeated:
                inner.add().SetInParent()
            else:
                inner.SetInParent()
            continue
        texts = {field.TYPE_STRING: "market", field.TYPE_BYTES: b"\1\2\3"}
        value: Any = texts.get(field.type, 1)
        if field.is_repeated:
            getattr(message, field.name).append(value)
        elif field.containing_oneof is None or field.has_presence:
            setattr(message, field.name, value)
    return message


def methods_of(kind: type[Message]) -> tuple[str, ...]:
    """The methods that a message is meant for."""
    name = kind.DESCRIPTOR.name
    if name.startswith("Ticket"):
        return ("DoGet",)
    if name.startswith("Command"):
        return ("GetFlightInfo", "DoPut")
    return ("DoAction",)


def calls() -> Iterator[tuple[str, bytes, str]]:
    """Every message that can be sent: the method, the body, the action's name."""
    for kind in (*SQL_MESSAGES.values(), *PLAIN):
        message = filled(kind)
        body = message.SerializeToString() if kind in PLAIN else pack(message)
        for method in methods_of(kind):
            yield method, body, action_name(kind)


CALLS = tuple(calls())


@pytest.mark.parametrize(("method", "body", "action"), CALLS, ids=[f"{m}-{a}" for m, _, a in CALLS])
def test_a_message_cut_at_any_byte_is_answered_cleanly(
    target: Target, method: str, body: bytes, action: str
) -> None:
    whole = wrap(method, body, action)
    step = 1 if SECONDS > 60 else 3
    for length in range(0, len(whole), step):
        target.send(method, [whole[:length]])
    for length in range(len(body)):
        target.send(method, [wrap(method, body[:length], action)])


def test_fields_of_other_types_are_answered_cleanly(target: Target) -> None:
    """Every field number up to 6 in every wire type, in every message."""
    values = {0: b"\x05", 1: bytes(8), 2: b"\x03abc", 3: b"", 4: b"", 5: bytes(4)}
    for kind in (*SQL_MESSAGES.values(), *PLAIN):
        for number in range(1, 7):
            for wire, value in values.items():
                content = bytes([number << 3 | wire]) + value
                body = content
                if kind not in PLAIN:
                    url = b"type.googleapis.com/" + kind.DESCRIPTOR.full_name.encode()
                    body = b"\x0a" + bytes([len(url)]) + url + b"\x12" + bytes([len(content)])
                    body += content
                (method, *_) = methods_of(kind)
                target.send(method, [wrap(method, body, action_name(kind))])


def test_unknown_fields_change_nothing(target: Target) -> None:
    unknown = b"\xba\x3e\x03abc" + b"\xa0\x06\x01"  # numbers that nothing uses
    for method, body, action in CALLS:
        plain = target.send(method, [wrap(method, body, action)])
        assert target.send(method, [wrap(method, body, action) + unknown]) is plain
        assert target.send(method, [wrap(method, body + unknown, action)]) is plain


def prepared(target: Target) -> bytes:
    request = pack(sql.ActionCreatePreparedStatementRequest(query=QUERY))
    call = target.channel.stream_stream(SERVICE + "DoAction")(
        iter([wrap("DoAction", request)]), metadata=target.headers, timeout=30
    )
    (answer,) = call
    wrapped = flight.Result.FromString(answer).body
    from_any = wrapped[wrapped.index(b"Result") + len(b"Result") :]
    length, shift, at = 0, 0, 1
    while True:
        byte = from_any[at]
        length |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            break
    created = sql.ActionCreatePreparedStatementResult.FromString(from_any[at : at + length])
    return created.prepared_statement_handle


def upload(handle: bytes, batch: pa.RecordBatch) -> list[bytes]:
    """The messages of a binding: the command with the schema, then the rows."""
    described = flight.FlightDescriptor(
        type=flight.FlightDescriptor.CMD,
        cmd=pack(sql.CommandPreparedStatementQuery(prepared_statement_handle=handle)),
    )
    first = flight.FlightData.FromString(frame(batch.schema.serialize()))
    first.flight_descriptor.CopyFrom(described)
    return [first.SerializeToString(), frame(batch.serialize())]


BATCHES = {
    "text": pa.record_batch({"a": ["USD", None]}),
    "nested": pa.record_batch({"a": pa.array([[{"b": 1}], None])}),
    "view": pa.record_batch({"a": pa.array(["a text that is not inlined"], pa.string_view())}),
    "decimal": pa.record_batch({"a": pa.array([1], pa.decimal128(9, 2))}),
}


@pytest.mark.parametrize("name", BATCHES)
def test_a_damaged_upload_is_answered_cleanly(target: Target, name: str) -> None:
    chance = random.Random(f"{SEED} {name}")
    first, rows = upload(prepared(target), BATCHES[name])
    target.send("DoPut", [first, rows])
    for length in range(0, len(rows), 3):
        target.send("DoPut", [first, rows[:length]])
    for _ in range(150):
        which = chance.randrange(2)
        damaged = [bytearray(first), bytearray(rows)]
        for _ in range(chance.randrange(1, 5)):
            damaged[which][chance.randrange(len(damaged[which]))] = chance.randrange(256)
        target.send("DoPut", [bytes(part) for part in damaged])
    target.send("DoPut", [first, first])
    target.send("DoPut", [first, rows, first, rows])
    target.send("DoPut", [rows])


def test_names_that_are_no_text_are_malformed(target: Target) -> None:
    for batch in (pa.record_batch({"abcd": [1]}), pa.record_batch({"a": [{"abcd": 1}]})):
        first, rows = upload(prepared(target), batch)
        assert b"abcd" in first
        damaged = first.replace(b"abcd", b"ab\xd4\xd4")
        assert target.send("DoPut", [damaged, rows]) is grpc.StatusCode.INVALID_ARGUMENT


def test_an_upload_that_claims_to_be_huge_allocates_nothing(target: Target) -> None:
    first, rows = upload(prepared(target), pa.record_batch({"a": pa.array(range(4))}))
    for count in (2**31 - 1, 2**62, -1):
        # the number of rows is written in several places of the metadata
        forged = rows.replace(struct.pack("<q", 4), struct.pack("<q", count))
        assert forged != rows
        status = target.send("DoPut", [first, forged])
        assert status is not grpc.StatusCode.OK


@pytest.mark.parametrize("known", [False, True])
def test_messages_over_the_limit_are_refused_unread(target: Target, known: bool) -> None:
    huge = b"\0" * (64 * MIB)
    for method in ("GetFlightInfo", "DoPut", "Handshake", HEALTH + "Check", REFLECTION[0]):
        status = target.send(method, [huge], known=known)
        assert status in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAUTHENTICATED)


def test_a_large_message_from_nobody_is_not_decoded(target: Target) -> None:
    body = pack(sql.CommandStatementQuery(query="x" * (15 * MIB)))
    message = wrap("GetFlightInfo", body)
    for _ in range(8):
        status = target.send("GetFlightInfo", [message], known=False)
        assert status is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("how", [grpc.Compression.Gzip, grpc.Compression.Deflate])
@pytest.mark.parametrize("known", [False, True])
def test_compressed_messages_are_refused_before_they_grow(
    target: Target, how: grpc.Compression, known: bool
) -> None:
    bomb = b"\0" * (15 * MIB)  # a few KB on the wire
    threads = [
        threading.Thread(
            target=target.send,
            args=("GetFlightInfo", [bomb]),
            kwargs={"known": known, "compression": how},
        )
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_headers_over_the_limit_are_refused(target: Target) -> None:
    for name in ("x-large", "authorization", "cookie"):
        call = target.channel.stream_stream(SERVICE + "GetFlightInfo")(
            iter([b""]), metadata=[(name, "x" * 40_000)], timeout=10
        )
        with pytest.raises(grpc.RpcError):
            list(call)
        assert call.code() in CLEAN


def mutated(chance: random.Random, data: bytes, other: bytes) -> bytes:
    """The data with one kind of damage."""
    at = chance.randrange(len(data) + 1)
    match chance.randrange(8):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + chance.randbytes(chance.randrange(1, 20)) + data[at:]
        case 2:
            return data[:at] + data[at + chance.randrange(1, 20) :]
        case 3:
            return data[:at] + other[chance.randrange(len(other) + 1) :]
        case 4:
            return data[:at] + b"\xff\xff\xff\xff\x0f" + data[at:]
        case 5:
            return data + data
        case 6:
            return chance.randbytes(chance.randrange(2_000))
        case _:
            damaged = bytearray(data)
            for _ in range(min(len(damaged), chance.randrange(1, 6))):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            return bytes(damaged)


@pytest.mark.timeout(int(SECONDS) + 120)
def test_random_damage_is_answered_cleanly(target: Target) -> None:
    print(f"\nseed {SEED}, {SECONDS:.0f} seconds")
    chance = random.Random(SEED)
    names = ("GetFlightInfo", "GetSchema", "PollFlightInfo", "DoGet", "DoPut", "DoAction")
    first, rows = upload(prepared(target), BATCHES["text"])
    seeds = [(method, wrap(method, body, action)) for method, body, action in CALLS]
    seeds += [(REFLECTION[0], filled(ServerReflectionRequest).SerializeToString())]
    seeds += [(HEALTH + "Check", b"\x0a\x01a"), ("Handshake", b"\x08\x01\x12\x02ab")]
    until = time.monotonic() + SECONDS
    sent = 0
    while time.monotonic() < until:
        sent += 1
        method, whole = chance.choice(seeds)
        _, other = chance.choice(seeds)
        damaged = mutated(chance, whole, other)
        if chance.randrange(4) == 0:
            method = chance.choice(names)
        messages = [damaged]
        if method == "DoPut" and chance.randrange(2):
            messages = [mutated(chance, first, rows), mutated(chance, rows, first)]
        # a damaged action may wait for nothing, but must not be one that ends our session
        target.send(method, messages, known=chance.randrange(10) > 0)
    print(f"{sent} calls: {dict(target.answers)}")
    assert sent > 100
