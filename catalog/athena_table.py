"""A table or view that only Athena reads, in our words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from catalog.athena_source import Entry, EntryColumn
from catalog.errors import UnsupportedTable
from catalog.hive_types import hive_type
from catalog.iceberg_fields import TAGS, declared_tags, spellings, split_tags, tags_in_doc
from catalog.lookup import refuse_alike
from catalog.model import AthenaPlace, Column, Table
from catalog.names import TableName, fold

ENGINE = "athena"
PARTITION_KEYS = "partition-keys"
_Tags = Mapping[str, frozenset[str]]


def table_of(name: TableName, entry: Entry, place: AthenaPlace) -> Table:
    """A table as its entry tells of it. Raises `UnsupportedTable`."""
    declared = declared_tags(entry.parameters)
    listed = (*entry.columns, *entry.partition_keys)
    if not listed:
        raise UnsupportedTable(f"Table {name} has no columns that its catalog tells of")
    refuse_alike(column.name for column in listed)
    keys = ",".join(column.name for column in entry.partition_keys)
    return Table(
        name=name,
        columns=tuple(_column(column, declared) for column in listed),
        kind="VIEW" if entry.is_view else "TABLE",
        description=entry.description,
        owner=entry.owner,
        tags=split_tags(entry.parameters.get(TAGS, "")),
        properties={**entry.parameters, **({PARTITION_KEYS: keys} if keys else {})},
        location=entry.location,
        engine=ENGINE,
        athena=place,
    )


def _column(column: EntryColumn, declared: _Tags) -> Column:
    kind = hive_type(column.type)
    made = Column(column.name, kind.arrow, doc=column.comment, tags=tags_in_doc(column.comment))
    return _tagged(replace(made, children=kind.parts), (), declared)


def _tagged(column: Column, above: tuple[str, ...], declared: _Tags) -> Column:
    """A column with the tags that are declared for it and for what lies within it."""
    path = (*above, fold(column.name))
    tags = column.tags.union(*(declared.get(text, ()) for text in spellings(path)))
    children = tuple(_tagged(child, path, declared) for child in column.children)
    return replace(column, tags=tags, children=children)
