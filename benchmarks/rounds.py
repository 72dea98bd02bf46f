"""Runs everything in interleaved rounds, and says what can be said of the results.

In each round every target runs once for every measure, and which goes first changes from round to
round: a busy neighbour then meets all of them, and ratios are taken within one round.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks import lineitem, measures, targets
from benchmarks.measures import Effort, Run, Values
from benchmarks.targets import Target


class WrongRows(Exception):
    """A target did not give the rows that it should, so its times mean nothing."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that is measured, of which targets, and the value by which they are compared."""

    name: str
    section: str
    run: Callable[[Run], Values]
    of: tuple[str, ...]
    key: str


@dataclass(frozen=True, slots=True)
class Result:
    """The values of one target, by round."""

    measure: Measure
    target: Target
    rounds: tuple[Values, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """A value over all rounds."""

    median: float
    least: float
    most: float


_ALL = (
    targets.IN_PROCESS,
    targets.IN_PROCESS_NARROW,
    targets.IN_PROCESS_MASKED,
    targets.BARE,
    targets.SERVER,
    targets.SERVER_NARROW,
    targets.SERVER_MASKED,
)
_PLAIN = (targets.IN_PROCESS, targets.BARE, targets.SERVER)
_P50 = "p50 ms"

BULK = Measure("SELECT * FROM lineitem", "bulk", measures.bulk, _ALL, "seconds")
MEASURES = (
    BULK,
    Measure("SELECT 1, same text", "small", measures.same_text, _PLAIN, _P50),
    Measure("SELECT 1, prepared once", "small", measures.prepared, _PLAIN, _P50),
    Measure("SELECT n, new text each time", "small", measures.new_text, _PLAIN, _P50),
    Measure(
        "lineitem by key, bound", "small", measures.lookup, (*_PLAIN, targets.SERVER_MASKED), _P50
    ),
    Measure("SELECT 1, threads", "small", measures.concurrent, _PLAIN, "per second"),
    Measure("GetObjects, tables", "metadata", measures.objects_tables, _PLAIN, _P50),
    Measure("GetObjects, all", "metadata", measures.objects_all, _PLAIN, _P50),
    Measure("GetTables", "metadata", measures.get_tables, _PLAIN, _P50),
    Measure("GetTables, columns", "metadata", measures.get_tables_columns, _PLAIN, _P50),
)
SECTIONS = tuple(dict.fromkeys(measure.section for measure in MEASURES))


def run(
    found: Sequence[Target],
    *,
    sections: Sequence[str],
    rounds: int,
    effort: Effort,
    size: lineitem.Size,
    tell: Callable[[str], None],
) -> list[Result]:
    """Measure; `tell` gets a line for each run. Raises `WrongRows`."""
    chosen = [measure for measure in MEASURES if measure.section in sections]
    runs = [Run(target, target.open(), size, effort) for target in found]
    values: dict[tuple[str, str], list[Values]] = {}
    if BULK in chosen:
        for each in runs:  # fills caches and starts workers; not counted
            measures.bulk(each)
    for number in range(rounds):
        first = number % len(runs)
        rotated = runs[first:] + runs[:first]
        for measure in chosen:
            for each in rotated:
                name = each.target.name
                if name not in measure.of:
                    continue
                got = measure.run(each)
                values.setdefault((measure.name, name), []).append(got)
                tell(f"{number + 1}/{rounds}  {measure.name}  {name}  {got[measure.key]:.3f}")
    for each in runs:
        each.session.close()
    results = [
        Result(measure, target, tuple(values[measure.name, target.name]))
        for measure in chosen
        for target in found
        if target.name in measure.of
    ]
    _same_rows(results)
    return results


def _same_rows(results: Sequence[Result]) -> None:
    rows = {
        result.target.name: {values["rows"] for values in result.rounds}
        for result in results
        if result.measure is BULK
    }
    for result in results:
        name, like = result.target.name, result.target.like
        if result.measure is BULK and rows[name] != rows[like]:
            raise WrongRows(f"{name} gave {rows[name]} rows, {like} {rows[like]}")


def summary(result: Result, key: str) -> Summary:
    """Median, least and most of a value over the rounds."""
    found = [values[key] for values in result.rounds]
    return Summary(statistics.median(found), min(found), max(found))


def ratio(result: Result, to: Result | None) -> float | None:
    """The median of the ratios that the rounds give."""
    if to is None:
        return None
    key = result.measure.key
    pairs = zip(result.rounds, to.rounds, strict=True)
    return statistics.median(mine[key] / theirs[key] for mine, theirs in pairs)


def difference(result: Result, to: Result | None) -> float | None:
    """The median of the differences that the rounds give."""
    if to is None:
        return None
    key = result.measure.key
    pairs = zip(result.rounds, to.rounds, strict=True)
    return statistics.median(mine[key] - theirs[key] for mine, theirs in pairs)


def of_measure(results: Sequence[Result], measure: Measure) -> Mapping[str, Result]:
    """The results of a measure by target."""
    return {result.target.name: result for result in results if result.measure is measure}
