"""Relations as the statements that create them, with what they are made of before them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from catalog.model import Table
from flight_server.engines.base import Relation
from flight_server.engines.duckdb.relation import over, view
from flight_server.engines.duckdb.scan.plan import Part
from flight_server.engines.duckdb.scan.scan import Scan
from flight_server.engines.duckdb.scan.wanted import Wanted
from flight_server.engines.duckdb.sealed import Rendered, is_sealed
from flight_server.engines.duckdb.settings import DuckDBSettings
from flight_server.engines.errors import EngineError

_log = logging.getLogger(__name__)

Scanning = Callable[[Table, Part, Wanted | None], Scan]


def render(
    relation: Relation, wanted: Wanted | None, settings: DuckDBSettings, scan: Scanning
) -> Rendered:
    """The statements that create a relation over what `scan` finds of its tables."""
    beneath: list[Rendered] = []
    if relation.inside is not None:
        beneath = [render(each, None, settings, scan) for each in relation.inside.relations]
        source = over(relation.inside, relation.table)
    else:
        if wanted is not None and is_sealed(relation, settings):
            # its worker asks for columns while it runs, and may ask for others
            wanted = replace(wanted, columns=None)
        source = scan(relation.table, relation.part, wanted)
    lookups: dict[str, Scan] = {}
    try:
        for lookup in relation.lookups:
            lookups[lookup.name] = scan(lookup.table, None, None)
    except EngineError:
        _log.warning("%s shows no rows: a lookup cannot be read", relation.name, exc_info=True)
        relation, lookups = relation.closed(), {}
    statements = [*(made for made, _ in beneath), view(relation, source, lookups)]
    files = [path for _, paths in beneath for path in paths]
    files += [path for each in (source, *lookups.values()) for path in each.files]
    return ";\n".join(statements), tuple(files)
