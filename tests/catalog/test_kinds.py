"""Every kind of catalog keeps the same contract, over the real services that can be had here."""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pyiceberg.catalog import load_catalog
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.catalog.sql import SqlCatalog

from catalog.errors import CatalogUnavailable
from catalog.health import State
from catalog.iceberg import IcebergCatalog
from catalog.iceberg_source import SOURCE_NAME
from flight_server.engines.duckdb.engine import DuckDBEngine
from tests.catalog import postgres
from tests.catalog.contract import ORDERS, ROWS, Contract, Place, started
from tests.catalog.hive_server import metastore
from tests.catalog.rest_server import CLIENT, rest_catalog
from tests.waiting import within


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBEngine]:
    with closing(started(tmp_path_factory.mktemp("engine"))) as running:
        yield running


def _sqlite(directory: Path) -> dict[str, str]:
    return {
        "type": "sql",
        "uri": f"sqlite:///{directory}/catalog.db",
        "warehouse": f"file://{directory}/warehouse",
    }


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("psycopg is not installed")
    if postgres.PROGRAMS is None:
        pytest.skip("PostgreSQL is not installed")
    with postgres.cluster() as uri:
        yield uri


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    pytest.importorskip("boto3", reason="boto3 is not installed")
    server = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    running = server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


class TestSqlite(Contract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Iterator[Place]:
        properties = _sqlite(tmp_path)
        writer = load_catalog("lake", **properties)
        with closing(Place(writer, properties)) as place:
            yield place


class TestPostgres(Contract):
    @pytest.fixture
    def place(self, cluster: str, tmp_path: Path) -> Iterator[Place]:
        properties = {
            "type": "sql",
            "uri": postgres.database(cluster, tmp_path.name),
            "warehouse": f"file://{tmp_path}/warehouse",
        }
        writer = load_catalog("lake", **properties)
        with closing(Place(writer, properties)) as place:
            yield place


class TestRest(Contract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Iterator[Place]:
        source = SqlCatalog("lake", **_sqlite(tmp_path))
        with rest_catalog(source) as server:
            server.token = "t0ken"
            properties = server.properties | {"credential": CLIENT}
            warehouse = f"file://{tmp_path}/warehouse"
            writer = RestCatalog("lake", **properties, warehouse=warehouse)
            with closing(Place(writer, properties)) as place:
                yield place
        source.close()


class TestGlue(Contract):
    @pytest.fixture
    def place(self, endpoint: str, tmp_path: Path) -> Iterator[Place]:
        properties = {
            "type": "glue",
            "glue.endpoint": endpoint,
            "glue.region": "eu-central-1",
            "glue.access-key-id": "key",
            "glue.secret-access-key": "secret",
            "glue.id": f"{abs(hash(tmp_path)) % 10**12:012d}",
        }
        writer = load_catalog("lake", **properties, warehouse=f"file://{tmp_path}/warehouse")
        with closing(Place(writer, properties, plain=True, nested=False)) as place:
            yield place
        for namespace in writer.list_namespaces():
            for table in writer.list_tables(namespace):
                writer.drop_table(table)
            writer.drop_namespace(namespace)


class TestHive(Contract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Iterator[Place]:
        pytest.importorskip("thrift", reason="thrift is not installed")
        with (
            closing(SqlCatalog("lake", **_sqlite(tmp_path))) as writer,
            metastore(writer) as uri,
            closing(Place(writer, {"type": "hive", "uri": uri}, plain=True, nested=False)) as place,
        ):
            yield place


@pytest.mark.parametrize(
    "properties",
    [
        {"type": "sql", "uri": "postgresql+psycopg://lake:s3cret@127.0.0.1:1/lake"},
        {"type": "rest", "uri": "http://127.0.0.1:1", "token": "s3cret"},
        {
            "type": "glue",
            "glue.endpoint": "http://127.0.0.1:1",
            "glue.region": "eu-central-1",
            "glue.access-key-id": "key",
            "glue.secret-access-key": "s3cret",
        },
        {"type": "hive", "uri": "thrift://127.0.0.1:1"},
    ],
    ids=lambda properties: properties["type"],
)
def test_a_place_where_nothing_answers_is_told_soon_and_without_detail(
    properties: dict[str, str],
) -> None:
    needed = {"sql": "psycopg", "glue": "boto3", "hive": "thrift"}.get(properties["type"])
    if needed is not None:
        pytest.importorskip(needed, reason=f"{needed} is not installed")
    reader = IcebergCatalog("lake", properties, refresh_seconds=0.0, timeout_seconds=1.0)
    with within(10), pytest.raises(CatalogUnavailable) as caught:
        reader.schemas()
    assert str(caught.value) == "Catalog lake cannot be reached now"
    assert reader.health().state is State.UNAVAILABLE
    with pytest.raises(CatalogUnavailable):
        reader.schemas()
    reader.close()


@pytest.mark.parametrize("kind", ["rest", "glue", "hive"])
def test_a_place_that_says_nothing_is_not_waited_for_long(kind: str) -> None:
    needed = {"glue": "boto3", "hive": "thrift"}.get(kind)
    if needed is not None:
        pytest.importorskip(needed, reason=f"{needed} is not installed")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        place = f"http://127.0.0.1:{port}"
        properties = {
            "rest": {"uri": place},
            "hive": {"uri": f"thrift://127.0.0.1:{port}"},
            "glue": {
                "glue.endpoint": place,
                "glue.region": "eu-central-1",
                "glue.access-key-id": "key",
                "glue.secret-access-key": "secret",
            },
        }[kind] | {"type": kind}
        reader = IcebergCatalog("lake", properties, refresh_seconds=0.0, timeout_seconds=0.5)
        with within(6), pytest.raises(CatalogUnavailable):
            reader.schemas()
        reader.close()


def test_a_catalog_is_served_under_another_name_than_its_rows_have(tmp_path: Path) -> None:
    with closing(SqlCatalog("prod", **_sqlite(tmp_path))) as writer:
        writer.create_namespace("sales")
        writer.create_table("sales.orders", ROWS.schema)
    properties = _sqlite(tmp_path) | {SOURCE_NAME: "prod"}
    with closing(IcebergCatalog("lake", properties, refresh_seconds=0.0)) as reader:
        assert reader.tables("sales") == (ORDERS,)
        assert reader.table(ORDERS) is not None
