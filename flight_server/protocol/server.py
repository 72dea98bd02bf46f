"""The Flight door as a whole: opens a port, serves calls, and closes without cutting them off."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import grpc

from auth.authenticate import Authenticator
from flight_server.protocol.call import Door
from flight_server.protocol.health import Health
from flight_server.protocol.rpc import FlightService
from flight_server.protocol.settings import ServerSettings, Tls
from flight_server.query.events import NOBODY, Listener
from flight_server.query.options import Bounds
from flight_server.query.parser import time_zones
from flight_server.query.seal import Sealer
from flight_server.query.service import QueryService
from flight_server.query.sessions import SessionLimits, Sessions

_IDENTITY_ONLY = 1


class FlightServer:
    """A Flight SQL server on one port. Started once, stopped once or harder a second time."""

    def __init__(
        self,
        service: QueryService,
        authenticator: Authenticator,
        sealer: Sealer,
        settings: ServerSettings,
        listener: Listener = NOBODY,
    ) -> None:
        self._settings = settings
        # As many threads as calls: a call never waits for a thread that a slow reader holds, so
        # that a client which opens several results at once cannot lock itself out.
        self._pool = ThreadPoolExecutor(settings.max_calls, thread_name_prefix="flight")
        self._health = Health()
        self._stopping = threading.Event()
        door = replace(_door(service, authenticator, sealer, settings), listener=listener)
        self._server = grpc.server(
            self._pool,
            handlers=[FlightService(door), self._health],
            options=channel_options(settings),
            maximum_concurrent_rpcs=settings.max_calls,
        )
        self._port = 0

    @property
    def port(self) -> int:
        """The port that is listened on, once started."""
        return self._port

    @property
    def location(self) -> str:
        """The URI for clients, once started."""
        scheme = "grpc+tls" if self._settings.tls else "grpc"
        return f"{scheme}://{_address(self._settings.host, self._port)}"

    def start(self) -> None:
        """Open the port and serve. Raises `OSError` where the port cannot be had."""
        settings = self._settings
        address = _address(settings.host, settings.port)
        try:
            if settings.tls is None:
                self._port = self._server.add_insecure_port(address)
            else:
                self._port = self._server.add_secure_port(address, _credentials(settings.tls))
        except RuntimeError as error:
            raise OSError(f"cannot listen on {address}") from error
        self._server.start()
        self._health.tell(serving=True)

    def drain(self, seconds: float) -> None:
        """Tell health checks that the server stops, and wait: calls are still taken meanwhile."""
        self._health.tell(serving=False)
        self._stopping.wait(seconds)

    def stop(self, grace: float = 30.0) -> threading.Event:
        """Take no more calls, and cancel those that still run after `grace` seconds.

        Returns at once; the event is set when all have ended. A second call with less grace ends
        them sooner.
        """
        self._health.end()
        self._stopping.set()
        ended = self._server.stop(grace)
        # Not before: a call that is accepted in between would find no thread, and end gRPC's own.
        threading.Thread(target=self._end_threads, args=(ended,), daemon=True).start()
        return ended

    def _end_threads(self, ended: threading.Event) -> None:
        ended.wait()
        self._pool.shutdown(wait=False)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the server has stopped; False where `timeout` seconds passed before."""
        return not self._server.wait_for_termination(timeout)


def _door(
    service: QueryService, authenticator: Authenticator, sealer: Sealer, settings: ServerSettings
) -> Door:
    limits = SessionLimits(
        seconds=settings.session_seconds,
        kept=settings.max_sessions,
        kept_per_user=settings.max_sessions_per_user,
    )
    bounds = Bounds(settings.statement_seconds, settings.max_partitions, time_zones())
    return Door(service, authenticator, sealer, settings, Sessions(sealer, limits), bounds)


def channel_options(settings: ServerSettings) -> list[tuple[str, int]]:
    """What gRPC itself is told: the limits that hold before any of our code runs."""
    keepalive = int(settings.keepalive_seconds * 1000)
    return [
        ("grpc.max_receive_message_length", settings.max_message),
        ("grpc.max_send_message_length", -1),
        # Equal limits: between a soft and a hard one, headers are refused at random.
        ("grpc.max_metadata_size", settings.max_headers),
        ("grpc.absolute_max_metadata_size", settings.max_headers),
        # A small compressed message can unpack to the full limit, before anybody is authenticated.
        ("grpc.compression_enabled_algorithms_bitset", _IDENTITY_ONLY),
        ("grpc.max_concurrent_streams", settings.max_calls),
        ("grpc.so_reuseport", int(settings.so_reuseport)),
        ("grpc.keepalive_time_ms", keepalive),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.server_handshake_timeout_ms", 10_000),
    ]


def _credentials(tls: Tls) -> grpc.ServerCredentials:
    return grpc.ssl_server_credentials(
        [(tls.key, tls.certificate)],
        root_certificates=tls.client_ca,
        require_client_auth=tls.client_ca is not None,
    )


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
