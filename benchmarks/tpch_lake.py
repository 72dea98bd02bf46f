"""Tables in the shape of TPC-H as Iceberg tables: plain, partitioned by month, and evolved.

`lineitem` is that of `benchmarks.lineitem`; the others follow from row numbers. No TPC-H results.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.transforms import MonthTransform
from pyiceberg.types import IntegerType, LongType

from benchmarks import lineitem

PLAIN, EVOLVED = "plain", "evolved"
MONTHLY = "lineitem_monthly"
_VERSION = 1
_FILES = 8
_OLD = "_old"

_OTHERS = {
    "region": """SELECT i::INTEGER AS r_regionkey,
        ['AFRICA', 'AMERICA', 'ASIA', 'EUROPE', 'MIDDLE EAST'][i + 1] AS r_name
        FROM range(5) t(i)""",
    "nation": """SELECT i::INTEGER AS n_nationkey, 'NATION ' || i AS n_name,
        (i % 5)::INTEGER AS n_regionkey FROM range(25) t(i)""",
    "supplier": """SELECT i AS s_suppkey, (i % 25)::INTEGER AS s_nationkey
        FROM range(1, {suppliers} + 1) t(i)""",
    "part": """SELECT i AS p_partkey,
        ['green', 'red', 'blue', 'ivory', 'lace'][1 + i % 5] || ' ' || i % 7 AS p_name
        FROM range(1, {parts} + 1) t(i)""",
    "partsupp": """SELECT p AS ps_partkey,
        (p + s * ({suppliers} // 4 + (p - 1) // {suppliers})) % {suppliers} + 1 AS ps_suppkey,
        (1 + (p * 37 + s * 11) % 1000)::DECIMAL(15, 2) AS ps_supplycost
        FROM range(1, {parts} + 1) p(p), range(4) s(s)""",
    "customer": """SELECT i AS c_custkey, (i % 25)::INTEGER AS c_nationkey,
        ['MACHINERY', 'BUILDING', 'FURNITURE', 'AUTOMOBILE', 'HOUSEHOLD'][1 + i % 5]
            AS c_mktsegment
        FROM range(1, {orders} // 10 + 2) t(i)""",
    "orders": """SELECT ((i >> 3) << 5) | (i & 7) AS o_orderkey,
        1 + (i * 7919) % ({orders} // 10 + 1) AS o_custkey,
        (DATE '1992-01-01' + ((i * 11) % 2400)::INTEGER) AS o_orderdate,
        0::INTEGER AS o_shippriority
        FROM range(1, {orders} + 1) t(i)""",
}


def catalog(base: Path, scale: float) -> SqlCatalog:
    """A catalog of all tables at a scale under `base`; built where it is not complete."""
    folder = base.resolve() / f"tpch-{scale:g}"
    mark = folder / "complete.json"
    wanted = json.dumps({"version": _VERSION, "folder": str(folder)})
    complete = mark.exists() and mark.read_text() == wanted
    if not complete:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    uri, files = f"sqlite:///{folder}/catalog.db", f"file://{folder}/files"
    lake = SqlCatalog("lake", uri=uri, warehouse=files)
    if not complete:
        _build(lake, lineitem.Size(scale))
        mark.write_text(wanted)
    return lake


def names() -> list[str]:
    """The tables that there are in `PLAIN` and in `EVOLVED`."""
    return ["lineitem", *_OTHERS]


def _build(lake: SqlCatalog, size: lineitem.Size) -> None:
    lake.create_namespace(PLAIN)
    lake.create_namespace(EVOLVED)
    first = next(iter(lineitem.batches(size, _FILES)))
    plain = lake.create_table((PLAIN, "lineitem"), lineitem.SCHEMA)
    schema = plain.schema()
    source = schema.find_field("l_shipdate").field_id
    field = PartitionField(source, 1000, MonthTransform(), "month")
    spec = PartitionSpec(field)
    monthly = lake.create_table((PLAIN, MONTHLY), schema, partition_spec=spec)
    evolved = _older(lake, "lineitem", first.schema)
    whole = pa.Table.from_batches(list(lineitem.batches(size, _FILES)))
    for batch in _parts(whole, _FILES):
        plain.append(batch)
        evolved.append(_aged(batch))
    monthly.append(whole)
    _renew(evolved)
    sizes = {"orders": size.orders, "parts": size.parts, "suppliers": size.suppliers}
    for name, text in _OTHERS.items():
        rows = duckdb.connect().sql(text.format(**sizes)).to_arrow_table()
        lake.create_table((PLAIN, name), rows.schema).append(rows)
        table = _older(lake, name, rows.schema)
        table.append(_aged(rows))
        _renew(table)


def _parts(table: pa.Table, count: int) -> Iterator[pa.Table]:
    rows = -(-table.num_rows // count)
    return (table.slice(at, rows) for at in range(0, table.num_rows, rows))


def _older(lake: SqlCatalog, name: str, schema: pa.Schema) -> Table:
    """A new table whose columns still have other names."""
    old = pa.schema([pa.field(field.name + _OLD, field.type) for field in schema])
    return lake.create_table((EVOLVED, name), old)


def _aged(rows: pa.Table) -> pa.Table:
    return rows.rename_columns([name + _OLD for name in rows.column_names])


def _renew(table: Table) -> None:
    """Give all columns their names, wider integers, and one column more."""
    schema: Schema = table.schema()
    with table.update_schema() as update:
        for field in schema.fields:
            if isinstance(field.field_type, IntegerType):
                update.update_column(field.name, LongType())
    with table.update_schema() as update:
        for field in schema.fields:
            update.rename_column(field.name, field.name.removesuffix(_OLD))
        update.add_column("added", LongType())
