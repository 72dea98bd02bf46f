"""The nearest name to one that was not found: "Did you mean …?".

What is suggested depends on the name asked for and on visible names alone, so that what is hidden
and what does not exist are told in the same words.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from catalog.names import fold

_LONGEST = 128
_NEAR = 0.8


def nearest(asked: str, known: Iterable[str]) -> str | None:
    """The known name that is most like the one asked for; None where none is close."""
    spelled: Mapping[str, str] = {fold(name): name for name in known if len(name) <= _LONGEST}
    if len(asked) > _LONGEST:
        return None
    found = difflib.get_close_matches(fold(asked), sorted(spelled), n=1, cutoff=_NEAR)
    return spelled[found[0]] if found else None


def did_you_mean(asked: str, known: Iterable[str]) -> str:
    """What to add to an error of a name; empty where no known name is close."""
    found = nearest(asked, known)
    return f" Did you mean {found}?" if found is not None else ""
