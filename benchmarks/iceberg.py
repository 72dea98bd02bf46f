"""`python -m benchmarks.iceberg`: planning over many files, and small statements over them.

In this process: how long manifests take to decode, and a filter to be held against all files, the
first time and again. Then through the engine with its workers, and by DuckDB over all of the files.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from pyiceberg.expressions import And, BooleanExpression, EqualTo, GreaterThan, LessThan
from pyiceberg.table import Table as IcebergTable

from benchmarks import many_files
from catalog.model import Column, Snapshot, Table
from catalog.names import TableName
from flight_server.engines.base import Relation, RelationColumn, Secured
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.scan.footers import Footers
from flight_server.engines.duckdb.scan.manifests import Manifests
from flight_server.engines.duckdb.scan.plan import source_of
from flight_server.engines.duckdb.scan.prune import prune
from flight_server.engines.duckdb.settings import DuckDBSettings

_SIZES = (10, 1_000, 10_000)
_REPEATS = 15
_SECONDS = 60.0
_STATEMENTS = {
    "one row by key": "SELECT * FROM {table} WHERE id = {key}",
    "all rows counted": "SELECT count(*) AS n FROM {table}",
    "ten rows": "SELECT * FROM {table} LIMIT 10",
}


def main() -> int:
    """Measure and print tables; gives the exit status."""
    lake = many_files.catalog(Path(__file__).with_name(".data"), _SIZES)
    tables = {size: lake.load_table(f"{many_files.NAMESPACE}.files_{size}") for size in _SIZES}
    print("| files | manifests decoded, ms | again | filter, first, ms | again, ms | kept |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for size, source in tables.items():
        _planned(size, _described(source))
    print("\n| statement | files | engine, first, ms | again, p50 ms | DuckDB, p50 ms |")
    print("| --- | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        settings = DuckDBSettings(workers=2, spill_directory=Path(folder))
        with closing(DuckDBEngine(settings)) as engine:
            for name, text in _STATEMENTS.items():
                for source in tables.values():
                    _ran(engine, name, text, _described(source))
    return 0


def _planned(size: int, table: Table) -> None:
    first = _once(lambda: source_of(table, Manifests(), Footers()))
    kept = Manifests()
    source = source_of(table, kept, Footers())
    again = _median(lambda: source_of(table, kept, Footers()))
    made: Any = (EqualTo, GreaterThan, LessThan)  # whose types say that they take nothing
    equal, greater, less = made
    filters: tuple[BooleanExpression, ...] = (
        equal("id", _key(size)),
        And(greater("price", "5.00"), less("moment", "2024-01-01T03:00:00")),
    )
    specs = source.metadata.specs()
    for wanted in filters:

        def pruned(wanted: BooleanExpression = wanted) -> int:
            return int(prune(source.index, specs, source.schema, wanted).sum())

        cold, warm = _once(pruned), _median(pruned)
        print(f"| {size} | {first:.0f} | {again:.1f} | {cold:.1f} | {warm:.2f} | {pruned()} |")


def _ran(engine: DuckDBEngine, name: str, text: str, table: Table) -> None:
    size = int(table.name.table.removeprefix("files_"))
    text = text.format(table=table.name.table, key=_key(size))
    columns = tuple(RelationColumn(column.name, column.type) for column in table.columns)
    statement = Secured(
        text,
        (Relation(table.name, table, columns),),
        catalog=table.name.catalog,
        schema=table.name.schema,
    )
    schema = engine.describe(statement, None, deadline=time.monotonic() + _SECONDS)

    def run() -> None:
        stream = engine.run(statement, None, schema, deadline=time.monotonic() + _SECONDS)
        try:
            for _ in stream:
                pass
        finally:
            stream.close()

    first, again = _once(run), _median(run)
    plain = _median(_bare(text, table), repeats=3)
    print(f"| {name} | {size} | {first:.1f} | {again:.1f} | {plain:.1f} |")


def _bare(text: str, table: Table) -> Callable[[], object]:
    """The statement by DuckDB over all files, whose footers it has seen."""
    connection = duckdb.connect()
    connection.execute("SET parquet_metadata_cache = true; SET threads = 2")
    paths = f"{table.location.removeprefix('file://')}/data/*.parquet"
    view = f"CREATE VIEW {table.name.table} AS FROM read_parquet('{paths}')"
    connection.execute(view)
    return lambda: connection.sql(text).to_arrow_table()


def _described(source: IcebergTable) -> Table:
    """The table as a catalog says it."""
    metadata = source.metadata
    arrow = source.schema().as_arrow()
    columns = tuple(
        Column(
            field.name,
            pa.string() if pa.types.is_large_string(field.type) else field.type,
            field_id=int(field.metadata[b"PARQUET:field_id"]),
        )
        for field in arrow
    )
    return Table(
        TableName("lake", many_files.NAMESPACE, source.name()[-1]),
        columns,
        snapshot=Snapshot(source.metadata_location, metadata.current_snapshot_id),
        location=metadata.location,
    )


def _key(size: int) -> int:
    return size * many_files.ROWS_PER_FILE // 2


def _once(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def _median(work: Callable[[], object], repeats: int = _REPEATS) -> float:
    work()
    return statistics.median(_once(work) for _ in range(repeats))


if __name__ == "__main__":
    sys.exit(main())
