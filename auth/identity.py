"""How a policy reads claims: which of them list groups, and which are typed values."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from auth.claims import ClaimType, WrongType, look_up
from auth.errors import Unauthenticated
from auth.subjects import is_subject

_log = logging.getLogger(__name__)
SUBJECT = "sub"


@dataclass(frozen=True, slots=True)
class ClaimRule:
    """A claim that expressions may use: where it is found, and of which type it must be."""

    path: str
    type: ClaimType


@dataclass(frozen=True, slots=True)
class Identity:
    """What a policy reads from verified claims; `user` is the one that names the subject."""

    groups: tuple[str, ...] = ()
    claims: Mapping[str, ClaimRule] = field(default_factory=lambda: MappingProxyType({}))
    user: str = SUBJECT

    def subject_of(self, claims: Mapping[str, Any]) -> str:
        """The subject that claims name.

        Raises `Unauthenticated` where they name none: another claim must not stand in for it.
        """
        named = look_up(claims, self.user)
        if not isinstance(named, str) or not is_subject(named):
            _log.info("Credentials refused: the claim %s names no user", self.user)
            raise Unauthenticated
        return named

    def groups_of(self, claims: Mapping[str, Any]) -> frozenset[str]:
        """The groups that claims list.

        Raises `Unauthenticated` where such a claim is there but not a list of strings: to go on
        without it could drop a group to which something is denied.
        """
        found: set[str] = set()
        for path in self.groups:
            value = look_up(claims, path)
            if value is None:
                continue
            names = [value] if isinstance(value, str) else value
            if not isinstance(names, list | tuple) or not all(isinstance(n, str) for n in names):
                raise Unauthenticated
            found.update(names)
        return frozenset(found)

    def typed(self, claims: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
        """The declared claims as `(DuckDB type, value)`, less those missing or of another type."""
        values: dict[str, tuple[str, Any]] = {}
        for name, rule in self.claims.items():
            found = look_up(claims, rule.path)
            if found is None:
                continue
            try:
                values[name] = (rule.type.sql, rule.type.parse(found))
            except WrongType:
                continue  # as good as missing: the filters that need it show no rows
        return values
