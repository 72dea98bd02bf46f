"""Who asks: the authenticated subject of a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated subject with what its credentials say of it.

    `claims` are the verified claims (or those of the credentials file); `groups` is read from them.
    Roles are not here: they follow from groups by the policy in force. `expires_at` is in Unix
    seconds. `method` is `jwt`, `password` or `api_key`. `issuer` is that of a token, else empty.
    """

    subject: str
    groups: frozenset[str] = frozenset()
    claims: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    issuer: str = ""
    token_id: str = ""
    expires_at: int | None = None
    method: str = "jwt"

    @property
    def owner(self) -> str:
        """Whom tickets, sessions and counts belong to: the subject of this issuer, and no other."""
        return owner_of(self.subject, self.issuer)


def owner_of(subject: str, issuer: str) -> str:
    """One text for a subject and who vouches for it: users of the users file have no issuer.

    No subject has a line break in it, so that no two owners have one text.
    """
    return f"{subject}\n{issuer}" if issuer else subject
