"""What may differ between the engines has one name each, in the page on Athena and in the tests."""

from __future__ import annotations

import re
from pathlib import Path

from tests.athena.differences import COMPARED, UNFORCED, Accepted
from tests.trino.corpus import differing

_PAGE = Path(__file__).parents[3] / "docs" / "athena.md"
_ROW = re.compile(r"^\| `([a-z-]+)` \| .+ \| .+ \|$", re.MULTILINE)


def test_the_page_and_the_tests_name_the_same_differences() -> None:
    section = _PAGE.read_text().partition("\n## Accepted differences\n")[2].partition("\n## ")[0]
    assert _ROW.findall(section) == list(Accepted)


def test_every_difference_is_let_pass_by_comparisons_or_shown_or_cannot_be_forced() -> None:
    shown = {name for name, _ in differing()}
    assert {*COMPARED, *UNFORCED, *shown} == set(Accepted)
    assert len({*COMPARED}) + len({*UNFORCED}) + len(shown) == len(Accepted)
