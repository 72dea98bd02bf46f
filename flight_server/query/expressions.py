"""Compiles the SQL expressions of a policy: row filters and masks.

Rules for editors. Rule 1: a claim becomes a literal node of the tree, never text. Rule 2: every
function is qualified to `system.main`, so that nothing a session could make shadows it. Rule 3:
what cannot be compiled raises; no failure gives an expression that shows more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from auth.errors import PolicyInvalid
from auth.grant import Expression
from catalog.names import fold, quote
from flight_server.query.errors import QueryError
from flight_server.query.functions import AGGREGATES, ALLOWED, TABLE_FUNCTIONS, VOLATILE, WINDOWS
from flight_server.query.gate import CAST_TYPES, nodes
from flight_server.query.parser import Node, Parser

_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
_CLAIM = re.compile(r"claims\.([A-Za-z_][A-Za-z0-9_]*)")
_NODES = frozenset(
    {"COLUMN_REF", "CONSTANT", "FUNCTION", "OPERATOR", "COMPARISON", "CONJUNCTION", "CAST"}
    | {"CASE", "BETWEEN", "COLLATE", "PARAMETER", "TYPE"}
)
_PREFIX = "claim_"
_MAX_LIST = 10_000

FALSE = "false"
NULL = "NULL"


class Missing(Exception):
    """The principal lacks a claim that an expression needs."""


class Compiler:
    """Turns expressions into DuckDB SQL over a table's raw columns. Safe for several threads."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self._template = lru_cache(maxsize=4_096)(self._parse)
        self._compiled = lru_cache(maxsize=16_384)(self._compile)

    def filter(self, expression: Expression, columns: frozenset[str]) -> str:
        """A row filter; where a claim is missing it lets no row through."""
        return self._compiled(_Key(expression), columns, None) or FALSE

    def mask(self, expression: Expression, columns: frozenset[str], column: str) -> str:
        """A mask for `column`; where a claim is missing the value is NULL."""
        return self._compiled(_Key(expression), columns, column) or NULL

    def check(self, expression: Expression, column: str | None = None) -> None:
        """Check what can be checked without a table; raises `PolicyInvalid`."""
        self._template(expression.sql, expression.name, column)

    def _compile(self, key: _Key, columns: frozenset[str], column: str | None) -> str | None:
        """The text, or None where a claim is missing."""
        expression = key.expression
        template = self._template(expression.sql, expression.name, column)
        unknown = template.columns - {fold(name) for name in columns}
        if unknown:
            raise PolicyInvalid(f"Policy rule {expression.name!r} does not fit the table.")
        try:
            tree = _bound(template.tree, expression.claims)
        except Missing:
            return None
        return self._parser.text(tree).removeprefix("SELECT ")

    def _parse(self, sql: str, name: str, column: str | None) -> _Template:
        try:
            tree = self._parser.tree(f"SELECT {_placeholders(sql, name, column)}")
        except QueryError as error:
            raise PolicyInvalid(f"Policy rule {name!r} is not valid SQL: {error}") from error
        return _Template(tree, name)


class _Key:
    """An expression compared by all that its text depends on: the SQL and its claims' values."""

    def __init__(self, expression: Expression) -> None:
        self.expression = expression
        self._all = (expression.name, expression.sql, repr(sorted(expression.claims.items())))

    def __hash__(self) -> int:
        return hash(self._all)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._all == other._all


class _Template:
    """A checked expression whose claims are still parameters of its tree."""

    def __init__(self, tree: Node, name: str) -> None:
        select = tree["node"]
        if select.get("type") != "SELECT_NODE" or len(select["select_list"]) != 1:
            raise PolicyInvalid(f"Policy rule {name!r} must be one expression.")
        rest = {key: value for key, value in select.items() if key not in _EXPECTED}
        if select["from_table"].get("type") != "EMPTY" or any(rest.values()):
            raise PolicyInvalid(f"Policy rule {name!r} must be one expression without FROM.")
        self.tree = tree
        self.columns: set[str] = set()
        for node in nodes(select["select_list"]):
            if "class" in node:
                self._check(node, name)

    def _check(self, node: Node, name: str) -> None:
        kind = str(node["class"])
        if kind not in _NODES:
            raise PolicyInvalid(f"Policy rule {name!r} uses {kind}, which is not allowed there.")
        if kind == "COLUMN_REF":
            self.columns.add(fold(str(node["column_names"][0])))
        elif kind == "FUNCTION":
            _qualify(node, name)
        elif kind == "PARAMETER":
            if not str(node["identifier"]).startswith(_PREFIX):
                raise PolicyInvalid(f"Policy rule {name!r} has a parameter; use ${{claims.NAME}}.")
        elif kind == "TYPE":
            path = node["qualified_name"]["path"]
            if len(path) != 1 or fold(str(path[0])) not in CAST_TYPES:
                raise PolicyInvalid(f"Policy rule {name!r} uses a type that is not allowed.")


_EXPECTED = ("type", "select_list", "from_table", "aggregate_handling", "cte_map")


def _placeholders(sql: str, name: str, column: str | None) -> str:
    def replace(match: re.Match[str]) -> str:
        inner = match.group(1).strip()
        if inner == "col" and column is not None:
            return quote(column)
        claim = _CLAIM.fullmatch(inner)
        if claim is None:
            raise PolicyInvalid(f"Policy rule {name!r} has an unknown placeholder {inner!r}.")
        return f"${_PREFIX}{claim.group(1)}"

    return _PLACEHOLDER.sub(replace, sql)


def _qualify(node: Node, name: str) -> None:
    function = fold(str(node.get("function_name", "")))
    path = (node.get("qualified_name") or {}).get("path") or []
    if len(path) != 1 or function not in ALLOWED:
        raise PolicyInvalid(f"Policy rule {name!r} calls {function!r}, which is not allowed.")
    if function in AGGREGATES | WINDOWS | VOLATILE | TABLE_FUNCTIONS:
        raise PolicyInvalid(f"Policy rule {name!r} calls {function!r}, which is not per row.")
    if not node.get("is_operator"):
        node["catalog"], node["schema"] = "system", "main"
        node["qualified_name"] = {"path": ["system", "main", function]}


def _bound(value: Any, claims: Mapping[str, tuple[str, Any]]) -> Any:
    """A copy of a tree with literals for its claims."""
    if isinstance(value, list):
        return [_bound(item, claims) for item in value]
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
    return {key: _bound(item, claims) for key, item in value.items()}


def _membership(node: Node, claims: Mapping[str, tuple[str, Any]]) -> Node:
    """`x IN (${claims.list})`: the list's values become members.

    An empty list gives NULL, which stays NULL under NOT: it never lets a row through.
    """
    operand, *members = node["children"]
    bound: list[Any] = [_bound(operand, claims)]
    for member in members:
        if isinstance(member, dict) and member.get("class") == "PARAMETER":
            kind, claim = _claim(member, claims)
            values = claim if isinstance(claim, list | tuple) else [claim]
            bound.extend(_literal(_element(kind), value) for value in values)
        else:
            bound.append(_bound(member, claims))
    if len(bound) == 1:
        return _constant("NULL_LITERAL", "")
    return {**node, "children": bound}


def _claim(node: Node, claims: Mapping[str, tuple[str, Any]]) -> tuple[str, Any]:
    name = str(node["identifier"]).removeprefix(_PREFIX)
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
