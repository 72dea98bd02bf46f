"""Keeps filters and masks from failing: such a row is not seen, such a value is NULL.

A caller's own conditions may choose rows before a filter looks at them. A filter that fails on
values would then say, by its error, whether a row that the caller may not see is among them; a mask
that does would say something of the raw value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from catalog.model import Table
from catalog.names import fold
from flight_server.query.parser import Node, Parser, nodes

_NULLS = frozenset({"OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL"})
_MEMBERS = frozenset({"COMPARE_IN", "COMPARE_NOT_IN"})
_PATTERNS = frozenset({"~~", "!~~", "^@", "starts_with"})
# The sorts of constants by the types that they are cast to.
_SORTS = {
    **dict.fromkeys(("varchar", "text", "string"), "text"),
    **dict.fromkeys(("tinyint", "smallint", "integer", "int", "bigint"), "integer"),
    **{name: name for name in ("double", "boolean", "date", "timestamp")},
    **dict.fromkeys(("timestamptz", "timestamp with time zone"), "instant"),
}
# A literal takes the type of the column that it is compared with.
_LITERAL = "literal"
# With which constants a column of a sort can be compared so that none of its values has to be cast,
# or all can be: a date far off is no timestamp, a long decimal has no room for more digits.
_COMPARED = {
    "text": frozenset({_LITERAL, "text"}),
    "integer": frozenset({_LITERAL, "integer", "decimal", "double"}),
    "decimal": frozenset({_LITERAL, "integer", "decimal", "double"}),
    "double": frozenset({_LITERAL, "integer", "decimal", "double"}),
    "boolean": frozenset({_LITERAL, "boolean"}),
    "date": frozenset({_LITERAL, "date"}),
    "timestamp": frozenset({_LITERAL, "date", "timestamp"}),
    "instant": frozenset({_LITERAL, "instant"}),
}
_ONLY_LITERALS = frozenset({_LITERAL})
# Digits of a number that leave room for those of the other side among the 38 that there are.
_SHORT, _ROOMY = 10, 28

# What a column's values are, by its folded name; one that is of no known sort is not there.
Sorts = Mapping[str, str]


def sorts(table: Table) -> tuple[tuple[str, str], ...]:
    """What the values of a table's columns are, by their folded names."""
    known = ((fold(column.name), _sort(column.type)) for column in table.columns)
    return tuple((name, sort) for name, sort in known if sort)


def guarded(parser: Parser, sql: str, columns: tuple[tuple[str, str], ...]) -> str:
    """A row filter whose conditions are NULL where they would fail, but for those with subqueries.

    Conditions that cannot fail stay as they are: files and row groups are left out by them.
    """
    tree = parser.tree(f"SELECT {sql}")
    (expression,) = tree["node"]["select_list"]
    made = _guarded(expression, dict(columns))
    if made is expression:
        return sql
    node = {**tree["node"], "select_list": [made]}
    return parser.text({**tree, "node": node}).removeprefix("SELECT ")


def tried(parser: Parser, sql: str, kind: str) -> str:
    """A mask as a value of a column's SQL type `kind`, NULL where it cannot be.

    Constants stay as they are, and so do masks with subqueries, which may fail.
    """
    (expression,) = parser.tree(f"SELECT {sql}")["node"]["select_list"]
    if expression.get("class") == "CONSTANT" or any(map(_is_subquery, nodes(expression))):
        return sql
    return f"TRY(CAST(({sql}) AS {kind}))"


def _guarded(node: Node, columns: Sorts) -> Node:
    """What is guarded of a conjunction is each part: one that is NULL shows no row either."""
    if node.get("type") == "CONJUNCTION_AND":
        children = [_guarded(child, columns) for child in node["children"]]
        kept = all(map(_is, children, node["children"]))
        return node if kept else {**node, "children": children}
    if not _may_fail(node, columns) or any(map(_is_subquery, nodes(node))):
        return node
    return {"class": "OPERATOR", "type": "OPERATOR_TRY", "alias": "", "children": [node]}


def _is(one: Node, other: Node) -> bool:
    return one is other


def _is_subquery(node: Node) -> bool:
    return node.get("class") == "SUBQUERY"  # DuckDB has no TRY around one


def _may_fail(node: Node, columns: Sorts) -> bool:
    """Whether a condition may fail on a value: so it is taken where it is not known not to."""
    kind, exact = node.get("class"), node.get("type")
    if kind == "CONJUNCTION" or exact == "OPERATOR_NOT":
        return any(_may_fail(child, columns) for child in node["children"])
    if exact in _NULLS:
        return any(child.get("class") != "COLUMN_REF" for child in node["children"])
    if exact in _MEMBERS:
        return not _comparable(node["children"], columns)
    if kind == "COMPARISON":
        return not _comparable([node["left"], node["right"]], columns)
    if kind == "BETWEEN":
        return not _comparable([node["input"], node["lower"], node["upper"]], columns)
    if kind == "FUNCTION" and node["function_name"] in _PATTERNS:
        operands = [argument["expression"] for argument in node["arguments"]]
        first = operands[0]
        if first.get("class") != "COLUMN_REF" or columns.get(_name(first)) != "text":
            return True
        return not _comparable(operands, columns)
    if kind == "COLUMN_REF":  # anything else would be cast to a truth value
        return columns.get(_name(node)) != "boolean" or len(node["column_names"]) != 1
    return _constant(node) is None


def _comparable(operands: Sequence[Node], columns: Sorts) -> bool:
    """Whether one column is compared with constants that its values can all be compared with."""
    named = [each for each in operands if each.get("class") == "COLUMN_REF"]
    constants = {_constant(each) for each in operands if each.get("class") != "COLUMN_REF"}
    if None in constants or len(named) > 1:
        return False
    if not named:
        return True
    # a field is of a type that is not known here
    sort = columns.get(_name(named[0]), "") if len(named[0]["column_names"]) == 1 else ""
    return constants <= _COMPARED.get(sort, _ONLY_LITERALS)


def _constant(node: Node) -> str | None:
    """Of which sort a constant is; None for what is none, or of no sort that is known here."""
    if node.get("class") == "CONSTANT":
        kind, text = str(node["literal"]["kind"]), str(node["literal"]["text"])
        if kind in ("STRING", "NULL_LITERAL"):
            return _LITERAL
        if kind == "BOOLEAN":
            return "boolean"
        short = sum(map(str.isdigit, text)) <= _SHORT
        if kind in ("INTEGER", "NUMERIC") and "e" in fold(text):
            return "double"
        return {"INTEGER": "integer", "NUMERIC": "decimal"}.get(kind) if short else None
    if node.get("class") == "CAST" and node["child"].get("class") == "CONSTANT":
        path: list[Any] = node["type_expr"]["qualified_name"]["path"]
        return _SORTS.get(fold(str(path[-1])))
    return None


def _name(node: Node) -> str:
    return fold(str(node["column_names"][0]))


def _sort(kind: pa.DataType) -> str | None:
    """The sort of a column's values."""
    types = pa.types
    if types.is_string(kind) or types.is_large_string(kind):
        return "text"
    if types.is_decimal(kind):
        return "decimal" if kind.precision <= _ROOMY else None
    if types.is_timestamp(kind):
        return None if kind.unit == "ns" else "instant" if kind.tz else "timestamp"
    tests = {
        "integer": types.is_integer,
        "double": types.is_floating,
        "boolean": types.is_boolean,
        "date": types.is_date,
    }
    return next((sort for sort, test in tests.items() if test(kind)), None)
