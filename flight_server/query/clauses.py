"""The clauses of a statement that say which state of a table is read.

`FOR VERSION AS OF 1`, `FOR TIMESTAMP AS OF '…'` (also SYSTEM_VERSION, SYSTEM_TIME) and DuckDB's
`AT (VERSION => 1)`, `AT (TIMESTAMP => '…')` are found by their words, before the text is parsed,
and blanks put in their place: the parser sees plain tables, and all offsets stay.

Rules for editors. Rule 1: the text with blanks is what passes the gate and what runs, so that words
which are read wrongly here can make a statement fail, never mean something else. Rule 2: each
clause must follow a table that the parser found; one that is left over refuses the statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from catalog.names import fold
from flight_server.query.errors import NotAllowed
from flight_server.query.references import TableReference
from flight_server.query.versions import MAX_SNAPSHOT, Version, VersionKind

# Most statements have none: they are not looked at word by word.
_MAYBE = re.compile(
    r"\b(?:version|timestamp|system_version|system_time)\b", re.IGNORECASE | re.ASCII
)
_AFTER = re.compile(r"\b(?:of|at)\b", re.IGNORECASE | re.ASCII)
_TOKEN = re.compile(
    # what is not closed goes on to the end, so that it is looked at once
    r"""(?P<blank>\s+|--[^\n\r]*)|(?P<comment>/\*)
    |(?P<other>[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z)
        |\$(?P<tag>(?:[^\W\d]\w*)?)\$(?:(?!\$(?P=tag)\$).)*(?:\$(?P=tag)\$|\Z)|`[^`]*(?:`|\Z))
    |(?P<text>'(?:[^']|'')*(?:'|\Z))
    |(?P<quoted>"(?:[^"]|"")*(?:"|\Z))
    |(?P<word>[^\W\d][\w$]*)
    |(?P<number>[0-9][\w.]*)
    |(?P<mark>=>|.)""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r"/\*|\*/")
_UNITS: Mapping[str, bool] = MappingProxyType(
    {"version": False, "system_version": False, "timestamp": True, "system_time": True}
)
_FORMS = frozenset({"timestamp", "timestamptz", "date"})
_OPERAND = (
    "Which state of a table is read must be written out: FOR VERSION AS OF takes the number of a"
    " snapshot or the name of a tag or branch in quotes, FOR TIMESTAMP AS OF a moment in quotes."
)
_PLACE = (
    "Which state is read (FOR VERSION AS OF, FOR TIMESTAMP AS OF, AT) is said right after the name"
    " of a stored table."
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The folded word, or the mark; empty for anything else."""
        return fold(self.text) if self.kind in ("word", "mark") else ""

    @property
    def name(self) -> str | None:
        """The name that it stands for, if it may be one."""
        if self.kind == "quoted":
            return self.text[1:-1].replace('""', '"')
        return self.text if self.kind == "word" else None


@dataclass(frozen=True, slots=True)
class _Clause:
    """From which token to before which, and what it says."""

    first: int
    after: int
    version: Version


class Clauses:
    """The clauses of a text, and the text with blanks in their place."""

    def __init__(self, text: str) -> None:
        """Find them. Raises `NotAllowed` for one whose operand is not written out."""
        self.text = text
        self._tokens: Sequence[_Token] = ()
        self._found: Mapping[int, _Clause] = {}
        if _MAYBE.search(text) and _AFTER.search(text):
            self._tokens = tuple(_tokens(text))
            self._found = {clause.first: clause for clause in _clauses(self._tokens)}
            self.text = _blanked(text, self._tokens, self._found.values())

    def given_to(self, tables: Iterable[TableReference]) -> tuple[TableReference, ...]:
        """The tables with the versions that follow them.

        Raises `NotAllowed` where a clause follows none of them.
        """
        if not self._found:
            return tuple(tables)
        starts = {token.start: number for number, token in enumerate(self._tokens)}
        left, given = dict(self._found), list[TableReference]()
        for table in tables:
            clause = self._after(table, starts)
            if clause is not None:
                left.pop(clause.first, None)
                table = replace(table, version=clause.version)
            given.append(table)
        for clause in left.values():
            raise NotAllowed(_PLACE, position=self._tokens[clause.first].start)
        return tuple(given)

    def _after(self, table: TableReference, starts: Mapping[int, int]) -> _Clause | None:
        """The clause that follows a table, or its alias."""
        at = None if table.position is None else starts.get(table.position)
        if at is None:
            return None
        for number, part in enumerate(table.parts):
            if number:
                if self._word(at) != ".":
                    return None
                at += 1
            if self._name(at) != part:
                return None
            at += 1
        if at in self._found or not table.alias:
            return self._found.get(at)
        at += self._word(at) == "as"
        if self._name(at) != table.alias:
            return None
        return self._found.get(self._past_names(at + 1))

    def _past_names(self, at: int) -> int:
        """Behind a list of names for columns in brackets, where there is one."""
        if self._word(at) != "(":
            return at
        while self._word(at) in ("(", ",") and self._name(at + 1) is not None:
            at += 2
        return at + 1 if self._word(at) == ")" else at

    def _word(self, at: int) -> str:
        return self._tokens[at].word if at < len(self._tokens) else ""

    def _name(self, at: int) -> str | None:
        return self._tokens[at].name if at < len(self._tokens) else None


def _blanked(text: str, tokens: Sequence[_Token], clauses: Iterable[_Clause]) -> str:
    parts, done = list[str](), 0
    for clause in clauses:
        start, end = tokens[clause.first].start, tokens[clause.after - 1].end
        parts += [text[done:start], " " * (end - start)]
        done = end
    return "".join([*parts, text[done:]])


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while found := _TOKEN.match(text, at):
        at = found.end()
        kind = found.lastgroup or "mark"
        if kind == "comment":
            at = _commented(text, at)
        elif kind != "blank":
            yield _Token("other" if kind == "tag" else kind, found[0], found.start(), at)


def _commented(text: str, at: int) -> int:
    """Behind a comment that has begun; there may be others within."""
    depth = 1
    for mark in _COMMENT.finditer(text, at):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(text)


def _clauses(tokens: Sequence[_Token]) -> Iterator[_Clause]:
    at = 0
    while at < len(tokens):
        clause = None
        if tokens[at].word == "for":
            clause = _standard(tokens, at)
        elif tokens[at].word == "at":
            clause = _duckdb(tokens, at)
        if clause is not None:
            yield clause
        at = at + 1 if clause is None else clause.after


def _standard(tokens: Sequence[_Token], at: int) -> _Clause | None:
    words = [token.word for token in tokens[at : at + 4]]
    if len(words) < 4 or words[1] not in _UNITS or words[2:] != ["as", "of"]:
        return None
    version, after = _operand(tokens, at + 4, is_moment=_UNITS[words[1]])
    return _Clause(at, after, version)


def _duckdb(tokens: Sequence[_Token], at: int) -> _Clause | None:
    words = [token.word for token in tokens[at : at + 4]]
    if len(words) < 4 or words[1] != "(" or words[2] not in ("version", "timestamp"):
        return None
    if words[3] != "=>":
        return None
    version, after = _operand(tokens, at + 4, is_moment=_UNITS[words[2]])
    if after >= len(tokens) or tokens[after].word != ")":
        raise NotAllowed(_OPERAND, position=version.position)
    return _Clause(at, after + 1, version)


def _operand(tokens: Sequence[_Token], at: int, *, is_moment: bool) -> tuple[Version, int]:
    """What follows at a place, and the place behind it. Raises `NotAllowed`."""
    operand = tokens[at] if at < len(tokens) else tokens[-1]
    place = operand.start
    if is_moment and operand.word in _FORMS and at + 1 < len(tokens):
        at += 1
        operand = tokens[at]
    if at < len(tokens) and operand.kind == "text":
        kind = VersionKind.MOMENT if is_moment else VersionKind.NAME
        return Version(kind, operand.text[1:-1].replace("''", "'"), place), at + 1
    if at < len(tokens) and operand.kind == "number" and not is_moment:
        digits = operand.text
        if digits.isascii() and digits.isdigit() and int(digits[:20]) <= MAX_SNAPSHOT:
            return Version(VersionKind.SNAPSHOT, str(int(digits)), place), at + 1
    raise NotAllowed(_OPERAND, position=place)
