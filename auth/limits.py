"""How much a principal may run and read, said by role. Knows numbers only; who counts is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

EVERYONE = "*"


@dataclass(frozen=True, slots=True)
class Limits:
    """What bearers of a role may use; None where the role does not say.

    `concurrent` statements at once; per statement `statement_seconds`, `rows` and `result_bytes`;
    `scan_gb_day` gigabytes of files to read in a day, `athena_usd_day` to spend on Athena.
    """

    concurrent: int | None = None
    statement_seconds: int | None = None
    rows: int | None = None
    result_bytes: int | None = None
    scan_gb_day: int | None = None
    athena_usd_day: float | None = None


@dataclass(frozen=True, slots=True)
class Team:
    """What all bearers of a role may use together in a day, as `Limits` says it of one."""

    scan_gb_day: int | None = None
    athena_usd_day: float | None = None


def limits_of(limits: Mapping[str, Limits], roles: Iterable[str]) -> Limits:
    """What bearers of all these roles may use: of each limit the most generous that a role says.

    Roles that say nothing do not count; what is said of everyone is one among the others.
    """
    mine = [limits[role] for role in (*roles, EVERYONE) if role in limits]
    merged: dict[str, Any] = {}
    for field in fields(Limits):
        said = [getattr(entry, field.name) for entry in mine]
        merged[field.name] = max((value for value in said if value is not None), default=None)
    return Limits(**merged)
