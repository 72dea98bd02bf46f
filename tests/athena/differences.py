"""In what the answers of both engines may differ: by name, as `docs/athena.md` lists them."""

from __future__ import annotations

import re
from collections import Counter
from enum import StrEnum
from typing import Any

import pyarrow as pa

from tests.security.doors import Answer

_DIGITS = 9
_ORDERED = re.compile(r"\bORDER BY [^()]*$", re.IGNORECASE)


class Accepted(StrEnum):
    """What is accepted. Comparisons let pass what `COMPARED` names, and nothing else."""

    FLOAT_DIGITS = "float-digits"
    ERROR_WORDS = "error-words"
    FREE_ROWS = "free-rows"
    EARLY_FAILURE = "early-failure"
    LETTER_CASE = "letter-case"
    TEXT_TO_DATE = "text-to-date"
    WIDE_NUMBERS = "wide-numbers"
    CLOCK = "clock"


COMPARED = (Accepted.FLOAT_DIGITS, Accepted.ERROR_WORDS)
# What no statement can be made to show: statements that are compared leave no such choice.
UNFORCED = (Accepted.FREE_ROWS, Accepted.EARLY_FAILURE, Accepted.CLOCK)


def ordered(text: str) -> bool:
    """Whether a statement asks for an order of its result: it ends with one."""
    return _ORDERED.search(text) is not None


def difference(one: Answer, other: Answer, *, in_order: bool) -> str:
    """How two answers differ beyond what `COMPARED` names; empty where they do not."""
    if one.table is None or other.table is None:
        # `ERROR_WORDS`: the codes are the same, what of the data is at fault is not
        failed = one.table is None and other.table is None and one.code == other.code
        return "" if failed else "one fails, or in another way"
    if not one.table.schema.equals(other.table.schema, check_metadata=True):
        return "the schemas differ"
    ours, theirs = _texts(one.table), _texts(other.table)
    if in_order:
        return "" if ours == theirs else "the rows, or their order, differ"
    return "" if Counter(ours) == Counter(theirs) else "the rows differ"


def _texts(table: pa.Table) -> list[str]:
    columns = [[_plain(value) for value in column.to_pylist()] for column in table.columns]
    return [repr(row) for row in zip(*columns, strict=True)] if columns else []


def _plain(value: Any) -> Any:
    """A value whose `repr` is the same for equal values."""
    if isinstance(value, float):
        return f"{value + 0.0:.{_DIGITS}g}"  # `FLOAT_DIGITS`
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
