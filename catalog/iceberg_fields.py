"""What the schemas that an Iceberg table ever had say of its fields, by field id.

Names are compared as paths, so that a field of a struct that was dropped and made again counts as
another one. A list's element is called `element`, a map's parts `key` and `value`, as in Iceberg.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyiceberg.schema import Schema
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.types import IcebergType, ListType, MapType, NestedField, StructType

from catalog.names import fold

TAGS = "flight.tags"

_TAG = r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*"
_IN_DOC = re.compile(rf"flight\.tags\s*[:=]\s*({_TAG}(?:\s*,\s*{_TAG})*)", re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOTHING: frozenset[str] = frozenset()
_Path = tuple[str, ...]
_Tags = defaultdict[int, frozenset[str]]


@dataclass(frozen=True, slots=True)
class FieldPast:
    """What is known of one field.

    `paths` are all that it ever had; `sure_tags` those of `tags` that are declared under names
    which no other field ever had.
    """

    paths: frozenset[_Path] = frozenset()
    tags: frozenset[str] = _NOTHING
    sure_tags: frozenset[str] = _NOTHING
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of all fields of a table; `shared` are the paths that several of them had."""

    fields: Mapping[int, FieldPast]
    shared: frozenset[_Path]

    def of(self, field_id: int) -> FieldPast:
        """What is known of a field."""
        return self.fields.get(field_id, FieldPast())


@dataclass(frozen=True, slots=True)
class _Told:
    """What tags are read from."""

    schemas: Sequence[Schema]
    current_schema_id: int
    properties: Mapping[str, str]


def past_of(metadata: TableMetadata) -> Past:
    """What a table's metadata says of its fields.

    Tags are kept by field: one declared under any name that a field ever had stays with it, and a
    new field under a tagged name gets it too. Too many rather than too few, for tags are what
    protection hangs on; which of them are sure is told for rules that give.
    """
    # most schemas of a table are much alike: each path of a field counts once
    placed = {
        (path, field.field_id)
        for schema in metadata.schemas
        for path, field in _walk(schema.fields)
    }
    owners: dict[_Path, set[int]] = defaultdict(set)
    paths: dict[int, set[_Path]] = defaultdict(set)
    for path, field_id in placed:
        owners[path].add(field_id)
        paths[field_id].add(path)
    tags, sure = _tags(metadata, placed)
    since = _since(metadata)
    fields = {
        field_id: FieldPast(frozenset(all_), tags[field_id], sure[field_id], since.get(field_id))
        for field_id, all_ in paths.items()
    }
    return Past(fields, frozenset(path for path, ids in owners.items() if len(ids) > 1))


def past_of_view(schema: Schema, properties: Mapping[str, str]) -> Past:
    """What a view's schema and properties say of its columns: by their names of today alone."""
    told = _Told((schema,), schema.schema_id, properties)
    placed = {(path, field.field_id) for path, field in _walk(schema.fields)}
    tags, sure = _tags(told, placed)
    fields = {
        field_id: FieldPast(frozenset({path}), tags[field_id], sure[field_id])
        for path, field_id in placed
    }
    return Past(fields, frozenset())


def split_tags(text: str) -> frozenset[str]:
    """The tags of a comma-separated property."""
    return frozenset(tag.strip() for tag in text.split(",") if tag.strip())


def declared_tags(properties: Mapping[str, str]) -> Mapping[str, frozenset[str]]:
    """The tags of columns and fields that properties declare, by how these spell them, folded."""
    return {
        fold(key.removeprefix(f"{TAGS}.")): split_tags(value)
        for key, value in properties.items()
        if key.startswith(f"{TAGS}.")
    }


def spellings(path: tuple[str, ...]) -> set[str]:
    """The texts by which a property may name a path: a list's element may be passed over."""
    short = tuple(name for name in path[1:-1] if name not in ("element", "key", "value"))
    return {".".join(path), ".".join((*path[:1], *short, *path[1:][-1:]))}


def tags_in_doc(doc: str) -> frozenset[str]:
    """The tags that a doc declares, as `flight.tags: pii, pii.email` at any place of it."""
    return frozenset(tag for listed in _IN_DOC.findall(doc) for tag in split_tags(listed))


def parts_of(kind: IcebergType) -> Sequence[NestedField]:
    """What lies within a type, a level down: fields, or an element, or a key and a value."""
    if isinstance(kind, StructType):
        return kind.fields
    if isinstance(kind, ListType):
        return (kind.element_field,)
    if isinstance(kind, MapType):
        return (kind.key_field, kind.value_field)
    return ()


def _tags(
    metadata: TableMetadata | _Told, placed: Iterable[tuple[_Path, int]]
) -> tuple[_Tags, _Tags]:
    """The tags of each field, and those of them that are sure."""
    declared = declared_tags(metadata.properties)
    named: dict[str, set[int]] = defaultdict(set)
    for path, field_id in placed if declared else ():
        for text in spellings(path) & declared.keys():
            named[text].add(field_id)
    tags: _Tags = defaultdict(frozenset)
    sure: _Tags = defaultdict(frozenset)
    for text, ids in named.items():
        for field_id in ids:
            tags[field_id] |= declared[text]
            if len(ids) == 1:
                sure[field_id] |= declared[text]
    for field_id, said in _tags_in_docs(metadata).items():
        tags[field_id] |= said
        sure[field_id] |= said
    return tags, sure


def _tags_in_docs(metadata: TableMetadata | _Told) -> Mapping[int, frozenset[str]]:
    """The tags that docs declare, as `flight.tags: pii, pii.email` at any place of a doc.

    A doc is the field's own, whatever its name. What the current schema says counts; of a field
    that it has not, what any did.
    """
    found: _Tags = defaultdict(frozenset)
    current: set[int] = set()
    ordered = sorted(metadata.schemas, key=lambda s: s.schema_id != metadata.current_schema_id)
    for schema in ordered:
        is_current = schema.schema_id == metadata.current_schema_id
        for _, field in _walk(schema.fields):
            if is_current:
                current.add(field.field_id)
            if field.doc and (is_current or field.field_id not in current):
                found[field.field_id] |= tags_in_doc(field.doc)
    return found


def _walk(fields: Sequence[NestedField], above: _Path = ()) -> Iterator[tuple[_Path, NestedField]]:
    for field in fields:
        path = (*above, fold(field.name))
        yield path, field
        parts = parts_of(field.field_type)
        if parts:
            yield from _walk(parts, path)


def _since(metadata: TableMetadata) -> Mapping[int, datetime]:
    """When each field was first there for certain, in a kept snapshot or the current metadata."""
    first: dict[int, int] = {metadata.current_schema_id: metadata.last_updated_ms}
    for snapshot in metadata.snapshots:
        if snapshot.schema_id is not None:
            known = first.get(snapshot.schema_id, snapshot.timestamp_ms)
            first[snapshot.schema_id] = min(known, snapshot.timestamp_ms)
    found: dict[int, int] = {}
    for schema in metadata.schemas:
        if schema.schema_id in first:
            moment = first[schema.schema_id]
            for _, field in _walk(schema.fields):
                found[field.field_id] = min(found.get(field.field_id, moment), moment)
    return {at: _EPOCH + timedelta(milliseconds=moment) for at, moment in found.items()}
