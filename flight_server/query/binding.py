"""What a statement that does not fit its tables is told as."""

from __future__ import annotations

from flight_server.engines.errors import BindFailed
from flight_server.query import errors

_BY_KIND: dict[str, type[errors.QueryError]] = {
    "column": errors.ColumnNotFound,
    "table": errors.BindError,
    "function": errors.FunctionNotFound,
}


def bind_error(error: BindFailed) -> errors.QueryError:
    """The error of the statement for what its engine says of binding it."""
    return _BY_KIND.get(error.kind, errors.BindError)(str(error), position=error.position)
