"""Which engine a planned statement runs on, and what of the reason is told to its user."""

from __future__ import annotations

from typing import Any

from flight_server.engines.base import Choice, Cost, Engine
from flight_server.query.planned import Planned


def chosen(engine: Engine, planned: Planned, *, deadline: float) -> Choice:
    """The engine for a planned statement, and why. Raises as `Engine.choose`."""
    rows = planned.state.parameters
    if not planned.bound:
        return Choice(engine.name, "")
    one = None if rows is None or rows.num_rows == 0 else rows.slice(0, 1)
    return engine.choose(planned.secured, one, planned.schema, deadline=deadline)


def told_choice(choice: Choice) -> dict[str, Any]:
    """What a client is told of a choice: numbers only where they tell of nothing that is hidden."""
    told: dict[str, Any] = {"engine": choice.engine}
    if choice.reason:
        told["reason"] = choice.reason
    if choice.open and choice.estimate is not None:
        found = choice.estimate
        told["estimate"] = {"bytes": found.bytes, "rows": found.rows, "files": found.files}
        if choice.usd is not None:
            told["estimate"]["usd"] = choice.usd
    return told


def told_cost(choice: Choice, cost: Cost | None) -> dict[str, Any]:
    """What a client is told of what its statement has cost: nothing where sizes tell too much."""
    if cost is None or not choice.open:
        return {}
    return {"cost": {"scanned": cost.scanned, "billed": cost.billed, "usd": cost.usd}}
