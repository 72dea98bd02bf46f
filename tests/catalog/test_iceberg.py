"""What an Iceberg catalog tells of its tables, and how it fails."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.schema import Schema
from pyiceberg.types import (
    BinaryType,
    DateType,
    DecimalType,
    FixedType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from catalog.errors import CatalogUnavailable, UnsupportedTable
from catalog.iceberg import IcebergCatalog
from catalog.model import Snapshot, Table
from catalog.names import TableName

ORDERS = TableName("lake", "sales", "orders")
SIMPLE = Schema(
    NestedField(1, "id", LongType(), required=True, doc="Number."),
    NestedField(2, "mail", StringType()),
    identifier_field_ids=[1],
)
ROWS = pa.table(
    {"id": pa.array([1, 2]), "mail": ["a@x", "b@x"]},
    schema=pa.schema([pa.field("id", pa.int64(), False), pa.field("mail", pa.string())]),
)


def _table(reader: IcebergCatalog, name: TableName = ORDERS) -> Table:
    found = reader.table(name)
    assert found is not None
    return found


def test_a_table_carries_what_its_properties_say(lake):
    lake.source.create_table(
        ("sales", "orders"),
        SIMPLE,
        properties={
            "comment": "All orders.",
            "owner": "sales@example.com",
            "flight.tags": "gold, finance",
            "flight.tags.mail": "pii",
        },
    )
    table = _table(lake.reader())
    assert table.name == ORDERS
    assert (table.description, table.owner) == ("All orders.", "sales@example.com")
    assert table.tags == {"gold", "finance"}
    assert table.identifier == ("id",)
    assert table.location.endswith("/warehouse/sales/orders")
    number, mail = table.columns
    assert (number.name, number.type, number.nullable, number.field_id, number.doc) == (
        "id", pa.int64(), False, 1, "Number.",
    )  # fmt: skip
    assert (mail.tags, mail.nullable, mail.field_id) == ({"pii"}, True, 2)
    assert table.snapshot is not None
    assert table.snapshot.snapshot_id is None


def test_columns_have_the_types_that_duckdb_returns(lake):
    struct = StructType(
        NestedField(20, "street", StringType(), False),
        NestedField(21, "geo", StructType(NestedField(22, "lat", DecimalType(9, 6), False)), False),
    )
    lake.source.create_table(
        ("sales", "orders"),
        Schema(
            NestedField(1, "u", UUIDType()),
            NestedField(2, "f", FixedType(4)),
            NestedField(3, "b", BinaryType()),
            NestedField(4, "tz", TimestamptzType()),
            NestedField(5, "t", TimeType()),
            NestedField(6, "d", DateType()),
            NestedField(7, "l", ListType(30, IntegerType(), True)),
            NestedField(8, "m", MapType(31, StringType(), 32, LongType(), True)),
            NestedField(9, "s", struct),
        ),
        properties={"flight.tags.s.street": "pii"},
    )
    columns = _table(lake.reader()).columns
    assert [column.type for column in columns[:6]] == [
        pa.string(), pa.binary(), pa.binary(), pa.timestamp("us", tz="UTC"), pa.time64("us"),
        pa.date32(),
    ]  # fmt: skip
    by_name = {column.name: column for column in columns}
    assert by_name["l"].type == pa.list_(pa.field("l", pa.int32()))
    assert by_name["m"].type == pa.map_(pa.string(), pa.int64())
    place = pa.struct([("lat", pa.decimal128(9, 6))])
    assert by_name["s"].type == pa.struct([("street", pa.string()), ("geo", place)])
    street, geo = by_name["s"].children
    assert (street.name, street.tags, by_name["s"].tags) == ("street", {"pii"}, set())
    assert [child.name for child in geo.children] == ["lat"]


def test_a_renamed_column_keeps_its_tags_and_a_new_one_of_that_name_gets_them(lake):
    table = lake.source.create_table(
        ("sales", "orders"), SIMPLE, properties={"flight.tags.mail": "pii"}
    )
    with table.update_schema() as change:
        change.rename_column("mail", "contact")
    with table.update_schema() as change:
        change.add_column("MAIL", StringType())
    columns = {column.name: column for column in _table(lake.reader()).columns}
    assert columns["contact"].tags == {"pii"}
    assert columns["MAIL"].tags == {"pii"}


def test_a_pinned_snapshot_is_read_with_its_own_schema_and_without_the_catalog(lake):
    table = lake.source.create_table(
        ("sales", "orders"), SIMPLE, properties={"flight.tags.contact": "pii"}
    )
    table.append(ROWS)
    first = table.current_snapshot().snapshot_id
    with table.update_schema() as change:
        change.rename_column("mail", "contact")
    table.append(ROWS.rename_columns(["id", "contact"]))
    current = _table(lake.reader())
    assert [column.name for column in current.columns] == ["id", "contact"]
    lake.source.drop_table(("sales", "orders"))
    (lake.directory / "catalog.db").rename(lake.directory / "gone.db")

    away = lake.reader()
    pinned = away.table(ORDERS, Snapshot(current.snapshot.metadata_location, first))
    assert [column.name for column in pinned.columns] == ["id", "mail"]
    assert pinned.columns[1].tags == {"pii"}
    assert pinned.snapshot.snapshot_id == first
    assert away.table(ORDERS, current.snapshot).columns == current.columns
    assert away.table(ORDERS, Snapshot(current.snapshot.metadata_location, 42)) is None


def test_an_unchanged_table_stays_the_same_object_and_a_changed_one_is_seen(lake):
    written = lake.source.create_table(("sales", "orders"), SIMPLE)
    reader = lake.reader()
    before = _table(reader)
    assert _table(reader) is before
    written.append(ROWS)
    after = _table(reader)
    assert after.snapshot.snapshot_id == written.current_snapshot().snapshot_id
    assert after is not before
    lake.source.drop_table(("sales", "orders"))
    assert reader.table(ORDERS) is None


def test_what_the_catalog_said_is_believed_for_the_refresh_time(lake):
    reader = lake.reader(refresh_seconds=60)
    assert reader.tables("sales") == ()
    lake.source.create_table(("sales", "orders"), SIMPLE)
    assert reader.tables("sales") == ()
    assert lake.reader().tables("sales") == (ORDERS,)


def test_names_fold_ascii_only_and_prefer_the_exact_spelling(lake):
    for name in ("orders", "Items", "ITEMS", "Keys"):
        lake.source.create_table(("sales", name), SIMPLE)
    reader = lake.reader()
    assert _table(reader, TableName("lake", "SALES", "ORDERS")).name == ORDERS
    assert _table(reader, TableName("lake", "sales", "ITEMS")).name.table == "ITEMS"
    assert reader.table(TableName("lake", "sales", "items")) is None  # either of two
    assert reader.table(TableName("lake", "sales", "\u212aeys")) is None  # KELVIN SIGN
    assert reader.table(TableName("lake", "sales", "none")) is None
    assert reader.table(TableName("lake", "none", "orders")) is None
    assert reader.tables("none") == ()


def test_nested_namespaces_are_joined_with_dots(lake):
    lake.source.create_namespace(("sales", "eu"))
    lake.source.create_namespace(("sales", "eu", "north"))
    lake.source.create_table(("sales", "eu", "north", "orders"), SIMPLE)
    reader = lake.reader()
    assert reader.schemas() == ["sales", "sales.eu", "sales.eu.north"]
    assert _table(reader, TableName("lake", "sales.eu.north", "orders")).columns


def _rewrite(lake: Any, change: Any) -> None:
    table = lake.source.create_table(("sales", "orders"), SIMPLE)
    path = Path(table.metadata_location.removeprefix("file://"))
    path.write_bytes(change(path.read_bytes()))


def _with_type(kind: str) -> Any:
    def change(text: bytes) -> bytes:
        document = json.loads(text)
        document["schemas"][0]["fields"][1]["type"] = kind
        return json.dumps(document).encode()

    return change


@pytest.mark.parametrize(
    "change",
    [
        _with_type("variant"),
        _with_type("unknown"),
        _with_type("geometry"),
        _with_type("no such type"),
        lambda text: text.replace(b'"name":"mail"', b'"name":"ID"'),
        lambda text: text.replace(b'"format-version":2', b'"format-version":9'),
        lambda text: text[: len(text) // 2],
        lambda _text: b"",
        lambda _text: b"[]",
        lambda _text: b"{}",
        lambda _text: b"null",
        lambda _text: b"\xff\xfe",
    ],
    ids=["variant", "unknown", "geometry", "nonsense", "alike", "version", "cut", "empty", "list",
         "object", "null", "bytes"],
)  # fmt: skip
def test_one_table_that_cannot_be_read_spoils_nothing_but_itself(lake, change):
    _rewrite(lake, change)
    lake.source.create_table(("sales", "good"), SIMPLE)
    reader = lake.reader()
    assert [name.table for name in reader.tables("sales")] == ["good", "orders"]
    assert _table(reader, TableName("lake", "sales", "good")).columns
    with pytest.raises(UnsupportedTable) as failure:
        reader.table(ORDERS)
    assert str(lake.directory) not in str(failure.value)


def test_a_table_without_its_metadata_file_is_unsupported_rather_than_a_lost_catalog(lake):
    table = lake.source.create_table(("sales", "orders"), SIMPLE)
    Path(table.metadata_location.removeprefix("file://")).unlink()
    with pytest.raises(UnsupportedTable) as failure:
        lake.reader().table(ORDERS)
    assert str(lake.directory) not in str(failure.value)


@pytest.mark.parametrize(
    "properties",
    [
        {"type": "sql", "uri": "sqlite:////nowhere/at/all/catalog.db"},
        {"type": "sql", "uri": "postgresql+psycopg2://ann:hunter2@127.0.0.1:1/db"},
        {"type": "rest", "uri": "http://127.0.0.1:1/", "token": "hunter2"},
        {"type": "sql"},
        {"type": "nonsense"},
        {"type": "hive", "uri": "thrift://127.0.0.1:1"},
        {},
    ],
    ids=["no-file", "no-driver", "no-server", "no-uri", "no-such-type", "no-extra", "nothing"],
)
def test_a_catalog_that_cannot_be_opened_says_so_without_detail(properties):
    reader = IcebergCatalog("lake", properties, refresh_seconds=0)
    for question in (reader.connect, reader.schemas, lambda: reader.table(ORDERS)):
        with pytest.raises(CatalogUnavailable) as failure:
            question()
            reader.schemas()
        text = str(failure.value)
        assert "lake" in text
        assert "hunter2" not in text
        assert "127.0.0.1" not in text
        assert "nowhere" not in text


def test_a_read_only_server_makes_no_tables_in_an_empty_database(tmp_path):
    reader = IcebergCatalog(
        "lake", {"type": "sql", "uri": f"sqlite:///{tmp_path}/empty.db"}, refresh_seconds=0
    )
    with pytest.raises(CatalogUnavailable):
        reader.schemas()
    assert (tmp_path / "empty.db").stat().st_size == 0


def test_credentials_reach_the_storage_options_and_nothing_that_is_printed(lake):
    lake.source.create_table(("sales", "orders"), SIMPLE)
    secret = {"s3.secret-access-key": "hunter2", "s3.endpoint": "http://store", "token": "hunter3"}
    reader = IcebergCatalog("lake", lake.properties | secret, refresh_seconds=0)
    table = _table(reader)
    assert table.storage == {"s3.secret-access-key": "hunter2", "s3.endpoint": "http://store"}
    assert "hunter" not in repr(table) + repr(reader)


def test_a_table_cannot_redirect_its_storage(lake):
    lake.source.create_table(
        ("sales", "orders"), SIMPLE, properties={"s3.endpoint": "http://evil", "s3.region": "evil"}
    )
    own = {"s3.endpoint": "http://store", "s3.access-key-id": "a"}
    reader = IcebergCatalog("lake", lake.properties | own, refresh_seconds=0)
    table = _table(reader)
    assert table.storage == own
    assert reader.table(ORDERS, Snapshot(table.snapshot.metadata_location, None)).storage == own


class Planted:
    """Stands for code that a table's properties name."""

    def __init__(self, _properties: dict[str, str]) -> None:
        os.environ["PLANTED"] = "1"


def test_a_table_cannot_make_the_server_load_code(lake, monkeypatch):
    monkeypatch.delenv("PLANTED", raising=False)
    table = lake.source.create_table(("sales", "orders"), SIMPLE)
    path = Path(table.metadata_location.removeprefix("file://"))
    document = json.loads(path.read_text())
    document["properties"]["py-io-impl"] = f"{Planted.__module__}.Planted"
    path.write_text(json.dumps(document))
    reader = lake.reader()
    found = _table(reader)
    assert lake.reader().table(ORDERS, found.snapshot) is not None
    assert "PLANTED" not in os.environ


def test_many_threads_get_one_answer(lake):
    for number in range(5):
        lake.source.create_table(("sales", f"t{number}"), SIMPLE)
    reader = lake.reader(refresh_seconds=60)
    seen: list[Table] = []

    def ask() -> None:
        seen.extend(_table(reader, name) for name in reader.tables("sales"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 40
    assert len({id(table) for table in seen}) == 5


def test_a_closed_catalog_opens_again(lake):
    lake.source.create_table(("sales", "orders"), SIMPLE)
    reader = lake.reader()
    assert _table(reader)
    reader.close()
    assert _table(reader)
    assert isinstance(lake.source, SqlCatalog)
