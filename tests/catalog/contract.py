"""What every kind of catalog must do, written once: each kind's tests say how one is reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog import Catalog as Writer

from auth.policy_file import parse_policy
from auth.principal import Principal
from catalog.iceberg import IcebergCatalog
from catalog.names import TableName
from catalog.registry import Registry
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.settings import DuckDBSettings
from flight_server.query.caller import Caller
from flight_server.query.resolve import Defaults
from flight_server.query.seal import Sealer, SealKey
from flight_server.query.service import QueryService
from tests.end_to_end.governed import Lake

ROWS = pa.table({"id": pa.array([1, 2, 3], pa.int64()), "desk": ["north", "south", None]})
ORDERS = TableName("lake", "sales", "orders")
EVERYTHING = """
version: 1
roles: {reader: {groups: [readers]}}
grants:
  - {to: reader, on: "**", allow: select}
"""
READER = Caller(Principal("ada", frozenset({"readers"}), {}), "request")


@dataclass
class Place:
    """A catalog that can be written, and how a reader reaches it; `plain` names alone fit in it."""

    writer: Writer
    properties: dict[str, str]
    plain: bool = False
    nested: bool = True
    readers: list[IcebergCatalog] = field(default_factory=list)

    def reader(self, name: str = "lake", **options: float) -> IcebergCatalog:
        made = IcebergCatalog(name, self.properties, **({"refresh_seconds": 0.0} | options))
        self.readers.append(made)
        return made

    def close(self) -> None:
        for reader in self.readers:
            reader.close()
        self.writer.close()


class Contract:
    """The tests; a fixture `place` gives an empty `Place`, and `engine` an engine."""

    def test_tables_are_listed_and_read(self, place: Place, engine: DuckDBEngine) -> None:
        place.writer.create_namespace("sales")
        table = place.writer.create_table(
            "sales.orders", ROWS.schema, properties={"flight.tags.desk": "pii"}
        )
        table.append(ROWS)
        reader = place.reader()
        assert reader.schemas() == ["sales"]
        assert reader.tables("sales") == (ORDERS,)
        found = reader.table(ORDERS)
        assert found is not None
        assert [column.name for column in found.columns] == ["id", "desk"]
        assert found.columns[1].tags == {"pii"}
        assert rows(reader, engine, "SELECT * FROM lake.sales.orders ORDER BY id") == [
            (1, "north"), (2, "south"), (3, None),
        ]  # fmt: skip

    def test_what_a_writer_does_is_seen_after_the_refresh(
        self, place: Place, engine: DuckDBEngine
    ) -> None:
        place.writer.create_namespace("sales")
        table = place.writer.create_table("sales.orders", ROWS.schema)
        reader, patient = place.reader(), place.reader(refresh_seconds=60)
        before = patient.table(ORDERS)
        assert before is not None
        assert before.snapshot is not None
        assert reader.table(ORDERS) == before
        table.append(ROWS)
        after = reader.table(ORDERS)
        assert after is not None
        assert after.snapshot != before.snapshot
        assert reader.table(ORDERS) is after
        assert patient.table(ORDERS) is before
        pinned = reader.table(ORDERS, before.snapshot)
        assert pinned is not None
        assert pinned.snapshot == before.snapshot
        assert rows(reader, engine, "SELECT count(*) FROM lake.sales.orders") == [(3,)]

    def test_what_was_dropped_is_gone(self, place: Place) -> None:
        place.writer.create_namespace("sales")
        place.writer.create_table("sales.orders", ROWS.schema)
        reader = place.reader()
        assert reader.table(ORDERS) is not None
        place.writer.drop_table("sales.orders")
        assert reader.tables("sales") == ()
        assert reader.table(ORDERS) is None
        place.writer.drop_namespace("sales")
        assert reader.schemas() == []
        assert reader.tables("sales") == ()
        assert reader.table(ORDERS) is None

    def test_names_are_kept_whatever_is_in_them(self, place: Place, engine: DuckDBEngine) -> None:
        space, name = ("raw_data", "day_1") if place.plain else ("Größe 1", "日 of.day/ü%\"'")
        place.writer.create_namespace((space,))
        location = f"{place.writer.properties['warehouse']}/odd"
        place.writer.create_table((space, name), ROWS.schema, location=location).append(ROWS)
        reader = place.reader()
        assert reader.schemas() == [space]
        assert reader.tables(space) == (TableName("lake", space, name),)
        quoted = '"{}"'.format(name.replace('"', '""'))
        assert rows(reader, engine, f'SELECT count(*) FROM lake."{space}".{quoted}') == [(3,)]

    def test_namespaces_within_namespaces_are_schemas(self, place: Place) -> None:
        if not place.nested:
            pytest.skip("this kind of catalog has one level of namespaces")
        for namespace in (("sales",), ("sales", "eu"), ("sales", "eu", "north")):
            place.writer.create_namespace(namespace)
        place.writer.create_table(("sales", "eu", "north", "orders"), ROWS.schema)
        reader = place.reader()
        assert reader.schemas() == ["sales", "sales.eu", "sales.eu.north"]
        assert reader.tables("sales.eu") == ()
        assert reader.table(TableName("lake", "sales.eu.north", "orders")) is not None


def rows(
    catalog: IcebergCatalog, engine: DuckDBEngine, text: str, policy: str = EVERYTHING
) -> list[Any]:
    """The rows of a statement over one catalog, by the real service and engine."""
    lake = served(catalog, engine, policy)
    try:
        return lake.rows(READER, text)
    finally:
        catalog.close()


def served(catalog: IcebergCatalog, engine: DuckDBEngine, policy: str = EVERYTHING) -> Lake:
    """A service over one catalog."""
    parsed = parse_policy(policy)

    class Policies:
        def current(self) -> Any:
            return parsed

    sealer = Sealer([SealKey(b"k" * 32)])
    registry = Registry([catalog])
    service = QueryService(registry, Policies(), engine, sealer, defaults=Defaults(None, None))
    return Lake(Path(), None, registry, engine, service)


def started(directory: Path) -> DuckDBEngine:
    """An engine for tests."""
    return DuckDBEngine(
        DuckDBSettings(
            workers=2, spare=1, threads=1, spill_directory=directory, cache_directory=directory
        )
    )
