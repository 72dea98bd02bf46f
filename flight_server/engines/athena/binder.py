"""DuckDB's own parser and binder, asked what a text means: its tree, and the types of its calls.

What reads a statement here is what reads it where DuckDB runs it, so the two cannot differ.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import duckdb

from flight_server.engines.athena.types import Type, from_duck
from flight_server.engines.errors import Untranslatable

Node = dict[str, Any]

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "memory_limit": "256MB",
    "python_enable_replacements": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
_LOCK = "SET TimeZone = 'UTC'; SET enable_external_access = false; SET lock_configuration = true"
_TREE = "SELECT json_serialize_sql(?::VARCHAR, skip_null := true, skip_empty := true)"
_TYPES = 4_096
_TREES = 256


class Binder:
    """An empty, locked DuckDB that parses and binds. Safe to call from several threads."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(":memory:", config=_CONFIG)
        self._connection.execute(_LOCK)
        self._lock = threading.Lock()
        self._type = lru_cache(maxsize=_TYPES)(self._bind)
        self._parsed = lru_cache(maxsize=_TREES)(self._parse)

    def tree(self, text: str) -> Node:
        """The tree of the one SELECT that a text is. Raises `Untranslatable` where it is none."""
        told: Node = json.loads(self._parsed(text))
        if told["error"] or len(told["statements"]) != 1:
            raise Untranslatable("A statement of this kind")
        node: Node = told["statements"][0]["node"]
        return node

    def type(self, call: str, columns: Sequence[Type], position: int | None = None) -> Type:
        """The type of an expression over columns `a0`, `a1`, … of the given types."""
        try:
            return self._type(call, tuple(columns))
        except (duckdb.Error, Untranslatable) as error:
            raise Untranslatable("An expression of this type", position) from error

    def _bind(self, call: str, columns: tuple[Type, ...]) -> Type:
        made = ", ".join(f"CAST(NULL AS {c.duck}) AS a{at}" for at, c in enumerate(columns))
        text = f"SELECT {call} AS bound FROM (SELECT {made or '1'})"  # noqa: S608 - made here
        with self._lock:
            return from_duck(self._connection.sql(text).types[0])

    def _parse(self, text: str) -> str:
        try:
            with self._lock:
                return str(self._connection.execute(_TREE, [text]).fetchall()[0][0])
        except (duckdb.Error, RecursionError) as error:
            raise Untranslatable("A statement of this kind") from error
