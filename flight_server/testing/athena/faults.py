"""Faults on demand, and the log of calls: what a test orders, the services ask for."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from flight_server.testing.athena.errors import USER, ApiError, StatementFailed

_EXPIRED = {
    "s3": ("ExpiredToken", "The provided token has expired."),
    "athena": ("ExpiredTokenException", "The security token included in the request is expired"),
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call that arrived: Athena's by its plain name, others as `s3:GetObject`."""

    operation: str
    request: dict[str, Any] = field(repr=False)
    access_key: str | None = field(repr=False)
    at: float


@dataclass(frozen=True, slots=True)
class Limits:
    """How many statements run at once, and how many more may wait."""

    concurrent: int = 20
    queued: int = 0


@dataclass(slots=True)
class _Failure:
    times: int
    error: ApiError


class Faults:
    """What goes wrong, until it has gone wrong often enough. Used by many threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: dict[str, list[_Failure]] = {}
        self._latency: dict[str, float] = {}
        self._statements: list[StatementFailed] = []
        self._expired: set[str] = set()
        self._all_expired = False
        self._lost = 0
        self._calls: list[Call] = []
        self.limits = Limits()

    @property
    def calls(self) -> list[Call]:
        """What was called so far, in order."""
        with self._lock:
            return list(self._calls)

    def fail(self, operation: str, times: int, error: ApiError) -> None:
        """Answer the next `times` calls of an operation (-1: all) with an error."""
        with self._lock:
            self._failures.setdefault(operation, []).append(_Failure(times, error))

    def latency(self, seconds: float, of: str) -> None:
        """Let an operation take longer, or every statement (`queue`, `run`)."""
        with self._lock:
            self._latency[of] = seconds

    def expire(self, access_key: str | None) -> None:
        """Refuse the calls of an access key, or all calls, until `renew`."""
        with self._lock:
            if access_key is None:
                self._all_expired = True
            else:
                self._expired.add(access_key)

    def renew(self) -> None:
        """Accept all credentials again."""
        with self._lock:
            self._all_expired = False
            self._expired.clear()

    def fail_statement(self, failure: StatementFailed) -> None:
        """Let the next statement that runs fail."""
        with self._lock:
            self._statements.append(failure)

    def lose_files(self, count: int) -> None:
        """Delete files of the next UNLOAD that its manifest names."""
        with self._lock:
            self._lost = count

    def clear(self) -> None:
        """Take back every order; the log stays."""
        with self._lock:
            self._failures.clear()
            self._latency.clear()
            self._statements.clear()
            self._expired.clear()
            self._all_expired, self._lost, self.limits = False, 0, Limits()

    def arrived(self, operation: str, request: dict[str, Any], access_key: str | None) -> None:
        """Log a call, then let it wait or fail as ordered. Raises `ApiError`."""
        with self._lock:
            self._calls.append(Call(operation, request, access_key, time.time()))
            wait = self._latency.get(operation, 0.0)
            error = self._refusal(operation, access_key) or self._failure(operation)
        if wait:
            time.sleep(wait)
        if error is not None:
            raise error

    def wait_of(self, stage: str) -> float:
        """How long a statement stays in `queue` or `run` beyond its own time."""
        with self._lock:
            return self._latency.get(stage, 0.0)

    def statement_failure(self) -> StatementFailed | None:
        """The failure that the next statement is to have."""
        with self._lock:
            return self._statements.pop(0) if self._statements else None

    def files_to_lose(self) -> int:
        """How many files of this UNLOAD are to be lost; the order is then done."""
        with self._lock:
            count, self._lost = self._lost, 0
            return count

    def _refusal(self, operation: str, access_key: str | None) -> ApiError | None:
        if not self._all_expired and access_key not in self._expired:
            return None
        if operation.startswith("sts:"):  # roles are assumed with credentials of another kind
            return None
        code, message = _EXPIRED["s3" if operation.startswith("s3:") else "athena"]
        return ApiError(code, message)

    def _failure(self, operation: str) -> ApiError | None:
        waiting = self._failures.get(operation)
        if not waiting:
            return None
        failure = waiting[0]
        failure.times -= failure.times > 0
        if failure.times == 0:
            waiting.pop(0)
        return failure.error


def throttled(operation: str) -> ApiError:
    """The error of a service that is asked too often."""
    if operation.startswith("s3:"):
        return ApiError("SlowDown", "Please reduce your request rate.", status=503)
    return ApiError("ThrottlingException", "Rate exceeded")


def broken_statement(reason: str, *, category: int = USER, retryable: bool) -> StatementFailed:
    """A failure that a test words itself."""
    kinds = {1: 100, 2: 1006, 3: 2000}
    return StatementFailed(
        reason, category=category, error_type=kinds.get(category, 1006), retryable=retryable
    )
