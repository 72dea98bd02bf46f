"""What manifests tell is kept, read once, and deletes hold for the files they are meant for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyiceberg.avro.file import AvroOutputFile
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.manifest import (
    DataFile,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    data_file_with_partition,
    manifest_entry_schema_with_data_file,
    write_manifest_list,
)
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform, VoidTransform
from pyiceberg.typedef import Record
from pyiceberg.types import IntegerType, LongType, NestedField, StringType, StructType

from flight_server.engines.duckdb.scan.assignment import Deletes
from flight_server.engines.duckdb.scan.entries import DeleteFile
from flight_server.engines.duckdb.scan.footers import Footers
from flight_server.engines.duckdb.scan.index import FileIndex
from flight_server.engines.duckdb.scan.manifests import Delete, Manifest, Manifests
from flight_server.engines.duckdb.scan.plan import source_of
from flight_server.engines.errors import EngineError
from tests.engines import rig

EVERYWHERE = 7


def positions(sequence: int, *, spec: int = 0, partition: tuple[Any, ...] = (), **more: Any) -> Any:
    told: dict[str, Any] = {"content": 1, "format": "PARQUET", **more}
    return DeleteFile(
        path=f"p{sequence}",
        size=1,
        record_count=1,
        sequence=sequence,
        spec_id=spec,
        partition=partition,
        **told,
    )


def equality(sequence: int, spec: int = 0, partition: tuple[Any, ...] = ()) -> Any:
    return positions(sequence, spec=spec, partition=partition, content=2, equality_ids=(1,))


def vector(sequence: int, path: str) -> Any:
    return positions(sequence, format="PUFFIN", referenced=path, offset=4, length=40)


def holding(
    *deletes: DeleteFile, sequence: int = 5, spec: int = 0, partition: tuple[Any, ...] = ()
) -> list[int]:
    """The sequence numbers of the deletes that hold for the file `a`."""
    found = Deletes([Delete(each) for each in deletes], {EVERYWHERE})
    return [each.sequence for each in found.of("a", sequence, spec, partition)]


def test_positions_hold_for_files_that_are_as_old_and_older() -> None:
    assert holding(positions(4), positions(5), positions(6)) == [5, 6]


def test_equal_rows_are_deleted_in_older_files_only() -> None:
    assert holding(equality(4), equality(5), equality(6)) == [6]


def test_deletes_hold_within_their_partition_and_spec() -> None:
    here, there = (1, "x"), (1, "y")
    deletes = (
        positions(6, spec=2, partition=here),
        positions(7, spec=2, partition=there),
        positions(8, spec=3, partition=here),
        equality(9, spec=2, partition=here),
        equality(10, spec=2, partition=there),
        equality(11, spec=3, partition=here),
    )
    assert holding(*deletes, spec=2, partition=here) == [6, 9]


def test_a_partition_of_nan_or_null_is_one_partition() -> None:
    nan, other = float("nan"), float("nan")
    assert holding(positions(6, partition=(nan,)), partition=(other,)) == [6]
    assert holding(equality(6, partition=(None,)), partition=(None,)) == [6]
    assert holding(equality(6, partition=(None,)), partition=(0,)) == []


def test_equality_deletes_without_partition_hold_everywhere() -> None:
    deletes = (equality(6, spec=EVERYWHERE), positions(6, spec=EVERYWHERE))
    assert holding(*deletes, spec=2, partition=(1,)) == [6]


def test_deletes_that_name_a_file_hold_for_it_wherever_it_lies() -> None:
    deletes = (positions(6, referenced="a", partition=(9,)), positions(7, referenced="b"))
    assert holding(*deletes, partition=(1,)) == [6]


def test_a_vector_stands_for_all_positions_but_not_for_equality() -> None:
    assert holding(positions(6), vector(7, "a"), equality(8)) == [7, 8]
    assert holding(positions(6), vector(7, "b")) == [6]
    assert holding(positions(6), vector(4, "a")) == [6]


def test_a_vector_must_say_where_it_is() -> None:
    with pytest.raises(EngineError):
        holding(positions(6, format="PUFFIN", referenced="a"))


def test_paths_between_the_first_and_the_last_are_meant() -> None:
    deletes = Deletes(
        [Delete(positions(6), b"a", b"b"), Delete(positions(7), b"b", None)], {EVERYWHERE}
    )
    assert [each.sequence for each in deletes.of("a", 1, 0, ())] == [6]
    assert [each.sequence for each in deletes.of("b", 1, 0, ())] == [6, 7]
    assert [each.sequence for each in deletes.of("c", 1, 0, ())] == [7]


# --- manifests -----------------------------------------------------------------------------------


def written(
    folder: Path, files: list[dict[str, Any]], *, content: ManifestContent, sequence: int
) -> ManifestFile:
    """A manifest of version 3, as its specification has it."""
    partition = StructType(NestedField(1000, "p", StringType(), required=False))
    shape = manifest_entry_schema_with_data_file(3, data_file_with_partition(partition, 3))
    path = folder / f"m{sequence}-{content}.avro"
    with AvroOutputFile[ManifestEntry](
        PyArrowFileIO().new_output(f"file://{path}"), shape, "manifest_entry"
    ) as sink:
        for each in files:
            told = {"file_format": FileFormat.PARQUET, "file_size_in_bytes": 10, **each}
            entry = {
                "status": told.pop("status", ManifestEntryStatus.ADDED),
                "sequence_number": told.pop("sequence_number", None),
            }
            file = DataFile.from_args(_table_format_version=3, record_count=3, **told)
            row = ManifestEntry.from_args(_table_format_version=3, data_file=file, **entry)
            sink.write_block([row])
    return ManifestFile.from_args(
        manifest_path=f"file://{path}",
        manifest_length=path.stat().st_size,
        partition_spec_id=0,
        content=content,
        sequence_number=sequence,
        min_sequence_number=1,
        added_snapshot_id=1,
        added_files_count=1,
        existing_files_count=0,
        deleted_files_count=0,
        added_rows_count=3,
        existing_rows_count=0,
        deleted_rows_count=0,
    )


def listed(folder: Path, *manifests: ManifestFile) -> str:
    path = f"file://{folder}/list.avro"
    with write_manifest_list(2, PyArrowFileIO().new_output(path), 1, None, 9, "null") as sink:
        sink.add_manifests(list(manifests))
    return path


def data(path: str, **more: Any) -> dict[str, Any]:
    return {"content": 0, "file_path": path, "partition": Record("x"), **more}


SPECS = {0: PartitionSpec(PartitionField(1, 1000, IdentityTransform(), "p"))}


def read(path: str, manifests: Manifests | None = None) -> list[Manifest]:
    return (manifests or Manifests()).read(PyArrowFileIO(), path, lambda _: None)


def test_all_that_version_3_tells_is_kept(tmp_path: Path) -> None:
    vectors = {
        "content": 1,
        "file_path": "v.puffin",
        "file_format": FileFormat.PUFFIN,
        "partition": Record("x"),
        "referenced_data_file": "a",
        "content_offset": 4,
        "content_size_in_bytes": 44,
    }
    keys = {"content": 2, "file_path": "e", "partition": Record("x"), "equality_ids": [1, 2]}
    files = [data("a"), data("b", partition=Record("y"), split_offsets=[4])]
    path = listed(
        tmp_path,
        written(tmp_path, files, content=ManifestContent.DATA, sequence=1),
        written(tmp_path, [vectors, keys], content=ManifestContent.DELETES, sequence=2),
    )
    first, second = FileIndex(read(path), SPECS).files([0, 1])
    held, equal = first.deletes
    assert (held.path, held.format, held.referenced) == ("v.puffin", "PUFFIN", "a")
    assert (held.offset, held.length, held.sequence) == (4, 44, 2)
    assert (equal.content, equal.equality_ids, equal.partition) == (2, (1, 2), ("x",))
    assert (second.path, second.partition, second.deletes) == ("b", ("y",), ())


def test_sequence_numbers_are_inherited_where_they_are_not_told(tmp_path: Path) -> None:
    existing = {"status": ManifestEntryStatus.EXISTING}
    files = [
        data("new"),
        data("old", sequence_number=3, **existing),
        data("gone", status=ManifestEntryStatus.DELETED, sequence_number=2),
    ]
    path = listed(tmp_path, written(tmp_path, files, content=ManifestContent.DATA, sequence=8))
    found = FileIndex(read(path), SPECS).files(range(2))
    assert [(file.path, file.sequence) for file in found] == [("new", 8), ("old", 3)]
    broken = written(tmp_path, [data("old", **existing)], content=ManifestContent.DATA, sequence=7)
    with pytest.raises(EngineError):
        read(listed(tmp_path, broken))


def test_what_is_no_manifest_is_an_error_without_details(tmp_path: Path) -> None:
    files = [data("a")]
    manifest = written(tmp_path, files, content=ManifestContent.DATA, sequence=1)
    path = listed(tmp_path, manifest)
    local = Path(manifest.manifest_path.removeprefix("file://"))
    whole = local.read_bytes()
    for broken in (b"", b"Obj\x01", whole[: len(whole) // 2], whole[:-20], b"\0" * 500):
        local.write_bytes(broken)
        with pytest.raises(EngineError) as raised:
            read(path)
        assert str(tmp_path) not in str(raised.value)
    local.unlink()
    with pytest.raises(EngineError):
        read(path)


def test_data_and_deletes_are_not_mixed_up(tmp_path: Path) -> None:
    deletes = [{"content": 1, "file_path": "d", "partition": Record("x")}]
    with pytest.raises(EngineError):
        read(listed(tmp_path, written(tmp_path, deletes, content=ManifestContent.DATA, sequence=1)))
    files = [data("a")]
    with pytest.raises(EngineError):
        read(
            listed(tmp_path, written(tmp_path, files, content=ManifestContent.DELETES, sequence=1))
        )


def test_a_manifest_is_read_once_for_all_snapshots(
    lake: SqlCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = lake.create_table("s.read_once", schema=pa.schema([("id", pa.int64())]))
    manifests, opened = Manifests(), []
    new_input = PyArrowFileIO.new_input

    def counted(self: PyArrowFileIO, location: str) -> Any:
        opened.append(location)
        return new_input(self, location)

    for count in range(1, 5):
        source.append(pa.table({"id": [count]}))
        with monkeypatch.context() as patch:
            patch.setattr(PyArrowFileIO, "new_input", counted)
            found = source_of(rig.described(source, "read_once"), manifests, Footers())
        assert found.index.count == count
    assert sum(path.endswith("m0.avro") for path in opened) == 4


@pytest.mark.parametrize("version", ["1", "2"])
def test_tables_of_every_version_are_indexed(lake: SqlCatalog, version: str) -> None:
    name = f"version_{version}"
    source = lake.create_table(
        f"s.{name}", schema=pa.schema([("id", pa.int64())]), properties={"format-version": version}
    )
    source.append(pa.table({"id": [1, 2]}))
    source.append(pa.table({"id": [3]}))
    index = source_of(rig.described(source, name), Manifests(), Footers()).index
    assert sorted(index.records.tolist()) == [1, 2]
    assert {file.format for file in index.files([0, 1])} == {"PARQUET"}
    assert {file.sequence for file in index.files([0, 1])} == ({0} if version == "1" else {1, 2})


def test_partition_values_are_in_the_order_of_their_spec(lake: SqlCatalog) -> None:
    schema = Schema(NestedField(1, "a", LongType()), NestedField(2, "b", IntegerType()))
    spec = PartitionSpec(
        PartitionField(2, 1000, IdentityTransform(), "b"),
        PartitionField(1, 1001, IdentityTransform(), "a"),
    )
    source = lake.create_table("s.ordered", schema, partition_spec=spec)
    source.append(pa.table({"a": pa.array([1]), "b": pa.array([2], pa.int32())}))
    index = source_of(rig.described(source, "ordered"), Manifests(), Footers()).index
    (file,) = index.files([0])
    assert file.partition == (2, 1)


def test_a_spec_of_void_fields_alone_is_no_partitioning(tmp_path: Path) -> None:
    void = PartitionSpec(PartitionField(1, 1000, VoidTransform(), "p"), spec_id=0)
    keys = {"content": 2, "file_path": "e", "partition": Record(None), "equality_ids": [1]}
    path = listed(
        tmp_path,
        written(tmp_path, [data("a")], content=ManifestContent.DATA, sequence=1),
        written(tmp_path, [keys], content=ManifestContent.DELETES, sequence=2),
    )
    (file,) = FileIndex(read(path), {0: void}).files([0])
    assert [each.path for each in file.deletes] == ["e"]


def test_groups_are_of_about_the_same_size(lake: SqlCatalog) -> None:
    source = lake.create_table("s.groups", schema=pa.schema([("id", pa.int64())]))
    for size in (1, 4000, 10, 3000, 500, 7000, 1):
        source.append(pa.table({"id": range(size)}))
    index = source_of(rig.described(source, "groups"), Manifests(), Footers()).index
    parts = [index.part(number, 3) for number in range(3)]
    assert sorted(np.concatenate(parts).tolist()) == list(range(7))
    loads = [int(index.sizes[part].sum()) for part in parts]
    assert max(loads) < 2.5 * min(loads)
