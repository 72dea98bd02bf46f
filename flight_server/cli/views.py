"""Which views can be read, for commands that look at policies; nothing is run."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import pyarrow as pa

from auth.insides import Reads, anything
from auth.policy import Policy
from auth.principal import Principal
from auth.visible import VisibleCatalog
from catalog.errors import CatalogError
from catalog.model import Table
from catalog.registry import Registry
from flight_server import app
from flight_server.cli.tables import tables
from flight_server.config import Settings
from flight_server.definers import definers
from flight_server.engines.duckdb.shapes import shape_of
from flight_server.engines.errors import BindFailed
from flight_server.query.binding import bind_error
from flight_server.query.expressions import Compiler
from flight_server.query.gate import Gate
from flight_server.query.lookups import LookupTables
from flight_server.query.parser import Parser
from flight_server.query.resolve import Resolved
from flight_server.query.secure import secure
from flight_server.query.shape import Shape
from flight_server.query.views import ViewOpener

_NOBODY = Principal("nobody")


def opener(settings: Settings, registry: Registry) -> ViewOpener:
    """What opens views as the server does, but in this process. Raises `ConfigInvalid`."""
    parser = Parser()
    compiler = Compiler(parser, app.mask_keys(settings))
    # most readers see of a view what others do
    shaped = lru_cache(maxsize=1_024)(lambda shape: shape_of(shape.secured))

    def bind(
        resolved: Resolved, tags: Callable[[Table], frozenset[str]], time_zone: str
    ) -> pa.Schema:
        lookups = LookupTables(registry, tags=tags)
        try:
            return shaped(Shape.of(secure(resolved, compiler, time_zone, lookups=lookups), None))
        except BindFailed as error:
            raise bind_error(error) from error

    return ViewOpener(Gate(parser).check, bind, definers(settings))


def reads(settings: Settings | None, registry: Registry) -> Reads:
    """Whether the inside of a view can be read; without settings there are no views."""
    if settings is None:
        return anything
    opening = opener(settings, registry)

    def readable(policy: Policy, principal: Principal, table: Table) -> bool:
        if table.view is None:
            return True
        try:
            return opening.readable(VisibleCatalog(principal, policy, registry), table)
        except CatalogError:
            return False  # the server refuses it, whoever asks

    return readable


def doubtful(settings: Settings, policy: Policy, registry: Registry) -> tuple[str, ...]:
    """The views that nobody can read, or whose definer cannot, each with the cause."""
    opening = opener(settings, registry)
    visible = VisibleCatalog(_NOBODY, policy, registry)
    found: list[str] = []
    # what cannot be read at all is told of by who looks at tables
    for table in tables(registry, lambda _name, _error: None):
        try:
            if table.view is not None:
                opening.readable(visible, table)
        except CatalogError as error:
            found.append(f"{error}" if error.__cause__ is None else f"{error}: {error.__cause__}")
    return tuple(found)
