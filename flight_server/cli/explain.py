"""`flight-server explain --as USER SQL`: which grants apply to a statement, and why."""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from auth.errors import PolicyInvalid
from auth.explain import explain, shown
from auth.grant import FieldGrant
from auth.policy_source import PolicySource
from auth.visible import VisibleCatalog
from catalog.inspection import about
from catalog.registry import Registry
from flight_server import app
from flight_server.cli.principals import principal_of, users_of
from flight_server.config import Settings
from flight_server.definers import definers
from flight_server.engines.base import RelationColumn
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.query.caller import Caller
from flight_server.query.commands import recognise
from flight_server.query.expressions import Compiler
from flight_server.query.failures import failure_of
from flight_server.query.gate import Gate
from flight_server.query.information import PLACE
from flight_server.query.lookups import LookupTables
from flight_server.query.parser import Parser
from flight_server.query.places import shown_table
from flight_server.query.resolve import Defaults, resolve
from flight_server.query.seal import Sealer, SealKey
from flight_server.query.secure import relation
from flight_server.query.service import QueryService
from flight_server.query.views import FoundViews


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print the decision for each table of the statement, with the rules and their lines.

    Of a statement that is refused, the error that its user gets is told last; the status is 1.
    """
    policies = PolicySource(settings.policy.file)
    principal = principal_of(users_of(settings), options)
    registry = app.catalogs(settings)
    if not _accepted(lambda: recognise(options.sql)):
        return 1
    command = recognise(options.sql) is not None
    if not command:
        # whether what a view is made of can be read is for the planning to tell
        visible = VisibleCatalog(principal, policies.current(), registry, FoundViews())
        if not _accepted(lambda: _tell_tables(settings, visible, registry, options.sql)):
            return 1
    with _planning(settings, registry, policies) as plan:
        if not _accepted(lambda: plan(Caller(principal, "explain"), options.sql)):
            return 1
    if command:
        print(
            f"{principal.subject} may run it: it tells of what they may see, and of nothing else."
        )
    return 0


def _accepted(step: Callable[[], object]) -> bool:
    """Whether a step goes well; else what the user is told is printed."""
    try:
        step()
    except Exception as error:
        # Whatever refuses the statement would refuse it at the server too: told in the same words.
        failure = failure_of(error)
        hint = f" Hint: {failure.hint}" if failure.hint else ""
        print(f"refused: {failure.code}: {failure.message}{hint}")
        if isinstance(error, PolicyInvalid):
            # its user is not told what is wrong with the policy; whoever runs this is
            print(f"the policy: {error.__cause__ or error}")
        return False
    return True


def _tell_tables(
    settings: Settings, visible: VisibleCatalog, registry: Registry, text: str
) -> None:
    """The decision for each table that a statement names."""
    parser = Parser()
    defaults = Defaults(settings.defaults.catalog, settings.defaults.schema_)
    resolved = resolve(Gate(parser).check(text), visible, defaults)
    compiler = Compiler(parser, app.mask_keys(settings))
    lookups = LookupTables(registry)
    policy = PolicySource(settings.policy.file).current()
    for table in resolved.tables:
        narrowed = relation(table, compiler, lookups)
        if table.name.catalog == PLACE:
            print(f"{table.name.table} of information_schema: lists what the user may see\n")
            continue
        shown_name = shown_table(table.name)
        told = about(shown_name) if table.table.rows is not None else None
        if told is not None:
            print(f"{shown_name}: tells of {told[0]} what the user may see of it\n")
            continue
        stored = replace(table.table, name=shown_name)
        print(explain(policy, visible.principal, stored).text(settings.policy.file.name))
        seen = [field for name in table.grant.columns if (field := table.grant.column(name))]
        for path, sql in _masked(narrowed.columns, seen):
            print(f"  {shown(path)} is read as {sql}")
        if narrowed.row_filter is not None:
            print(f"  rows where {narrowed.row_filter}")
        print()
    if not resolved.tables:
        print("The statement names no tables: every user may run it.")


def _masked(
    columns: Sequence[RelationColumn], seen: Sequence[FieldGrant], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], str]]:
    """The masked columns and fields by path, each with what is read in its place."""
    grants = {field.name: field for field in seen}
    for column in columns:
        path, grant = (*above, column.name), grants.get(column.name)
        if column.mask is not None:
            mask = None if grant is None else grant.mask
            # what a built-in mask is compiled to may have the key of a hash in it
            yield path, mask.sql if mask is not None and mask.built_in else column.mask
        yield from _masked(column.fields, grant.fields if grant else (), path)


@contextmanager
def _planning(
    settings: Settings, registry: Registry, policies: PolicySource
) -> Iterator[Callable[[Caller, str], object]]:
    """What plans as the server does, and so refuses what it would refuse; nothing is run."""
    engine = DuckDBEngine(replace(app.engine_settings(settings), workers=1, spare=0))
    try:
        yield QueryService(
            registry,
            policies,
            engine,
            Sealer([SealKey(secrets.token_bytes(32))]),  # nothing is sealed
            defaults=Defaults(settings.defaults.catalog, settings.defaults.schema_),
            mask_keys=app.mask_keys(settings),
            definers=definers(settings),
        ).plan
    finally:
        engine.close()
