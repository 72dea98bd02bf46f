"""The composition root: settings become a running server. Only this names concrete engines."""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from auth.authenticate import Authenticator, Sessions
from auth.credentials import CredentialsSource
from auth.keys import Key, StaticKeys, read_key, secret_key
from auth.policy_source import PolicySource
from auth.tokens import Issuer
from catalog.iceberg import IcebergCatalog
from catalog.registry import Registry
from flight_server import __version__
from flight_server.config import ConfigInvalid, IssuerSettings, Settings
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.settings import DuckDBSettings
from flight_server.protocol.server import FlightServer
from flight_server.protocol.settings import ServerSettings, Tls
from flight_server.query.lexical import MAX_TEXT
from flight_server.query.resolve import Defaults
from flight_server.query.seal import Sealer, SealKey
from flight_server.query.service import Limits, QueryService
from flight_server.query.spool import Spool, SpoolLimits

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Application:
    """A server with what it owns. `stop` ends it all and waits, `grace` in seconds."""

    server: FlightServer
    service: QueryService
    engine: DuckDBEngine
    spool: Spool
    drain: float = 0.0

    def stop(self, grace: float) -> None:
        """Stop taking calls, let streams end within `grace`, then end the workers."""
        self.server.drain(self.drain)
        self.server.stop(grace).wait()
        self.engine.close()
        self.spool.close()


def build(settings: Settings) -> Application:
    """Wire everything up; nothing listens yet. Raises what is wrong with the settings."""
    sealer = sealing(settings)
    policies = PolicySource(settings.policy.file)
    access = authenticator(settings, policies)
    registry = catalogs(settings)
    engine = DuckDBEngine(engine_settings(settings))
    spool = spooling(settings, sealer)
    service = QueryService(
        registry,
        policies,
        engine,
        sealer,
        defaults=Defaults(settings.defaults.catalog, settings.defaults.schema_),
        limits=Limits(
            statement_seconds=settings.limits.statement,
            planning_seconds=settings.limits.planning,
            ticket_seconds=settings.limits.ticket,
            prepared_seconds=settings.limits.prepared,
            result_seconds=settings.limits.result,
            # Clients open all parts at once and read one after the other: each needs its worker.
            partitions=min(settings.limits.partitions, settings.engine.workers),
            parameter_rows=settings.limits.parameter_rows,
            parameter_bytes=settings.limits.parameter_size,
        ),
        spool=spool,
        version=f"flight-server {__version__}",
    )
    server = FlightServer(service, access, sealer, server_settings(settings))
    return Application(server, service, engine, spool, settings.server.drain)


def catalogs(settings: Settings) -> Registry:
    """The configured catalogs; none is opened yet."""
    try:
        return Registry(
            [
                IcebergCatalog(name, entry.properties(), refresh_seconds=entry.refresh)
                for name, entry in settings.catalogs.items()
            ]
        )
    except ValueError as error:
        raise ConfigInvalid(f"catalogs: {error}") from error


def authenticator(settings: Settings, policies: PolicySource) -> Authenticator:
    """Users, trusted issuers and the server's own session tokens."""
    secret = settings.auth.session_secret
    if secret is None:
        log.warning("auth.session_secret is not set: logins are valid on this process only")
    key = secret_key(secret.get_secret_value() if secret else secrets.token_bytes(32))
    users = settings.auth.users
    return Authenticator(
        identity=lambda: policies.current().identity,
        issuers=tuple(issuer(entry) for entry in settings.auth.issuers),
        credentials=CredentialsSource(users).current if users else None,
        sessions=Sessions(key, lifetime_seconds=int(settings.auth.session_lifetime)),
        anonymous=settings.auth.anonymous,
    )


def issuer(entry: IssuerSettings) -> Issuer:
    """A trusted issuer with its key."""
    if (entry.key is None) == (entry.secret is None):
        raise ConfigInvalid(f"issuer {entry.issuer}: give either a key or a secret")
    key = secret_key(entry.secret.get_secret_value()) if entry.secret else _public_key(entry)
    return Issuer(
        entry.issuer,
        entry.audience,
        tuple(entry.algorithms),
        StaticKeys(unnamed=(key,)),
        max_lifetime_seconds=int(entry.max_lifetime),
    )


def _public_key(entry: IssuerSettings) -> Key:
    if entry.key is None:
        raise ConfigInvalid(f"issuer {entry.issuer}: give a key or a secret")
    return read_key(entry.key)


def sealing(settings: Settings) -> Sealer:
    """The sealer for tickets and handles; replicas need the same configured keys."""
    given = [secret.get_secret_value().encode() for secret in settings.seal.keys]
    if not given:
        log.warning("no seal keys are set: tickets are valid on this process only")
        given = [secrets.token_bytes(32)]
    # A key may be any text of enough length; what encrypts is derived from it.
    for secret in given:
        if len(secret) < 32:
            raise ConfigInvalid("seal.keys: a key needs 32 bytes or more")
    return Sealer([SealKey(hashlib.sha256(b"flight-server seal\0" + s).digest()) for s in given])


def spooling(settings: Settings, sealer: Sealer) -> Spool:
    """Where bound rows are kept that are too large for a handle."""
    spool = settings.spool
    limits = SpoolLimits(
        seconds=spool.lifetime,
        total=spool.size,
        per_user=spool.user_size,
        file=max(settings.limits.parameter_size + 2**20, 4 * MAX_TEXT),
    )
    try:
        return Spool(spool.directory, sealer, limits)
    except OSError as error:
        raise ConfigInvalid(f"spool.directory: {error.strerror}") from error


def engine_settings(settings: Settings) -> DuckDBSettings:
    """The engine's settings."""
    engine = settings.engine
    return DuckDBSettings(
        workers=engine.workers,
        spare=engine.spare,
        threads=engine.threads or os.cpu_count() or 1,
        memory_limit=engine.memory,
        spill_limit=engine.spill,
        spill_directory=engine.spill_directory or Path(tempfile.gettempdir()),
        queue_seconds=engine.queue,
        sandbox=engine.sandbox,
    )


def server_settings(settings: Settings) -> ServerSettings:
    """The Flight door's settings, with the certificate read."""
    server = settings.server
    tls = None
    if (server.tls_certificate is None) != (server.tls_key is None):
        raise ConfigInvalid("server: tls_certificate and tls_key go together")
    if server.tls_client_ca and not server.tls_certificate:
        raise ConfigInvalid("server: tls_client_ca needs tls_certificate and tls_key")
    if server.tls_certificate and server.tls_key:
        try:
            authority = server.tls_client_ca.read_bytes() if server.tls_client_ca else None
            tls = Tls(server.tls_certificate.read_bytes(), server.tls_key.read_bytes(), authority)
        except OSError as error:
            raise ConfigInvalid(f"server: the certificate cannot be read: {error}") from None
    return ServerSettings(
        host=server.host,
        port=server.port,
        tls=tls,
        so_reuseport=server.reuse_port,
        locations=tuple(server.locations),
        max_calls=server.max_calls,
        max_calls_per_user=server.user_calls,
        max_message=server.max_message,
        max_upload=settings.limits.parameter_size + 2**20,
        server_version=__version__,
        statement_seconds=settings.limits.statement,
        session_seconds=settings.limits.session,
        max_sessions=settings.limits.sessions,
        max_sessions_per_user=settings.limits.user_sessions,
        max_partitions=settings.limits.partitions,
    )
