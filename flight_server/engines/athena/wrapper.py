"""Columns as UNLOAD can write them to Parquet without loss.

It writes no moments finer than milliseconds, no zoned ones, no times and no UUIDs: these travel as
text, a zoned moment as its wall clock in UTC.
"""

from __future__ import annotations

from catalog.names import quote
from flight_server.engines.athena.types import TIMESTAMPTZ, Type

_AS_TEXT = ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIME", "UUID", "NULL")


def is_encoded(kind: Type) -> bool:
    """Whether values of a type travel in another form."""
    return kind.has(*_AS_TEXT)


def encoded(sql: str, kind: Type, depth: int = 0) -> str:
    """A value as it travels."""
    if not is_encoded(kind):
        return sql
    if kind == TIMESTAMPTZ:
        return f"CAST(CAST({sql} AT TIME ZONE 'UTC' AS timestamp(6)) AS varchar)"
    if kind.name in _AS_TEXT:
        return f"CAST({sql} AS varchar)"
    if kind.name == "LIST":
        each = f"e{depth}"
        return f"transform({sql}, {each} -> {encoded(each, kind.element, depth + 1)})"
    if kind.name == "MAP":
        key, value = kind.parts[0][1], kind.parts[1][1]
        names = f"k{depth}", f"v{depth}"
        keys = f"transform(map_keys({sql}), {names[0]} -> {encoded(names[0], key, depth + 1)})"
        values = (
            f"transform(map_values({sql}), {names[1]} -> {encoded(names[1], value, depth + 1)})"
        )
        return f"IF({sql} IS NULL, NULL, map({keys}, {values}))"
    parts = ", ".join(
        encoded(f"{sql}.{quote(name.lower())}", part, depth + 1) for name, part in kind.parts
    )
    made = f"CAST(ROW({parts}) AS {sent(kind).trino})"
    return f"CASE WHEN {sql} IS NOT NULL THEN {made} END"


def sent(kind: Type) -> Type:
    """The type in which values of a type travel."""
    if kind.name in _AS_TEXT:
        return Type("VARCHAR")
    return Type(kind.name, kind.precision, kind.scale, tuple((n, sent(t)) for n, t in kind.parts))
