"""Which texts of other dialects mean the same in DuckDB's, and may be run as they are.

Nothing is translated. A text that DuckDB's parser reads is let through where all of it is known to
mean the same; what is not named here is refused.

Rules for editors. Rule 1: what gives another value, another type or another order of NULLs in one
of the dialects is not on a list here. Rule 2: what a parser reads as something else there (quotes,
escapes) refuses the text before it is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from catalog.names import fold
from flight_server.query.functions import names
from flight_server.query.parser import Node

OWN = "duckdb"
DIALECTS = frozenset({OWN, "ansi", "trino", "presto", "spark"})
# In Spark "x" is a text and \ an escape; E'…' and $…$ are DuckDB's own, a # is an operator.
_SPARK_MARKS, _MARKS = frozenset('"\\$#`@'), frozenset("$#`@")

_PLAIN = frozenset({"SELECT_NODE", "BASE_TABLE", "SUBQUERY", "EMPTY", "DISTINCT_MODIFIER"})
_JOINS = frozenset({"INNER", "LEFT", "RIGHT", "OUTER"})
_REFERENCES = frozenset({"REGULAR", "CROSS"})
_EXPRESSIONS: Mapping[str, frozenset[str]] = {
    "BETWEEN": names("COMPARE_BETWEEN COMPARE_NOT_BETWEEN"),
    "CASE": names("CASE_EXPR"),
    "COLUMN_REF": names("COLUMN_REF"),
    "COMPARISON": names(
        """
        COMPARE_EQUAL COMPARE_NOTEQUAL COMPARE_LESSTHAN COMPARE_GREATERTHAN
        COMPARE_LESSTHANOREQUALTO COMPARE_GREATERTHANOREQUALTO
        """
    ),
    "CONJUNCTION": names("CONJUNCTION_AND CONJUNCTION_OR"),
    "CONSTANT": names("VALUE_CONSTANT"),
    "FUNCTION": names("FUNCTION"),
    "OPERATOR": names(
        """
        COMPARE_IN COMPARE_NOT_IN OPERATOR_COALESCE OPERATOR_IS_NOT_NULL OPERATOR_IS_NULL
        OPERATOR_NOT OPERATOR_NULLIF
        """
    ),
    "STAR": names("STAR"),
}
_FUNCTIONS = names("count count_star sum min max abs lower upper coalesce nullif + - * ||")
# What these hold has no counterpart elsewhere, or not the same: they must be empty.
_MUST_BE_EMPTY = names(
    """
    sample qualify named_param_map at_clause filter export_state exclude_list replace_list
    rename_list qualified_exclude_list column_name_alias using_columns columns expr
    ranking_expression distinct_on_targets schema catalog
    """
)
_LITERALS = names("INTEGER STRING BOOLEAN NULL_LITERAL")
_DECIMAL = re.compile(r"-?[0-9]+\.[0-9]+")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def why_refused(dialect: str, text: str, tree: Node) -> str | None:
    """Why a text may mean something else in DuckDB's dialect; None where it means the same."""
    if dialect == OWN:
        return None
    if dialect not in DIALECTS:
        return "its dialect is not known here"
    if any(mark in text for mark in (_SPARK_MARKS if dialect == "spark" else _MARKS)):
        return "it has signs that mean something else in another dialect"
    same = all(map(_is_same, _nodes(tree)))
    return None if same else "a part of it is not known to mean the same in all dialects"


def _is_same(node: Node) -> bool:
    if any(node.get(key) for key in _MUST_BE_EMPTY):
        return False
    if (node.get("order_bys") or {}).get("orders") or len(node.get("group_sets") or []) > 1:
        return False
    if node.get("aggregate_handling", "STANDARD_HANDLING") != "STANDARD_HANDLING":
        return False
    kind = node.get("type")
    if "class" in node:
        return _is_same_expression(node)
    match kind:
        case "SET_OPERATION_NODE":
            return node.get("setop_type") == "UNION"
        case "JOIN":
            return node.get("join_type") in _JOINS and node.get("ref_type") in _REFERENCES
        case "ORDER_MODIFIER":  # of an aggregate, where it is looked at with that
            return not node.get("orders")
    return not isinstance(kind, str) or kind in _PLAIN


def _is_same_expression(node: Node) -> bool:
    kind = str(node["class"])
    if kind == "CAST":
        return _is_day(node)
    if kind == "TYPE":
        return fold(str(node.get("type_name", ""))) == "date"
    if node.get("type") not in _EXPRESSIONS.get(kind, ()):
        return False
    if kind == "CONSTANT":
        literal = node.get("literal") or {}
        is_decimal = literal.get("kind") == "NUMERIC" and _DECIMAL.fullmatch(str(literal["text"]))
        return bool(is_decimal) or literal.get("kind") in _LITERALS
    return kind != "FUNCTION" or fold(str(node.get("function_name", ""))) in _FUNCTIONS


def _is_day(node: Node) -> bool:
    """Whether a cast is a literal such as DATE '2026-01-31'."""
    literal = (node.get("child") or {}).get("literal") or {}
    day = literal.get("kind") == "STRING" and _DAY.fullmatch(str(literal.get("text")))
    return bool(day) and not node.get("try_cast")


def _nodes(tree: Any) -> Iterator[Node]:
    waiting = [tree]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
