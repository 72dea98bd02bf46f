"""Globs over dotted names: `*` within a level, `**` any number of levels, `{a,b}` alternatives.

There are no regular expressions in policies: a glob cannot be slow, and cannot be anchored wrongly.
Letters are compared as DuckDB compares names, folding ASCII only. A level is one of catalog,
schema, table, column, and fields within the column; a nested namespace is one schema whose name has
dots, so it is written in double quotes, within which every character stands for itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from catalog.names import fold

_MAX_LENGTH = 1_000
_MAX_ALTERNATIVES = 256
_PLAIN = frozenset("_-$@")
_DEAD: frozenset[int] = frozenset()


class GlobInvalid(ValueError):
    """A text is not a glob; the message says why and is for operators."""


class _Mark(Enum):
    """What a character means outside quotes."""

    STAR = "*"
    DOT = "."
    OPEN = "{"
    CLOSE = "}"
    COMMA = ","


_MARKS = {mark.value: mark for mark in _Mark}
_Token = str | _Mark  # a character that stands for itself, or a mark


@dataclass(frozen=True, slots=True)
class Level:
    """What may stand at one level: folded names spelled out, and a pattern for those with stars."""

    names: frozenset[str]
    starred: re.Pattern[str] | None

    def matches(self, folded: str) -> bool:
        """Whether a folded name may stand here."""
        return folded in self.names or (
            self.starred is not None and self.starred.fullmatch(folded) is not None
        )

    def spells(self, folded: str) -> bool:
        """Whether a folded name is spelled out here."""
        return folded in self.names

    def stars(self, folded: str) -> bool:
        """Whether a folded name may stand here through a star."""
        return self.starred is not None and self.starred.fullmatch(folded) is not None


Fits = Callable[[Level, str], bool]


@dataclass(frozen=True, slots=True)
class Glob:
    """A compiled glob. A level that is None is `**`.

    Matching walks along a path: `start`, then `step` for each name; a state is the set of levels
    that may come next, empty when no longer path can match.
    """

    text: str
    levels: tuple[Level | None, ...]
    reach: tuple[frozenset[int], ...]  # by level: it, and those after it, as ** may be no level

    @property
    def fixed(self) -> int:
        """How many levels a path needs at least."""
        return sum(level is not None for level in self.levels)

    @property
    def any_depth(self) -> bool:
        """Whether there is a `**`."""
        return None in self.levels

    @property
    def start(self) -> frozenset[int]:
        """The state before the first name."""
        return self.reach[0]

    def step(
        self, state: frozenset[int], folded: str, fits: Fits = Level.matches
    ) -> frozenset[int]:
        """The state after one more name, which `fits` where a level is not `**`."""
        following = _DEAD
        for at in state:
            if at == len(self.levels):
                continue
            level = self.levels[at]
            if level is None:
                more = self.reach[at]
            elif fits(level, folded):
                more = self.reach[at + 1]
            else:
                continue
            following = following | more if following else more
        return following

    def after(self, path: Iterable[str], fits: Fits = Level.matches) -> frozenset[int]:
        """The state after the names of a folded path, each stepped over as `step` does."""
        state = self.start
        for name in path:
            if not state:
                break
            state = self.step(state, name, fits)
        return state

    def accepts(self, state: frozenset[int]) -> bool:
        """Whether the path walked so far matches as it is."""
        return len(self.levels) in state

    def last(self, state: frozenset[int]) -> Level | None:
        """The level that one more name must fit, where only that name can end a path."""
        if state != {len(self.levels) - 1}:
            return None
        return self.levels[-1]

    def matches(self, path: Iterable[str]) -> bool:
        """Whether a whole folded path matches."""
        return self.accepts(self.after(path))


def compile_glob(text: str) -> Glob:
    """Compile a dotted glob. Raises `GlobInvalid`."""
    if len(text) > _MAX_LENGTH:
        raise GlobInvalid(f"is longer than {_MAX_LENGTH} characters")
    levels = tuple(_level(tokens) for tokens in _split(list(_tokens(text))))
    reach = [frozenset({len(levels)})]
    for at in range(len(levels) - 1, -1, -1):
        reach.append(frozenset({at}) | (reach[-1] if levels[at] is None else _DEAD))
    return Glob(text, levels, tuple(reversed(reach)))


def compile_name(text: str) -> Level:
    """Compile a glob for one name, such as a column's. Raises `GlobInvalid`."""
    glob = compile_glob(text)
    level = glob.levels[0]
    if len(glob.levels) != 1 or level is None:
        raise GlobInvalid(f"{text!r} must be one name; quote it if it has dots")
    return level


