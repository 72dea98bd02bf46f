"""Session options that a statement sets, such as USE and SET do."""

from __future__ import annotations

from collections.abc import Mapping

from flight_server.protocol import sessions
from flight_server.protocol.call import Call
from flight_server.query.options import Scope, change


def apply_changes(call: Call, changes: Mapping[str, str | None]) -> None:
    """Set and unset options, all or none. Raises what is wrong with the first that is refused."""
    scope = Scope(call.door.service, call.session.bare, call.door.bounds, call.session.options)
    options, wrong = change(scope, changes)
    for error in wrong.values():
        raise error
    if options != call.session.options:
        sessions.replace_options(call, options)
