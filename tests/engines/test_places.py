"""Metadata that somebody edited by hand names files elsewhere: nothing of them is read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.manifest import DataFile, write_manifest, write_manifest_list
from pyiceberg.table import StaticTable

from catalog.model import Snapshot, Table
from flight_server.engines.duckdb.scan.plan import plan
from flight_server.engines.duckdb.scan.root import LocalRoot
from flight_server.engines.errors import OutsideTable
from flight_server.query.failures import failure_of
from tests.engines import rig


@pytest.fixture(scope="module")
def own(lake: SqlCatalog) -> Table:
    return rig.stored(lake, "tampered", pa.table({"v": ["own"]}))


@pytest.fixture(scope="module")
def other(lake: SqlCatalog) -> Table:
    """A table of somebody else, of the same shape."""
    return rig.stored(lake, "others", pa.table({"v": ["canary"]}))


def local(uri: str) -> Path:
    return Path(uri.removeprefix("file://"))


def opened(table: Table) -> StaticTable:
    assert table.snapshot is not None
    return StaticTable.from_metadata(table.snapshot.metadata_location)


def edited(table: Table, change: Callable[[dict[str, Any]], None]) -> Table:
    """The table with a copy of its metadata in which something was changed."""
    assert table.snapshot is not None
    before = local(table.snapshot.metadata_location)
    metadata = json.loads(before.read_text())
    change(metadata)
    after = before.with_name(f"edited-{len(list(before.parent.iterdir()))}.metadata.json")
    after.write_text(json.dumps(metadata))
    snapshot = Snapshot(f"file://{after}", table.snapshot.snapshot_id)
    return replace(table, snapshot=snapshot, location=metadata["location"])


def with_list(table: Table, path: str) -> Table:
    """The table with another list of manifests."""

    def change(metadata: dict[str, Any]) -> None:
        metadata["snapshots"][-1]["manifest-list"] = path

    return edited(table, change)


def with_file(table: Table, path: str) -> Table:
    """The table with a data file of this path, by manifests that lie where they should."""
    source = opened(table)
    snapshot = source.current_snapshot()
    assert snapshot is not None
    (manifest,) = snapshot.manifests(source.io)
    (entry,) = manifest.fetch_manifest_entry(source.io)
    values = {name: getattr(entry.data_file, name) for name in ("content", "file_format")}
    values |= {"partition": entry.data_file.partition, "record_count": 1}
    values |= {"file_size_in_bytes": entry.data_file.file_size_in_bytes, "file_path": path}
    place = f"{table.location}/metadata/{abs(hash(path))}"
    writer = write_manifest(
        2,
        source.spec(),
        source.schema(),
        source.io.new_output(f"{place}-m0.avro"),
        snapshot.snapshot_id,
        "null",
    )
    entry.data_file = DataFile.from_args(**values)
    with writer:
        writer.add_entry(entry)
    output = source.io.new_output(f"{place}-snap.avro")
    with write_manifest_list(2, output, snapshot.snapshot_id, None, 1, "null") as listed:
        listed.add_manifests([writer.to_manifest_file()])
    return with_list(table, f"{place}-snap.avro")


def test_what_is_edited_is_read_where_nothing_is_elsewhere(own: Table) -> None:
    """Without this the refusals would prove nothing."""
    (path,) = plan(own).files
    assert plan(edited(own, lambda _metadata: None)).files == (path,)
    assert plan(with_file(own, f"file://{path}")).files == (path,)
    assert plan(with_file(own, f"{own.location}/data/../data/{Path(path).name}")).files == (path,)


@pytest.mark.parametrize(
    "spelled",
    [
        "{other}",
        "file://{other}",
        "file:{other}",
        "file://localhost{other}",
        "{own}/data/../../others/data/{name}",
        "file://{own}/../others/data/{name}",
        "{own}//..//others/data/{name}",
        "file://{own}/%2e%2e/others/data/{name}",
        "file://{own}/%2E%2E%2Fothers/data/{name}",
        "{own}x/data/{name}",
        "{link}/data/{name}",
        "{own}/data/a\0b.parquet",
        "{own}",
        "/etc/passwd",
        "file:///proc/self/environ",
    ],
)
def test_a_data_file_elsewhere_is_refused(own: Table, other: Table, spelled: str) -> None:
    (path,) = plan(other).files
    link = local(own.location) / "data" / "link"
    if not link.exists():
        link.symlink_to(local(other.location))
    places = {"own": local(own.location), "other": path, "name": Path(path).name, "link": link}
    with pytest.raises(OutsideTable) as caught:
        plan(with_file(own, spelled.format(**places)))
    assert failure_of(caught.value).code == "FILE_OUTSIDE_TABLE"
    assert path not in str(caught.value)


def test_each_file_and_each_folder_on_its_way_is_looked_at(tmp_path: Path) -> None:
    """Not once for all files of a folder: one may be a link where the others are none."""
    table, other = tmp_path / "table", tmp_path / "other"
    for folder in (table / "data" / "day=1", other / "data"):
        folder.mkdir(parents=True)
    for path in (table / "data" / "day=1" / "a", table / "data" / "b", other / "data" / "c"):
        path.write_text("x")
    (table / "data" / "day=1" / "c").symlink_to(other / "data" / "c")
    (table / "data" / "day=2").symlink_to(other / "data")
    (table / "data" / "within").symlink_to(table / "data" / "day=1" / "a")
    (table / "data" / "round").symlink_to(table / "data" / "round")
    (table / "data" / "chain").symlink_to(table / "data" / "day=1" / "c")
    (tmp_path / "named").symlink_to(table)
    for location in (table, tmp_path / "named"):
        root = LocalRoot(f"file://{location}")
        for name in ("day=1/a", "b", "within", "day=1/a", "absent", "nowhere/absent", "b/under"):
            for start in ("", "file:", "file://", "file://localhost"):
                assert root.path(f"{start}{location}/data/{name}") == f"{location}/data/{name}"
        for name in ("day=1/c", "day=2/c", "day=2/absent", "chain", "day=1/../../../other/data/c"):
            for _ in range(2):  # what was refused is refused again
                with pytest.raises(OutsideTable):
                    root.path(f"file://{location}/data/{name}")
        for outside in (location, tmp_path, f"{location}x/data/b", f"/{location}/data/b"):
            with pytest.raises(OutsideTable):
                root.path(str(outside))


def test_a_list_of_manifests_elsewhere_is_refused(own: Table, other: Table) -> None:
    snapshot = opened(other).current_snapshot()
    assert snapshot is not None
    with pytest.raises(OutsideTable):
        plan(with_list(own, snapshot.manifest_list))
    with pytest.raises(OutsideTable):
        plan(with_list(own, f"{own.location}/metadata/../../others/metadata/x.avro"))


def test_a_manifest_elsewhere_is_refused(own: Table, other: Table) -> None:
    snapshot = opened(other).current_snapshot()
    assert snapshot is not None
    copy = local(own.location) / "metadata" / "copied-snap.avro"
    shutil.copy(local(snapshot.manifest_list), copy)
    with pytest.raises(OutsideTable):
        plan(with_list(own, f"file://{copy}"))


@pytest.mark.parametrize("up", ["..", "../..", "/"])
def test_a_location_cannot_be_widened(own: Table, other: Table, up: str) -> None:
    (path,) = plan(other).files
    wide = f"file://{(local(own.location) / up).resolve()}"

    def change(metadata: dict[str, Any]) -> None:
        metadata["location"] = wide

    with pytest.raises(OutsideTable):
        plan(edited(with_file(own, path), change))


def test_metadata_elsewhere_is_refused(own: Table, other: Table) -> None:
    with pytest.raises(OutsideTable):
        plan(replace(own, snapshot=other.snapshot))
