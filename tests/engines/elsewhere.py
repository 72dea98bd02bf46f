"""An engine elsewhere that is another use of DuckDB: it reads tables that nobody else reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa

from catalog.model import AthenaPlace, Column, Table
from catalog.names import TableName
from flight_server.engines.base import EngineStream, Relation, Secured, Toll, free
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.errors import Untranslatable


def only_there(name: str, rows: pa.Table) -> Table:
    """A table as the catalog describes one that only Athena reads."""
    columns = tuple(Column(field.name, field.type) for field in rows.schema)
    place = AthenaPlace("AwsDataCatalog", "s", name)
    return Table(TableName("lake", "s", name), columns, engine="athena", athena=place)


class Elsewhere:
    """Runs statements over tables by their names, and keeps what it was given."""

    def __init__(self, engine: DuckDBEngine, tables: Mapping[str, pa.Table]) -> None:
        self._engine = engine
        self._tables = tables
        self.given: list[Secured] = []
        self.refused: tuple[str, ...] = ()
        self.free_places = 1

    @property
    def name(self) -> str:
        """The engine's name as clients see it."""
        return "athena"

    def check(self, secured: Secured, parameters: pa.RecordBatch | None, schema: pa.Schema) -> None:
        """Raises `Untranslatable` for a text with one of the words that are refused."""
        for word in self.refused:
            if word in secured.text:
                raise Untranslatable(word)

    def places(self) -> int:
        """How many more statements it would begin at once."""
        return self.free_places

    def run(
        self,
        secured: Secured,
        parameters: pa.RecordBatch | None,
        schema: pa.Schema,
        *,
        deadline: float,
        compression: str | None = None,
        groups: frozenset[str] = frozenset(),
        size: int | None = None,
        toll: Toll = free,
    ) -> EngineStream:
        """Run a statement over rows of this process."""
        self.given.append(secured)
        relations = tuple(self._filled(relation) for relation in secured.relations)
        return self._engine.run(
            replace(secured, relations=relations, engine="auto"),
            parameters,
            schema,
            deadline=deadline,
            compression=compression,
        )

    def close(self) -> None:
        """Nothing: the engine is its owner's."""

    def _filled(self, relation: Relation) -> Relation:
        rows = self._tables.get(relation.name.table)
        if rows is None:
            return relation
        table = replace(
            relation.table, engine=None, rows=lambda: iter(rows.to_batches(max_chunksize=1_000))
        )
        return replace(relation, table=table)
