"""The composition root: settings become a running server. Only this names concrete engines."""

from __future__ import annotations

import hashlib
import importlib
import logging
import os
import secrets
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from auth.authenticate import Authenticator, Sessions
from auth.credentials import Credentials, CredentialsSource
from auth.keys import Key, StaticKeys, read_key, secret_key
from auth.policy import Policy
from auth.policy_source import PolicySource
from auth.tokens import Issuer
from catalog.base import Catalog
from catalog.iceberg import IcebergCatalog
from catalog.iceberg_source import SOURCE_NAME
from catalog.registry import Registry
from flight_server import __version__
from flight_server.auditing import audit_place, signed_place
from flight_server.budgeting import begun
from flight_server.config import CatalogSettings, ConfigInvalid, IssuerSettings, Settings, table
from flight_server.definers import definers
from flight_server.engines.base import Engine
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.settings import DuckDBSettings
from flight_server.lookout import Lookout
from flight_server.protocol.server import FlightServer
from flight_server.protocol.settings import ServerSettings, Tls
from flight_server.query.alerts import Alerts
from flight_server.query.audit.log import AuditLog
from flight_server.query.audit.recent import recent
from flight_server.query.audit.records import Scribe
from flight_server.query.audit.trail import Rhythm, Trail, Unusable
from flight_server.query.budget import Account, Amount
from flight_server.query.compiled import refusing
from flight_server.query.events import Listeners, WatchedPolicies
from flight_server.query.expressions import Compiler
from flight_server.query.lexical import MAX_TEXT
from flight_server.query.limits import Limits
from flight_server.query.parser import Parser
from flight_server.query.resolve import Defaults
from flight_server.query.seal import Sealer, SealKey
from flight_server.query.service import QueryService
from flight_server.query.spool import Spool, SpoolLimits
from flight_server.query.system import Sources, system_catalog

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Application:
    """A server with what it owns. `stop` ends it all and waits, `grace` in seconds."""

    server: FlightServer
    service: QueryService
    engine: DuckDBEngine
    spool: Spool
    drain: float = 0.0
    audit: AuditLog | None = None
    lookout: Lookout | None = None
    router: Engine | None = None

    def stop(self, grace: float) -> None:
        """Stop taking calls, let streams end within `grace`, then end the workers."""
        if self.lookout is not None:
            self.lookout.close()
        self.server.drain(self.drain)
        self.server.stop(grace).wait()
        self.service.close()
        (self.router or self.engine).close()
        self.spool.close()
        if self.audit is not None:
            self.audit.close()


def build(settings: Settings) -> Application:
    """Wire everything up; nothing listens yet. Raises what is wrong with the settings."""
    audit = auditing(settings)
    try:
        return _build(settings, audit)
    except BaseException:
        if audit is not None:
            audit.close()
        raise


def _build(settings: Settings, audit: AuditLog | None) -> Application:
    alerts = Alerts(lambda: policies.current())
    listener = Listeners(alerts, *([audit] if audit is not None else []))
    sealer = sealing(settings)
    keys = mask_keys(settings)
    policies = PolicySource(settings.policy.file, refusing(Compiler(Parser(), keys)))
    users = known_users(settings)
    access = authenticator(settings, policies, users)
    watched = WatchedPolicies(policies, listener)
    budget = begun(audit_place(settings), policies.current())
    registry = catalogs(settings, policies.current, users, lambda: engine.cached(), budget.used)
    engine = start_engine(settings)
    router = routed(settings, engine)
    spool = spooling(settings, sealer)
    service = QueryService(
        registry,
        watched,
        router or engine,
        sealer,
        defaults=Defaults(settings.defaults.catalog, settings.defaults.schema_),
        limits=Limits(
            statement_seconds=settings.limits.statement,
            planning_seconds=settings.limits.planning,
            ticket_seconds=settings.limits.ticket,
            prepared_seconds=settings.limits.prepared,
            result_seconds=settings.limits.result,
            poll_seconds=settings.limits.poll,
            # Clients open all parts at once and read one after the other: each needs its worker.
            partitions=min(settings.limits.partitions, settings.engine.workers),
            parameter_rows=settings.limits.parameter_rows,
            parameter_bytes=settings.limits.parameter_size,
        ),
        spool=spool,
        listener=listener,
        renewed=access.renewed,
        mask_keys=keys,
        budget=budget,
        definers=definers(settings),
        version=f"flight-server {__version__}",
    )
    server = FlightServer(service, access, sealer, server_settings(settings), listener)
    looks = [watched.current, *([users] if users else [])]
    drain, lookout = settings.server.drain, Lookout(looks)
    return Application(server, service, engine, spool, drain, audit, lookout, router)


def auditing(settings: Settings) -> AuditLog | None:
    """The audit log, open to be written; None where the settings name no directory."""
    signed = signed_place(settings)
    if signed is None:
        return None
    place, key = signed
    audit = settings.audit
    rhythm = Rhythm(audit.checkpoint_records, audit.checkpoint_seconds, audit.file_size)
    try:
        trail = Trail(place, key, rhythm)
    except Unusable as error:
        raise ConfigInvalid(f"audit: {error}") from error
    return AuditLog(trail, Scribe(key.namer(), audit.sql), required=audit.required)


