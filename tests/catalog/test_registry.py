"""Catalogs by name, and what is left when one is down."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from catalog.errors import CatalogUnavailable
from catalog.model import Snapshot, Table
from catalog.names import SchemaName, TableName
from catalog.registry import RESERVED_NAMES, Registry


class Shelf:
    """A catalog with a schema `s` that holds a table `t`; broken where it is said so."""

    def __init__(self, name: str, *, broken: bool = False) -> None:
        self.name = name
        self.broken = broken

    def schemas(self) -> Sequence[str]:
        self._check()
        return ["s"]

    def tables(self, schema: str) -> Sequence[TableName]:
        self._check()
        return [TableName(self.name, "s", "t")] if schema == "s" else []

    def table(self, name: TableName, snapshot: Snapshot | None = None) -> Table | None:
        self._check()
        return Table(name, (), snapshot) if name in self.tables(name.schema) else None

    def snapshot_as_of(self, name: TableName, moment: datetime) -> Snapshot | None:
        self._check()
        return Snapshot(f"as of {moment.date()}", 1) if self.tables(name.schema) else None

    def _check(self) -> None:
        if self.broken:
            raise CatalogUnavailable(f"Catalog {self.name} cannot be reached now")


def test_catalogs_are_found_by_folded_name():
    registry = Registry([Shelf("b"), Shelf("A")])
    assert registry.names() == ["A", "b"]
    assert registry.catalog("a").name == "A"
    assert registry.catalog("c") is None
    assert registry.schemas() == [SchemaName("A", "s"), SchemaName("b", "s")]
    assert registry.schemas("B") == [SchemaName("b", "s")]
    assert registry.schemas("c") == []
    assert registry.tables(SchemaName("B", "s")) == [TableName("b", "s", "t")]
    assert registry.tables(SchemaName("c", "s")) == ()
    pinned = Snapshot("file:///m.json", 1)
    assert registry.table(TableName("B", "s", "t"), pinned).snapshot == pinned
    assert registry.table(TableName("c", "s", "t")) is None


def test_a_broken_catalog_is_logged_and_left_out_of_listings_only(caplog):
    registry = Registry([Shelf("up"), Shelf("down", broken=True)])
    with caplog.at_level(logging.WARNING):
        assert registry.schemas() == [SchemaName("up", "s")]
        assert registry.tables(SchemaName("down", "s")) == ()
    assert "down" in caplog.text
    assert registry.names() == ["down", "up"]
    with pytest.raises(CatalogUnavailable):
        registry.table(TableName("down", "s", "t"))


@pytest.mark.parametrize("name", [*sorted(RESERVED_NAMES), "Main", "SYSTEM", ""])
def test_names_that_duckdb_needs_are_refused(name):
    with pytest.raises(ValueError, match="cannot be named"):
        Registry([Shelf(name)])


def test_two_catalogs_of_one_folded_name_are_refused():
    with pytest.raises(ValueError, match="Two catalogs"):
        Registry([Shelf("lake"), Shelf("LAKE")])


def test_the_state_as_of_a_moment_is_asked_of_the_right_catalog():
    registry = Registry([Shelf("a"), Shelf("b", broken=True)])
    moment = datetime(2024, 2, 29, tzinfo=UTC)
    assert registry.snapshot_as_of(TableName("A", "s", "t"), moment) == Snapshot(
        "as of 2024-02-29", 1
    )
    assert registry.snapshot_as_of(TableName("c", "s", "t"), moment) is None
    with pytest.raises(CatalogUnavailable):
        registry.snapshot_as_of(TableName("b", "s", "t"), moment)
