"""Files are left out only where they have no row that matters, and then they are not opened."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import BucketTransform, MonthTransform, TruncateTransform
from pyiceberg.types import (
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    IntegerType,
    LongType,
    NestedField,
    StringType,
    TimestampType,
    TimestamptzType,
)

from catalog.model import Table
from flight_server.engines.base import Relation, Secured
from flight_server.engines.duckdb import pruning
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.pushdown import decode
from tests.engines import rig

FIELDS = (
    NestedField(1, "id", LongType()),
    NestedField(2, "day", DateType()),
    NestedField(3, "name", StringType()),
    NestedField(4, "price", DecimalType(12, 2)),
    NestedField(5, "moment", TimestampType()),
    NestedField(6, "seen", TimestamptzType()),
    NestedField(7, "flag", BooleanType()),
    NestedField(8, "ratio", DoubleType()),
    NestedField(9, "small", IntegerType()),
)
SPECS = {
    "plain": PartitionSpec(),
    "monthly": PartitionSpec(PartitionField(2, 1000, MonthTransform(), "day_month")),
    "buckets": PartitionSpec(
        PartitionField(1, 1000, BucketTransform(4), "id_bucket"),
        PartitionField(3, 1001, TruncateTransform(2), "name_trunc"),
    ),
}
START = datetime.datetime(2024, 1, 1)


def rows(number: int, count: int = 40) -> pa.Table:
    """The rows of one file: each file has a range of its own, with some NULLs."""
    chance = random.Random(number)
    first = number * count
    ids = range(first, first + count)
    days = [START.date() + datetime.timedelta(days=i // 4) for i in ids]
    moments = [START + datetime.timedelta(minutes=37 * i) for i in ids]
    nan = float("nan")
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "day": pa.array([None if i % 11 == 0 else d for i, d in zip(ids, days, strict=True)]),
            "name": [None if i % 13 == 0 else f"n{i:05d}" for i in ids],
            "price": pa.array(
                [Decimal(chance.randrange(10**6)) for _ in ids], pa.decimal128(12, 2)
            ),
            "moment": pa.array(moments, pa.timestamp("us")),
            "seen": pa.array(moments, pa.timestamp("us", "UTC")),
            "flag": [number % 3 == 0 if i % 5 else None for i in ids],
            "ratio": [nan if i % 17 == 0 else i / 7 for i in ids],
            "small": pa.array([i % 100 for i in ids], pa.int32()),
        }
    )


@pytest.fixture(scope="module", params=SPECS)
def table(lake: SqlCatalog, request: pytest.FixtureRequest) -> Table:
    name = f"pruned_{request.param}"
    source = lake.create_table(f"s.{name}", Schema(*FIELDS), partition_spec=SPECS[request.param])
    for number in range(8):
        source.append(rows(number))
    with source.update_schema() as change:  # read by field id from now on
        change.rename_column("name", "title")
        change.update_column("small", LongType())
    return rig.described(source, name)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave files out however few there are."""
    monkeypatch.setattr(pruning, "MANY_FILES", 0)


def files(engine: DuckDBEngine, statement: Secured, parameters: Any = None) -> list[int]:
    """How many files of each relation are read."""
    wanted = engine._pruning.wanted(statement, parameters, rig.soon())
    return [
        len(engine._sources.scanner.scan(relation.table, None, wanted.get(number)).files)
        for number, relation in enumerate(statement.relations)
    ]


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("where", "most"),
    [
        ("id = 7", 1),
        ("id IN (7, 90)", 2),
        ("id + 1 = 8", 1),
        ("year(moment) = 2024 AND month(moment) = 1 AND id < 30", 1),
        ("day = DATE '2024-01-04'", 1),
        ("title = 'n00007'", 1),
        ("title LIKE 'n0000%'", 1),
        ("moment < TIMESTAMP '2024-01-01 10:00:00'", 1),
        ("seen < TIMESTAMPTZ '2024-01-01 12:00:00+02'", 1),
        ("small < -1", 0),
        ("id BETWEEN 50 AND 60 OR id = 200", 2),
    ],
)
def test_files_without_such_rows_are_not_opened(
    engine: DuckDBEngine, lake: SqlCatalog, where: str, most: int
) -> None:
    name = "pruned_single"
    if not lake.table_exists(f"s.{name}"):
        source = lake.create_table(f"s.{name}", Schema(*FIELDS))
        for number in range(8):
            source.append(rows(number))
        with source.update_schema() as change:
            change.rename_column("name", "title")
    table = rig.described(lake.load_table(f"s.{name}"), name)
    statement = rig.secured(f"SELECT * FROM {name} WHERE {where}", rig.relation(table))
    assert files(engine, statement) == [most]


