"""Whose access a policy can be asked for beforehand: users of a file, and roles by themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from auth.credentials import Credentials, User
from auth.policy import Policy
from auth.principal import Principal

_MARK = "\0role:"  # no group that a policy or a token names can begin so


class BearerKind(StrEnum):
    """What bears rights."""

    USER = "user"
    ROLE = "role"
    RECORDED = "recorded user"


@dataclass(frozen=True, slots=True)
class Bearer:
    """A user with what the users file says of it, or one who bears known roles and no claims."""

    kind: BearerKind
    name: str
    principal: Principal

    @property
    def has_claims(self) -> bool:
        """Whether the bearer's claims are known: a role has different ones with each user."""
        return self.kind is BearerKind.USER

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def by_role(policy: Policy) -> Policy:
    """The same policy, which also knows bearers of a single role; it has decisions of its own."""
    roles = {
        name: replace(role, groups=role.groups | {_MARK + name})
        for name, role in policy.rules.roles.items()
    }
    return Policy(replace(policy.rules, roles=roles))


def user_bearer(user: User) -> Bearer:
    """A user of the users file."""
    return Bearer(
        BearerKind.USER,
        user.name,
        Principal(user.name, user.groups, user.claims, method="password"),
    )


def role_bearer(role: str) -> Bearer:
    """One who bears this role and what it includes, for policies made by `by_role`."""
    return Bearer(BearerKind.ROLE, role, Principal(f"role {role}", frozenset({_MARK + role})))


def recorded_bearer(user: str, roles: Iterable[str]) -> Bearer:
    """A user of whom only the roles are known, for policies made by `by_role`."""
    groups = frozenset(_MARK + role for role in roles)
    return Bearer(BearerKind.RECORDED, user, Principal(user, groups))


def bearers(policies: Iterable[Policy], users: Credentials | None) -> list[Bearer]:
    """The users that may log in, then the roles of all the policies; each sorted by name."""
    known = [] if users is None else users.users()
    roles = sorted({name for policy in policies for name in policy.rules.roles})
    return [
        *(user_bearer(user) for user in known if not user.disabled),
        *(role_bearer(role) for role in roles),
    ]
