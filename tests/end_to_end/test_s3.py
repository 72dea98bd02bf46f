"""A lakehouse on S3, served: the same rights, and no trace of the storage for clients."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from adbc_driver_flightsql import dbapi
from pyiceberg.catalog.sql import SqlCatalog

from auth.passwords import hash_password
from tests.object_store import SECRET, ObjectStore, object_store
from tests.servers import Server, serving

ROWS = pa.table(
    {
        "id": pa.array(range(50_000), pa.int64()),
        "desk": ["north", "south"] * 25_000,
        "secret": ["canary"] * 50_000,
    }
)
POLICY = """\
version: 1
roles: {reader: {groups: [readers]}}
grants:
  - {to: reader, on: "lake.trade.**", allow: select}
  - {to: "*", on: lake.trade.orders.secret, deny: select}
  - {to: reader, on: "system.runtime.cache", allow: select}
row_filters:
  - {name: north, on: lake.trade.orders, to: reader, where: "desk = 'north'"}
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with pytest.MonkeyPatch.context() as patch:
        # the server does not know the checksums that the SDK adds to uploads
        patch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
        patch.setenv("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
        patch.setenv("LAKE_SECRET", SECRET)
        with object_store(tmp_path_factory.mktemp("store")) as running:
            yield running


@pytest.fixture(scope="module")
def server(store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("served")
    uri = f"sqlite:///{directory}/catalog.db"
    catalog = SqlCatalog("lake", uri=uri, **store.properties())
    catalog.create_namespace("trade")
    orders = catalog.create_table("trade.orders", schema=ROWS.schema)
    orders.append(ROWS.slice(0, 25_000))
    orders.append(ROWS.slice(25_000))
    catalog.engine.dispose()
    (directory / "policy.yaml").write_text(POLICY)
    users = {"ada": {"password": hash_password("correct horse"), "groups": ["readers"]}}
    (directory / "users.yaml").write_text(json.dumps({"version": 1, "users": users}))
    properties = store.properties() | {"s3.secret-access-key": "env:LAKE_SECRET"}
    settings = {
        "policy": {"file": "policy.yaml"},
        "auth": {"users": "users.yaml"},
        "engine": {"workers": 2, "spare": 1, "cache_directory": "copies"},
        "catalogs": {"lake": {"type": "sql", "uri": uri, **properties}},
    }
    (directory / "flight-server.yaml").write_text(json.dumps(settings))
    (directory / "credentials.json").write_text(json.dumps({"ada": {"password": "correct horse"}}))
    with serving(directory) as running:
        yield running


def test_rows_and_columns_are_those_of_the_policy(server: Server) -> None:
    with server.connect("ada") as connection, connection.cursor() as cursor:
        assert connection.adbc_get_table_schema("orders").names == ["id", "desk"]
        for _ in range(2):
            cursor.execute("SELECT * FROM trade.orders")
            table = cursor.fetch_arrow_table()
            assert table.column_names == ["id", "desk"]
            assert table.num_rows == 25_000
        cursor.execute("SELECT count(*), sum(id) FROM orders WHERE id < ?", (10,))
        assert cursor.fetchall() == [(5, 20)]
        cursor.execute("SELECT files, hits > 0, bytes = bytes_fetched FROM system.runtime.cache")
        assert cursor.fetchall() == [(2, True, True)]


def test_copies_are_private_and_credentials_stay_with_the_server(server: Server) -> None:
    with server.connect("ada") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM orders")
        assert cursor.fetchall() == [(25_000,)]
    (place,) = (server.directory / "copies").iterdir()
    assert place.stat().st_mode & 0o077 == 0
    copies = [path for path in place.iterdir() if not path.suffix and path.name != "lock"]
    assert len(copies) == 2
    for log in server.directory.glob("server-*.log"):
        assert SECRET not in log.read_text()


def test_a_storage_that_is_gone_is_told_without_its_name(
    server: Server, store: ObjectStore, tmp_path: Path
) -> None:
    data = next(iter((store.directory / "lake/trade").rglob("*.parquet"))).parent
    hidden = data.rename(data.with_name("elsewhere"))
    try:
        with serving(server.directory, "--set", f"engine.cache_directory={tmp_path}/c") as other:
            with other.connect("ada") as connection, connection.cursor() as cursor:
                with pytest.raises(dbapi.Error, match="DATA_MISSING") as caught:
                    cursor.execute("SELECT * FROM orders")
                    cursor.fetchall()
            for secret in ("s3", str(store.port), "parquet", SECRET, "lake/trade"):
                assert secret not in str(caught.value).replace("lake.trade", "")
    finally:
        hidden.rename(data)
