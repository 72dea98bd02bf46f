"""`flight-server check`: everything is verified before a port is opened."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

from auth.errors import ConfigurationInvalid, PolicyInvalid
from auth.policy_source import PolicySource
from catalog.errors import CatalogError
from flight_server import app
from flight_server.config import ConfigInvalid, Settings
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.errors import EngineError
from flight_server.query.expressions import Compiler
from flight_server.query.parser import Parser

_FAULTS = (ConfigInvalid, ConfigurationInvalid, PolicyInvalid, CatalogError, EngineError)


def run(settings: Settings, _options: argparse.Namespace) -> int:
    """Print a line per part; the exit status is 0 only where all of them hold."""
    parts: list[tuple[str, Callable[[], str]]] = [
        ("server", lambda: _server(settings)),
        ("users and issuers", lambda: _access(settings)),
        ("seal keys", lambda: _seal(settings)),
        ("policy", lambda: _policy(settings)),
        *((f"catalog {name}", partial(_catalog, settings, name)) for name in settings.catalogs),
        ("engine", lambda: _engine(settings)),
    ]
    sound = True
    for name, verify in parts:
        try:
            print(f"ok    {name}: {verify()}")
        except _FAULTS as error:
            sound = False
            print(f"FAULT {name}: {error}")
    return 0 if sound else 1


def _server(settings: Settings) -> str:
    door = app.server_settings(settings)
    return f"{door.host}:{door.port}, {'TLS' if door.tls else 'without TLS'}"


def _access(settings: Settings) -> str:
    app.authenticator(settings, PolicySource(settings.policy.file))
    users = "no users file" if settings.auth.users is None else "users file read"
    return f"{users}, {len(settings.auth.issuers)} issuers"


def _seal(settings: Settings) -> str:
    app.sealing(settings)
    return f"{len(settings.seal.keys) or 'one for this process, none'} configured"


def _policy(settings: Settings) -> str:
    policy = PolicySource(settings.policy.file).current()
    compiler = Compiler(Parser())
    count = 0
    for entry in policy.expressions():
        count += 1
        compiler.check(entry.expression, "column" if entry.kind == "mask" else None)
    return f"version {policy.version[:12]}, {count} expressions compiled"


def _catalog(settings: Settings, name: str) -> str:
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
            unread.append(f"{table}: {error}")
    if unread:
        raise ConfigInvalid("; ".join(unread[:10]))
    return f"{len(schemas)} schemas, {len(tables)} tables"


def _engine(settings: Settings) -> str:
    engine = DuckDBEngine(app.engine_settings(settings))
    try:
        return f"DuckDB, sandbox {engine.sandbox}"
    finally:
        engine.close()
