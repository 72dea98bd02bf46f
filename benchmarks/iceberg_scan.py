"""`python -m benchmarks.iceberg_scan`: the SQL that reads Iceberg tables, against plain Parquet.

In this process and one DuckDB: each statement runs over the server's scan of a table and over
`read_parquet` of the same files, by turns. `--scale` and `--rounds` make it shorter.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import duckdb
import numpy as np
from pyiceberg.table import Table as IcebergTable

from benchmarks import deletes, tpch_lake
from catalog.model import Column, Snapshot, Table
from catalog.names import TableName, quote, text_literal
from flight_server.engines.duckdb import positions
from flight_server.engines.duckdb.memory import MemoryFiles
from flight_server.engines.duckdb.scan.footers import Footers
from flight_server.engines.duckdb.scan.manifests import Manifests
from flight_server.engines.duckdb.scan.plan import source_of
from flight_server.engines.duckdb.session import blank

_ANY_ORDER = "all rows to Arrow, in any order"
_SINGLE = {
    "all rows to Arrow": "SELECT * FROM lineitem",
    _ANY_ORDER: "SELECT * FROM lineitem",
    "Q1": """SELECT l_returnflag, l_linestatus, sum(l_quantity), sum(l_extendedprice),
        sum(l_extendedprice * (1 - l_discount)), avg(l_discount), count(*) FROM lineitem
        WHERE l_shipdate <= DATE '1998-09-02' GROUP BY ALL ORDER BY ALL""",
    "Q6": """SELECT sum(l_extendedprice * l_discount) FROM lineitem
        WHERE l_shipdate >= DATE '1994-01-01' AND l_shipdate < DATE '1995-01-01'
        AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24""",
    "one order": "SELECT * FROM lineitem WHERE l_orderkey = 32 * 1000 + 3",
    "count(*)": "SELECT count(*) FROM lineitem",
}
_DELETED = {name: text for name, text in _SINGLE.items() if name != "count(*)"}
_JOINS = {
    "Q3": """SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate,
        o_shippriority FROM customer, orders, lineitem
        WHERE c_mktsegment = 'BUILDING' AND c_custkey = o_custkey AND l_orderkey = o_orderkey
        AND o_orderdate < DATE '1995-03-15' AND l_shipdate > DATE '1995-03-15'
        GROUP BY ALL ORDER BY revenue DESC, o_orderdate LIMIT 10""",
    "Q5": """SELECT n_name, sum(l_extendedprice * (1 - l_discount)) AS revenue
        FROM customer, orders, lineitem, supplier, nation, region
        WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND l_suppkey = s_suppkey
        AND c_nationkey = s_nationkey AND s_nationkey = n_nationkey AND n_regionkey = r_regionkey
        AND r_name = 'ASIA' AND o_orderdate >= DATE '1994-01-01'
        AND o_orderdate < DATE '1995-01-01' GROUP BY ALL ORDER BY revenue DESC""",
    "Q9": """SELECT n_name, year(o_orderdate) AS y,
        sum(l_extendedprice * (1 - l_discount) - ps_supplycost * l_quantity) AS profit
        FROM part, supplier, lineitem, partsupp, orders, nation
        WHERE s_suppkey = l_suppkey AND ps_suppkey = l_suppkey AND ps_partkey = l_partkey
        AND p_partkey = l_partkey AND o_orderkey = l_orderkey AND s_nationkey = n_nationkey
        AND p_name LIKE '%green%' GROUP BY ALL ORDER BY ALL""",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print a table; gives the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--data", type=Path, default=Path(__file__).with_name(".data"))
    told = parser.parse_args(arguments)
    lake = tpch_lake.catalog(told.data, told.scale)
    print("| table | statement | plain, ms | as Iceberg, ms | ratio, median (least-most) |")
    print("| --- | --- | ---: | ---: | ---: |")
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        memory = held.enter_context(closing(MemoryFiles(folder)))
        held.enter_context(closing(lake))
        for name, table in (("one", "lineitem"), ("by month", tpch_lake.MONTHLY)):
            found = _Read(lake.load_table((tpch_lake.PLAIN, table)))
            views = {"lineitem": (found.bare(), found.scan(memory))}
            _measured(f"lineitem, {name}", views, _SINGLE, told.rounds)
        whole = lake.load_table((tpch_lake.PLAIN, "lineitem"))
        for kind in deletes.KINDS:
            without = _Read(deletes.table(lake, kind, whole))
            views = {"lineitem": (_Read(whole).scan(memory), without.scan(memory))}
            _measured(f"lineitem, 10 % deleted by {kind}", views, _DELETED, told.rounds)
        joined = {}
        for table in tpch_lake.names():
            plain = _Read(lake.load_table((tpch_lake.PLAIN, table)))
            evolved = _Read(lake.load_table((tpch_lake.EVOLVED, table)))
            joined[table] = (plain.bare(), evolved.scan(memory))
        _measured("evolved", joined, _JOINS, told.rounds)
    return 0


class _Read:
    """An Iceberg table, and the ways to read it."""

    def __init__(self, table: IcebergTable) -> None:
        self._table = _described(table)
        self._source = source_of(self._table, Manifests(), Footers())
        self._files = self._source.index.files(np.arange(self._source.index.count))

    def bare(self) -> str:
        """A SELECT over the files alone."""
        paths = ", ".join(text_literal(_local(file.path)) for file in self._files)
        return f"SELECT * FROM read_parquet([{paths}])"

    def scan(self, memory: MemoryFiles) -> str:
        """The server's SELECT."""
        scan = self._source.scan()
        return scan.decoded([positions.hold(each, {}, memory)[0] for each in scan.vectors]).sql


