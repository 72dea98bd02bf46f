"""Tables at earlier states, by SQL and by the option, and the tables about tables: governed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.table import Table as IcebergTable
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import LongType, StringType

from auth.errors import TableNotFound
from catalog.errors import SnapshotNotFound
from flight_server.query.errors import ColumnNotFound, NotAllowed, StaleHandle
from flight_server.query.handles import HandleKind
from flight_server.query.versions import Ref
from tests.end_to_end.governed import Lake, caller, governed
from tests.waiting import later

ANN, OWNER = caller("ann"), caller("olga", "owners")
ROWS = pa.table(
    {
        "id": pa.array([1, 2, 3], pa.int64()),
        "region": ["eu", "us", "eu"],
        "ssn": ["s1", "s2", "s3"],
        "pay": pa.array([10, 20, 30], pa.int64()),
    }
)
OTHERS = pa.table({"id": pa.array([1, 2], pa.int64()), "v": ["a", "b"]})
THEN = ["id", "region", "ssn", "pay"]
FIRST = [(1, "eu", "s1", 10), (2, "us", "s2", 20), (3, "eu", "s3", 30)]


@dataclass
class History:
    """What was written: the ids of the states of `orders`, and a moment after the first."""

    lake: Lake
    first: int
    second: int
    moment: datetime

    def rows(self, text: str, who: Any = ANN) -> list[tuple[Any, ...]]:
        return self.lake.rows(who, text)

    def columns(self, text: str, who: Any = ANN) -> list[str]:
        return list(self.lake.service.plan(who, text).schema.names)


def _write(lake: Lake) -> History:
    """A first state with a tag and a branch; then other columns, and rows of them."""
    orders = lake.source.load_table("desk.orders")
    first = _state(orders)
    orders.manage_snapshots().create_tag(first, "Eom").create_branch(first, "audit").commit()
    lake.source.load_table("desk.others").manage_snapshots().create_tag(
        _state(lake.source.load_table("desk.others")), "Eom"
    ).commit()
    later()
    moment = datetime.now(UTC)
    later()
    for change in (
        lambda update: update.rename_column("ssn", "tax"),
        lambda update: update.delete_column("pay"),
        lambda update: update.add_column("pay", LongType()),
        lambda update: update.add_column("note", StringType()),
    ):
        with orders.update_schema() as update:
            change(update)
    orders.append(
        pa.table(
            {
                "id": pa.array([4], pa.int64()),
                "region": ["eu"],
                "tax": ["s4"],
                "pay": pa.array([40], pa.int64()),
                "note": ["n"],
            }
        )
    )
    return History(lake, first, _state(orders), moment)


def _state(table: IcebergTable) -> int:
    snapshot = table.current_snapshot()
    assert snapshot is not None
    return snapshot.snapshot_id


def _parted(lake: Lake) -> None:
    """A table that is partitioned by what a policy may hide."""
    table = lake.source.create_table("desk.parted", ROWS.schema)
    with table.update_spec() as update:
        update.add_field("ssn", IdentityTransform(), "ssn")
        update.add_field("region", IdentityTransform(), "region")
    table.append(ROWS)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    tables = {"desk.orders": ROWS, "desk.others": OTHERS, "hidden.orders": OTHERS}
    with governed(tmp_path_factory.mktemp("versions"), tables) as lake:
        _parted(lake)
        yield _write(lake)


@pytest.fixture(autouse=True)
def _nothing_denied(history: History) -> None:
    history.lake.policy("")


# --- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        "FOR VERSION AS OF {first}",
        "FOR SYSTEM_VERSION AS OF {first}",
        "AT (VERSION => {first})",
        "FOR VERSION AS OF 'Eom'",
        "FOR TIMESTAMP AS OF '{moment}'",
        "FOR SYSTEM_TIME AS OF TIMESTAMP '{moment}'",
        "AT (TIMESTAMP => TIMESTAMPTZ '{moment}')",
    ],
)
def test_a_table_is_read_at_an_earlier_state(history: History, form: str) -> None:
    clause = form.format(first=history.first, moment=history.moment)
    assert history.rows(f"SELECT * FROM orders {clause} ORDER BY id") == FIRST
    assert history.columns(f"SELECT * FROM lake.desk.orders {clause}") == THEN
    assert history.rows(f"SELECT orders.id FROM orders {clause} ORDER BY 1") == [(1,), (2,), (3,)]
    assert history.rows(f"SELECT max(o.id) FROM desk.orders {clause} AS o WHERE o.ssn > 's1'") == [
        (3,)
    ]


def test_a_moment_without_an_offset_is_of_the_sessions_time_zone(history: History) -> None:
    text = (
        f"SELECT count(*) FROM orders FOR TIMESTAMP AS OF '{history.moment:%Y-%m-%d %H:%M:%S.%f}'"
    )
    assert history.rows(text) == [(3,)]
    with pytest.raises(SnapshotNotFound):
        history.rows(text, replace(ANN, time_zone="Asia/Tokyo"))


def test_a_branch_is_read_with_the_columns_of_today_and_a_tag_with_its_own(
    history: History,
) -> None:
    branch = "SELECT * FROM orders FOR VERSION AS OF 'audit' ORDER BY id"
    assert history.columns(branch) == ["id", "region", "tax", "pay", "note"]
    assert history.rows(branch) == [(*row[:3], None, None) for row in FIRST]
    assert history.rows("SELECT max(pay) FROM orders AT (VERSION => 'main')") == [(40,)]


def test_one_statement_reads_several_states(history: History) -> None:
    text = f"""
        SELECT (SELECT count(*) FROM orders), count(*), max(o.note)
        FROM orders FOR VERSION AS OF {history.first} p FULL JOIN orders o USING (id)
        JOIN others AT (VERSION => 'Eom') ON true"""
    assert history.rows(text) == [(4, 8, "n")]
    with_and_without = "SELECT orders.id FROM orders AT (VERSION => 'Eom') EXCEPT FROM orders"
    with pytest.raises(Exception, match="columns"):  # the second has more of them
        history.rows(with_and_without)
    gone = "SELECT id FROM orders EXCEPT SELECT id FROM Orders FOR VERSION AS OF 'Eom'"
    assert history.rows(gone) == [(4,)]


def test_names_of_states_keep_their_case(history: History) -> None:
    with pytest.raises(SnapshotNotFound, match="has no tag or branch eom"):
        history.rows("SELECT * FROM orders FOR VERSION AS OF 'eom'")
    lake = history.lake
    orders = lake.source.load_table("desk.orders")
    orders.manage_snapshots().create_tag(history.second, "eom").commit()
    try:
        text = """SELECT (SELECT count(*) FROM orders FOR VERSION AS OF 'eom'),
                         (SELECT count(*) FROM orders FOR VERSION AS OF 'Eom')"""
        assert history.rows(text) == [(4, 3)]
    finally:
        orders.manage_snapshots().remove_tag("eom").commit()


@pytest.mark.parametrize(
    ("clause", "told"),
    [
        ("FOR VERSION AS OF 77", "Table lake.desk.orders has no snapshot 77."),
        ("FOR VERSION AS OF 'x'", "Table lake.desk.orders has no tag or branch x."),
        ("FOR VERSION AS OF '77'", 'Table lake.desk.orders has no tag or branch "77".'),
        ("FOR TIMESTAMP AS OF '1999-01-01'", "has no state as of 1999-01-01 00:00:00"),
    ],
)
def test_a_state_that_is_not_there_is_said_to_be_missing(
    history: History, clause: str, told: str
) -> None:
    with pytest.raises(SnapshotNotFound) as caught:
        history.rows(f"SELECT * FROM orders {clause}")
    assert told in str(caught.value)


def test_what_has_no_states_is_read_at_none(history: History) -> None:
    for table in ("information_schema.tables", "lake.information_schema.tables"):
        with pytest.raises(SnapshotNotFound, match="has no earlier states"):
            history.rows(f"SELECT * FROM {table} FOR VERSION AS OF 1")


def test_faults_are_shown_where_they_stand_in_the_text_that_was_sent(history: History) -> None:
    text = "SELECT id, nothing FROM orders FOR VERSION AS OF 'Eom' JOIN others USING (id)"
    with pytest.raises(ColumnNotFound) as caught:
        history.rows(text)
    assert caught.value.position == text.index("nothing")


def test_described_and_explained(history: History) -> None:
    text = "SELECT * FROM orders FOR VERSION AS OF 'Eom'"
    assert [row[0] for row in history.rows(f"DESCRIBE {text}")] == THEN
    ((_, plan),) = history.rows(f"EXPLAIN {text}")
    assert f"table: lake.desk.orders\n  snapshot: {history.first}\n" in plan


# --- the option -----------------------------------------------------------------------------------


def test_a_whole_statement_is_read_at_a_tag(history: History) -> None:
    tagged = replace(ANN, as_of=Ref("tag", "Eom"))
    both = "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM others)"
    assert history.rows(both, tagged) == [(3, 2)]
    assert history.columns("SELECT * FROM orders", tagged) == THEN
    # what the statement says itself counts
    newest = f"SELECT count(*) FROM orders FOR VERSION AS OF {history.second}"
    assert history.rows(newest, tagged) == [(4,)]
    assert history.rows("SELECT count(*) > 0 FROM information_schema.tables", tagged) == [(True,)]


def test_a_table_without_the_tag_or_branch_is_refused(history: History) -> None:
    branch = replace(ANN, as_of=Ref("branch", "audit"))
    assert history.columns("SELECT * FROM orders", branch)[-1] == "note"
    assert history.rows("SELECT count(*) FROM orders", branch) == [(3,)]
    with pytest.raises(SnapshotNotFound, match="others has no branch audit"):
        history.rows("SELECT * FROM orders JOIN others USING (id)", branch)
    for wrong in (Ref("tag", "audit"), Ref("branch", "Eom"), Ref("tag", "none")):
        with pytest.raises(SnapshotNotFound):
            history.rows("SELECT * FROM orders", replace(ANN, as_of=wrong))


# --- pinning --------------------------------------------------------------------------------------


def test_a_ticket_reads_the_state_that_was_planned_and_a_prepared_statement_that_of_now(
    history: History,
) -> None:
    service, lake = history.lake.service, history.lake
    others = lake.source.load_table("desk.others")
    others.manage_snapshots().create_tag(_state(others), "moving").commit()
    others.manage_snapshots().create_branch(_state(others), "moving-branch").commit()
    texts = [
        f"SELECT count(*) FROM others FOR VERSION AS OF '{name}'"
        for name in ("moving", "moving-branch")
    ]
    plans = [service.plan(ANN, text) for text in texts]
    by_option = service.plan(
        replace(ANN, as_of=Ref("tag", "moving")), "SELECT count(*) FROM others"
    )
    sealed = [
        [service.seal(ANN, planned, kind) for planned in (*plans, by_option)]
        for kind in (HandleKind.TICKET, HandleKind.PREPARED)
    ]
    others.append(OTHERS)
    for name, kind in (("moving", "tag"), ("moving-branch", "branch")):
        manage = others.manage_snapshots()
        getattr(manage, f"remove_{kind}")(name).commit()
        getattr(others.manage_snapshots(), f"create_{kind}")(_state(others), name).commit()
    kinds = (HandleKind.TICKET, HandleKind.PREPARED)
    for handles, kind, expected in zip(sealed, kinds, (2, 4), strict=True):
        for handle in handles:
            assert lake.run(ANN, service.unseal(ANN, handle, kind)) == [(expected,)]
    others.manage_snapshots().remove_tag("moving").commit()
    assert lake.run(ANN, service.unseal(ANN, sealed[0][0], HandleKind.TICKET)) == [(2,)]
    with pytest.raises(SnapshotNotFound):
        service.unseal(ANN, sealed[1][0], HandleKind.PREPARED)


def test_a_result_at_a_state_is_read_in_parts(history: History) -> None:
    service = history.lake.service
    many = replace(ANN, partitions=3)
    planned = service.plan(many, f"SELECT id FROM orders FOR VERSION AS OF {history.second} AS o")
    offer = service.offer(many, planned)
    assert len(offer.endpoints) == 3
    parts = [service.unseal(many, e.ticket, HandleKind.TICKET) for e in offer.endpoints]
    rows = [row for part in parts for row in history.lake.run(many, part)]
    assert sorted(rows) == [(1,), (2,), (3,), (4,)]


def test_what_is_told_of_a_result_names_the_states(history: History) -> None:
    text = "SELECT count(*) FROM orders, orders FOR VERSION AS OF 'Eom' AS past"
    planned = history.lake.service.plan(ANN, text)
    told = json.loads(history.lake.service.offer(ANN, planned).told)
    assert told["snapshots"] == {"lake.desk.orders": f"{history.second}, {history.first}"}
    assert told["tables"] == ["lake.desk.orders", "lake.desk.orders"]


# --- rights ---------------------------------------------------------------------------------------


def test_what_is_denied_today_is_denied_in_the_past(history: History) -> None:
    history.lake.policy('  - {to: trader, on: "lake.desk.orders.tax", deny: select}')
    for state in ("'Eom'", history.first):
        text = f"SELECT * FROM orders FOR VERSION AS OF {state}"
        assert history.columns(text) == ["id", "region", "pay"]
    assert "tax" not in history.columns("SELECT * FROM orders FOR VERSION AS OF 'audit'")
    # the owner sees it under the name that it had
    text = "SELECT * FROM orders FOR VERSION AS OF 'Eom'"
    assert history.columns(text, OWNER) == THEN


def test_a_column_that_is_gone_is_seen_in_the_past_by_those_whom_a_rule_gives_it(
    history: History,
) -> None:
    """The first `pay` was dropped; the one of today has its name, and is another column."""
    text = "SELECT * FROM orders FOR VERSION AS OF 'Eom'"
    history.lake.policy('  - {to: trader, on: "lake.desk.orders.pay", deny: select}')
    assert history.columns(text) == ["id", "region", "ssn"]
    assert "10" not in str(history.rows("""SELECT * FROM "orders$files" AT (VERSION => 'Eom')"""))
    history.lake.policy('masks:\n  - {name: m, on: lake.desk.orders.pay, to: trader, using: "0"}')
    assert history.rows("SELECT max(pay) FROM orders FOR VERSION AS OF 'Eom'") == [(0,)]


def test_row_filters_and_masks_of_today_apply_to_the_past(history: History) -> None:
    history.lake.policy(
        """
