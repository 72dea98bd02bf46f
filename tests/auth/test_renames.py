"""What renames, drops and new columns of Iceberg tables do to rules that are written by name."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table as IcebergTable
from pyiceberg.table.update.schema import UpdateSchema
from pyiceberg.types import IntegerType, ListType, StringType, StructType

from auth.errors import TableNotFound
from auth.explain import explain
from auth.policy_file import parse_policy
from auth.principal import Principal
from auth.visible import VisibleCatalog, VisibleTable
from catalog.iceberg import IcebergCatalog
from catalog.model import Snapshot
from catalog.names import TableName
from catalog.registry import Registry

NAME = TableName("lake", "s", "t")
ALLOW = '- {to: "*", on: "lake.**", allow: select}'
ROWS = pa.table(
    {
        "id": pa.array([1], pa.int64()),
        "ssn": ["x"],
        "address": pa.array([{"zip": "1", "city": "c"}]),
        "homes": pa.array([[{"zip": "1"}]]),
    }
)


@dataclass
class Lake:
    """One table that a test changes, and how it is seen under rules."""

    table: IcebergTable
    reader: IcebergCatalog
    moments: list[datetime]

    def change(self, *steps: Callable[[UpdateSchema], object]) -> Lake:
        """Change the schema, each step in a commit of its own, and write a row."""
        for step in steps:
            with self.table.update_schema(allow_incompatible_changes=True) as update:
                step(update)
        self.write()
        return self

    def write(self) -> None:
        last = self.table.metadata.last_updated_ms
        while time.time() * 1000 <= last + 1:
            time.sleep(0.001)  # each state has a millisecond of its own
        names = self.table.schema().as_arrow()
        self.table.append(pa.Table.from_pylist([{}], schema=names))
        self.moments.append(datetime.fromtimestamp(self.table.metadata.last_updated_ms / 1000, UTC))

    def tag(self, **tags: str) -> Lake:
        with self.table.transaction() as transaction:
            transaction.set_properties({f"flight.tags.{k}": v for k, v in tags.items()})
        return self

    def find(
        self, rules: str, sections: str = "", snapshot: Snapshot | None = None
    ) -> VisibleTable | None:
        policy = parse_policy(f"version: 1\ngrants:\n  {rules}\n{sections}")
        try:
            return VisibleCatalog(Principal("u"), policy, Registry([self.reader])).find(
                NAME, snapshot
            )
        except TableNotFound:
            return None

    def seen(self, rules: str, sections: str = "", snapshot: Snapshot | None = None) -> list[str]:
        """The dotted names of all that is visible."""
        found = self.find(rules, sections, snapshot)
        return [] if found is None else names(found.arrow_schema)

    def told(self, rules: str, sections: str = "") -> str:
        policy = parse_policy(f"version: 1\ngrants:\n  {rules}\n{sections}")
        table = self.reader.table(NAME)
        assert table is not None
        return str(explain(policy, Principal("u"), table))

    def snapshots(self) -> list[Snapshot]:
        location = self.table.metadata_location
        return [Snapshot(location, each.snapshot_id) for each in self.table.metadata.snapshots]


def names(fields: object, above: str = "") -> list[str]:
    found: list[str] = []
    for field in fields:
        nested = pa.types.is_struct(field.type)
        found += names(field.type, f"{above}{field.name}.") if nested else [above + field.name]
    return found


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    uri = f"sqlite:///{tmp_path}/c.db"
    source = SqlCatalog("lake", uri=uri, warehouse=f"file://{tmp_path}/w")
    source.create_namespace("s")
    table = source.create_table("s.t", ROWS.schema)
    reader = IcebergCatalog("lake", {"type": "sql", "uri": uri}, refresh_seconds=0.0)
    made = Lake(table, reader, [])
    made.write()
    yield made
    reader.close()
    source.close()


def allow(pattern: str) -> str:
    return f'- {{to: "*", on: "{pattern}", allow: select}}'


def deny(pattern: str) -> str:
    return f'{ALLOW}\n  - {{to: "*", on: "{pattern}", deny: select}}'


ALL = ["id", "ssn", "address.zip", "address.city", "homes"]


def renamed(old: str | tuple[str, ...], new: str) -> Callable[[UpdateSchema], object]:
    return lambda update: update.rename_column(old, new)


def dropped(name: str | tuple[str, ...]) -> Callable[[UpdateSchema], object]:
    return lambda update: update.delete_column(name)


def added(
    name: str | tuple[str, ...], kind: object | None = None
) -> Callable[[UpdateSchema], object]:
    return lambda update: update.add_column(name, kind or StringType())


def test_nothing_is_hidden_by_a_past_that_does_not_matter(lake):
    assert lake.seen(ALLOW) == ALL
    lake.change(renamed("ssn", "number"), added("note"))
    assert lake.seen(ALLOW) == ["id", "number", "address.zip", "address.city", "homes", "note"]


# what takes away follows the field


@pytest.mark.parametrize(
    "pattern", ["lake.s.t.ssn", "lake.*.*.ssn", "**.ssn", "lake.s.t.{x,ssn}", "**.SS*"]
)
def test_rule_5_a_denied_column_stays_denied_when_it_is_renamed(lake, pattern):
    lake.change(renamed("ssn", "number"))
    assert "number" not in lake.seen(deny(pattern))
    assert "number: hidden - " in lake.told(deny(pattern))
    assert "it was ssn before" in lake.told(deny(pattern))
    lake.change(renamed("number", "value"))
    assert lake.seen(deny(pattern)) == ["id", "address.zip", "address.city", "homes"]


def test_rule_5_a_denied_field_stays_denied_when_it_or_its_struct_is_renamed(lake):
    lake.change(renamed(("address", "zip"), "code"), renamed("address", "place"))
    for pattern in ("lake.s.t.address.zip", "lake.s.t.place.zip", "lake.s.t.address.code"):
        assert lake.seen(deny(pattern)) == ["id", "ssn", "place.city", "homes"]


def test_rule_5_a_denied_field_of_a_list_stays_denied_when_it_is_renamed(lake):
    lake.change(renamed(("homes", "element", "zip"), "code"))
    for pattern in ("lake.s.t.homes.zip", "lake.s.t.homes.element.zip", "lake.s.t.homes.code"):
        assert lake.seen(deny(pattern)) == ["id", "ssn", "address.zip", "address.city"]


def test_rule_5_a_mask_stays_with_a_renamed_column(lake):
    lake.change(renamed("ssn", "number"))
    found = lake.find(ALLOW, "masks: [{name: m, on: lake.s.t.ssn, to: '*', using: 'NULL'}]")
    assert list(found.grant.masks) == ["number"]


def test_rule_5_tags_of_the_policy_and_of_the_table_stay_with_a_renamed_column(lake):
    lake.tag(ssn="pii", **{"address.zip": "pii", "homes.zip": "pii"})
    lake.change(renamed("ssn", "number"), renamed("address", "place"), renamed("homes", "all"))
    assert lake.seen(deny("tag:pii")) == ["id", "place.city"]
    tags = "tags: [{on: lake.s.t.id, tags: secret}]"
    lake.change(renamed("id", "key"))
    assert "key" not in lake.seen(deny("tag:secret"), tags)


def test_rule_5_a_denial_of_all_but_some_columns_is_no_way_around_by_renaming(lake):
    rule = f'{ALLOW}\n  - {{to: "*", on: lake.s.t, columns: {{except: [id]}}, deny: select}}'
    assert lake.seen(rule) == ["id"]
    lake.change(renamed("id", "key"), renamed("ssn", "id"))
    assert lake.seen(rule) == []


def test_rule_5_an_allow_of_all_but_some_columns_is_no_way_around_by_renaming(lake):
    rule = '- {to: "*", on: lake.s.t, columns: {except: [ssn]}, allow: select}'
    lake.change(renamed("ssn", "number"))
    assert lake.seen(rule) == ["id", "address.zip", "address.city", "homes"]


def test_rule_5_a_new_column_under_a_denied_name_is_denied_too(lake):
    lake.change(renamed("ssn", "number"), added("ssn"))
    assert lake.seen(deny("lake.s.t.ssn")) == ["id", "address.zip", "address.city", "homes"]


# what gives does not


def test_rule_5_an_allow_does_not_follow_a_rename(lake):
    lake.change(renamed("ssn", "number"))
    assert lake.seen(allow("lake.s.t.ssn")) == []
    assert lake.seen(allow("lake.s.t.number")) == ["number"]


def test_rule_5_a_column_renamed_into_an_allowed_name_that_was_anothers_is_not_shown(lake):
    lake.change(dropped("id"), renamed("ssn", "id"))
    assert lake.seen(allow("lake.s.t.id")) == []
    assert lake.seen(allow("lake.s.t.{id,other}")) == []
    assert lake.seen('- {to: "*", on: lake.s.t, columns: [id], allow: select}') == []
    assert "its name was another column's" in lake.told(allow("lake.s.t.id"))


def test_rule_5_a_dropped_and_added_name_inherits_no_grant(lake):
    lake.change(dropped("ssn"), added("ssn"))
    assert lake.seen(allow("lake.s.t.ssn")) == []
    for pattern in ("lake.s.t", "lake.s.t.*", "lake.s.t.ss*", "lake.s.t.{ssn,s*}", "**"):
        assert "ssn" in lake.seen(allow(pattern))
    assert lake.seen('- {to: "*", on: lake.s.t, columns: ["ssn*"], allow: select}') == ["ssn"]


def test_rule_5_a_dropped_and_added_field_inherits_no_grant(lake):
    lake.change(dropped(("address", "zip")), added(("address", "zip")))
    assert lake.seen(allow("lake.s.t.address.zip")) == []
    assert lake.seen(allow("lake.s.t.address")) == ["address.city", "address.zip"]


def test_rule_5_a_field_of_a_dropped_and_added_struct_inherits_no_grant(lake):
    kind = StructType(*lake.table.schema().find_field("address").field_type.fields)
    lake.change(dropped("address"), added("address", kind))
    for pattern in ("lake.s.t.address", "lake.s.t.address.zip", "lake.s.t.address.*"):
        assert lake.seen(allow(pattern)) == []
    assert lake.seen(allow("lake.s.t.addr*.c*")) == ["address.city"]


def test_rule_5_two_columns_that_swap_names_keep_every_denial_and_lose_every_allow(lake):
    lake.change(renamed("id", "x"), renamed("ssn", "id"), renamed("x", "ssn"))
    assert lake.seen(deny("lake.s.t.ssn")) == ["address.zip", "address.city", "homes"]
    assert lake.seen(allow("lake.s.t.{id,ssn}")) == []


def test_rule_5_a_rename_and_back_changes_nothing(lake):
    lake.change(renamed("ssn", "number"), renamed("number", "ssn"))
    assert lake.seen(allow("lake.s.t.ssn")) == ["ssn"]


def test_rule_5_a_grant_by_tag_is_not_inherited_through_a_name(lake):
    lake.tag(ssn="public")
    assert lake.seen(allow("tag:public")) == ["ssn"]
    lake.change(renamed("ssn", "number"))
    assert lake.seen(allow("tag:public")) == ["number"]
    lake.change(added("ssn"))
    assert lake.seen(allow("tag:public")) == []
    assert "ssn" not in lake.seen(deny("tag:public"))
    tags = "tags: [{on: lake.s.t.number, tags: open}, {on: 'lake.s.t.ssn', tags: open}]"
    assert lake.seen(allow("tag:open"), tags) == ["number"]


# earlier states


def test_rule_5_an_earlier_state_is_protected_by_names_of_all_times(lake):
    lake.change(renamed("ssn", "number"))
    (first, last) = lake.snapshots()
    for pattern in ("lake.s.t.ssn", "lake.s.t.number"):
        for snapshot in (first, last):
            left = ["id", "address.zip", "address.city", "homes"]
            assert lake.seen(deny(pattern), "", snapshot) == left
    assert lake.seen(allow("lake.s.t.ssn"), "", first) == []
    lake.change(dropped("number"), added("ssn"))
    assert lake.seen(allow("lake.s.t.ssn"), "", first) == []


def test_rule_5_an_earlier_state_shows_a_dropped_field_of_a_struct_that_is_still_seen(lake):
    lake.change(dropped(("address", "city")), added(("address", "floor")))
    lake.change(renamed(("address", "zip"), "code"))
    first = lake.snapshots()[0]
    left = ["id", "ssn", "address.city", "homes"]
    assert lake.seen(deny("lake.s.t.address.code"), "", first) == left
    assert lake.seen(deny("lake.s.t.address.{code,floor}"), "", first) == ["id", "ssn", "homes"]


# new columns


def after(moment: datetime) -> str:
    return f"new_columns: {{after: {moment.isoformat(timespec='milliseconds')!r}}}"


@pytest.fixture
def reviewed(lake: Lake) -> str:
    """The section by which what the table has now is old."""
    return after(lake.moments[-1])


def test_without_the_section_wildcards_cover_new_columns_at_once(lake):
    lake.change(added("note"))
    assert lake.seen(ALLOW) == [*ALL, "note"]


def test_new_columns_are_hidden_until_a_rule_spells_them_out(lake, reviewed):
    assert lake.seen(ALLOW, reviewed) == ALL
    lake.change(added("note"))
    for rule in (ALLOW, allow("lake.s.t"), allow("lake.s.t.no*"), allow("lake.*.t.note")):
        assert "note" not in lake.seen(rule, reviewed)
    for rule in (
        allow("lake.s.t.note"),
        allow("lake.s.t.{note,other}"),
        '- {to: "*", on: lake.s.t, columns: [note], allow: select}',
    ):
        assert lake.seen(rule, reviewed) == ["note"]
    assert "note: hidden - it is new" in lake.told(ALLOW, reviewed)
    assert lake.seen(ALLOW, after(datetime.now(UTC) + timedelta(days=1))) == [*ALL, "note"]


def test_a_new_column_with_a_tag_is_covered_by_wildcards(lake, reviewed):
    lake.change(added("note")).tag(note="reviewed")
    assert lake.seen(ALLOW, reviewed) == [*ALL, "note"]
    assert "note" not in lake.seen(deny("tag:reviewed"), reviewed)


def test_the_policy_gives_the_tag_only_by_spelling_the_column_out(lake, reviewed):
    lake.change(added("note"))
    tags = "tags: [{{on: '{}', tags: reviewed}}]\n{}"
    for pattern in ("lake.**", "lake.s.t", "lake.s.t.n*", "lake.*.t.note"):
        assert lake.seen(ALLOW, tags.format(pattern, reviewed)) == ALL
    assert lake.seen(ALLOW, tags.format("lake.s.t.note", reviewed)) == [*ALL, "note"]


def test_a_new_name_of_an_old_column_is_not_new(lake, reviewed):
    lake.change(renamed("ssn", "number"))
    assert "number" in lake.seen(ALLOW, reviewed)


def test_a_name_that_is_back_is_new_and_spelling_it_out_does_not_show_it(lake, reviewed):
    lake.change(dropped("ssn"), added("ssn")).tag(ssn="reviewed")
    tags = "tags: [{on: lake.s.t.ssn, tags: reviewed}]"
    listed = '- {to: "*", on: lake.s.t, columns: [ssn, "ss*"], allow: select}'
    for rule in (ALLOW, allow("lake.s.t.ssn"), allow("lake.s.t.{ssn,ss*}"), listed):
        assert "ssn" not in lake.seen(rule, reviewed)
        assert "ssn" not in lake.seen(rule, f"{tags}\n{reviewed}")
        assert rule == allow("lake.s.t.ssn") or "ssn" in lake.seen(rule)


def test_new_fields_are_new_columns(lake, reviewed):
    lake.change(added(("address", "floor"), IntegerType()), added(("homes", "element", "floor")))
    assert lake.seen(ALLOW, reviewed) == ["id", "ssn", "address.zip", "address.city"]
    rules = f"{ALLOW}\n  {allow('lake.s.t.address')}"
    assert "address.floor" not in lake.seen(rules, reviewed)
    rules = f"{ALLOW}\n  {allow('lake.s.t.{address,homes}.floor')}"
    assert lake.seen(rules, reviewed) == [
        *ALL[:4],
        "address.floor",
        "homes",
    ]


def test_a_new_struct_comes_with_its_fields(lake, reviewed):
    kind = StructType(*lake_fields(lake))
    lake.change(added("place", kind), added("places", ListType(90, kind, False)))
    assert lake.seen(ALLOW, reviewed) == ALL
    rule = allow("lake.s.t.{place,places}")
    assert lake.seen(rule, reviewed) == ["place.zip", "place.city", "places"]
    assert lake.seen(allow("lake.s.t.place.zip"), reviewed) == ["place.zip"]


def lake_fields(lake: Lake) -> tuple[object, ...]:
    return lake.table.schema().find_field("address").field_type.fields


def test_without_proof_of_its_age_a_column_is_new(lake, table_of):
    reviewed = after(lake.moments[0] - timedelta(days=1))
    assert lake.seen(ALLOW, reviewed) == []
    assert lake.seen(allow("lake.s.t.id"), reviewed) == ["id"]
    policy = parse_policy(f"version: 1\ngrants:\n  {ALLOW}\n{reviewed}")
    assert policy.decide(Principal("u"), table_of("lake.s.t", "a")) is None
    assert not policy.may_know_of(Principal("u"), NAME)


def test_a_table_that_did_not_change_since_has_nothing_new(lake):
    moment = lake.moments[-1] + timedelta(seconds=1)
    assert lake.seen(ALLOW, after(moment)) == ALL
