"""Views with the rights of their readers and of a definer, governed as tables are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pyiceberg.types import DecimalType, IntegerType, LongType, StringType

from auth.errors import TableNotFound
from catalog.errors import SnapshotNotFound, UnsupportedTable
from flight_server.query.errors import BindError, ColumnNotFound, NotAllowed
from flight_server.query.handles import HandleKind
from tests.end_to_end.governed import caller
from tests.end_to_end.viewed import ID, ID_REGION, Viewed, shape, viewed

ANN, OWNER = caller("ann"), caller("olga", "owners")
MART = '  - {to: trader, on: "mart.public.v*", allow: select}\n'
PLAIN = "SELECT id, region FROM orders"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewed]:
    with viewed(tmp_path_factory.mktemp("views")) as found:
        yield found


@pytest.fixture(autouse=True)
def _anew(world: Viewed) -> None:
    world.lake.views.clear()
    world.mart.views.clear()
    world.service.policy(MART)


def _told(world: Viewed, text: str, kind: type[Exception], who: object = ANN) -> str:
    with pytest.raises(kind) as caught:
        world.rows(who, text)
    return str(caught.value)


def test_a_view_reads_what_its_reader_may_read(world: Viewed) -> None:
    world.lake.view("desk.v", ID_REGION, ("duckdb", f"{PLAIN} WHERE id > 1 -- the end"))
    everything = [(2, "us"), (3, "eu"), (4, None)]
    assert world.rows(ANN, "SELECT * FROM v ORDER BY id") == everything
    assert world.rows(ANN, "SELECT max(a.id) FROM desk.v a JOIN lake.desk.v b USING (id)") == [(4,)]
    world.service.policy("row_filters:\n  - {name: e, on: lake.desk.orders, to: trader,"
                         " where: \"region = 'eu'\"}\n")  # fmt: skip
    assert world.rows(ANN, "SELECT * FROM v") == [(3, "eu")]
    assert world.rows(OWNER, "SELECT * FROM v ORDER BY id") == everything


def test_a_view_is_governed_under_its_own_name(world: Viewed) -> None:
    world.lake.view("desk.v", ID_REGION, ("duckdb", PLAIN))
    world.service.policy(
        """
row_filters:
  - {name: few, on: lake.desk.v, to: trader, where: "id < 4"}
masks:
  - {name: m, on: lake.desk.v.region, to: trader, using: "upper(${col}) || id::VARCHAR"}
