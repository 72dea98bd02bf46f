"""Settings as they are written: a YAML file, variables and flags become one dictionary of values.

Knows how values are spelled and merged, and not which settings there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

PREFIX = "FLIGHT_SERVER_"
_PATHS = frozenset(
    {
        "users",
        "key",
        "file",
        "tls_certificate",
        "tls_key",
        "tls_client_ca",
        "cache_directory",
        "spill_directory",
        "directory",
        "checkpoints",
    }
)


class ConfigInvalid(Exception):
    """The configuration cannot be used; the message says which setting and why."""


def read_file(path: Path) -> dict[str, Any]:
    """The values of a file, with relative paths taken from its folder. Raises `ConfigInvalid`."""
    try:
        values = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigInvalid(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigInvalid(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise ConfigInvalid(f"{path} must hold settings by name")
    return _absolute(values, path.resolve().parent)


def from_environment(environment: Mapping[str, str], known: frozenset[str]) -> dict[str, Any]:
    """The values of variables such as `FLIGHT_SERVER_SERVER__PORT`, of the known sections."""
    values: dict[str, Any] = {}
    # sorted, so that a section given as a whole comes before what is within it
    for variable in sorted(environment):
        name = variable.lower()
        if not name.startswith(PREFIX.lower()):
            continue
        parts = name[len(PREFIX) :].split("__")
        if parts[0] in known:
            values = merge(values, nested(parts, from_text(variable, environment[variable])))
    return values


def from_text(name: str, value: Any) -> Any:
    """The value of a flag or variable, which is text; a list or mapping is in brackets."""
    if not isinstance(value, str) or not value.startswith(("[", "{")):
        return value
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        kind = "list such as [a, b]" if value.startswith("[") else "mapping such as {a: b}"
        raise ConfigInvalid(f"{name}: expected a {kind}") from None


def nested(parts: list[str], value: Any) -> dict[str, Any]:
    """A value under a name of several parts."""
    first, *rest = parts
    return {first: nested(rest, value) if rest else value}


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """The values of both, section by section; `over` wins."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            value = merge(below, value)
        merged[key] = value
    return merged


def _absolute(values: dict[str, Any], base: Path) -> dict[str, Any]:
    """The same values with paths taken as relative to the file's folder."""

    def walk(name: str, value: Any) -> Any:
        if isinstance(value, dict):
            # keys by name: what they are called says nothing of what they are
            within = "keys" if name == "keys" else None
            return {key: walk(within or str(key), item) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(name, item) for item in value]
        if isinstance(value, str) and name in _PATHS:
            return str(base / Path(value).expanduser())
        if (
            isinstance(value, str)
            and value.startswith("file:")
            and name.endswith(("secret", "keys"))
        ):
            return f"file:{base / Path(value.removeprefix('file:')).expanduser()}"
        return value

    return {key: walk(str(key), value) for key, value in values.items()}
