"""No file is ever left out that has a row which a filter lets through, and many are left out."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from duckdb import DuckDBPyConnection
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table as IcebergTable
from pyiceberg.transforms import (
    BucketTransform,
    DayTransform,
    HourTransform,
    IdentityTransform,
    MonthTransform,
    TruncateTransform,
    YearTransform,
)
from pyiceberg.types import (
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    NestedField,
    StringType,
    TimestampType,
    TimestamptzType,
)

from flight_server.engines.duckdb.pushdown import decode, find, stub
from flight_server.engines.duckdb.scan.footers import Footers
from flight_server.engines.duckdb.scan.manifests import Manifests
from flight_server.engines.duckdb.scan.plan import Source, source_of
from flight_server.engines.duckdb.scan.predicate import predicate
from flight_server.engines.duckdb.scan.prune import prune
from tests.engines import rig

FIELDS = (
    NestedField(1, "id", IntegerType()),
    NestedField(2, "day", DateType()),
    NestedField(3, "name", StringType()),
    NestedField(4, "price", DecimalType(9, 2)),
    NestedField(5, "moment", TimestampType()),
    NestedField(6, "seen", TimestamptzType()),
    NestedField(7, "flag", BooleanType()),
    NestedField(8, "ratio", DoubleType()),
    NestedField(9, "share", FloatType()),
    NestedField(10, "wide", DecimalType(30, 4)),
    NestedField(11, "gone", IntegerType()),
)
# The first letters are longer than what writers keep of a bound.
PREFIX = "a-prefix-longer-than-16-"
START = datetime.datetime(1969, 12, 1, 5)
SPECS: dict[str, tuple[PartitionField, ...]] = {
    "plain": (),
    "identity": (
        PartitionField(7, 1000, IdentityTransform(), "flag"),
        PartitionField(2, 1001, IdentityTransform(), "day"),
    ),
    "dropped": (
        PartitionField(11, 1000, IdentityTransform(), "gone_bucket"),
        PartitionField(1, 1001, BucketTransform(3), "id_bucket"),
        PartitionField(10, 1002, IdentityTransform(), "wide"),
    ),
    "buckets": (
        PartitionField(1, 1000, BucketTransform(4), "id_bucket"),
        PartitionField(3, 1001, BucketTransform(3), "name_bucket"),
        PartitionField(4, 1002, BucketTransform(2), "price_bucket"),
    ),
    "truncated": (
        PartitionField(1, 1000, TruncateTransform(20), "id_trunc"),
        PartitionField(3, 1001, TruncateTransform(27), "name_trunc"),
        PartitionField(4, 1002, TruncateTransform(5000), "price_trunc"),
    ),
    "days": (
        PartitionField(5, 1000, DayTransform(), "moment_day"),
        PartitionField(2, 1001, YearTransform(), "day_year"),
    ),
    "hours": (
        PartitionField(6, 1000, HourTransform(), "seen_hour"),
        PartitionField(2, 1001, MonthTransform(), "day_month"),
    ),
}


def rows(number: int, count: int = 12) -> pa.Table:
    """The rows of an append: near each other, below and above zero, with NULLs and NaNs."""
    chance = random.Random(number)
    first = (number - 4) * count
    ids = range(first, first + count)
    moments = [START + datetime.timedelta(hours=7 * i + 7 * 50) for i in ids]

    def some(values: Any) -> list[Any]:
        if number == 3:
            return [None] * count  # a file of NULLs alone
        return [None if chance.random() < 0.15 else value for value in values]

    numbers = [float("nan") if chance.random() < 0.1 else i / 7 for i in ids]
    columns = {
        "id": pa.array(some(ids), pa.int32()),
        "day": pa.array(some(moment.date() for moment in moments), pa.date32()),
        "name": pa.array(some(f"{PREFIX}{i + 100:03}é" for i in ids), pa.string()),
        "price": pa.array(some(Decimal(i * 50) / 100 for i in ids), pa.decimal128(9, 2)),
        "moment": pa.array(some(moments), pa.timestamp("us")),
        "seen": pa.array(some(moments), pa.timestamp("us", "UTC")),
        "flag": pa.array(some(number % 2 == 0 for _ in ids), pa.bool_()),
        "ratio": pa.array(some(numbers), pa.float64()),
        "share": pa.array(some(np.float32(each) for each in numbers), pa.float32()),
        "wide": pa.array(some(Decimal(i) * 10**20 for i in ids), pa.decimal128(30, 4)),
        "gone": pa.array([number % 2] * count, pa.int32()),
    }
    return pa.table(columns)


@dataclass(frozen=True)
class Lake:
    """A table of files, and all rows of all files in DuckDB with the number of their file."""

    source: Source
    connection: DuckDBPyConnection
    ask: Callable[[str], Any]


def evolved(source: IcebergTable) -> None:
    """Other types, other names, another column, and where it may be another partitioning."""
    with source.update_schema() as change:
        change.update_column("id", LongType())
        change.update_column("share", DoubleType())
        change.update_column("price", DecimalType(18, 2))
        change.rename_column("name", "title")
        change.add_column("extra", IntegerType())
    with source.update_spec() as spec:
        for field in source.spec().fields:
            if field.name.endswith(("_bucket", "_trunc", "_hour")):
                spec.remove_field(field.name)
        spec.add_field("title", TruncateTransform(26), "title_short")
    with source.update_schema() as change:
        change.delete_column("gone")


@pytest.fixture(scope="module", params=SPECS)
def lake(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lake]:
    catalog = rig.warehouse(tmp_path_factory.mktemp("left_out"))
    spec = PartitionSpec(*SPECS[request.param])
    table = catalog.create_table("s.t", Schema(*FIELDS), partition_spec=spec)
    for number in range(8):
        table.append(rows(number))
    evolved(table)
    for number in range(8, 12):
        later = (
            rows(number)
            .drop_columns("gone")
            .rename_columns(["title" if n == "name" else n for n in rows(0).schema.names[:-1]])
        )
        later = later.append_column("extra", pa.array([number] * later.num_rows, pa.int32()))
        table.append(later.cast(table.schema().as_arrow()))
    yield described(table, catalog, tmp_path_factory.mktemp("stub") / "empty.parquet")
    catalog.engine.dispose()


def described(table: IcebergTable, catalog: SqlCatalog, empty: Path) -> Lake:
    pq.write_table(pa.table({"x": pa.array([1], pa.int8())}), empty, write_statistics=False)
    told = rig.described(table, "t")
    source = source_of(told, Manifests(), Footers())
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET disabled_optimizers = 'late_materialization'")
    connection.execute("ATTACH ':memory:' AS lake; CREATE SCHEMA lake.s")
    connection.execute(stub(rig.relation(told), 0, source.types, str(empty)))
    schema = table.schema().as_arrow()
    parts = []
    for number, file in enumerate(source.index.files(range(source.index.count))):
        stored = pq.read_table(file.path.removeprefix("file://"))
        by_id = {field.metadata[b"PARQUET:field_id"]: field.name for field in stored.schema}
        columns = []
        for field in schema:
            name = by_id.get(field.metadata[b"PARQUET:field_id"])
            here = stored[name] if name else pa.nulls(stored.num_rows)
            columns.append(here.cast(field.type))
        parts.append(
            pa.table(columns, names=schema.names).append_column(
                "in_file", pa.array([number] * stored.num_rows)
            )
        )
    connection.register("all_rows", pa.concat_tables(parts))
    connection.execute("CREATE TABLE everything AS SELECT * FROM all_rows")

    def ask(where: str) -> Any:
        found = find(connection, f"SELECT * FROM lake.s.t WHERE {where}", {}, alone=True)
        scans = decode(found).get(0)
        return None if scans is None else predicate([s.filters for s in scans], source.schema)

    return Lake(source, connection, ask)


COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")


def simple(chance: random.Random) -> str:
    """A random test of one column."""
    number = chance.randrange(-60, 110)
    moment = START + datetime.timedelta(hours=7 * number + 7 * 50)
    day, compare = moment.date(), chance.choice(COMPARISONS)
    other = number + chance.randrange(1, 20)
    return chance.choice(
        [
            f"id {compare} {number}",
            f"id BETWEEN {number} AND {other}",
            f"id IN ({number}, {other}, {other + 40})",
            f"day {compare} DATE '{day}'",
            f"day IN (DATE '{day}', DATE '1970-02-01')",
            f"year(day) = {day.year}",
            f"title {compare} '{PREFIX}{number + 100:03}é'",
            f"title IN ('{PREFIX}{number + 100:03}é', '{PREFIX}{other + 100:03}é', '')",
            f"title LIKE '{PREFIX}{(number + 100) // 10:02}%'",
            f"title {compare} 'a-prefix'",
            f"price {compare} {number / 2}",
            f"price IN ({number / 2}, {other / 2})",
            f"wide {compare} {number * 10**20}.0000",
            f"moment {compare} TIMESTAMP '{moment}'",
            f"date_trunc('day', moment) = TIMESTAMP '{day}'",
            f"seen {compare} TIMESTAMPTZ '{moment}+00'",
            f"flag = {chance.choice(['true', 'false'])}",
            f"ratio {compare} {number / 7}",
            f"ratio {compare} {number}",
            f"share {compare} {number / 7}::FLOAT",
            f"share {compare} {number / 7}",
            f"ratio {compare} 'nan'",
            f"extra {compare} {chance.randrange(6, 14)}",
            f"{chance.choice(['id', 'day', 'title', 'flag', 'ratio', 'extra'])} IS NULL",
            f"{chance.choice(['id', 'day', 'title', 'flag', 'ratio', 'extra'])} IS NOT NULL",
        ]
    )


def condition(chance: random.Random) -> str:
    """A random filter."""
    if chance.random() < 0.5:
        return simple(chance)
    joined = chance.choice([" AND ", " OR "]).join(simple(chance) for _ in range(2))
    return f"NOT ({joined})" if chance.random() < 0.3 else joined


@pytest.mark.parametrize("seed", range(2))
def test_every_file_with_such_a_row_is_kept(lake: Lake, seed: int) -> None:
    chance = random.Random(seed)
    source, left_out = lake.source, 0
    specs = source.metadata.specs()
    for _ in range(60):
        where = condition(chance)
        wanted = lake.ask(where)
        if wanted is None:
            continue
        kept = set(np.flatnonzero(prune(source.index, specs, source.schema, wanted)).tolist())
        found = lake.connection.execute(f"SELECT DISTINCT in_file FROM everything WHERE {where}")
        needed = {number for (number,) in found.fetchall()}
        assert needed <= kept, where
        left_out += len(kept) < source.index.count
    assert left_out > 20


@pytest.mark.parametrize(
    "where",
    ["id = -30", "title = 'zz'", "price < -20", "ratio < -6", "wide = -4800000000000000000000"],
)
def test_what_bounds_exclude_is_left_out(lake: Lake, where: str) -> None:
    source = lake.source
    kept = prune(source.index, source.metadata.specs(), source.schema, lake.ask(where))
    assert kept.sum() < source.index.count / 2
