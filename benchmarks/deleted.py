"""`python -m benchmarks.deleted`: what deleted rows take of reading a table through the server.

One server, one user; the same data files with and without a tenth of their rows deleted, by turns.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from benchmarks import data, deletes, served, turns
from benchmarks.targets import Adbc
from benchmarks.turns import Side

_STATEMENTS = {
    "all rows": "SELECT * FROM {}",
    "three columns": "SELECT l_orderkey, l_extendedprice, l_shipdate FROM {}",
    "Q1": """SELECT l_returnflag, l_linestatus, sum(l_quantity), sum(l_extendedprice),
        sum(l_extendedprice * (1 - l_discount)), avg(l_discount), count(*) FROM {}
        WHERE l_shipdate <= DATE '1998-09-02' GROUP BY ALL ORDER BY ALL""",
    "Q6": """SELECT sum(l_extendedprice * l_discount) FROM {}
        WHERE l_shipdate >= DATE '1994-01-01' AND l_shipdate < DATE '1995-01-01'
        AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24""",
    "one order": "SELECT * FROM {} WHERE l_orderkey = 32003",
    "joined with itself": """SELECT count(*), sum(a.l_quantity * b.l_tax) FROM {0} a
        JOIN {0} b USING (l_orderkey, l_linenumber)""",
}


def main(arguments: Sequence[str]) -> int:
    """Measure and print a table; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deleted", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--data", type=Path, default=Path(__file__).with_name(".data"))
    options = parser.parse_args(arguments)
    warehouse = data.warehouse(options.data, scale=options.scale, tables=100)
    catalog = warehouse.open()
    whole = catalog.load_table((data.SCHEMA, data.TABLE))
    names = {kind: deletes.table(catalog, kind, whole).name()[-1] for kind in deletes.KINDS}
    print("| statement | with deletes s | without s | x time | x server CPU |")
    print("| --- | ---: | ---: | ---: | ---: |")
    with (
        tempfile.TemporaryDirectory(prefix="benchmarks-") as folder,
        served.served(warehouse, Path(folder)) as server,
    ):
        for kind, name in names.items():
            _check(server, name)
            for label, text in _STATEMENTS.items():
                ours = Side(served.FULL, text.format(name))
                other = Side(served.FULL, text.format(data.TABLE))
                row = turns.taken(f"{label}, {kind}", server, ours, other, rounds=options.rounds)
                print(row, flush=True)
    return 0


def _check(server: served.Served, name: str) -> None:
    """End the program where the rows are not left out: all the rest would mean nothing."""
    with closing(Adbc(server.running.uri, server.logins[served.FULL])) as session:
        counts = [
            session.table(f"SELECT count(*) FROM {each}").column(0)[0].as_py()
            for each in (name, data.TABLE)
        ]
    if not 0.89 < counts[0] / counts[1] < 0.91:
        raise SystemExit(f"{name}: {counts[0]} of {counts[1]} rows are left")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
