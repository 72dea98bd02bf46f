"""Files on S3 are read with what a REST catalog lends for the table, and with nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from catalog.errors import CatalogError
from catalog.iceberg import IcebergCatalog
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.errors import StorageFailed
from tests.catalog.contract import READER, served, started
from tests.catalog.rest_server import RestCatalogServer, rest_catalog
from tests.object_store import object_store

COUNT = "SELECT count(*) FROM lake.sales.orders"


@dataclass(frozen=True)
class Lending:
    """A REST catalog over S3, an engine, and what opens the files."""

    server: RestCatalogServer
    engine: DuckDBEngine
    options: dict[str, str]

    def lend(self, **others: str) -> None:
        lent = {"prefix": "s3://lake/", "config": self.options | others}
        for name in ("orders", "unread"):
            self.server.tables[f"sales.{name}"] = {"storage-credentials": [lent]}

    def rows(self, text: str = COUNT) -> list[Any]:
        with closing(IcebergCatalog("lake", self.server.properties, refresh_seconds=0.0)) as lake:
            return served(lake, self.engine).rows(READER, text)


@pytest.fixture(scope="module")
def lending(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lending]:
    place = tmp_path_factory.mktemp("lent")
    with pytest.MonkeyPatch.context() as patch:
        # the server does not know the checksums that the SDK adds to uploads
        patch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
        patch.setenv("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        with object_store(place / "store") as store:
            properties = store.properties()
            source = SqlCatalog("lake", uri=f"sqlite:///{place}/catalog.db", **properties)
            source.create_namespace("sales")
            rows = pa.table({"id": pa.array(range(1000), pa.int64())})
            for name in ("orders", "unread"):  # what was fetched once is kept
                source.create_table(f"sales.{name}", rows.schema).append(rows)
            options = {key: value for key, value in properties.items() if key != "warehouse"}
            with (
                closing(started(place)) as engine,
                closing(source),
                rest_catalog(source) as server,
            ):
                yield Lending(server, engine, options)


def test_what_is_lent_opens_the_files(lending: Lending) -> None:
    lending.lend(**{"s3.session-token-expires-at-ms": str(int(time.time() * 1000) + 3_600_000)})
    assert lending.rows() == [(1000,)]


def test_with_something_wrong_nothing_is_read(lending: Lending) -> None:
    lending.lend(**{"s3.secret-access-key": "wr0ng"})
    with pytest.raises((StorageFailed, CatalogError)) as caught:
        lending.rows("SELECT sum(id) FROM lake.sales.unread")
    assert "wr0ng" not in str(caught.value)
