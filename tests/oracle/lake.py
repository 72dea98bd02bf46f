"""The oracle's warehouse: two Iceberg catalogs with several files per table and deleted rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.table import Table as IcebergTable
from pyiceberg.transforms import IdentityTransform

from catalog.iceberg import IcebergCatalog
from catalog.registry import Registry
from flight_server.demo.deletes import delete_rows
from tests.oracle import market, rows
from tests.oracle.rows import Row

CATALOGS = ("lake", "other")
SCHEMAS = {**rows.SCHEMAS, **market.SCHEMAS}
_FIRST_DELETED = 1000
_KEYS = {"lake.shop.orders": "order_id", "lake.shop.customers": "id"}


def raw() -> dict[str, list[Row]]:
    """All rows that are there, by table."""
    return rows.rows() | market.rows()


def build(directory: Path) -> Registry:
    """Write the warehouse and open it as the server does."""
    for name in CATALOGS:
        (directory / name).mkdir()
    sources = {name: load_catalog(name, **properties(directory, name)) for name in CATALOGS}
    doomed = rows.doomed()
    for name, found in raw().items():
        catalog, _, _ = name.split(".")
        _fill(sources[catalog], name, found, doomed.get(name, []))
    return Registry(
        [IcebergCatalog(n, properties(directory, n), refresh_seconds=3600) for n in CATALOGS]
    )


def properties(directory: Path, name: str) -> dict[str, str]:
    """How pyiceberg opens one of the catalogs."""
    return {
        "type": "sql",
        "uri": f"sqlite:///{directory / name}.db",
        "warehouse": f"file://{directory / name}",
    }


def _fill(source: Catalog, name: str, found: list[Row], doomed: list[Row]) -> None:
    _, schema, table_name = name.split(".")
    source.create_namespace_if_not_exists(schema)
    table = source.create_table(
        (schema, table_name), SCHEMAS[name], properties={"format-version": "2"}
    )
    if name == "lake.shop.orders":
        table = _partitioned(table)
    half = len(found) // 2
    # in two files, with the doomed rows among the others
    for part in (found[:half] + doomed, found[half:]):
        if part:
            table.append(rows.arrow(name, part, SCHEMAS[name]))
    if doomed:
        key = _KEYS[name]
        gone = delete_rows(
            table, [key], lambda data: np.asarray(data[key].to_numpy()) > _FIRST_DELETED
        )
        assert gone == len(doomed)


def _partitioned(table: IcebergTable) -> IcebergTable:
    with table.update_spec() as update:
        update.add_field("status", IdentityTransform(), "status")
    table.refresh()
    assert isinstance(table.spec(), PartitionSpec)
    assert all(isinstance(field, PartitionField) for field in table.spec().fields)
    return table


def physical(
    name: str, columns: list[str], found: list[Row], types: Mapping[str, pa.DataType]
) -> pa.Table:
    """Rows of a table with only some of its columns, as an Arrow table.

    `types` are those of columns that are seen in part.
    """
    whole = SCHEMAS[name]
    schema = pa.schema([(c, types.get(c, whole.field(c).type)) for c in columns])
    return pa.Table.from_pylist([{c: row[c] for c in columns} for row in found], schema)
