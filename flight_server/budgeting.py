"""What of today's budgets was used before the server was started."""

from __future__ import annotations

from functools import partial

from auth.policy import Policy
from flight_server.query.audit.files import Place
from flight_server.query.audit.spent import spent
from flight_server.query.budget import Budget


def begun(place: Place | None, policy: Policy) -> Budget:
    """A budget that goes on where the audit log in a place ends.

    The log is not read where the policy limits nobody, nor is there one without a place.
    """
    budget = Budget()
    if place is not None and policy.rules.has_budgets:
        budget.restore(partial(spent, place))
    return budget
