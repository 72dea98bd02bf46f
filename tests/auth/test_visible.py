"""The visible catalog: hidden and nonexistent are never told apart."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from auth.errors import TableNotFound
from auth.visible import VisibleCatalog
from catalog.errors import CatalogUnavailable, SnapshotNotFound, UnsupportedTable
from catalog.model import Column, Snapshot
from catalog.names import SchemaName, TableName
from catalog.registry import Registry

POLICY = """
grants:
  - {to: reader, on: lake.sales.**, allow: select}
  - {to: "*", on: lake.sales.orders.margin, deny: select}
  - {to: reader, on: lake.hr.employees, deny: select}
  - {to: privacy, on: lake.**, allow: select}
"""


@pytest.fixture
def seen(policy_of, someone, registry):
    return VisibleCatalog(someone("g-reader"), policy_of(POLICY), registry)


def names(tables) -> list[str]:
    return [str(table.name) for table in tables]


def test_rule_3_listings_show_what_has_a_visible_column(seen):
    assert seen.catalogs() == ["lake"]
    assert seen.schemas() == [SchemaName("lake", "sales")]
    assert names(seen.tables()) == ["lake.sales.orders", "lake.sales.products"]


def test_rule_3_nobody_sees_no_catalog(policy_of, someone, registry):
    seen = VisibleCatalog(someone(), policy_of(POLICY), registry)
    assert (seen.catalogs(), seen.schemas(), list(seen.tables())) == ([], [], [])


def test_listings_are_narrowed_by_name_and_pattern(seen):
    assert seen.schemas("LAKE", "SA%") == [SchemaName("lake", "sales")]
    assert seen.schemas("lake", "h%") == seen.schemas("pond") == seen.schemas("") == []
    assert names(seen.tables("Lake", "sales", "%DUCTS")) == ["lake.sales.products"]
    assert names(seen.tables("lak%")) == []


def test_a_visible_table_shows_only_visible_columns(seen):
    found = seen.find(TableName("LAKE", "Sales", "ORDERS"))
    assert found.name == TableName("lake", "sales", "orders")
    assert [column.name for column in found.columns] == ["id", "email"]
    assert found.arrow_schema == pa.schema([("id", pa.string()), ("email", pa.string())])


def text_of(seen, name: TableName, snapshot: Snapshot | None = None) -> str:
    with pytest.raises(TableNotFound) as caught:
        seen.find(name, snapshot)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_rule_4_a_hidden_table_gives_the_text_of_one_that_never_existed(seen):
    hidden = text_of(seen, TableName("Lake", "HR", "employees"))
    for other in ("absent00", "q"):
        absent = text_of(seen, TableName("Lake", "HR", other))
        assert hidden == absent.replace(f".{other} ", ".employees ")
    assert hidden == 'Table "Lake"."HR".employees does not exist.'
    assert "pond" in text_of(seen, TableName("pond", "a", "b"))


def test_tables_that_no_rule_could_show_are_not_even_looked_up(seen, lake):
    text_of(seen, TableName("lake", "hr", "employees"))
    text_of(seen, TableName("lake", "hr", "absent"))
    list(seen.tables())
    assert {name.schema for name in lake.loaded} == {"sales"}


def test_a_table_that_cannot_be_read_is_left_out_and_told_only_to_who_sees_it(
    policy_of, someone, registry, lake
):
    orders = TableName("lake", "sales", "orders")
    lake.broken.add(orders)
    policy = policy_of(POLICY)
    seen = VisibleCatalog(someone("g-reader"), policy, registry)
    assert names(seen.tables()) == ["lake.sales.products"]
    text_of(seen, orders)  # one of its columns is denied: for all we know, all of them
    plain = policy_of("grants: [{to: reader, on: lake.**, allow: select}]")
    with pytest.raises(UnsupportedTable):
        VisibleCatalog(someone("g-reader"), plain, registry).find(orders)
    tagged = policy_of(
        """
        grants:
          - {to: reader, on: lake.**, allow: select}
          - {to: reader, on: tag:x, deny: select}
        """
    )
    text_of(VisibleCatalog(someone("g-reader"), tagged, registry), orders)


def test_a_catalog_that_is_down_is_left_out_of_listings(policy_of, someone, lake, held, table_of):
    pond = held("pond", [table_of("pond.s.t", "a")])
    policy = policy_of("grants: [{to: '*', on: '**', allow: select}]")
    seen = VisibleCatalog(someone(), policy, Registry([lake, pond]))
    pond.down = True
    assert seen.catalogs() == ["lake"]
    assert {table.name.catalog for table in seen.tables()} == {"lake"}
    with pytest.raises(CatalogUnavailable):
        seen.find(TableName("pond", "s", "t"))


def test_the_fingerprint_is_that_of_the_policy(seen, policy_of, someone):
    assert seen.fingerprint == policy_of(POLICY).fingerprint(someone("g-reader"))


# earlier states

NOW, THEN = Snapshot("v2", 2), Snapshot("v1", 1)


@pytest.fixture
def travel(policy_of, someone, held, table_of):
    """Makes what a reader sees at THEN, of the columns now, the columns then and more rules."""

    def make(now: list[Column], then: list[Column], rules: str, sections: str = "", **tags):
        current = table_of("lake.s.t", *now, snapshot=NOW, **tags)
        earlier = dataclasses.replace(current, columns=tuple(then), snapshot=THEN, tags=frozenset())
        lake = held("lake", [current])
        lake.earlier[THEN] = earlier
        policy = policy_of(
            f'grants:\n  - {{to: "*", on: "lake.**", allow: select}}\n  {rules}\n{sections}'
        )
        return VisibleCatalog(someone(), policy, Registry([lake]))

    return make


def column(name: str, field_id: int, *tags: str) -> Column:
    return Column(name, pa.string(), field_id=field_id, tags=frozenset(tags))


TABLE = TableName("lake", "s", "t")


def shown(seen) -> list[str]:
    return [each.name for each in seen.find(TABLE, THEN).columns]


def test_a_column_denied_under_its_new_name_is_denied_under_its_old_one(travel):
    now = [column("id", 1), column("ssn", 2)]
    then = [column("id", 1), column("number", 2), column("dropped", 3)]
    seen = travel(now, then, '- {to: "*", on: lake.s.t.ssn, deny: select}')
    assert shown(seen) == ["id", "dropped"]


def test_a_column_denied_under_its_old_name_stays_denied_there(travel):
    seen = travel(
        [column("id", 1), column("x", 2)],
        [column("id", 1), column("ssn", 2)],
        '- {to: "*", on: lake.s.t.ssn, deny: select}',
    )
    assert shown(seen) == ["id"]


def test_a_tag_given_later_protects_earlier_states(travel):
    now = [column("id", 1), column("a", 2, "pii")]
    then = [column("id", 1), column("a", 2)]
    assert shown(travel(now, then, '- {to: "*", on: tag:pii, deny: select}')) == ["id"]
    masks = "masks: [{name: m, on: tag:pii, to: '*', using: 'NULL'}]"
    found = travel(now, then, "", masks).find(TABLE, THEN)
    assert {name: mask.sql for name, mask in found.grant.masks.items()} == {"a": "NULL"}


def test_a_column_with_another_mask_then_than_now_is_hidden(travel):
    masks = (
        "masks: [{name: m, on: lake.s.t.a, to: '*', using: 'NULL'},"
        " {name: n, on: lake.s.t.b, to: '*', using: '0'}]"
    )
    now, then = [column("id", 1), column("b", 2)], [column("id", 1), column("a", 2)]
    assert shown(travel(now, then, "", masks)) == ["id"]


def test_a_row_filter_that_applies_now_applies_to_earlier_states(travel):
    filters = "row_filters: [{name: f, on: tag:eu, to: '*', where: 'x'}]"
    seen = travel([column("a", 1)], [column("a", 1)], "", filters, tags=frozenset({"eu"}))
    assert [each.name for each in seen.find(TABLE, THEN).grant.restrictive] == ["f"]


def test_a_permissive_filter_confines_if_it_does_so_now_or_did_then(travel):
    filters = "row_filters: [{name: f, on: tag:eu, to: '*', where: 'x', mode: permissive}]"
    seen = travel([column("a", 1)], [column("a", 1)], "", filters, tags=frozenset({"eu"}))
    grant = seen.find(TABLE, THEN).grant
    assert (grant.has_permissive, [each.name for each in grant.permissive]) == (True, ["f"])


def test_the_current_snapshot_and_tables_without_any_are_found_as_they_are(travel, seen):
    table = travel([column("a", 1)], [column("b", 1)], "")
    assert [each.name for each in table.find(TABLE, NOW).columns] == ["a"]
    assert seen.find(TableName("lake", "sales", "orders")).table.snapshot is None


MOMENT = datetime(2024, 2, 29, tzinfo=UTC)


def test_a_table_as_of_a_moment_shows_what_then_and_now_allow(travel):
    now, then = [column("id", 1), column("ssn", 2)], [column("id", 1), column("number", 2)]
    seen = travel(now, then, '- {to: "*", on: lake.s.t.ssn, deny: select}')
    found = seen.find_as_of(TABLE, MOMENT)
    assert found.table.snapshot == THEN
    assert [each.name for each in found.columns] == ["id"]


def test_a_table_without_a_state_then_is_told_apart_only_by_who_sees_it(travel, held, table_of):
    seen = travel([column("id", 1)], [column("id", 1)], '- {to: "*", on: lake.h.**, deny: select}')
    lake = seen._registry.catalog("lake")
    lake.earlier.clear()
    with pytest.raises(SnapshotNotFound, match="no state as of 2024-02-29"):
        seen.find_as_of(TABLE, MOMENT)
    hidden = table_of("lake.h.t", column("id", 1), snapshot=NOW)
    lake.held[hidden.name] = hidden
    texts = []
    for name in (hidden.name, TableName("lake", "h", "none")):
        with pytest.raises(TableNotFound) as caught:
            seen.find_as_of(name, MOMENT)
        texts.append(str(caught.value).replace(str(name), "?"))
    assert texts[0] == texts[1]


def test_a_table_without_snapshots_is_as_it_is(seen):
    assert seen.find_as_of(TableName("lake", "sales", "orders"), MOMENT).table.snapshot is None
