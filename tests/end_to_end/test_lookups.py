"""Row filters and masks that read declared lookups, through the real service and engine."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from auth.errors import PolicyInvalid, TableNotFound
from catalog.names import TableName
from flight_server.engines.errors import EngineError
from flight_server.query.audit.records import Scribe
from flight_server.query.audit.signing import signing_key
from flight_server.query.events import StatementStarted
from flight_server.query.failures import failure_of
from flight_server.query.handles import HandleKind
from tests.end_to_end.governed import Lake, caller, governed

POSITIONS = pa.table(
    {
        "id": pa.array([1, 2, 3, 4, 5], pa.int64()),
        "desk": ["eu", "us", "eu", "asia", None],
        "code": ["10", "canary-2", "30", "canary-4", "canary-5"],
        "member": ["x", "x", "x", "x", "x"],
    }
)
ACL = pa.table(
    {
        "desk": ["eu", "us", "eu"],
        "member": ["ann", "bob", "cyd"],
        "level": pa.array([1, 2, 3], pa.int64()),
    }
)
ANN, BOB, EVE = caller("ann"), caller("bob"), caller("eve")
LOOKUP = """
lookups: {acl: {table: lake.sec.acl}}
row_filters:
  - {name: desk, on: lake.desk.positions, to: trader, where: "%s"}
"""
MINE = "desk IN (SELECT desk FROM acl WHERE member = ${claims.user})"
ALL = "SELECT id FROM positions ORDER BY id"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    # the others are changed or broken, each by one test
    others = dict.fromkeys(("changed", "earlier", "unplanned", "lost"), ACL)
    tables = {"desk.positions": POSITIONS, "desk.acl": POSITIONS, "sec.acl": ACL}
    tables |= {f"sec.{name}": rows for name, rows in others.items()}
    with governed(tmp_path_factory.mktemp("lake"), tables) as made:
        yield made


def reading(table: str, where: str) -> str:
    """The sections of a filter whose lookup is another table of the schema."""
    return (LOOKUP % where).replace("lake.sec.acl", f"lake.sec.{table}")


SHAPES = [
    MINE,
    "EXISTS (SELECT 1 FROM acl WHERE acl.desk = positions.desk AND acl.member = ${claims.user})",
    "EXISTS (FROM acl a WHERE a.desk = positions.desk AND a.member = ${claims.user})",
    "desk IN (SELECT DISTINCT acl.desk FROM acl WHERE acl.member = ${claims.user})",
    "desk = (SELECT max(desk) FROM acl WHERE member = ${claims.user})",
    "desk = ANY (SELECT desk FROM ACL WHERE member = ${claims.user})",
    "(SELECT count(*) FROM acl a WHERE a.desk = positions.desk AND a.member = ${claims.user}) > 0",
    "desk IN (SELECT desk FROM acl a WHERE EXISTS (SELECT 1 FROM acl b"
    " WHERE b.desk = a.desk AND b.member = ${claims.user} AND positions.id > 0))",
    "NOT desk IN (SELECT desk FROM acl WHERE member <> ${claims.user}"
    " AND desk NOT IN (SELECT desk FROM acl x WHERE x.member = ${claims.user}))"
    " AND desk <> 'asia'",
]


@pytest.mark.parametrize("where", SHAPES)
def test_a_filter_reads_its_lookup_whatever_the_user_may_see_of_it(lake: Lake, where: str) -> None:
    lake.policy(LOOKUP % where)
    with pytest.raises(TableNotFound):
        lake.service.plan(ANN, "SELECT * FROM lake.sec.acl")
    assert lake.rows(ANN, ALL) == [(1,), (3,)]
    # hidden rows' values would not convert: nothing of the statement runs before the filter
    assert lake.rows(ANN, "SELECT sum(code::INT) FROM positions WHERE code::INT > 0") == [(40,)]
    assert lake.rows(ANN, "SELECT count(*) FROM positions a JOIN positions b ON a.code::INT <> 1")


def test_each_user_sees_what_the_lookup_says_of_them(lake: Lake) -> None:
    lake.policy(LOOKUP % MINE)
    assert lake.rows(BOB, ALL) == [(2,)]
    assert lake.rows(EVE, ALL) == []


def test_the_audit_log_names_lookups_with_the_snapshots_that_were_read(lake: Lake) -> None:
    scribe = Scribe(signing_key("a secret of thirty-two bytes or more").namer())
    told: list[dict[str, str]] = []
    for table in ("acl", "gone"):
        lake.policy(reading(table, MINE))
        planned = lake.service.plan(ANN, ALL)
        *_, start = scribe.records(StatementStarted(ANN, planned, engine="duckdb"))
        told += start["objects"][0]["lookups"]
    assert told[0]["table"] == "lake.sec.acl"
    assert int(told[0]["snapshot_id"]) > 0
    assert told[1] == {"table": "lake.sec.gone"}


@pytest.mark.parametrize("name", ["acl", "ACL", '"lookup acl"', '"lookup 0"', "sec", "lake"])
def test_a_cte_named_like_the_lookup_does_not_stand_in_for_it(lake: Lake, name: str) -> None:
    lake.policy(LOOKUP % MINE)
    rows = "(VALUES ('us', 'ann', 9), ('asia', 'ann', 9)) v(desk, member, level)"
    text = f"WITH {name} AS (SELECT * FROM {rows}) SELECT p.id FROM positions p"
    assert sorted(lake.rows(ANN, text)) == [(1,), (3,)]
    nested = f"SELECT * FROM (WITH RECURSIVE {name} AS (SELECT * FROM {rows}) FROM positions)"
    assert len(lake.rows(ANN, nested)) == 2


def test_a_table_of_the_users_own_named_like_the_lookup_does_not_stand_in_for_it(
    lake: Lake,
) -> None:
    lake.policy(LOOKUP % MINE)
    both = "SELECT p.id FROM positions p JOIN acl ON p.id = acl.id ORDER BY 1"
    assert lake.rows(ANN, both) == [(1,), (3,)]


@pytest.mark.parametrize(
    "text",
    [
        'SELECT * FROM "lookup acl"',
        'SELECT * FROM lake.desk."lookup acl"',
        'SELECT p.*, (SELECT max(level) FROM "lookup acl") FROM positions p',
        'SELECT * FROM positions p, "lookup 0"',
        "SELECT * FROM sec.acl",
    ],
)
def test_no_statement_reaches_a_lookup_by_any_name(lake: Lake, text: str) -> None:
    lake.policy(LOOKUP % MINE)
    with pytest.raises(TableNotFound):
        lake.rows(ANN, text)


def test_a_mask_reads_a_lookup(lake: Lake) -> None:
    lake.policy("""
