"""Whether what a policy's SQL gives depends on the time zone of the session.

The caller chooses the zone: where a filter took a moment apart by it, its edge could be moved. It
is decided on what DuckDB binds the SQL to, with every cast and type that the text does not show.

Rules for editors. Rule 1: an expression that has to do with moments is refused unless it is known
not to look at the zone. Rule 2: what cannot be bound is refused. Rule 3: nothing here is run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa

from auth.errors import PolicyInvalid
from catalog.model import Column, Table
from catalog.names import TableName, fold, quote
from catalog.types import sql_name
from flight_server.query.errors import QueryError
from flight_server.query.functions import names
from flight_server.query.identical import Identical
from flight_server.query.parser import Node, Parser
from flight_server.query.splice import Spliced
from flight_server.query.subqueries import internal_name

_REMEMBERED = 4_096
_TABLES_KEPT = 512
_UNFIT = "does not fit the table"
_NO_COLUMN = '1 AS "no column"'

_CLASSES = names("bound_ref bound_column_ref bound_case bound_conjunction bound_between")
_OPERATORS = names(
    """
    compare_in compare_not_in operator_is_null operator_is_not_null operator_coalesce operator_not
    operator_try grouping_function
    """
)
# What takes moments as the instants that they are. Comparisons have kinds of their own.
_FUNCTIONS = names(
    """
    epoch epoch_ms epoch_us epoch_ns to_timestamp greatest least hash isfinite isinf
    struct_extract struct_pack row list_value list_extract array_extract list_contains
    array_contains list_has array_has len length cardinality map_extract map_extract_value
    element_at map_keys map_values list_min list_max list_count
    count count_star min max first any_value error
    """
)
# A text that is the same moment in each zone.
_MOMENT = re.compile(
    r"\s*(\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,9})?)?\s*(Z|UTC|[+-]\d\d(:?\d\d)?)"
    r"|-?infinity|epoch)\s*",
    re.ASCII | re.IGNORECASE,
)
FAULT = (
    "depends on the time zone of the session, which the caller chooses: first take moments out of"
    " it, as in timezone('UTC', x), and write them with their offset, as in '2026-01-01 00:00+00'"
)


@dataclass(frozen=True, slots=True)
class _Fault:
    """Why an expression is refused; `cause` says it in the engine's words, for operators."""

    text: str
    cause: Exception | None = None


