"""REST catalogs: what they lend, what they demand, and how they fail; and that others go on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from catalog.errors import CatalogUnavailable, UnsupportedTable
from catalog.health import State
from catalog.iceberg import IcebergCatalog
from catalog.memory import MemoryCatalog
from catalog.model import Column, Table
from catalog.names import SchemaName, TableName
from catalog.registry import Registry
from tests.catalog.rest_server import CLIENT, RestCatalogServer, rest_catalog
from tests.waiting import within

ROWS = pa.table({"id": pa.array([1, 2, 3], pa.int64()), "desk": ["north", "south", None]})
ORDERS = TableName("lake", "sales", "orders")
BAD = TableName("lake", "sales", "bad")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RestCatalogServer]:
    source = SqlCatalog(
        "lake", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=f"file://{tmp_path}/warehouse"
    )
    source.create_namespace("sales")
    for name in ("orders", "bad"):
        source.create_table(f"sales.{name}", ROWS.schema).append(ROWS)
    with rest_catalog(source) as running, closing(source):
        yield running


def _reader(server: RestCatalogServer, **options: Any) -> IcebergCatalog:
    given = {"refresh_seconds": 0.0, "rest_seconds": 0.2, "timeout_seconds": 1.0} | options
    return IcebergCatalog("lake", server.properties | given.pop("properties", {}), **given)


def _table(reader: IcebergCatalog, name: TableName = ORDERS) -> Table:
    found = reader.table(name)
    assert found is not None
    return found


@pytest.mark.parametrize("fault", ["500", "503", "401", "403", "slow", "cut", "garbage"])
@pytest.mark.parametrize("opened", [False, True])
def test_a_catalog_that_fails_says_so_soon_and_without_detail(
    server: RestCatalogServer, fault: str, opened: bool
) -> None:
    reader = _reader(server)
    if opened:
        assert reader.schemas() == ["sales"]
    server.fault = fault
    with within(5), pytest.raises(CatalogUnavailable) as caught:
        reader.schemas()
    assert "s3cret" not in str(caught.value)
    assert str(server.port) not in str(caught.value)


def test_a_catalog_that_failed_is_left_alone_and_then_asked_again(
    server: RestCatalogServer,
) -> None:
    reader = _reader(server, rest_seconds=1.0)
    assert reader.health().state is State.UNASKED
    assert reader.schemas() == ["sales"]
    assert reader.tables("sales") == (BAD, ORDERS)
    well = reader.health()
    assert (well.state, well.kind, well.tables, well.error) == (State.AVAILABLE, "rest", 2, None)
    server.fault = "503"
    for _ in range(20):
        with pytest.raises(CatalogUnavailable):
            reader.schemas()
    failed = len(server.asked)
    ill = reader.health()
    assert (ill.state, ill.error) == (State.UNAVAILABLE, "ServiceUnavailableError")
    assert ill.last_success == well.last_success
    server.fault = ""
    with pytest.raises(CatalogUnavailable):
        reader.schemas()
    assert len(server.asked) == failed
    time.sleep(1.1)  # its rest is over
    assert reader.schemas() == ["sales"]
    assert reader.health().state is State.AVAILABLE


def test_the_other_catalogs_go_on(server: RestCatalogServer) -> None:
    name = TableName("other", "s", "t")
    other = MemoryCatalog("other", [Table(name, (Column("a", pa.int64()),))])
    registry = Registry([_reader(server, rest_seconds=60.0), other])
    server.fault = "slow"
    asked = []
    for _ in range(2):  # the first waits for the timeout, later ones do not ask
        assert registry.schemas() == [SchemaName("other", "s")]
        assert registry.table(name) is not None
        asked.append(len(server.asked))
    assert asked[0] == asked[1] > 0
    (health,) = registry.health()
    assert (health.name, health.state) == ("lake", State.UNAVAILABLE)


@pytest.mark.parametrize("fault", ["500", "403", "garbage"])
def test_one_table_that_fails_spoils_nothing_but_itself(
    server: RestCatalogServer, fault: str
) -> None:
    reader = _reader(server, rest_seconds=60.0)
    server.fault, server.broken = fault, "/bad"
    with pytest.raises((CatalogUnavailable, UnsupportedTable)):
        reader.table(BAD)
    assert _table(reader).columns
    assert reader.health().state is State.AVAILABLE


def test_a_token_that_ended_is_fetched_anew(server: RestCatalogServer) -> None:
    server.token = "first"
    reader = _reader(server, properties={"credential": CLIENT})
    assert _table(reader).columns
    server.token = "second"
    assert _table(reader).columns
    assert reader.schemas() == ["sales"]


def test_wrong_credentials_are_not_told(server: RestCatalogServer) -> None:
    server.token = "first"
    with pytest.raises(CatalogUnavailable) as caught:
        _reader(server, properties={"credential": "server:wr0ng"}).schemas()
    assert "wr0ng" not in str(caught.value)


def test_the_credentials_with_the_longest_prefix_of_the_table_are_taken(
    server: RestCatalogServer,
) -> None:
    location = _table(_reader(server)).location

    def lent(prefix: str, key: str) -> dict[str, Any]:
        return {"prefix": prefix, "config": {"s3.access-key-id": key}}

    server.tables["sales.orders"] = {
        "config": {"s3.access-key-id": "plain", "s3.region": "x", "py-io-impl": "evil.IO"},
        "storage-credentials": [
            lent("file://", "short"),
            lent(location, "long"),
            lent(location + "/metadata/00", "too long"),
            lent("s3://elsewhere", "other"),
        ],
    }
    table = _table(_reader(server))
    assert dict(table.storage) == {"s3.access-key-id": "long", "s3.region": "x"}
    assert "long" not in repr(table)
    server.tables["sales.orders"]["storage-credentials"] = []
    assert _table(_reader(server)).storage["s3.access-key-id"] == "plain"


def test_a_table_cannot_redirect_its_storage_and_the_service_can(
    server: RestCatalogServer,
) -> None:
    with server.source.load_table("sales.orders").transaction() as change:
        change.set_properties({"s3.endpoint": "http://evil"})
    server.config["defaults"] = {"s3.region": "from-the-service"}
    server.config["overrides"] = {"prefix": "main", "py-io-impl": "evil.IO"}
    assert dict(_table(_reader(server)).storage) == {"s3.region": "from-the-service"}


def test_credentials_are_fetched_anew_before_they_expire(server: RestCatalogServer) -> None:
    def lend(key: str, seconds: float) -> None:
        expires = str(int((time.time() + seconds) * 1000))
        config = {"s3.access-key-id": key, "s3.session-token-expires-at-ms": expires}
        server.tables["sales.orders"] = {"config": config}

    reader = _reader(server, refresh_seconds=3600.0)
    lend("first", 2)
    table = _table(reader)
    assert table.storage["s3.access-key-id"] == "first"
    assert table.snapshot is not None
    lend("second", 3600)
    assert _table(reader) is table
    time.sleep(1.1)  # half of the time is over
    assert _table(reader).storage["s3.access-key-id"] == "second"
    pinned = reader.table(ORDERS, table.snapshot)
    assert pinned is not None
    assert pinned.storage["s3.access-key-id"] == "second"
