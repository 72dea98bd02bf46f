"""The demo's tables hold what is said of them, as pyiceberg and DuckDB read them."""

from __future__ import annotations

import json

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyiceberg.manifest import DataFileContent
from pyiceberg.partitioning import partition_record_value
from pyiceberg.table import Table as IcebergTable

from catalog.iceberg import IcebergCatalog
from catalog.registry import Registry
from flight_server.demo.load import NAMED_SNAPSHOT

TABLES = {
    "market.currencies": "lookup",
    "market.securities": "dimension",
    "market.prices": "fact",
    "market.corporate_actions": "fact",
    "portfolio.portfolios": "dimension",
    "portfolio.accounts": "dimension",
    "portfolio.benchmarks": "lookup",
    "portfolio.portfolio_accounts": "bridge",
    "portfolio.portfolio_benchmarks": "bridge",
    "portfolio.positions": "fact",
    "portfolio.transactions": "fact",
}


def _files(table: IcebergTable) -> list[str]:
    return [task.file.file_path.removeprefix("file://") for task in table.scan().plan_files()]


def test_the_demo_has_its_tables_and_says_what_each_is_for(demo):
    registry = Registry([IcebergCatalog(demo.catalog, demo.properties, refresh_seconds=60)])
    found = {
        f"{name.schema}.{name.table}": registry.table(name)
        for schema in registry.schemas()
        for name in registry.tables(schema)
    }
    assert {name: table.properties["flight.table_type"] for name, table in found.items()} == TABLES
    assert set(demo.rows) == set(TABLES)
    for name, table in found.items():
        assert table.description
        assert table.owner.endswith("@example.com")
        assert table.identifier
        assert table.properties["flight.domain"] == name.partition(".")[0]
        assert all(column.doc for column in table.columns)


@pytest.mark.parametrize("name", TABLES)
def test_a_scan_gives_as_many_rows_as_the_demo_says_and_no_duplicate_keys(demo, lake, name):
    table = lake.load_table(name)
    rows = table.scan().to_arrow()
    assert rows.num_rows == demo.rows[name] > 0
    keys = list(table.schema().identifier_field_names())
    assert keys
    assert rows.group_by(keys).aggregate([]).num_rows == rows.num_rows


@pytest.mark.parametrize("name", TABLES)
def test_declared_foreign_keys_hold(lake, name):
    table = lake.load_table(name)
    for key in json.loads(table.properties.get("flight.foreign_keys", "[]")):
        target = lake.load_table(key["table"])
        assert set(key["references"]) == target.schema().identifier_field_names()
        left = table.scan(selected_fields=tuple(key["columns"])).to_arrow()
        right = target.scan(selected_fields=tuple(key["references"])).to_arrow()
        lost = left.join(right, key["columns"], key["references"], join_type="left anti")
        assert lost.num_rows == 0


@pytest.mark.parametrize("name", TABLES)
def test_files_are_zstd_parquet_with_sane_row_groups_and_field_ids(lake, name):
    table = lake.load_table(name)
    for path in _files(table):
        metadata = pq.read_metadata(path)
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            assert group.num_rows <= 122_880
            assert group.column(0).compression == "ZSTD"
        schema = pq.read_schema(path)
        assert all(b"PARQUET:field_id" in field.metadata for field in schema)


def test_every_row_is_in_the_partition_that_its_value_says(lake):
    partitioned = 0
    for name in TABLES:
        table = lake.load_table(name)
        for part in table.spec().fields:
            partitioned += 1
            field = table.schema().find_field(part.source_id)
            transform = part.transform.transform(field.field_type)
            for task in table.scan().plan_files():
                path = task.file.file_path.removeprefix("file://")
                values = pc.unique(pq.read_table(path, columns=[field.name]).column(0)).to_pylist()
                represented = {
                    transform(partition_record_value(part, value, table.schema()))
                    for value in values
                }
                assert represented == {task.file.partition[0]}
    assert partitioned == 6


def test_partitions_prune_files(lake):
    prices = lake.load_table("market.prices")
    month = prices.scan("price_date >= '2024-03-01' and price_date < '2024-04-01'")
    assert len(list(month.plan_files())) == 1
    assert len(_files(prices)) == 48