lookups: {acl: {table: lake.sec.acl}}
masks:
  - name: code
    on: lake.desk.positions.code
    to: trader
    using: |
      CASE WHEN desk IN (SELECT desk FROM acl WHERE member = ${claims.user}) THEN ${col} END
  - name: member
    on: lake.desk.positions.member
    to: trader
    using: "(SELECT max(acl.member || ${col} || member) FROM acl WHERE acl.member = 'bob')"
""")
    rows = lake.rows(ANN, "SELECT code, member FROM positions ORDER BY id")
    # `member` alone is the lookup's, ${col} is the raw value even there
    assert rows == [("10", "bobxbob"), *[(c, "bobxbob") for c in (None, "30", None, None)]]


def test_a_change_of_a_lookup_is_in_force_at_once_but_not_within_a_planned_result(
    lake: Lake,
) -> None:
    lake.policy(reading("changed", MINE))
    planned = lake.service.plan(ANN, ALL)
    ticket = lake.service.offer(ANN, planned).endpoints[0].ticket
    prepared = lake.service.seal(ANN, planned, HandleKind.PREPARED)
    lake.source.load_table("sec.changed").append(
        pa.table({"desk": ["us"], "member": ["ann"], "level": pa.array([1], pa.int64())})
    )
    again = lake.service.unseal(ANN, ticket, HandleKind.TICKET)
    assert lake.run(ANN, again) == [(1,), (3,)]
    assert lake.rows(ANN, ALL) == [(1,), (2,), (3,)]
    later = lake.service.unseal(ANN, prepared, HandleKind.PREPARED)
    assert lake.run(ANN, later) == [(1,), (2,), (3,)]
    # a result that was planned longer ago than a ticket lives takes the rights of now
    state = replace(planned.state, planned_at=planned.state.planned_at - 601)
    old = lake.service.offer(ANN, replace(planned, state=state)).endpoints[0].ticket
    assert lake.run(ANN, lake.service.unseal(ANN, old, HandleKind.TICKET)) == [
        (1,),
        (2,),
        (3,),
    ]
    assert b"acl" not in lake.service.offer(ANN, planned).told


def test_what_is_read_as_of_a_moment_is_filtered_by_the_rights_of_now(lake: Lake) -> None:
    lake.policy(reading("earlier", MINE))
    moment = lake.source.load_table("desk.positions").metadata.last_updated_ms
    lake.source.load_table("sec.earlier").delete("member = 'ann'")

    then = replace(ANN, as_of=datetime.fromtimestamp(moment / 1000 + 0.001, UTC))
    assert lake.rows(then, ALL) == []
    assert lake.rows(replace(then, principal=BOB.principal), ALL) == [(2,)]


UNREADABLE = [
    ("lookups: {acl: {table: lake.sec.nothing}}", MINE),
    ("lookups: {acl: {table: dark.sec.acl}}", MINE),
    ("lookups: {acl: {table: lake.sec.acl}}", "desk IN (SELECT desk FROM acl WHERE who = 'x')"),
    ("lookups: {acl: {table: lake.sec.acl}}", "desk NOT IN (SELECT nothing FROM acl)"),
    # `desk` alone is the lookup's own: the comparison would hold always
    ("lookups: {acl: {table: lake.sec.acl}}", "EXISTS (SELECT 1 FROM acl WHERE acl.desk = desk)"),
]


@pytest.mark.parametrize(("lookup", "where"), UNREADABLE)
def test_a_lookup_that_cannot_be_read_lets_no_row_through_and_is_not_named(
    lake: Lake, caplog: pytest.LogCaptureFixture, lookup: str, where: str
) -> None:
    lake.policy(f"""
{lookup}
row_filters:
  - {{name: a, on: lake.desk.*, to: trader, unless: owner, where: "{where}", mode: permissive}}
  - {{name: b, on: lake.desk.*, to: trader, unless: owner, where: "true", mode: permissive}}