class Zones:
    """Checks expressions over tables, each pair once. Safe for several threads."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self._judged = lru_cache(maxsize=_REMEMBERED)(self._judge)
        self._known: Identical[_Fault | None] = Identical(_TABLES_KEPT)

    def check(
        self,
        rule: str,
        sql: str,
        table: Table,
        lookups: Mapping[str, Table],
        kind: pa.DataType | None = None,
    ) -> None:
        """Look at a compiled filter of a table, or a mask that is cast to a column's `kind`.

        `lookups` are by folded name. Raises `PolicyInvalid` for one that depends on the zone, or
        that does not bind.
        """
        if table.rows is not None:  # made for one call: it is not kept
            fault = self._fault(sql, table, lookups, kind)
        else:
            fault = self._known.get(
                (table, *lookups.values()),
                (sql, kind, *lookups),
                lambda: self._fault(sql, table, lookups, kind),
            )
        if fault is not None:
            raise PolicyInvalid(f"Policy rule {rule!r} {fault.text}.") from fault.cause

    def _fault(
        self, sql: str, table: Table, lookups: Mapping[str, Table], kind: pa.DataType | None
    ) -> _Fault | None:
        told = fold(sql)
        used = [c for c in table.columns if lookups or quote(fold(c.name))[1:-1] in told]
        try:
            beside = ", ".join(
                f"{quote(internal_name(name))} AS ({_empty(lookup.columns)})"
                for name, lookup in lookups.items()
            )
            head = f"WITH {beside} " if beside else ""
            shown = sql if kind is None else f"CAST(({sql}) AS {sql_name(kind)})"
            source = f"({_empty(used)}) AS {quote(table.name.table)}"
            return self._judged(f"{head}SELECT ({shown}) FROM {source}")  # noqa: S608 - compiled
        except ValueError as error:
            return _Fault(_UNFIT, error)

    def _judge(self, statement: str) -> _Fault | None:
        try:
            plan = self._parser.plan(statement)
        except QueryError as error:
            return _Fault(_UNFIT, error)
        return _Fault(FAULT) if any(map(_depends, expressions(plan))) else None


def is_unsettled(tree: Node) -> bool:
    """Whether a syntax tree makes a moment of a text without an offset, whatever the table."""
    return any(
        _is_moment(str((_path(node.get("type_expr")) or [""])[0]))
        and (node["child"].get("literal") or {}).get("kind") == "STRING"
        and not _MOMENT.fullmatch(str(node["child"]["literal"].get("text")))
        for node in _dicts(tree)
        if node.get("class") == "CAST" and isinstance(node.get("child"), dict)
    )


def expressions(plan: Any) -> Iterator[Node]:
    """All bound expressions of a plan, at any depth."""
    return (node for node in _dicts(plan) if "expression_class" in node)


def _empty(columns: Iterable[Column]) -> str:
    nulls = [f"CAST(NULL AS {sql_name(c.type)}) AS {quote(c.name)}" for c in columns]
    return f"SELECT {', '.join(nulls) or _NO_COLUMN}"


def _depends(node: Node) -> bool:
    """Whether one expression may look at the zone."""
    arguments = [each for each in _arguments(node) if "expression_class" in each]
    kind = fold(str(node.get("type", "")))
    if kind == "operator_cast" or node["expression_class"] == "BOUND_CAST":
        return _cast_depends(node, arguments)
    if not any(map(_has_moment, (node, *arguments))):
        return False
    match node["expression_class"]:
        case "BOUND_OPERATOR":
            return kind not in _OPERATORS
        case "BOUND_FUNCTION" | "BOUND_AGGREGATE":
            return not kind.startswith("compare_") and not _is_plain(node, arguments)
        case "BOUND_CONSTANT":
            return not (node.get("value") or {}).get("is_null", False)
        case "BOUND_COMPARISON":
            return False
    return fold(node["expression_class"]) not in _CLASSES


def _cast_depends(node: Node, arguments: list[Node]) -> bool:
    if len(arguments) != 1:
        return True
    (source,) = arguments
    given, made = _type(source), _type(node)
    if not (_mentions_moment(given) or _mentions_moment(made)) or given == made:
        return False
    value = source.get("value") if source["expression_class"] == "BOUND_CONSTANT" else None
    if not isinstance(value, dict):
        return True
    if value.get("is_null"):
        return False
    text = value.get("value")
    told = (made or {}).get("id") if isinstance(made, dict) else None
    return not (isinstance(text, str) and told == _TEXT_TO and _MOMENT.fullmatch(text))


_TEXT_TO = "TIMESTAMP WITH TIME ZONE"


def _is_plain(node: Node, arguments: list[Node]) -> bool:
    """Whether a function of moments is one that does not look at the zone."""
    name = fold(str((_path(node) or [""])[-1]))
    if name == "timezone":
        return len(arguments) == 2
    if name == "make_timestamptz":
        return len(arguments) in (1, 7)  # since 1970, or with a zone
    return name in _FUNCTIONS


def _path(node: Any) -> list[Any]:
    if not isinstance(node, dict):
        return []
    told = node.get("qualified_name") or node.get("qname") or {}
    return list(told.get("path") or [])


def _arguments(node: Node) -> list[Node]:
    """The expressions right below one."""
    found: list[Node] = []
    waiting: list[Any] = [value for key, value in node.items() if key not in _NO_CHILDREN]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            if "expression_class" in value:
                found.append(value)
            else:
                waiting += value.values()
    return found


_NO_CHILDREN = ("return_type", "arguments", "function_data", "value", "qname", "alias")


def _type(node: Node) -> Any:
    return node.get("return_type") or (node.get("value") or {}).get("type")


def _has_moment(node: Node) -> bool:
    return _mentions_moment(_type(node))


def _mentions_moment(kind: Any) -> bool:
    """Whether a type is a moment, or has one within; one that is not told counts as well."""
    return kind is None or any(_is_moment(str(each.get("id", ""))) for each in _dicts(kind))


def _is_moment(name: str) -> bool:
    return "TIME ZONE" in name.upper() or "TZ" in name.upper()


def _dicts(value: Any) -> Iterator[Node]:
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, list):
            waiting += found
        elif isinstance(found, dict):
            yield found
            waiting += found.values()


def depends_on_zone(
    parser: Parser, text: Spliced, tables: Mapping[TableName, Sequence[Column]]
) -> bool:
    """Whether a query over tables of these columns looks at the zone, or cannot be looked at.

    The tables are by the names that were spliced into the text.
    """
    sql = text.over({name: f"({_empty(columns)})" for name, columns in tables.items()})
    try:
        return any(map(_depends, expressions(parser.plan(sql))))
    except QueryError:
        return True
