"""How a table of the demo is declared: columns, partitions and what is said about it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import Transform
from pyiceberg.types import IcebergType, NestedField

# rows to a row group: what DuckDB reads at once
_ROW_GROUP = 122_880


@dataclass(frozen=True, slots=True)
class Col:
    """A column as declared: `key` marks the identifier columns, which are never NULL."""

    name: str
    type: IcebergType
    doc: str
    tags: str = ""
    key: bool = False
    required: bool = False


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Columns whose values are those of the identifier of another table (`schema.table`)."""

    columns: tuple[str, ...]
    table: str
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableSpec:
    """A table of the demo. `role` is fact, dimension, bridge or lookup.

    Everything but columns and partitions becomes table properties: `comment`, `owner`,
    `flight.tags`, `flight.tags.<column>`, `flight.domain`, `flight.table_type` and
    `flight.foreign_keys`, a JSON list of `{"columns", "table", "references"}`.
    """

    schema: str
    name: str
    role: str
    comment: str
    owner: str
    columns: tuple[Col, ...]
    partition: tuple[str, Transform[Any, Any]] | None = None
    tags: str = ""
    foreign_keys: tuple[ForeignKey, ...] = ()

    @property
    def identifier(self) -> tuple[str, str]:
        """The table's name in the catalog."""
        return self.schema, self.name

    def iceberg_schema(self) -> Schema:
        """The declared columns, numbered in order; the catalog numbers nested ones anew."""
        fields = [
            NestedField(
                field_id=number,
                name=col.name,
                field_type=col.type,
                required=col.key or col.required,
                doc=col.doc,
            )
            for number, col in enumerate(self.columns, start=1)
        ]
        keys = [number for number, col in enumerate(self.columns, start=1) if col.key]
        return Schema(*fields, identifier_field_ids=keys)

    def partition_spec(self) -> PartitionSpec:
        """The partition by a hidden transform, or none."""
        if self.partition is None:
            return PartitionSpec()
        column, transform = self.partition
        source = next(n for n, col in enumerate(self.columns, start=1) if col.name == column)
        word = str(transform).partition("[")[0]
        return PartitionSpec(
            PartitionField(
                source_id=source, field_id=1000, transform=transform, name=f"{column}_{word}"
            )
        )

    def properties(self) -> dict[str, str]:
        """What is said about the table, as its Iceberg properties."""
        said = {
            "comment": self.comment,
            "owner": self.owner,
            "flight.domain": self.schema,
            "flight.table_type": self.role,
            "flight.tags": self.tags,
            **{f"flight.tags.{col.name}": col.tags for col in self.columns if col.tags},
        }
        if self.foreign_keys:
            said["flight.foreign_keys"] = json.dumps(
                [
                    {"columns": fk.columns, "table": fk.table, "references": fk.references}
                    for fk in self.foreign_keys
                ]
            )
        return {
            **{key: value for key, value in said.items() if value},
            "format-version": "2",
            "write.parquet.compression-codec": "zstd",
            "write.parquet.row-group-limit": str(_ROW_GROUP),
        }