def test_deleted_rows_are_in_the_files_but_not_in_the_table(demo, lake):
    table = lake.load_table("portfolio.transactions")
    assert table.scan("status == 'annulled'").to_arrow().num_rows == 0
    manifests = table.current_snapshot().manifests(table.io)
    entries = [e for m in manifests for e in m.fetch_manifest_entry(table.io)]
    deletes = [e.data_file for e in entries if e.data_file.content != DataFileContent.DATA]
    assert {file.content for file in deletes} == {DataFileContent.POSITION_DELETES}
    assert [snapshot.summary.operation.value for snapshot in table.snapshots()] == [
        "append", "append", "delete", "append",
    ]  # fmt: skip
    with duckdb.connect() as connection:
        raw = connection.read_parquet(_files(table), union_by_name=True)
        total = raw.count("*").fetchall()[0][0]
        annulled = raw.filter("status = 'annulled'").count("*").fetchall()[0][0]
        positions = connection.read_parquet(
            [file.file_path.removeprefix("file://") for file in deletes]
        )
        gone = positions.count("*").fetchall()[0][0]
        columns = pq.read_schema(deletes[0].file_path.removeprefix("file://"))
    assert annulled == gone == sum(file.record_count for file in deletes) > 0
    assert total - annulled == demo.rows["portfolio.transactions"]
    ids = [int(field.metadata[b"PARQUET:field_id"]) for field in columns]
    assert ids == [2147483546, 2147483545]


def test_duckdb_reads_the_same_rows_from_the_plain_files(demo, lake):
    prices = lake.load_table("market.prices")
    with duckdb.connect() as connection:
        seen = connection.read_parquet(_files(prices))
        summary = "count(*), sum(close), min(price_date), count(DISTINCT security_id)"
        count, total, first, securities = seen.aggregate(summary).fetchall()[0]
        wrong = seen.filter("low > least(open, close) OR high < greatest(open, close)")
        assert wrong.count("*").fetchall() == [(0,)]
    scanned = prices.scan().to_arrow()
    assert count == demo.rows["market.prices"]
    assert total == pc.sum(scanned["close"]).as_py()
    assert str(first) == "2022-01-03"
    assert securities == demo.rows["market.securities"]


def test_positions_are_valued_at_the_closes_of_their_day(lake):
    positions = lake.load_table("portfolio.positions").scan().to_arrow()
    prices = lake.load_table("market.prices").scan().to_arrow()
    joined = positions.join(
        prices.select(["security_id", "price_date", "close"]),
        ["security_id", "as_of_date"],
        ["security_id", "price_date"],
        join_type="inner",
    )
    assert joined.num_rows == positions.num_rows
    value = pc.multiply(joined["quantity"].cast(pa.float64()), joined["close"].cast(pa.float64()))
    error = pc.max(pc.abs(pc.subtract(value, joined["market_value"].cast(pa.float64())))).as_py()
    assert error < 0.01


def test_schemas_have_evolved_and_old_snapshots_keep_theirs(lake):
    accounts = lake.load_table("portfolio.accounts")
    first, _ = accounts.snapshots()
    assert "mail" in accounts.scan(snapshot_id=first.snapshot_id).to_arrow().column_names
    mails = accounts.scan().to_arrow()["email"]
    assert mails.null_count == 0
    transactions = lake.load_table("portfolio.transactions").scan().to_arrow()
    known = pc.is_valid(transactions["venue"])
    new = pc.greater_equal(transactions["trade_date"], pa.scalar(20089, pa.int32()).cast("date32"))
    assert known.equals(new)
    assert len(lake.load_table("market.prices").snapshots()) == 4


def test_a_named_snapshot_ends_with_its_year(lake):
    prices = lake.load_table("market.prices")
    tagged = prices.scan().use_ref(NAMED_SNAPSHOT).to_arrow()
    assert str(pc.max(tagged["price_date"]).as_py()) == "2024-12-31"


def test_tags_are_on_the_columns_also_after_the_rename(demo):
    catalog = IcebergCatalog(demo.catalog, demo.properties, refresh_seconds=60)
    names = {name.table: name for name in catalog.tables("portfolio")}
    tags = {column.name: set(column.tags) for column in catalog.table(names["accounts"]).columns}
    assert {name for name, given in tags.items() if "pii" in given} == {
        "holder_name", "email", "tax_id", "date_of_birth", "phone", "address",
    }  # fmt: skip
    assert {name for name, given in tags.items() if "sensitive" in given} == {
        "tax_id", "balance", "risk_score",
    }  # fmt: skip