row_filters:
  - {name: eu, on: lake.desk.orders, to: trader, where: "region = 'eu'"}
masks:
  - {name: no-tax, on: lake.desk.orders.tax, to: trader, using: "'***'"}
"""
    )
    for state in ("'Eom'", history.first):
        text = f"SELECT id, ssn FROM orders FOR VERSION AS OF {state} ORDER BY id"
        assert history.rows(text) == [(1, "***"), (3, "***")]
    assert history.rows("SELECT count(*) FROM orders FOR VERSION AS OF 'audit'") == [(2,)]
    assert history.rows("SELECT count(*) FROM orders FOR VERSION AS OF 'Eom'", OWNER) == [(3,)]


def test_a_filter_that_reads_its_own_table_shows_no_rows_at_any_state(history: History) -> None:
    history.lake.policy(
        """
lookups: {same: {table: lake.desk.orders}}
tags:
  - {on: lake.desk.orders, tags: [own]}
row_filters:
  - {name: own, on: "tag:own", to: trader, where: "id IN (SELECT id FROM same)"}
"""
    )
    for clause in ("", "FOR VERSION AS OF 'Eom'", "FOR VERSION AS OF 'audit'"):
        assert history.rows(f"SELECT count(*) FROM orders {clause}") == [(0,)]


def test_a_hidden_table_is_not_found_at_any_state(history: History) -> None:
    clauses = ("FOR VERSION AS OF 77", "FOR VERSION AS OF 'x'", "AT (TIMESTAMP => '1999-01-01')")
    for clause in clauses:
        told = []
        for name in ("hidden.orders", "hidden.nothing"):
            with pytest.raises(TableNotFound) as caught:
                history.rows(f"SELECT * FROM {name} {clause}")
            told.append(str(caught.value).replace(name, "?"))
        assert told[0] == told[1]
    internal = '"__version"."[""lake"", ""desk"", ""snapshot 31""]".orders'
    with pytest.raises(TableNotFound):
        history.rows(f"SELECT * FROM {internal}, orders FOR VERSION AS OF {history.first}")


def test_rights_that_change_hold_for_tickets_of_the_past(history: History) -> None:
    service = history.lake.service
    planned = service.plan(ANN, "SELECT * FROM orders FOR VERSION AS OF 'Eom'")
    ticket = service.seal(ANN, planned, HandleKind.TICKET)
    history.lake.policy('  - {to: trader, on: "lake.desk.orders.tax", deny: select}')
    with pytest.raises(StaleHandle):
        service.unseal(ANN, ticket, HandleKind.TICKET)


# --- tables about tables --------------------------------------------------------------------------


def test_snapshots_history_and_names_are_told(history: History) -> None:
    rows = history.rows('SELECT snapshot_id, parent_id, operation FROM "orders$snapshots"')
    assert rows == [(history.first, None, "append"), (history.second, history.first, "append")]
    counted = """SELECT summary['total-records'] FROM lake.desk."orders$snapshots" ORDER BY 1"""
    assert history.rows(counted) == [("3",), ("4",)]
    entries = history.rows('SELECT snapshot_id, is_current_ancestor FROM "orders$history"')
    assert entries == [(history.first, True), (history.second, True)]
    refs = history.rows('SELECT name, type, snapshot_id FROM "ORDERS$REFS" ORDER BY name')
    assert refs == [
        ("Eom", "TAG", history.first),
        ("audit", "BRANCH", history.first),
        ("main", "BRANCH", history.second),
    ]


def test_files_are_told_with_what_is_known_of_their_columns(history: History) -> None:
    text = """SELECT record_count, lower_bounds['id'], upper_bounds['tax'],
                     null_value_counts['pay'], file_path LIKE 'data/%.parquet', content
              FROM orders$files ORDER BY record_count"""
    # of the first `pay`, which is gone, nothing is told
    assert history.rows(text) == [
        (1, "4", "s4", 0, True, 0),
        (3, "1", "s3", None, True, 0),
    ]
    then = "SELECT count(*), sum(record_count) FROM \"orders$files\" FOR VERSION AS OF 'Eom'"
    assert history.rows(then) == [(1, 3)]
    at_tag = 'SELECT sum(record_count) FROM "orders$files"'
    assert history.rows(at_tag, replace(ANN, as_of=Ref("tag", "Eom"))) == [(3,)]
    assert history.rows(at_tag, replace(ANN, as_of=history.first)) == [(3,)]
    assert history.rows(at_tag, replace(ANN, as_of=history.moment)) == [(3,)]
    manifests = """SELECT content, added_data_files_count, added_rows_count, path LIKE 'metadata/%'
                   FROM "orders$manifests" ORDER BY 3"""
    assert history.rows(manifests) == [(0, 1, 1, True), (0, 1, 3, True)]


def test_partitions_are_told(history: History) -> None:
    text = """SELECT partition['region'], partition['ssn'], record_count, file_count, total_size > 0
              FROM "parted$partitions" ORDER BY 2"""
    assert history.rows(text) == [
        ("eu", "s1", 1, 1, True),
        ("us", "s2", 1, 1, True),
        ("eu", "s3", 1, 1, True),
    ]
    bounds = """SELECT list_transform(partition_summaries,
                    lambda s: s.field || s.lower_bound || s.upper_bound) FROM "parted$manifests" """
    assert history.rows(bounds) == [(["ssns1s3", "regioneuus"],)]


def test_nothing_is_told_of_a_column_that_is_hidden_or_masked(history: History) -> None:
    for rule in (
        '  - {to: trader, on: "lake.desk.*.{ssn,tax}", deny: select}',
        'masks:\n  - {name: m, on: "lake.desk.*.{ssn,tax}", to: trader, using: "NULL"}',
    ):
        history.lake.policy(rule)
        for table in ("files", "partitions", "manifests", "snapshots", "history", "refs"):
            seen = str(history.rows(f'SELECT * FROM "orders${table}"'))
            assert "s1" not in seen
            assert "s4" not in seen
            assert "tax" not in seen
        sizes = """SELECT max(f.file_size_in_bytes), max(p.total_size), max(m.length)
            FROM "orders$files" f, "orders$partitions" p, "orders$manifests" m"""
        assert history.rows(sizes) == [(None, None, None)]
        assert "files-size" not in str(history.rows('SELECT summary FROM "orders$snapshots"'))
        # sizes of all states are told in one table: also of those after the one that is read
        then = """SELECT summary FROM "orders$snapshots" FOR VERSION AS OF 'Eom'"""
        assert "files-size" not in str(history.rows(then))
        assert history.rows(
            'SELECT partition, record_count, file_count FROM "parted$partitions" ORDER BY 2'
        ) == [([("region", "us")], 1, 1), ([("region", "eu")], 2, 2)]
        with pytest.raises(TableNotFound):  # each file is a group of what is hidden
            history.rows('SELECT * FROM "parted$files"')
        assert "s1" not in str(history.rows('SELECT * FROM "parted$manifests"'))


def test_where_rows_are_hidden_nothing_is_told_that_counts_them(history: History) -> None:
    history.lake.policy(
        """
