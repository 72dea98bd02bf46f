"""What bounds every statement, whoever runs it; what a role may use is `auth.limits`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things may take or stay valid, in seconds, and how much there may be of others.

    `result_seconds` is how long after planning tickets can be renewed, `poll_seconds` how long a
    statement that was begun ahead is kept which nobody asks for. `partitions` should not be
    more than the statements that the engine runs at once: clients open all parts of a result.
    """

    statement_seconds: float = 300.0
    planning_seconds: float = 5.0
    ticket_seconds: float = 600.0
    prepared_seconds: float = 86_400.0
    result_seconds: float = 86_400.0
    poll_seconds: float = 60.0
    partitions: int = 16
    parameter_rows: int = 10_000
    parameter_bytes: int = 16 * 2**20
