"""Which declared lookups a SQL text may mean, and rules that would read the table they protect.

Knows words, not SQL: what a text mentions may be more than what it reads, never less.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from auth.globs import GlobInvalid, compile_glob
from auth.rules import Lookup, Pattern
from catalog.names import TableName, fold

_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LEVELS: Final = 3


def table_name(text: str) -> TableName:
    """The one table that a dotted name means. Raises `GlobInvalid`."""
    glob = compile_glob(text)
    names: list[str] = []
    for level in glob.levels:
        if level is None or level.starred is not None or len(level.names) != 1:
            raise GlobInvalid(f"{text!r} must name one table, without stars or braces")
        names += level.names
    if len(names) != _LEVELS:
        raise GlobInvalid(f"{text!r} must be catalog.schema.table")
    return TableName(*names)


def mentioned(sql: str, lookups: Mapping[str, Lookup]) -> Mapping[str, TableName]:
    """The tables of the lookups whose names are words of a text, by folded name."""
    words = {fold(word) for word in _WORD.findall(sql)}
    return MappingProxyType(
        {name: lookup.table for name, lookup in lookups.items() if name in words}
    )


def own_lookup(on: Pattern, lookups: Mapping[str, TableName]) -> str | None:
    """The name of a lookup whose table a rule is about; None where there is none.

    By name only: what is tagged is not known before the table is.
    """
    if on.is_tag:
        return None
    for name, table in lookups.items():
        if on.glob.after((fold(table.catalog), fold(table.schema), fold(table.table))):
            return name
    return None
