"""What a policy decides for one principal and one table: the grant, with the reasons for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from auth.masks import BuiltIn
from catalog.names import TableName


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
    `claims`: the expression is then false (a filter) or NULL (a mask). `lookups` are the tables
    that its subqueries may read, by the names that they have there. A mask that is `built_in` is no
    SQL: its `sql` only tells it from others.
    """

    name: str
    sql: str
    claims: Mapping[str, tuple[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    because: Reason = Reason("", 0)
    built_in: BuiltIn | None = None
    lookups: Mapping[str, TableName] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class FieldGrant:
    """What is seen of a column or of a struct's field.

    `mask` replaces its value; `fields` are the visible ones of a struct that is not seen as it is,
    in order. With neither, all of it is seen.
    """

    name: str
    mask: Expression | None = None
    fields: tuple[FieldGrant, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether it is seen as it is."""
        return self.mask is None and not self.fields


@dataclass(frozen=True, slots=True)
class Grant:
    """What one principal may read of one table.

    `columns` are the visible ones in table order, as the table spells them. `masks` maps some of
    them to an expression that replaces the value; `fields` maps others, structs of which not all is
    seen as it is, to their visible fields. `restrictive` filters must all hold; of
    `permissive` ones at least one must hold where `has_permissive` says that the table has any
    (none for this principal then means no rows). A row is seen where the outcome is true, not NULL.
    `tags` are all tags of the table and what is in it, hidden columns too, with their ancestors.
    """

    columns: tuple[str, ...]
    masks: Mapping[str, Expression] = field(default_factory=lambda: MappingProxyType({}))
    restrictive: tuple[Expression, ...] = ()
    permissive: tuple[Expression, ...] = ()
    has_permissive: bool = False
    because: tuple[Reason, ...] = ()
    tags: frozenset[str] = frozenset()
    fields: Mapping[str, tuple[FieldGrant, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )

    def column(self, name: str) -> FieldGrant | None:
        """What is seen of one column; None where it is hidden."""
        if name not in self.columns:
            return None
        return FieldGrant(name, self.masks.get(name), self.fields.get(name, ()))

    def all_masks(self) -> Iterator[tuple[str, Expression]]:
        """All masks of columns and of fields within them, with the name of the column."""
        yield from self.masks.items()
        for name, fields in self.fields.items():
            waiting = list(fields)
            while waiting:
                each = waiting.pop()
                waiting += each.fields
                if each.mask is not None:
                    yield name, each.mask
