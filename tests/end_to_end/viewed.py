"""A lake with views, served by REST, and a service over it; `mart` has views with a definer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.schema import Schema
from pyiceberg.types import IcebergType, LongType, NestedField, StringType

from auth.principal import Principal
from catalog.iceberg import IcebergCatalog
from catalog.registry import Registry
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.settings import DuckDBSettings
from flight_server.query.resolve import Defaults
from flight_server.query.seal import Sealer, SealKey
from flight_server.query.service import QueryService
from tests.catalog.rest_server import RestCatalogServer, rest_catalog
from tests.end_to_end.governed import KEYS, Lake

ORDERS = pa.table(
    {
        "id": pa.array([1, 2, 3, 4], pa.int64()),
        "region": ["eu", "us", "eu", None],
        "ssn": ["s1", "s2", "s3", "s4"],
        "pay": pa.array([10, 20, 30, 40], pa.int64()),
    }
)
SECRETS = pa.table({"id": pa.array([1, 2], pa.int64()), "v": ["canary-1", "canary-2"]})
DEFINER = Principal("etl", frozenset({"owners"}), {"sub": "etl"})


def shape(**columns: IcebergType) -> Schema:
    """The schema of a view, with columns of these names and types."""
    fields = (NestedField(n, name, kind) for n, (name, kind) in enumerate(columns.items(), 1))
    return Schema(*fields)


ID, ID_REGION = shape(id=LongType()), shape(id=LongType(), region=StringType())


@dataclass
class Viewed:
    """The service, and the servers of the catalogs: `lake` with readers' rights, and `mart`."""

    service: Lake
    lake: RestCatalogServer
    mart: RestCatalogServer

    def rows(self, who: Any, text: str) -> list[tuple[Any, ...]]:
        self.forget()
        return self.service.rows(who, text)

    def forget(self) -> None:
        """Have the catalogs asked anew, which is quicker than to have them remember nothing."""
        known = self.service.registry._catalogs
        known |= {"lake": _catalog("lake", self.lake), "mart": _catalog("mart", self.mart)}


def _catalog(name: str, server: RestCatalogServer) -> IcebergCatalog:
    return IcebergCatalog(name, server.properties, refresh_seconds=600.0)


@contextmanager
def viewed(directory: Path) -> Iterator[Viewed]:
    """Tables `desk.orders`, `hidden.secrets` and `mart.public.orders`, and the views of a test."""
    with ExitStack() as held:
        servers: list[RestCatalogServer] = []
        catalogs: list[IcebergCatalog] = []
        for name, tables in (
            ("lake", {"desk.orders": ORDERS, "hidden.secrets": SECRETS}),
            ("mart", {"public.orders": ORDERS}),
        ):
            place = directory / name
            place.mkdir()
            source = held.enter_context(
                closing(
                    SqlCatalog(name, uri=f"sqlite:///{place}/c.db", warehouse=f"file://{place}")
                )
            )
            for table, rows in tables.items():
                source.create_namespace(table.split(".")[0])
                source.create_table(table, rows.schema).append(rows)
            server = held.enter_context(rest_catalog(source))
            server.config["defaults"] = {"view-endpoints-supported": "true"}
            servers.append(server)
            catalogs.append(_catalog(name, server))
        registry = Registry(catalogs)
        settings = DuckDBSettings(workers=3, spare=1, threads=1, spill_directory=directory)
        engine = DuckDBEngine(settings)
        held.callback(engine.close)
        lake = Lake(directory, source, registry, engine, None, [])
        lake.service = QueryService(
            registry,
            lake,
            engine,
            Sealer([SealKey(b"k" * 32)]),
            defaults=Defaults("lake", "desk"),
            mask_keys=KEYS,
            definers={"mart": DEFINER},
        )
        yield Viewed(lake, *servers)
