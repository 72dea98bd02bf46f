"""What every client takes: sizes, schemas, endpoints and texts that no known driver fails on."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pyarrow as pa
import pyarrow.flight as flight
import pytest

from flight_server.protocol.messages import pack
from flight_server.protocol.rpc import SERVICE
from flight_server.protocol.wire import flight_pb2
from flight_server.protocol.wire import flight_sql_pb2 as sql
from flight_server.protocol.wire.uploads import is_compressed
from tests.flight_sql import client
from tests.servers import Server

MOST = 4 * 1024 * 1024
RESULTS = {
    "numbers": "SELECT range AS a, range * 2 AS b FROM range(2_000_000)",
    "texts": "SELECT repeat('x', 10_000) AS a FROM range(2_000)",
    "uneven texts": "SELECT repeat('x', CASE WHEN range % 100 = 0 THEN 500_000 ELSE 3 END) AS a "
    "FROM range(2_000)",
    "lists": "SELECT list_value(range, range + 1) AS a, {'b': range::VARCHAR} AS s "
    "FROM range(500_000)",
    "wide": "SELECT "
    + ", ".join(f"range + {n} AS c{n}" for n in range(500))
    + " FROM range(5_000)",
    "table": "SELECT * FROM invest.market.prices",
    "nothing": "SELECT 1 AS a WHERE false",
    "decimals": "SELECT range::DECIMAL(38, 4) AS a, DATE '2024-01-01' + range::INT AS d "
    "FROM range(300_000)",
}


@pytest.fixture
def headers(server: Server) -> list[tuple[str, str]]:
    key = server.credentials["service"]["api_key"]
    return [("authorization", f"Bearer {key}")]


@pytest.fixture
def channel(server: Server) -> Iterator[grpc.Channel]:
    """A channel that refuses larger messages, as Rust's and Grafana's do."""
    options = [("grpc.max_receive_message_length", MOST)]
    with grpc.insecure_channel(f"127.0.0.1:{server.port}", options) as opened:
        yield opened


def frames(
    channel: grpc.Channel, headers: list[tuple[str, str]], message: object
) -> tuple[flight_pb2.FlightInfo, list[flight_pb2.FlightData]]:
    described = flight_pb2.FlightDescriptor(
        type=flight_pb2.FlightDescriptor.CMD,
        cmd=pack(message),
    )
    answer = channel.unary_unary(SERVICE + "GetFlightInfo")(
        described.SerializeToString(), metadata=headers, timeout=60
    )
    info = flight_pb2.FlightInfo.FromString(answer)
    (endpoint,) = info.endpoint
    stream = channel.unary_stream(SERVICE + "DoGet")(
        endpoint.ticket.SerializeToString(), metadata=headers, timeout=60
    )
    return info, [flight_pb2.FlightData.FromString(data) for data in stream]


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_is_one_endpoint_of_small_plain_frames_with_the_promised_schema(
    channel: grpc.Channel, headers: list[tuple[str, str]], name: str
) -> None:
    info, data = frames(channel, headers, sql.CommandStatementQuery(query=RESULTS[name]))
    assert not info.endpoint[0].location
    assert (info.total_records, info.total_bytes) == (-1, -1)
    promised = pa.ipc.read_schema(pa.py_buffer(info.schema))
    first = data[0].data_header
    length = len(first) + -len(first) % 8
    encapsulated = b"\xff\xff\xff\xff" + length.to_bytes(4, "little") + first.ljust(length, b"\0")
    assert pa.ipc.read_schema(pa.py_buffer(encapsulated)).equals(promised, check_metadata=True)
    assert all(message.ByteSize() <= MOST for message in data)
    assert all(message.data_header for message in data)  # some clients end at one without
    assert not any(is_compressed(message.data_header) for message in data)
    if name != "nothing":
        assert len(data) > 1


@pytest.mark.parametrize(
    "message",
    [
        sql.CommandGetTables(include_schema=True),
        sql.CommandGetSqlInfo(),
        sql.CommandGetXdbcTypeInfo(),
        sql.CommandGetCatalogs(),
    ],
    ids=lambda message: type(message).__name__,
)
def test_metadata_is_one_endpoint_and_one_batch(
    channel: grpc.Channel, headers: list[tuple[str, str]], message: object
) -> None:
    info, data = frames(channel, headers, message)
    assert not info.endpoint[0].location
    assert len(info.endpoint[0].ticket.ticket) < 65_536
    assert len(data) == 2  # drivers read the first batch only


def test_a_row_larger_than_a_frame_comes_alone_or_is_refused_clearly(
    headers: list[tuple[str, str]], server: Server
) -> None:
    query = "SELECT repeat('x', 10_000_000) AS a"
    with client(server, "service") as connected:
        table = connected.read(sql.CommandStatementQuery(query=query))
    assert len(table["a"][0].as_py()) == 10_000_000


@pytest.mark.parametrize(
    "query",
    [
        "SELECT " + "x" * 50_000,
        "SELECT * FROM " + "é" * 20_000,
        'SELECT "' + "\n" * 30_000 + '"',
        "SELECT " + "(" * 200 + "1" + ")" * 200,
        "SELECT " + "1 + " * 39_000 + "1",
        "SELECT 1 FROM invest.market." + '"' + "\U0001f600" * 5_000 + '"',
    ],
    ids=range(6),
)
def test_an_error_is_at_most_two_kilobytes_and_names_no_code_of_ours(
    channel: grpc.Channel, headers: list[tuple[str, str]], query: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        frames(channel, headers, sql.CommandStatementQuery(query=query))
    text = caught.value.details()
    assert 0 < len(text.encode()) <= 2_048
    assert text.split(":")[0].replace("_", "").isupper()
    assert not any(word in text for word in (".py", "Traceback", "/work", "duckdb."))
    trailers = dict(caught.value.trailing_metadata())
    assert sum(len(k) + len(v) for k, v in trailers.items()) < 8_192
    assert trailers["x-request-id"]


def test_no_answer_but_that_of_a_login_carries_a_token(
    channel: grpc.Channel, headers: list[tuple[str, str]]
) -> None:
    """Drivers take any for a new one of theirs."""
    described = flight_pb2.FlightDescriptor(
        type=flight_pb2.FlightDescriptor.CMD, cmd=pack(sql.CommandGetCatalogs())
    )
    call = channel.unary_unary(SERVICE + "GetFlightInfo").with_call(
        described.SerializeToString(), metadata=headers, timeout=10
    )[1]
    told = [*(call.initial_metadata() or ()), *(call.trailing_metadata() or ())]
    assert "authorization" not in {key for key, _ in told}


def test_a_session_token_is_small(server: Server) -> None:
    login = server.login("analyst")
    with flight.FlightClient(server.uri) as raw:
        _, token = raw.authenticate_basic_token(login["username"], login["password"])
    assert len(token) < 7_000
