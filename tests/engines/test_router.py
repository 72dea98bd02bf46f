"""Where statements run that either engine could, and those that need tables of both."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from catalog.model import AthenaPlace, Table
from flight_server.engines.base import Choice, Relation, Secured
from flight_server.engines.brought import Brought, Room, Share
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.settings import MIB, DuckDBSettings
from flight_server.engines.errors import (
    Busy,
    Cancelled,
    EngineError,
    ExecutionFailed,
    NoEngine,
    OutOfResources,
    TimedOut,
    Untranslatable,
)
from flight_server.engines.pieces import over_brought
from flight_server.engines.router import Router, Rules
from tests.engines import rig
from tests.engines.conftest import NewEngine
from tests.engines.elsewhere import Elsewhere, only_there
from tests.engines.rig import PEOPLE, relation, secured, soon
from tests.waiting import eventually

DAY = datetime.date(2024, 5, 1)
SALES = pa.table(
    {
        "person": pa.array([i % 5 for i in range(3_000)], pa.int64()),
        "amount": pa.array([Decimal(i) / 100 for i in range(3_000)], pa.decimal128(12, 2)),
        "day": [DAY + datetime.timedelta(days=i % 30) for i in range(3_000)],
        "note": [f"note {i}" for i in range(3_000)],
        "ratio": pa.array([i / 7 for i in range(3_000)], pa.float64()),
        "moment": pa.array(
            [datetime.datetime(2024, 5, 1, 0, 0, i % 60, i) for i in range(3_000)],
            pa.timestamp("us"),
        ),
        "tags": pa.array([["a", "b"][: i % 3] for i in range(3_000)]),
    }
)
SHOPS = pa.table({"shop": [1, 2], "title": ["one", "two"]})
BRINGS = Rules(bring=2**30, bring_total=2**30, sealed=lambda _relation: False)


@pytest.fixture
def there(engine: DuckDBEngine) -> Elsewhere:
    return Elsewhere(engine, {"sales": SALES, "shops": SHOPS})


@pytest.fixture
def router(engine: DuckDBEngine, there: Elsewhere) -> Router:
    return Router(engine, there, BRINGS)


@pytest.fixture
def sales() -> Relation:
    return relation(only_there("sales", SALES))


@pytest.fixture
def both(people: Table) -> Relation:
    """A table that both engines read."""
    return relation(replace(people, athena=AthenaPlace("AwsDataCatalog", "s", "people")))


@pytest.fixture
def mine(people: Table) -> Relation:
    """A table that only this server reads."""
    return relation(people)


def ran(router: Router, statement: Secured, row: pa.RecordBatch | None = None) -> pa.Table:
    schema = router.describe(statement, row, deadline=soon())
    choice = router.choose(statement, row, schema, deadline=soon())
    stream = router.run(replace(statement, choice=choice), row, schema, deadline=soon())
    try:
        return rig.decoded(stream, schema)
    finally:
        stream.close()


def held(relation: Relation) -> Relation:
    """The relation as if its rows were here."""
    return replace(
        relation, table=replace(relation.table, engine=None, rows=lambda: iter(SALES.to_batches()))
    )


def chosen(router: Router, statement: Secured) -> Choice:
    schema = router.describe(statement, None, deadline=soon())
    return router.choose(statement, None, schema, deadline=soon())


def brought(there: Elsewhere) -> list[str]:
    """What was asked of the other engine, with short names."""
    return [each.text.replace('"lake"."s".', "").replace('"', "") for each in there.given]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the engine of these tests keeps what was brought."""
    return tmp_path_factory.mktemp("brought")


@pytest.fixture(scope="module")
def engine(directory: Path) -> Iterator[DuckDBEngine]:
    """One engine for both, whose small workers run out of memory."""
    sizes = DuckDBSettings(
        workers=4, spare=0, planners=1, threads=1, memory_limit=96 * MIB, spill_limit=0,
        spill_directory=directory,
    )  # fmt: skip
    with closing(DuckDBEngine(sizes)) as started:
        yield started


def left(directory: Path) -> list[Path]:
    """The files that were brought and are still there."""
    return list(directory.rglob("flight-server-brought-*/*"))


JOIN = "SELECT name, sum(amount) AS total FROM people JOIN sales ON id = person"


def test_a_table_of_the_other_engine_is_brought_to_what_only_this_one_reads(
    router: Router, there: Elsewhere, mine: Relation, sales: Relation
) -> None:
    statement = secured(f"{JOIN} GROUP BY name ORDER BY name", mine, sales)
    choice = chosen(router, statement)
    assert (choice.engine, choice.reason) == (
        "both",
        "a table that only Athena can read is brought here",
    )
    found = ran(router, statement).to_pylist()
    totals = SALES.group_by("person").aggregate([("amount", "sum")]).to_pydict()
    sums = dict(zip(totals["person"], totals["amount_sum"], strict=True))
    names = dict(zip(PEOPLE["id"].to_pylist(), PEOPLE["name"].to_pylist(), strict=True))
    assert {row["name"]: row["total"] for row in found} == {names[i]: sums[i] for i in names}
    assert brought(there) == ["SELECT person, amount FROM sales"]


