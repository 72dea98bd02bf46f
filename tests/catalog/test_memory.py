"""A catalog of tables that are given to it."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from catalog.memory import MemoryCatalog
from catalog.model import Column, Snapshot, Table
from catalog.names import TableName


def table(name: str) -> Table:
    return Table(TableName(*name.split(".")), (Column("id", pa.int64()),))


def test_what_is_given_is_found_in_order_and_by_folded_name() -> None:
    one, two, three = table("own.b.t"), table("own.b.a"), table("own.a.t")
    catalog = MemoryCatalog("own", [one, two, three])
    assert catalog.name == "own"
    assert catalog.schemas() == ["a", "b"]
    assert catalog.tables("B") == [two.name, one.name]
    assert catalog.tables("c") == ()
    assert catalog.table(TableName("own", "B", "T")) is one
    assert catalog.table(TableName("own", "b", "x")) is None
    assert catalog.table(TableName("own", "c", "t")) is None


def test_there_are_no_snapshots() -> None:
    catalog = MemoryCatalog("own", [table("own.a.t")])
    name = TableName("own", "a", "t")
    assert catalog.table(name, Snapshot("x", 1)) is catalog.table(name)
    assert catalog.snapshot_as_of(name, datetime.now(UTC)) is None
    assert catalog.snapshot_made(name, 1) is None


def test_tables_of_another_catalog_are_refused() -> None:
    with pytest.raises(ValueError, match="other"):
        MemoryCatalog("own", [table("other.a.t")])
