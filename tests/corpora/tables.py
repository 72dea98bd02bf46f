"""The tables of the corpora: made by DuckDB, and served as Iceberg tables of one lake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb
import pyarrow as pa
import yaml
from pyiceberg.catalog import load_catalog

from tests.statements import read

HERE = Path(__file__).parent
# Each corpus with the schema that its tables are in.
WITH_ROWS = ("tpch", "clickbench")
WITHOUT_ROWS = "tpcds"
_TYPES = (
    ("text", pa.string(), ("s_zip", "ca_zip", "cc_zip", "w_zip", "web_zip", "wp_url")),
    ("date", pa.date32(), ("_date",)),
    ("whole", pa.int64(), ("_sk", "_number", "_quantity", "_quantity_on_hand", "_seq", "_year")),
    ("whole", pa.int64(), ("_dow", "_moy", "_dom", "_qoy", "_hour", "_minute", "_second", "_time")),
    ("whole", pa.int64(), ("_count", "_bound", "_sq_ft", "_employees", "_market_id", "_brand_id")),
    ("whole", pa.int64(), ("_class_id", "_category_id", "_manufact_id", "_manager_id")),
    ("whole", pa.int64(), ("_birth_day", "_birth_month", "_purchase_estimate")),
    ("money", pa.decimal128(7, 2), ("_price", "_cost", "_amt", "_amount", "_tax", "_paid")),
    ("money", pa.decimal128(7, 2), ("_profit", "_loss", "_fee", "_cash", "_charge", "_credit")),
    ("money", pa.decimal128(7, 2), ("_ship", "_offset", "_percentage", "_precentage")),
)

POLICY = """
version: 1
roles:
  everyone: {groups: [people]}
grants:
  - {to: everyone, on: "lake.**", allow: select}
"""


def made(connection: duckdb.DuckDBPyConnection, corpus: str) -> Mapping[str, pa.Table]:
    """The tables of a corpus, made in a schema of its own, which becomes the current one."""
    connection.execute(f"CREATE SCHEMA {corpus}; USE {corpus}")
    for example in read(HERE / f"{corpus}_data.sql"):
        connection.execute(example.text)
    names = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE schema_name = ?", [corpus]
    ).fetchall()
    return {name: connection.table(name).to_arrow_table() for (name,) in names}


def columns() -> Mapping[str, pa.Schema]:
    """The tables of the corpus that is only bound."""
    tables = {}
    for line in (HERE / f"{WITHOUT_ROWS}.columns").read_text().splitlines():
        name, _, words = line.partition(": ")
        tables[name] = pa.schema([(word, _type(word)) for word in words.split()])
    return tables


def _type(column: str) -> pa.DataType:
    for _, kind, ends in _TYPES:
        if column.endswith(ends):
            return kind
    return pa.string()


def build(directory: Path, tables: Iterable[tuple[str, str, pa.Table | pa.Schema]]) -> Path:
    """Write a lake with these tables (schema, name, rows or none), and settings to serve it."""
    place = {"uri": f"sqlite:///{directory}/lake.db", "warehouse": f"file://{directory}/lake"}
    catalog = load_catalog("lake", type="sql", **place)
    for schema, name, content in tables:
        catalog.create_namespace_if_not_exists(schema)
        if isinstance(content, pa.Schema):
            catalog.create_table((schema, name), content)
        else:
            catalog.create_table((schema, name), content.schema).append(content)
    (directory / "policy.yaml").write_text(POLICY)
    settings = {
        "server": {"port": 0},
        "policy": {"file": "policy.yaml"},
        "catalogs": {"lake": {"type": "sql", **place, "refresh": 600}},
        "engine": {"workers": 2, "threads": 2, "memory": "512MiB", "spill": "64MiB"},
        "defaults": {"catalog": "lake"},
    }
    config = directory / "flight-server.yaml"
    config.write_text(yaml.safe_dump(settings))
    return config
