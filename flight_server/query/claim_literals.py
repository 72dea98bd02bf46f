"""Claims as literals in the tree of a policy's expression, never as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flight_server.query.parser import Node

PREFIX = "claim_"
_MAX_LIST = 10_000


class Missing(Exception):
    """The principal lacks a claim that an expression needs."""


def bound(value: Any, claims: Mapping[str, tuple[str, Any]]) -> Any:
    """A copy of a tree with literals for its claims. Raises `Missing`."""
    if isinstance(value, list):
        return [bound(item, claims) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == "COMPARE_IN" or value.get("type") == "COMPARE_NOT_IN":
        return _membership(value, claims)
    if value.get("class") == "PARAMETER":
        kind, claim = _claim(value, claims)
        if isinstance(claim, list | tuple):
            if not claim:
                raise Missing(value["identifier"])
            return _list(kind, claim)
        return _literal(kind, claim)
    if "named_param_map" in value:
        value = {**value, "named_param_map": []}
    return {key: bound(item, claims) for key, item in value.items()}


def _membership(node: Node, claims: Mapping[str, tuple[str, Any]]) -> Node:
    """`x IN (${claims.list})`: the list's values become members.

    An empty list gives NULL, which stays NULL under NOT: it never lets a row through.
    """
    operand, *members = node["children"]
    made: list[Any] = [bound(operand, claims)]
    for member in members:
        if isinstance(member, dict) and member.get("class") == "PARAMETER":
            kind, claim = _claim(member, claims)
            values = claim if isinstance(claim, list | tuple) else [claim]
            made.extend(_literal(_element(kind), value) for value in values)
        else:
            made.append(bound(member, claims))
    if len(made) == 1:
        return _constant("NULL_LITERAL", "")
    return {**node, "children": made}


def _claim(node: Node, claims: Mapping[str, tuple[str, Any]]) -> tuple[str, Any]:
    name = str(node["identifier"]).removeprefix(PREFIX)
    if name not in claims:
        raise Missing(name)
    kind, value = claims[name]
    if value is None or (isinstance(value, list | tuple) and len(value) > _MAX_LIST):
        raise Missing(name)
    return kind, value


def _element(kind: str) -> str:
    return kind.removesuffix("[]")


def _list(kind: str, values: list[Any] | tuple[Any, ...]) -> Node:
    function: Node = {
        "class": "FUNCTION",
        "type": "FUNCTION",
        "alias": "",
        "function_name": "list_value",
        "schema": "main",
        "catalog": "system",
        "qualified_name": {"path": ["system", "main", "list_value"]},
        "filter": None,
        "order_bys": {"type": "ORDER_MODIFIER", "orders": []},
        "distinct": False,
        "is_operator": False,
        "export_state": False,
        "arguments": [
            {"name": "", "expression": _literal(_element(kind), value)} for value in values
        ],
    }
    return function


def _literal(kind: str, value: Any) -> Node:
    """A literal of a claim's declared type: text in a constant node, cast to the type."""
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    return {
        "class": "CAST",
        "type": "OPERATOR_CAST",
        "alias": "",
        "child": _constant("STRING", text),
        "try_cast": False,
        "type_expr": {
            "class": "TYPE",
            "type": "TYPE",
            "alias": "",
            "catalog": "",
            "schema": "",
            "type_name": kind,
            "children": [],
            "qualified_name": {"path": [kind]},
        },
    }


def _constant(kind: str, text: str) -> Node:
    literal = {"kind": kind, "text": text}
    return {"class": "CONSTANT", "type": "VALUE_CONSTANT", "alias": "", "literal": literal}
