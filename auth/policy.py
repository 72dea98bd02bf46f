"""The only decision: what a principal may read of a table. Pure; knows names and tags, not SQL.

visible(column)  some allow covers it, and no deny does; what nothing allows is hidden
visible(table)   at least one column is visible
order            never matters, nor does how specific a rule is; a deny always wins
unless           is the only exemption, from the one rule that says it
fields           of structs are visible or hidden as columns are; a list or map is one whole
masks            one is applied; of several the highest priority wins, and where two different
                 ones remain the column or field is hidden
row filters      every restrictive one must hold; of the permissive ones on the table at least
                 one of the principal's must hold, so none of them means no rows
claims           that are missing or of the wrong type are not bound: a filter shows no rows
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from auth.grant import Expression, Grant
from auth.identity import Identity
from auth.limits import EVERYONE, Limits, Team, limits_of
from auth.matching import Target, covers_table, given_by, path_of, taken_by, target_of
from auth.narrowing import Narrowed, narrow
from auth.principal import Principal
from auth.rules import GrantRule, Mask, RowFilter, Rules
from catalog.model import Table
from catalog.names import TableName

_log = logging.getLogger(__name__)
_USED = re.compile(r"\$\{claims\.([^}]*)\}")
_NOTHING: frozenset[int] = frozenset()
_Claims = tuple[tuple[str, tuple[str, Any]], ...]  # sorted by name


@dataclass(frozen=True, slots=True)
class Applicable:
    """The rules that are about a bearer of some roles."""

    allows: tuple[GrantRule, ...]
    denies: tuple[GrantRule, ...]
    masks: tuple[Mask, ...]
    restrictive: tuple[RowFilter, ...]
    permissive: tuple[RowFilter, ...]
    confining: tuple[
        RowFilter, ...
    ]  # permissive ones, of others too, that the roles are subject to


@dataclass(frozen=True, slots=True)
class PolicyExpression:
    """An expression of a policy for checking: `kind` is `row filter` or `mask`, `on` its pattern.

    The expression's claims have their types, and None as values.
    """

    expression: Expression
    kind: str
    on: str


@dataclass(frozen=True, slots=True, eq=False)
class _Same:
    """A table compared by identity: quick, and never wrong about tags or types."""

    table: Table

    def __hash__(self) -> int:
        return id(self.table)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.table is self.table


class Policy:
    """Rules, and what follows from them. Safe to use from several threads; never changes.

    `alerting` are the roles whose use operators are told of.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        texts = [f.where for f in rules.row_filters] + [m.using for m in rules.masks]
        self._used = frozenset(name for text in texts for name in _USED.findall(text))
        self.alerting = frozenset(role.name for role in rules.roles.values() if role.alert)
        self._roles = lru_cache(maxsize=1024)(self._roles_of)
        self.applicable = lru_cache(maxsize=1024)(self._applicable)
        self._may_see = lru_cache(maxsize=32_768)(self._may_see_of)
        self._may_know = lru_cache(maxsize=32_768)(self._may_know_of)
        self._decisions = lru_cache(maxsize=32_768)(self._decide)

    @property
    def version(self) -> str:
        """The SHA-256 of the policy's content, in hexadecimal."""
        return self.rules.version

    @property
    def identity(self) -> Identity:
        """How the policy reads claims."""
        return self.rules.identity

    def roles(self, principal: Principal) -> frozenset[str]:
        """The roles that the principal's groups bear, with those they include."""
        return self._roles(principal.groups)

    def decide(self, principal: Principal, table: Table) -> Grant | None:
        """What the principal may read of the table; None where it may not know of it."""
        return self._decisions(self.roles(principal), self._claims(principal), _Same(table))

    def prepared(self, table: Table) -> Target:
        """A table prepared for matching the rules of this policy."""
        return target_of(table, self.rules.tags, self.rules.new_after)

    def may_see(self, principal: Principal, name: TableName) -> bool:
        """Whether a table of this name could be visible; decided without knowing the table.

        False means that `decide` would return None for it, whatever its columns and tags.
        """
        return self._may_see(self.roles(principal), name)

    def _may_see_of(self, roles: frozenset[str], name: TableName) -> bool:
        mine = self.applicable(roles)
        path = path_of(name)
        if any(_whole(rule, path) for rule in mine.denies):
            return False
        return any(rule.on.is_tag or rule.on.glob.after(path) for rule in mine.allows)

    def may_know_of(self, principal: Principal, name: TableName) -> bool:
        """Whether a table of this name is visible for sure, whatever its columns and tags.

        For tables that cannot be read: the error may be told only to those who see the table.
        """
        return self._may_know(self.roles(principal), name)

    def _may_know_of(self, roles: frozenset[str], name: TableName) -> bool:
        mine = self.applicable(roles)
        path = path_of(name)
        if self.rules.new_after is not None:
            return False  # all of its columns may be new
        if any(rule.on.is_tag or rule.on.glob.after(path) for rule in mine.denies):
            return False
        return any(_whole(rule, path) for rule in mine.allows)

    def limits(self, principal: Principal) -> Limits:
        """What the principal may use: of each limit the most generous that its roles say."""
        return limits_of(self.rules.limits, self.roles(principal))

    def teams(self, principal: Principal) -> Mapping[str, Team | None]:
        """The teams that the principal's statements count for: one for each of its roles, and the
        one of everyone; None for those that nothing is said of."""
        roles = (*self.roles(principal), EVERYONE)
        return {role: self.rules.teams.get(role) for role in roles}

    def fingerprint(self, principal: Principal) -> str:
        """The hash of all that decisions for this principal depend on, tables aside."""
        claims = [[name, kind, str(value)] for name, (kind, value) in self._claims(principal)]
        parts = [self.version, principal.subject, sorted(self.roles(principal)), claims]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def expressions(self) -> Iterator[PolicyExpression]:
        """Every expression of the policy, so that a check can compile them."""
        for row_filter in self.rules.row_filters:
            expression = self._untyped(row_filter)
            yield PolicyExpression(expression, "row filter", row_filter.on.text)
        for mask in self.rules.masks:
            expression = self._untyped(mask)
            yield PolicyExpression(expression, "mask", mask.on.text)

    def _decide(self, roles: frozenset[str], claims: _Claims, same: _Same) -> Grant | None:
        table, values = same.table, dict(claims)
        mine = self.applicable(roles)
        target = self.prepared(table)
        given = [(rule, given_by(rule, target)) for rule in mine.allows]
        allowed = _NOTHING.union(*(leaves for _, leaves in given))
        denied = _NOTHING.union(*(taken_by(rule, target) for rule in mine.denies))
        left = allowed - denied - target.ambiguous
        seen = narrow(target, left, mine.masks, lambda mask: _bind(mask, values))
        _warn(table, target, seen)
        if not seen.columns:
            return None
        return Grant(
            columns=tuple(column.name for column in seen.columns),
            masks=MappingProxyType({c.name: c.mask for c in seen.columns if c.mask is not None}),
            restrictive=_filters(mine.restrictive, target, values),
            permissive=_filters(mine.permissive, target, values),
            has_permissive=any(covers_table(rule.on, target) for rule in mine.confining),
            because=tuple(rule.because for rule, leaves in given if leaves),
            tags=target.all_tags,
            fields=MappingProxyType({c.name: c.fields for c in seen.columns if c.fields}),
        )

    def _roles_of(self, groups: frozenset[str]) -> frozenset[str]:
        found: set[str] = set()
        waiting = [r.name for r in self.rules.roles.values() if not r.groups.isdisjoint(groups)]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(self.rules.roles[name].includes)
        return frozenset(found)

    def _applicable(self, roles: frozenset[str]) -> Applicable:
        """The rules that are about a bearer of these roles."""
        rules = self.rules
        grants = [rule for rule in rules.grants if rule.scope.includes(roles)]
        filters = [rule for rule in rules.row_filters if rule.scope.includes(roles)]
        return Applicable(
            allows=tuple(rule for rule in grants if rule.allow),
            denies=tuple(rule for rule in grants if not rule.allow),
            masks=tuple(rule for rule in rules.masks if rule.scope.includes(roles)),
            restrictive=tuple(rule for rule in filters if rule.restrictive),
            permissive=tuple(rule for rule in filters if not rule.restrictive),
            confining=tuple(
                rule
                for rule in rules.row_filters
                if not rule.restrictive and not rule.scope.exempts(roles)
            ),
        )

    def _claims(self, principal: Principal) -> _Claims:
        typed = self.identity.typed(principal.claims)
        return tuple(sorted((name, typed[name]) for name in self._used if name in typed))

    def _untyped(self, rule: RowFilter | Mask) -> Expression:
        types = {claim: (rule.type.sql, None) for claim, rule in self.identity.claims.items()}
        return _bind(rule, types)


