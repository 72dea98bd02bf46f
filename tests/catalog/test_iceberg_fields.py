"""What a table's metadata says of the past of its fields."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
from pyiceberg.types import StringType

from catalog.names import TableName
from tests.waiting import later

ROWS = pa.table(
    {
        "a": ["x"],
        "s": pa.array([{"x": "1", "y": "2"}]),
        "l": pa.array([[{"x": "1"}]]),
        "m": pa.array([[("k", {"x": "1"})]], pa.map_(pa.string(), pa.struct([("x", pa.string())]))),
    }
)
NAME = TableName("lake", "sales", "t")


def columns(lake):
    return {column.name: column for column in lake.reader().table(NAME).columns}


def test_parts_of_lists_and_maps_are_named_as_in_iceberg(lake):
    lake.source.create_table("sales.t", ROWS.schema)
    found = columns(lake)
    assert [part.name for part in found["l"].children] == ["element"]
    assert [part.name for part in found["m"].children] == ["key", "value"]
    assert [part.name for part in found["m"].children[1].children] == ["x"]
    assert not any(column.reused or column.former_names for column in found.values())


def test_names_of_all_times_are_known_of_a_field_and_of_what_lies_within(lake):
    table = lake.source.create_table("sales.t", ROWS.schema)
    for old, new in (("a", "b"), ("b", "C"), (("s", "x"), "z"), (("l", "element", "x"), "w")):
        with table.update_schema() as update:
            update.rename_column(old, new)
    found = columns(lake)
    assert (found["C"].former_names, found["C"].reused) == ({"a", "b"}, False)
    assert [part.former_names for part in found["s"].children] == [{"x"}, frozenset()]
    assert found["l"].children[0].children[0].former_names == {"x"}


def test_a_name_that_several_fields_had_is_reused_and_its_tags_are_doubtful(lake):
    properties = {
        "flight.tags.a": "one",
        "flight.tags.s.x": "two",
        "flight.tags.l.x": "three",
        "flight.tags.m.value.x": "four",
    }
    table = lake.source.create_table("sales.t", ROWS.schema, properties=properties)
    sure = columns(lake)
    assert (sure["a"].tags, sure["a"].doubtful_tags) == ({"one"}, frozenset())
    assert sure["s"].children[0].tags == {"two"}
    assert sure["l"].children[0].children[0].tags == {"three"}
    assert sure["m"].children[1].children[0].tags == {"four"}
    with table.update_schema() as update:
        update.rename_column("a", "b")
    assert columns(lake)["b"].doubtful_tags == frozenset()
    with table.update_schema(allow_incompatible_changes=True) as update:
        update.delete_column(("s", "x"))
    with table.update_schema() as update:
        update.add_column("a", StringType())
        update.add_column(("s", "x"), StringType())
    found = columns(lake)
    assert (found["a"].reused, found["b"].reused) == (True, False)
    assert found["a"].doubtful_tags == found["b"].doubtful_tags == {"one"}
    assert [part.reused for part in found["s"].children] == [False, True]
    assert found["s"].children[1].doubtful_tags == {"two"}


def test_a_field_is_there_since_the_first_kept_snapshot_that_has_it(lake):
    table = lake.source.create_table("sales.t", ROWS.schema)
    started = datetime.now(UTC)
    table.append(ROWS.cast(table.schema().as_arrow()))
    first = moment(table.current_snapshot().timestamp_ms)
    later()
    with table.update_schema() as update:
        update.add_column("b", StringType())
        update.add_column(("s", "z"), StringType())
    changed = moment(table.metadata.last_updated_ms)
    found = columns(lake)
    assert {found[name].since for name in "aslm"} == {first}
    assert [part.since for part in found["s"].children] == [first, first, changed]
    assert found["b"].since == changed > first
    assert abs((first - started).total_seconds()) < 60


def moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def test_tags_are_declared_in_docs_too(lake):
    table = lake.source.create_table("sales.t", ROWS.schema, properties={"flight.tags.a": "one"})
    with table.update_schema() as update:
        update.update_column("a", doc="Their name. flight.tags: pii, pii.name. Never empty.")
        update.update_column(("s", "x"), doc="Flight.Tags = secret-1")
        update.update_column(("l", "element", "x"), doc="tags: none, flight.tags:, flight.tags")
    found = columns(lake)
    assert found["a"].tags == {"one", "pii", "pii.name"}
    assert [part.tags for part in found["s"].children] == [{"secret-1"}, frozenset()]
    assert found["l"].children[0].children[0].tags == frozenset()


def test_tags_of_a_doc_follow_their_field_and_no_name(lake):
    table = lake.source.create_table("sales.t", ROWS.schema)
    table.append(ROWS.cast(table.schema().as_arrow()))
    with table.update_schema() as update:
        update.update_column("a", doc="flight.tags: pii")
    with table.update_schema() as update:
        update.rename_column("a", "b")
    with table.update_schema() as update:
        update.add_column("a", StringType())
    found = columns(lake)
    assert (found["b"].tags, found["b"].doubtful_tags) == ({"pii"}, frozenset())
    assert found["a"].tags == frozenset()
    with table.update_schema() as update:
        update.update_column("b", doc="no more")
    assert columns(lake)["b"].tags == frozenset()


def test_a_field_that_is_gone_keeps_the_tags_of_its_last_docs(lake):
    table = lake.source.create_table("sales.t", ROWS.schema)
    with table.update_schema() as update:
        update.update_column("a", doc="flight.tags: pii")
    table.append(ROWS.cast(table.schema().as_arrow()))
    snapshot = lake.reader().table(NAME).snapshot
    with table.update_schema(allow_incompatible_changes=True) as update:
        update.delete_column("a")
    earlier = lake.reader().table(NAME, snapshot)
    assert {c.name: c.tags for c in earlier.columns}["a"] == {"pii"}
