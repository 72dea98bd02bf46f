"""The principal that `--as USER`, `--group` and `--claim` stand for."""

from __future__ import annotations

import argparse

from auth.credentials import Credentials, CredentialsSource
from auth.principal import Principal
from flight_server.cli.claims import parse_claims
from flight_server.config import ConfigInvalid, Settings


def users_of(settings: Settings | None) -> Credentials | None:
    """The users of the users file, if there is one."""
    if settings is None or settings.auth.users is None:
        return None
    return CredentialsSource(settings.auth.users).current()


def principal_of(users: Credentials | None, options: argparse.Namespace) -> Principal:
    """The user of the users file, or one made of the given groups and claims."""
    groups: set[str] = set(options.group)
    claims = parse_claims(options.claim)
    user = None if users is None else users.user(options.user)
    if user is not None:
        return Principal(user.name, user.groups | groups, {**user.claims, **claims})
    if not groups and not claims:
        raise ConfigInvalid(
            f"user {options.user} is not in the users file; give --group and --claim as its token"
        )
    return Principal(options.user, frozenset(groups), claims)
