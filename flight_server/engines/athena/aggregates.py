"""The allow-list of aggregates and window functions, each with its form in Athena's dialect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from catalog.names import fold
from flight_server.engines.athena.binder import Binder, Node
from flight_server.engines.athena.types import (
    BOOLEAN,
    FLOATS,
    INTEGERS,
    NUMBERS,
    VARCHAR,
    Type,
)
from flight_server.engines.athena.values import (
    Value,
    as_double,
    call_type,
    coerced,
)
from flight_server.engines.errors import Untranslatable

_WHOLE = "decimal(38, 0)"
_ORDERED = frozenset(
    {"BOOLEAN", "VARCHAR", "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIME"}
)


class Within(Protocol):
    """What an aggregate is translated with."""

    @property
    def binder(self) -> Binder: ...

    def value(self, node: Node) -> Value:
        """The translation of one expression."""
        ...

    def condition(self, node: Node) -> Value:
        """The translation of a boolean expression."""
        ...

    def at(self, node: Node) -> int | None:
        """The place of a node."""
        ...


# Writes a call of one of Athena's aggregates over SQL, with all that stands around it.
Call = Callable[..., str]
Rule = Callable[[list[Value], Call, Type], str | None]


def _count(values: list[Value], call: Call, _kind: Type) -> str | None:
    if not values:
        return call("count", "*")
    return call("count", values[0].sql) if len(values) == 1 else None


def _exact(value: Value) -> str | None:
    """A number whose sums are exact, with room for them."""
    if value.type.name in INTEGERS:
        return f"CAST({value.sql} AS {_WHOLE})"
    if value.type.name == "BOOLEAN":
        return f"CAST(CAST({value.sql} AS integer) AS {_WHOLE})"
    if value.type.name == "DECIMAL":
        return f"CAST({value.sql} AS decimal(38, {value.type.scale}))"
    return None


def _sum(values: list[Value], call: Call, kind: Type) -> str | None:
    exact = _exact(values[0])
    if exact is not None:
        return f"CAST({call('sum', exact)} AS {kind.trino})"
    return call("sum", as_double(values[0])) if values[0].type.name in FLOATS else None


def _avg(values: list[Value], call: Call, _kind: Type) -> str | None:
    exact = _exact(values[0])
    if exact is not None and values[0].type.name != "BOOLEAN":
        return f"(CAST({call('sum', exact)} AS double) / {call('count', values[0].sql)})"
    return call("avg", as_double(values[0])) if values[0].type.name in FLOATS else None


def _extreme(name: str) -> Rule:
    def rule(values: list[Value], call: Call, _kind: Type) -> str | None:
        value = values[0]
        if len(values) != 1:
            return None
        if value.type.name in FLOATS:
            # NaN is the greatest of all
            nan, rest = f"is_nan({value.sql})", f"IF(is_nan({value.sql}), NULL, {value.sql})"
            made = f"CAST(nan() AS {value.type.trino})"
            which = "bool_or" if name == "max" else "bool_and"
            return f"IF({call(which, nan)}, {made}, {call(name, rest)})"
        if value.type.name in _ORDERED | NUMBERS:
            return call(name, value.sql)
        return None

    return rule


def _boolean(name: str) -> Rule:
    def rule(values: list[Value], call: Call, _kind: Type) -> str | None:
        return call(name, coerced(values[0], BOOLEAN)) if len(values) == 1 else None

    return rule


def _count_if(values: list[Value], call: Call, kind: Type) -> str | None:
    return f"CAST({call('count_if', coerced(values[0], BOOLEAN))} AS {kind.trino})"


def _spread(name: str) -> Rule:
    def rule(values: list[Value], call: Call, _kind: Type) -> str | None:
        if len(values) != 1 or values[0].type.name not in NUMBERS:
            return None
        return call(name, as_double(values[0]))

    return rule


def _pasted(values: list[Value], call: Call, _kind: Type) -> str | None:
    given = len(values) in (1, 2) and values[0].type == VARCHAR
    if not given or (len(values) == 2 and values[1].text is None):
        return None
    between = values[1].sql if len(values) == 2 else "','"
    listed = call("array_agg", values[0].sql, ordered=True, only=f"{values[0].sql} IS NOT NULL")
    return f"array_join({listed}, {between})"


def _listed(values: list[Value], call: Call, _kind: Type) -> str | None:
    return call("array_agg", values[0].sql, ordered=True) if len(values) == 1 else None


def _best(name: str) -> Rule:
    def rule(values: list[Value], call: Call, _kind: Type) -> str | None:
        if len(values) != 2 or values[1].type.name not in _ORDERED | (NUMBERS - FLOATS):
            return None
        only = f"{values[0].sql} IS NOT NULL AND {values[1].sql} IS NOT NULL"
        return call(name, f"{values[0].sql}, {values[1].sql}", only=only)

    return rule


def _any(values: list[Value], call: Call, _kind: Type) -> str | None:
    if len(values) != 1:
        return None
    return call("arbitrary", values[0].sql, only=f"{values[0].sql} IS NOT NULL")


AGGREGATES: Mapping[str, Rule] = {
    **dict.fromkeys(("count", "count_star"), _count),
    **dict.fromkeys(("string_agg", "listagg", "group_concat"), _pasted),
    **dict.fromkeys(("list", "array_agg"), _listed),
    **{name: _best("max_by") for name in ("arg_max", "argmax", "max_by")},
    **{name: _best("min_by") for name in ("arg_min", "argmin", "min_by")},
    **dict.fromkeys(("count_if", "countif"), _count_if),
    **{name: _spread("stddev_samp") for name in ("stddev", "stddev_samp")},
    **{name: _spread("var_samp") for name in ("variance", "var_samp")},
    **{name: _spread(name) for name in ("stddev_pop", "var_pop")},
    "sum": _sum,
    "avg": _avg,
    "mean": _avg,
    "min": _extreme("min"),
    "max": _extreme("max"),
    "bool_and": _boolean("bool_and"),
    "bool_or": _boolean("bool_or"),
    "any_value": _any,
}


def aggregate(within: Within, node: Node, name: str) -> Value:
    """A call of an aggregate."""
    at = within.at(node)
    values = [within.value(each["expression"]) for each in node.get("arguments") or []]
    orders = (node.get("order_bys") or {}).get("orders") or []
    condition = within.condition(node["filter"]).sql if "filter" in node else None
    if any(value.grouped or value.windowed for value in values):
        raise Untranslatable("An aggregate of an aggregate", at)
    keys = sort_keys(within, orders)
    used: list[bool] = []

    def call(function: str, sql: str, *, ordered: bool = False, only: str | None = None) -> str:
        inner = f"DISTINCT {sql}" if node.get("distinct") else sql
        if ordered:
            if not keys:
                raise Untranslatable(f"The function {name} without ORDER BY", at)
            inner += f" ORDER BY {keys}"
            used.append(True)
        conditions = [part for part in (condition, only) if part is not None]
        where = f" FILTER (WHERE {' AND '.join(conditions)})" if conditions else ""
        return f"{function}({inner}){where}"

    made = _made(within.binder, name, values, call, at)
    if keys and not used:
        raise Untranslatable(f"The function {name} with ORDER BY", at)
    return Value(made.sql, made.type, grouped=True, at=at)


def _made(binder: Binder, name: str, values: list[Value], call: Call, at: int | None) -> Value:
    slots = ", ".join(f"{{{n}}}" for n in range(len(values)))
    kind = call_type(binder, f"system.main.{name}({slots})", values, at)
    sql = AGGREGATES[name](values, call, kind)
    if sql is None:
        raise Untranslatable(f"The function {name} over these arguments", at)
    return Value(sql, kind, at=at)


def sort_keys(within: Within, orders: Sequence[Node]) -> str:
    """What stands after ORDER BY, with the place of NULLs written out."""
    return ", ".join(f"{within.value(each['expression']).sql} {direction(each)}" for each in orders)


def direction(order: Node) -> str:
    """The direction of a key and the place of NULLs, which DuckDB puts last."""
    down = "DESC" if order["type"] == "DESCENDING" else "ASC"
    nulls = "FIRST" if "FIRST" in str(order.get("null_order", "")) else "LAST"
    return f"{down} NULLS {nulls}"


_RANKS = {
    "row_number": "row_number",
    "rank": "rank",
    "dense_rank": "dense_rank",
    "rank_dense": "dense_rank",
    "percent_rank": "percent_rank",
    "cume_dist": "cume_dist",
}
_PLACES = {"first_value": "first_value", "last_value": "last_value", "nth_value": "nth_value"}
_SHIFTS = ("lag", "lead")
_KEYS = frozenset(
    {
        "class",
        "type",
        "alias",
        "query_location",
        "query_location_length",
        "function_name",
        "qualified_name",
        "partitions",
        "orders",
        "start",
        "end",
        "start_expr",
        "end_expr",
        "ignore_nulls",
        "has_ignore_nulls",
        "exclude_clause",
        "distinct",
        "arguments",
        "schema",
        "catalog",
    }
)


def window(within: Within, node: Node) -> Value:
    """A call of a window function, or of an aggregate over a window."""
    at, name = within.at(node), fold(str(node["function_name"]))
    if not node.keys() <= _KEYS or node.get("distinct") or node["exclude_clause"] != "NO_OTHER":
        raise Untranslatable("A window of this kind", at)
    values = [within.value(each["expression"]) for each in node.get("arguments") or []]
    partitions = ", ".join(within.value(each).sql for each in node.get("partitions") or [])
    orders = sort_keys(within, node.get("orders") or [])
    over = " ".join(
        part
        for part in (
            f"PARTITION BY {partitions}" if partitions else "",
            f"ORDER BY {orders}" if orders else "",
        )
        if part
    )
    framed = f"{over} {_frame(node, at)}".strip()
    usual = str(node["start"]) == "UNBOUNDED_PRECEDING" and node["end"] == "CURRENT_ROW_RANGE"
    nulls = " IGNORE NULLS" if node.get("ignore_nulls") else ""
    if name in AGGREGATES:
        made = _made(within.binder, name, values, _over(framed, nulls, at), at)
        return Value(made.sql, made.type, windowed=True, at=at)
    if not usual and name not in _PLACES:
        raise Untranslatable(f"The function {name} with a frame", at)
    if not orders and name != "row_number":
        raise Untranslatable(f"The function {name} over a window without ORDER BY", at)
    slots = ", ".join(f"{{{n}}}" for n in range(len(values)))
    kind = call_type(within.binder, f"{name}({slots}) OVER ()", values, at)
    sql = _ranked(name, values, kind)
    if sql is None or (nulls and name in _RANKS):
        raise Untranslatable(f"The function {name} over a window", at)
    made_over = framed if name in _PLACES else over
    return Value(f"{sql}{nulls} OVER ({made_over})", kind, windowed=True, at=at)


def _over(framed: str, nulls: str, at: int | None) -> Call:
    def call(function: str, sql: str, *, ordered: bool = False, only: str | None = None) -> str:
        if ordered or only is not None or nulls:
            raise Untranslatable("This aggregate over a window", at)
        return f"{function}({sql}) OVER ({framed})"

    return call


def _ranked(name: str, values: list[Value], kind: Type) -> str | None:
    if name in _RANKS and not values:
        return f"{_RANKS[name]}()"
    if name == "ntile" and len(values) == 1 and (values[0].number or 0) > 0:
        return f"ntile({values[0].sql})"
    if name in ("first_value", "last_value") and len(values) == 1:
        return f"{name}({values[0].sql})"
    if name == "nth_value" and len(values) == 2 and (values[1].number or 0) > 0:
        return f"nth_value({values[0].sql}, {values[1].sql})"
    if name in _SHIFTS and 1 <= len(values) <= 3:
        parts = [coerced(values[0], kind)]
        if len(values) > 1:
            if values[1].number is None or values[1].number < 0:
                return None
            parts.append(values[1].sql)
        if len(values) > 2:
            parts.append(coerced(values[2], kind))
        return f"{name}({', '.join(parts)})"
    return None


_BOUNDS = {
    "UNBOUNDED_PRECEDING": "UNBOUNDED PRECEDING",
    "UNBOUNDED_FOLLOWING": "UNBOUNDED FOLLOWING",
    "CURRENT_ROW": "CURRENT ROW",
}


def _frame(node: Node, at: int | None) -> str:
    units = set()
    bounds = []
    for side in ("start", "end"):
        told = str(node[side])
        if told in _BOUNDS:
            bounds.append(_BOUNDS[told])
            continue
        kind, _, unit = told.rpartition("_")
        units.add(unit)
        if kind == "CURRENT_ROW":
            bounds.append("CURRENT ROW")
        elif kind in ("EXPR_PRECEDING", "EXPR_FOLLOWING") and unit in ("ROWS", "GROUPS"):
            bounds.append(f"{_distance(node.get(f'{side}_expr') or {}, at)} {kind[5:]}")
        else:
            raise Untranslatable("A window frame of this kind", at)
    if len(units) > 1 or not units <= {"ROWS", "RANGE", "GROUPS"}:
        raise Untranslatable("A window frame of this kind", at)
    unit = units.pop() if units else "ROWS"
    return f"{unit} BETWEEN {bounds[0]} AND {bounds[1]}"


def _distance(node: dict[str, Any], at: int | None) -> str:
    held = node.get("literal") or {}
    text = str(held.get("text", ""))
    if held.get("kind") != "INTEGER" or not text.isdigit():
        raise Untranslatable("A window frame of this kind", at)
    return text