""")
    assert lake.rows(ANN, "SELECT * FROM positions") == []
    assert lake.rows(ANN, "SELECT count(*) FROM positions") == [(0,)]
    assert "lake.desk.positions shows no rows" in caplog.text
    assert lake.rows(caller("o", "owners"), ALL)


def test_a_lookup_whose_files_cannot_be_planned_lets_no_row_through(
    lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    lake.policy(reading("unplanned", "desk NOT IN (SELECT desk FROM acl)"))
    for manifest in (lake.directory / "sec" / "unplanned" / "metadata").glob("*.avro"):
        manifest.unlink()
    planned = lake.service.plan(ANN, ALL)
    assert lake.run(ANN, planned) == []
    assert "lake.desk.positions shows no rows" in caplog.text


def test_a_lookup_whose_data_is_gone_is_not_named(lake: Lake) -> None:
    lake.policy(reading("lost", MINE))
    shutil.rmtree(lake.directory / "sec" / "lost" / "data")
    with pytest.raises(Exception) as caught:
        lake.rows(ANN, ALL)
    assert "acl" not in str(failure_of(caught.value))


def test_a_lookup_that_is_tagged_as_what_it_filters_lets_no_row_through(lake: Lake) -> None:
    lake.policy("""
tags: [{on: "lake.{sec,desk}.{acl,positions}", tags: [guarded]}]
lookups: {acl: {table: lake.desk.acl}}
row_filters:
  - {name: desk, on: "tag:guarded", to: trader, where: "desk IN (SELECT desk FROM acl)"}
