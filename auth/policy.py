"""The only decision: what a principal may read of a table. Pure; knows names and tags, not SQL.

visible(column)  some allow covers it, and no deny does; what nothing allows is hidden
visible(table)   at least one column is visible
order            never matters, nor does how specific a rule is; a deny always wins
unless           is the only exemption, from the one rule that says it
masks            one is applied; of several the highest priority wins, and where two different
                 ones remain the column is hidden
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

from auth.grant import Expression, Grant, Reason
from auth.identity import Identity
from auth.matching import Target, covered, covers_table, path_of, target_of
from auth.principal import Principal
from auth.rules import GrantRule, Mask, RowFilter, Rules
from catalog.model import Table
from catalog.names import TableName

_log = logging.getLogger(__name__)
_USED = re.compile(r"\$\{claims\.([^}]*)\}")
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
    """Rules, and what follows from them. Safe to use from several threads; never changes."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        texts = [f.where for f in rules.row_filters] + [m.using for m in rules.masks]
        self._used = frozenset(name for text in texts for name in _USED.findall(text))
        self._roles = lru_cache(maxsize=1024)(self._roles_of)
        self.applicable = lru_cache(maxsize=1024)(self._applicable)
        self._decisions = lru_cache(maxsize=8192)(self._decide)

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

    def may_see(self, principal: Principal, name: TableName) -> bool:
        """Whether a table of this name could be visible; decided without knowing the table.

        False means that `decide` would return None for it, whatever its columns and tags.
        """
        mine = self.applicable(self.roles(principal))
        path = path_of(name)
        if any(_whole(rule, path) for rule in mine.denies):
            return False
        return any(rule.on.is_tag or rule.on.glob.after(path) for rule in mine.allows)

    def may_know_of(self, principal: Principal, name: TableName) -> bool:
        """Whether a table of this name is visible for sure, whatever its columns and tags.

        For tables that cannot be read: the error may be told only to those who see the table.
        """
        mine = self.applicable(self.roles(principal))
        path = path_of(name)
        if any(rule.on.is_tag or rule.on.glob.after(path) for rule in mine.denies):
            return False
        return any(_whole(rule, path) for rule in mine.allows)

    def fingerprint(self, principal: Principal) -> str:
        """The hash of all that decisions for this principal depend on, tables aside."""
        claims = [[name, kind, str(value)] for name, (kind, value) in self._claims(principal)]
        parts = [self.version, principal.subject, sorted(self.roles(principal)), claims]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def expressions(self) -> Iterator[PolicyExpression]:
        """Every expression of the policy, so that a check can compile them."""
        for row_filter in self.rules.row_filters:
            expression = self._untyped(row_filter.name, row_filter.where, row_filter.because)
            yield PolicyExpression(expression, "row filter", row_filter.on.text)
        for mask in self.rules.masks:
            expression = self._untyped(mask.name, mask.using, mask.because)
            yield PolicyExpression(expression, "mask", mask.on.text)

    def _decide(self, roles: frozenset[str], claims: _Claims, same: _Same) -> Grant | None:
        table, values = same.table, dict(claims)
        mine = self.applicable(roles)
        target = target_of(table, self.rules.tags)
        given = [(rule, rule_covers(rule, target)) for rule in mine.allows]
        allowed = {at for _, columns in given for at in columns}
        denied = {at for rule in mine.denies for at in rule_covers(rule, target)}
        masks, hidden = _masks(mine.masks, target, allowed - denied - target.ambiguous)
        visible = sorted(allowed - denied - hidden - target.ambiguous)
        for at in sorted(hidden | target.ambiguous):
            why = "name is not unique" if at in target.ambiguous else "masks conflict"
            _log.warning("%s hides %s: its %s", table.name, table.columns[at].name, why)
        if not visible:
            return None
        return Grant(
            columns=tuple(table.columns[at].name for at in visible),
            masks=MappingProxyType(
                {
                    table.columns[at].name: _bind(mask.name, mask.using, mask.because, values)
                    for at, mask in sorted(masks.items())
                }
            ),
            restrictive=_filters(mine.restrictive, target, values),
            permissive=_filters(mine.permissive, target, values),
            has_permissive=any(covers_table(rule.on, target) for rule in mine.confining),
            because=tuple(rule.because for rule, columns in given if columns),
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

    def _untyped(self, name: str, sql: str, because: Reason) -> Expression:
        types = {claim: (rule.type.sql, None) for claim, rule in self.identity.claims.items()}
        return _bind(name, sql, because, types)


def rule_covers(rule: GrantRule, target: Target) -> frozenset[int]:
    """The columns of a table, by index, that an allow gives or a deny takes away."""
    found = covered(rule.on, target, within=not rule.allow)
    if rule.columns is None or not found:
        return found
    return frozenset(at for at in found if rule.columns.has(target.columns[at]))


def unbound(expression: Expression) -> frozenset[str]:
    """The claims that an expression uses but the principal does not bring."""
    return frozenset(_USED.findall(expression.sql)) - expression.claims.keys()


def _whole(rule: GrantRule, path: tuple[str, ...]) -> bool:
    """Whether the rule is about every column of a table, by the table's name alone."""
    return not rule.on.is_tag and rule.columns is None and rule.on.glob.matches(path)


def _masks(
    masks: tuple[Mask, ...], target: Target, visible: set[int]
) -> tuple[dict[int, Mask], set[int]]:
    """The mask of each column that has one, and the columns that no single mask can cover."""
    candidates: dict[int, list[Mask]] = {}
    hidden: set[int] = set()
    for mask in masks:
        whole = covered(mask.on, target)
        hidden |= covered(mask.on, target, within=True) - whole  # a part cannot be masked alone
        for at in whole & visible:
            candidates.setdefault(at, []).append(mask)
    chosen: dict[int, Mask] = {}
    for at, found in candidates.items():
        highest = max(mask.priority for mask in found)
        best = [mask for mask in found if mask.priority == highest]
        if len({mask.using for mask in best}) > 1:
            hidden.add(at)
        else:
            chosen[at] = min(best, key=lambda mask: mask.name)
    hidden &= visible
    return {at: mask for at, mask in chosen.items() if at not in hidden}, hidden


def _filters(
    rules: tuple[RowFilter, ...], target: Target, values: Mapping[str, tuple[str, Any]]
) -> tuple[Expression, ...]:
    found = [rule for rule in rules if covers_table(rule.on, target)]
    found.sort(key=lambda rule: rule.name)
    return tuple(_bind(rule.name, rule.where, rule.because, values) for rule in found)


def _bind(
    name: str, sql: str, because: Reason, values: Mapping[str, tuple[str, Any]]
) -> Expression:
    """An expression with those of the claims that its text uses."""
    used = {claim: values[claim] for claim in _USED.findall(sql) if claim in values}
    return Expression(name, sql, MappingProxyType(used), because)
