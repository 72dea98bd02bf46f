"""Whose rights count for what the views of a catalog are made of, by the settings."""

from __future__ import annotations

from auth.principal import Principal
from flight_server.config import ConfigInvalid, Settings


def definers(settings: Settings) -> dict[str, Principal]:
    """The definers by catalog, of those whose views are not read with their readers' rights.

    Raises `ConfigInvalid`.
    """
    found: dict[str, Principal] = {}
    for name, entry in settings.catalogs.items():
        if (entry.views == "definer") != (entry.definer is not None):
            raise ConfigInvalid(
                f"catalogs.{name}.definer: give it with `views: definer`, and only then"
            )
        if entry.definer is not None:
            groups = frozenset(entry.definer_groups)
            found[name] = Principal(entry.definer, groups, {"sub": entry.definer})
    return found
