"""Parameters of a statement: what types a client should bind, and whether what it bound fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from catalog.names import fold
from flight_server.engines.base import Secured
from flight_server.query.errors import InvalidParameters
from flight_server.query.parameter_types import announced, cast_type
from flight_server.query.parser import Node, nodes

MAX_BYTES = 1_000_000

_NO_PARAMETERS = pa.schema([])
_LIMITS = ("LIMIT_MODIFIER", "limit", "offset")


def parameter_schema(secured: Secured, tree: Node) -> pa.Schema:
    """A field per parameter in binding order, typed by where the statement uses it.

    A parameter that is compared with a column or cast has that type; one in LIMIT or OFFSET is an
    integer. Any other is text: clients that build parameters from this schema cannot bind to a
    null type.
    """
    if not secured.parameters:
        return _NO_PARAMETERS
    columns = _column_types(secured)
    types: dict[str, pa.DataType] = {}
    for name, kind in _uses(tree, columns):
        types.setdefault(name, announced(kind))
    return pa.schema([pa.field(name, types.get(name, pa.string())) for name in secured.parameters])


def check_parameters(
    secured: Secured, batch: pa.RecordBatch, *, rows: int = 1, size: int = MAX_BYTES
) -> pa.RecordBatch:
    """Rows with a value for each parameter; columns are taken by position.

    `rows` and `size` are how many rows and bytes there may be.
    """
    wanted = len(secured.parameters)
    if batch.num_columns != wanted:
        raise InvalidParameters(
            f"The statement has {wanted} parameters, {batch.num_columns} values were bound."
        )
    if not 1 <= batch.num_rows <= rows:
        raise InvalidParameters(
            f"From 1 to {rows:,} rows of parameters can be bound, {batch.num_rows:,} were."
        )
    if batch.nbytes > size:
        raise InvalidParameters(f"The parameters are larger than {size:,} bytes.")
    columns = [
        column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=list(secured.parameters))


def typical(rows: pa.RecordBatch | None) -> pa.RecordBatch | None:
    """One row that has the types of all: from each column the first value that is not NULL."""
    if rows is None or rows.num_rows == 1:
        return rows
    places = [max(pc.index(column.is_valid(), True).as_py(), 0) for column in rows.columns]
    columns = [column.slice(at, 1) for column, at in zip(rows.columns, places, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=rows.schema)


def _column_types(secured: Secured) -> dict[str, pa.DataType | None]:
    """The type of each column name; None where tables of the statement disagree."""
    types: dict[str, pa.DataType | None] = {}
    for relation in secured.relations:
        for column in relation.columns:
            name = fold(column.name)
            if name in types and types[name] != column.type:
                types[name] = None
            else:
                types[name] = column.type
    return types


def _uses(
    tree: Node, columns: Mapping[str, pa.DataType | None]
) -> Iterator[tuple[str, pa.DataType]]:
    for node in nodes(tree):
        if node.get("type") == _LIMITS[0]:
            siblings, kind = [node.get(key) for key in _LIMITS[1:]], pa.int64()
        elif node.get("class") == "CAST":
            siblings, kind = [node.get("child")], cast_type(node["type_expr"])
        elif node.get("class") in ("COMPARISON", "BETWEEN") or node.get("type") == "COMPARE_IN":
            siblings = _operands(node)
            kind = _compared(siblings, columns)
        else:
            continue
        if kind is None:
            continue
        for sibling in siblings:
            if isinstance(sibling, dict) and sibling.get("class") == "PARAMETER":
                yield str(sibling["identifier"]), kind


def _operands(node: Node) -> list[Any]:
    keys = ("left", "right", "input", "lower", "upper")
    return [node[key] for key in keys if key in node] + list(node.get("children") or [])


def _compared(operands: list[Any], columns: Mapping[str, pa.DataType | None]) -> pa.DataType | None:
    for operand in operands:
        if isinstance(operand, dict) and operand.get("class") == "COLUMN_REF":
            kind = columns.get(fold(str(operand["column_names"][-1])))
            if kind is not None:
                return kind
    return None
