"""Policies, tables and catalogs for the tests of this folder."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import pyarrow as pa
import pytest

from auth.policy import Policy
from auth.policy_file import parse_policy
from auth.principal import Principal
from catalog.errors import CatalogUnavailable, UnsupportedTable
from catalog.model import Column, Snapshot, Table
from catalog.names import TableName, fold
from catalog.registry import Registry

ROLES = """
version: 1
identity:
  groups: [groups]
  claims:
    tenant: {from: tenant_id, type: string}
    regions: {from: regions, type: "list<string>"}
roles:
  reader: {groups: [g-reader]}
  analyst: {groups: [g-analyst], includes: [reader]}
  privacy: {groups: [g-privacy]}
"""


@pytest.fixture
def policy_of() -> Callable[[str], Policy]:
    """A policy of sections under a head with the roles reader, analyst and privacy."""

    def make(sections: str) -> Policy:
        return parse_policy(ROLES + textwrap.dedent(sections))

    return make


@pytest.fixture
def table_of() -> Callable[..., Table]:
    """A table of a dotted name and columns, which are names or `Column`s."""

    def make(name: str, *columns: str | Column, **more: object) -> Table:
        made = tuple(c if isinstance(c, Column) else Column(c, pa.string()) for c in columns)
        return Table(TableName(*name.split(".")), made, **more)

    return make


@pytest.fixture
def someone() -> Callable[..., Principal]:
    """A principal of groups, with claims."""

    def make(*groups: str, subject: str = "alice", **claims: object) -> Principal:
        return Principal(subject, frozenset(groups), claims)

    return make


class HeldCatalog:
    """A catalog of given tables; `broken` ones cannot be read, and `down` fails as a whole."""

    def __init__(self, name: str, tables: Sequence[Table]) -> None:
        self.name = name
        self.held = {table.name: table for table in tables}
        self.earlier: dict[Snapshot, Table] = {}
        self.broken: set[TableName] = set()
        self.down = False
        self.loaded: list[TableName] = []

    def schemas(self) -> Sequence[str]:
        self._answer()
        return sorted({name.schema for name in self.held})

    def tables(self, schema: str) -> Sequence[TableName]:
        self._answer()
        return sorted(name for name in self.held if fold(name.schema) == fold(schema))

    def table(self, name: TableName, snapshot: Snapshot | None = None) -> Table | None:
        self._answer()
        self.loaded.append(name)
        if snapshot is not None and snapshot in self.earlier:
            return self.earlier[snapshot]
        for known, table in self.held.items():
            if known.folded == name.folded:
                if known in self.broken:
                    raise UnsupportedTable(f"Table {known} uses a part of the format not read")
                return table
        return None

    def snapshot_as_of(self, name: TableName, moment: datetime) -> Snapshot | None:
        self._answer()
        return next((s for s, table in self.earlier.items() if table.name == name), None)

    def _answer(self) -> None:
        if self.down:
            raise CatalogUnavailable("The catalog cannot be reached now")


@pytest.fixture
def lake(table_of: Callable[..., Table]) -> HeldCatalog:
    """A catalog `lake` with sales and hr."""
    return HeldCatalog(
        "lake",
        [
            table_of("lake.sales.orders", "id", "email", "margin"),
            table_of("lake.sales.products", "id", "name"),
            table_of("lake.hr.employees", "id", "ssn", "salary"),
        ],
    )


@pytest.fixture
def held() -> Callable[..., HeldCatalog]:
    """Makes a catalog of tables."""
    return HeldCatalog


@pytest.fixture
def registry(lake: HeldCatalog) -> Registry:
    """A registry with `lake` only."""
    return Registry([lake])


@pytest.fixture
def masks_of() -> Callable[..., Mapping[str, str]]:
    """The SQL of a grant's masks, by column."""
    return lambda grant: {name: mask.sql for name, mask in grant.masks.items()}
