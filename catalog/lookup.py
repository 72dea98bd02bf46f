"""How a name that a user typed finds the one that a source spells."""

from __future__ import annotations

from collections.abc import Iterable

from catalog.errors import UnsupportedTable
from catalog.names import fold


def match(names: Iterable[str], wanted: str) -> str | None:
    """The spelling of `wanted` among `names`: exact, else the only one that folds alike.

    None where nothing fits, and where several do and none exactly: guessing could give away a
    table other than the one that a policy speaks of.
    """
    known = list(names)
    if wanted in known:
        return wanted
    folded = fold(wanted)
    alike = [name for name in known if fold(name) == folded]
    return alike[0] if len(alike) == 1 else None


def refuse_alike(names: Iterable[str]) -> None:
    """Raise `UnsupportedTable` where columns or fields could not be told apart by a user."""
    listed = [fold(name) for name in names]
    if len(set(listed)) != len(listed):
        raise UnsupportedTable("The table has columns whose names differ only in case")


class Names:
    """Names, each once, prepared for many look-ups by the same rule."""

    __slots__ = ("_exact", "_folded")

    def __init__(self, names: Iterable[str]) -> None:
        self._exact = frozenset(names)
        self._folded: dict[str, str | None] = {}
        for name in self._exact:
            folded = fold(name)
            self._folded[folded] = None if folded in self._folded else name

    def match(self, wanted: str) -> str | None:
        """The spelling of `wanted`; see `match`."""
        return wanted if wanted in self._exact else self._folded.get(fold(wanted))