""")
    assert lake.rows(ANN, "SELECT * FROM lake.desk.acl") == []
    assert lake.rows(ANN, ALL) == [(1,), (2,), (3,), (4,)]


REFUSED = [
    "desk IN (SELECT desk FROM positions)",
    "desk IN (SELECT desk FROM lake.sec.acl)",
    "desk IN (SELECT desk FROM sec.acl)",
    "desk IN (SELECT desk FROM acl, acl b)",
    "desk IN (SELECT a.desk FROM acl a JOIN acl b ON a.desk = b.desk)",
    "desk IN (WITH acl AS (SELECT 'eu' AS desk) SELECT desk FROM acl)",
    "desk IN (SELECT desk FROM acl UNION SELECT desk FROM acl)",
    "desk IN (SELECT desk FROM acl ORDER BY level LIMIT 1)",
    "desk IN (SELECT desk FROM acl GROUP BY desk)",
    "desk IN (SELECT desk FROM acl TABLESAMPLE 10%)",
    "desk IN (SELECT desk FROM acl QUALIFY row_number() OVER () = 1)",
    "desk IN (SELECT desk FROM (SELECT * FROM acl))",
    "desk IN (SELECT desk FROM read_parquet('x'))",
    "desk IN (SELECT unnest(['eu']))",
    "desk IN (SELECT 'eu')",
    "desk IN (SELECT * FROM acl)",
    "desk IN (SELECT desk FROM acl WHERE random() > 0.5)",
    "desk IN (SELECT desk FROM acl WHERE max(level) > 1)",
    "desk IN (SELECT first_value(desk) OVER () FROM acl)",
    "desk IN (SELECT query('SELECT 1') FROM acl)",
    "desk IN (SELECT d FROM acl AS acl(d, m, l))",
    "desk IN (VALUES ('eu'))",
    "desk IN (FROM acl PIVOT (max(level) FOR desk IN ('eu')))",
    "max(id) > 1 AND desk IN (SELECT desk FROM acl)",
    "desk = (SELECT desk FROM acl)",
    "desk = (SELECT DISTINCT acl.desk FROM acl WHERE acl.member = ${claims.user})",
    "id > (SELECT level + (SELECT max(level) FROM acl) FROM acl)",
]


@pytest.mark.parametrize("where", REFUSED)
def test_a_subquery_that_does_more_than_read_a_lookup_is_refused(lake: Lake, where: str) -> None:
    lake.policy(LOOKUP % where)
    (entry,) = lake.current().expressions()
    with pytest.raises(PolicyInvalid):
        lake.service._compiler.check(entry.expression)
    with pytest.raises(PolicyInvalid):
        lake.rows(ANN, ALL)


def test_lookups_reach_the_relation_and_nothing_that_is_told(lake: Lake) -> None:
    lake.policy(LOOKUP % MINE)
    planned = lake.service.plan(ANN, ALL)
    (relation,) = planned.secured.relations
    assert [lookup.table.name for lookup in relation.lookups] == [TableName("lake", "sec", "acl")]
    assert relation.needs_barrier
    assert list(planned.state.snapshots) == [TableName("lake", "desk", "positions")]
    (explained,) = lake.rows(ANN, f"EXPLAIN {ALL}")
    assert "acl" not in str(explained)


def test_what_reads_a_protected_lookup_is_protected_as_that_is(lake: Lake) -> None:
    tags = 'tags: [{on: "lake.sec.acl.member", tags: [restricted.staff]}]'
    lake.policy(tags + LOOKUP % MINE)
    (relation,) = lake.service.plan(ANN, ALL).secured.relations
    assert {"restricted", "restricted.staff"} <= relation.tags
    assert lake.rows(ANN, ALL) == [(1,), (3,)]


def test_a_rule_that_does_not_fit_is_told_to_the_log_alone(
    lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    lake.policy(LOOKUP % "nothing_like_it = 1")
    with pytest.raises(PolicyInvalid) as caught:
        lake.rows(ANN, ALL)
    told = failure_of(caught.value)
    assert told.message == "This table cannot be read now."
    assert "'desk' does not fit" in caplog.text


@pytest.mark.parametrize("probe", ['"lookup acl"', '"lookup 0"', "acl", "read_parquet('{file}')"])
def test_the_engine_alone_keeps_a_lookup_from_statements(lake: Lake, probe: str) -> None:
    lake.policy(LOOKUP % MINE)
    planned = lake.service.plan(ANN, ALL)
    (task,) = lake.source.load_table("sec.acl").scan().plan_files()
    source = probe.format(file=task.file.file_path.removeprefix("file://"))
    text = f"SELECT id FROM positions WHERE EXISTS (FROM {source} WHERE member = 'bob')"
    past_the_gate = replace(planned.secured, text=text)
    with pytest.raises(EngineError) as caught:
        stream = lake.engine.run(past_the_gate, None, planned.schema, deadline=time.monotonic() + 9)
        try:
            list(stream)
        finally:
            stream.close()
    assert "acl" not in str(caught.value)
