"""Which parts of a table a rule covers. Knows no roles.

A rule covers a column when its pattern matches the column, or the table (then all its columns), or
a tag of either. A tag has its ancestors too: what is `pii.email` is also `pii`. What lies within a
column (a struct's fields, a list's element, a map's key and value) is covered with it, or apart.

Two kinds of rules read the past of a table in two ways, so that no rename gives a right. Rules that
take away match by every name that a field ever had. Rules that give match by its present name, and
where another field had that name before, only through a star: whoever spelled the name out may have
meant the other field. What came into the table after the policy was reviewed is given only by rules
that spell it out, unless it has a tag.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

import pyarrow as pa

from auth.fields import fields_of, parts_of
from auth.globs import Glob, Level
from auth.rules import ColumnList, GrantRule, Pattern, TagRule
from catalog.model import Column, Table
from catalog.names import TableName, display, fold

_Path = tuple[str, ...]
_Tags = dict[int, frozenset[_Path]]
_State = frozenset[int]
_NOTHING: frozenset[int] = frozenset()
_NO_NAMES: frozenset[str] = frozenset()


class Part(NamedTuple):
    """A column, or what lies within one. A tuple, as very many are made.

    `name` is folded and so are those in `former`. Every part has a number, and `leaves` are the
    numbers of the smallest parts within it, its own where it has none. A struct's fields are seen
    or hidden apart; where `is_whole`, all within must be visible or nothing is. `is_new` says that
    it, or what encloses it, came after the moment of the policy.
    """

    column: Column
    name: str
    former: frozenset[str]
    number: int
    leaves: frozenset[int]
    parts: tuple[Part, ...]
    is_whole: bool
    is_new: bool
    is_element: bool

    @property
    def within(self) -> Iterator[Part]:
        """All parts that lie within this one, at any depth."""
        for part in self.parts:
            yield part
            yield from part.within


@dataclass(frozen=True, slots=True)
class Target:
    """A table prepared for matching.

    `tags` are by part's number, with their ancestors; those in `sure` are certainly meant for that
    part. `unreviewed` are the leaves that only a rule which spells them out may give. `has_past`
    says that a part had another name, or a name that another part had. `own` tables tell of the
    server itself.
    """

    path: _Path
    columns: tuple[Part, ...]
    all: frozenset[int]
    tags: _Tags
    sure: _Tags
    table_tags: frozenset[_Path]
    has_past: bool
    unreviewed: frozenset[int] = _NOTHING
    own: bool = False

    @property
    def all_tags(self) -> frozenset[str]:
        """Every tag of the table and of what is in it, with its ancestors, as text."""
        return frozenset(".".join(tag) for tag in self.table_tags.union(*self.tags.values()))

    @property
    def ambiguous(self) -> frozenset[int]:
        """The leaves of columns whose names fold alike."""
        times = Counter(part.name for part in self.columns)
        if len(times) == len(self.columns):
            return _NOTHING
        return leaves([part for part in self.columns if times[part.name] > 1])

    def spelled(self, part: Part) -> str:
        """The dotted name of a part, as the table spells it."""
        return ".".join(display(each.column.name) for each in self.above(part))

    def above(self, part: Part) -> list[Part]:
        """The parts that lead to a part, from its column to itself."""
        found: list[Part] = []
        parts = self.columns
        while not found or found[-1] is not part:
            found.append(next(each for each in parts if part is each or part in each.within))
            parts = found[-1].parts
        return found


def path_of(name: TableName) -> _Path:
    """The folded names that lead to a table, for a glob."""
    return (fold(name.catalog), fold(name.schema), fold(name.table))


def target_of(table: Table, rules: Iterable[TagRule], after: datetime | None = None) -> Target:
    """Prepare a table, with the tags of the catalog and those that the policy adds.

    What came into it later than `after` counts as new, and so does what nobody knows the age of.
    """
    columns = _parts_of_table(table, after)
    tags: _Tags = {}
    sure: _Tags = {}
    has_past = False
    for part in _walk(columns):
        has_past = has_past or part.column.reused or bool(part.former)
        if part.column.tags:
            tags[part.number] = _levels(part.column.tags)
            sure[part.number] = _levels(part.column.tags - part.column.doubtful_tags)
    reviewed = {number for number, found in sure.items() if found}
    bare = Target(path_of(table.name), columns, leaves(columns), {}, {}, frozenset(), has_past)
    for rule in rules:
        added = _levels(rule.tags)
        reached = taken(rule.on, bare)
        _add(tags, reached, added)
        _add(sure, _reached(rule.on, bare, columns, _giving) if has_past else reached, added)
        if after is not None:
            reviewed |= {part.number for part in _spelled_out(rule.on, None, bare)}
    unreviewed = _unreviewed(columns, reviewed) if after is not None else _NOTHING
    return Target(
        path=bare.path,
        columns=columns,
        all=bare.all,
        tags=tags,
        sure=sure,
        table_tags=_levels(table.tags),
        has_past=has_past,
        unreviewed=unreviewed,
        own=table.rows is not None,
    )


def _add(tags: _Tags, parts: Iterable[Part], added: frozenset[_Path]) -> None:
    for part in parts:
        tags[part.number] = tags.get(part.number, frozenset()) | added


def taken(pattern: Pattern, target: Target) -> Sequence[Part]:
    """The outermost parts that a rule which takes away or masks covers."""
    return _reached(pattern, target, target.columns, _taking)


def given_by(rule: GrantRule, target: Target) -> frozenset[int]:
    """The leaves that an allow gives; of the server's own tables, if it spells out the catalog."""
    if target.own and not _spells_catalog(rule.on, target):
        return _NOTHING
    columns = _listed(rule.columns, target, gives=True)
    found = leaves(_reached(rule.on, target, columns, _giving), target)
    if not target.unreviewed or found.isdisjoint(target.unreviewed):
        return found
    spelled = [part for part in _spelled_out(rule.on, rule.columns, target) if part.is_new]
    return (found - target.unreviewed) | leaves(spelled)