def claims_in(sql: str) -> frozenset[str]:
    """The claims that the text of an expression uses."""
    return frozenset(_USED.findall(sql))


def unbound(expression: Expression) -> frozenset[str]:
    """The claims that an expression uses but the principal does not bring."""
    return claims_in(expression.sql) - expression.claims.keys()


def _whole(rule: GrantRule, path: tuple[str, ...]) -> bool:
    """Whether the rule is about every column of a table, by the table's name alone."""
    return not rule.on.is_tag and rule.columns is None and rule.on.glob.matches(path)


def _warn(table: Table, target: Target, seen: Narrowed) -> None:
    """Tell the log what is hidden although no rule says so."""
    alike = target.ambiguous
    for part in target.columns if alike else ():
        if part.leaves <= alike:
            _log.warning("%s hides %s: its name is not unique", table.name, part.column.name)
    for part in seen.conflicts:
        name = target.spelled(part)
        _log.warning("%s hides %s: its masks conflict or do not fit it", table.name, name)


def _filters(
    rules: tuple[RowFilter, ...], target: Target, values: Mapping[str, tuple[str, Any]]
) -> tuple[Expression, ...]:
    found = [rule for rule in rules if covers_table(rule.on, target)]
    found.sort(key=lambda rule: rule.name)
    return tuple(_bind(rule, values) for rule in found)


def _bind(rule: RowFilter | Mask, values: Mapping[str, tuple[str, Any]]) -> Expression:
    """The expression of a rule, with those of the claims that its text uses."""
    sql, built_in = (rule.using, rule.built_in) if isinstance(rule, Mask) else (rule.where, None)
    used = {claim: values[claim] for claim in _USED.findall(sql) if claim in values}
    return Expression(rule.name, sql, MappingProxyType(used), rule.because, built_in, rule.lookups)
