"""What the operator may set of the Flight door; knows nothing of files or environment variables."""

from __future__ import annotations

from dataclasses import dataclass, field

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM texts for TLS; with `client_ca`, clients must bring a certificate that it signed."""

    certificate: bytes
    key: bytes = field(repr=False)
    client_ca: bytes | None = None


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where the door listens and what it takes in. Sizes are in bytes, times in seconds.

    `port` 0 takes any free one. `max_calls` is both the number of calls served at once and of
    threads, so that no call ever waits for a thread that a slow reader holds; `max_calls_per_user`
    keeps one user from taking all of them: it limits results and uploads, and as many other calls
    besides. `so_reuseport` lets several processes share the port.
    `max_message` limits one message from a client, `max_command` the command in it, `max_upload`
    all that is uploaded in one call. `statement_seconds` is told to clients and the most that they
    may ask for, 0 for no limit; `max_partitions` likewise. Sessions live for `session_seconds`
    unused; `max_sessions` are kept for clients that keep nothing. `locations` are the URIs of the
    replicas: any of them serves any part of a result that is read in parts.
    """

    host: str = "127.0.0.1"
    port: int = 31337
    tls: Tls | None = None
    so_reuseport: bool = False
    max_calls: int = 256
    max_calls_per_user: int = 64
    max_message: int = 16 * MIB
    max_command: int = MIB
    max_upload: int = 16 * MIB
    max_headers: int = 32 * 1024
    keepalive_seconds: float = 60.0
    handshake_seconds: float = 10.0
    metadata_ticket_seconds: float = 600.0
    server_name: str = "flight-server"
    server_version: str = ""
    statement_seconds: float = 0.0
    session_seconds: float = 43_200.0
    max_sessions: int = 10_000
    max_sessions_per_user: int = 100
    max_partitions: int = 16
    locations: tuple[str, ...] = ()
