"""What Athena and S3 report, in our words: theirs may hold generated SQL or hidden names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from flight_server.engines.errors import (
    Busy,
    Cancelled,
    DataMissing,
    EngineError,
    EngineUnavailable,
    ExecutionFailed,
    OutOfResources,
    StorageFailed,
    TimedOut,
    UnsupportedData,
    WorkerLost,
)

# What calls of AWS raise, whatever the reason.
CallFailed: tuple[type[Exception], ...] = (BotoCoreError, ClientError)

_CODE = re.compile(r"\s*([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+):")
_CUTOFF = re.compile(r"bytes scanned limit", re.IGNORECASE)
_SYSTEM = 1  # the category of faults that are Athena's own


class Trouble(Enum):
    """What a call that failed means for who made it."""

    THROTTLED = "throttled"  # the same again, later
    FULL = "full"  # as many statements run as may; the same again, later
    UNREACHABLE = "unreachable"  # no answer, or none that tells: the same again, a few times
    DENIED = "denied"  # our credentials are not good, or not good any more
    MISSING = "missing"  # what was asked for is not there
    REFUSED = "refused"  # it will not be done


_THROTTLED = {"ThrottlingException", "Throttling", "RequestLimitExceeded", "SlowDown", "503"}
_DENIED = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    "InvalidSignatureException",
    "403",
}
_MISSING = {"NoSuchKey", "NoSuchBucket", "404", "ResourceNotFoundException"}


def trouble(error: Exception) -> Trouble:
    """What a failed call means."""
    if not isinstance(error, ClientError):
        return Trouble.UNREACHABLE
    said = error.response.get("Error", {})
    code = str(said.get("Code", ""))
    if code == "TooManyRequestsException":
        full = "CONCURRENT" in str(error.response.get("Reason", said.get("Reason", ""))).upper()
        return Trouble.FULL if full else Trouble.THROTTLED
    if code in _THROTTLED:
        return Trouble.THROTTLED
    if code in _DENIED:
        return Trouble.DENIED
    if code in _MISSING:
        return Trouble.MISSING
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    return Trouble.UNREACHABLE if status >= 500 else Trouble.REFUSED


_CALLS: dict[Trouble, tuple[type[EngineError], str]] = {
    Trouble.THROTTLED: (Busy, "Athena takes no more requests for now; try again in a moment."),
    Trouble.FULL: (Busy, "Athena is busy with other statements; try again in a moment."),
    Trouble.UNREACHABLE: (EngineUnavailable, "Athena did not answer; try again in a moment."),
    Trouble.DENIED: (EngineUnavailable, "Athena does not accept the server's credentials."),
    Trouble.MISSING: (EngineUnavailable, "Athena knows no more of the statement."),
    Trouble.REFUSED: (EngineError, "Athena refused the statement."),
}


def of_call(error: Exception) -> EngineError:
    """What is told of a call to Athena that failed for good."""
    kind, text = _CALLS[trouble(error)]
    return kind(text)


def of_result(error: Exception) -> EngineError:
    """What is told of a result that cannot be read from S3."""
    missing = isinstance(error, FileNotFoundError) or (
        isinstance(error, ClientError) and trouble(error) is Trouble.MISSING
    )
    if missing:
        return DataMissing("A part of the statement's result is gone.")
    return StorageFailed("The storage of the statement's result did not answer, or refused.")


_RESOURCES = "The statement needed more than Athena gives one statement."
_DATA = "The data did not allow the statement"
_FAILURES: dict[str, tuple[type[EngineError], str]] = {
    "DIVISION_BY_ZERO": (ExecutionFailed, f"{_DATA}: a division by zero."),
    "INVALID_CAST_ARGUMENT": (ExecutionFailed, f"{_DATA}: a value cannot be cast."),
    "NUMERIC_VALUE_OUT_OF_RANGE": (ExecutionFailed, f"{_DATA}: a number is out of range."),
    "INVALID_FUNCTION_ARGUMENT": (ExecutionFailed, f"{_DATA}: a function was given a wrong value."),
    "INVALID_ARGUMENTS": (ExecutionFailed, f"{_DATA}: a function was given a wrong value."),
    "SUBQUERY_MULTIPLE_ROWS": (ExecutionFailed, f"{_DATA}: a subquery gave more than one row."),
    "INVALID_WINDOW_FRAME": (ExecutionFailed, f"{_DATA}: a window's frame is not valid."),
    "GENERIC_USER_ERROR": (ExecutionFailed, f"{_DATA}."),
    "EXCEEDED_TIME_LIMIT": (TimedOut, "The statement took longer than Athena allows."),
    "QUERY_TIMEOUT": (TimedOut, "The statement took longer than Athena allows."),
    "EXCEEDED_LOCAL_MEMORY_LIMIT": (OutOfResources, _RESOURCES),
    "EXCEEDED_GLOBAL_MEMORY_LIMIT": (OutOfResources, _RESOURCES),
    "EXCEEDED_MEMORY_LIMIT": (OutOfResources, _RESOURCES),
    "EXCEEDED_FUNCTION_MEMORY_LIMIT": (OutOfResources, _RESOURCES),
    "COMPILER_ERROR": (OutOfResources, _RESOURCES),
    "STACK_OVERFLOW": (OutOfResources, _RESOURCES),
    "QUERY_HAS_TOO_MANY_STAGES": (OutOfResources, _RESOURCES),
    "QUERY_TEXT_TOO_LARGE": (OutOfResources, _RESOURCES),
    "HIVE_BAD_DATA": (UnsupportedData, "A file of a table does not fit the table."),
    "HIVE_CURSOR_ERROR": (UnsupportedData, "A file of a table cannot be read."),
    "ICEBERG_BAD_DATA": (UnsupportedData, "A file of a table does not fit the table."),
    "HIVE_CANNOT_OPEN_SPLIT": (StorageFailed, "A file of a table cannot be opened."),
    "ICEBERG_CANNOT_OPEN_SPLIT": (StorageFailed, "A file of a table cannot be opened."),
    "HIVE_FILESYSTEM_ERROR": (StorageFailed, "The storage of a table did not answer."),
    "ICEBERG_FILESYSTEM_ERROR": (StorageFailed, "The storage of a table did not answer."),
    "HIVE_WRITER_OPEN_ERROR": (StorageFailed, "Athena may not write the statement's result."),
    "TABLE_NOT_FOUND": (DataMissing, "A table of the statement is gone."),
    "ICEBERG_MISSING_METADATA": (DataMissing, "A table of the statement is gone."),
}
_CUT = "The statement reads more than its work group allows."
_AGAIN = "Athena failed; run the statement again."


def of_status(status: Mapping[str, Any]) -> EngineError:
    """What is told of an execution that failed or was ended, by the status that Athena gives it."""
    reason = str(status.get("StateChangeReason") or "")
    detail = status.get("AthenaError") or {}
    if _CUTOFF.search(reason):
        return OutOfResources(_CUT)
    if status.get("State") == "CANCELLED":
        return Cancelled("The statement was ended from outside of this server.")
    found = _CODE.match(reason) or _CODE.match(str(detail.get("ErrorMessage") or ""))
    known = _FAILURES.get(found.group(1)) if found else None
    if known is not None:
        return known[0](known[1])
    if detail.get("Retryable") or detail.get("ErrorCategory") == _SYSTEM:
        return WorkerLost(_AGAIN)
    return EngineError("Athena could not run the statement.")


def is_worth_another(error: EngineError) -> bool:
    """Whether the same statement may well succeed if it is started again."""
    return isinstance(error, WorkerLost)
