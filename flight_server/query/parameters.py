"""Parameters of a statement: what types a client should bind, and whether what it bound fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from catalog.names import fold
from flight_server.engines.base import Secured
from flight_server.query.errors import InvalidParameters
from flight_server.query.gate import nodes
from flight_server.query.parser import Node

MAX_BYTES = 1_000_000

_CASTS: Mapping[str, pa.DataType] = {
    "bigint": pa.int64(),
    "blob": pa.binary(),
    "boolean": pa.bool_(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "double": pa.float64(),
    "float": pa.float32(),
    "int": pa.int32(),
    "integer": pa.int32(),
    "real": pa.float32(),
    "smallint": pa.int16(),
    "text": pa.string(),
    "time": pa.time64("us"),
    "timestamp": pa.timestamp("us"),
    "timestamp with time zone": pa.timestamp("us", "UTC"),
    "timestamptz": pa.timestamp("us", "UTC"),
    "tinyint": pa.int8(),
    "varchar": pa.string(),
}
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
        types.setdefault(name, kind)
    return pa.schema([pa.field(name, types.get(name, pa.string())) for name in secured.parameters])


def check_parameters(secured: Secured, batch: pa.RecordBatch) -> pa.RecordBatch:
    """One row with a value for each parameter; columns are taken by position."""
    wanted = len(secured.parameters)
    if batch.num_columns != wanted:
        raise InvalidParameters(
            f"The statement has {wanted} parameters, {batch.num_columns} values were bound."
        )
    if batch.num_rows != 1:
        raise InvalidParameters(f"One row of parameters is needed, {batch.num_rows} were bound.")
    if batch.nbytes > MAX_BYTES:
        raise InvalidParameters(f"The parameters are larger than {MAX_BYTES:,} bytes.")
    return pa.RecordBatch.from_arrays(batch.columns, names=list(secured.parameters))


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
            path = node["type_expr"].get("qualified_name", {}).get("path") or [""]
            siblings, kind = [node.get("child")], _CASTS.get(fold(str(path[-1])))
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
