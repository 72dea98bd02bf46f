"""Iceberg tables of many small files, as they become where rows are appended often."""

from __future__ import annotations

import datetime
import json
import shutil
import uuid
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.io.pyarrow import (
    StatisticsCollector,
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
)
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.typedef import Record
from pyiceberg.types import (
    DateType,
    DecimalType,
    DoubleType,
    LongType,
    NestedField,
    StringType,
    TimestampType,
)

NAMESPACE = "many"
ROWS_PER_FILE = 20
# How many files an append adds, and with it a manifest holds.
_APPENDED = 1_000
_VERSION = 1
_START = datetime.datetime(2024, 1, 1)
_COLUMNS = 16
_FIELDS = (
    NestedField(1, "id", LongType()),
    NestedField(2, "day", DateType()),
    NestedField(3, "name", StringType()),
    NestedField(4, "price", DecimalType(12, 2)),
    NestedField(5, "moment", TimestampType()),
    *(NestedField(number, f"x{number}", DoubleType()) for number in range(6, _COLUMNS + 1)),
)


def catalog(base: Path, sizes: tuple[int, ...]) -> SqlCatalog:
    """A catalog with a table `files_N` of N files for each size, built where it is not there."""
    folder = base.resolve() / "many-files"
    mark = folder / "complete.json"
    wanted = json.dumps({"version": _VERSION, "sizes": sizes, "folder": str(folder)})
    complete = mark.exists() and mark.read_text() == wanted
    if not complete:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    found = SqlCatalog(
        "lake", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}/files"
    )
    if not complete:
        found.create_namespace(NAMESPACE)
        for size in sizes:
            _build(found.create_table(f"{NAMESPACE}.files_{size}", Schema(*_FIELDS)), size)
        mark.write_text(wanted)
    return found


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is the same for all files of a table."""

    location: str
    arrow: pa.Schema
    plan: dict[int, StatisticsCollector]
    ids: dict[str, int]


def _build(table: Table, size: int) -> None:
    schema = table.schema()
    shape = _Shape(
        f"{table.location()}/data",
        schema.as_arrow(),
        compute_statistics_plan(schema, table.metadata.properties),
        parquet_path_to_id_mapping(schema),
    )
    Path(shape.location.removeprefix("file://")).mkdir(parents=True, exist_ok=True)
    for start in range(0, size, _APPENDED):
        files = [_file(shape, number) for number in range(start, min(size, start + _APPENDED))]
        with table.transaction() as change, change.update_snapshot().fast_append() as append:
            for file in files:
                append.append_data_file(file)


def _file(shape: _Shape, number: int) -> DataFile:
    path = f"{shape.location}/{number:06}-{uuid.uuid4()}.parquet"
    local = Path(path.removeprefix("file://"))
    collected: list[Any] = []
    pq.write_table(_rows(number).cast(shape.arrow), local, metadata_collector=collected)
    statistics = data_file_statistics_from_parquet_metadata(
        parquet_metadata=collected[0],
        stats_columns=shape.plan,
        parquet_column_mapping=shape.ids,
    )
    file = DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=path,
        file_format=FileFormat.PARQUET,
        partition=Record(),
        file_size_in_bytes=local.stat().st_size,
        **statistics.to_serialized_dict(),
    )
    file.spec_id = 0
    return file


def _rows(number: int) -> pa.Table:
    ids = range(number * ROWS_PER_FILE, (number + 1) * ROWS_PER_FILE)
    moments = [_START + datetime.timedelta(minutes=i) for i in ids]
    columns: dict[str, Any] = {
        "id": pa.array(ids, pa.int64()),
        "day": pa.array([moment.date() for moment in moments], pa.date32()),
        "name": [f"customer-{i:012}" for i in ids],
        "price": pa.array([Decimal(i % 1000) for i in ids], pa.decimal128(12, 2)),
        "moment": pa.array(moments, pa.timestamp("us")),
    }
    for other in range(6, _COLUMNS + 1):
        columns[f"x{other}"] = pa.array([float(i % (other * 7)) for i in ids])
    return pa.table(columns)
