"""One SELECT in Athena's dialect: its items, groups, windows, order and limit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from catalog.names import fold
from flight_server.engines.athena import sources
from flight_server.engines.athena.binder import Node
from flight_server.engines.athena.query import Order, Queries, Query, Reads
from flight_server.engines.athena.scope import Scope
from flight_server.engines.athena.types import Type
from flight_server.engines.athena.values import Value, plain
from flight_server.engines.errors import Untranslatable

_KEYS = frozenset(
    {
        "type",
        "modifiers",
        "cte_map",
        "select_list",
        "from_table",
        "where_clause",
        "group_expressions",
        "group_sets",
        "aggregate_handling",
        "having",
        "qualify",
    }
)
_STAR = frozenset(
    {
        "class",
        "type",
        "alias",
        "query_location",
        "query_location_length",
        "relation_name",
        "exclude_list",
        "replace_list",
        "rename_list",
        "columns",
    }
)
_ORDERS = frozenset({"ORDER_DEFAULT", "ASCENDING", "DESCENDING"})
_PLAIN = re.compile(r"[a-z]+[0-9]+\.c[0-9]+")
_NAMELESS = "\0"
_MOST = 2**31


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a SELECT. `tail` is all from WHERE to HAVING."""

    scope: Scope
    items: tuple[tuple[str, Value], ...]
    source: str
    tail: str = ""
    qualify: str | None = None


def select(queries: Queries, node: Node, scope: Scope) -> Query:
    """One SELECT with its modifiers."""
    if not node.keys() <= _KEYS:
        raise Untranslatable("SAMPLE" if "sample" in node else "A query of this kind")
    found = sources.read(queries, node["from_table"], scope)
    if found is not None:
        scope.sources.extend(found.sources)
    reads = queries.expressions(scope)
    items = _items(reads, node["select_list"], scope)
    conditions = list(found.conditions) if found is not None else []
    if "where_clause" in node:
        conditions.append(reads.condition(node["where_clause"]).sql)
    tail = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    tail += _groups(reads, node, scope, items)
    if "having" in node:
        tail += f" HAVING {reads.condition(node['having']).sql}"
    qualify = reads.condition(node["qualify"]).sql if "qualify" in node else None
    source = "" if found is None else f" FROM {found.sql}"
    parts = Parts(scope, tuple(items), source, tail, qualify)
    return assembled(queries, parts, node.get("modifiers") or [])


def _items(reads: Reads, nodes: Sequence[Node], scope: Scope) -> list[tuple[str, Value]]:
    items: list[tuple[str, Value]] = []
    for node in nodes:
        if node.get("class") == "STAR":
            items += _star(reads, node, scope)
            continue
        value = reads.value(node)
        alias = node.get("alias")
        if alias is not None:
            scope.aliases.setdefault(fold(str(alias)), plain(value))
        items.append((_shown(node) if alias is None else str(alias), value))
    return items


def _shown(node: Node) -> str:
    """The name of a column that has no alias, where it is that of a column or field."""
    if node.get("class") == "COLUMN_REF":
        return str(node["column_names"][-1])
    return _NAMELESS


def _star(reads: Reads, node: Node, scope: Scope) -> list[tuple[str, Value]]:
    at = reads.at(node)
    if not node.keys() <= _STAR or node.get("columns"):
        raise Untranslatable("COLUMNS", at)
    left_out = node.get("exclude_list") or []
    if not all(isinstance(name, str) for name in left_out):
        raise Untranslatable("EXCLUDE of qualified names", at)
    gone = {fold(name) for name in left_out}
    replaced = {fold(str(e["key"])): e["value"] for e in node.get("replace_list") or []}
    renamed: dict[str, str] = {}
    for entry in node.get("rename_list") or []:
        if entry["key"].keys() != {"column"}:
            raise Untranslatable("RENAME of qualified names", at)
        renamed[fold(str(entry["key"]["column"]))] = str(entry["value"])
    items = []
    for column in scope.shown(node.get("relation_name"), at):
        name = fold(column.name)
        if name in gone:
            continue
        value = Value(column.sql, column.type, at=at)
        if name in replaced:
            value = reads.value(replaced[name])
        items.append((renamed.get(name, column.name), value))
    return items


