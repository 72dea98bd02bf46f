"""What a statement that does not fit is told: our words, a position, and nothing hidden."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from catalog.model import Table
from flight_server.engines.base import Relation
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.errors import BindFailed, OutOfResources, TimedOut
from tests.engines import rig
from tests.waiting import within


def refused(
    engine: DuckDBEngine, text: str, *relations: Relation, row: pa.RecordBatch | None = None
) -> BindFailed:
    with pytest.raises(BindFailed) as caught:
        engine.describe(rig.secured(text, *relations), row, deadline=rig.soon())
    return caught.value


@pytest.fixture(scope="session")
def things(lake: SqlCatalog) -> Relation:
    data = pa.table(
        {
            "id": pa.array([1], pa.int64()),
            "st": pa.array(
                [{"a": 1, "b": "x"}], pa.struct([("a", pa.int32()), ("b", pa.string())])
            ),
            "salary": pa.array([1], pa.int32()),
            "d": pa.array([None], pa.date32()),
        }
    )
    return rig.relation(rig.stored(lake, "things", data), ["id", "st", "d"])


COLUMN_USES = [
    "SELECT {0} FROM things",
    "SELECT things.{0} FROM things",
    "SELECT s.things.{0} FROM things",
    "SELECT lake.s.things.{0} FROM things",
    "SELECT id AS x FROM things ORDER BY {0}",
    "SELECT id FROM things GROUP BY {0}",
    "SELECT id FROM things WHERE {0} > 1",
    "SELECT id FROM things QUALIFY {0} > 1",
    "SELECT id FROM things LIMIT {0}",
    "SELECT max({0}) OVER (PARTITION BY id) FROM things",
    "SELECT unnest({0}) FROM things",
    "SELECT list_transform([1], x -> {0}) FROM things",
    "SELECT * FROM things a JOIN things b USING ({0})",
    "SELECT * FROM things a JOIN things b ON a.{0} = b.id",
    "SELECT * FROM things a SEMI JOIN things b ON a.id = b.{0}",
    "SELECT * EXCLUDE ({0}) FROM things",
    "SELECT things.* EXCLUDE {0} FROM things",
    "SELECT * REPLACE (1 AS {0}) FROM things",
    "WITH q AS (SELECT {0} FROM things) SELECT * FROM q",
    "WITH q AS (SELECT * FROM things) SELECT q.{0} FROM q",
    "SELECT (SELECT {0} FROM things)",
    "SELECT (SELECT max(t.{0}) FROM range(2)) FROM things t",
    "SELECT q.{0} FROM (VALUES (1)) q(x), things",
    "SELECT q.{0} FROM (SELECT * FROM things) q",
    "SELECT st.{0} FROM things",
    "SELECT (st).{0} FROM things",
    "SELECT struct_extract(st, '{0}') FROM things",
    "SELECT count(*) FILTER ({0} > 1) FROM things",
    "SELECT id FROM things UNION ALL SELECT {0} FROM things",
    "SELECT * FROM things UNPIVOT (v FOR k IN ({0}))",
]


@pytest.mark.parametrize("text", COLUMN_USES)
def test_a_missing_column_has_one_wording_everywhere(
    engine: DuckDBEngine, things: Relation, text: str
) -> None:
    error = refused(engine, text.format("zz_top"), things)
    assert str(error) == 'Column "zz_top" was not found.'
    assert error.kind == "column"


@pytest.mark.parametrize(
    "text",
    [*COLUMN_USES, "SELECT id FROM things HAVING {0} > 1", "SELECT COLUMNS('{0}') FROM things"],
)
def test_a_hidden_column_and_one_that_never_was_are_told_the_same(
    engine: DuckDBEngine, things: Relation, text: str
) -> None:
    hidden = refused(engine, text.format("salary"), things)
    absent = refused(engine, text.format("salarz"), things)
    assert str(hidden) == str(absent).replace("salarz", "salary")
    assert (hidden.kind, hidden.position) == (absent.kind, absent.position)


@pytest.mark.parametrize(
    ("text", "message", "kind"),
    [
        ("SELECT * FROM nope", 'Table "nope" was not found.', "table"),
        ("SELECT * FROM lake.s.nope", 'Table "nope" was not found.', "table"),
        ("SELECT zz.id FROM things", 'Table "zz" was not found.', "table"),
        ("SELECT nofun(id) FROM things", 'Function "nofun" was not found.', "function"),
        ("SELECT * FROM nofun(1)", 'Function "nofun" was not found.', "function"),
        (
            "SELECT sum('a' || id) FROM things",
            'No function "sum" fits these argument types.',
            "function",
        ),
        (
            "SELECT d + 'x'::BLOB FROM things",
            'No function "+" fits these argument types.',
            "function",
        ),
        ("SELECT id FROM things a, things b", 'Column "id" is ambiguous.', "other"),
        (
            "SELECT id, count(*) FROM things",
            'Column "id" must appear in GROUP BY or within an aggregate.',
            "other",
        ),
        ("SELECT 1::nosuch", 'Type "nosuch" was not found.', "other"),
        (
            "SELECT id FROM things WHERE count(*) > 1",
            "WHERE cannot contain aggregates.",
            "other",
        ),
    ],
)
def test_other_faults_are_told_in_our_words(
    engine: DuckDBEngine, things: Relation, text: str, message: str, kind: str
) -> None:
    error = refused(engine, text, things)
    assert (str(error), error.kind) == (message, kind)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT zz FROM things",
        "SELECT things.zz FROM things",
        "SELECT 'äöü€😀', zz FROM things",
        "SELECT\n  1,\n  id + zz\nFROM things",
        "SELECT " + "'" + "x" * 5000 + "', zz FROM things",
    ],
)
def test_a_fault_has_its_place_in_characters(
    engine: DuckDBEngine, things: Relation, text: str
) -> None:
    error = refused(engine, text, things)
    expected = text.index("things.zz") if "things.zz" in text else text.index("zz")
    assert error.position == expected


def test_nothing_is_proposed_and_nothing_quoted(engine: DuckDBEngine, things: Relation) -> None:
    for text in (
        "SELECT i FROM things",
        "SELECT * FROM thing",
        "SELECT * FROM things NATURAL JOIN (SELECT 1 AS q)",
        "SELECT upper(id, st) FROM things",
    ):
        message = str(refused(engine, text, things))
        assert len(message) <= 500
        for sign in ("andidate", "Did you mean", "LINE", "SELECT", "\n"):
            assert sign not in message


def test_what_one_statement_sees_is_gone_for_the_next(
    engine: DuckDBEngine, things: Relation, people: Table
) -> None:
    for _ in range(2):
        assert engine.describe(
            rig.secured("SELECT id FROM things", things), None, deadline=rig.soon()
        ).names == ["id"]
        assert "things" in str(refused(engine, "SELECT id FROM things", rig.relation(people)))


def test_describing_runs_nothing(engine: DuckDBEngine) -> None:
    schema = engine.describe(
        rig.secured("SELECT count(*) AS n, error('x') AS e FROM range(1000000000000)"),
        None,
        deadline=rig.soon(2),
    )
    assert schema.names == ["n", "e"]


def test_parameters_may_be_unknown_while_describing(engine: DuckDBEngine, people: Table) -> None:
    statement = rig.secured(
        "SELECT id FROM people WHERE id > ? AND name = ?",
        rig.relation(people),
        parameters=("1", "2"),
    )
    assert engine.describe(statement, None, deadline=rig.soon()).names == ["id"]


def test_a_bomb_while_binding_is_ended(engine: DuckDBEngine) -> None:
    # the argument of a table function is worked out while the statement is bound
    bomb = "length(lpad('x', 2000000000, 'yz'))"
    text = f"SELECT * FROM range({bomb} + {bomb})"
    with within(2), pytest.raises((TimedOut, OutOfResources)):
        engine.describe(rig.secured(text), None, deadline=rig.soon(0.3))
    assert rig.values(engine, "SELECT 1") == [(1,)]
