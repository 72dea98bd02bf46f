"""Compiles all expressions of a policy, so that one that cannot be is never in force."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from auth.errors import PolicyInvalid
from auth.policy import Policy
from flight_server.query.expressions import Compiler


def faults(policy: Policy, compiler: Compiler) -> Iterator[tuple[int, str]]:
    """The line and the fault of each expression that cannot be compiled, whatever the table."""
    for entry in policy.expressions():
        try:
            compiler.check(entry.expression, "column" if entry.kind == "mask" else None)
        except PolicyInvalid as error:
            yield entry.expression.because.line, str(error)


def refusing(compiler: Compiler) -> Callable[[Policy, str], None]:
    """What raises `PolicyInvalid` for a policy with a fault, with the file and the line of it."""

    def check(policy: Policy, file: str) -> None:
        for line, fault in faults(policy, compiler):
            raise PolicyInvalid(f"{file}:{line}: {fault}")

    return check