"""
    )
    told = [(1, "EU1"), (2, "US2"), (3, "EU3")]
    assert world.rows(ANN, "SELECT * FROM v ORDER BY id") == told
    world.service.policy('  - {to: trader, on: "lake.desk.v.region", deny: select}')
    assert world.rows(ANN, "SELECT * FROM v ORDER BY ALL LIMIT 1") == [(1,)]
    _told(world, "SELECT region FROM v", ColumnNotFound)


def test_a_view_over_a_hidden_table_or_column_is_not_there(world: Viewed) -> None:
    world.lake.view("desk.v", ID, ("duckdb", "SELECT id FROM hidden.secrets"))
    world.lake.view("desk.w", ID, ("duckdb", "SELECT id FROM desk.orders WHERE ssn = 's1'"))
    world.lake.view("desk.x", shape(id=LongType(), v=StringType()),
                    ("duckdb", "SELECT * FROM hidden.secrets"))  # fmt: skip
    world.service.policy('  - {to: trader, on: "lake.desk.orders.ssn", deny: select}')
    told = {
        _told(world, f"SELECT * FROM desk.{name}", TableNotFound).replace(f".{name} ", ".? ")
        for name in ("vv", "v", "w", "x")
    }
    assert len({text.split(" was not found")[0] for text in told}) == 1
    assert not any("secrets" in text or "ssn" in text for text in told)
    names = "SELECT table_name FROM information_schema.tables WHERE table_catalog = 'lake'"
    assert world.rows(ANN, names) == [("orders",)]
    assert {name.table for name, _ in world.service.service.visible(ANN).names()} == {"orders"}
    assert world.rows(OWNER, "SELECT id FROM v ORDER BY id") == [(1,), (2,)]
    assert set(world.rows(OWNER, names)) >= {("v",), ("w",), ("x",), ("secrets",)}


def test_a_view_is_listed_as_one(world: Viewed) -> None:
    world.lake.view("desk.v", ID_REGION, ("duckdb", PLAIN), properties={"comment": "all of it"})
    text = "SELECT table_type, table_comment FROM information_schema.tables WHERE table_name = 'v'"
    assert world.rows(ANN, text) == [("VIEW", "all of it")]
    kinds = {name.table: kind for name, kind in world.service.service.visible(ANN).names()}
    assert kinds == {"orders": "TABLE", "v": "VIEW"}


def test_a_definer_shows_what_its_reader_may_not_read(world: Viewed) -> None:
    text = "SELECT s.id, o.region FROM lake.hidden.secrets s JOIN orders o USING (id)"
    world.mart.view("public.v", ID_REGION, ("duckdb", text))
    assert world.rows(ANN, "SELECT * FROM mart.public.v ORDER BY id") == [(1, "eu"), (2, "us")]
    for hidden in ("mart.public.orders", "lake.hidden.secrets"):
        _told(world, f"SELECT * FROM {hidden}", TableNotFound)
    world.service.policy(
        MART + "masks:\n  - {name: m, on: mart.public.v.region, to: trader, using: \"'-'\"}\n"
    )
    assert world.rows(ANN, "SELECT DISTINCT region FROM mart.public.v") == [("-",)]
    world.service.policy("")
    _told(world, "SELECT * FROM mart.public.v", TableNotFound)


def test_a_definer_is_governed_too(world: Viewed) -> None:
    world.mart.view("public.v", ID_REGION, ("duckdb", PLAIN))
    world.service.policy(
        MART + "row_filters:\n  - {name: e, on: mart.public.orders, to: owner, where: 'id = 2'}\n"
    )
    assert world.rows(ANN, "SELECT * FROM mart.public.v") == [(2, "us")]
    world.service.policy(MART + '  - {to: owner, on: "mart.public.orders.region", deny: select}\n')
    told = _told(world, "SELECT * FROM mart.public.v", UnsupportedTable)
    assert "region" not in told
    assert "orders" not in told


def test_what_a_definers_view_leaves_out_cannot_be_probed(world: Viewed) -> None:
    """An expression of the reader's that fails on a row would tell that the row is there."""
    world.mart.view("public.v", ID_REGION, ("duckdb", f"{PLAIN} WHERE id <> 3"))
    world.lake.view("desk.v", ID_REGION, ("duckdb", PLAIN))
    world.service.policy(
        MART + "row_filters:\n  - {name: f, on: lake.desk.orders, to: trader, where: 'id <> 3'}\n"
    )
    kept = [(1, "eu"), (2, "us"), (4, None)]
    for probe in (
        "CASE WHEN id = 3 THEN error('there') ELSE 1 END = 1",
        "1 / CAST(id = 3 AS INTEGER) IS NULL OR (id = 3 AND CAST(region AS INTEGER) = 1) OR true",
        "CASE WHEN id = 3 THEN CAST('x' || region AS INTEGER) ELSE 1 END = 1",
    ):
        for view in ("mart.public.v", "desk.v"):
            try:
                found = world.rows(ANN, f"SELECT * FROM {view} WHERE {probe} ORDER BY id")
            except NotAllowed:
                continue
            assert found == kept


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("moment >= '2026-01-01 00:00+00' AND o.region = 'eu'", True),
        ("timezone('UTC', moment)::DATE > DATE '2026-01-01'", True),
        ("moment::DATE > DATE '2026-01-01'", False),
        ("moment > '2026-01-01 00:00'", False),
        ("date_trunc('day', moment) > '2026-01-01 00:00+00'", False),
        ("current_date > DATE '2026-01-01'", False),
        ("now() > moment", False),
    ],
)
def test_the_zone_of_the_session_moves_no_edge_of_a_definers_view(
    world: Viewed, condition: str, holds: bool
) -> None:
    moments = "WITH o AS (SELECT *, to_timestamp(id) AS moment FROM orders AS k)"
    moments += f" SELECT id FROM o WHERE {condition}"
    world.mart.view("public.v", ID, ("duckdb", moments))
    if holds:
        assert world.rows(ANN, "SELECT * FROM mart.public.v") == []
    else:
        _told(world, "SELECT * FROM mart.public.v", UnsupportedTable)


def test_no_statement_reaches_the_inside_of_a_view(world: Viewed) -> None:
    world.mart.view("public.v", ID, ("duckdb", "SELECT id FROM lake.hidden.secrets"))
    service = world.service.service
    world.forget()
    inner = service.plan(ANN, "SELECT * FROM mart.public.v").secured.relations[0].inside
    assert inner is not None
    name = inner.relations[0].name
    assert name.catalog == "__view"
    place = ".".join('"' + part.replace('"', '""') + '"' for part in (name.catalog, name.schema))
    for reference in (f"{place}.secrets", "__view.x.secrets", '"__view"."secrets"', "secrets",
                      "inside", "mart.public.secrets"):  # fmt: skip
        _told(world, f"SELECT v.id FROM mart.public.v v, {reference}", TableNotFound)
    told = {
        _told(world, f"SELECT {table}.id FROM mart.public.v AS v", BindError).replace(table, "?")
        for table in ("secrets", "inside", "nothing")
    }
    assert len(told) == 1
    _told(world, "SELECT v.v FROM mart.public.v AS v", ColumnNotFound)


