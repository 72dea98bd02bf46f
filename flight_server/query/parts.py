"""Whether a statement's result can be read in parts, and whether it comes in an order.

Rules for editors. Rule 1: only what is listed here is divided; a kind of node, or a function, that
nobody has looked at keeps a statement whole. Rule 2: what is divided makes each row of its result
from one row of its one table alone, so that parts of the table give parts of the result.
"""

from __future__ import annotations

from typing import Any

from catalog.names import fold
from flight_server.query.functions import AGGREGATES, ALLOWED, VOLATILE, WINDOWS, names
from flight_server.query.gate import Statement, nodes
from flight_server.query.parser import Node
from flight_server.query.planned import Planned

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


def may_divide(statement: Statement, planned: Planned) -> bool:
    """Whether a planned statement may be read in parts: it runs once, over one stored table."""
    stored = [relation for relation in planned.secured.relations if relation.table.snapshot]
    once = planned.state.parameters is None or planned.state.parameters.num_rows == 1
    return once and len(stored) == len(planned.secured.relations) == 1 and is_divisible(statement)


def is_divisible(statement: Statement) -> bool:
    """Whether the result over disjoint parts of the table is the result in disjoint parts."""
    node = statement.tree["node"]
    if len(statement.tables) != 1 or node.get("type") != "SELECT_NODE":
        return False
    if node.get("aggregate_handling") != "STANDARD_HANDLING" or not _only(node, _SELECT):
        return False
    table = node.get("from_table") or {}
    if table.get("type") != "BASE_TABLE" or not _only(table, _TABLE):
        return False
    expressions = [node.get("select_list"), node.get("where_clause")]
    return all(_by_row(inner) for inner in nodes(expressions))


def is_ordered(statement: Statement) -> bool:
    """Whether the statement itself, not a part of it, asks for an order."""
    modifiers = statement.tree["node"].get("modifiers") or []
    return any(modifier.get("type") == "ORDER_MODIFIER" for modifier in modifiers)


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
