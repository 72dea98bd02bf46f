"""Claims on the command line: `NAME=JSON`, or `NAME=text` where that is no JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def parse_claims(items: Iterable[str]) -> dict[str, Any]:
    """The claims that `--claim` options give."""
    claims: dict[str, Any] = {}
    for item in items:
        name, _, text = item.partition("=")
        try:
            claims[name] = json.loads(text)
        except json.JSONDecodeError:
            claims[name] = text
    return claims