PREDICATES = """
id = {i}; id <> {i}; id > {i}; id <= {i}; id BETWEEN {i} AND {j}; id IN ({i}, {j}); id % 7 = 3
NOT (id < {i}); id = {i} OR id = {j}; id = {i} OR flag; id IS NULL; day IS NULL; day IS NOT NULL
day = DATE '{d}'; day > DATE '{d}'; year(day) = 2024; month(day) = 2; day IN (DATE '{d}')
title = 'n{i:05d}'; title > 'n{i:05d}'; title LIKE 'n00{k}%'; starts_with(title, 'n01')
title IS NULL; price > {i}.5; price = {p}; price BETWEEN 10 AND {p}
moment >= TIMESTAMP '{d} 03:00:00'
date_trunc('day', moment) = TIMESTAMP '{d} 00:00:00'; seen < TIMESTAMPTZ '{d} 01:00:00+03'
flag; NOT flag; flag IS NULL; flag = true AND id > {i}; ratio > {i}; ratio = 'nan'::DOUBLE
ratio < 3; ratio <> {i}; ratio >= {i}; small < {k}; small = {k} AND id > {i}; coalesce(id, 0) = {i}
id = (SELECT max(id) FROM {t}); id IN (SELECT id FROM {t} WHERE day = DATE '{d}')
""".replace("\n", ";")
SHAPES = [
    "SELECT id FROM {t} WHERE {w}",
    "SELECT count(*), sum(id), min(title) FROM {t} WHERE {w}",
    "SELECT a.id, b.id FROM {t} a JOIN {t} b ON a.id = b.id AND b.id < {j} WHERE a.{w1}",
    "SELECT a.id, b.id FROM {t} a LEFT JOIN (SELECT * FROM {t} WHERE {w}) b USING (id)",
    "WITH c AS (SELECT * FROM {t} WHERE {w}) SELECT id FROM c UNION ALL SELECT count(*) FROM c",
    "SELECT id FROM {t} WHERE {w} UNION ALL SELECT count(*) FROM {t}",
    "SELECT id FROM {t} WHERE {w} UNION ALL SELECT max(id) FROM {t} WHERE id > {i}",
    "SELECT day, count(*) FROM {t} GROUP BY day HAVING {wd}",
    "SELECT id, r FROM (SELECT *, row_number() OVER (ORDER BY id) r FROM {t}) WHERE {w}",
    "SELECT (SELECT count(*) FROM {t} b WHERE b.id < a.id AND {wb}) FROM {t} a WHERE {wa}",
    "SELECT id FROM {t} a WHERE NOT EXISTS (FROM {t} b WHERE b.id = a.id AND {wb})",
]


def statements(table: Table, seed: int) -> Iterator[str]:
    chance = random.Random(seed)
    name = table.name.table
    predicates = [each.strip() for each in PREDICATES.split(";") if each.strip()]
    for text in predicates:
        for shape in chance.sample(SHAPES, 1):
            i, j = sorted(chance.randrange(320) for _ in range(2))
            day = START.date() + datetime.timedelta(days=chance.randrange(90))
            values = {
                "i": i,
                "j": j,
                "k": chance.randrange(10),
                "d": day,
                "p": chance.randrange(10**6),
                "t": name,
            }
            where = text.format(**values)
            plain = f"id > {i}" if "SELECT" in where else where
            yield shape.format(
                **values,
                w=where,
                w1=f"id > {i}",
                wd=f"day > DATE '{day}'",
                wa=plain.replace("id ", "a.id ").replace("coalesce(a.id", "coalesce(id"),
                wb=f"b.id <> {j}",
            )


