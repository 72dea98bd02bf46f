"""What the matrix does not ask: filters over every table, time zones, and files that are not what
their table says."""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.table import StaticTable

from catalog.iceberg import IcebergCatalog
from catalog.model import Table
from catalog.names import TableName, quote
from flight_server.engines.duckdb import positions
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.memory import MemoryFiles
from flight_server.engines.duckdb.scan.entries import DataFile, DeleteFile
from flight_server.engines.duckdb.scan.footers import Footers
from flight_server.engines.duckdb.scan.plan import plan
from flight_server.engines.duckdb.scan.reader import render
from flight_server.engines.errors import EngineError, OutsideTable, UnsupportedData
from tests.engines import rig

FILTERED = (
    "evolved_v2",
    "rotated_types",
    "nested_evolved",
    "spec_evolved",
    "imported_renamed",
    "imported_hive",
    "deleted_v2",
    "deleted_v3",
    "vector_upgraded_spark",
    "equality_global",
    "equality_renamed",
    "defaults",
    "types_v2",
)


def table_of(catalog: IcebergCatalog, name: str) -> Table:
    table = catalog.table(TableName("lake", "s", name))
    assert table is not None
    return table


@pytest.mark.parametrize("name", FILTERED)
def test_a_filter_gives_the_rows_that_it_picks_out_of_all(
    engine: DuckDBEngine, local: IcebergCatalog, name: str
) -> None:
    table = table_of(local, name)
    relation = rig.relation(table)
    whole = rig.rows(engine, rig.secured(f'SELECT * FROM "{name}"', relation))
    chance = random.Random(name)
    for _ in range(6):
        column = chance.choice([c for c in table.columns if not pa.types.is_nested(c.type)])
        values = whole.column(column.name).to_pylist()
        value = chance.choice([each for each in values if each is not None] or [None])
        test = f"{quote(column.name)} IS NULL"
        expected = sum(each is None for each in values)
        if value is not None and isinstance(value, (int, str)):
            literal = "'" + str(value).replace("'", "''") + "'"
            test = f"{quote(column.name)} = {literal}"
            expected = sum(each == value for each in values)
        text = f'SELECT count(*), count({quote(column.name)}) FROM "{name}" WHERE {test}'
        ((count, _),) = rig.values(engine, text, relation)
        assert count == expected, test


@pytest.mark.parametrize("name", ["imported_types", "types_v2", "types_evolved", "defaults"])
def test_no_value_depends_on_the_sessions_time_zone(
    engine: DuckDBEngine, local: IcebergCatalog, name: str
) -> None:
    relation = rig.relation(table_of(local, name))
    moments = [c.name for c in relation.columns if pa.types.is_timestamp(c.type)]
    parts = ", ".join(f"epoch_us({quote(each)})" for each in moments)
    statement = rig.secured(f'SELECT {parts} FROM "{name}"', relation)
    here = rig.rows(engine, statement)
    there = rig.rows(engine, replace(statement, time_zone="America/New_York"))
    assert here.to_pylist() == there.to_pylist()


# --- files that are not what their table says ----------------------------------------------------


def source_of(catalog: IcebergCatalog, name: str) -> tuple[Table, StaticTable]:
    table = table_of(catalog, name)
    assert table.snapshot is not None
    return table, StaticTable.from_metadata(table.snapshot.metadata_location)


def file_at(table: Table, name: str, columns: pa.Table) -> DataFile:
    """A data file that lies in a table's folder."""
    path = Path(table.location) / "data" / name
    path.parent.mkdir(exist_ok=True)
    pq.write_table(columns, path, use_deprecated_int96_timestamps=True)
    size = path.stat().st_size
    return DataFile(str(path), "PARQUET", size, columns.num_rows, 1, 0, ())


def columns(**types: tuple[int | None, pa.DataType]) -> pa.Table:
    """One row of NULLs in columns with field ids."""
    fields = [
        pa.field(name, kind, True, None if number is None else {"PARQUET:field_id": str(number)})
        for name, (number, kind) in types.items()
    ]
    return pa.Table.from_pylist([{}], pa.schema(fields))


STRANGE = {
    "a text for a number": columns(id=(1, pa.string())),
    "a wider number": columns(id=(1, pa.int64())),
    "a fraction for a number": columns(id=(1, pa.float32())),
    "a struct for a number": columns(id=(1, pa.struct([("x", pa.int32())]))),
    "a moment for a text": columns(a=(2, pa.timestamp("ns"))),
    "bytes for a text": columns(a=(2, pa.binary())),
    "an id twice": columns(id=(1, pa.int32()), other=(1, pa.int32())),
    "no id at all": columns(id=(None, pa.int32())),
}


