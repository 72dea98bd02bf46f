"""The life of executions: started, queued, running, ended; how they are told and their results."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import duckdb

from flight_server.testing.athena.errors import (
    SYSTEM,
    ApiError,
    StatementCancelled,
    StatementFailed,
    invalid,
)
from flight_server.testing.athena.execution import Execution, page_of, told
from flight_server.testing.athena.metadata import page
from flight_server.testing.athena.statement import Result, Statement, Surroundings, kind_of
from flight_server.testing.athena.wire import ACCESS_KEY, Operation

_LOGGER = logging.getLogger(__name__)
_LONGEST = 262_144
_MOST_ROWS = 1000


Run = Callable[[Statement], Result]
"""Runs a statement. Raises `StatementFailed`, `StatementCancelled` or a bug of the double."""


class Executions:
    """All executions of a double."""

    def __init__(self, around: Surroundings, run: Run) -> None:
        self._around, self._run = around, run
        self._change = threading.Condition(threading.RLock())
        self._executions: dict[str, Execution] = {}
        self._threads: list[threading.Thread] = []

    def operations(self) -> Mapping[str, Operation]:
        """The calls that are answered here."""
        return {
            "StartQueryExecution": self._start,
            "StopQueryExecution": self._stop,
            "GetQueryExecution": lambda r: {"QueryExecution": told(self._get(r))},
            "BatchGetQueryExecution": self._batch,
            "ListQueryExecutions": self._list,
            "GetQueryRuntimeStatistics": self._statistics,
            "GetQueryResults": self._results,
        }

    def all(self) -> list[Execution]:
        """Every execution, in the order in which they were started."""
        with self._change:
            return list(self._executions.values())

    def close(self) -> None:
        """Stop what runs and wait for it."""
        for execution in self.all():
            self._cancel(execution)
        for thread in self._threads:
            thread.join(30)

    def _start(self, request: dict[str, Any]) -> dict[str, Any]:
        group = self._around.groups.get(request.get("WorkGroup") or "primary")
        output = _output(group["Configuration"], request)
        if not request["QueryString"].strip() or len(request["QueryString"].encode()) > _LONGEST:
            raise invalid(
                f"QueryString length must be between 1 and {_LONGEST} bytes",
                AthenaErrorCode="INVALID_QUERY_LENGTH",
            )
        with self._change:
            known = self._of_token(request)
            if known is not None:
                return {"QueryExecutionId": known.id}
            limits = self._around.faults.limits
            if sum(not e.done for e in self._executions.values()) >= (
                limits.concurrent + limits.queued
            ):
                raise ApiError(
                    "TooManyRequestsException",
                    "You have exceeded the limit for the number of queries you can run "
                    "concurrently.",
                    Reason="CONCURRENT_QUERY_LIMIT_EXCEEDED",
                )
            execution = self._new(request, group["Name"], output)
            self._executions[execution.id] = execution
        thread = threading.Thread(target=self._work, args=(execution,), daemon=True)
        self._threads.append(thread)
        thread.start()
        return {"QueryExecutionId": execution.id}

    def _new(self, request: dict[str, Any], group: str, output: str | None) -> Execution:
        context = request.get("QueryExecutionContext") or {}
        statement = Statement(
            id=str(uuid.uuid4()),
            text=request["QueryString"].strip(),
            database=(context.get("Database") or "default").lower(),
            group=group,
            access_key=request[ACCESS_KEY],
            output=output,
            parameters=list(request.get("ExecutionParameters") or []),
            around=self._around,
            connection=duckdb.connect(),
        )
        return Execution(statement, request, *kind_of(statement.text))

    def _of_token(self, request: dict[str, Any]) -> Execution | None:
        """The execution that a repeated request has started. Raises `ApiError` if it differs."""
        token = request.get("ClientRequestToken")
        for execution in self._executions.values() if token else ():
            if execution.request.get("ClientRequestToken") == token:
                if execution.query != request["QueryString"]:
                    raise invalid("Idempotent parameters do not match")
                return execution
        return None

    def _work(self, execution: Execution) -> None:
        statement = execution.statement
        try:
            self._wait_for_a_place(execution)
            result = self._reusable(execution)
            if result is None:
                if failure := self._around.faults.statement_failure():
                    raise failure
                statement.cancelled.wait(self._around.faults.wait_of("run"))
                statement.check()
                result = self._run(statement)
                statement.check()
            self._end(execution, "SUCCEEDED", result=result)
        except StatementFailed as error:
            self._end(execution, "FAILED", str(error), failure=error)
        except StatementCancelled as error:
            self._end(execution, "CANCELLED", str(error))
        except Exception as error:  # the root of a thread: a bug of the double ends this statement
            if statement.cancelled.is_set():  # an interrupt comes out wherever it meets DuckDB
                self._end(execution, "CANCELLED", "Query cancelled by user")
                return
            _LOGGER.exception("the double failed at: %s", statement.text)
            failure = StatementFailed(
                f"GENERIC_INTERNAL_ERROR: {error!r}", category=SYSTEM, error_type=1, retryable=True
            )
            self._end(execution, "FAILED", str(failure), failure=failure)
        finally:
            statement.connection.close()

    def _wait_for_a_place(self, execution: Execution) -> None:
        statement, faults = execution.statement, self._around.faults
        statement.cancelled.wait(faults.wait_of("queue"))
        with self._change:
            while not statement.cancelled.is_set():
                running = sum(e.state == "RUNNING" for e in self._executions.values())
                if running < faults.limits.concurrent:
                    break
                self._change.wait(0.1)
            if statement.cancelled.is_set():
                raise StatementCancelled("Query cancelled by user")
            execution.started, execution.state = time.time(), "RUNNING"

    def _end(
        self,
        execution: Execution,
        state: str,
        reason: str | None = None,
        *,
        failure: StatementFailed | None = None,
        result: Result | None = None,
    ) -> None:
        with self._change:
            if not execution.done:
                execution.reason, execution.failure = reason, failure
                execution.result = result or execution.result
                execution.completed = time.time()
                execution.state = state
            self._change.notify_all()

    def _cancel(self, execution: Execution) -> None:
        with self._change:
            if execution.done:
                return
            execution.statement.cancelled.set()
            self._end(execution, "CANCELLED", "Query cancelled by user")
            execution.statement.connection.interrupt()

    def _reusable(self, execution: Execution) -> Result | None:
        """An earlier result that the request accepts: of the same SELECT, young enough."""
        wish = (execution.request.get("ResultReuseConfiguration") or {}).get(
            "ResultReuseByAgeConfiguration"
        ) or {}
        if not wish.get("Enabled") or execution.statement.output is None:
            return None
        oldest = time.time() - wish.get("MaxAgeInMinutes", 60) * 60
        for other in reversed(self.all()):
            if (
                other.state == "SUCCEEDED"
                and not other.reused
                and other.substatement_type == "SELECT"
                and _same(other.statement, execution.statement)
                and (other.completed or 0) >= oldest
            ):
                execution.reused = True
                return other.result
        return None

    def _get(self, request: dict[str, Any]) -> Execution:
        found = self._executions.get(request["QueryExecutionId"])
        if found is None:
            raise invalid(f"QueryExecution {request['QueryExecutionId']} was not found")
        return found

    def _stop(self, request: dict[str, Any]) -> dict[str, Any]:
        self._cancel(self._get(request))
        return {}

    def _batch(self, request: dict[str, Any]) -> dict[str, Any]:
        ids = request["QueryExecutionIds"]
        if not 1 <= len(ids) <= 50:
            raise invalid("QueryExecutionIds must have between 1 and 50 items")
        known = [self._executions[name] for name in ids if name in self._executions]
        return {
            "QueryExecutions": [told(execution) for execution in known],
            "UnprocessedQueryExecutionIds": [
                {"QueryExecutionId": name} for name in ids if name not in self._executions
            ],
        }

    def _list(self, request: dict[str, Any]) -> dict[str, Any]:
        group = request.get("WorkGroup") or "primary"
        ids = [{"id": e.id} for e in reversed(self.all()) if e.statement.group == group]
        shown, more = page(ids, request)
        return {"QueryExecutionIds": [item["id"] for item in shown], **more}

    def _statistics(self, request: dict[str, Any]) -> dict[str, Any]:
        execution = self._get(request)
        times = {k: v for k, v in told(execution)["Statistics"].items() if k.endswith("InMillis")}
        rows = {
            "InputBytes": execution.statement.scanned,
            "OutputRows": len(execution.result.rows) or execution.result.update_count,
        }
        return {"QueryRuntimeStatistics": {"Timeline": times, "Rows": rows}}

    def _results(self, request: dict[str, Any]) -> dict[str, Any]:
        execution = self._get(request)
        if not execution.done:
            raise invalid(f"Query has not yet finished. Current state: {execution.state}")
        if execution.state != "SUCCEEDED":
            raise invalid(
                f"Query did not finish successfully. Final query state: {execution.state}"
            )
        count = request.get("MaxResults") or _MOST_ROWS
        if not 1 <= count <= _MOST_ROWS:
            raise invalid(f"MaxResults is more than maximum allowed length {_MOST_ROWS}.")
        return page_of(execution.result, int(request.get("NextToken") or 0), count)


def _same(one: Statement, other: Statement) -> bool:
    return (one.text, one.group, one.output, one.database, one.parameters, one.access_key) == (
        other.text,
        other.group,
        other.output,
        other.database,
        other.parameters,
        other.access_key,
    )


def _output(settings: dict[str, Any], request: dict[str, Any]) -> str | None:
    """The folder of a statement's results; None: the group keeps them. Raises `ApiError`."""
    asked = (request.get("ResultConfiguration") or {}).get("OutputLocation")
    own = (settings.get("ResultConfiguration") or {}).get("OutputLocation")
    if (settings.get("ManagedQueryResultsConfiguration") or {}).get("Enabled"):
        if asked:
            raise invalid(
                "ResultConfiguration cannot be set for a workgroup with managed query results."
            )
        return None
    chosen = own if settings.get("EnforceWorkGroupConfiguration") or not asked else asked
    if not chosen:
        raise invalid(
            "No output location provided. An output location is required either through the "
            "Workgroup result configuration setting or as an API input."
        )
    return str(chosen)
