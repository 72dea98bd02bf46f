"""`python -m benchmarks.governed`: what a policy takes of a scan.

One server, one table. A user under a policy sends a statement, and a user who may see everything
sends the same one with the policy written into it by hand. Both results have the same rows. The two
take turns, and who goes first changes; what is told is the median of the ratios of the turns.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import data, lineitem, served, turns
from benchmarks.targets import HIDDEN, MASK, MASKED, SEEN_MODES
from benchmarks.turns import Side

_SEEN = ", ".join(name for name in lineitem.SCHEMA.names if name not in HIDDEN)
_MODES = ", ".join(f"'{mode}'" for mode in SEEN_MODES)
_FILTER = f"l_shipmode IN ({_MODES})"
_MASKED = f"* REPLACE ({MASK.format(MASKED)} AS {MASKED})"
_SUMS = """SELECT l_returnflag, sum(l_quantity), sum(l_extendedprice * (1 - l_discount)),
    avg(l_discount), count(*) FROM {} WHERE l_shipdate <= DATE '1998-09-02' GROUP BY ALL"""
_REVENUE = """SELECT sum(l_extendedprice * l_discount) FROM {}
    WHERE l_shipdate >= DATE '1994-01-01' AND l_shipdate < DATE '1995-01-01'
    AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24"""
_COMMENTS = "SELECT {}, count(*) FROM {} GROUP BY 1"


@dataclass(frozen=True, slots=True)
class Pair:
    """A statement of a user under a policy, and what gives the same without one."""

    name: str
    user: str
    text: str
    by_hand: str


def pairs() -> tuple[Pair, ...]:
    """All that is measured: full scans, then aggregates."""
    table = data.TABLE
    everything = f"SELECT * FROM {table}"
    rows = f"(SELECT * FROM {table} WHERE {_FILTER}) AS rows"
    return (
        Pair("no policy", served.FULL, everything, everything),
        Pair("hidden columns", served.NARROW, everything, f"SELECT {_SEEN} FROM {table}"),
        Pair("row filter", served.FILTER_ONLY, everything, f"{everything} WHERE {_FILTER}"),
        Pair("mask", served.MASK_ONLY, everything, f"SELECT {_MASKED} FROM {table}"),
        Pair(
            "row filter and mask",
            served.MASKED_USER,
            everything,
            f"SELECT {_MASKED} FROM {table} WHERE {_FILTER}",
        ),
        Pair("sums, hidden columns", served.NARROW, _SUMS.format(table), _SUMS.format(table)),
        Pair("sums, row filter", served.FILTER_ONLY, _SUMS.format(table), _SUMS.format(rows)),
        Pair(
            "revenue, row filter", served.FILTER_ONLY, _REVENUE.format(table), _REVENUE.format(rows)
        ),
        Pair("revenue, mask", served.MASK_ONLY, _REVENUE.format(table), _REVENUE.format(table)),
        Pair(
            "groups of a masked column",
            served.MASK_ONLY,
            _COMMENTS.format(MASKED, table),
            _COMMENTS.format(MASK.format(MASKED), table),
        ),
    )


def main(arguments: Sequence[str]) -> int:
    """Measure and print a table; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.governed", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--data", type=Path, default=Path(__file__).with_name(".data"))
    options = parser.parse_args(arguments)
    warehouse = data.warehouse(options.data, scale=options.scale, tables=100)
    print("| scan | under the policy s | by hand s | x time | x server CPU |")
    print("| --- | ---: | ---: | ---: | ---: |")
    with (
        tempfile.TemporaryDirectory(prefix="benchmarks-") as folder,
        served.served(warehouse, Path(folder)) as server,
    ):
        for pair in pairs():
            sides = Side(pair.user, pair.text), Side(served.FULL, pair.by_hand)
            turns.check_rows(pair.name, server, *sides)
            print(turns.taken(pair.name, server, *sides, rounds=options.rounds), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
