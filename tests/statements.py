"""Statements for tests, kept in files that read as documentation.

A file opens with a comment about all of it. Blocks are separated by blank lines; a block opens with
comment lines that say what its statements try; a statement ends with `;` at the end of a line, or
with `;`, two spaces and a note: `;  -- what it tries`.
Words with `!` in a comment are marks of the block; behind `!every` they are marks of the file.
`«name»` stands for a value that the test knows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_MARK = re.compile(r"!(\w+)")
_PLACE = re.compile(r"«(\w+)»")
_NOTE = re.compile(r";  -- (.+)$")


@dataclass(frozen=True)
class Example:
    """One statement with what its block says of it."""

    file: str
    line: int
    title: str
    text: str
    marks: frozenset[str]
    note: str = ""

    @property
    def id(self) -> str:
        """A name for the test's report."""
        return f"{self.file}:{self.line}"

    def fill(self, values: Mapping[str, str]) -> str:
        """The statement with its values."""
        return _PLACE.sub(lambda match: values[match[1]], self.text)


def read(path: Path) -> list[Example]:
    """The statements of one file."""
    found: list[Example] = []
    every: frozenset[str] = frozenset()
    number = 0
    for block in re.split(r"\n[ \t]*\n", path.read_text().rstrip("\n")):
        lines = block.split("\n")
        start = number + 1
        number += len(lines) + 1
        comments = [line for line in lines if line.startswith("-- ")]
        marks = frozenset(_MARK.findall(" ".join(comments)))
        body = lines[len(comments) :]
        if "every" in marks:
            every = marks - {"every"}
        if not any(line.strip() for line in body):
            continue
        title = " ".join(line[3:] for line in comments)
        text: list[str] = []
        for place, whole in enumerate(body, start + len(comments)):
            note = _NOTE.search(whole)
            line = whole[: note.start() + 1] if note else whole
            text.append(line)
            if line.endswith(";") or place == start + len(lines) - 1:
                statement = "\n".join(text).removesuffix(";")
                said = note[1] if note else ""
                found.append(Example(path.stem, place, title, statement, every | marks, said))
                text = []
    return found


def read_all(directory: Path) -> list[Example]:
    """The statements of a directory's files, in order."""
    return [example for path in sorted(directory.glob("*.sql")) for example in read(path)]
