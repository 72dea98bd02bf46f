"""The rules of a policy as values: what a policy file says, checked but not yet applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from auth.globs import Glob, GlobInvalid, Level, compile_glob
from auth.grant import Reason
from auth.identity import Identity
from auth.limits import Limits, Team
from auth.masks import BuiltIn
from catalog.names import TableName

_COLUMN_LEVELS = 4  # catalog, schema, table, column; what follows are fields within it
_TAG = "tag:"


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a rule is about: tables, columns or fields by dotted name, or a tag (`tag:pii`)."""

    text: str
    glob: Glob
    is_tag: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom a rule is about: roles, or everyone where `to` is None; never those in `unless`."""

    to: frozenset[str] | None
    unless: frozenset[str] = frozenset()

    def exempts(self, roles: frozenset[str]) -> bool:
        """Whether `unless` frees a bearer of these roles from the rule."""
        return not self.unless.isdisjoint(roles)

    def includes(self, roles: frozenset[str]) -> bool:
        """Whether the rule is about a bearer of these roles."""
        if self.exempts(roles):
            return False
        return self.to is None or not self.to.isdisjoint(roles)


@dataclass(frozen=True, slots=True)
class ColumnList:
    """Which columns of what a grant names: those in `include` (None: all), less `exclude`."""

    include: tuple[Level, ...] | None
    exclude: tuple[Level, ...] = ()


@dataclass(frozen=True, slots=True)
class GrantRule:
    """An allow or a deny of reading."""

    on: Pattern
    scope: Scope
    allow: bool
    because: Reason
    columns: ColumnList | None = None


@dataclass(frozen=True, slots=True)
class RowFilter:
    """A SQL predicate on the rows of tables."""

    name: str
    on: Pattern
    scope: Scope
    where: str
    because: Reason
    restrictive: bool = True
    lookups: Mapping[str, TableName] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Mask:
    """A SQL expression in the place of a column's value; of several the highest priority wins.

    Where the mask is `built_in`, `using` is a text that tells it from others.
    """

    name: str
    on: Pattern
    scope: Scope
    using: str
    because: Reason
    priority: int = 0
    built_in: BuiltIn | None = None
    lookups: Mapping[str, TableName] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class TagRule:
    """Tags given to tables or columns by name, beside those that the catalog knows."""

    on: Pattern
    tags: frozenset[str]
    because: Reason


@dataclass(frozen=True, slots=True)
class Lookup:
    """A table that the subqueries of filters and masks may read, by the name it has in them."""

    name: str
    table: TableName
    because: Reason


@dataclass(frozen=True, slots=True)
class Role:
    """A role: the groups that bear it and the roles whose rights it includes.

    With `alert`, operators are told of each use: it is meant for emergencies.
    """

    name: str
    groups: frozenset[str] = frozenset()
    includes: frozenset[str] = frozenset()
    alert: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """All that a policy file says. `version` is the hash of its content.

    `limits` are by role; those of everyone under `*`; `teams` likewise. What came into a table
    after `new_after` is new; None where nothing counts as new.
    """

    version: str
    identity: Identity
    roles: Mapping[str, Role]
    tags: tuple[TagRule, ...] = ()
    grants: tuple[GrantRule, ...] = ()
    row_filters: tuple[RowFilter, ...] = ()
    masks: tuple[Mask, ...] = ()
    lookups: Mapping[str, Lookup] = field(default_factory=lambda: MappingProxyType({}))
    limits: Mapping[str, Limits] = field(default_factory=lambda: MappingProxyType({}))
    new_after: datetime | None = None
    teams: Mapping[str, Team] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def has_budgets(self) -> bool:
        """Whether it is said of anybody how much may be used in a day."""
        said: list[Limits | Team] = [*self.limits.values(), *self.teams.values()]
        return any(each.scan_gb_day or each.athena_usd_day for each in said)


def compile_pattern(text: str) -> Pattern:
    """Compile the `on` of a rule. Raises `GlobInvalid`, also for what could never match.

    A pattern that matches nothing would be a denial that does nothing: it is refused.
    """
    if text.startswith(_TAG):
        return Pattern(text, compile_glob(text[len(_TAG) :]), is_tag=True)
    glob = compile_glob(text)
    if not glob.any_depth and glob.fixed < _COLUMN_LEVELS - 1:
        raise GlobInvalid(f"{text!r} names no table: write {text}.** for all within")
    return Pattern(text, glob)


def names_only_columns(pattern: Pattern) -> bool:
    """Whether a pattern can match columns but never a whole table."""
    return not pattern.is_tag and pattern.glob.fixed >= _COLUMN_LEVELS
