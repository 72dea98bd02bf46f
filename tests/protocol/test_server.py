"""The server as a whole: limits, TLS, and how it starts and stops."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import resource
import threading
import time
from pathlib import Path
from typing import Any

import adbc_driver_flightsql as options
import adbc_driver_flightsql.dbapi as flightsql
import grpc
import pyarrow as pa
import pyarrow.flight as flight
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from flight_server.protocol.messages import pack
from flight_server.protocol.rpc import SERVICE
from flight_server.protocol.server import FlightServer
from flight_server.protocol.settings import ServerSettings, Tls
from flight_server.protocol.wire import flight_pb2
from flight_server.protocol.wire.flight_sql_pb2 import CommandStatementQuery
from tests.waiting import eventually, within

ENDLESS = "SELECT range AS n FROM range(1_000_000_000_000)"


def _call(running: Any, method: str, message: bytes, **how: Any) -> grpc.RpcError | None:
    unlimited = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(running.target, options=unlimited) as channel:
        headers = how.pop("headers", [("authorization", "Bearer " + running.bearer())])
        call = channel.unary_stream(SERVICE + method)(message, metadata=headers, timeout=20, **how)
        try:
            list(call)
        except grpc.RpcError as error:
            return error
    return None


def _code(error: grpc.RpcError | None) -> grpc.StatusCode:
    return error.code() if error is not None else grpc.StatusCode.OK


def test_compressed_messages_are_refused_without_unpacking_them(running: Any) -> None:
    bomb = flight_pb2.Ticket(ticket=bytes(200 * 1024 * 1024)).SerializeToString()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    error = _call(running, "DoGet", bomb, headers=[], compression=grpc.Compression.Gzip)
    assert _code(error) in (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.RESOURCE_EXHAUSTED)
    small = _call(running, "ListActions", b"\0" * 100_000, compression=grpc.Compression.Gzip)
    assert _code(small) is grpc.StatusCode.UNIMPLEMENTED
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    # The client's own copies of the message are in this process; the server's would come on top.
    assert grown < 500 * 1024


def test_a_message_over_the_limit_is_refused(running: Any) -> None:
    large = flight_pb2.Ticket(ticket=bytes(17 * 1024 * 1024)).SerializeToString()
    assert _code(_call(running, "DoGet", large)) is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_headers_are_taken_up_to_the_limit_and_refused_above_it_every_time(running: Any) -> None:
    headers = [("authorization", "Bearer " + running.bearer())]
    for size, taken in ((24_000, True), (40_000, False)):
        for _ in range(5):
            error = _call(running, "ListActions", b"", headers=[*headers, ("x-big", "y" * size)])
            assert (error is None) is taken


def test_an_unknown_method_is_not_there(running: Any) -> None:
    assert _code(_call(running, "DoEverything", b"")) is grpc.StatusCode.UNIMPLEMENTED


def test_one_user_cannot_hold_every_thread(serve: Any) -> None:
    with serve(ServerSettings(port=0, max_calls=8, max_calls_per_user=3)) as running:
        with running.adbc() as connection:
            cursors = [connection.cursor() for _ in range(3)]
            for cursor in cursors:
                cursor.execute(ENDLESS)
                cursor.fetchone()  # so that the stream is open
            with connection.cursor() as another:
                with pytest.raises(flightsql.Error, match="TOO_MANY_CALLS"):
                    another.execute("SELECT 1")
                    another.fetchone()
            with running.adbc(username="bob", password=running.password) as other:
                with other.cursor() as cursor:
                    cursor.execute("SELECT 1")
                    assert cursor.fetchone() == (1,)
            for cursor in cursors:
                cursor.close()


def _reader(client: flight.FlightClient, headers: flight.FlightCallOptions, query: str) -> Any:
    command = pack(CommandStatementQuery(query=query))
    info = client.get_flight_info(flight.FlightDescriptor.for_command(command), headers)
    return client.do_get(info.endpoints[0].ticket, headers)


def test_stopping_waits_for_running_streams(serve: Any) -> None:
    with serve() as running, running.flight() as (client, headers):
        running.service.batch_rows = 1_000
        reader = _reader(client, headers, "SELECT range AS n FROM range(3_000_000)")
        rows = reader.read_chunk().data.num_rows
        ended = running.server.stop(20)
        assert not ended.is_set()
        # Which one depends on whether the client has heard of the stop before it calls.
        with pytest.raises((flight.FlightUnavailableError, flight.FlightCancelledError)):
            client.get_flight_info(flight.FlightDescriptor.for_command(b""), headers)
        rows += sum(chunk.data.num_rows for chunk in reader)
        assert rows == 3_000_000
        assert ended.wait(10)
        assert running.server.wait(10)


@pytest.mark.parametrize("graces", [(0.3,), (60, 0)])
def test_stopping_cancels_what_outlasts_the_grace(serve: Any, graces: tuple[float, ...]) -> None:
    with serve() as running, running.flight() as (client, headers):
        reader = _reader(client, headers, ENDLESS)
        reader.read_chunk()
        with within(5):
            ended = [running.server.stop(grace) for grace in graces]
            assert ended[-1].wait(10)
        with pytest.raises((flight.FlightError, pa.ArrowException, OSError)):
            while True:
                reader.read_chunk()
        assert eventually(lambda: running.service.log[-1:] == ["close"])


def test_a_port_that_is_taken_is_an_error(serve: Any) -> None:
    with serve() as running:
        settings = ServerSettings(port=running.server.port)
        second = FlightServer(running.service, running.authenticator, running.sealer, settings)
        with pytest.raises(OSError, match="cannot listen"):
            second.start()


def test_processes_can_share_a_port_if_told_so(serve: Any) -> None:
    with serve(ServerSettings(port=0, so_reuseport=True)) as running:
        settings = ServerSettings(port=running.server.port, so_reuseport=True)
        second = FlightServer(running.service, running.authenticator, running.sealer, settings)
        second.start()
        assert second.port == running.server.port
        second.stop(0).wait(10)


@pytest.fixture(scope="module")
def certificates() -> tuple[bytes, bytes]:
    """A key and a certificate for 127.0.0.1 that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    return (
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        certificate.public_bytes(serialization.Encoding.PEM),
    )


