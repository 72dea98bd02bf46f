"""Which columns of its tables a statement reads, and which of them can reach its result.

Told from the syntax tree alone, so that it counts too much where names are not unique, never too
little: a name that several tables have is counted for each, and where a statement asks for columns
other than by name (`*`, `COLUMNS`, NATURAL, PIVOT) it is all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from catalog.names import TableName, fold
from flight_server.query.parser import Node

# Parts of a SELECT that choose, group and sort rows, but give no values.
_CHOOSING = frozenset(
    {"where_clause", "having", "qualify", "group_expressions", "group_sets", "sample", "modifiers"}
)
# Columns that are named by a pattern or by their place.
_ANY_COLUMN = frozenset({"STAR", "POSITIONAL_REFERENCE"})


@dataclass(frozen=True, slots=True)
class Used:
    """The folded names in use: in `projected` as they are written, in `others` likewise.

    `all_projected` says that every column of every table may reach the result, `all_others` that
    every column may be read. `labels` are the aliases of tables by their own last name.
    """

    projected: frozenset[tuple[str, ...]]
    others: frozenset[tuple[str, ...]]
    all_projected: bool
    all_others: bool
    labels: frozenset[tuple[str, str]]


ANYTHING = Used(frozenset(), frozenset(), True, True, frozenset())
"""What a statement may use that is not looked at."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of one table: those that can reach the result, and those that only choose rows.

    None stands for all of the visible ones.
    """

    projected: tuple[str, ...] | None
    filter_only: tuple[str, ...] | None


def used(tree: Node) -> Used:
    """What a statement's tree names."""
    walk = _Walk()
    walk.run(tree)
    return Used(
        frozenset(walk.names[True]),
        frozenset(walk.names[False]),
        walk.every[True],
        walk.every[False],
        frozenset(walk.labels),
    )


def columns_of(table: TableName, visible: Iterable[str], use: Used) -> Columns:
    """The columns of one table that a statement uses, in the table's order."""
    if use.all_projected:
        return Columns(None, ())
    names = list(visible)
    projected = _found(table, names, use.projected, use.labels)
    if projected is None:
        return Columns(None, ())
    rest = [name for name in names if name not in projected]
    others = None if use.all_others else _found(table, rest, use.others, use.labels)
    return Columns(projected, others)


def _found(
    table: TableName,
    names: list[str],
    references: frozenset[tuple[str, ...]],
    labels: frozenset[tuple[str, str]],
) -> tuple[str, ...] | None:
    """Those of a table's columns that references may mean; None where a whole row is named."""
    own = table.folded
    called = {own.table} | {label for name, label in labels if name == own.table}
    by_fold = {fold(name): name for name in names}
    found: set[str] = set()
    for parts in references:
        found.update(part for part in _candidates(parts, called) if part in by_fold)
        if _is_row(parts, called, own) and parts[0] not in by_fold:
            return None
    return tuple(name for name in names if fold(name) in found)


def _candidates(parts: tuple[str, ...], called: set[str]) -> Iterator[str]:
    yield parts[0]
    if len(parts) > 1 and parts[0] in called:
        yield parts[1]
    if len(parts) > 2 and parts[1] in called:
        yield parts[2]
    if len(parts) > 3 and parts[2] in called:
        yield parts[3]


def _is_row(parts: tuple[str, ...], called: set[str], own: TableName) -> bool:
    """Whether `t`, `s.t`, `c.s.t` or `t.*` may be the whole row of a table."""
    match parts:
        case (label,) | (label, "*"):
            return label in called
        case (schema, name) | (_, schema, name):
            return (schema, name) == (own.schema, own.table)
    return False


class _Walk:
    """One pass over a tree, with a stack of its own. `True` stands for what can reach the result.

    What is not known to choose rows only counts as reaching the result.
    """

    def __init__(self) -> None:
        self.names: dict[bool, set[tuple[str, ...]]] = {True: set(), False: set()}
        self.every = {True: False, False: False}
        self.labels: set[tuple[str, str]] = set()
        self._stack: list[tuple[Any, bool]] = []

    def run(self, tree: Node) -> None:
        self._stack.append((tree, True))
        while self._stack:
            value, reaches = self._stack.pop()
            if isinstance(value, list):
                self._stack.extend((item, reaches) for item in value)
            elif isinstance(value, dict):
                self._visit(value, reaches)

    def _visit(self, node: Node, reaches: bool) -> None:
        kind = node.get("type")
        if node.get("class") == "COLUMN_REF":
            self.names[reaches].add(tuple(fold(str(part)) for part in node["column_names"]))
        elif node.get("class") == "STAR" and node.get("relation_name"):
            # of a table, or of a column that is a struct
            self.names[reaches].add((fold(str(node["relation_name"])), "*"))
        elif node.get("class") in _ANY_COLUMN or kind == "PIVOT":
            self.every[reaches] = True
        elif kind == "BASE_TABLE":
            self._table(node)
        elif kind == "JOIN":
            self._join(node, reaches)
            return
        elif kind == "SELECT_NODE":
            for key, value in node.items():
                self._stack.append((value, reaches and key not in _CHOOSING))
            return
        self._stack.extend((value, reaches) for value in node.values())

    def _table(self, node: Node) -> None:
        path = [fold(str(part)) for part in node["qualified_name"]["path"]]
        if node.get("alias"):
            self.labels.add((path[-1], fold(str(node["alias"]))))
        if node.get("column_name_alias"):
            # its columns go by other names from here on
            self.every[True] = True

    def _join(self, node: Node, reaches: bool) -> None:
        if node.get("ref_type") == "NATURAL":
            self.every[False] = True
        for name in node.get("using_columns") or []:
            self.names[False].add((fold(str(name)),))
        for key, value in node.items():
            choosing = key in ("condition", "ranking_expression")
            self._stack.append((value, reaches and not choosing))
