"""The same tables in local files and on S3, and an engine that reads them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from catalog.iceberg import IcebergCatalog
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.settings import MIB, DuckDBSettings
from tests.iceberg import fixtures
from tests.object_store import BUCKET, ObjectStore, object_store

SPACE = "s"


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBEngine]:
    directory = tmp_path_factory.mktemp("engine")
    settings = DuckDBSettings(
        workers=2,
        spare=1,
        planners=1,
        threads=2,
        memory_limit=512 * MIB,
        spill_limit=1024 * MIB,
        spill_directory=directory,
        cache_directory=directory / "cache",
    )
    with closing(DuckDBEngine(settings)) as started:
        yield started


@pytest.fixture(scope="session")
def local() -> Iterator[IcebergCatalog]:
    """All tables in local files."""
    parent = tempfile.mkdtemp(prefix="fs-", dir="/tmp")  # the length of its name matters
    try:
        location = fixtures.place(parent)
        with _served(location, Path(location), {}, Path(parent)) as catalog:
            yield catalog
    finally:
        shutil.rmtree(parent)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with pytest.MonkeyPatch.context() as patch:
        # the server does not know the checksums that the SDK adds to uploads
        patch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
        patch.setenv("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
        with object_store(tmp_path_factory.mktemp("store")) as running:
            yield running


@pytest.fixture(scope="session")
def remote(
    store: ObjectStore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[IcebergCatalog]:
    """The same tables on S3."""
    location = fixtures.place(BUCKET, "s3://")
    folder = store.object(location)
    properties = store.properties()
    with _served(location, folder, properties, tmp_path_factory.mktemp("remote")) as catalog:
        yield catalog


@contextmanager
def _served(
    location: str, folder: Path, properties: Mapping[str, str], scratch: Path
) -> Iterator[IcebergCatalog]:
    """A catalog of all tables, unpacked to a folder that is seen as a location."""
    uri = f"sqlite:///{scratch}/catalog.db"
    written = SqlCatalog("lake", uri=uri, **{"warehouse": location, **properties})
    written.create_namespace(SPACE)
    for name in fixtures.cases():
        metadata = fixtures.unpack(name, location, folder)
        # what a catalog knows of a table is where its metadata is: no writer has to read it
        _register(written, name, metadata)
    written.engine.dispose()
    served = IcebergCatalog(
        "lake", {"type": "sql", "uri": uri, **properties}, refresh_seconds=600.0
    )
    with closing(served):
        yield served


def _register(catalog: SqlCatalog, name: str, metadata: str) -> None:
    with catalog.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO iceberg_tables (catalog_name, table_namespace, table_name,"
            " metadata_location, iceberg_type) VALUES (?, ?, ?, ?, 'TABLE')",
            (catalog.name, SPACE, name, metadata),
        )
