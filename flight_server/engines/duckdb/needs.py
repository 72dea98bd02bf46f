"""Which columns and rows a statement reads of its relations, as the planner says.

It is asked over stubs of their visible shape alone: no filter, mask or key comes near it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.schema import Schema
from pyiceberg.types import NestedField

from catalog.model import Column, Table
from flight_server.engines.base import Relation, RelationColumn, Secured
from flight_server.engines.brought import Need
from flight_server.engines.duckdb.pushdown import Asked, decode, stub
from flight_server.engines.duckdb.restated import iceberg_type, restated
from flight_server.engines.duckdb.scan.predicate import predicate
from flight_server.engines.duckdb.setup import Setup, compose
from flight_server.engines.duckdb.sqltypes import sql_type

Ask = Callable[[Setup, Secured, pa.RecordBatch | None, float], bytes]


def needs(
    secured: Secured,
    parameters: pa.RecordBatch | None,
    *,
    file: str,
    ask: Ask,
    deadline: float,
) -> Mapping[int, Need]:
    """What a statement reads of its relations, by their numbers.

    `ask` has a planner explain a statement over a setup of stubs, whose empty file is `file`. One
    of which it is not sure is not among them. Raises what `ask` does.
    """
    bare = [_visible(relation) for relation in secured.relations]
    statements = [
        stub(each, number, {c.name: sql_type(c.type) for c in each.table.columns}, file)
        for number, each in enumerate(bare)
    ]
    pushed = decode(ask(compose(secured, statements, []), secured, parameters, deadline))
    found = {number: _need(bare[number], asked) for number, asked in pushed.items()}
    return {number: need for number, need in found.items() if need is not None}


def _visible(relation: Relation) -> Relation:
    """The relation as if what its reader sees were all there is."""
    columns = tuple(
        Column(column.name, column.type, field_id=number)
        for number, column in enumerate(relation.columns, 1)
    )
    shown = tuple(RelationColumn(column.name, column.type) for column in relation.columns)
    return Relation(relation.name, Table(relation.name, columns), shown)


def _need(relation: Relation, scans: list[Asked]) -> Need | None:
    read: set[int] = set()
    for scan in scans:
        if scan.columns is None:
            return None
        read.update(scan.columns)
    columns = relation.table.columns
    names = tuple(column.name for column in columns if column.field_id in read)
    fields = [
        NestedField(column.field_id or 0, f"f{column.field_id}", kind)
        for column in columns
        if (kind := iceberg_type(column.type)) is not None
    ]
    rows = predicate([scan.filters for scan in scans], Schema(*fields))
    if isinstance(rows, AlwaysTrue):
        return Need(names)
    return Need(names, restated(rows, {f"f{c.field_id}": c for c in columns}))