def test_views_of_views_are_opened(world: Viewed) -> None:
    world.lake.view("desk.one", ID_REGION, ("duckdb", PLAIN))
    world.lake.view("desk.two", ID, ("duckdb", "SELECT o.id FROM one JOIN orders o USING (id)"))
    world.mart.view("public.v", ID, ("duckdb", "SELECT id FROM lake.desk.two WHERE id < 3"))
    assert world.rows(ANN, "SELECT * FROM two ORDER BY id") == [(1,), (2,), (3,), (4,)]
    text = "SELECT count(*) FROM two, one, mart.public.v"
    assert world.rows(ANN, text) == [(4 * 4 * 2,)]


def test_a_view_that_reads_itself_or_too_deeply_is_refused(world: Viewed) -> None:
    world.lake.view("desk.a", ID, ("duckdb", "SELECT id FROM b"))
    world.lake.view("desk.b", ID, ("duckdb", "SELECT id FROM a"))
    assert "a" in _told(world, "SELECT * FROM a", UnsupportedTable)
    for depth in range(1, 10):
        before = "orders" if depth == 1 else f"d{depth - 1}"
        world.lake.view(f"desk.d{depth}", ID, ("duckdb", f"SELECT id FROM {before}"))
    assert world.rows(ANN, "SELECT count(*) FROM d8") == [(4,)]
    _told(world, "SELECT * FROM d9", UnsupportedTable)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT id FROM read_parquet('/etc/passwd')",
        "DELETE FROM orders",
        "SELECT id FROM orders; SELECT id FROM orders",
        "SELECT id FROM orders) AS x, (SELECT id FROM orders",
        "SELECT id FROM orders WHERE region = ?",
        "SELECT id FROM orders WHERE region = current_user",
        "SELECT id FROM orders FOR VERSION AS OF 'x'",
        "SELECT id FROM orders AT (VERSION => 1)",
        "SELECT id AS other FROM orders",
        "SELECT id, pay FROM orders",
        "SELECT id::VARCHAR AS id FROM orders",
        "SELECT id FROM",
        "",
    ],
)
def test_a_text_that_cannot_be_run_as_promised_is_refused(world: Viewed, text: str) -> None:
    world.lake.view("desk.v", ID, ("duckdb", text))
    told = _told(world, "SELECT * FROM v", UnsupportedTable)
    assert "passwd" not in told
    assert "orders" not in told


@pytest.mark.parametrize("text", ["SELECT 1 AS id FROM information_schema.tables",
                                  'SELECT snapshot_id AS id FROM "orders$snapshots"',
                                  "SELECT id FROM nothing"])  # fmt: skip
def test_what_is_no_stored_table_is_not_read_in_a_view(world: Viewed, text: str) -> None:
    world.lake.view("desk.v", ID, ("duckdb", text))
    _told(world, "SELECT * FROM v", TableNotFound)


def test_columns_have_the_promised_types_and_names(world: Viewed) -> None:
    columns = shape(n=LongType(), total=DecimalType(20, 0), small=IntegerType())
    world.lake.view("desk.v", columns, ("duckdb", "SELECT count(*), sum(pay), 7 FROM orders"),
                    properties={"spark.query-column-names": "count_star(),sum(pay),7"})  # fmt: skip
    assert world.rows(ANN, "SELECT n, total, small + 1 FROM v") == [(4, 100, 8)]
    schema = world.service.service.plan(ANN, "SELECT * FROM v").schema
    assert [str(field.type) for field in schema] == ["int64", "decimal128(20, 0)", "int32"]


