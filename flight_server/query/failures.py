"""The one table from exception to what a client is told: stable code, kind and hint.

Each door maps the kind to its own status. An exception without a row is INTERNAL: its text is
never shown. A test holds that every exception class of the lower layers has a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from auth import errors as auth
from catalog import errors as catalog
from flight_server.engines import errors as engines
from flight_server.query import errors as query


class Kind(Enum):
    """What sort of failure it is, in the words of gRPC's status codes."""

    INVALID_ARGUMENT = "invalid_argument"
    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_exists"
    PERMISSION_DENIED = "permission_denied"
    UNAUTHENTICATED = "unauthenticated"
    FAILED_PRECONDITION = "failed_precondition"
    RESOURCE_EXHAUSTED = "resource_exhausted"
    UNIMPLEMENTED = "unimplemented"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    CANCELLED = "cancelled"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Rule:
    """How one exception class is told: a code that never changes, its kind and what to do.

    `told` is said instead of the exception's own text where that is for operators alone.
    """

    code: str
    kind: Kind
    hint: str = ""
    told: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """What a client is told of one failure. `position` is an offset in the statement, from 0."""

    code: str
    kind: Kind
    message: str
    hint: str = ""
    position: int | None = None


_TELL = "Tell the operator the request id."

RULES: dict[type[Exception], Rule] = {
    auth.Unauthenticated: Rule(
        "UNAUTHENTICATED", Kind.UNAUTHENTICATED, "Log in again or renew the token."
    ),
    auth.TooManyLogins: Rule("TOO_MANY_LOGINS", Kind.RESOURCE_EXHAUSTED, "Try again in a moment."),
    auth.Forbidden: Rule("FORBIDDEN", Kind.PERMISSION_DENIED),
    auth.PolicyInvalid: Rule(
        "POLICY_INVALID", Kind.INTERNAL, _TELL, told="This table cannot be read now."
    ),
    auth.ConfigurationInvalid: Rule(
        "CONFIGURATION_INVALID", Kind.INTERNAL, _TELL, told="The server cannot do this now."
    ),
    auth.TableNotFound: Rule(
        "TABLE_NOT_FOUND",
        Kind.NOT_FOUND,
        "SHOW ALL TABLES lists the tables you may read; DESCRIBE table its columns.",
    ),
    catalog.CatalogError: Rule("CATALOG_ERROR", Kind.INTERNAL),
    catalog.CatalogUnavailable: Rule(
        "CATALOG_UNAVAILABLE", Kind.UNAVAILABLE, "Try again in a moment."
    ),
    catalog.UnsupportedTable: Rule("UNSUPPORTED_TABLE", Kind.UNIMPLEMENTED),
    catalog.RestrictedTable: Rule(
        "TABLE_RESTRICTED", Kind.UNIMPLEMENTED, "Ask those who run the catalog for other rights."
    ),
    catalog.SnapshotNotFound: Rule(
        "SNAPSHOT_NOT_FOUND",
        Kind.NOT_FOUND,
        'Choose another moment, snapshot, tag or branch: SELECT * FROM "TABLE$refs" lists the names'
        ' of a table, "TABLE$snapshots" its snapshots.',
    ),
    engines.EngineError: Rule("ENGINE_FAILED", Kind.INTERNAL),
    engines.BindFailed: Rule("BIND_FAILED", Kind.INVALID_ARGUMENT),
    engines.ExecutionFailed: Rule("EXECUTION_FAILED", Kind.INVALID_ARGUMENT),
    engines.OutOfResources: Rule(
        "OUT_OF_RESOURCES", Kind.RESOURCE_EXHAUSTED, "Select fewer rows or columns at once."
    ),
    engines.TimedOut: Rule(
        "TIMED_OUT",
        Kind.DEADLINE_EXCEEDED,
        "Narrow the statement, or set the option statement_timeout higher, up to its limit.",
    ),
    engines.Cancelled: Rule("CANCELLED", Kind.CANCELLED),
    engines.WorkerLost: Rule("WORKER_LOST", Kind.UNAVAILABLE, "Run the statement again."),
    engines.Busy: Rule("BUSY", Kind.RESOURCE_EXHAUSTED, "Try again in a moment."),
    engines.StorageFailed: Rule(
        "STORAGE_UNAVAILABLE", Kind.UNAVAILABLE, "Run the statement again in a moment."
    ),
    engines.DataMissing: Rule(
        "DATA_MISSING",
        Kind.INTERNAL,
        "The table's snapshot may have expired: run the statement again, or tell its owner.",
    ),
    engines.OutsideTable: Rule(
        "FILE_OUTSIDE_TABLE",
        Kind.FAILED_PRECONDITION,
        "Tell the table's owner: its metadata may have been tampered with.",
    ),
    engines.UnsupportedData: Rule("UNSUPPORTED_DATA", Kind.UNIMPLEMENTED),
    engines.EngineUnavailable: Rule(
        "ENGINE_UNAVAILABLE", Kind.UNAVAILABLE, "Run the statement again in a moment."
    ),
    engines.NoEngine: Rule(
        "NO_ENGINE", Kind.FAILED_PRECONDITION, "Set the session option engine to auto."
    ),
    engines.Untranslatable: Rule(
        "UNTRANSLATABLE",
        Kind.UNIMPLEMENTED,
        "The page on Athena lists what is translated; the option engine chooses another engine.",
    ),
    query.QueryError: Rule("QUERY_ERROR", Kind.INVALID_ARGUMENT),
    query.InvalidSql: Rule("INVALID_SQL", Kind.INVALID_ARGUMENT),
    query.NotAllowed: Rule(
        "NOT_ALLOWED", Kind.INVALID_ARGUMENT, "The page on SQL lists what can be used."
    ),
    query.TooComplex: Rule("TOO_COMPLEX", Kind.RESOURCE_EXHAUSTED, "Split the statement."),
    query.ColumnNotFound: Rule(
        "COLUMN_NOT_FOUND", Kind.INVALID_ARGUMENT, "DESCRIBE table lists the columns you may read."
    ),
    query.SchemaNotFound: Rule(
        "SCHEMA_NOT_FOUND", Kind.NOT_FOUND, "SHOW SCHEMAS lists the schemas that you may see."
    ),
    query.FunctionNotFound: Rule("FUNCTION_NOT_FOUND", Kind.INVALID_ARGUMENT),
    query.BindError: Rule("INVALID_STATEMENT", Kind.INVALID_ARGUMENT),
    query.InvalidParameters: Rule("INVALID_PARAMETERS", Kind.INVALID_ARGUMENT),
    query.SpoolFull: Rule(
        "SPOOL_FULL", Kind.RESOURCE_EXHAUSTED, "Bind fewer rows at once, or try again later."
    ),
    query.OverQuota: Rule(
        "OVER_QUOTA", Kind.RESOURCE_EXHAUSTED, "Try again once one of your statements has ended."
    ),
    query.OverBudget: Rule(
        "OVER_BUDGET",
        Kind.RESOURCE_EXHAUSTED,
        "Filter by what the table is sorted or partitioned by, or wait for the next day.",
    ),
    query.ResultTooLarge: Rule(
        "RESULT_TOO_LARGE", Kind.RESOURCE_EXHAUSTED, "Select fewer rows or columns, or aggregate."
    ),
    query.InvalidHandle: Rule(
        "INVALID_HANDLE", Kind.UNAUTHENTICATED, "Plan or prepare the statement again."
    ),
    query.WrongOwner: Rule("WRONG_OWNER", Kind.PERMISSION_DENIED),
    query.ResultExpired: Rule(
        "RESULT_EXPIRED", Kind.FAILED_PRECONDITION, "Plan the statement again."
    ),
    query.StaleHandle: Rule("STALE_HANDLE", Kind.FAILED_PRECONDITION, "Prepare it again."),
    query.RightsChanged: Rule(
        "RIGHTS_CHANGED", Kind.FAILED_PRECONDITION, "Run the statement again."
    ),
    query.InvalidOption: Rule(
        "INVALID_OPTION", Kind.INVALID_ARGUMENT, "The page on sessions lists what options can have."
    ),
    query.AuditUnavailable: Rule(
        "AUDIT_UNAVAILABLE", Kind.UNAVAILABLE, "Try again in a moment, or tell the operator."
    ),
}

INTERNAL = Rule("INTERNAL", Kind.INTERNAL, _TELL)


def failure_of(error: BaseException, rules: dict[type[Exception], Rule] = RULES) -> Failure:
    """What to tell a client of an error; unknown ones are told as INTERNAL without their text."""
    for ancestor in type(error).__mro__:
        rule = rules.get(ancestor)
        if rule is not None:
            return Failure(
                code=rule.code,
                kind=rule.kind,
                message=rule.told or str(error),
                hint=rule.hint,
                position=getattr(error, "position", None),
            )
    return Failure(INTERNAL.code, INTERNAL.kind, "The server failed.", INTERNAL.hint)