@pytest.mark.parametrize("name", STRANGE)
def test_files_with_other_columns_are_refused(local: IcebergCatalog, name: str) -> None:
    table, source = source_of(local, "readded")  # id INT, and a STRING that was dropped and added
    found = STRANGE[name]
    field = source.schema().find_field("a").field_id
    ids = {b"2": str(field).encode()}
    schema = pa.schema(
        [
            f.with_metadata({k: ids.get(v, v) for k, v in (f.metadata or {}).items()})
            for f in found.schema
        ]
    )
    file = file_at(table, "strange.parquet", found.cast(schema))
    with pytest.raises(UnsupportedData) as refusal:
        render(table, source.metadata, source.schema(), [file], Footers())
    assert "strange" not in str(refusal.value)


def test_a_schema_that_is_not_the_first_is_not_trusted(local: IcebergCatalog) -> None:
    table, source = source_of(local, "plain_v2")
    file = file_at(table, "swapped.parquet", columns(b=(1, pa.int64()), a=(2, pa.string())))
    scan = render(table, source.metadata, source.schema(), [file], Footers())
    assert 'r."id"' in scan.sql
    later = source.schema().model_copy(update={"schema_id": 1})
    metadata = source.metadata.model_copy(update={"schemas": [later], "current_schema_id": 1})
    scan = render(table, metadata, later, [file], Footers())
    assert 'r."b" AS BIGINT' in scan.sql


VECTOR = DeleteFile(1, "", "PUFFIN", 100, 1, 2, 0, (), (), "", 4, 50)


def vector_scan(local: IcebergCatalog, change: dict[str, object]) -> None:
    table, source = source_of(local, "plain_v3")
    file = file_at(table, "f.parquet", columns(id=(1, pa.int64())))
    path = str(Path(table.location) / "data" / "f.puffin")
    vector = replace(VECTOR, path=path, referenced=file.path)
    deleted = replace(file, deletes=(replace(vector, **change),))
    render(table, source.metadata, source.schema(), [deleted], Footers())


def test_vectors_must_lie_in_their_table_and_speak_of_their_file(local: IcebergCatalog) -> None:
    vector_scan(local, {})
    for elsewhere in ("/etc/passwd", "s3://other/f.puffin"):
        with pytest.raises((OutsideTable, UnsupportedData)):
            vector_scan(local, {"path": elsewhere})
    for change in (
        {"referenced": "/other.parquet"},
        {"referenced": None},
        {"offset": None},
        {"length": None},
        {"record_count": 2},
        {"record_count": -1},
    ):
        with pytest.raises(UnsupportedData):
            vector_scan(local, change)


@pytest.mark.parametrize("damage", ["", "gone", "short", "other"])
def test_a_damaged_vector_is_an_error_that_shows_no_path(
    local: IcebergCatalog, tmp_path: Path, damage: str
) -> None:
    (vectors,) = plan(table_of(local, "vector_several")).vectors
    found = tmp_path / "found.puffin"
    kept = Path(vectors[0].uri).read_bytes()
    if damage != "gone":
        found.write_bytes({"": kept, "short": kept[:20], "other": kept[::-1]}[damage])
    moved = [replace(each, uri=str(found)) for each in vectors]
    with closing(MemoryFiles(tmp_path)) as files:
        if not damage:
            path, _ = positions.hold(moved, {}, files)
            bits = [
                {"data": at, "bits": bits} for at, bits in enumerate((b"\x80", b"\x40", b"\x80"))
            ]
            assert pq.read_table(path).to_pylist() == bits
            each = [replace(vector, rows=None) for vector in moved]
            listed, _ = positions.hold(each, {}, files)
            assert pq.read_table(listed).to_pylist() == [
                {"data": 0, "pos": 0},
                {"data": 1, "pos": 1},
                {"data": 2, "pos": 0},
            ]
            assert positions.hold(moved, {}, files)[0] == path
            return
        with pytest.raises(EngineError) as caught:
            positions.hold(moved, {}, files)
        assert "/" not in str(caught.value)


def test_equality_deletes_by_a_field_that_is_nowhere_are_refused(local: IcebergCatalog) -> None:
    table, source = source_of(local, "plain_v2")
    file = file_at(table, "g.parquet", columns(id=(1, pa.int64())))
    for ids in ((99,), ()):
        delete = DeleteFile(2, file.path, "PARQUET", file.size, 1, 2, 0, (), ids)
        with pytest.raises(UnsupportedData):
            render(
                table,
                source.metadata,
                source.schema(),
                [replace(file, deletes=(delete,))],
                Footers(),
            )


def test_deletes_in_other_formats_are_refused(local: IcebergCatalog) -> None:
    table, source = source_of(local, "plain_v2")
    file = file_at(table, "h.parquet", columns(id=(1, pa.int64())))
    for content, ids in ((1, ()), (2, (1,))):
        delete = DeleteFile(content, file.path, "AVRO", file.size, 1, 2, 0, (), ids)
        with pytest.raises(UnsupportedData):
            render(
                table,
                source.metadata,
                source.schema(),
                [replace(file, deletes=(delete,))],
                Footers(),
            )
