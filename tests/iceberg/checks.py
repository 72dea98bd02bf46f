"""Reads a table of the matrix through the engine, and holds it against the truth."""

from __future__ import annotations

import re

import pytest
from pyiceberg.table import StaticTable

from catalog.errors import CatalogError
from catalog.iceberg import IcebergCatalog
from catalog.model import Snapshot, Table
from catalog.names import TableName
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.errors import UnsupportedData
from tests.engines import rig
from tests.iceberg import fixtures
from tests.iceberg.fixtures import Case


def found(catalog: IcebergCatalog, case: Case) -> Table:
    name = TableName("lake", "s", case.name)
    table = catalog.table(name)
    assert table is not None
    if case.snapshot is None:
        return table
    assert table.snapshot is not None
    older = catalog.table(name, Snapshot(table.snapshot.metadata_location, case.snapshot))
    assert older is not None
    return older


def check(engine: DuckDBEngine, catalog: IcebergCatalog, case: Case) -> None:
    if case.rows is None:
        with pytest.raises((UnsupportedData, CatalogError)) as refusal:
            table = found(catalog, case)
            text = f'SELECT * FROM "{case.name}"'
            rig.rows(engine, rig.secured(text, rig.relation(table)))
        assert not re.search(r"/|\.parquet|s3:", str(refusal.value)), str(refusal.value)
        return
    table = found(catalog, case)
    text = f'SELECT * FROM "{case.name}"'
    got = rig.rows(engine, rig.secured(text, rig.relation(table)))
    assert table.snapshot is not None
    source = StaticTable.from_metadata(
        table.snapshot.metadata_location, properties=dict(table.storage)
    )
    schema = source.schema()
    if case.snapshot is not None:
        older = source.snapshot_by_id(case.snapshot)
        assert older is not None
        schema = source.schemas()[older.schema_id or 0]
    assert got.column_names == [field.name for field in schema.fields]
    assert fixtures.counted(got, [field.field_type for field in schema.fields]) == case.rows
