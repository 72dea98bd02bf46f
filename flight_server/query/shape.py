"""What the schema of a result depends on, as a key for keeping it."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from catalog.names import TableName
from flight_server.engines.base import Secured


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What the schema of a result depends on: text, visible columns, parameters. Hashable."""

    key: tuple[object, ...]
    secured: Secured
    parameters: pa.RecordBatch | None

    @classmethod
    def of(cls, secured: Secured, parameters: pa.RecordBatch | None) -> Shape:
        """The shape of a secured statement with its parameters' types."""
        columns: list[tuple[TableName, tuple[tuple[str, pa.DataType], ...]]] = [
            (relation.name, tuple((c.name, c.type) for c in relation.columns))
            for relation in secured.relations
        ]
        # A bound NULL has no type in DuckDB, so that the result's type depends on it as well.
        types = (
            None
            if parameters is None
            else tuple((column.type, column.null_count) for column in parameters.columns)
        )
        place = (secured.catalog, secured.schema, secured.time_zone)
        key = (secured.text, tuple(columns), place, types)
        return cls(key, secured, parameters)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shape) and self.key == other.key
