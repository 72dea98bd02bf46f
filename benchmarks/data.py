"""The warehouse that is measured: `lineitem` as an Iceberg table, and many empty ones beside it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.catalog.sql import SqlCatalog

from benchmarks import lineitem

CATALOG = "lake"
SCHEMA = "tpch"
TABLE = "lineitem"
EMPTY_SCHEMA = "many"
_VERSION = 1
_FILES = 8
_GROUP_ROWS = 120_000


@dataclass(frozen=True, slots=True)
class Warehouse:
    """A complete warehouse on disk. `tables` counts the empty ones."""

    folder: Path
    size: lineitem.Size
    tables: int

    @property
    def properties(self) -> dict[str, str]:
        """What pyiceberg needs to open the catalog."""
        return {
            "type": "sql",
            "uri": f"sqlite:///{self.folder}/catalog.db",
            "warehouse": f"file://{self.folder}/files",
        }

    def open(self) -> Catalog:
        """The catalog."""
        properties = {name: value for name, value in self.properties.items() if name != "type"}
        return SqlCatalog(CATALOG, **properties)

    def files(self) -> list[str]:
        """The Parquet files of `lineitem`, in order of their keys."""
        table = self.open().load_table((SCHEMA, TABLE))
        paths = [task.file.file_path for task in table.scan().plan_files()]
        return sorted(path.removeprefix("file://") for path in paths)

    def names(self) -> list[tuple[str, str]]:
        """All tables as (schema, table), sorted."""
        empty = [(EMPTY_SCHEMA, empty_table(number)) for number in range(self.tables)]
        return [*empty, (SCHEMA, TABLE)]


def empty_table(number: int) -> str:
    """The name of one of the empty tables."""
    return f"table_{number:04}"


def warehouse(base: Path, *, scale: float, tables: int) -> Warehouse:
    """The warehouse of a scale under `base`; built where it is not there yet or not complete."""
    folder = base.resolve() / f"scale-{scale:g}"
    found = Warehouse(folder, lineitem.Size(scale), tables)
    mark = folder / "complete.json"
    # The folder too: an Iceberg table names its files by absolute path.
    wanted = json.dumps(
        {"version": _VERSION, "rows": found.size.rows, "tables": tables, "folder": str(folder)}
    )
    if not mark.exists() or mark.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "files").mkdir(parents=True)
        _build(found)
        mark.write_text(wanted)
    return found


def _build(target: Warehouse) -> None:
    catalog = target.open()
    catalog.create_namespace(SCHEMA)
    catalog.create_namespace(EMPTY_SCHEMA)
    files = _FILES * max(1, round(target.size.scale))
    batches = lineitem.batches(target.size, files)
    first = next(batches)
    table = catalog.create_table(
        (SCHEMA, TABLE),
        lineitem.SCHEMA,
        properties={
            "write.parquet.row-group-limit": str(_GROUP_ROWS),
            # A batch is more than this, so each becomes a file of its own.
            "write.target-file-size-bytes": str(first.nbytes // 2),
        },
    )

    def rows() -> Iterator[pa.RecordBatch]:
        yield first
        yield from batches

    table.append(pa.RecordBatchReader.from_batches(lineitem.SCHEMA, rows()))
    for number in range(target.tables):
        catalog.create_table((EMPTY_SCHEMA, empty_table(number)), lineitem.SCHEMA)
