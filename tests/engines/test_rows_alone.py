"""Where only the number of rows matters no file is read, and for a few rows only a few files."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from catalog.model import Table
from flight_server.engines.base import Relation
from flight_server.engines.duckdb import pruning
from flight_server.engines.duckdb.engine import DuckDBEngine
from tests.engines import rig
from tests.engines.conftest import NewEngine
from tests.engines.test_deletes import _delete_positions, _files

FILES, ROWS = 5, 10


@pytest.fixture(scope="module")
def table(lake: SqlCatalog) -> Table:
    return _stored(lake, "alone")


def _stored(lake: SqlCatalog, name: str) -> Table:
    shape = pa.schema(
        [("id", pa.int64()), ("v", pa.string()), ("s", pa.struct([("x", pa.int32())]))]
    )
    source = lake.create_table(f"s.{name}", schema=shape)
    for start in range(0, FILES * ROWS, ROWS):
        ids = list(range(start, start + ROWS))
        structs = [{"x": i} for i in ids]
        source.append(pa.table({"id": ids, "v": ["v"] * ROWS, "s": structs}, schema=shape))
    return rig.described(source, name)


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at what is wanted however few files there are."""
    monkeypatch.setattr(pruning, "MANY_FILES", 0)


def files(engine: DuckDBEngine, text: str, relation: Relation) -> int:
    """How many files of a relation a statement reads."""
    statement = rig.secured(text, relation)
    wanted = engine._pruning.wanted(statement, None, rig.soon())
    return len(engine._sources.scanner.scan(relation.table, relation.part, wanted.get(0)).files)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT count(*) FROM alone", [(50,)]),
        ("SELECT count(1), 5 AS five, count(*) FILTER (true) FROM alone", [(50, 5, 50)]),
        ("SELECT sum(1) FROM (SELECT 1 FROM alone)", [(50,)]),
        ("SELECT count(*) FROM alone a, alone b", [(2500,)]),
        ("SELECT EXISTS (SELECT 1 FROM alone) AS e", [(True,)]),
        ("SELECT count(*) FROM (SELECT * FROM alone LIMIT 7)", [(7,)]),
        ("SELECT count(*) FROM (SELECT * FROM alone LIMIT 70 OFFSET 10)", [(40,)]),
        ("SELECT count(*) AS n FROM alone HAVING count(*) > 3", [(50,)]),
        ("SELECT max(r) FROM (SELECT row_number() OVER () AS r FROM alone)", [(50,)]),
    ],
)
def test_a_count_of_rows_reads_no_file(
    engine: DuckDBEngine, table: Table, text: str, expected: list[object]
) -> None:
    relation = rig.relation(table)
    assert files(engine, text, relation) == 0
    assert rig.values(engine, text, relation) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT count(id) FROM alone", [(50,)]),
        ("SELECT count(s.x) FROM alone", [(50,)]),
        ("WITH a AS (FROM alone) SELECT count(*) + (SELECT count(*) FROM a) AS n FROM a", [(100,)]),
        ("SELECT count(*) FROM alone WHERE id < 25", [(25,)]),
        ("SELECT count(DISTINCT v) FROM alone", [(1,)]),
        ("SELECT count(*), max(id) FROM alone", [(50, 49)]),
        ("SELECT v, count(*) FROM alone GROUP BY v", [("v", 50)]),
        ("SELECT count(*) FROM alone a JOIN alone b USING (id)", [(50,)]),
        (
            "SELECT count(*) AS n FROM alone a WHERE EXISTS (FROM alone b WHERE b.id = a.id)",
            [(50,)],
        ),
    ],
)
def test_a_count_of_values_reads_them(
    engine: DuckDBEngine, table: Table, text: str, expected: list[object]
) -> None:
    relation = rig.relation(table)
    assert files(engine, text, relation) > 0
    assert rig.values(engine, text, relation) == expected


def test_a_count_is_of_the_rows_that_may_be_seen(engine: DuckDBEngine, table: Table) -> None:
    text = "SELECT count(*) FROM alone"
    narrow = rig.relation(table, row_filter="id < 13")
    assert rig.values(engine, text, narrow) == [(13,)]
    assert files(engine, text, narrow) > 0
    nothing = rig.relation(table, row_filter="false")
    assert rig.values(engine, text, nothing) == [(0,)]
    masked = rig.relation(table, masks={"id": "id % 10"})
    assert rig.values(engine, text, masked) == [(50,)]
    assert files(engine, text, masked) > 0
    hidden = rig.relation(table, columns=["v"])
    assert rig.values(engine, text, hidden) == [(50,)]
    assert files(engine, text, hidden) == 0


def test_a_count_is_of_the_rows_that_are_left(engine: DuckDBEngine, lake: SqlCatalog) -> None:
    _stored(lake, "alone_deleted")
    source = lake.load_table("s.alone_deleted")
    _delete_positions(source, "gone", [(_files(source)[0], 3), (_files(source)[2], 0)])
    relation = rig.relation(rig.described(source, "alone_deleted"))
    for text in ("SELECT count(*) FROM alone_deleted", "SELECT 1 FROM alone_deleted LIMIT 49"):
        assert files(engine, text, relation) > 0
    assert rig.values(engine, "SELECT count(*) FROM alone_deleted", relation) == [(48,)]
    assert len(rig.values(engine, "SELECT id FROM alone_deleted LIMIT 50", relation)) == 48


