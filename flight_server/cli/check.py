"""`flight-server check`: everything is verified before a port is opened."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

from auth.errors import ConfigurationInvalid, PolicyInvalid
from auth.lint import Remark, unfit
from auth.masks import Hash
from auth.policy_source import PolicySource
from catalog.errors import CatalogError
from catalog.names import SchemaName
from catalog.registry import Registry
from flight_server import app
from flight_server.auditing import audit_key, audit_place
from flight_server.cli.check_places import (
    check_anonymous,
    check_database,
    check_defaults,
    check_directories,
)
from flight_server.config import ConfigInvalid, Settings
from flight_server.engines.errors import EngineError
from flight_server.query.expressions import Compiler
from flight_server.query.lint import review
from flight_server.query.parser import Parser

_MAX_CAUSE = 300
_FAULTS = (ConfigInvalid, ConfigurationInvalid, PolicyInvalid, CatalogError, EngineError)


def run(settings: Settings, _options: argparse.Namespace) -> int:
    """Print a line per part; the exit status is 0 only where all of them hold.

    What an author of the policy should look at is told as well, and fails nothing.
    """
    remarks: list[Remark] = []
    parts: list[tuple[str, Callable[[], str]]] = [
        ("server", lambda: _server(settings)),
        ("policy", lambda: _policy(settings)),
        ("users and issuers", lambda: _access(settings)),
        ("seal keys", lambda: _seal(settings)),
        ("audit log", lambda: _audit(settings)),
        ("directories", lambda: check_directories(settings)),
        *((f"catalog {name}", partial(_catalog, settings, name)) for name in settings.catalogs),
        ("defaults", lambda: _defaults(settings)),
        ("policy over the tables", lambda: _tables(settings, remarks)),
        ("engine", lambda: _engine(settings)),
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
    for each in remarks:
        print(f"warn  {settings.policy.file.name}:{each.line}: {each.rule}: {each.text}")
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
    app.authenticator(settings, PolicySource(settings.policy.file))
    users = "no users file" if settings.auth.users is None else "users file read"
    return f"{users}, {len(settings.auth.issuers)} issuers"


def _audit(settings: Settings) -> str:
    place, key = audit_place(settings), audit_key(settings)
    if place is None:
        return "off"
    if key is None:
        raise ConfigInvalid("audit.secret: is needed to sign the audit log")
    return f"{place.directory}, signed by key {key.public.key_id}"


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
    known = app.mask_keys(settings)
    for mask in policy.rules.masks:
        if isinstance(mask.built_in, Hash) and mask.built_in.key not in known:
            place = f"{settings.policy.file.name}:{mask.because.line}"
            raise PolicyInvalid(f"{place}: policy.keys has no key {mask.built_in.key!r}")
    return f"version {policy.version[:12]}, {count} expressions compiled"


def _tables(settings: Settings, remarks: list[Remark]) -> str:
    """Masks that do not fit are faults; `remarks` gets what is only doubtful."""
    policy = PolicySource(settings.policy.file).current()
    registry = _registry(settings)
    tables = []
    for name in registry.names():
        catalog = registry.catalog(name)
        for schema in catalog.schemas() if catalog else ():
            found = (registry.table(table) for table in registry.tables(SchemaName(name, schema)))
            tables += [table for table in found if table is not None]
    faults = list(unfit(policy, tables))
    if faults:
        told = (f"{settings.policy.file.name}:{f.line}: {f.rule} {f.text}" for f in faults)
        raise PolicyInvalid("; ".join(told))
    remarks += review(policy, tables, Compiler(Parser()))
    return f"{len(tables)} tables, {len(remarks)} remarks"


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
