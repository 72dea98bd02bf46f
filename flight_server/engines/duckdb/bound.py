"""The second look at a statement: what its bound plan reads, whatever its text looks like.

It is bound on an instance whose only relations are the statement's own, as views without a table
behind them. So a plan that reads any table, file or listing of the engine reads something else.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

from duckdb import DuckDBPyConnection

from flight_server.engines.duckdb.faults import Fault

_log = logging.getLogger(__name__)

# What makes rows from its arguments alone.
_MADE = frozenset({"generate_series", "range", "repeat", "repeat_row", "unnest"})
_READS = "LOGICAL_GET"
# Operators that compute; all that write, change or explain are missing.
_OPERATORS = frozenset(
    {
        "AGGREGATE_AND_GROUP_BY",
        "ANY_JOIN",
        "ASOF_JOIN",
        "COMPARISON_JOIN",
        "CROSS_PRODUCT",
        "CTE_REF",
        "DELIM_GET",
        "DELIM_JOIN",
        "DEPENDENT_JOIN",
        "DISTINCT",
        "DUMMY_SCAN",
        "EMPTY_RESULT",
        "EXCEPT",
        "EXPRESSION_GET",
        "FILTER",
        "INTERSECT",
        "JOIN",
        "LIMIT",
        "MATERIALIZED_CTE",
        "ORDER_BY",
        "PIVOT",
        "POSITIONAL_JOIN",
        "PROJECTION",
        "RECURSIVE_CTE",
        "SAMPLE",
        "TOP_N",
        "UNION",
        "UNNEST",
        "WINDOW",
    }
)
_REFUSED = Fault("bind", "The statement reads something that is none of its tables.")


def check(connection: DuckDBPyConnection, text: str, *, parameters: bool) -> Fault | None:
    """Why a statement that binds may not run; None where its plan reads only its relations.

    DuckDB gives no plan of a statement in which a parameter's type does not follow from its place
    (`SELECT ?`): with `parameters`, such a statement passes, as it has passed the gate.
    """
    answer = connection.execute("SELECT system.main.json_serialize_plan(?::VARCHAR)", [text])
    ((told,),) = answer.fetchall()
    plan = json.loads(told)
    if plan.get("error", True):
        if parameters and plan.get("error_type") == "internal":
            _log.debug("no plan could be had of a statement with parameters")
            return None
        return _REFUSED
    return None if all(map(_harmless, _operators(plan))) else _REFUSED


def _operators(node: Any) -> Iterator[dict[str, Any]]:
    """Every operator of a plan, at any depth."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            if str(found.get("type", "")).startswith("LOGICAL_"):
                yield found
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)


def _harmless(operator: dict[str, Any]) -> bool:
    kind = operator["type"]
    if kind != _READS:
        return str(kind).removeprefix("LOGICAL_") in _OPERATORS
    path = operator.get("qname", {}).get("path", [])
    return path[:2] == ["system", "main"] and path[2:] in [[name] for name in _MADE]