def _measured(
    name: str, views: Mapping[str, tuple[str, str]], statements: Mapping[str, str], rounds: int
) -> None:
    connections = [_connection({table: both[at] for table, both in views.items()}) for at in (0, 1)]
    for label, text in statements.items():
        # as the server has it for large reads, on both sides
        for each in connections:
            each.execute(f"SET preserve_insertion_order = {label != _ANY_ORDER}")
        runs: list[Callable[[], float]] = [_run(each, text) for each in connections]
        for run in runs:
            run()
        taken = [tuple(run() for run in runs) for _ in range(rounds)]
        ratios = [ours / plain for plain, ours in taken]
        plain, ours = (statistics.median(each) * 1000 for each in zip(*taken, strict=True))
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        print(f"| {name} | {label} | {plain:.1f} | {ours:.1f} | {spread} |", flush=True)
    for each in connections:
        each.close()


def _connection(views: Mapping[str, str]) -> duckdb.DuckDBPyConnection:
    connection = blank()
    connection.execute("SET threads = 2; SET TimeZone = 'UTC'")
    for table, sql in views.items():
        connection.execute(f"CREATE VIEW {quote(table)} AS {sql}")
    return connection


def _run(connection: duckdb.DuckDBPyConnection, text: str) -> Callable[[], float]:
    def run() -> float:
        started = time.perf_counter()
        for _ in connection.sql(text).to_arrow_reader(100_000):
            pass
        return time.perf_counter() - started

    return run


def _described(source: IcebergTable) -> Table:
    """The table as a catalog says it."""
    metadata = source.metadata
    arrow = source.schema().as_arrow()
    columns = tuple(
        Column(field.name, arrow.field(field.name).type, field_id=field.field_id)
        for field in source.schema().fields
    )
    return Table(
        TableName("lake", *source.name()),
        columns,
        snapshot=Snapshot(source.metadata_location, metadata.current_snapshot_id),
        location=metadata.location,
    )


def _local(uri: str) -> str:
    return uri.removeprefix("file://")


if __name__ == "__main__":
    sys.exit(main())
