"""The dialect's corpus: statements of DuckDB's, those that are translated and those refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "engines" / "athena" / "corpus"
GOLDEN = ROOT / "golden" / "trino"


@dataclass(frozen=True)
class Idiom:
    """A statement; `construct` is what a refusal names, None where it is translated."""

    topic: str
    idiom: str
    sql: str
    construct: str | None = None


def idioms() -> list[Idiom]:
    """All of them, in the order of the files.

    `values` are expressions over a row of `people`, `rows` whole statements; `refused` and
    `refused_rows` are the same with what the refusal names.
    """
    found = []
    for path in sorted(FOLDER.glob("*.yaml")):
        told: dict[str, Any] = yaml.safe_load(path.read_text())
        topic = path.stem
        for text in told.get("values") or []:
            found.append(Idiom(topic, str(text), _of(text)))
        for text in told.get("rows") or []:
            found.append(Idiom(topic, text, text))
        for text, construct in (told.get("refused") or {}).items():
            found.append(Idiom(topic, text, _of(text), construct))
        for text, construct in (told.get("refused_rows") or {}).items():
            found.append(Idiom(topic, text, text, construct))
    return found


def differing() -> list[tuple[str, str]]:
    """Statements whose rows differ, each with the name of the difference that is accepted."""
    told = yaml.safe_load((FOLDER / "differences.yaml").read_text())
    return [(name, sql) for name, found in told["differing"].items() for sql in found]


def _of(expression: str) -> str:
    return f"SELECT id, {expression} AS v FROM people"