def _tokens(text: str) -> Iterator[_Token]:
    quoted = False
    chars = iter(text)
    for char in chars:
        if char == '"':
            quoted = not quoted
        elif quoted:
            yield char
        elif char in _MARKS:
            yield _MARKS[char]
        elif char.isalnum() or char in _PLAIN:
            yield char
        else:
            raise GlobInvalid(
                f"{text!r} has {char!r}: only *, ** and {{a,b}} are special, "
                "other characters must stand in double quotes"
            )
    if quoted:
        raise GlobInvalid(f"{text!r} has an open quote")


def _split(tokens: list[_Token]) -> list[list[_Token]]:
    """Split at dots; dots within braces would make the depth of a pattern unclear."""
    levels: list[list[_Token]] = [[]]
    braced = False
    for token in tokens:
        if token is _Mark.DOT:
            if braced:
                raise GlobInvalid("has a dot between braces; write two rules, or quote the name")
            levels.append([])
            continue
        if token is _Mark.OPEN:
            if braced:
                raise GlobInvalid("has braces within braces")
            braced = True
        elif token is _Mark.CLOSE:
            if not braced:
                raise GlobInvalid("has a closing brace without an opening one")
            braced = False
        levels[-1].append(token)
    if braced:
        raise GlobInvalid("has an opening brace without a closing one")
    return levels


def _level(tokens: list[_Token]) -> Level | None:
    if not tokens:
        raise GlobInvalid("has an empty level")
    if tokens == [_Mark.STAR, _Mark.STAR]:
        return None
    names: set[str] = set()
    starred: list[str] = []
    for tokens_of_one in _alternatives(tokens):
        if not tokens_of_one:
            raise GlobInvalid("has an empty name")
        if _Mark.STAR in tokens_of_one:
            starred.append(_regex(tokens_of_one))
        else:
            names.add(fold("".join(str(token) for token in tokens_of_one)))
    return Level(frozenset(names), re.compile("|".join(starred), re.DOTALL) if starred else None)


def _alternatives(tokens: list[_Token]) -> list[list[_Token]]:
    """Write out `{a,b}`; a comma outside braces is a mistake."""
    done: list[list[_Token]] = [[]]
    choices: list[list[_Token]] | None = None
    for token in tokens:
        if token is _Mark.OPEN:
            choices = [[]]
        elif token is _Mark.CLOSE and choices is not None:
            done = [head + choice for head in done for choice in choices]
            choices = None
            if len(done) > _MAX_ALTERNATIVES:
                raise GlobInvalid(f"stands for more than {_MAX_ALTERNATIVES} alternatives")
        elif token is _Mark.COMMA:
            if choices is None:
                raise GlobInvalid("has a comma outside braces")
            choices.append([])
        elif choices is not None:
            choices[-1].append(token)
        else:
            for head in done:
                head.append(token)
    return done


def _regex(tokens: list[_Token]) -> str:
    """A regular expression of ours for one name with stars; atomic groups keep it linear enough."""
    parts: list[str] = [""]
    for token in tokens:
        if token is not _Mark.STAR:
            parts[-1] += fold(str(token))
        elif len(parts) > 1 and not parts[-1]:
            raise GlobInvalid("has ** next to something else; it must be a level of its own")
        else:
            parts.append("")
    first, *middle, last = (re.escape(part) for part in parts)
    return first + "".join(f"(?>.*?{part})" for part in middle) + ".*" + last
