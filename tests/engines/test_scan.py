"""Iceberg tables are read as they are, or refused; never wrongly."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table as IcebergTable
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
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

from catalog.model import Snapshot, Table
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.scan.plan import plan
from flight_server.engines.duckdb.scan.root import local_path
from flight_server.engines.errors import EngineError, UnsupportedData
from tests.engines import rig


def read(engine: DuckDBEngine, table: Table, order: str = "1") -> list[dict[str, object]]:
    text = f"SELECT * FROM {table.name.table} ORDER BY {order}"
    return rig.rows(engine, rig.secured(text, rig.relation(table))).to_pylist()


def fresh(lake: SqlCatalog, name: str, *fields: NestedField) -> IcebergTable:
    return lake.create_table(f"s.{name}", schema=Schema(*fields))


def test_a_table_that_was_never_written_is_empty_and_typed(
    engine: DuckDBEngine, lake: SqlCatalog
) -> None:
    source = fresh(lake, "never", NestedField(1, "a", LongType()), NestedField(2, "b", DateType()))
    table = rig.rows(
        engine, rig.secured("SELECT * FROM never", rig.relation(rig.described(source, "never")))
    )
    assert table.schema == pa.schema([("a", pa.int64()), ("b", pa.date32())])
    assert table.num_rows == 0


def test_all_types_are_read(engine: DuckDBEngine, lake: SqlCatalog) -> None:
    types = [
        BooleanType(),
        IntegerType(),
        LongType(),
        FloatType(),
        DoubleType(),
        DecimalType(9, 2),
        DecimalType(38, 10),
        DateType(),
        TimeType(),
        TimestampType(),
        TimestamptzType(),
        StringType(),
        BinaryType(),
        FixedType(4),
        UUIDType(),
        ListType(90, IntegerType(), element_required=False),
        MapType(91, StringType(), 92, LongType(), value_required=False),
        StructType(NestedField(93, "x", IntegerType()), NestedField(94, "y z", StringType())),
    ]
    source = fresh(
        lake, "types", *(NestedField(i + 1, f"c{i}", data) for i, data in enumerate(types))
    )
    arrow = source.schema().as_arrow()
    row = [
        True, 1, 2**40, 1.5, 2.5, "1.25", "3.0000000001", 19000, 3_600_000_000,
        1_600_000_000_000_000, 1_600_000_000_000_000, "é", b"\x00\x01", b"abcd",
        bytes(range(16)), [1, None], [("k", 5)], {"x": 1, "y z": "v"},
    ]  # fmt: skip
    columns = []
    for field, value in zip(arrow, row, strict=True):
        if pa.types.is_decimal(field.type):
            columns.append(pa.array([value, None]).cast(field.type))
        elif isinstance(field.type, pa.BaseExtensionType):
            storage = pa.array([value, None], field.type.storage_type)
            columns.append(pa.ExtensionArray.from_storage(field.type, storage))
        else:
            columns.append(pa.array([value, None], field.type))
    source.append(pa.Table.from_arrays(columns, schema=arrow))
    table = rig.described(source, "types")
    got = rig.rows(engine, rig.secured("SELECT * FROM types ORDER BY c1", rig.relation(table)))
    assert got.column("c13").to_pylist() == [b"abcd", None]
    assert got.column("c14").to_pylist()[0] in (
        "00010203-0405-0607-0809-0a0b0c0d0e0f",
        bytes(range(16)),
    )
    for index in (*range(13), 15, 16, 17):
        expected = pa.table([columns[index]], ["v"]).column("v").to_pylist()
        assert got.column(f"c{index}").to_pylist() == expected, types[index]


def test_columns_keep_their_ids_through_every_change_of_schema(
    engine: DuckDBEngine, lake: SqlCatalog
) -> None:
    source = fresh(
        lake,
        "evolved",
        NestedField(1, "a", IntegerType()),
        NestedField(2, "b", StringType()),
        NestedField(3, "c", StringType()),
    )
    first = pa.table({"a": pa.array([1], pa.int32()), "b": ["b1"], "c": ["c1"]})
    source.append(first)
    with source.update_schema() as update:
        update.rename_column("b", "tmp").update_column("a", LongType()).delete_column("c")
    with source.update_schema() as update:
        update.add_column("c", StringType()).add_column("d", DoubleType())
        update.rename_column("tmp", "e")
    source.append(
        pa.table({"a": pa.array([2**40]), "e": ["b2"], "c": ["new"], "d": pa.array([0.5])})
    )
    assert read(engine, rig.described(source, "evolved")) == [
        {"a": 1, "e": "b1", "c": None, "d": None},
        {"a": 2**40, "e": "b2", "c": "new", "d": 0.5},
    ]


def test_swapped_names_are_not_mixed_up(engine: DuckDBEngine, lake: SqlCatalog) -> None:
    source = fresh(
        lake, "swapped", NestedField(1, "a", StringType()), NestedField(2, "b", StringType())
    )
    source.append(pa.table({"a": ["was a"], "b": ["was b"]}))
    for old, new in (("a", "x"), ("b", "a"), ("x", "b")):
        with source.update_schema() as update:
            update.rename_column(old, new)
    assert read(engine, rig.described(source, "swapped")) == [{"b": "was a", "a": "was b"}]


def test_fields_within_structs_and_lists_keep_their_ids(
    engine: DuckDBEngine, lake: SqlCatalog
) -> None:
    inner = StructType(NestedField(3, "x", IntegerType()), NestedField(4, "y", StringType()))
    source = fresh(
        lake,
        "nested",
        NestedField(1, "id", IntegerType()),
        NestedField(2, "s", inner),
        NestedField(5, "l", ListType(6, StructType(NestedField(7, "p", IntegerType())), False)),
    )
    arrow = source.schema().as_arrow()
    source.append(
        pa.Table.from_pylist([{"id": 1, "s": {"x": 1, "y": "one"}, "l": [{"p": 5}]}], arrow)
    )
    with source.update_schema() as update:
        update.rename_column(("s", "x"), "z").add_column(("s", "w"), LongType())
        update.rename_column(("l", "p"), "q")
    assert read(engine, rig.described(source, "nested")) == [
        {"id": 1, "s": {"z": 1, "y": "one", "w": None}, "l": [{"q": 5}]}
    ]


def test_an_older_snapshot_has_its_own_rows_and_columns(
    engine: DuckDBEngine, lake: SqlCatalog
) -> None:
    source = fresh(lake, "travelled", NestedField(1, "a", IntegerType()))
    source.append(pa.table({"a": pa.array([1], pa.int32())}))
    old = source.metadata.current_snapshot_id
    with source.update_schema() as update:
        update.add_column("b", StringType())
    source.append(pa.table({"a": pa.array([2], pa.int32()), "b": ["x"]}))
    assert read(engine, rig.described(source, "travelled", old)) == [{"a": 1}]
    assert read(engine, rig.described(source, "travelled")) == [
        {"a": 1, "b": None},
        {"a": 2, "b": "x"},
    ]


def test_partition_columns_come_from_the_files(engine: DuckDBEngine, lake: SqlCatalog) -> None:
    schema = Schema(NestedField(1, "id", LongType()), NestedField(2, "p", StringType()))
    spec = PartitionSpec(PartitionField(2, 1000, IdentityTransform(), "p"))
    source = lake.create_table("s.parted", schema=schema, partition_spec=spec)
    values = ["a/b", "100%", "x=1", "", None, "007", "it's"]
    source.append(pa.table({"id": list(range(len(values))), "p": pa.array(values, pa.string())}))
    expected = [{"id": i, "p": value} for i, value in enumerate(values)]
    assert read(engine, rig.described(source, "parted")) == expected


@pytest.mark.parametrize("name", ["a b", "a.b", 'quo"te', "select", "it's", "Ünï", "x}y"])
def test_any_column_name_is_read(engine: DuckDBEngine, lake: SqlCatalog, name: str) -> None:
    table = f"named_{abs(hash(name))}"
    source = fresh(lake, table, NestedField(1, name, LongType()))
    source.append(pa.table({name: [7]}))
    assert read(engine, rig.described(source, table)) == [{name: 7}]


def test_names_that_differ_only_in_case_are_refused(lake: SqlCatalog) -> None:
    source = fresh(
        lake, "cased", NestedField(1, "id", LongType()), NestedField(2, "ID", LongType())
    )
    with pytest.raises(UnsupportedData):
        plan(rig.described(source, "cased"))


# --- what must be refused ------------------------------------------------------------------------


def test_a_file_outside_the_tables_location_is_refused(lake: SqlCatalog, people: Table) -> None:
    for elsewhere in ("/tmp/other", people.location + "x", people.location + "/../hr"):
        with pytest.raises(EngineError):
            plan(dataclasses.replace(people, location=elsewhere))


def test_a_link_that_leads_outside_is_refused(lake: SqlCatalog, tmp_path: Path) -> None:
    table = rig.stored(lake, "linked", rig.PEOPLE)
    (path,) = plan(table).files
    outside = tmp_path / "outside.parquet"
    Path(path).rename(outside)
    Path(path).symlink_to(outside)
    with pytest.raises(EngineError, match="location"):
        plan(table)


def test_other_storage_is_refused(people: Table) -> None:
    assert people.snapshot is not None
    snapshot = Snapshot("abfs://bucket/metadata.json", people.snapshot.snapshot_id)
    with pytest.raises(UnsupportedData):
        plan(dataclasses.replace(people, snapshot=snapshot))
    with pytest.raises(UnsupportedData):
        plan(dataclasses.replace(people, location="abfs://bucket/t"))
    with pytest.raises(UnsupportedData):
        plan(dataclasses.replace(people, snapshot=None))


def _imported(lake: SqlCatalog, name: str) -> IcebergTable:
    """A table over a file that another program wrote, without field ids."""
    source = fresh(lake, name, NestedField(1, "id", LongType()))
    path = f"{source.location()}/data/import.parquet"
    Path(path.removeprefix("file://")).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"id": [1]}), path.removeprefix("file://"))
    source.add_files([path])
    return source


def test_imported_files_are_read_by_the_name_mapping(
    engine: DuckDBEngine, lake: SqlCatalog
) -> None:
    source = _imported(lake, "imported")
    with source.update_schema() as update:
        update.rename_column("id", "key").add_column("more", LongType())
    assert read(engine, rig.described(source, "imported")) == [{"key": 1, "more": None}]


def test_imported_files_are_refused_where_nothing_tells_their_columns(lake: SqlCatalog) -> None:
    source = _imported(lake, "lost")
    with source.transaction() as change:
        change.remove_properties("schema.name-mapping.default")
    with source.update_schema() as update:
        update.rename_column("id", "key")
    with pytest.raises(UnsupportedData):
        plan(rig.described(source, "lost"))


@pytest.mark.parametrize("damage", ["missing", "short", "garbage", "empty"])
def test_a_damaged_file_is_an_error_that_shows_no_path(
    engine: DuckDBEngine, lake: SqlCatalog, damage: str
) -> None:
    table = rig.stored(lake, f"damaged_{damage}", rig.PEOPLE)
    (path,) = (Path(file) for file in plan(table).files)
    if damage == "missing":
        path.unlink()
    elif damage == "short":
        path.write_bytes(path.read_bytes()[:-20])
    else:
        path.write_bytes(b"x" * 3000 if damage == "garbage" else b"")
    with pytest.raises(EngineError) as caught:
        read(engine, table)
    assert "/" not in str(caught.value)
    assert "parquet" not in str(caught.value)


def test_paths_of_local_files_are_understood() -> None:
    for uri in ("/a/b", "file:/a/b", "file:///a/b", "file://localhost/a/b", "/a/./c/../b"):
        assert local_path(uri) == "/a/b"
    for uri in ("s3://a/b", "file://host/a", "http://a/b", "a/b", "hdfs:/a"):
        with pytest.raises(UnsupportedData):
            local_path(uri)
