"""The gate: which statements may run at all, whoever asks.

Rules for editors. Rule 1: everything is refused that is not on a list here; a node, key type or
function that a new parser brings is refused until somebody adds it. Rule 2: every dictionary of the
tree is visited, whatever the key it hangs on. Rule 3: names are folded in ASCII only. Rule 4: no
failure lets a statement through.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from threading import BoundedSemaphore
from typing import Any

from catalog.names import fold
from flight_server.query.by_row import is_by_row
from flight_server.query.clauses import Clauses
from flight_server.query.errors import FunctionNotFound, NotAllowed, TooComplex
from flight_server.query.functions import (
    ALLOWED,
    SESSION,
    SESSION_WORDS,
    SETTINGS,
    TABLE_FUNCTIONS,
    names,
)
from flight_server.query.lexical import check_size
from flight_server.query.parser import Node, Parser, characters
from flight_server.query.references import TableReference
from flight_server.query.refused import why_refused, why_refused_in_from
from flight_server.query.suggest import did_you_mean

QUERY_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE"})
TABLE_NODES = frozenset(
    {"BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "EMPTY", "PIVOT"}
)
MODIFIERS = frozenset({"LIMIT_MODIFIER", "ORDER_MODIFIER", "DISTINCT_MODIFIER"})
ORDERS = frozenset({"ORDER_DEFAULT", "ASCENDING", "DESCENDING"})
# The classes of expressions, each with the types that it may have.
EXPRESSIONS: Mapping[str, frozenset[str]] = {
    "BETWEEN": names("COMPARE_BETWEEN COMPARE_NOT_BETWEEN"),
    "CASE": names("CASE_EXPR"),
    "CAST": names("OPERATOR_CAST"),
    "COLLATE": names("COLLATE"),
    "COLUMN_REF": names("COLUMN_REF"),
    "COMPARISON": names(
        """
        COMPARE_EQUAL COMPARE_NOTEQUAL COMPARE_LESSTHAN COMPARE_GREATERTHAN
        COMPARE_LESSTHANOREQUALTO COMPARE_GREATERTHANOREQUALTO COMPARE_DISTINCT_FROM
        COMPARE_NOT_DISTINCT_FROM
        """
    ),
    "CONJUNCTION": names("CONJUNCTION_AND CONJUNCTION_OR"),
    "CONSTANT": names("VALUE_CONSTANT"),
    "FUNCTION": names("FUNCTION"),
    "LAMBDA": names("LAMBDA"),
    "OPERATOR": names(
        """
        ARRAY_CONSTRUCTOR ARRAY_EXTRACT ARRAY_SLICE ARROW COMPARE_IN COMPARE_NOT_IN
        GROUPING_FUNCTION OPERATOR_COALESCE OPERATOR_IS_NOT_NULL OPERATOR_IS_NULL OPERATOR_NOT
        OPERATOR_NULLIF OPERATOR_TRY OPERATOR_UNPACK STRUCT_EXTRACT
        """
    ),
    "PARAMETER": names("VALUE_PARAMETER"),
    "POSITIONAL_REFERENCE": names("POSITIONAL_REFERENCE"),
    "STAR": names("STAR"),
    "SUBQUERY": names("SUBQUERY"),
    "TYPE": names("TYPE"),
    "WINDOW": names(
        """
        WINDOW_AGGREGATE WINDOW_CUME_DIST WINDOW_FILL WINDOW_FIRST_VALUE WINDOW_LAG
        WINDOW_LAST_VALUE WINDOW_LEAD WINDOW_NTH_VALUE WINDOW_NTILE WINDOW_PERCENT_RANK
        WINDOW_RANK WINDOW_RANK_DENSE WINDOW_ROW_NUMBER
        """
    ),
}
# What a dictionary may hold that is no node: arguments, CASE branches, samples, literals, paths.
PLAIN_KEYS = names(
    """
    alias aliases catalog column entries expression id is_null is_percentage key key_targets kind
    map materialized method name named_param_map node path payload_aggregates pivot_enum
    pivot_expressions query_node repeatable sample_rate sample_size schema seed star_expr table
    text then_expr type type_info unpivot_names value values when_expr
    """
)
CAST_TYPES = names(
    """
    bigint binary bit bitstring blob bool boolean bpchar bytea char date datetime dec decimal double
    float float4 float8 guid hugeint int int1 int128 int16 int2 int32 int4 int64 int8 integer
    integral interval json list logical long map nvarchar numeric oid real short signed smallint
    string struct text time timestamp timestamptz timestamptz_ns timestamp_ms timestamp_ns
    timestamp_s timestamp_us timetz time_ns tinyint ubigint uhugeint uint16 uint32 uint64 uint8
    uinteger usmallint utinyint uuid varbinary varchar null array row
    """
) | {
    "time with time zone",
    "timestamp with time zone",
    "timestamp without time zone",
    "time without time zone",
    "double precision",
    "character varying",
}
_AT = "AT cannot be used in this way here."
_CTE = "A common table expression of this kind cannot be used here."
LARGE_TEXT = 10_000
LARGE_AT_ONCE = 2
MAX_NODES = 200_000
MAX_TABLES = 100
MAX_CTES = 500
MAX_PARAMETERS = 1_000

Scope = frozenset[str]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that passed the gate. `parameters` are its names in binding order.

    `text` is the one that was sent, with blanks where it says which states of tables are read.
    `functions` are the session functions that it calls, or may call: a column of the name counts.
    `by_row` is whether each row of the result is made from one row of one table alone.
    """

    text: str
    tables: tuple[TableReference, ...]
    parameters: tuple[str, ...]
    tree: Node = field(repr=False, compare=False)
    functions: frozenset[str] = frozenset()
    by_row: bool = False


