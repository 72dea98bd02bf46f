"""A table as a statement names it."""

from __future__ import annotations

from dataclasses import dataclass

from flight_server.query.versions import Version


@dataclass(frozen=True, slots=True)
class TableReference:
    """A table as the statement names it; `position` is its offset in characters.

    `version` is the state of it that the statement asks for, None where it says nothing.
    """

    parts: tuple[str, ...]
    position: int | None
    alias: str = ""
    version: Version | None = None
