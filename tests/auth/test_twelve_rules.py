"""The tables of docs/security.md name tests for every rule and wall, and these exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
PAGE = (TESTS.parent / "docs" / "security.md").read_text("utf-8")
POLICY = (TESTS.parent / "docs" / "policy.md").read_text("utf-8")
RULE = re.compile(r"^\| (\d+) \| (.+?) \| (.+) \|$", re.MULTILINE)
NAMED = re.compile(r"`([a-z_0-9/]+\.py)::(\w+)`")
RULES = RULE.findall(PAGE)


def test_each_of_the_twelve_rules_has_tests() -> None:
    assert sorted({int(number) for number, _, _ in RULES}) == list(range(1, 13))
    assert all(NAMED.search(tests) for _, _, tests in RULES)


def test_the_rules_are_those_of_the_language() -> None:
    section = POLICY.partition("## The twelve rules\n")[2].partition("\n## ")[0]
    numbers = re.findall(r"^(\d+)\. ", section, re.MULTILINE)
    assert numbers == [str(number) for number in range(1, 13)]


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED.findall(PAGE))))
def test_what_the_tables_name_exists(file: str, name: str) -> None:
    assert re.search(rf"^def {name}\(", (TESTS / file).read_text("utf-8"), re.MULTILINE)


def test_each_test_that_is_called_after_a_rule_is_of_one_that_there_is() -> None:
    called = {
        int(number)
        for file in TESTS.rglob("test_*.py")
        for number in re.findall(r"^def test_rule_(\d+)_", file.read_text("utf-8"), re.MULTILINE)
    }
    assert called <= set(range(1, 13))