CONDITIONS = [
    ("day = DATE '2024-05-03'", "person, day", "day = DATE '2024-05-03'"),
    ("amount >= 12.5", "person, amount", "amount >= 12.50"),
    ("note IN ('note 3', 'it''s')", "person, note", "note IN ('it''s', 'note 3')"),
    ("person < 2 AND note IS NOT NULL", "person, note", "person < 2 AND note IS NOT NULL"),
    (
        "moment > TIMESTAMP '2024-05-01 00:00:30'",
        "person, moment",
        "moment > TIMESTAMP '2024-05-01 00:00:30'",
    ),
    (
        "ratio = 2.0",
        "person, ratio",
        "ratio >= 1.9999999999999998e0 AND ratio <= 2.0000000000000004e0",
    ),
    ("upper(note) = 'NOTE 3'", "person, note", None),
    ("len(tags) = 2", "person, tags", None),
]


@pytest.mark.parametrize(("where", "columns", "asked"), CONDITIONS)
def test_only_what_can_matter_is_brought(
    engine: DuckDBEngine,
    router: Router,
    there: Elsewhere,
    mine: Relation,
    sales: Relation,
    where: str,
    columns: str,
    asked: str | None,
) -> None:
    join = "SELECT count(*) AS n, min(person) AS p FROM people JOIN sales ON id = person"
    text = f"{join} WHERE {where}"
    found = ran(router, secured(text, mine, sales))
    assert found.equals(rig.rows(engine, secured(text, mine, held(sales))))
    sent = f"SELECT {columns} FROM sales"
    assert brought(there) == [sent if asked is None else f"{sent} WHERE {asked}"]


def test_values_of_parameters_narrow_it_too(
    router: Router, there: Elsewhere, mine: Relation, sales: Relation
) -> None:
    statement = secured(f"{JOIN} WHERE note = $1 GROUP BY 1", mine, sales, parameters=("1",))
    row = pa.record_batch({"1": ["note 7"]})
    assert ran(router, statement, row).to_pydict() == {"name": ["bob"], "total": [Decimal("0.07")]}
    assert brought(there)[0].endswith("WHERE note = 'note 7'")


def test_a_condition_that_cannot_be_said_there_is_left_out(
    router: Router, there: Elsewhere, mine: Relation, sales: Relation
) -> None:
    there.refused = ("WHERE",)
    statement = secured(f"{JOIN} WHERE note = 'note 7' GROUP BY 1", mine, sales)
    assert ran(router, statement).num_rows == 1
    assert brought(there) == ["SELECT person, amount, note FROM sales"]


def test_what_cannot_be_asked_of_the_other_engine_at_all_is_refused(
    router: Router, there: Elsewhere, mine: Relation, sales: Relation
) -> None:
    there.refused = ("SELECT",)
    with pytest.raises(Untranslatable):
        chosen(router, secured(f"{JOIN} GROUP BY name", mine, sales))


def test_a_table_is_narrowed_before_it_leaves(
    router: Router, there: Elsewhere, mine: Relation, sales: Relation
) -> None:
    table = sales.table
    seen = relation(table, ["person", "note"], {"note": "left(note, 4)"}, "person = 1")
    text = "SELECT name, note, count(*) AS n FROM people JOIN sales ON id = person GROUP BY ALL"
    assert ran(router, secured(text, mine, seen)).to_pylist() == [
        {"name": "ann", "note": "note", "n": 600}
    ]
    (given,) = there.given
    assert given.relations[0].row_filter == "person = 1"
    assert [column.mask for column in given.relations[0].columns] == [None, "left(note, 4)"]


def test_of_a_table_of_which_only_rows_count_the_smallest_column_is_brought(
    router: Router, there: Elsewhere, mine: Relation, sales: Relation
) -> None:
    counted = secured("SELECT count(*) AS n FROM people, (SELECT 1 FROM sales)", mine, sales)
    assert ran(router, counted).to_pydict() == {"n": [PEOPLE.num_rows * SALES.num_rows]}


