"""What a catalog says of its tables: frozen values, with Arrow types."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

import pyarrow as pa

from catalog.names import TableName
from catalog.restrictions import ReadRestrictions

# Makes the rows of a table that lies nowhere, in batches of the table's schema.
Rows = Callable[[], Iterator[pa.RecordBatch]]


def _nothing() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Column:
    """A column, or a part of one: a struct's field, a list's element, a map's key or value.

    `field_id` is Iceberg's: it outlives renames. `children` are a struct's fields, a list's
    `element`, a map's `key` and `value`; where there are none, the type alone says what is within.
    `as_text` is whether the stored values are no texts, but are seen as such: UUIDs.

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
    as_text: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of a table that a statement is pinned to.

    `metadata_location` names an immutable metadata file; `snapshot_id` is None for a table that was
    never written. The state of a `branch` is read with the table's current columns, any other one
    with the columns that it had.
    """

    metadata_location: str
    snapshot_id: int | None
    branch: bool = False


@dataclass(frozen=True, slots=True)
class AthenaPlace:
    """What Athena calls a table: its data catalog, database and name there."""

    catalog: str
    database: str
    table: str


@dataclass(frozen=True, slots=True)
class ViewDefinition:
    """What a view is made from, as its catalog keeps it: a text in some dialect of SQL.

    `catalog` and `schema` complete the names in it. `output` are the names that its columns have by
    the text itself, in order. `version` tells this text from all others that the view had or will
    have. Texts may name what their reader may not see: they are never shown.
    """

    sql: str = field(repr=False)
    dialect: str
    catalog: str | None
    schema: str | None
    output: tuple[str, ...]
    version: Snapshot


@dataclass(frozen=True, slots=True)
class Table:
    """A table at one snapshot, or a view.

    `storage` holds the options that open its files (they may contain credentials: never shown).
    `engine` names the only engine that can read it, or is None for any. `rows` makes the rows of a
    table that lies nowhere; it has no snapshot. `restrictions` are the catalog's own, beside all
    that a policy says. `athena` is what Athena calls it, None where Athena does not know it.
    `view` is what a view is made from; it has no snapshot, and its columns are those that its
    catalog promises.
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
    restrictions: ReadRestrictions | None = None
    athena: AthenaPlace | None = None
    view: ViewDefinition | None = None

    @property
    def pin(self) -> Snapshot | None:
        """What says which state of the table, or which text of the view, this is."""
        return self.snapshot if self.view is None else self.view.version

    @property
    def arrow_schema(self) -> pa.Schema:
        """The table's columns as an Arrow schema, without metadata."""
        return pa.schema([pa.field(c.name, c.type, c.nullable) for c in self.columns])