def answer(engine: DuckDBEngine, text: str, *relations: Relation) -> list[str]:
    return sorted(map(repr, rig.values(engine, text, *relations)))


def test_no_statement_gives_another_result(
    engine: DuckDBEngine, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    relation = rig.relation(table)
    left_out = tried = 0
    for text in statements(table, seed=11):
        monkeypatch.setattr(pruning, "MANY_FILES", 10**6)
        expected = answer(engine, text, relation)
        monkeypatch.setattr(pruning, "MANY_FILES", 0)
        assert answer(engine, text, relation) == expected, text
        (read,) = files(engine, rig.secured(text, relation))
        left_out += read < len(engine._sources.scanner.scan(table).files)
        tried += 1
    assert left_out > tried / 5, (left_out, tried)


@pytest.mark.usefixtures("eager")
def test_filters_and_masks_of_the_policy_count_too(engine: DuckDBEngine, lake: SqlCatalog) -> None:
    source = lake.create_table("s.pruned_policy", Schema(*FIELDS))
    for number in range(4):
        source.append(rows(number))
    table = rig.described(source, "pruned_policy")
    text = "SELECT count(*) FROM pruned_policy"
    narrow = rig.relation(table, row_filter="id < 40")
    assert files(engine, rig.secured(f"{text} WHERE name >= ''", narrow)) == [1]
    masked = rig.relation(table, masks={"id": "id % 10"})
    assert files(engine, rig.secured(f"{text} WHERE id = 7", masked)) == [4]
    assert rig.values(engine, f"{text} WHERE id = 7", masked) == [(16,)]


@pytest.mark.usefixtures("eager")
def test_parameters_count_too(engine: DuckDBEngine, lake: SqlCatalog) -> None:
    source = lake.create_table("s.pruned_bound", Schema(*FIELDS))
    for number in range(4):
        source.append(rows(number))
    relation = rig.relation(rig.described(source, "pruned_bound"))
    statement = rig.secured(
        "SELECT count(*) FROM pruned_bound WHERE id = ? AND name IS NOT NULL",
        relation,
        parameters=("1",),
    )
    for number in (3, 77, 1000):
        row = pa.record_batch({"1": pa.array([number])})
        assert files(engine, statement, row) == [int(number < 160)]
        assert rig.rows(engine, statement, row).to_pylist() == [{"count_star()": int(number < 160)}]


@pytest.mark.usefixtures("eager")
def test_parts_stay_disjoint(engine: DuckDBEngine, lake: SqlCatalog) -> None:
    source = lake.create_table("s.pruned_parts", Schema(*FIELDS))
    for number in range(6):
        source.append(rows(number))
    table = rig.described(source, "pruned_parts")
    found: list[Any] = []
    for index in range(3):
        relation = Relation(table.name, table, rig.relation(table).columns, part=(index, 3))
        found += rig.values(engine, "SELECT id FROM pruned_parts WHERE id >= 100", relation)
    assert sorted(found) == [(i,) for i in range(100, 240)]


def test_a_table_of_few_files_is_not_planned_for(engine: DuckDBEngine, people: Table) -> None:
    statement = rig.secured("SELECT * FROM people", rig.relation(people))
    assert engine._pruning.wanted(statement, None, rig.soon()) == {}


def test_what_is_no_plan_leaves_nothing_out() -> None:
    assert decode(b"null") == {}


def test_the_empty_file_is_private(new_engine: Callable[..., DuckDBEngine]) -> None:
    path = Path(new_engine()._sources.stub)
    assert path.parent.stat().st_mode & 0o077 == 0
