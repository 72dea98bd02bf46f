"""What Glue tells of databases, tables and views, and how the catalog keeps it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import pyarrow as pa
import pytest

from catalog.athena import AthenaCatalog
from catalog.errors import CatalogUnavailable, UnsupportedTable
from catalog.health import State
from catalog.model import AthenaPlace, Table
from catalog.names import TableName
from flight_server.testing.athena import AthenaDouble
from tests.athena import lake

ROWS = pa.table({"id": pa.array([1, 2], pa.int64()), "day": ["a", "b"]})


@pytest.fixture(scope="module")
def aws(double: AthenaDouble) -> AthenaDouble:
    lake.fill(double, {"told.stored": ROWS})
    double.put_table(
        "told.split",
        ROWS,
        f"s3://{lake.BUCKET}/told/split",
        file_format="parquet",
        partitioned_by=["day"],
    )
    double.put_view("told.seen", 'SELECT id FROM "told"."split"', {"id": "bigint"})
    glue = double.client("glue")
    glue.create_table(
        DatabaseName="told",
        TableInput={
            "Name": "made",
            "Owner": "ann",
            "Description": "By hand.",
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {
                "flight.tags": "crm",
                "flight.tags.who.name": "pii",
                "flight.tags.code": "secret",
            },
            "StorageDescriptor": {
                "Columns": [
                    {"Name": "code", "Type": "varchar(3)", "Comment": "Its code."},
                    {"Name": "who", "Type": "array<struct<name:string,age:int>>"},
                    {"Name": "mail", "Type": "string", "Comment": "flight.tags: pii.email"},
                ],
                "Location": f"s3://{lake.BUCKET}/made",
            },
            "PartitionKeys": [{"Name": "year", "Type": "int"}],
        },
    )
    glue.create_table(
        DatabaseName="told",
        TableInput={
            "Name": "odd",
            "StorageDescriptor": {"Columns": [{"Name": "a", "Type": "uniontype<int>"}]},
        },
    )
    return double


@pytest.fixture
def catalog(aws: AthenaDouble) -> Iterator[AthenaCatalog]:
    properties = {
        "client.region": aws.region,
        "glue.endpoint": aws.endpoint,
        "s3.endpoint": aws.endpoint,
    }
    with closing(AthenaCatalog("lake", properties, refresh_seconds=0.0)) as opened:
        yield opened


def table(catalog: AthenaCatalog, name: str) -> Table:
    found = catalog.table(TableName("lake", "told", name))
    assert found is not None
    return found


def test_all_kinds_of_tables_are_listed(catalog: AthenaCatalog) -> None:
    assert "told" in catalog.schemas()
    names = [name.table for name in catalog.tables("TOLD")]
    assert names == ["made", "odd", "seen", "split", "stored"]
    assert catalog.tables("nothing") == ()
    assert catalog.table(TableName("lake", "told", "nothing")) is None
    assert catalog.health().state is State.AVAILABLE


def test_an_iceberg_table_is_for_both_engines(catalog: AthenaCatalog) -> None:
    found = table(catalog, "stored")
    assert found.engine is None
    assert found.snapshot is not None
    assert found.columns[0].field_id is not None
    assert found.athena == AthenaPlace("AwsDataCatalog", "told", "stored")
    assert table(catalog, "stored") is found
    pinned = catalog.table(found.name, found.snapshot)
    assert pinned is not None
    assert pinned.athena == found.athena
    assert found.snapshot.snapshot_id is not None
    assert catalog.snapshot_made(found.name, found.snapshot.snapshot_id) is not None


def test_other_tables_are_athenas_alone_with_all_that_is_told_of_them(
    catalog: AthenaCatalog,
) -> None:
    found = table(catalog, "made")
    assert (found.engine, found.snapshot, found.kind) == ("athena", None, "TABLE")
    assert (found.owner, found.description, found.tags) == ("ann", "By hand.", {"crm"})
    assert [column.name for column in found.columns] == ["code", "who", "mail", "year"]
    assert found.properties["partition-keys"] == "year"
    code, who, mail, _ = found.columns
    assert (code.doc, code.tags) == ("Its code.", {"secret"})
    assert mail.tags == {"pii.email"}
    assert who.children[0].children[0].tags == {"pii"}
    assert catalog.snapshot_named(found.name, "main") is None
    assert table(catalog, "made") is found


def test_partition_keys_and_views_are_columns_and_tables(catalog: AthenaCatalog) -> None:
    assert [column.name for column in table(catalog, "split").columns] == ["id", "day"]
    view = table(catalog, "seen")
    assert (view.kind, view.engine) == ("VIEW", "athena")
    assert view.arrow_schema == pa.schema([("id", pa.int64())])


def test_a_table_of_an_unknown_type_is_refused_alone(catalog: AthenaCatalog) -> None:
    with pytest.raises(UnsupportedTable):
        table(catalog, "odd")
    assert table(catalog, "made").name.table == "made"


def test_a_service_that_does_not_answer_is_told_soon_and_without_detail(
    aws: AthenaDouble,
) -> None:
    properties = {"client.region": aws.region, "glue.endpoint": "http://127.0.0.1:1"}
    reader = AthenaCatalog("lake", properties, refresh_seconds=0.0, timeout_seconds=1.0)
    began = time.monotonic()
    with pytest.raises(CatalogUnavailable) as caught:
        reader.schemas()
    assert str(caught.value) == "Catalog lake cannot be reached now"
    assert time.monotonic() - began < 10
    assert reader.health().state is State.UNAVAILABLE
