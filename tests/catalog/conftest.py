"""A lake in SQLite and local files, written with pyiceberg, to read back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from catalog.iceberg import IcebergCatalog


@dataclass
class Lake:
    """A writable catalog, and where a reader finds it."""

    source: SqlCatalog
    directory: Path

    @property
    def properties(self) -> dict[str, str]:
        return {"type": "sql", "uri": f"sqlite:///{self.directory}/catalog.db"}

    def reader(self, *, refresh_seconds: float = 0.0) -> IcebergCatalog:
        return IcebergCatalog("lake", self.properties, refresh_seconds=refresh_seconds)


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    source = SqlCatalog(
        "lake", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=f"file://{tmp_path}/warehouse"
    )
    source.create_namespace("sales")
    yield Lake(source, tmp_path)
    source.close()
