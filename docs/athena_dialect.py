"""Writes the page of the dialect: which idioms of DuckDB's are translated for Athena."""

from __future__ import annotations

from tests.trino.corpus import idioms


def render() -> str:
    """The table of idioms, from the corpus that was proven on a real Trino."""
    found = idioms()
    done = sum(idiom.construct is None for idiom in found)
    lines = [
        "# What is translated for Athena",
        "",
        f"{len(found)} idioms: {done} are translated, and gave the same rows on DuckDB and on",
        f"Trino 476 (`make trino`); {len(found) - done} are refused by the name of the construct.",
        "Expressions are over a row of a table `people`. [The dialect](athena.md) says what",
        "differs.",
        "",
        "| idiom | on Athena |",
        "|---|---|",
    ]
    for idiom in found:
        text = " ".join(idiom.idiom.split()).replace("|", "\\|")
        how = "translated" if idiom.construct is None else f"refused: {idiom.construct}"
        lines.append(f"| `{text}` | {how} |".replace("``", "` `"))
    return "\n".join(lines) + "\n"