row_filters:
  - {name: eu, on: lake.desk.orders, to: trader, where: "region = 'eu'"}
"""
    )
    told = []
    for table in ("files", "partitions", "manifests", "nothing"):
        for clause in ("", " FOR VERSION AS OF 'Eom'"):
            with pytest.raises(TableNotFound) as caught:
                history.rows(f'SELECT * FROM "orders${table}"{clause}')
            told.append(str(caught.value).replace(table, "?"))
    assert len(set(told)) == 1
    assert history.rows('SELECT count(*), max(cardinality(summary)) FROM "orders$snapshots"') == [
        (2, 0)
    ]
    assert history.rows('SELECT count(*) FROM "orders$files"', OWNER) == [(2,)]


def test_tables_about_hidden_tables_do_not_exist(history: History) -> None:
    for table in ("files", "snapshots", "refs"):
        told = []
        for name in ("orders", "nothing"):
            with pytest.raises(TableNotFound) as caught:
                history.rows(f'SELECT * FROM hidden."{name}${table}"')
            told.append(str(caught.value).replace(name, "?"))
        assert told[0] == told[1]
    with pytest.raises(TableNotFound):
        history.rows('SELECT * FROM information_schema."tables$files"')
    with pytest.raises(TableNotFound):
        history.rows('SELECT * FROM "orders$files$files"')


def test_they_are_listed_nowhere_but_can_be_described(history: History) -> None:
    listed = history.rows("SELECT table_name FROM information_schema.tables")
    assert not [name for (name,) in listed if "$" in name]
    assert [row[0] for row in history.rows('DESCRIBE "orders$refs"')][:3] == [
        "name",
        "type",
        "snapshot_id",
    ]


def test_a_ticket_tells_of_the_state_that_was_planned(history: History) -> None:
    lake, service = history.lake, history.lake.service
    others = lake.source.load_table("desk.others")
    planned = service.plan(ANN, 'SELECT count(*) FROM "others$files", "others$snapshots"')
    ticket = service.seal(ANN, planned, HandleKind.TICKET)
    before = lake.run(ANN, planned)
    others.append(OTHERS)
    others.delete("id = 2")
    assert lake.run(ANN, service.unseal(ANN, ticket, HandleKind.TICKET)) == before
    assert lake.rows(ANN, 'SELECT count(*) FROM "others$files", "others$snapshots"') != before


def test_a_table_of_that_name_is_itself(history: History) -> None:
    lake = history.lake
    lake.source.create_table("desk.others$files", OTHERS.schema).append(OTHERS)
    try:
        assert history.columns('SELECT * FROM "others$files"') == ["id", "v"]
    finally:
        lake.source.drop_table("desk.others$files")


def test_metadata_that_names_other_places_is_not_read(history: History, tmp_path: Path) -> None:
    lake = history.lake
    orders = lake.source.load_table("desk.orders")
    taken = lake.source.create_table("desk.taken", OTHERS.schema)
    taken.append(OTHERS)
    path = Path(taken.metadata_location.removeprefix("file://"))
    stolen = orders.current_snapshot()
    assert stolen is not None
    told = json.loads(path.read_text())
    told["snapshots"][0]["manifest-list"] = stolen.manifest_list
    path.write_text(json.dumps(told))
    for table in ("files", "manifests", "partitions"):
        with pytest.raises(Exception, match="does not lie under its location"):
            history.rows(f'SELECT * FROM "taken${table}"')
    lake.source.drop_table("desk.taken")


def test_operands_must_be_written_out(history: History) -> None:
    with pytest.raises(NotAllowed):
        history.lake.service.plan(ANN, "SELECT * FROM orders FOR VERSION AS OF ?")