def test_several_tables_and_one_twice_are_brought_once_each(
    engine: DuckDBEngine, router: Router, there: Elsewhere, mine: Relation, sales: Relation
) -> None:
    shops = relation(only_there("shops", SHOPS))
    text = (
        "SELECT title, count(*) AS n FROM people JOIN sales a ON id = a.person"
        " JOIN sales b ON b.person = id AND b.note = 'note 1' JOIN shops ON shop = id"
        " WHERE a.day = DATE '2024-05-02' GROUP BY title"
    )
    assert ran(router, secured(text, mine, sales, shops)).to_pylist() == [
        {"title": "one", "n": 100}
    ]
    assert len(there.given) == 2


def test_every_type_comes_as_it_is(
    engine: DuckDBEngine, router: Router, mine: Relation, sales: Relation
) -> None:
    text = "SELECT sales.* FROM people JOIN sales ON id = person ORDER BY note"
    found = ran(router, secured(text, mine, sales))
    assert found.equals(rig.rows(engine, secured(text, mine, held(sales))))
    assert found.num_rows == 2_400


def test_a_column_that_was_left_behind_cannot_be_read(
    engine: DuckDBEngine, mine: Relation, sales: Relation
) -> None:
    statement = secured("SELECT person FROM sales", sales)
    part = engine.run(
        secured("SELECT id AS person FROM people", mine),
        None,
        pa.schema([("person", pa.int64())]),
        deadline=soon(),
    )
    rows = Brought(pa.schema([("person", pa.int64())]), part, Share(Room(2**20, 2**20)))
    over = over_brought(replace(statement, text="SELECT note FROM sales"), {0: rows})
    with pytest.raises(ExecutionFailed):
        rig.rows(engine, over)
    part.close()


def test_more_than_a_statement_may_bring_is_refused_and_leaves_nothing(
    engine: DuckDBEngine, directory: Path, there: Elsewhere, mine: Relation, sales: Relation
) -> None:
    router = Router(engine, there, replace(BRINGS, bring=20_000))
    with pytest.raises(OutOfResources, match="20,000 bytes"):
        ran(router, secured("SELECT note FROM people JOIN sales ON id = person", mine, sales))
    assert eventually(lambda: not left(directory))
    assert ran(router, secured(f"{JOIN} WHERE note = 'note 7' GROUP BY 1", mine, sales)).num_rows


def test_all_statements_together_bring_no_more_than_they_may(
    engine: DuckDBEngine, directory: Path, there: Elsewhere, mine: Relation, sales: Relation
) -> None:
    router = Router(engine, there, replace(BRINGS, bring_total=80_000))
    statement = secured("SELECT note FROM people JOIN sales ON id = person", mine, sales)
    schema = router.describe(statement, None, deadline=soon())
    first = router.run(statement, None, schema, deadline=soon())
    assert first.ready(20.0)
    assert len(left(directory)) == 1
    second = router.run(statement, None, schema, deadline=soon())
    with pytest.raises(Busy):
        list(second)
    second.close()
    assert len(rig.decoded(first, schema)) == 2_400
    assert [each.name.table for each in first.scanned] == ["people"]
    first.close()
    assert left(directory) == []
    assert ran(router, statement).num_rows == 2_400


def slow(sales: Relation) -> Relation:
    """A table that takes for ever to narrow."""
    endless = "(SELECT count(*) FROM range(100000) a, range(100000) b, range(100000) c) > person"
    return replace(sales, row_filter=endless)


def test_who_ends_a_statement_ends_what_is_being_brought(
    router: Router, mine: Relation, sales: Relation
) -> None:
    statement = secured(f"{JOIN} GROUP BY name", mine, slow(sales))
    schema = router.describe(statement, None, deadline=soon())
    for end in (lambda s: s.cancel(), lambda s: None):
        stream = router.run(statement, None, schema, deadline=soon(1.5))
        assert not stream.ready(0.2)
        end(stream)
        with pytest.raises((Cancelled, TimedOut)):
            next(iter(stream))
        stream.close()
        assert eventually(lambda: not bringing())


def test_a_failure_while_it_is_brought_is_told(
    router: Router, there: Elsewhere, mine: Relation, sales: Relation
) -> None:
    failing = replace(sales, row_filter="CAST(note AS INTEGER) > 0")
    with pytest.raises(ExecutionFailed):
        ran(router, secured(f"{JOIN} GROUP BY name", mine, failing))
    assert eventually(lambda: not bringing())


def bringing() -> list[str]:
    """The threads that wait for what is brought."""
    return [each.name for each in threading.enumerate() if each.name == "bringing"]


def test_what_may_not_leave_the_other_engine_is_not_brought(
    engine: DuckDBEngine, there: Elsewhere, mine: Relation, sales: Relation
) -> None:
    statement = secured(f"{JOIN} GROUP BY name", mine, sales)
    sealed = Router(engine, there, replace(BRINGS, sealed=lambda each: "sales" in str(each.name)))
    with pytest.raises(NoEngine, match="protected"):
        chosen(sealed, statement)
    router = Router(engine, there, BRINGS)
    with pytest.raises(NoEngine, match="protected"):
        chosen(router, secured(statement.text, mine, replace(sales, keyed=True)))
    assert there.given == []


