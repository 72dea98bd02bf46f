"""An execution and how Athena tells of it: its state, its statistics, a page of its results."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from flight_server.testing.athena.errors import StatementFailed
from flight_server.testing.athena.groups import ENGINE
from flight_server.testing.athena.statement import Result, Statement

_TERMINAL = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})


@dataclass(slots=True)
class Execution:
    """An execution; its state changes under the lock of `Executions`."""

    statement: Statement
    request: dict[str, Any]
    statement_type: str
    substatement_type: str
    submitted: float = field(default_factory=time.time)
    state: str = "QUEUED"
    started: float | None = None
    completed: float | None = None
    reason: str | None = None
    failure: StatementFailed | None = None
    result: Result = field(default_factory=Result)
    reused: bool = False

    @property
    def id(self) -> str:
        """Its id."""
        return self.statement.id

    @property
    def query(self) -> str:
        """The text that was sent."""
        return str(self.request["QueryString"])

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.state in _TERMINAL


def page_of(result: Result, start: int, count: int) -> dict[str, Any]:
    """A page of results; the names of the columns are the first row of the first page."""
    names: list[list[str | None]] = [[c["Name"] for c in result.columns]] if result.header else []
    skipped = max(0, start - len(names))
    room = count - len(names[start : start + count])
    rows = names[start : start + count] + result.rows[skipped : skipped + room]
    answer: dict[str, Any] = {
        "ResultSet": {
            "Rows": [
                {"Data": [{} if v is None else {"VarCharValue": v} for v in row]} for row in rows
            ],
            "ResultSetMetadata": {"ColumnInfo": result.columns},
        },
        "UpdateCount": result.update_count,
    }
    if start + count < len(names) + len(result.rows):
        answer["NextToken"] = str(start + count)
    return answer


def told(execution: Execution) -> dict[str, Any]:
    """An execution as GetQueryExecution tells it."""
    statement, result, request = execution.statement, execution.result, execution.request
    shown: dict[str, Any] = {
        "QueryExecutionId": execution.id,
        "Query": execution.query,
        "StatementType": execution.statement_type,
        "SubstatementType": execution.substatement_type,
        "ResultConfiguration": {"OutputLocation": result.location} if result.location else {},
        "ResultReuseConfiguration": request.get("ResultReuseConfiguration")
        or {"ResultReuseByAgeConfiguration": {"Enabled": False}},
        "QueryExecutionContext": {"Catalog": "awsdatacatalog", "Database": statement.database},
        "Status": _status(execution),
        "WorkGroup": statement.group,
        "EngineVersion": dict(ENGINE),
        "Statistics": _times(execution)
        | {
            "DataScannedInBytes": 0 if execution.reused else statement.scanned,
            "ResultReuseInformation": {"ReusedPreviousResult": execution.reused},
        },
    }
    if result.manifest:
        shown["Statistics"]["DataManifestLocation"] = result.manifest
    if statement.parameters:
        shown["ExecutionParameters"] = statement.parameters
    if statement.output is None:
        shown["ManagedQueryResultsConfiguration"] = {"Enabled": True}
    return shown


def _status(execution: Execution) -> dict[str, Any]:
    status: dict[str, Any] = {
        "State": execution.state,
        "SubmissionDateTime": execution.submitted,
    }
    if execution.completed is not None:
        status["CompletionDateTime"] = execution.completed
    if execution.reason:
        status["StateChangeReason"] = execution.reason
    if execution.failure is not None:
        status["AthenaError"] = {
            "ErrorCategory": execution.failure.category,
            "ErrorType": execution.failure.error_type,
            "Retryable": execution.failure.retryable,
            "ErrorMessage": str(execution.failure),
        }
    return status


def _times(execution: Execution) -> dict[str, Any]:
    now = execution.completed or time.time()
    total = int((now - execution.submitted) * 1000)
    queued = int(((execution.started or now) - execution.submitted) * 1000)
    return {
        "EngineExecutionTimeInMillis": max(1, total - queued),
        "TotalExecutionTimeInMillis": max(1, total),
        "QueryQueueTimeInMillis": max(1, queued),
        "QueryPlanningTimeInMillis": 1,
        "ServiceProcessingTimeInMillis": 1,
    }
