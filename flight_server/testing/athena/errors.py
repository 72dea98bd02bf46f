"""How a call or a statement fails, in the words and numbers of Athena's interface."""

from __future__ import annotations

from typing import Any

SYSTEM, USER = 1, 2
"""Whose fault a failed statement is: `ErrorCategory`."""


class ApiError(Exception):
    """A call that is answered with an error."""

    def __init__(self, code: str, message: str, *, status: int = 400, **extra: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.extra = code, message, status, extra


class StatementFailed(Exception):
    """A statement that ends as FAILED; the text is its `StateChangeReason`."""

    def __init__(
        self,
        reason: str,
        *,
        category: int = USER,
        error_type: int = 1006,
        retryable: bool = False,
    ) -> None:
        super().__init__(reason)
        self.category, self.error_type, self.retryable = category, error_type, retryable


class StatementCancelled(Exception):
    """A statement that ends as CANCELLED; the text is its `StateChangeReason`."""


def invalid(message: str, **extra: Any) -> ApiError:
    """The error of a request that cannot be right."""
    return ApiError("InvalidRequestException", message, **extra)
