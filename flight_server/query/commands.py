"""Statements other than SELECT that tools send: SHOW, DESCRIBE, EXPLAIN, USE, SET and the like.

They are recognised before the gate by their first word and must then be of exactly one of the forms
here. Knows no catalog and no users: what they stand for is said elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from catalog.names import fold
from flight_server.query.errors import InvalidSql, NotAllowed
from flight_server.query.unserved import UNSERVED


@dataclass(frozen=True, slots=True)
class Name:
    """A name as it was written, and where: an offset in characters."""

    parts: tuple[str, ...]
    position: int


@dataclass(frozen=True, slots=True)
class ShowTables:
    """`SHOW TABLES [FROM schema] [LIKE 'pattern']`."""

    schema: Name | None
    like: str | None


@dataclass(frozen=True, slots=True)
class ShowAllTables:
    """`SHOW ALL TABLES`."""


@dataclass(frozen=True, slots=True)
class ShowSchemas:
    """`SHOW SCHEMAS [FROM catalog]`."""

    catalog: Name | None


@dataclass(frozen=True, slots=True)
class ShowCatalogs:
    """`SHOW DATABASES` or `SHOW CATALOGS`."""


@dataclass(frozen=True, slots=True)
class ShowSetting:
    """`SHOW setting`."""

    setting: str
    position: int


@dataclass(frozen=True, slots=True)
class Describe:
    """`DESCRIBE table` or `SHOW COLUMNS FROM table`."""

    table: Name


@dataclass(frozen=True, slots=True)
class DescribeQuery:
    """`DESCRIBE SELECT …`. `query` has blanks before it, so that its positions hold."""

    query: str


@dataclass(frozen=True, slots=True)
class Explain:
    """`EXPLAIN SELECT …`. `query` has blanks before it, so that its positions hold."""

    query: str


@dataclass(frozen=True, slots=True)
class Use:
    """`USE catalog`, `USE schema`, `USE catalog.schema` and SET of the search path."""

    place: Name


@dataclass(frozen=True, slots=True)
class Set:
    """`SET setting = value`; None for its default, and for RESET. `setting` is in lower case."""

    setting: str
    value: str | None
    position: int


@dataclass(frozen=True, slots=True)
class Nothing:
    """Statements that change nothing here, such as BEGIN and COMMIT."""


Command = (
    ShowTables
    | ShowAllTables
    | ShowSchemas
    | ShowCatalogs
    | ShowSetting
    | Describe
    | DescribeQuery
    | Explain
    | Use
    | Set
    | Nothing
)


def recognise(text: str) -> Command | None:
    """The command that a text is; None for any other text, which the gate will look at.

    Raises `InvalidSql` and `NotAllowed` for what begins as a command and is none, and `NotAllowed`
    for the statements of SQL that are never run here.
    """
    words = _Words(text)
    first = words.peek()
    parse = _PARSERS.get(first)
    if parse is None:
        if first in UNSERVED:
            raise NotAllowed(UNSERVED[first].format(first.upper()), position=words.position)
        return None
    words.take()
    command = parse(words)
    if not isinstance(command, DescribeQuery | Explain):
        words.end()
    return command


# --- tokens ---------------------------------------------------------------------------------------

_SKIP = re.compile(r"(?:\s|--[^\n\r]*(?:[\n\r]|\Z)|/\*(?:(?!/\*|\*/).)*\*/)*", re.DOTALL)
_TOKEN = re.compile(
    r"""(?P<word>[^\W\d][\w$]*)|"(?P<quoted>(?:[^"]|"")+)"|'(?P<text>(?:[^']|'')*)'"""
    r"""|(?P<number>-?\d+(?:\.\d+)?)|(?P<mark>[.,=();])"""
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    value: str
    start: int
    end: int