def test_sealed_tables_of_this_server_are_joined_here(
    engine: DuckDBEngine, there: Elsewhere, mine: Relation, sales: Relation
) -> None:
    router = Router(engine, there, replace(BRINGS, sealed=lambda each: "people" in str(each.name)))
    statement = secured(f"{JOIN} WHERE region = 'eu' GROUP BY name", mine, sales)
    assert ran(router, statement).num_rows == 2
    assert brought(there) == ["SELECT person, amount FROM sales"]


def test_who_pins_an_engine_gets_it_or_a_refusal(
    engine: DuckDBEngine, there: Elsewhere, router: Router, mine: Relation, sales: Relation
) -> None:
    statement = secured(f"{JOIN} GROUP BY name", mine, sales)
    for pin in ("duckdb", "athena"):
        with pytest.raises(NoEngine):
            chosen(router, replace(statement, engine=pin))
    with pytest.raises(NoEngine):
        chosen(Router(engine, there, replace(BRINGS, bring=0)), statement)


def test_what_one_engine_can_run_alone_is_not_brought(
    router: Router, both: Relation, sales: Relation
) -> None:
    assert chosen(router, secured(f"{JOIN} GROUP BY name", both, sales)).engine == "athena"


# --- how busy this server is ----------------------------------------------------------------------


def test_where_many_wait_what_both_can_run_goes_elsewhere(
    new_engine: NewEngine, there: Elsewhere, both: Relation, mine: Relation
) -> None:
    engine = new_engine(workers=1)
    router = Router(engine, there, replace(BRINGS, patience=1e-9))
    text = "SELECT name FROM people"
    assert chosen(router, secured(text, both)).reason == "the statement reads little"
    statement = secured("SELECT a.range FROM range(1000000) a")
    schema = engine.describe(statement, None, deadline=soon())
    running = engine.run(statement, None, schema, deadline=soon())
    try:
        choice = chosen(router, secured(text, both))
        assert (choice.engine, choice.reason) == ("athena", "too many statements wait here")
        assert chosen(router, secured(text, mine)).engine == "duckdb"
        assert chosen(router, replace(secured(text, both), engine="duckdb")).engine == "duckdb"
        pinned = replace(both, table=replace(both.table, properties={"flight.engine": "duckdb"}))
        assert chosen(router, secured(text, pinned)).engine == "duckdb"
        for rules in (
            BRINGS,
            replace(BRINGS, patience=60.0),
            replace(BRINGS, patience=1e-9, most=1),
        ):
            assert chosen(Router(engine, there, rules), secured(text, both)).engine == "duckdb"
        there.refused = ("name",)
        assert chosen(router, secured(text, both)).engine == "duckdb"
        there.refused, there.free_places = (), 0
        assert chosen(router, secured(text, both)).engine == "duckdb"
    finally:
        running.close()


# --- what needs more memory than there is here ----------------------------------------------------


def moved(router: Router, statement: Secured, error: EngineError) -> Choice | None:
    schema = router.describe(statement, None, deadline=soon())
    statement = replace(statement, choice=Choice("duckdb", "the statement reads little"))
    return router.second(statement, None, schema, error, deadline=soon())


FULL = OutOfResources("The statement needed more memory than it may have.", memory=True)


def test_what_needs_more_memory_may_run_once_more_elsewhere(
    engine: DuckDBEngine, there: Elsewhere, both: Relation, mine: Relation
) -> None:
    router = Router(engine, there, replace(BRINGS, second=True))
    text = "SELECT name FROM people"
    choice = moved(router, secured(text, both), FULL)
    assert choice is not None
    assert (choice.engine, choice.reason) == ("athena", "it needed more memory than there is here")
    assert choice.estimate is not None
    assert moved(router, secured(text, both), OutOfResources("too wide")) is None
    assert moved(router, secured(text, mine), FULL) is None
    assert moved(router, replace(secured(text, both), engine="duckdb"), FULL) is None
    assert moved(Router(engine, there, BRINGS), secured(text, both), FULL) is None
    small = Router(engine, there, replace(BRINGS, second=True, most=1))
    assert moved(small, secured(text, both), FULL) is None
    there.refused = ("name",)
    assert moved(router, secured(text, both), FULL) is None


def test_a_statement_that_runs_out_of_memory_says_so(engine: DuckDBEngine) -> None:
    text = "SELECT list(a.range::VARCHAR || repeat('x', 90)) AS x FROM range(2000000) a"
    with pytest.raises(OutOfResources) as raised:
        rig.rows(engine, secured(text))
    assert raised.value.memory
