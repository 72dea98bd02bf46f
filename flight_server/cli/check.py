"""`flight-server check`: everything is verified before a port is opened."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

from auth.errors import ConfigurationInvalid, PolicyInvalid
from auth.policy_source import PolicySource
from catalog.errors import CatalogError
from catalog.registry import Registry
from flight_server import app
from flight_server.auditing import signed_place
from flight_server.cli.check_places import (
    check_anonymous,
    check_database,
    check_defaults,
    check_directories,
)
from flight_server.cli.policy_check import Findings, check_alone, check_over
from flight_server.cli.views import doubtful
from flight_server.config import ConfigInvalid, Settings
from flight_server.engines.errors import EngineError

_MAX_CAUSE = 300
_FAULTS = (ConfigInvalid, ConfigurationInvalid, PolicyInvalid, CatalogError, EngineError)


def run(settings: Settings, _options: argparse.Namespace) -> int:
    """Print a line per part; the exit status is 0 only where all of them hold.

    What an author of the policy should look at is told as well, and fails nothing.
    """
    warnings: list[str] = []
    parts: list[tuple[str, Callable[[], str]]] = [
        ("server", lambda: _server(settings)),
        ("policy", lambda: _policy(settings)),
        ("users and issuers", lambda: _access(settings)),
        ("seal keys", lambda: _seal(settings)),
        ("audit log", lambda: _audit(settings)),
        ("directories", lambda: check_directories(settings)),
        *((f"catalog {name}", partial(_catalog, settings, name)) for name in settings.catalogs),
        ("defaults", lambda: _defaults(settings)),
        ("policy over the tables", lambda: _tables(settings, warnings)),
        ("engine", lambda: _engine(settings)),
        *([("athena", lambda: _athena(settings))] if settings.athena.region else []),
    ]
    faults: set[str] = set()
    for name, verify in parts:
        try:
            print(f"ok    {name}: {verify()}")
        except _FAULTS as error:
            fault = _told(error)
            # a part that fails for what another one has told already adds nothing
            again = fault in faults
            print(f"skip  {name}: see above" if again else f"FAULT {name}: {fault}")
            faults.add(fault)
    if not settings.catalogs:
        print("warn  catalogs: none are configured: there is nothing to read")
    for warning in warnings:
        print(f"warn  {settings.policy.file.name}:{warning}")
    return 1 if faults else 0


def _told(error: Exception) -> str:
    """A fault with its cause, which users are never told but operators need."""
    root: BaseException = error
    while root.__cause__ is not None:
        root = root.__cause__
    if root is error or not isinstance(error, CatalogError):
        return str(error)
    cause = " ".join(str(root).split())[:_MAX_CAUSE]
    return f"{error} ({type(root).__name__}: {cause})"


def _server(settings: Settings) -> str:
    door = app.server_settings(settings)
    return f"{door.host}:{door.port}, {'TLS' if door.tls else 'without TLS'}"


def _access(settings: Settings) -> str:
    check_anonymous(settings)
    app.authenticator(settings, PolicySource(settings.policy.file), app.known_users(settings))
    users = "no users file" if settings.auth.users is None else "users file read"
    return f"{users}, {len(settings.auth.issuers)} issuers"


def _audit(settings: Settings) -> str:
    signed = signed_place(settings)
    if signed is None:
        return "off"
    place, key = signed
    return f"{place.directory}, signed by key {key.public.key_id}"


def _seal(settings: Settings) -> str:
    app.sealing(settings)
    return f"{len(settings.seal.keys) or 'one for this process, none'} configured"


def _policy(settings: Settings) -> str:
    policy = PolicySource(settings.policy.file).current()
    _refuse(settings, check_alone(policy, app.mask_keys(settings)))
    return f"version {policy.version[:12]}, {len(list(policy.expressions()))} expressions compiled"


def _tables(settings: Settings, warnings: list[str]) -> str:
    """Rules that do not fit are faults; `warnings` gets what is only doubtful."""
    policy = PolicySource(settings.policy.file).current()
    registry = _registry(settings)
    findings = check_over(policy, registry, app.mask_keys(settings))
    _refuse(settings, findings)
    found = [*findings.warnings, *(f"1: {each}" for each in doubtful(settings, policy, registry))]
    warnings += found
    return f"{findings.tables} tables, {len(found)} warnings"


def _refuse(settings: Settings, findings: Findings) -> None:
    if findings.faults:
        name = settings.policy.file.name
        raise PolicyInvalid("; ".join(f"{name}:{fault}" for fault in findings.faults))


def _registry(settings: Settings) -> Registry:
    """The catalogs, once it is known that to open them makes none."""
    for name in settings.catalogs:
        check_database(settings, name)
    return app.catalogs(settings)


def _defaults(settings: Settings) -> str:
    return check_defaults(settings, _registry(settings))


def _catalog(settings: Settings, name: str) -> str:
    check_database(settings, name)
    catalog = app.catalogs(settings).catalog(name)
    if catalog is None:
        raise ConfigInvalid("is not there")
    schemas = catalog.schemas()
    tables = [table for schema in schemas for table in catalog.tables(schema)]
    unread = []
    for table in tables:
        try:
            catalog.table(table)
        except CatalogError as error:
            unread.append(f"{table}: {_told(error)}")
    if unread:
        raise ConfigInvalid("; ".join(unread[:10]))
    return f"{len(schemas)} schemas, {len(tables)} tables"


def _engine(settings: Settings) -> str:
    check_directories(settings)
    engine = app.start_engine(settings)
    try:
        return f"DuckDB, sandbox {engine.sandbox}"
    finally:
        engine.close()


def _athena(settings: Settings) -> str:
    told: str = app.delegating().verify(settings.athena)
    return told
