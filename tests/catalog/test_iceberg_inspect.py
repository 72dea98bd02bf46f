"""The tables about an Iceberg table: what is in them for tables of all kinds."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.schema import Schema
from pyiceberg.table import Table as IcebergTable
from pyiceberg.transforms import BucketTransform, DayTransform, TruncateTransform, VoidTransform
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from catalog import iceberg_inspect
from catalog.errors import CatalogUnavailable, UnsupportedTable
from catalog.inspection import COLUMNS, KINDS, Inspection, about
from catalog.model import Table
from catalog.names import TableName
from catalog.places import OutsideLocation, relative, relative_metadata

NAME = TableName("lake", "sales", "t")
WIDE = Schema(
    NestedField(1, "id", LongType()),
    NestedField(2, "text", StringType()),
    NestedField(3, "day", DateType()),
    NestedField(4, "at", TimestampType()),
    NestedField(5, "when", TimestamptzType()),
    NestedField(6, "clock", TimeType()),
    NestedField(7, "price", DecimalType(9, 2)),
    NestedField(8, "ratio", DoubleType()),
    NestedField(9, "flag", BooleanType()),
    NestedField(10, "raw", BinaryType()),
    NestedField(11, "key", UUIDType()),
    NestedField(12, "place", StructType(NestedField(15, "zip", StringType()))),
    NestedField(13, "marks", ListType(16, IntegerType())),
    NestedField(14, "counts", MapType(17, StringType(), 18, IntegerType())),
)
ROW = {
    "id": 7,
    "text": "seven",
    "day": date(2026, 1, 31),
    "at": datetime(2026, 1, 31, 12, 30),
    "when": datetime(2026, 1, 31, 12, 30, tzinfo=UTC),
    "clock": time(12, 30),
    "price": Decimal("12.34"),
    "ratio": 0.5,
    "flag": True,
    "raw": b"\x01\x02",
    "key": uuid.UUID(int=7).bytes,
    "place": {"zip": "8000"},
    "marks": [1, 2],
    "counts": {"a": 3},
}
PATHS = {field.field_id: field.name for field in WIDE.fields} | {
    15: "place.zip",
    16: "marks.element",
    17: "counts.key",
    18: "counts.value",
}


def told(lake: Any, kind: str, paths: Mapping[int, str] = PATHS, **said: bool) -> list[Any]:
    """The rows of a table about `t`, with all that may be said."""
    reader = lake.reader()
    table = reader.table(NAME)
    assert table is not None
    found = reader.inspect(table, Inspection(kind, paths, **{"counts": True, "sizes": True} | said))
    return [] if found is None else rows(found)


def rows(table: Table) -> list[Any]:
    assert table.rows is not None
    found = []
    for batch in table.rows():
        assert batch.schema == table.arrow_schema
        for row in batch.to_pylist():
            maps = {c.name for c in table.columns if pa.types.is_map(c.type)}
            found.append({k: dict(v) if k in maps and v else v for k, v in row.items()})
    return found


@pytest.fixture
def wide(lake: Any) -> IcebergTable:
    table: IcebergTable = lake.source.create_table("sales.t", WIDE)
    table.append(pa.Table.from_pylist([ROW, {"id": 9}], schema=table.schema().as_arrow()))
    return table


def test_bounds_of_all_types_are_told_as_texts(lake: Any, wide: IcebergTable) -> None:
    (file,) = told(lake, "files")
    assert file["lower_bounds"] == {
        "id": "7",
        "text": "seven",
        "day": "2026-01-31",
        "at": "2026-01-31T12:30:00",
        "when": "2026-01-31T12:30:00+00:00",
        "clock": "12:30:00",
        "price": "12.34",
        "ratio": "0.5",
        "flag": "true",
        "raw": "AQI=",
        "key": "00000000-0000-0000-0000-000000000007",
    }
    assert file["upper_bounds"]["id"] == "9"
    assert file["null_value_counts"]["text"] == 1
    leaves = set(PATHS.values()) - {"place", "marks", "counts"}
    assert set(file["column_sizes"]) == leaves
    assert file["file_path"].startswith("data/")
    assert (file["record_count"], file["content"]) == (2, 0)
    assert file["file_size_in_bytes"] > 0


def test_nothing_is_told_of_other_fields(lake: Any, wide: IcebergTable) -> None:
    (file,) = told(lake, "files", {1: "id", 15: "place.zip"}, sizes=False)
    maps = [value for value in file.values() if isinstance(value, dict)]
    assert {name for each in maps for name in each} == {"id", "place.zip"}
    assert file["file_size_in_bytes"] is None
    (manifest,) = told(lake, "manifests", {}, sizes=False)
    assert manifest["length"] is None
    (snapshot,) = told(lake, "snapshots", {}, sizes=False)
    assert set(snapshot["summary"]) >= {"total-records", "added-records"}
    assert not [name for name in snapshot["summary"] if "size" in name]
    (snapshot,) = told(lake, "snapshots", counts=False)
    assert not snapshot["summary"]


def test_a_summary_tells_what_is_counted_alone(lake: Any, wide: IcebergTable) -> None:
    wide.append(
        pa.Table.from_pylist([ROW], schema=wide.schema().as_arrow()),
        snapshot_properties={"partitions.text=seven": "added-records=1", "by": "canary"},
    )
    assert "seven" not in str(told(lake, "snapshots"))
    assert "canary" not in str(told(lake, "snapshots"))


def test_partitions_are_told_as_they_are_meant(lake: Any) -> None:
    table = lake.source.create_table("sales.t", Schema(*WIDE.fields[:3]))
    with table.update_spec() as update:
        update.add_field("day", DayTransform(), "by_day")
        update.add_field("text", TruncateTransform(2), "start")
        update.add_field("id", BucketTransform(4), "bucket")
    schema = table.schema().as_arrow()
    some = [{k: ROW[k] for k in ("id", "text", "day")}, {"id": 7}, {"id": 7}]
    table.append(pa.Table.from_pylist(some, schema=schema))
    found = {str(row["partition"]["start"]): row for row in told(lake, "partitions")}
    assert found["se"]["partition"]["by_day"] == "2026-01-31"
    assert found["None"]["partition"]["by_day"] is None
    assert found["None"]["partition"]["bucket"] in {"0", "1", "2", "3"}
    assert (found["None"]["record_count"], found["None"]["file_count"]) == (2, 1)
    (manifest,) = told(lake, "manifests")
    assert [each["field"] for each in manifest["partition_summaries"]] == [
        "by_day",
        "start",
        "bucket",
    ]
    assert manifest["partition_summaries"][0]["lower_bound"] == "2026-01-31"
    assert manifest["partition_summaries"][1]["contains_null"] is True

    hidden = {1: "id"}
    (row,) = told(lake, "partitions", hidden)
    assert (list(row["partition"]), row["record_count"], row["file_count"]) == (["bucket"], 3, 2)
    (manifest,) = told(lake, "manifests", hidden)
    assert [each["field"] for each in manifest["partition_summaries"]] == ["bucket"]
    assert told(lake, "files", hidden) == []


def test_what_a_table_was_partitioned_by_once_counts_too(lake: Any) -> None:
    table = lake.source.create_table("sales.t", Schema(*WIDE.fields[:3]))
    with table.update_spec() as update:
        update.add_field("text", VoidTransform(), "gone")
    with table.update_spec() as update:
        update.remove_field("gone")
    table.append(pa.Table.from_pylist([{"id": 1}], schema=table.schema().as_arrow()))
    assert len(told(lake, "files")) == 1
    assert told(lake, "files", {1: "id"}) == []


def test_a_table_that_was_never_written_has_nothing(lake: Any) -> None:
    lake.source.create_table("sales.t", WIDE)
    for kind in KINDS:
        assert told(lake, kind) == []


@pytest.mark.parametrize("version", ["1", "2"])
def test_tables_of_several_format_versions(lake: Any, version: str) -> None:
    table = lake.source.create_table(
        "sales.t", Schema(*WIDE.fields[:2]), properties={"format-version": version}
    )
    table.append(pa.Table.from_pylist([{"id": 1}], schema=table.schema().as_arrow()))
    for kind in KINDS:
        assert len(told(lake, kind)) == 1, kind


def test_a_promoted_column_is_told_with_its_old_bounds(lake: Any) -> None:
    table = lake.source.create_table("sales.t", Schema(NestedField(1, "id", IntegerType())))
    table.append(pa.table({"id": pa.array([-5, 5], pa.int32())}))
    with table.update_schema() as update:
        update.update_column("id", LongType())
    (file,) = told(lake, "files")
    assert (file["lower_bounds"], file["upper_bounds"]) == ({"id": "-5"}, {"id": "5"})


def test_history_tells_what_was_gone_back_from(lake: Any, wide: IcebergTable) -> None:
    first = wide.current_snapshot()
    wide.append(pa.Table.from_pylist([ROW], schema=wide.schema().as_arrow()))
    assert first is not None
    wide.manage_snapshots().set_current_snapshot(first.snapshot_id).commit()
    found = [(row["snapshot_id"], row["is_current_ancestor"]) for row in told(lake, "history")]
    assert [same for _, same in found] == [True, False, True]
    assert found[0][0] == found[2][0] == first.snapshot_id


def test_too_many_rows_are_refused_not_cut(
    lake: Any, wide: IcebergTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide.append(pa.Table.from_pylist([ROW], schema=wide.schema().as_arrow()))
    monkeypatch.setattr(iceberg_inspect, "MAX_ROWS", 1)
    with pytest.raises(UnsupportedTable, match="too many"):
        told(lake, "files")


def test_what_cannot_be_read_is_said_without_a_place(lake: Any, wide: IcebergTable) -> None:
    reader = lake.reader()
    table = reader.table(NAME)
    found = reader.inspect(table, Inspection("files", PATHS, counts=True, sizes=True))
    snapshot = wide.current_snapshot()
    assert snapshot is not None
    manifest = snapshot.manifests(wide.io)[0].manifest_path.removeprefix("file://")
    kept = Path(manifest).read_bytes()
    Path(manifest).write_bytes(kept[: len(kept) // 2])
    with pytest.raises((UnsupportedTable, CatalogUnavailable)) as caught:
        rows(found)
    assert "/" not in str(caught.value)
    Path(manifest).unlink()
    with pytest.raises(CatalogUnavailable) as caught:
        rows(found)
    assert "/" not in str(caught.value)


def test_a_location_that_was_widened_is_refused(lake: Any, wide: IcebergTable) -> None:
    path = Path(wide.metadata_location.removeprefix("file://"))
    metadata = json.loads(path.read_text())
    metadata["location"] = f"file://{lake.directory}"
    path.write_text(json.dumps(metadata))
    for kind in KINDS:
        with pytest.raises(UnsupportedTable, match="does not lie under its location"):
            told(lake, kind)


# --- names and places -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("t$files", ("t", "files")),
        ("T$FILES", ("T", "files")),
        ("a$b$refs", ("a$b", "refs")),
        ("$files", None),
        ("files", None),
        ("t$", None),
        ("t$data", None),
        ("t$ﬁles", None),
    ],
)
def test_a_name_is_taken_apart(name: str, expected: tuple[str, str] | None) -> None:
    found = about(TableName("lake", "s", name))
    assert found == (expected and (TableName("lake", "s", expected[0]), expected[1]))


def test_each_kind_has_columns_of_different_names() -> None:
    assert all(len({name for name, _ in COLUMNS[kind]}) == len(COLUMNS[kind]) for kind in KINDS)


@pytest.mark.parametrize(
    ("location", "uri", "expected"),
    [
        ("s3://b/t", "s3://b/t/data/x.parquet", "data/x.parquet"),
        ("s3://b/t/", "s3a://b/t/data/x.parquet", "data/x.parquet"),
        ("s3://b/t", "s3://b/t//data/x", "data/x"),
        ("file:///w/t", "/w/t/data/x", "data/x"),
        ("/w/t", "file:/w/t/x", "x"),
    ],
)
def test_a_file_is_told_relative_to_its_table(location: str, uri: str, expected: str) -> None:
    assert relative(location, uri) == expected


@pytest.mark.parametrize(
    ("location", "uri"),
    [
        ("s3://b/t", "s3://b/t2/x"),
        ("s3://b/t", "s3://b/t"),
        ("s3://b/t", "s3://c/t/x"),
        ("s3://b/t", "s3://b/t/../u/x"),
        ("s3://b/t", "s3://b/t/./x"),
        ("/w/t", "/w/t/../u/x"),
        ("/w/t", "file:///w/u/x"),
        ("/w/t", "/w/t/%2e%2e/u/x"),
        ("/w/t", "x"),
        ("/w/t", "/w/t/x\0"),
    ],
)
def test_a_file_that_lies_elsewhere_is_refused(location: str, uri: str) -> None:
    with pytest.raises(OutsideLocation):
        relative(location, uri)


def test_a_link_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    for name in ("t", "u"):
        (tmp_path / name).mkdir()
    (tmp_path / "u" / "x").touch()
    (tmp_path / "t" / "link").symlink_to(tmp_path / "u")
    with pytest.raises(OutsideLocation):
        relative(f"file://{tmp_path}/t", f"file://{tmp_path}/t/link/x")
    (tmp_path / "v").symlink_to(tmp_path / "u")
    assert relative(f"{tmp_path}/v", f"{tmp_path}/v/x") == "x"


def test_metadata_lie_one_folder_down() -> None:
    assert relative_metadata("s3://b/t", "s3://b/t/metadata/1.json") == "metadata/1.json"
    for uri in ("s3://b/t/1.json", "s3://b/t/u/metadata/1.json"):
        with pytest.raises(OutsideLocation):
            relative_metadata("s3://b/t", uri)
