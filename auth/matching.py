"""Which columns of a table a rule covers. Knows no roles.

A rule covers a column when its pattern matches the column, or the table (then all its columns), or
a tag of either. A tag has its ancestors too: what is `pii.email` is also `pii`. Fields within a
column (of structs, also in lists and maps) count only where asked for: rules that take away reach
the whole column through them, rules that give do not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from auth.globs import Glob
from auth.rules import Pattern, TagRule
from catalog.model import Column, Table
from catalog.names import TableName, fold

_Path = tuple[str, ...]
_NOTHING: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Target:
    """A table prepared for matching: folded names, and all tags, by column index.

    `fields` and `field_tags` hold what lies within columns, only for those with something there.
    """

    path: _Path
    columns: tuple[str, ...]
    tags: dict[int, frozenset[_Path]]
    fields: dict[int, frozenset[_Path]]
    field_tags: dict[int, frozenset[_Path]]
    table_tags: frozenset[_Path]

    @property
    def all(self) -> frozenset[int]:
        """The indexes of all columns."""
        return frozenset(range(len(self.columns)))

    @property
    def ambiguous(self) -> frozenset[int]:
        """The indexes of columns whose names fold alike."""
        if len(set(self.columns)) == len(self.columns):
            return _NOTHING
        times = Counter(self.columns)
        return frozenset(at for at, name in enumerate(self.columns) if times[name] > 1)


def path_of(name: TableName) -> _Path:
    """The folded names that lead to a table, for a glob."""
    return (fold(name.catalog), fold(name.schema), fold(name.table))


def target_of(table: Table, rules: Iterable[TagRule]) -> Target:
    """Prepare a table, with the tags of the catalog and those that the policy adds."""
    fields: dict[int, frozenset[_Path]] = {}
    tags: dict[int, frozenset[str]] = {}
    field_tags: dict[int, frozenset[str]] = {}
    for at, column in enumerate(table.columns):
        if column.tags:
            tags[at] = column.tags
        if pa.types.is_nested(column.type):
            fields[at] = frozenset(_typed_fields(column.type)) | frozenset(_named_fields(column))
            field_tags[at] = frozenset(_tags_within(column))
    columns = tuple(fold(column.name) for column in table.columns)
    bare = Target(path_of(table.name), columns, {}, fields, {}, frozenset())
    for rule in rules:
        for at in covered(rule.on, bare):
            tags[at] = tags.get(at, frozenset()) | rule.tags
        for at in covered(rule.on, bare, within=True) & fields.keys():
            field_tags[at] = field_tags.get(at, frozenset()) | rule.tags
    return Target(
        bare.path,
        columns,
        {at: _levels(found) for at, found in tags.items()},
        fields,
        {at: _levels(found) for at, found in field_tags.items()},
        _levels(table.tags),
    )


def covered(pattern: Pattern, target: Target, *, within: bool = False) -> frozenset[int]:
    """The columns that a pattern covers; with `within` also those it covers only a part of."""
    if pattern.is_tag:
        return _by_tag(pattern.glob, target, within)
    glob = pattern.glob
    state = glob.after(target.path)
    if not state:
        return _NOTHING
    if glob.accepts(state):
        return target.all
    found: set[int] = set()
    for at, name in enumerate(target.columns):
        inner = glob.step(state, name)
        if inner and (glob.accepts(inner) or (within and _field_matches(glob, inner, target, at))):
            found.add(at)
    return frozenset(found)


def covers_table(pattern: Pattern, target: Target) -> bool:
    """Whether a rule on tables is about this one; by tag, also where only a column has the tag."""
    if pattern.is_tag:
        return bool(_by_tag(pattern.glob, target, within=True))
    return pattern.glob.matches(target.path)


def _by_tag(glob: Glob, target: Target, within: bool) -> frozenset[int]:
    if any(glob.matches(tag) for tag in target.table_tags):
        return target.all
    found = {at for at, tags in target.tags.items() if any(map(glob.matches, tags))}
    if within:
        found |= {at for at, tags in target.field_tags.items() if any(map(glob.matches, tags))}
    return frozenset(found)


def _field_matches(glob: Glob, state: frozenset[int], target: Target, at: int) -> bool:
    for path in target.fields.get(at, ()):
        inner = state
        for name in path:
            inner = glob.step(inner, name)
        if glob.accepts(inner):
            return True
    return False


def _levels(tags: Iterable[str]) -> frozenset[_Path]:
    """Tags split at dots and folded, with all their ancestors."""
    found: set[_Path] = set()
    for tag in tags:
        path = tuple(fold(tag).split("."))
        found.update(path[:end] for end in range(1, len(path) + 1))
    return frozenset(found)


def _typed_fields(kind: pa.DataType) -> Iterator[_Path]:
    """The paths of all fields within a type; a list's element may be named or passed over."""
    if pa.types.is_struct(kind):
        for field in kind:
            name = fold(field.name)
            yield (name,)
            yield from ((name, *path) for path in _typed_fields(field.type))
        return
    elements: list[tuple[str, pa.DataType]] = []
    if pa.types.is_map(kind):
        elements = [("key", kind.key_type), ("value", kind.item_type)]
    elif pa.types.is_nested(kind) and hasattr(kind, "value_type"):
        elements = [("element", kind.value_type)]
    for name, element in elements:
        yield (name,)
        for path in _typed_fields(element):
            yield path
            yield (name, *path)


def _named_fields(column: Column) -> Iterator[_Path]:
    for child in column.children:
        name = fold(child.name)
        yield (name,)
        yield from ((name, *path) for path in _named_fields(child))


def _tags_within(column: Column) -> Iterator[str]:
    for child in column.children:
        yield from child.tags
        yield from _tags_within(child)