def _spells_catalog(pattern: Pattern, target: Target) -> bool:
    first = None if pattern.is_tag else pattern.glob.levels[0]
    return first is not None and first.spells(target.path[0])


def taken_by(rule: GrantRule, target: Target) -> frozenset[int]:
    """The leaves that a deny takes away."""
    columns = _listed(rule.columns, target, gives=False)
    return leaves(_reached(rule.on, target, columns, _taking), target)


def covers_table(pattern: Pattern, target: Target) -> bool:
    """Whether a rule on tables is about this one; by tag, also where only a part has the tag."""
    if pattern.is_tag:
        return bool(taken(pattern, target))
    return pattern.glob.matches(target.path)


def leaves(parts: Sequence[Part], target: Target | None = None) -> frozenset[int]:
    """The leaves of several parts; `target` makes it quick for all of a table's columns."""
    if target is not None and parts is target.columns:
        return target.all
    if not parts:
        return _NOTHING
    return _NOTHING.union(*(part.leaves for part in parts))


_Step = Callable[[Glob, _State, Part], _State]


def _taking(glob: Glob, state: _State, part: Part) -> _State:
    inner = glob.step(state, part.name)
    if part.former:
        inner = inner.union(*(glob.step(state, name) for name in part.former))
    return inner | state if part.is_element else inner


def _giving(glob: Glob, state: _State, part: Part) -> _State:
    inner = glob.step(state, part.name, Level.stars if part.column.reused else Level.matches)
    return inner | state if part.is_element else inner


def _spelling(glob: Glob, state: _State, part: Part) -> _State:
    inner = _NOTHING if part.column.reused else glob.step(state, part.name, Level.spells)
    return inner | state if part.is_element else inner


def _reached(
    pattern: Pattern, target: Target, columns: Sequence[Part], step: _Step
) -> Sequence[Part]:
    """The outermost parts, of these columns, that a pattern covers."""
    glob = pattern.glob
    if pattern.is_tag:
        if any(map(glob.matches, target.table_tags)):
            return columns
        tags = target.sure if step is _giving else target.tags
        return list(_tagged(glob, columns, tags)) if tags else ()
    state = glob.after(target.path)
    if not state:
        return ()
    if glob.accepts(state):
        return columns
    last = None if target.has_past else glob.last(state)
    if last is not None:  # the same, but quick: most rules end at columns and most names are plain
        return [part for part in columns if last.matches(part.name)]
    return list(_named(glob, state, columns, step))


