"""The shape of a statement's text: its words without its literals and comments.

Literals are what people look for, and often personal data. Where a text cannot be told apart into
words for sure, it has no shape: then nothing of it is shown.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

MAX_SHAPE = 4_000
STAND_IN = "?"

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<comment>--[^\n\r]*|/\*(?:(?!/\*|\*/).)*\*/)
    | (?P<dollars>\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$)
    | (?P<escaped>[eE]'(?:[^'\\]|\\.|'')*')
    | (?P<text>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<parameter>\$\w+|\?\d*)
    | (?P<number>(?:\d[\w]*(?:\.\w*)?|\.\d\w*)(?:(?<=[eE])[+-]\d+)?)
    | (?P<word>[^\W\d][\w$]*)
    | (?P<mark>[^\w\s'"$/-]|/(?!\*)|-(?!-))
    """,
    re.VERBOSE | re.DOTALL,
)
_LITERALS = frozenset({"dollars", "escaped", "text", "number"})
_LISTS = re.compile(r"\?(?: ?, ?\?)+")
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Shape:
    """`text` has `?` for each literal and is cut where it is long; `digest` is of all of it."""

    text: str
    digest: str


def shape(statement: str) -> Shape | None:
    """The shape of a statement; None where its words cannot be told apart for sure."""
    parts: list[str] = []
    at = 0
    while at < len(statement):
        match = _TOKEN.match(statement, at)
        if match is None:
            return None
        kind, at = match.lastgroup, match.end()
        if kind in ("space", "comment"):
            if parts and parts[-1] != " ":
                parts.append(" ")
        elif kind in _LITERALS:
            parts.append(STAND_IN)
        else:
            parts.append(match[0])
    text = _LISTS.sub("?, …", "".join(parts).strip())
    return Shape(_cut(text), hashlib.sha256(text.encode()).hexdigest()[:32])


def plain_names(text: str) -> str:
    """The text without what is in double quotes, unless it looks like a name.

    In a statement that was refused it may be a value with the wrong quotes.
    """
    return _QUOTED.sub(lambda match: match[0] if _NAME.fullmatch(match[1]) else '"?"', text)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHAPE else text[: MAX_SHAPE - 1] + "…"