def _groups(reads: Reads, node: Node, scope: Scope, items: Sequence[tuple[str, Value]]) -> str:
    sets: list[list[int]] = node.get("group_sets") or []
    if node.get("aggregate_handling") == "FORCE_AGGREGATES":
        keys = [v for _, v in items if not v.grouped]
        if any(value.windowed or "SELECT" in value.sql for value in keys):
            raise Untranslatable("GROUP BY ALL with windows or subqueries")
        # what is the same for all rows is no key: there is one group, even of no rows
        keys = [value for value in keys if _changes(value.sql)]
        aggregated = any(value.grouped for _, value in items)
        if not keys and not aggregated:
            raise Untranslatable("GROUP BY ALL of what is the same for all rows")
        return f" GROUP BY {', '.join(dict.fromkeys(v.sql for v in keys))}" if keys else ""
    expressions: list[Node] = node.get("group_expressions") or []
    if not expressions:
        return " GROUP BY ()" if sets and not any(sets) else ""
    found = [_group(reads, each, scope, items) for each in expressions]
    if sets == [list(range(len(found)))]:
        return f" GROUP BY {', '.join(found)}"
    if not all(_PLAIN.fullmatch(sql) for sql in found):
        raise Untranslatable("Grouping sets of expressions")
    listed = ", ".join("(" + ", ".join(found[at] for at in each) + ")" for each in sets)
    return f" GROUP BY GROUPING SETS ({listed})"


def _group(reads: Reads, node: Node, scope: Scope, items: Sequence[tuple[str, Value]]) -> str:
    value = _position(reads, node, items)
    if value is None:
        path = node.get("column_names") or []
        alias = scope.aliases.get(fold(str(path[0]))) if len(path) == 1 else None
        if alias is not None and scope.column([str(path[0])], None) is not None:
            # the name of a column, and of an item: what it means is not the same everywhere
            named = reads.value(node)
            if named.sql != alias.sql:
                raise Untranslatable("GROUP BY a name of a column and of an item", reads.at(node))
        value = reads.value(node)
    if value.literal is not None or value.grouped or value.windowed or not _changes(value.sql):
        raise Untranslatable("GROUP BY a value that is the same for all rows", reads.at(node))
    return value.sql


def _changes(sql: str) -> bool:
    return re.search(r"[a-z]+[0-9]+\.", sql) is not None


def _position(reads: Reads, node: Node, items: Sequence[tuple[str, Value]]) -> Value | None:
    """The item that a number stands for in GROUP BY; None where there is no number."""
    at = _index(node, len(items), reads.at(node))
    return None if at is None else items[at][1]


def _index(node: Node, width: int, at: int | None) -> int | None:
    if node.get("class") == "POSITIONAL_REFERENCE":
        raise Untranslatable("A positional reference", at)
    if node.get("class") != "CONSTANT":
        return None
    held = node["literal"]
    if held["kind"] != "INTEGER" or not 1 <= int(held["text"]) <= width:
        raise Untranslatable("A literal as a key", at)
    return int(held["text"]) - 1


def assembled(queries: Queries, parts: Parts, modifiers: Sequence[Node]) -> Query:
    """A SELECT of its parts, with DISTINCT, ORDER BY, LIMIT and OFFSET."""
    reads = queries.expressions(parts.scope)
    distinct, limit, orders = False, "", []
    first: Sequence[Node] | None = None
    for modifier in modifiers:
        kind = modifier["type"]
        if kind == "DISTINCT_MODIFIER":
            targets = modifier.get("distinct_on_targets") or []
            distinct, first = not targets, targets or None
        elif kind == "ORDER_MODIFIER":
            orders += modifier["orders"]
        elif kind == "LIMIT_MODIFIER":
            limit = _limit(queries, reads, modifier)
        else:
            raise Untranslatable(str(kind).replace("_", " ").capitalize())
    extra: list[Value] = []
    order = _order(reads, parts, orders, extra)
    if distinct and (extra or parts.qualify is not None):
        raise Untranslatable("DISTINCT with an order by what is not selected, or QUALIFY")
    values = [value for _, value in parts.items] + extra
    columns = tuple((name, value.type) for name, value in parts.items)
    made = Query("", columns, tuple(order), tuple(value.type for value in extra))
    sql = _body(queries, parts, values, distinct)
    if first is not None:
        sql = _first(queries, replace(parts, qualify=parts.qualify), values, first, order)
    if limit:
        sql = _limited(queries, sql, made, limit)
    return replace(made, sql=sql)


