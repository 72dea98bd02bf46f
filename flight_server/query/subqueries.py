"""Subqueries of policy expressions: what they may be, and which columns their names mean.

Rules for editors. Rule 1: a subquery reads one declared lookup, whole rows of it, and nothing else.
Rule 2: every name within one is qualified by what it was found in, so that what was looked at is
what runs. Rule 3: a name that is found nowhere raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auth.errors import PolicyInvalid
from catalog.names import TableName, fold
from flight_server.query.functions import AGGREGATES
from flight_server.query.parser import Node

# What stands for the masked column until its place in the tree is known; no policy can write it.
COLUMN = "${col}"
_KINDS = frozenset({"ANY", "EXISTS", "NOT_EXISTS", "SCALAR"})
_ALLOWED = frozenset(
    {"type", "select_list", "from_table", "where_clause", "aggregate_handling", "modifiers"}
)


class LookupUnreadable(Exception):
    """What an expression reads is not there, or not as it needs it. For operators only."""


@dataclass(frozen=True, slots=True)
class _Level:
    """A subquery around a name: the lookup that it reads and the name that it reads it by."""

    lookup: str
    alias: str
    internal: str


@dataclass(frozen=True, slots=True)
class Names:
    """What the names of an expression may mean: columns of its table, and of lookups.

    All columns are folded, `lookups` are by folded name; `column` is the masked one, as the table
    spells it.
    """

    table: str
    columns: frozenset[str]
    column: str | None
    lookups: Mapping[str, frozenset[str]]

    def qualified(self, path: list[str], levels: tuple[_Level, ...]) -> list[str]:
        """A name as the innermost level that has it says it. Raises `LookupUnreadable`."""
        if path[0] == COLUMN and self.column is not None:
            return [self.table, self.column, *path[1:]]
        first, second = fold(path[0]), fold(path[1]) if len(path) > 1 else None
        for level in reversed(levels):
            columns = self.lookups[level.lookup]
            if first == level.alias and second in columns:
                return [level.internal, *path[1:]]
            if first in columns:
                return [level.internal, *path]
        if first == fold(self.table) and second in self.columns:
            return [self.table, *path[1:]]
        if first in self.columns:
            return [self.table, *path]
        raise LookupUnreadable(f"there is no column {'.'.join(path)}")


def internal_name(lookup: str) -> str:
    """The name under which an engine offers a lookup to expressions, and to nothing else."""
    return f"lookup {lookup}"


def checked(
    node: Node, rule: str, lookups: Mapping[str, TableName]
) -> tuple[str, list[Node], Node | None]:
    """The lookup that a subquery reads, what it shows of it and where.

    Raises `PolicyInvalid` for any subquery that does more than that, or that would fail where it
    gives several rows.
    """
    select = (node.get("subquery") or {}).get("node") or {}
    if node.get("subquery_type") not in _KINDS or select.get("type") != "SELECT_NODE":
        raise PolicyInvalid(f"Policy rule {rule!r} has a subquery of a kind that is not allowed.")
    rest = [key for key, value in select.items() if key not in _ALLOWED and value]
    modifiers = [m for m in select.get("modifiers") or [] if not _is_distinct(m)]
    if [key for key in rest if key != "cte_map" or select["cte_map"].get("map")] or modifiers:
        raise PolicyInvalid(f"Policy rule {rule!r}: a subquery has SELECT, FROM and WHERE only.")
    if select.get("aggregate_handling") != "STANDARD_HANDLING" or len(select["select_list"]) != 1:
        raise PolicyInvalid(f"Policy rule {rule!r}: a subquery gives one column.")
    if node["subquery_type"] == "SCALAR" and not _is_one_row(select["select_list"]):
        raise PolicyInvalid(
            f"Policy rule {rule!r}: a subquery in the place of a value may give several rows:"
            " select an aggregate, such as max(x), or use IN."
        )
    name = _lookup(select["from_table"], rule, lookups)
    shown = [] if _is_star_of_exists(node) else select["select_list"]
    return name, shown, select["where_clause"]


def resolved(value: Any, names: Names, levels: tuple[_Level, ...] = ()) -> Any:
    """A copy of a checked tree whose subqueries read internal names, all columns qualified.

    Raises `LookupUnreadable`.
    """
    if isinstance(value, list):
        return [resolved(item, names, levels) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("class") == "SUBQUERY":
        return _subquery(value, names, levels)
    if value.get("class") == "COLUMN_REF" and levels:
        return {**value, "column_names": names.qualified(value["column_names"], levels)}
    made = {key: resolved(item, names, levels) for key, item in value.items()}
    if levels and value.get("class") == "COMPARISON":
        left, right = made["left"], made["right"]
        if left.get("column_names") and left.get("column_names") == right.get("column_names"):
            raise LookupUnreadable(
                f"{'.'.join(value['left']['column_names'])} is compared with itself:"
                " say of which table each side is"
            )
    return made


def _subquery(node: Node, names: Names, levels: tuple[_Level, ...]) -> Node:
    select = node["subquery"]["node"]
    table = select["from_table"]
    lookup = fold(str(table["qualified_name"]["path"][0]))
    if lookup not in names.lookups:
        raise LookupUnreadable(f"lookup {lookup} was not found")
    # no name of the tables around it: they must stay in reach
    internal = f"lookup {len(levels)}" + (
        " here" if fold(names.table).startswith("lookup ") else ""
    )
    level = _Level(lookup, fold(table["alias"]) or lookup, internal)
    inner = (*levels, level)
    name = internal_name(lookup)
    source = {
        **table,
        "alias": level.internal,
        "table_name": name,
        "qualified_name": {"path": [name]},
    }
    shown = _ONE if _is_star_of_exists(node) else resolved(select["select_list"], names, inner)
    made = {
        **select,
        "from_table": source,
        "select_list": shown,
        "where_clause": resolved(select["where_clause"], names, inner),
    }
    return {
        **node,
        "child": resolved(node["child"], names, levels),
        "subquery": {**node["subquery"], "node": made},
    }


def _lookup(table: Node, rule: str, lookups: Mapping[str, TableName]) -> str:
    path = [str(part) for part in (table.get("qualified_name") or {}).get("path") or []]
    plain = table.get("type") == "BASE_TABLE" and not any(
        table.get(key) for key in ("sample", "column_name_alias", "at_clause")
    )
    if not plain or len(path) != 1 or fold(path[0]) not in lookups:
        raise PolicyInvalid(f"Policy rule {rule!r}: a subquery reads one declared lookup.")
    return fold(path[0])


def _is_distinct(modifier: Node) -> bool:
    return modifier.get("type") == "DISTINCT_MODIFIER" and not modifier.get("distinct_on_targets")


def _is_one_row(shown: list[Node]) -> bool:
    """Whether what is selected has an aggregate: as there is no GROUP BY, it is one row then."""
    waiting: list[Any] = list(shown)
    while waiting:
        found = waiting.pop()
        if isinstance(found, list):
            waiting += found
        elif isinstance(found, dict) and found.get("class") != "SUBQUERY":
            if found.get("class") == "FUNCTION" and fold(found["function_name"]) in AGGREGATES:
                return True
            waiting += found.values()
    return False


def _is_star_of_exists(node: Node) -> bool:
    """`EXISTS (SELECT * …)` and `EXISTS (FROM …)`: which columns there are does not matter."""
    (shown,) = node["subquery"]["node"]["select_list"]
    return "EXISTS" in node["subquery_type"] and shown.get("class") == "STAR"


_ONE: list[Node] = [
    {
        "class": "CONSTANT",
        "type": "VALUE_CONSTANT",
        "alias": "",
        "literal": {"kind": "INTEGER", "text": "1"},
    }
]
