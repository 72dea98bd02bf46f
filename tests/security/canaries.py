"""Finds what must not be seen: canaries in rows, names and texts, also those in disguise."""

from __future__ import annotations

import base64
import re

_WORD = "canary"
_DISGUISES = (
    _WORD,
    _WORD[::-1],
    _WORD.encode().hex(),
    base64.b64encode(_WORD.encode()).decode(),
)
_TEXT = re.compile(rf"[\w@.-]*(?:{'|'.join(map(re.escape, _DISGUISES))})[\w@.-]*", re.IGNORECASE)
_OTHERS = re.compile(r"[\w@.-]*canary[-_]x[\w@.-]*|88456\d\d|root:x:0", re.IGNORECASE)
_NUMBERS = re.compile(r"77123\d\d|88456\d\d")
_MACHINE = re.compile(r"root:x:0|/etc/|\.parquet|\.avro|metadata\.json|Traceback")


def found(seen: str, sent: str) -> list[str]:
    """The canaries in what a user saw, less what the statement itself had in it."""
    hits = {m[0] for pattern in (_TEXT, _NUMBERS, _MACHINE) for m in pattern.finditer(seen)}
    return sorted(hit for hit in hits if hit.lower() not in sent.lower())


def of_others(seen: str, sent: str) -> list[str]:
    """Canaries of what is not in the files of the user's own tables."""
    return sorted({m[0] for m in _OTHERS.finditer(seen) if m[0].lower() not in sent.lower()})
