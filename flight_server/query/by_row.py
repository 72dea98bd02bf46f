"""Which statements make each row of their result from one row of one table alone.

The parts of such a table give the parts of the result, and its rows come in any order.

Rules for editors. Rule 1: only what is listed here is so; a kind of node, or a function, that
nobody has looked at is not.
"""

from __future__ import annotations

from typing import Any

from catalog.names import fold
from flight_server.query.functions import AGGREGATES, ALLOWED, VOLATILE, WINDOWS, names
from flight_server.query.parser import Node, nodes

# What stands under one row: no SUBQUERY, no WINDOW, no POSITIONAL_REFERENCE.
_EXPRESSIONS = names(
    """
    COLUMN_REF CONSTANT FUNCTION OPERATOR COMPARISON CONJUNCTION CAST CASE STAR BETWEEN LAMBDA
    COLLATE PARAMETER TYPE
    """
)
# Aggregates that DuckDB has as macros, and what makes several rows of one.
_NOT_BY_ROW = names(
    """
    generate_subscripts geomean geometric_mean grouping grouping_id json_group_array
    json_group_object json_group_structure regexp_split_to_table unnest wavg weighted_avg
    """
)
BY_ROW = ALLOWED - AGGREGATES - WINDOWS - VOLATILE - _NOT_BY_ROW
# The parts of a SELECT in which each row stands for itself; all others must be empty.
_SELECT = names("type select_list from_table where_clause aggregate_handling")
_TABLE = names(
    """
    type alias query_location query_location_length schema_name table_name catalog_name
    column_name_alias qualified_name
    """
)


def is_by_row(node: Node) -> bool:
    """Whether a query is so, where the one table that it names is stored."""
    if node.get("type") != "SELECT_NODE":
        return False
    if node.get("aggregate_handling") != "STANDARD_HANDLING" or not _only(node, _SELECT):
        return False
    table = node.get("from_table") or {}
    if table.get("type") != "BASE_TABLE" or not _only(table, _TABLE):
        return False
    expressions = [node.get("select_list"), node.get("where_clause")]
    return all(_by_row(inner) for inner in nodes(expressions))


def _by_row(node: Node) -> bool:
    kind = node.get("class")
    if kind is None:
        # An argument, a CASE's branch or a literal; every call has an order, an empty one.
        named = isinstance(node.get("type"), str)
        return not named or (node["type"] == "ORDER_MODIFIER" and not node.get("orders"))
    if kind == "FUNCTION":
        return fold(str(node.get("function_name", ""))) in BY_ROW and not node.get("filter")
    return kind in _EXPRESSIONS


def _only(node: Node, allowed: frozenset[str]) -> bool:
    return not any(_filled(value) for key, value in node.items() if key not in allowed)


def _filled(value: Any) -> bool:
    """Whether a part of a node says anything; an empty `cte_map` holds an empty list."""
    if isinstance(value, dict):
        return any(_filled(inner) for inner in value.values())
    return bool(value)