def _named(glob: Glob, state: _State, parts: Iterable[Part], step: _Step) -> Iterator[Part]:
    for part in parts:
        inner = step(glob, state, part)
        if not inner:
            continue
        if glob.accepts(inner):
            yield part
        elif part.parts:
            yield from _named(glob, inner, part.parts, step)


def _tagged(glob: Glob, parts: Iterable[Part], tags: _Tags) -> Iterator[Part]:
    for part in parts:
        if any(map(glob.matches, tags.get(part.number, ()))):
            yield part
        elif part.parts:
            yield from _tagged(glob, part.parts, tags)


def _spelled_out(pattern: Pattern, listed: ColumnList | None, target: Target) -> Sequence[Part]:
    """The parts that a rule names without any star."""
    glob = pattern.glob
    if pattern.is_tag or glob.any_depth:
        return ()
    state = glob.after(target.path, Level.spells)
    if listed is None or listed.include is None:
        return list(_named(glob, state, target.columns, _spelling)) if state else ()
    columns = [
        part
        for part in _listed(listed, target, gives=True)
        if not part.column.reused and any(level.spells(part.name) for level in listed.include)
    ]
    return columns if glob.accepts(state) else ()


def _listed(listed: ColumnList | None, target: Target, *, gives: bool) -> Sequence[Part]:
    """The columns that a rule's own list leaves to it: in doubt few to an allow, many to a deny."""
    if listed is None:
        return target.columns

    def surely(part: Part, levels: tuple[Level, ...]) -> bool:
        fits = Level.stars if part.column.reused else Level.matches
        return any(fits(level, part.name) for level in levels)

    def perhaps(part: Part, levels: tuple[Level, ...]) -> bool:
        return any(level.matches(name) for level in levels for name in (part.name, *part.former))

    within, without = (surely, perhaps) if gives else (perhaps, surely)
    return [
        part
        for part in target.columns
        if (listed.include is None or within(part, listed.include))
        and not without(part, listed.exclude)
    ]


def _parts_of_table(table: Table, after: datetime | None) -> tuple[Part, ...]:
    number = -1

    def make(column: Column, *, element: bool, new: bool) -> Part:
        nonlocal number
        number += 1
        mine = number
        new = new or (after is not None and (column.since is None or column.since > after))
        within: tuple[Part, ...] = ()
        if column.type.num_fields or column.children:
            named = pa.types.is_struct(column.type) or pa.types.is_union(column.type)
            within = tuple(make(part, element=not named, new=new) for part in parts_of(column))
        return Part(
            column,
            _folded(column.name),
            frozenset(map(fold, column.former_names)) if column.former_names else _NO_NAMES,
            mine,
            leaves(within) if within else frozenset((mine,)),
            within,
            not within or not fields_of(column),
            new,
            element,
        )

    return tuple(make(column, element=False, new=False) for column in table.columns)


@lru_cache(maxsize=65_536)  # names recur: in all snapshots of a table, and from table to table
def _folded(name: str) -> str:
    return fold(name)


def _walk(parts: Iterable[Part]) -> Iterator[Part]:
    for part in parts:
        yield part
        yield from part.within


def _unreviewed(parts: Iterable[Part], reviewed: set[int]) -> frozenset[int]:
    """The leaves within what is new, but for what has a tag of its own."""
    found = _NOTHING
    for part in parts:
        if part.is_new and part.number in reviewed:
            continue
        if part.parts:
            found |= _unreviewed(part.parts, reviewed)
        elif part.is_new:
            found |= part.leaves
    return found


def _levels(tags: Iterable[str]) -> frozenset[_Path]:
    """Tags split at dots and folded, with all their ancestors."""
    found: set[_Path] = set()
    for tag in tags:
        path = tuple(fold(tag).split("."))
        found.update(path[:end] for end in range(1, len(path) + 1))
    return frozenset(found)
