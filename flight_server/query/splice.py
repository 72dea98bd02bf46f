"""Puts other names in the place of a statement's table references; the rest of the text stays.

Names stand where the parser found them. Positions in the new text can be told in the old one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from catalog.names import TableName, quote
from flight_server.query.errors import NotAllowed
from flight_server.query.references import TableReference

_PART = re.compile(r'"(?:[^"]|"")*"|[^\W\d][\w$]*')
# A comment within a comment is no end of it in some dialects: those are not looked into.
_GAP = re.compile(r"(?:\s|--[^\n\r]*(?:[\n\r]|\Z)|/\*(?:(?!/\*|\*/).)*\*/)*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Edit:
    """A range of the old text, in characters, and what stands in its place."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Spliced:
    """A text with edits; `edits` are in order and do not overlap."""

    text: str
    edits: tuple[Edit, ...] = ()

    def original(self, position: int | None) -> int | None:
        """Where a position of the new text is in the old one; the start of an edit for all of it.

        None stays None.
        """
        if position is None:
            return None
        shift = 0
        for edit in self.edits:
            start = edit.start + shift
            if position < start:
                break
            if position < start + len(edit.text):
                return edit.start
            shift += len(edit.text) - (edit.end - edit.start)
        return position - shift

    def over(self, sources: Mapping[TableName, str]) -> str:
        """The text with other sources, which are SQL, in the place of the names that were put in.

        All names must be among them.
        """
        by_text = {_full(name): source for name, source in sources.items()}
        parts: list[str] = []
        done = shift = 0
        for edit in self.edits:
            start = edit.start + shift
            full = max((known for known in by_text if edit.text.startswith(known)), key=len)
            parts += [self.text[done:start], by_text[full], edit.text[len(full) :]]
            done = start + len(edit.text)
            shift += len(edit.text) - (edit.end - edit.start)
        return "".join([*parts, self.text[done:]])


def splice(text: str, names: Sequence[tuple[TableReference, TableName]]) -> Spliced:
    """The text with each reference replaced by a full name, under the name that it had before.

    Raises `NotAllowed` where a reference does not stand in the text as the parser reports it.
    """
    edits: list[Edit] = []
    # The parser may copy a part of a statement: its references then stand in one place.
    once = dict.fromkeys(names)
    for reference, name in sorted(once, key=lambda pair: pair[0].position or 0):
        start, end = _place(text, reference)
        full = _full(name)
        # Columns are qualified with the table's name where there is no alias.
        alias = "" if reference.alias else f" AS {quote(reference.parts[-1])}"
        edits.append(Edit(start, end, full + alias))
    parts: list[str] = []
    done = 0
    for edit in edits:
        if edit.start < done:
            raise _misplaced(None)
        parts += [text[done : edit.start], edit.text]
        done = edit.end
    return Spliced("".join([*parts, text[done:]]), tuple(edits))


def _full(name: TableName) -> str:
    return ".".join(quote(part) for part in (name.catalog, name.schema, name.table))


def _place(text: str, reference: TableReference) -> tuple[int, int]:
    """Where exactly a reference stands: its parts with dots, blanks and comments between them."""
    start = end = reference.position
    if start is None or end is None:
        raise _misplaced(None)
    for index, part in enumerate(reference.parts):
        if index:
            end = _gap(text, end)
            if text[end : end + 1] != ".":
                raise _misplaced(start)
            end = _gap(text, end + 1)
        found = _PART.match(text, end)
        if found is None or _name(found[0]) != part:
            raise _misplaced(start)
        end = found.end()
    if text.startswith(".", _gap(text, end)):
        raise _misplaced(start)
    return start, end


def _gap(text: str, position: int) -> int:
    found = _GAP.match(text, position)
    return found.end() if found else position


def _name(written: str) -> str:
    return written[1:-1].replace('""', '"') if written.startswith('"') else written


def _misplaced(position: int | None) -> NotAllowed:
    return NotAllowed(
        "This table cannot be named in this way here: name it after FROM or JOIN.",
        position=position,
    )