class Gate:
    """Parses statements and lets through those that only read. Safe for several threads."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        # A large statement takes up to some seconds and 400 MB to look at, and cannot be stopped.
        self._large = BoundedSemaphore(LARGE_AT_ONCE)

    def check(self, text: str) -> Statement:
        """Let one statement through, or raise `InvalidSql`, `NotAllowed` or `TooComplex`."""
        check_size(text)
        if len(text) <= LARGE_TEXT:
            return self._check(text)
        with self._large:
            return self._check(text)

    def _check(self, text: str) -> Statement:
        clauses = Clauses(text)
        statement = examine(clauses.text, self._parser.tree(clauses.text))
        return replace(statement, tables=clauses.given_to(statement.tables))


def examine(text: str, tree: Node) -> Statement:
    """Let through the statement that a text was parsed to, or raise `NotAllowed`, `TooComplex`."""
    walk = _Walk(text)
    try:
        walk.run(tree)
        parameters = _binding_order(tree)
        by_row = len(walk.tables) == 1 and is_by_row(tree["node"])
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        _log.warning("A syntax tree is not built as it was expected", exc_info=error)
        raise NotAllowed("A part of the statement cannot be used here.") from error
    tables = sorted(walk.tables, key=lambda table: table.position or 0)
    return Statement(text, tuple(tables), parameters, tree, frozenset(walk.functions), by_row)


def _binding_order(tree: Node) -> tuple[str, ...]:
    entries = sorted(tree.get("named_param_map") or [], key=lambda entry: int(entry["value"]))
    if len(entries) > MAX_PARAMETERS:
        raise TooComplex(f"The statement has more than {MAX_PARAMETERS:,} parameters.")
    return tuple(str(entry["key"]) for entry in entries)


class _Walk:
    """One pass over a tree, with a stack of its own: the depth of a statement cannot exhaust it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tables: list[TableReference] = []
        self.functions: set[str] = set()
        self._stack: list[tuple[Any, Scope]] = []
        self._seen = 0
        self._ctes = 0

    def run(self, statement: Node) -> None:
        self._push(statement, frozenset())
        while self._stack:
            value, scope = self._stack.pop()
            self._seen += 1
            if self._seen > MAX_NODES:
                raise TooComplex("The statement has too many parts.")
            if isinstance(value, list):
                for item in value:
                    self._push(item, scope)
            elif isinstance(value, dict):
                self._visit(value, scope)

    def _push(self, value: Any, scope: Scope) -> None:
        if isinstance(value, dict | list):
            self._stack.append((value, scope))

    def _children(self, node: Node, scope: Scope, *, but: tuple[str, ...] = ()) -> None:
        for key, value in node.items():
            if key not in but:
                self._push(value, scope)

    def _visit(self, node: Node, scope: Scope) -> None:
        kind = node.get("type")
        if "class" in node:
            self._expression(node, scope)
        elif not isinstance(kind, str):
            if not node.keys() <= PLAIN_KEYS:
                raise NotAllowed("A part of the statement cannot be used here.")
            self._children(node, scope)
        elif kind in QUERY_NODES:
            self._query(node, kind, scope)
        elif kind in TABLE_NODES:
            self._table(node, kind, scope)
        elif kind in MODIFIERS or kind in ORDERS:
            self._children(node, scope)
        else:
            words = _words(kind, node.get("show_type"))
            raise NotAllowed(f"{words} cannot be used here.", position=self._at(node))

    def _query(self, node: Node, kind: str, scope: Scope) -> None:
        for name, value in _table_expressions(node):
            self._ctes += 1
            if self._ctes > MAX_CTES:
                raise TooComplex(f"The statement has more than {MAX_CTES} table expressions.")
            self._push(value["query_node"], scope)
            self._children(value, scope, but=("query_node",))
            # A name is in scope for what follows it.
            scope = scope | {name}
        if kind == "RECURSIVE_CTE_NODE":
            # Within itself a name stands only for the repeated member: in the first one it is
            # still whatever it was outside, be that a table.
            own = fold(str(node.get("cte_name") or ""))
            self._push(node.get("right"), scope | {own})
            self._children(node, scope, but=("cte_map", "right"))
        else:
            self._children(node, scope, but=("cte_map",))

    def _table(self, node: Node, kind: str, scope: Scope) -> None:
        if kind == "TABLE_FUNCTION":
            self._table_function(node)
        if kind == "BASE_TABLE":
            if node.get("at_clause"):
                raise NotAllowed(_AT, position=self._at(node))
            path = tuple(str(part) for part in node["qualified_name"]["path"])
            if not (len(path) == 1 and fold(path[0]) in scope):
                if len(self.tables) >= MAX_TABLES:
                    raise TooComplex(f"The statement names more than {MAX_TABLES} tables.")
                alias = str(node.get("alias") or "")
                self.tables.append(TableReference(path, self._at(node), alias))
        self._children(node, scope)

    def _table_function(self, node: Node) -> None:
        function = node["function"]
        path = (function.get("qualified_name") or {}).get("path") or []
        name = fold(str(function.get("function_name", "")))
        if function.get("class") != "FUNCTION" or len(path) != 1 or name not in TABLE_FUNCTIONS:
            shown = ".".join(str(part) for part in path)[:100]
            if len(path) == 1 and not _exists(name):
                raise _no_function(shown, TABLE_FUNCTIONS, self._at(node))
            raise NotAllowed(f"Table function {shown!r} cannot be used.", position=self._at(node))

    def _expression(self, node: Node, scope: Scope) -> None:
        kind, exact = str(node["class"]), str(node.get("type"))
        if exact not in EXPRESSIONS.get(kind, ()):
            unknown = exact if kind in EXPRESSIONS else kind
            raise NotAllowed(f"{_words(unknown)} cannot be used here.", position=self._at(node))
        if kind in ("FUNCTION", "WINDOW"):
            self._function(node)
        elif kind == "COLUMN_REF":
            self._column(node)
        elif kind == "TYPE":
            self._type(node)
        self._children(node, scope)

    def _function(self, node: Node) -> None:
        path = [str(part) for part in (node.get("qualified_name") or {}).get("path") or []]
        name = fold(str(node.get("function_name", "")))
        if len(path) != 1 or fold(path[0]) != name or node.get("schema") or node.get("catalog"):
            shown = ".".join(path)[:100]
            raise NotAllowed(f"Function {shown!r} cannot be used.", position=self._at(node))
        if name in SESSION:
            if name == "current_setting":
                _check_setting(node, self._at(node))
            self.functions.add(name)
        elif not _exists(name):
            raise _no_function(name[:100], ALLOWED | SESSION, self._at(node))
        elif name not in ALLOWED and name not in TABLE_FUNCTIONS:
            raise NotAllowed(f"Function {name[:100]!r} cannot be used.", position=self._at(node))
        if node.get("export_state"):
            raise NotAllowed("EXPORT_STATE cannot be used here.", position=self._at(node))

    def _column(self, node: Node) -> None:
        column = node.get("column_names") or []
        if len(column) == 1 and fold(str(column[0])) in SESSION_WORDS:
            self.functions.add(fold(str(column[0])))

    def _type(self, node: Node) -> None:
        path = [str(part) for part in (node.get("qualified_name") or {}).get("path") or []]
        if len(path) != 1 or fold(path[0]) not in CAST_TYPES:
            shown = ".".join(path)[:100]
            raise NotAllowed(f"Type {shown!r} cannot be used.", position=self._at(node))

    def _at(self, node: Node) -> int | None:
        location = node.get("query_location")
        if not isinstance(location, int) or location > len(self.text) * 4:
            return None
        return characters(self.text, location)