def catalogs(
    settings: Settings,
    policy: Callable[[], Policy] | None = None,
    users: Callable[[], Credentials] | None = None,
    cache: Callable[[], Mapping[str, int]] | None = None,
    used: Callable[[], Mapping[Account, Amount]] | None = None,
) -> Registry:
    """The configured catalogs, and the one in which the server tells of itself; none is opened yet.

    The latter tells of the policy and the users that are given, else of the configured ones as they
    are when its tables are read, and of the cache and the use of budgets that are given.
    """
    configured = [catalog(settings, name, entry) for name, entry in settings.catalogs.items()]
    file, place = settings.auth.users, audit_place(settings)
    sources = Sources(
        policy=policy or (lambda: PolicySource(settings.policy.file).current()),
        users=users or ((lambda: CredentialsSource(file).current()) if file else None),
        registry=lambda: registry,
        audit=None if place is None else partial(recent, place),
        settings=shown_settings(settings),
        rows=settings.system.rows,
        audit_rows=settings.system.audit_rows,
        cache=cache,
        used=used,
    )
    name = settings.system.catalog
    try:
        registry = Registry(configured, system_catalog(name, sources) if name else None)
    except ValueError as error:
        raise ConfigInvalid(f"catalogs: {error}") from error
    return registry


def catalog(settings: Settings, name: str, entry: CatalogSettings) -> Catalog:
    """A configured catalog under the name by which it is served; it is not opened yet."""
    own = delegating().athena_catalog if entry.type == "athena" else None
    found: Catalog = iceberg(name, entry) if own is None else own(name, entry, settings.athena)
    return found


def routed(settings: Settings, engine: DuckDBEngine) -> Engine | None:
    """Both engines as one, where Athena is set up. Raises `ConfigInvalid`, and ends the engine."""
    if settings.athena.region is None:
        return None
    with ExitStack() as held:
        held.callback(engine.close)
        found: Engine = delegating().routed(engine, engine_settings(settings), settings.athena)
        held.pop_all()
    return found


def delegating() -> Any:
    """What wires up Athena. Raises `ConfigInvalid` where its libraries are not installed."""
    try:
        return importlib.import_module("flight_server.delegating")
    except ImportError as error:
        raise ConfigInvalid("athena: install flight-server with the extra athena") from error


def iceberg(name: str, entry: CatalogSettings) -> IcebergCatalog:
    """A configured catalog under the name by which it is served; it is not opened yet."""
    own = {} if entry.source_name is None else {SOURCE_NAME: entry.source_name}
    return IcebergCatalog(
        name,
        entry.properties() | own,
        refresh_seconds=entry.refresh,
        rest_seconds=entry.retry,
        timeout_seconds=entry.timeout,
    )


def shown_settings(settings: Settings) -> tuple[tuple[str, str, str], ...]:
    """The settings that users may be shown: sizes, times and numbers, and names for statements."""
    shown: list[tuple[str, str, str]] = []
    for section in ("engine", "limits", "defaults", "system"):
        values = getattr(settings, section).model_dump(by_alias=True)
        for name, _kind, _default, description in table(type(getattr(settings, section))):
            value = values.get(name)
            # other texts may be places or secrets, also those of settings that are yet to come
            if isinstance(value, int | float) or (value and section in ("defaults", "system")):
                shown.append((f"{section}.{name}", str(value), description))
    return tuple(shown)


def known_users(settings: Settings) -> Callable[[], Credentials] | None:
    """What gives the users of the configured file as it is; None where there is no such file."""
    file = settings.auth.users
    return None if file is None else CredentialsSource(file).current


def authenticator(
    settings: Settings, policies: PolicySource, users: Callable[[], Credentials] | None
) -> Authenticator:
    """Users, trusted issuers and the server's own session tokens."""
    secret = settings.auth.session_secret
    if secret is None:
        log.warning("auth.session_secret is not set: logins are valid on this process only")
    key = secret_key(secret.get_secret_value() if secret else secrets.token_bytes(32))
    return Authenticator(
        identity=lambda: policies.current().identity,
        issuers=tuple(issuer(entry) for entry in settings.auth.issuers),
        credentials=users,
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


def mask_keys(settings: Settings) -> dict[str, bytes]:
    """The keys of keyed hashes, by the names that policies call them by."""
    keys = {name: key.get_secret_value().encode() for name, key in settings.policy.keys.items()}
    for name, key in keys.items():
        if len(key) < 32:
            raise ConfigInvalid(f"policy.keys.{name}: a key needs 32 bytes or more")
    return keys


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


def start_engine(settings: Settings) -> DuckDBEngine:
    """The engine, with its workers."""
    try:
        return DuckDBEngine(engine_settings(settings))
    except OSError as error:
        place = error.filename or "a directory of it"
        raise ConfigInvalid(f"the engine cannot use {place}: {error.strerror}") from error


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
        cache_limit=engine.cache,
        cache_small=engine.cache_small,
        cache_directory=engine.cache_directory or _default_cache(),
        queue_seconds=engine.queue,
        sandbox=engine.sandbox,
        sealed_tags=tuple(engine.sealed_tags),
        seal_all=engine.seal_all,
    )


def _default_cache() -> Path:
    """A directory of this user alone: copies of data are as private as the data."""
    return Path(tempfile.gettempdir()) / f"flight-server-cache-{os.getuid()}"


def server_settings(settings: Settings) -> ServerSettings:
    """The Flight door's settings, with the certificate read."""
    server = settings.server
    tls = None
    if (server.tls_certificate is None) != (server.tls_key is None):
        raise ConfigInvalid("server.tls_certificate and server.tls_key go together")
    if server.tls_client_ca and not server.tls_certificate:
        raise ConfigInvalid("server.tls_client_ca needs server.tls_certificate and server.tls_key")
    if server.tls_certificate and server.tls_key:
        try:
            authority = server.tls_client_ca.read_bytes() if server.tls_client_ca else None
            tls = Tls(server.tls_certificate.read_bytes(), server.tls_key.read_bytes(), authority)
        except OSError as error:
            raise ConfigInvalid(
                f"server.tls_certificate: {error.filename}: {error.strerror}"
            ) from None
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
