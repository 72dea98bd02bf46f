"""What can go wrong in the life of a statement. The text of each is fit for a client."""

from __future__ import annotations


class QueryError(Exception):
    """A statement was refused. `position` is its fault's offset in characters, from 0."""

    def __init__(self, message: str, *, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position


class InvalidSql(QueryError):
    """The text is not one SQL statement that can be parsed."""


class NotAllowed(QueryError):
    """The statement uses something that no principal may use here."""


class TooComplex(QueryError):
    """The statement is over a limit of size or depth."""


class ColumnNotFound(QueryError):
    """No such column, or none that the principal may see: the two are never told apart."""


class SchemaNotFound(QueryError):
    """No such schema or catalog, or none that may be seen: the two are never told apart."""


class FunctionNotFound(QueryError):
    """No such function, or not with these arguments."""


class BindError(QueryError):
    """The statement does not fit its tables: types, grouping, ambiguity."""


class InvalidParameters(QueryError):
    """The bound parameters do not fit the statement."""


class SpoolFull(QueryError):
    """Bound rows or a long statement are too large to be kept, or there is no room for them now."""


class OverQuota(QueryError):
    """The user runs as many statements at once as the policy lets them."""


class OverBudget(QueryError):
    """The statement reads or costs more than the policy lets the user or its team use in a day."""


class ResultTooLarge(QueryError):
    """The result has more rows or bytes than the policy lets the user read at once."""


class InvalidHandle(QueryError):
    """A ticket or handle is forged, damaged, expired or of another kind: one text for all."""


class WrongOwner(QueryError):
    """A ticket or handle was made for another principal."""


class ResultExpired(QueryError):
    """A result was planned longer ago than its tickets can be renewed."""


class StaleHandle(QueryError):
    """The rights or the table changed so that the promised schema no longer holds."""


class RightsChanged(StaleHandle):
    """What the principal may read changed while the statement ran; its stream was ended."""


class AuditUnavailable(QueryError):
    """What must be recorded cannot be: the audit log cannot be written at the moment."""


class InvalidOption(QueryError):
    """A session option or its call header has an unknown name or a value that it cannot have."""
