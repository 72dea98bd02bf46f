"""What a policy decides for one principal and one table: the grant, with the reasons for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Reason:
    """Which rule decided something: `rule` is its kind and name, `line` its line in the file."""

    rule: str
    line: int


@dataclass(frozen=True, slots=True)
class Expression:
    """A SQL expression of a policy, still text.

    `sql` has the placeholders `${col}` (masks only) and `${claims.NAME}`; `claims` holds the typed
    values that the principal brings for the latter, as `(DuckDB type name, value)`. They are bound
    as literals when the expression is compiled, never pasted. A claim that is missing is not in
    `claims`: the expression is then false (a filter) or NULL (a mask).
    """

    name: str
    sql: str
    claims: Mapping[str, tuple[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    because: Reason = Reason("", 0)


@dataclass(frozen=True, slots=True)
class Grant:
    """What one principal may read of one table.

    `columns` are the visible ones in table order, as the table spells them. `masks` maps some of
    them to an expression that replaces the value. `restrictive` filters must all hold; of
    `permissive` ones at least one must hold where `has_permissive` says that the table has any
    (none for this principal then means no rows). A row is seen where the outcome is true, not NULL.
    """

    columns: tuple[str, ...]
    masks: Mapping[str, Expression] = field(default_factory=lambda: MappingProxyType({}))
    restrictive: tuple[Expression, ...] = ()
    permissive: tuple[Expression, ...] = ()
    has_permissive: bool = False
    because: tuple[Reason, ...] = ()