@pytest.mark.parametrize("dialect", ["spark", "trino", "Presto", "ansi"])
def test_a_text_that_means_the_same_in_its_dialect_is_run(world: Viewed, dialect: str) -> None:
    text = (
        "WITH chosen AS (SELECT DISTINCT id, region FROM desk.orders WHERE pay >= 10 AND id <> 4)"
        " SELECT a.id, coalesce(b.region, 'none') AS region FROM chosen a LEFT JOIN chosen b"
        " ON a.id = b.id AND b.region = 'eu' UNION ALL SELECT 9, CASE WHEN 1 = 1 THEN 'x' END"
    )
    world.lake.view("desk.v", ID_REGION, (dialect, text))
    assert len(world.rows(ANN, "SELECT * FROM v")) == 4


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("spark", 'SELECT id, "region" AS region FROM orders'),
        ("spark", r"SELECT id, 'a\'b' AS region FROM orders"),
        ("spark", "SELECT id / 2 AS id, region FROM orders"),
        ("trino", "SELECT id / 2 AS id, region FROM orders"),
        ("trino", "SELECT id, concat(region, 'x') AS region FROM orders"),
        ("spark", "SELECT id, region FROM orders ORDER BY region LIMIT 1"),
        ("trino", "SELECT id, CAST(id AS VARCHAR) AS region FROM orders"),
        ("hive", PLAIN),
        ("", PLAIN),
    ],
)
def test_a_text_that_may_mean_something_else_is_refused(
    world: Viewed, dialect: str, text: str
) -> None:
    world.lake.view("desk.v", ID_REGION, (dialect, text))
    assert "View lake.desk.v" in _told(world, "SELECT * FROM v", UnsupportedTable)


def test_the_text_in_the_own_dialect_is_taken(world: Viewed) -> None:
    world.lake.view("desk.v", ID, ("spark", "SELECT id / 2 AS id FROM orders"),
                    ("duckdb", "SELECT id // 2 AS id FROM orders WHERE id = 4"))  # fmt: skip
    assert world.rows(ANN, "SELECT * FROM v") == [(2,)]


def test_protection_of_what_is_inside_is_passed_on(world: Viewed) -> None:
    world.lake.view("desk.v", ID_REGION, ("duckdb", PLAIN))
    world.lake.view("desk.w", ID_REGION, ("duckdb", "SELECT * FROM v"))
    world.service.policy("tags:\n  - {on: lake.desk.orders.ssn, tags: [restricted.ssn]}\n")
    world.forget()
    planned = world.service.service.plan(ANN, "SELECT * FROM w")
    assert "restricted" in planned.secured.relations[0].tags
    assert len(world.service.run(ANN, planned)) == 4
    assert len(world.rows(ANN, "SELECT w.id FROM w JOIN v USING (id) WHERE w.id > 2")) == 2


def test_a_lookup_of_a_table_inside_decides_for_the_view(world: Viewed) -> None:
    world.lake.view("desk.v", ID, ("duckdb", "SELECT id FROM orders"))
    world.service.policy(
        """
lookups: {known: {table: lake.hidden.secrets}}
row_filters:
  - {name: known, on: lake.desk.orders, to: trader, where: "id IN (SELECT id FROM known)"}
"""
    )
    assert world.rows(ANN, "SELECT * FROM v ORDER BY id") == [(1,), (2,)]


def test_a_ticket_reads_what_was_planned_and_no_other_text(world: Viewed) -> None:
    world.lake.view("desk.v", ID, ("duckdb", "SELECT id FROM orders WHERE id < 3"))
    service = world.service.service
    world.forget()
    planned = service.plan(ANN, "SELECT * FROM v ORDER BY id")
    ticket = service.seal(ANN, planned, HandleKind.TICKET)
    again = service.unseal(ANN, ticket, HandleKind.TICKET)
    assert again.secured == planned.secured
    orders = next(name for name in planned.state.snapshots if name.table == "orders")
    assert orders.catalog == "__view"
    table = world.lake.source.load_table("desk.orders")
    table.append(table.scan(limit=1).to_arrow())
    pinned = service.unseal(ANN, ticket, HandleKind.TICKET)
    assert len(world.service.run(ANN, pinned)) == 2
    assert len(world.rows(ANN, "SELECT * FROM v")) == 3
    world.lake.view("desk.v", ID, ("duckdb", "SELECT id FROM orders WHERE id < 2"))
    world.forget()
    with pytest.raises(SnapshotNotFound):
        service.unseal(ANN, ticket, HandleKind.TICKET)


def test_a_view_has_no_earlier_states_but_its_tables_do(world: Viewed) -> None:
    world.lake.view("desk.v", ID, ("duckdb", "SELECT id FROM orders"))
    _told(world, "SELECT * FROM v FOR VERSION AS OF 1", SnapshotNotFound)
    early = replace(ANN, as_of=datetime(2001, 1, 1, tzinfo=UTC))
    assert "lake.desk.v" in _told(world, "SELECT * FROM v", SnapshotNotFound, early)
    now = replace(ANN, as_of=datetime.now(UTC))
    assert world.rows(now, "SELECT count(*) FROM v") == world.rows(ANN, "SELECT count(*) FROM v")
    _told(world, "SELECT * FROM v", SnapshotNotFound, replace(ANN, as_of=77))
