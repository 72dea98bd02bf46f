"""`flight-server explain --as USER SQL`: which grants apply to a statement, and why."""

from __future__ import annotations

import argparse
from typing import Any

from auth.credentials import CredentialsSource
from auth.explain import explain
from auth.policy_source import PolicySource
from auth.principal import Principal
from auth.visible import VisibleCatalog
from flight_server import app
from flight_server.cli.claims import parse_claims
from flight_server.config import ConfigInvalid, Settings
from flight_server.query.expressions import Compiler
from flight_server.query.failures import failure_of
from flight_server.query.gate import Gate
from flight_server.query.parser import Parser
from flight_server.query.resolve import Defaults, resolve
from flight_server.query.secure import secure


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print the decision for each table of the statement, with the rules and their lines."""
    policy = PolicySource(settings.policy.file).current()
    principal = _principal(settings, options)
    visible = VisibleCatalog(principal, policy, app.catalogs(settings))
    parser = Parser()
    defaults = Defaults(settings.defaults.catalog, settings.defaults.schema_)
    try:
        statement = Gate(parser).check(options.sql)
        resolved = resolve(statement, visible, defaults)
        secured = secure(resolved, Compiler(parser), "UTC")
    except Exception as error:
        # Whatever refuses the statement would refuse it at the server too: told in the same words.
        failure = failure_of(error)
        print(f"refused: {failure.code}: {failure.message}")
        return 1
    for table, relation in zip(resolved.tables, secured.relations, strict=True):
        if table.table.rows is not None:
            print(f"{table.name.table} of information_schema: lists what the user may see\n")
            continue
        print(explain(policy, principal, table.table))
        for column in relation.columns:
            if column.mask is not None:
                print(f"  {column.name} is read as {column.mask}")
        if relation.row_filter is not None:
            print(f"  rows where {relation.row_filter}")
        print()
    if not resolved.tables:
        print("The statement names no tables: every user may run it.")
    return 0


def _principal(settings: Settings, options: argparse.Namespace) -> Principal:
    """The user of the users file, or one made of the given groups and claims."""
    groups: set[str] = set(options.group)
    claims: dict[str, Any] = parse_claims(options.claim)
    user = None
    if settings.auth.users is not None:
        user = CredentialsSource(settings.auth.users).current().user(options.user)
    if user is not None:
        return Principal(user.name, user.groups | groups, {**user.claims, **claims})
    if not groups and not claims:
        raise ConfigInvalid(
            f"user {options.user} is not in the users file; give --group and --claim as its token"
        )
    return Principal(options.user, frozenset(groups), claims)
