"""Each thing that Athena reports becomes an error of ours, and none of its words pass through."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from flight_server.engines import errors
from flight_server.engines.athena.faults import (
    Trouble,
    is_worth_another,
    of_call,
    of_result,
    of_status,
    trouble,
)

_SECRET = "ssn_hidden"


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (f"DIVISION_BY_ZERO: {_SECRET}", errors.ExecutionFailed),
        (f"INVALID_CAST_ARGUMENT: Cannot cast '{_SECRET}' to INT", errors.ExecutionFailed),
        (f"NUMERIC_VALUE_OUT_OF_RANGE: {_SECRET}", errors.ExecutionFailed),
        (f"EXCEEDED_LOCAL_MEMORY_LIMIT: {_SECRET}", errors.OutOfResources),
        (
            f"Query exhausted resources: Bytes scanned limit was exceeded {_SECRET}",
            errors.OutOfResources,
        ),
        (f"QUERY_TIMEOUT: {_SECRET}", errors.TimedOut),
        (f"HIVE_BAD_DATA: {_SECRET}", errors.UnsupportedData),
        (f"ICEBERG_CANNOT_OPEN_SPLIT: {_SECRET}", errors.StorageFailed),
        (f"TABLE_NOT_FOUND: line 1:1: Table '{_SECRET}' does not exist", errors.DataMissing),
        (f"SYNTAX_ERROR: line 1:8: Column '{_SECRET}' cannot be resolved", errors.EngineError),
        (f"COLUMN_NOT_FOUND: line 1:8: '{_SECRET}'", errors.EngineError),
        (f"{_SECRET}", errors.EngineError),
        ("", errors.EngineError),
    ],
)
def test_a_failed_execution_is_told_in_our_words(
    reason: str, kind: type[errors.EngineError]
) -> None:
    told = of_status({"State": "FAILED", "StateChangeReason": reason})
    assert type(told) is kind
    assert _SECRET not in str(told)
    assert not is_worth_another(told)


def test_a_fault_of_athenas_own_may_be_tried_again() -> None:
    detail = {"ErrorCategory": 1, "Retryable": True, "ErrorMessage": _SECRET}
    told = of_status({"State": "FAILED", "StateChangeReason": _SECRET, "AthenaError": detail})
    assert is_worth_another(told)
    assert _SECRET not in str(told)


def test_a_fault_of_the_statement_is_not_tried_again_though_athena_says_so() -> None:
    detail = {"ErrorCategory": 2, "Retryable": True, "ErrorMessage": "x"}
    status = {"State": "FAILED", "StateChangeReason": "DIVISION_BY_ZERO: /", "AthenaError": detail}
    assert not is_worth_another(of_status(status))


def test_an_execution_that_others_ended_is_cancelled() -> None:
    told = of_status({"State": "CANCELLED", "StateChangeReason": "Query cancelled by user"})
    assert type(told) is errors.Cancelled


def _refusal(code: str, status: int = 400, **extra: Any) -> ClientError:
    said = {"Error": {"Code": code, "Message": _SECRET}, **extra}
    return ClientError({**said, "ResponseMetadata": {"HTTPStatusCode": status}}, "X")


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (_refusal("ThrottlingException"), Trouble.THROTTLED),
        (_refusal("TooManyRequestsException"), Trouble.THROTTLED),
        (
            _refusal("TooManyRequestsException", Reason="CONCURRENT_QUERY_LIMIT_EXCEEDED"),
            Trouble.FULL,
        ),
        (_refusal("ExpiredTokenException"), Trouble.DENIED),
        (_refusal("InternalServerException", 500), Trouble.UNREACHABLE),
        (_refusal("InvalidRequestException"), Trouble.REFUSED),
        (_refusal("NoSuchKey", 404), Trouble.MISSING),
        (EndpointConnectionError(endpoint_url="http://x"), Trouble.UNREACHABLE),
    ],
)
def test_a_call_that_fails_means_one_thing(error: Exception, meaning: Trouble) -> None:
    assert trouble(error) is meaning
    assert _SECRET not in str(of_call(error))
    assert isinstance(of_result(error), errors.DataMissing | errors.StorageFailed)
