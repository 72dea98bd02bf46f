"""Results as tables for people, and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import targets
from benchmarks.rounds import MEASURES, Measure, Result, difference, of_measure, ratio, summary

README = Path(__file__).with_name("README.md")
_BEGIN = "<!-- results: written by `python -m benchmarks` -->"
_END = "<!-- end of results -->"
_LEAST_WALL = 0.2
Row = list[str]


def markdown(results: Sequence[Result], facts: Mapping[str, str]) -> str:
    """All tables, under what must be known to read them."""
    lines = [f"- {name}: {value}" for name, value in facts.items()]
    for measure in MEASURES:
        found = of_measure(results, measure)
        if not found:
            continue
        lines += ["", f"### {measure.name}", ""]
        table = _bulk(found) if measure.section == "bulk" else _small(measure, found)
        lines += _table(table)
    return "\n".join(lines)


def _bulk(found: Mapping[str, Result]) -> list[Row]:
    rows = [
        [
            "target",
            "seconds (least-most)",
            "x in process, same rows",
            "x bare Flight",
            "x this server",
            "first batch s",
            "M rows/s",
            "M rows",
            "MB",
            "batches",
            "server CPU s (front + workers)",
            "client CPU s",
            "peak MB (front + workers)",
            "other cores busy",
        ]
    ]
    for name, result in found.items():
        seconds = summary(result, "seconds")
        served = result.target.pid is not None
        ours = name in (targets.SERVER_NARROW, targets.SERVER_MASKED)
        rows.append(
            [
                name,
                f"{seconds.median:.2f} ({seconds.least:.2f}-{seconds.most:.2f})",
                _times(ratio(result, found.get(result.target.like))),
                _times(ratio(result, found.get(targets.BARE))) if served else "",
                _times(ratio(result, found.get(targets.SERVER))) if ours else "",
                _of(result, "first batch s", 3),
                _of(result, "M rows/s", 2),
                f"{summary(result, 'rows').median / 1e6:.2f}",
                _of(result, "MB", 0),
                _of(result, "batches", 0),
                _pair(result, "front CPU s", "workers CPU s", 2),
                _of(result, "client CPU s", 2),
                _pair(result, "front peak MB", "workers peak MB", 0),
                _others(result),
            ]
        )
    return rows


def _small(measure: Measure, found: Mapping[str, Result]) -> list[Row]:
    timed = measure.key == "p50 ms"
    head = ["target", f"{measure.key} (least-most)"]
    head += ["p99 ms", "ms over bare Flight"] if timed else []
    head += ["x in process", "x bare Flight", "server CPU ms (front + workers)", "client CPU ms"]
    rows = [[*head, "other cores busy"]]
    digits = 2 if timed else 0
    bare, local = found.get(targets.BARE), found.get(targets.IN_PROCESS)
    for name, result in found.items():
        value = summary(result, measure.key)
        served = result.target.pid is not None
        row = [
            name,
            f"{value.median:.{digits}f} ({value.least:.{digits}f}-{value.most:.{digits}f})",
        ]
        if timed:
            over = difference(result, bare) if served else None
            row += [_of(result, "p99 ms", 2), "" if over is None else f"{over:+.2f}"]
        row += [
            _times(ratio(result, local)),
            _times(ratio(result, bare)) if served else "",
            _pair(result, "front CPU ms", "workers CPU ms", 2),
            _of(result, "client CPU ms", 2),
            _others(result),
        ]
        rows.append(row)
    return rows


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _of(result: Result, key: str, digits: int) -> str:
    return f"{summary(result, key).median:.{digits}f}"


def _others(result: Result) -> str:
    """How many cores others kept busy; nothing where the clock ticks are too coarse to say."""
    long_enough = summary(result, "wall s").median >= _LEAST_WALL
    return _of(result, "other cores", 1) if long_enough else ""


def _pair(result: Result, front: str, workers: str, digits: int) -> str:
    if result.target.pid is None:
        return ""
    return f"{_of(result, front, digits)} + {_of(result, workers, digits)}"


def _table(rows: Sequence[Row]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]

    def line(row: Row) -> str:
        first, *rest = zip(row, widths, strict=True)
        cells = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
        return "| " + " | ".join(cells) + " |"

    rule = "| " + " | ".join(["-" * widths[0], *("-" * (w - 1) + ":" for w in widths[1:])]) + " |"
    return [line(rows[0]), rule, *(line(row) for row in rows[1:])]


def write_json(path: Path, results: Sequence[Result], facts: Mapping[str, str]) -> None:
    """Every value of every round, and the facts."""
    document = {
        "facts": dict(facts),
        "results": [
            {
                "measure": result.measure.name,
                "section": result.measure.section,
                "target": result.target.name,
                "compared by": result.measure.key,
                "rounds": list(result.rounds),
            }
            for result in results
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n")


def write_readme(text: str, path: Path = README) -> None:
    """Put the tables between the marks of the README."""
    before, _, rest = path.read_text().partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not end:
        raise ValueError(f"{path} has lost the marks of its results")
    path.write_text(f"{before}{_BEGIN}\n\n{text}\n\n{_END}{after}")