def _body(queries: Queries, parts: Parts, values: Sequence[Value], distinct: bool) -> str:
    listed = ", ".join(f"{value.sql} AS c{at}" for at, value in enumerate(values))
    head = "SELECT DISTINCT" if distinct else "SELECT"
    if parts.qualify is None:
        return f"{head} {listed}{parts.source}{parts.tail}"
    name = queries.name()
    width = len(values)
    names = ", ".join(f"c{at}" for at in range(width))
    inner = f"SELECT {listed}, {parts.qualify} AS q{parts.source}{parts.tail}"
    return f"SELECT {names} FROM ({inner}) AS {name} WHERE q"  # noqa: S608 - made here


def _first(
    queries: Queries,
    parts: Parts,
    values: Sequence[Value],
    targets: Sequence[Node],
    order: Sequence[Order],
) -> str:
    """DISTINCT ON: the first row of each group, in the order that is asked for."""
    reads = queries.expressions(parts.scope)
    if not order or parts.qualify is not None or "GROUP BY" in parts.tail:
        raise Untranslatable("DISTINCT ON without ORDER BY, or with groups")
    keys = []
    for node in targets:
        at = _index(node, len(parts.items), reads.at(node))
        keys.append((reads.value(node) if at is None else parts.items[at][1]).sql)
    by = ", ".join(f"{values[each.column].sql} {each.sql}" for each in order)
    ranked = f"row_number() OVER (PARTITION BY {', '.join(keys)} ORDER BY {by}) = 1"
    return _body(queries, replace(parts, qualify=ranked), values, False)


def _limited(queries: Queries, sql: str, made: Query, limit: str) -> str:
    """Rows are cut within a query of their own, where the order is by its columns alone."""
    name = queries.name()
    by = ", ".join(f"{name}.c{each.column} {each.sql}" for each in made.order)
    ordered = f" ORDER BY {by}" if by else ""
    return f"SELECT {made.names} FROM ({sql}) AS {name} ({made.names}){ordered}{limit}"  # noqa: S608 - made names, translated values


def _order(reads: Reads, parts: Parts, orders: Sequence[Node], extra: list[Value]) -> list[Order]:
    made: list[Order] = []
    for each in orders:
        if each["type"] not in _ORDERS:
            raise Untranslatable("An order of this kind")
        node: dict[str, Any] = each["expression"]
        down = each["type"] == "DESCENDING"
        nulls = "FIRST" in str(each.get("null_order", ""))
        if node.get("class") == "STAR":
            if not node.keys() <= _STAR - {"exclude_list", "replace_list", "rename_list"}:
                raise Untranslatable("An order by these columns", reads.at(node))
            made += [Order(at, down, nulls) for at in range(len(parts.items))]
            continue
        made.append(Order(_key(reads, node, parts, extra), down, nulls))
    for each_made in made:
        kind = ([v.type for _, v in parts.items] + [v.type for v in extra])[each_made.column]
        _check_sortable(kind)
    return made


def _check_sortable(kind: Type) -> None:
    if kind.name in ("LIST", "STRUCT", "MAP", "INTERVAL"):
        raise Untranslatable("An order by a nested value")


def _key(reads: Reads, node: Node, parts: Parts, extra: list[Value]) -> int:
    """The column that an order is by: an item, or one more."""
    at = _index(node, len(parts.items), reads.at(node))
    if at is not None:
        return at
    path = node.get("column_names") or []
    if len(path) == 1:
        named = [n for n, (name, _) in enumerate(parts.items) if fold(name) == fold(str(path[0]))]
        if len({parts.items[n][1].sql for n in named}) > 1:
            raise Untranslatable("ORDER BY a name of several columns", reads.at(node))
        if named:
            return named[0]
    value = reads.value(node)
    for place, (_, item) in enumerate(parts.items):
        if item.sql == value.sql and item.type == value.type:
            return place
    extra.append(plain(value))
    return len(parts.items) + len(extra) - 1


def _limit(queries: Queries, reads: Reads, modifier: Node) -> str:
    if modifier.get("limit_type", "ROW_COUNT") != "ROW_COUNT":
        raise Untranslatable("LIMIT of a percentage")
    made = ""
    for word, key in (("OFFSET", "offset"), ("LIMIT", "limit")):
        if key in modifier:
            value = reads.value(modifier[key])
            if value.number is None or not 0 <= value.number < _MOST:
                raise Untranslatable(f"{word} of this kind", reads.at(modifier[key]))
            made += f" {word} {value.number}"
    return made