def _table_expressions(node: Node) -> Iterator[tuple[str, Node]]:
    """The common table expressions of a query in order, each with its folded name.

    They are not visited as other dictionaries are: what they may hold is looked at here.
    """
    held = node.get("cte_map") or {"map": []}
    for entry in [held, *held["map"]]:
        if not entry.keys() <= ({"map"} if entry is held else {"key", "value"}):
            raise NotAllowed(_CTE)
    for entry in held["map"]:
        value = entry["value"]
        if not value.keys() <= PLAIN_KEYS or not isinstance(value.get("query_node"), dict):
            raise NotAllowed(_CTE)
        yield fold(str(entry["key"])), value


def _exists(name: str) -> bool:
    """Whether DuckDB has a function of the name, allowed or not: all of them are classified."""
    return (
        name in ALLOWED
        or name in SESSION
        or name in TABLE_FUNCTIONS
        or why_refused(name) is not None
        or why_refused_in_from(name) is not None
    )


def _no_function(shown: str, allowed: Scope, position: int | None) -> FunctionNotFound:
    near = did_you_mean(shown, (known for known in allowed if known.isidentifier()))
    return FunctionNotFound(f'Function "{shown}" was not found.{near}', position=position)


def _check_setting(node: Node, position: int | None) -> None:
    arguments = [argument.get("expression") or {} for argument in node.get("arguments") or []]
    literals = [argument.get("literal") or {} for argument in arguments]
    asked = literals[0].get("text") if literals else None
    if asked is None:
        raise NotAllowed("current_setting takes the name of a setting.", position=position)
    if fold(str(asked)) not in SETTINGS:
        near = did_you_mean(str(asked), SETTINGS)
        raise NotAllowed(f'There is no setting "{str(asked)[:100]}".{near}', position=position)


# What a query that tells of a relation was written as.
_SHOWN = {"SUMMARY": "SUMMARIZE", "DESCRIBE": "DESCRIBE", "SHOW_FROM": "SHOW"}


def _words(kind: str, shown: Any = None) -> str:
    if kind == "SHOW_REF":
        return f"{_SHOWN.get(str(shown), 'SHOW')} within a statement"
    return kind.replace("_", " ").lower().capitalize()