def test_tls_with_a_client_certificate(serve: Any, certificates: tuple[bytes, bytes]) -> None:
    key, certificate = certificates
    tls = Tls(certificate=certificate, key=key, client_ca=certificate)
    assert "PRIVATE" not in repr(tls)
    names = options.DatabaseOptions
    with serve(ServerSettings(port=0, tls=tls)) as running:
        assert running.uri.startswith("grpc+tls://")
        login = {"username": "alice", "password": running.password}
        trusting = {**login, names.TLS_ROOT_CERTS.value: certificate.decode()}
        with (
            running.adbc(
                **trusting,
                **{
                    names.MTLS_CERT_CHAIN.value: certificate.decode(),
                    names.MTLS_PRIVATE_KEY.value: key.decode(),
                },
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)
        # By pyarrow's client: with ADBC's, the process of the tests was aborted here now and then.
        without = flight.FlightClient(running.uri, tls_root_certs=certificate)
        try:
            with pytest.raises((flight.FlightError, OSError)):
                without.authenticate_basic_token("alice", running.password)
        finally:
            without.close()


def test_no_thread_waits_for_a_body_of_an_unknown_caller(serve: Any) -> None:
    with serve() as running, grpc.insecure_channel(running.target) as channel:
        done = threading.Event()
        for method in ("GetFlightInfo", "DoGet", "DoPut", "DoAction"):
            call = channel.stream_stream(SERVICE + method)(
                (b"" for _ in range(1) if done.wait(10)), timeout=10
            )
            with pytest.raises(grpc.RpcError) as caught:
                list(call)
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        done.set()


def test_the_package_knows_its_types() -> None:
    assert Path(flight_pb2.__file__).with_suffix(".pyi").exists()


def test_stopping_ends_while_calls_keep_coming(serve: Any) -> None:
    """A call that is accepted while the server stops must not find its threads gone."""
    for _ in range(3):
        with serve() as running:
            over = threading.Event()

            def call(target: str = running.target, over: threading.Event = over) -> None:
                with grpc.insecure_channel(target) as channel:
                    method = channel.stream_stream(SERVICE + "GetSchema")
                    while not over.is_set():
                        with contextlib.suppress(grpc.RpcError):
                            list(method(iter([b""]), timeout=5))

            callers = [threading.Thread(target=call) for _ in range(6)]
            for caller in callers:
                caller.start()
            time.sleep(0.3)  # so that all of them are calling
            ended = running.server.stop(5).wait(15)
            over.set()
            for caller in callers:
                caller.join()
            assert ended
