"""What a catalog says of its tables: frozen values, with Arrow types."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

import pyarrow as pa

from catalog.names import TableName

# Makes the rows of a table that lies nowhere, in batches of the table's schema.
Rows = Callable[[], Iterator[pa.RecordBatch]]


def _nothing() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Column:
    """A column, or a part of one: a struct's field, a list's element, a map's key or value.

    `field_id` is Iceberg's: it outlives renames. `children` are a struct's fields, a list's
    `element`, a map's `key` and `value`; where there are none, the type alone says what is within.

    What the table's past says, for protection alone, never to be shown: `former_names` are other
    names that the same field had, `reused` says that another field had this one's name before.
    `doubtful_tags` are those of `tags` that may be meant for such another field. `since` is the
    first moment at which the field is known to have been there; None where nothing tells.
    """

    name: str
    type: pa.DataType
    nullable: bool = True
    field_id: int | None = None
    doc: str = ""
    tags: frozenset[str] = frozenset()
    children: tuple[Column, ...] = ()
    former_names: frozenset[str] = frozenset()
    reused: bool = False
    doubtful_tags: frozenset[str] = frozenset()
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of a table that a statement is pinned to.

    `metadata_location` names an immutable metadata file; `snapshot_id` is None for a table that was
    never written.
    """

    metadata_location: str
    snapshot_id: int | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table at one snapshot.

    `storage` holds the options that open its files (they may contain credentials: never shown).
    `engine` names the only engine that can read it, or is None for any. `rows` makes the rows of a
    table that lies nowhere; it has no snapshot.
    """

    name: TableName
    columns: tuple[Column, ...]
    snapshot: Snapshot | None = None
    kind: str = "TABLE"
    description: str = ""
    owner: str = ""
    tags: frozenset[str] = frozenset()
    properties: Mapping[str, str] = field(default_factory=_nothing)
    identifier: tuple[str, ...] = ()
    location: str = ""
    engine: str | None = None
    storage: Mapping[str, str] = field(default_factory=_nothing, repr=False, compare=False)
    rows: Rows | None = field(default=None, repr=False, compare=False)

    @property
    def arrow_schema(self) -> pa.Schema:
        """The table's columns as an Arrow schema, without metadata."""
        return pa.schema([pa.field(c.name, c.type, c.nullable) for c in self.columns])
