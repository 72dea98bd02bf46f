"""Tells operators when somebody uses a role that is meant for emergencies."""

from __future__ import annotations

import logging
from collections.abc import Callable

from auth.policy import Policy
from flight_server.query.events import Event, StatementStarted

_log = logging.getLogger(__name__)


class Alerts:
    """Logs a warning for each statement of a bearer of a role with `alert`.

    What was run stands in the audit log, under the id of the query.
    """

    def __init__(self, policy: Callable[[], Policy]) -> None:
        self._policy = policy

    def tell(self, event: Event) -> None:
        """Take an event; nothing has to be waited for."""
        if not isinstance(event, StatementStarted):
            return
        planned = event.planned
        for role in sorted(planned.basis.roles & self._policy().alerting):
            _log.warning(
                "ALERT role %s is used by %s from %s: query %s",
                role,
                event.caller.principal.subject,
                event.caller.peer or "here",
                planned.query_id,
            )
