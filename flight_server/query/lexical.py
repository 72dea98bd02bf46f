"""How large a statement is before it is parsed, so that parsing cannot be made expensive.

The parser takes time and stack that grow faster than the text for some shapes, and cannot be
interrupted. Knows quotes and comments only; where it cannot be sure of those it counts too much.
"""

from __future__ import annotations

import re

from flight_server.query.errors import InvalidSql, TooComplex

MAX_TEXT = 1_000_000
MAX_TOKENS = 40_000
MAX_BRACKETS = 150
# ROLLUP and CUBE are multiplied out while they are parsed, into up to 65,535 sets.
MAX_GROUPING_TERMS = 50
MAX_GROUPING_UNSURE = 300

# What is quoted, from left to right. Behind the first escapes in a string, dollar quotes or nested
# comments it is not certain any more.
_UNSURE = r"""(?<!\w)[eE]'|\$\w*\$|/\*(?:(?!\*/).)*/\*"""
_QUOTED = re.compile(
    rf"""(?P<unsure>{_UNSURE})|'[^']*'|"[^"]*"|--[^\n\r]*|/\*(?:(?!\*/).)*\*/""", re.DOTALL
)
_TOKEN = re.compile(r"\w+|[^\w\s]")
_BRACKET = re.compile(r"[(\[{)\]}]")
_MARK = re.compile(r"[(\[{)\]},]")
_GROUPING = re.compile(r"(?:rollup|cube|sets)\s*\(", re.IGNORECASE | re.ASCII)
_GROUPING_WORD = re.compile(r"rollup|cube|sets", re.IGNORECASE | re.ASCII)


def check_size(text: str) -> None:
    """Refuse a text that would cost too much to parse.

    Raises `TooComplex`, and `InvalidSql` for what no statement can contain.
    """
    if len(text) > MAX_TEXT:
        raise TooComplex(f"The statement is longer than {MAX_TEXT:,} characters.")
    _check_characters(text)
    unsure = any(piece["unsure"] for piece in _QUOTED.finditer(text))
    bare = text if unsure else _QUOTED.sub(_stand_in, text)
    tokens = sum(1 for _ in _TOKEN.finditer(bare))
    if tokens > MAX_TOKENS:
        raise TooComplex("The statement has too many parts.")
    if unsure and tokens > MAX_GROUPING_UNSURE and _GROUPING_WORD.search(bare):
        raise TooComplex("The statement has too many grouping sets.")
    if not unsure and _grouping_terms(bare) > MAX_GROUPING_TERMS:
        raise TooComplex("The statement has too many grouping sets.")
    if _depth(bare, unsure) > MAX_BRACKETS:
        raise TooComplex("The statement is nested too deeply.")


def _stand_in(match: re.Match[str]) -> str:
    """What is left of something quoted: a word of a text or name, a space of a comment."""
    return " s " if match[0][0] in "'\"" else " "


def _check_characters(text: str) -> None:
    if "\0" in text:
        raise InvalidSql("The statement contains a NUL character.", position=text.index("\0"))
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidSql("The statement is not valid Unicode text.", position=error.start) from None


def _depth(text: str, unsure: bool) -> int:
    """The deepest nesting of brackets; all of them on top of each other where one is unsure."""
    depth = deepest = 0
    for bracket in _BRACKET.findall(text):
        if bracket in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif depth and not unsure:
            depth -= 1
    return deepest


def _grouping_terms(text: str) -> int:
    """How many expressions ROLLUP, CUBE and GROUPING SETS list in all; stops when too many."""
    terms = 0
    for match in _GROUPING.finditer(text):
        terms += 1
        depth = 1
        for mark in _MARK.finditer(text, match.end()):
            depth += (mark[0] in "([{") - (mark[0] in ")]}")
            terms += mark[0] == ","
            if depth == 0 or terms > MAX_GROUPING_TERMS:
                break
        if terms > MAX_GROUPING_TERMS:
            break
    return terms