def test_a_count_is_of_the_part_and_of_the_snapshot(
    engine: DuckDBEngine, table: Table, lake: SqlCatalog
) -> None:
    parts = [
        rig.values(engine, "SELECT count(*) FROM alone", replace(rig.relation(table), part=(n, 3)))
        for n in range(3)
    ]
    assert sum(count for ((count,),) in parts) == 50
    source = lake.load_table("s.alone")
    oldest = rig.described(source, "alone", source.history()[0].snapshot_id)
    assert rig.values(engine, "SELECT count(*) FROM alone", rig.relation(oldest)) == [(10,)]


def test_a_count_of_the_sealed_tier_is_the_same(new_engine: NewEngine, table: Table) -> None:
    engine = new_engine(seal_all=True)
    text = "SELECT count(*) FROM alone"
    assert rig.values(engine, text, rig.relation(table)) == [(50,)]
    assert rig.values(engine, text, rig.relation(table, row_filter="id < 13")) == [(13,)]


@pytest.mark.parametrize(
    ("text", "read", "rows"),
    [
        ("SELECT * FROM alone LIMIT 1", 1, 1),
        ("SELECT * FROM alone LIMIT 10", 1, 10),
        ("SELECT * FROM alone LIMIT 11", 2, 11),
        ("SELECT id + 1 AS i FROM alone LIMIT 10 OFFSET 5", 2, 10),
        ("FROM alone LIMIT 3 OFFSET 48", 5, 2),
        ("FROM alone LIMIT 1000", 5, 50),
        ("SELECT * FROM (SELECT id FROM alone LIMIT 12) LIMIT 3", 2, 3),
        ("SELECT id, v || 'x' AS w FROM alone LIMIT 2 + 3", 1, 5),
        ("SELECT max(id) AS m FROM (SELECT id FROM alone LIMIT 10)", 1, 1),
        ("(SELECT id FROM alone LIMIT 10) UNION ALL (SELECT id FROM alone LIMIT 25)", 3, 35),
    ],
)
def test_a_limit_reads_only_files_with_enough_rows(
    engine: DuckDBEngine, table: Table, text: str, read: int, rows: int
) -> None:
    relation = rig.relation(table)
    assert files(engine, text, relation) == read
    found = rig.values(engine, text, relation)
    assert len(found) == rows
    assert len(set(map(repr, found))) == rows or "UNION" in text


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("SELECT * FROM alone WHERE id >= 48 LIMIT 10", 2),
        ("SELECT * FROM alone WHERE v = 'v' LIMIT 10", 10),
        ("SELECT DISTINCT id FROM alone LIMIT 30", 30),
        ("SELECT id FROM alone ORDER BY id DESC LIMIT 3", 3),
        ("SELECT id, count(*) FROM alone GROUP BY id LIMIT 20", 20),
        ("SELECT a.id FROM alone a JOIN alone b ON a.id = b.id + 1 LIMIT 49", 49),
        ("SELECT id FROM alone OFFSET 20", 30),
        ("SELECT id FROM alone LIMIT 50%", 25),
        ("SELECT id FROM alone LIMIT (SELECT count(*) FROM alone)", 50),
        ("SELECT id FROM alone QUALIFY row_number() OVER (ORDER BY id) > 45 LIMIT 10", 5),
        ("SELECT max(id) OVER () AS m FROM alone LIMIT 1", 1),
        ("SELECT id FROM alone WHERE random() >= 0 LIMIT 50", 50),
        ("SELECT sum(id) AS n FROM alone LIMIT 1", 1),
        ("(SELECT id FROM alone LIMIT 10) UNION ALL SELECT id FROM alone", 60),
        ("SELECT id FROM alone UNION ALL SELECT id FROM alone LIMIT 99", 99),
    ],
)
def test_a_limit_elsewhere_cuts_nothing(
    engine: DuckDBEngine, table: Table, text: str, rows: int
) -> None:
    relation = rig.relation(table)
    found = rig.values(engine, text, relation)
    assert len(found) == rows
    if "max(id)" in text:
        assert found == [(49,)]
    if "sum(id)" in text:
        assert found == [(sum(range(50)),)]
    if "DESC" in text:
        assert found == [(49,), (48,), (47,)]


def test_a_limit_over_a_row_filter_cuts_nothing(engine: DuckDBEngine, table: Table) -> None:
    text = "SELECT id FROM alone LIMIT 5"
    narrow = rig.relation(table, row_filter="id >= 47")
    assert sorted(rig.values(engine, text, narrow)) == [(47,), (48,), (49,)]
    always = rig.relation(table, row_filter="true")
    assert files(engine, text, always) == FILES
    masked = rig.relation(table, masks={"id": "-1"})
    assert rig.values(engine, text, masked) == [(-1,)] * 5


def test_a_bound_limit_counts_too(engine: DuckDBEngine, table: Table) -> None:
    relation = rig.relation(table)
    statement = rig.secured("SELECT id FROM alone LIMIT ?", relation, parameters=("1",))
    for number in (1, 15, 60):
        row = pa.record_batch({"1": pa.array([number])})
        assert rig.rows(engine, statement, row).num_rows == min(number, 50)


def test_words_of_a_statement_are_not_taken_for_columns(
    engine: DuckDBEngine, table: Table, lake: SqlCatalog
) -> None:
    other = _stored(lake, "alone_other")
    relations = (rig.relation(table), rig.relation(other))
    text = "SELECT count(*) FROM alone a JOIN alone_other b USING (id)"
    text += " WHERE a.v <> 's1f1' AND b.id < 7"
    assert rig.values(engine, text, *relations) == [(7,)]
