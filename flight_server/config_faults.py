"""What is wrong with settings, in our own short words."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Any

from pydantic import ValidationError

_WHOLE, _NUMBER = "expected a whole number", "expected a number"
_TOLD = {
    "missing": "is needed",
    "int_parsing": _WHOLE,
    "int_type": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": _WHOLE,
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "string_type": "expected a text",
    "path_type": "expected a path",
    "list_type": "expected a list such as [a, b]",
    "dict_type": "expected names with values",
    "model_type": "expected settings by name",
    "model_attributes_type": "expected settings by name",
    "string_pattern_mismatch": "has characters that are not allowed here",
    "literal_error": "expected {expected}",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
}


def explain(error: ValidationError, known: Collection[str]) -> str:
    """Each fault with its setting; never the value, which may be a secret."""
    lines = []
    for item in error.errors(include_url=False, include_input=False):
        place = ".".join(str(part) for part in item["loc"])
        lines.append(f"{place}: {_told(place, item, known)}")
    return "; ".join(lines)


def _told(place: str, item: Any, known: Collection[str]) -> str:
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(place, known, n=1, cutoff=0.4)
        return "unknown setting" + (f"; did you mean {near[0]}?" if near else "")
    told = _TOLD.get(item["type"])
    if told is not None:
        return told.format(**item.get("ctx", {}))
    return str(item["msg"]).removeprefix("Value error, ")
