"""What `flight-server check` verifies of names and places that settings refer to."""

from __future__ import annotations

import os
import re
from pathlib import Path

from auth.credentials import CredentialsSource
from catalog.names import SchemaName, fold
from catalog.registry import Registry
from flight_server.config import ConfigInvalid, Settings

_SQLITE = re.compile(r"sqlite(?:\+\w+)?:///([^?]+)")


def check_anonymous(settings: Settings) -> None:
    """Raise `ConfigInvalid` where callers without credentials are given a user who cannot be."""
    name = settings.auth.anonymous
    if name is None:
        return
    file = settings.auth.users
    user = None if file is None else CredentialsSource(file).current().user(name)
    if user is None:
        raise ConfigInvalid(f"auth.anonymous: user {name} is not in the users file")
    if user.disabled:
        raise ConfigInvalid(f"auth.anonymous: user {name} is disabled")


def check_database(settings: Settings, name: str) -> None:
    """Raise `ConfigInvalid` for a database of SQLite that is not there: to open it makes it."""
    properties = settings.catalogs[name].properties()
    found = _SQLITE.match(properties.get("uri", "")) if properties["type"] == "sql" else None
    if found and found[1] != ":memory:" and not Path(found[1]).is_file():
        raise ConfigInvalid(f"catalogs.{name}.uri: there is no database {found[1]}")


def check_defaults(settings: Settings, registry: Registry) -> str:
    """Which names complete others. Raises `ConfigInvalid` where there is none of that name."""
    catalog, schema = settings.defaults.catalog, settings.defaults.schema_
    if catalog is not None and registry.catalog(catalog) is None:
        raise ConfigInvalid(f"defaults.catalog: there is no catalog {catalog}")
    if schema is not None:
        within = [name for name in registry.names() if fold(name) == fold(catalog or name)]
        known = {fold(found.schema) for name in within for found in _schemas(registry, name)}
        if fold(schema) not in known:
            raise ConfigInvalid(f"defaults.schema: there is no schema {schema}")
    return f"catalog {catalog or 'none'}, schema {schema or 'none'}"


def _schemas(registry: Registry, name: str) -> list[SchemaName]:
    catalog = registry.catalog(name)
    return [SchemaName(name, schema) for schema in catalog.schemas()] if catalog else []


def check_directories(settings: Settings) -> str:
    """How many directories are written to. Raises `ConfigInvalid` where one cannot be."""
    engine, audit = settings.engine, settings.audit
    places = {
        "spool.directory": settings.spool.directory,
        "engine.spill_directory": engine.spill_directory,
        "engine.cache_directory": engine.cache_directory,
        "audit.directory": audit.directory,
        "audit.checkpoints": audit.checkpoints,
    }
    given = {setting: place for setting, place in places.items() if place is not None}
    faults = [
        f"{setting}: {place} cannot be written"
        for setting, place in given.items()
        if not _writable(place)
    ]
    if faults:
        raise ConfigInvalid("; ".join(faults))
    return f"{len(given)} configured, all can be written"


def _writable(place: Path) -> bool:
    """Whether a directory can be written, or made where it is not there yet."""
    there = next(path for path in (place, *place.absolute().parents) if path.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)
