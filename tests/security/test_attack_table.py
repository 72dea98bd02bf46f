"""The table of attacks is complete, and what it names exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.statements import read_all

ATTACKS = Path(__file__).parent / "attacks"
TREE = Path(__file__).parents[2]
ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+) \|$", re.MULTILINE)
NAMED = re.compile(r"`([^`]+)`")
KINDS = 86


def rows() -> Iterator[tuple[str, str, list[str]]]:
    for number, tried, where in ROW.findall((ATTACKS / "README.md").read_text()):
        yield number, tried, NAMED.findall(where)


STATEMENTS = read_all(ATTACKS)
REFERENCES = sorted({reference for _, _, where in rows() for reference in where})


def test_every_kind_of_attack_has_a_row_that_says_where_it_is_tried() -> None:
    found = list(rows())
    assert [number for number, _, _ in found] == [str(n) for n in range(1, KINDS + 1)]
    assert all(tried and where for _, tried, where in found)


@pytest.mark.parametrize("reference", REFERENCES)
def test_what_the_table_names_exists(reference: str) -> None:
    file, _, part = re.sub(" § ", "::", reference).partition("::")
    if file.endswith(".sql"):
        blocks = {s.title for s in STATEMENTS if f"{s.file}.sql" == file}
        assert blocks, "no such file"
        assert not part or any(block.startswith(part) for block in blocks)
    elif file.endswith(".py"):
        assert re.search(rf"^def {part}\(", (TREE / file).read_text(), re.MULTILINE)
    else:
        assert (TREE / file).is_file()


def test_every_file_of_attacks_is_in_the_table() -> None:
    named = {reference.partition(".sql")[0] for reference in REFERENCES if ".sql" in reference}
    assert {statement.file for statement in STATEMENTS} == named


def test_every_statement_says_what_it_tries() -> None:
    assert not [s.id for s in STATEMENTS if not s.title or not 0 < len(s.note) < 80]


def test_no_statement_is_there_twice() -> None:
    seen: dict[str, str] = {}
    twice = []
    for statement in STATEMENTS:
        first = seen.setdefault(statement.text, statement.id)
        if first != statement.id:
            twice.append(f"{first} and {statement.id}: {statement.text[:80]}")
    assert not twice