class _Words:
    """A text token by token."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._next = self._read(0)

    def _read(self, position: int) -> _Token:
        skipped = _SKIP.match(self.text, position)
        start = skipped.end() if skipped else position
        found = _TOKEN.match(self.text, start)
        if found is None or found.lastgroup is None:
            return _Token("end" if start == len(self.text) else "other", "", start, start)
        value = found[found.lastgroup]
        if found.lastgroup == "quoted":
            value = value.replace('""', '"')
        elif found.lastgroup == "text":
            value = value.replace("''", "'")
        return _Token(found.lastgroup, value, start, found.end())

    @property
    def position(self) -> int:
        """Where the next token begins."""
        return self._next.start

    def peek(self) -> str:
        """The next token, in lower case if it is a word; empty for a quoted one or a text."""
        if self._next.kind == "word":
            return fold(self._next.value)
        return self._next.value if self._next.kind == "mark" else ""

    def take(self) -> _Token:
        """The next token."""
        taken = self._next
        self._next = self._read(taken.end)
        return taken

    def maybe(self, *words: str) -> bool:
        """Take the next token if it is one of these."""
        if self.peek() not in words:
            return False
        self.take()
        return True

    def need(self, *words: str) -> None:
        """Take one of these."""
        if not self.maybe(*words):
            raise self.wrong()

    def name(self, most: int) -> Name:
        """A name of up to so many parts, joined by dots."""
        start = self.position
        parts = [self._part()]
        while self.maybe("."):
            parts.append(self._part())
        if len(parts) > most:
            raise self.wrong()
        return Name(tuple(parts), start)

    def _part(self) -> str:
        if self._next.kind not in ("word", "quoted"):
            raise self.wrong()
        return self.take().value

    def string(self) -> str:
        """A text in quotes."""
        if self._next.kind != "text":
            raise self.wrong()
        return self.take().value

    def value(self) -> str:
        """A text, a number or a bare word."""
        if self._next.kind not in ("text", "number", "word", "quoted"):
            raise self.wrong()
        return self.take().value

    def rest(self) -> str:
        """All that follows, with blanks in the place of what came before."""
        return " " * self.position + self.text[self.position :]

    def end(self) -> None:
        """Nothing may follow but one semicolon."""
        self.maybe(";")
        if self._next.kind != "end":
            raise self.wrong()

    def wrong(self) -> InvalidSql:
        """What stands here does not belong here."""
        shown = self.text[self._next.start : self._next.end][:100]
        near = f' at or near "{shown}"' if shown else ""
        return InvalidSql(
            f"The statement is not valid SQL: syntax error{near}.", position=self.position
        )


# --- forms ----------------------------------------------------------------------------------------

_QUERIES = frozenset({"select", "with", "from", "values", "("})


def _show(words: _Words) -> Command:
    start = words.position
    if words.maybe("tables"):
        schema = words.name(2) if words.maybe("from", "in") else None
        return ShowTables(schema, words.string() if words.maybe("like") else None)
    if words.maybe("schemas"):
        return ShowSchemas(words.name(1) if words.maybe("from", "in") else None)
    if words.maybe("databases", "catalogs"):
        return ShowCatalogs()
    if words.maybe("columns"):
        words.need("from", "in")
        return Describe(words.name(3))
    if words.maybe("all"):
        words.need("tables")
        return ShowAllTables()
    if words.maybe("transaction"):
        words.need("isolation")
        words.need("level")
        return ShowSetting("transaction_isolation", start)
    if words.maybe("time"):
        words.need("zone")
        return ShowSetting("timezone", start)
    return ShowSetting(".".join(words.name(2).parts), start)


def _describe(words: _Words) -> Command:
    if words.peek() in _QUERIES:
        return DescribeQuery(words.rest())
    words.maybe("table")
    return Describe(words.name(3))


def _explain(words: _Words) -> Command:
    if words.peek() not in _QUERIES - {"("}:
        raise NotAllowed(
            "Only EXPLAIN of a SELECT can be used, without options.", position=words.position
        )
    return Explain(words.rest())


def _use(words: _Words) -> Command:
    return Use(words.name(2))


def _set(words: _Words) -> Command:
    start = words.position
    if words.maybe("time"):
        words.need("zone")
        return Set("timezone", _unless_default(words), start)
    if words.maybe("names"):
        return Set("client_encoding", words.value(), start)
    if words.maybe("transaction"):
        return _transaction_modes(words)
    # GLOBAL and LOCAL would mean something else than what can be done here.
    if words.maybe("session") and words.maybe("characteristics"):
        words.need("as")
        words.need("transaction")
        return _transaction_modes(words)
    setting = fold(words.name(1).parts[0])
    words.need("=", "to")
    if setting == "search_path" and words.peek() != "default":
        return _search_path(words)
    return Set(setting, _unless_default(words), start)


def _unless_default(words: _Words) -> str | None:
    return None if words.maybe("default", "null") else words.value()


def _search_path(words: _Words) -> Command:
    position = words.position
    try:
        return Use(words.name(2))
    except InvalidSql:
        # A path in quotes is one text that is a name.
        return Use(Name(tuple(words.string().split(".", 1)), position))


def _transaction_modes(words: _Words) -> Command:
    """READ ONLY and isolation levels: statements only read, each from one consistent state."""
    while True:
        if words.maybe("isolation"):
            words.need("level")
            if words.maybe("read"):
                words.need("committed", "uncommitted")
            elif words.maybe("repeatable"):
                words.need("read")
            else:
                words.need("serializable")
        elif words.maybe("read"):
            if words.peek() == "write":
                raise NotAllowed("This server is read-only.", position=words.position)
            words.need("only")
        else:
            raise words.wrong()
        if not words.maybe(",") and words.peek() not in ("isolation", "read"):
            return Nothing()


def _reset(words: _Words) -> Command:
    start = words.position
    words.maybe("session")
    if words.maybe("time"):
        words.need("zone")
        return Set("timezone", None, start)
    return Set(fold(words.name(1).parts[0]), None, start)


def _begin(words: _Words) -> Command:
    words.maybe("transaction", "work")
    return _transaction_modes(words) if words.peek() in ("isolation", "read") else Nothing()


def _start(words: _Words) -> Command:
    words.need("transaction")
    return _begin(words)


def _commit(words: _Words) -> Command:
    words.maybe("transaction", "work")
    return Nothing()


_PARSERS: Mapping[str, Callable[[_Words], Command]] = MappingProxyType(
    {
        "show": _show,
        "describe": _describe,
        "desc": _describe,
        "explain": _explain,
        "use": _use,
        "set": _set,
        "reset": _reset,
        "begin": _begin,
        "start": _start,
        "commit": _commit,
        "end": _commit,
        "rollback": _commit,
        "abort": _commit,
    }
)
