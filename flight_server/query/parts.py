"""Whether a statement's result can be read in parts, and whether it comes in an order."""

from __future__ import annotations

from flight_server.query.gate import Statement
from flight_server.query.planned import Planned


def may_divide(statement: Statement, planned: Planned) -> bool:
    """Whether a planned statement may be read in parts: it runs once, over one stored table."""
    stored = [relation for relation in planned.secured.relations if relation.table.snapshot]
    once = planned.state.parameters is None or planned.state.parameters.num_rows == 1
    return once and len(stored) == len(planned.secured.relations) == 1 and statement.by_row


def is_ordered(statement: Statement) -> bool:
    """Whether the statement itself, not a part of it, asks for an order."""
    modifiers = statement.tree["node"].get("modifiers") or []
    return any(modifier.get("type") == "ORDER_MODIFIER" for modifier in modifiers)
