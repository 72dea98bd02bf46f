"""The sealed tier: which relations are kept from the process that runs the statement.

Two processes serve such a statement. The feeder holds the files, the filters and the masks, and
sees nothing of the user's text; the worker runs the text over the rows that the feeder sends it,
and may open no file of a sealed table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from catalog.names import fold
from flight_server.engines.base import Relation, Secured
from flight_server.engines.duckdb.relation import received, stream
from flight_server.engines.duckdb.settings import DuckDBSettings
from flight_server.engines.duckdb.setup import Setup, compose

# A relation's view over files, after those that it is made of, and the files that they read.
Rendered = tuple[str, tuple[str, ...]]


def is_sealed(relation: Relation, settings: DuckDBSettings) -> bool:
    """Whether a relation is of the sealed tier: by a tag of its table or columns, or all are.

    One that reads lookups always is: they are whole tables, which the caller may see nothing of;
    and one whose masks hold keys. A view is where anything in it is.
    """
    if relation.table.rows is not None and not _hides(relation):
        return False  # made for this caller, with nothing in it that is hidden
    if settings.seal_all or relation.lookups or relation.keyed:
        return True
    if any(is_sealed(each, settings) for each in relation.below()):
        return True
    tags = {fold(tag) for tag in relation.tags}
    wanted = {fold(tag) for tag in settings.sealed_tags}
    return any(tag == top or tag.startswith(f"{top}.") for tag in tags for top in wanted)


def _hides(relation: Relation) -> bool:
    """Whether anything of the table is kept from its reader."""
    whole = len(relation.columns) == len(relation.table.columns)
    return not whole or relation.needs_barrier or any(c.fields for c in relation.columns)


def setup_of(secured: Secured, rendered: Sequence[Rendered], settings: DuckDBSettings) -> Setup:
    """What the worker of a statement is told; with sealed relations also what its feeder is."""
    kept: dict[Rendered, Relation] = {}
    told: list[Rendered] = []
    open_: list[Relation] = []
    for relation, pair in zip(secured.relations, rendered, strict=True):
        if not is_sealed(relation, settings):
            told.append(pair)
            open_.append(relation)
        elif pair not in kept:
            told.append((received(relation, len(kept)), ()))
            kept[pair] = relation
    if not kept:
        return _composed(secured, told, open_)
    streams = tuple(stream(relation) for relation in kept.values())
    # the session's names and functions are not for what the policy says
    feeding = _composed(secured, list(kept), kept.values())
    feeder = replace(feeding, use=None, functions=(), streams=streams)
    return replace(_composed(secured, told, open_), streams=streams, feeder=feeder)


def _composed(
    secured: Secured, rendered: Sequence[Rendered], relations: Iterable[Relation]
) -> Setup:
    """The setup of rendered relations, with schemas for what those are made of."""
    files = [path for _, paths in rendered for path in paths]
    below = [inner.name.in_schema for each in relations for inner in each.below()]
    return compose(secured, [statement for statement, _ in rendered], files, below)
