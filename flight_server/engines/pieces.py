"""The statements that bring tables of another engine here, and the statement that then runs.

Rules for editors. Rule 1: a piece is a relation as it was secured, with fewer of its columns; it is
narrowed by whoever runs it, as any statement is. Rule 2: a condition on a piece may only be weaker
than what the statement asks, for the statement itself runs over what came.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from catalog.model import Column, Table
from catalog.names import quote
from flight_server.engines.base import AUTO, Relation, RelationColumn, Secured
from flight_server.engines.brought import Brought, Need
from flight_server.engines.errors import Untranslatable

# Raises an `EngineError` where the other engine could not run a statement.
Check = Callable[[Secured, pa.RecordBatch | None, pa.Schema], None]


@dataclass(frozen=True, slots=True)
class Piece:
    """What is asked of the other engine of one relation, which has this number."""

    number: int
    secured: Secured
    schema: pa.Schema


def piece(secured: Secured, number: int, need: Need | None, check: Check) -> Piece:
    """What brings a relation: of its columns and rows what is needed, all where that is not known.

    Raises what `check` does; a condition that cannot be said is left out.
    """
    relation = secured.relations[number]
    wanted = frozenset(c.name for c in relation.columns) if need is None else set(need.columns)
    columns = [column for column in relation.columns if column.name in wanted]
    columns = columns or [min(relation.columns, key=_width)]  # only how many rows there are counts
    schema = pa.schema([pa.field(column.name, column.type) for column in columns])
    narrow = replace(relation, columns=tuple(columns))
    made = Piece(number, _statement(secured, narrow, None if need is None else need.where), schema)
    try:
        check(made.secured, None, schema)
    except Untranslatable:
        if need is None or need.where is None:
            raise
        made = Piece(number, _statement(secured, narrow, None), schema)
        check(made.secured, None, schema)
    return made


def over_brought(secured: Secured, brought: Mapping[int, Brought]) -> Secured:
    """The statement over what was brought, by the numbers of the relations."""
    relations = tuple(
        _local(relation, brought[number]) if number in brought else relation
        for number, relation in enumerate(secured.relations)
    )
    return replace(secured, relations=relations, engine=AUTO, choice=None)


def _local(relation: Relation, rows: Brought) -> Relation:
    """A relation of which nothing is left to hide: all that came is its reader's to see."""
    columns = tuple(
        Column(column.name, column.type, field_id=number)
        for number, column in enumerate(relation.columns, 1)
    )
    shown = tuple(RelationColumn(column.name, column.type) for column in relation.columns)
    return Relation(relation.name, Table(relation.name, columns, rows=rows), shown)


def _statement(secured: Secured, relation: Relation, where: str | None) -> Secured:
    name = relation.name
    full = ".".join(quote(part) for part in (name.catalog, name.schema, name.table))
    text = f"SELECT {_listed(relation.columns)} FROM {full}"  # noqa: S608 - names are quoted
    return replace(
        secured,
        text=text if where is None else f"{text} WHERE {where}",
        relations=(relation,),
        parameters=(),
        functions=(),
        # a filter or a mask may depend on the session's zone, our own condition does not
        time_zone=secured.time_zone if relation.needs_barrier else "UTC",
        choice=None,
    )


def _listed(columns: Sequence[RelationColumn]) -> str:
    return ", ".join(quote(column.name) for column in columns)


def _width(column: RelationColumn) -> int:
    if pa.types.is_nested(column.type):
        return 1 << 16
    try:
        return int(column.type.bit_width)
    except ValueError:  # text and binary have no width
        return 1 << 8
