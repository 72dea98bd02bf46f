"""DuckDB's own parser as a service: SQL text to its syntax tree and back. Runs nothing.

The parser is that of the engine which will run the text, so the two cannot read it differently.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import duckdb

from flight_server.query.errors import InvalidSql, NotAllowed, TooComplex

Node = dict[str, Any]

# What of the parser's messages is told: they repeat words of the statement at most.
_SAID = re.compile(
    r"""syntax\ error\ at\ (?:or\ near\ ".*"|end\ of\ input)|unterminated\ [\w ]+
    |Duplicate\ (?:CTE\ name|entry)\ ".*"|VALUES\ lists\ must\ all\ be\ the\ same\ length
    |window\ ".*"\ (?:does\ not\ exist|is\ already\ defined)""",
    re.VERBOSE,
)
_PIVOT = re.compile(r"\bpivot\b", re.IGNORECASE | re.ASCII)
_WRITE = re.compile(r"\b(?:insert|update|delete|merge|create)\b", re.IGNORECASE | re.ASCII)

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "memory_limit": "256MB",
    "python_enable_replacements": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
_LOCK = "SET enable_external_access = false; SET lock_configuration = true"


class Parser:
    """An empty, locked DuckDB that only parses. Safe to call from several threads."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(":memory:", config=_CONFIG)
        self._connection.execute(_LOCK)
        self._cursors = threading.local()

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        cursor: duckdb.DuckDBPyConnection | None = getattr(self._cursors, "value", None)
        if cursor is None:
            cursor = self._cursors.value = self._connection.cursor()
        return cursor

    def tree(self, text: str) -> Node:
        """The syntax tree of the one SELECT statement that `text` is.

        Raises `InvalidSql` with the place of a syntax error, `NotAllowed` for other statements and
        `TooComplex` where the nesting is too deep to be looked at.
        """
        try:
            parsed: Node = json.loads(self._value("SELECT json_serialize_sql(?::VARCHAR)", text))
        except RecursionError:
            raise TooComplex("The statement is nested too deeply.") from None
        except json.JSONDecodeError:
            # DuckDB's own message is no text where it quotes a part of a letter.
            raise InvalidSql("The statement is not valid SQL.") from None
        if parsed["error"]:
            _refuse(parsed, text)
        statements: list[Node] = parsed["statements"]
        if not statements:
            raise InvalidSql("The statement is empty.")
        if len(statements) > 1:
            raise InvalidSql("Only one statement can be run at a time.")
        return statements[0]

    def text(self, statement: Node) -> str:
        """The text of a syntax tree, as DuckDB prints it."""
        tree = json.dumps({"error": False, "statements": [statement]})
        return self._value("SELECT json_deserialize_sql(?::JSON)", tree)

    def plan(self, text: str) -> Node:
        """What one SELECT over no table is bound to, not optimized.

        Raises `InvalidSql` in the engine's own words, which are not for clients.
        """
        told: Node = json.loads(self._value("SELECT json_serialize_plan(?::VARCHAR)", text))
        if told.get("error", True):
            first = str(told.get("error_message", "")).split("\n", 1)[0]
            raise InvalidSql(f"{str(told.get('error_type', '')).capitalize()}: {first}")
        return told

    def _value(self, sql: str, argument: str) -> str:
        try:
            return str(self._cursor().execute(sql, [argument]).fetchall()[0][0])
        except duckdb.OutOfMemoryException:
            raise TooComplex("The statement is too large to be looked at.") from None


def time_zones() -> frozenset[str]:
    """The names of all time zones that DuckDB knows."""
    with duckdb.connect(":memory:", config=_CONFIG) as connection:
        found = connection.execute("SELECT name FROM pg_timezone_names()").fetchall()
    return frozenset(str(name) for (name,) in found)


def _refuse(parsed: Node, text: str) -> None:
    message = str(parsed.get("error_message", ""))
    if parsed.get("error_type") == "not implemented":
        raise NotAllowed(_not_implemented(message, text))
    if "max expression depth" in message.lower():
        raise TooComplex("The statement is nested too deeply.")
    position = parsed.get("position")
    offset = characters(text, int(position)) if position is not None else None
    known = _SAID.match(message)
    line = known[0].split("\n", 1)[0][:300] if known else "it cannot be parsed"
    raise InvalidSql(f"The statement is not valid SQL: {line}.", position=offset)


def _not_implemented(message: str, text: str) -> str:
    if message.startswith("Mixing named and positional"):
        return "Named and positional parameters cannot be mixed."
    if _PIVOT.search(text) and not _WRITE.search(text):
        # without them, it would be two statements: one that finds the values, and one that runs
        return "PIVOT must list the values with IN: PIVOT t ON c IN ('a', 'b') USING sum(x)."
    return "Only SELECT statements can be run."


def characters(text: str, offset: int) -> int:
    """The offset in characters for the parser's offset in UTF-8 bytes."""
    return len(text.encode()[:offset].decode(errors="ignore"))


def nodes(tree: Any) -> Iterator[Node]:
    """Every dictionary of a tree, parents first."""
    stack = [tree]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            yield value
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)
