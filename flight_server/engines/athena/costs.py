"""What a statement costs on Athena: the bytes that are charged for, and their price."""

from __future__ import annotations

from dataclasses import dataclass

from flight_server.engines.athena.settings import MIB

LEAST = 10 * MIB  # what any statement that reads is charged for
TERABYTE = 2**40


@dataclass(frozen=True, slots=True)
class Cost:
    """What was read, what of it is charged for (both in bytes), and the price in USD."""

    scanned: int = 0
    billed: int = 0
    usd: float = 0.0


def cost(scanned: int, price_per_tb: float, *, failed: bool = False) -> Cost:
    """The cost of one statement: whole MiB, at least ten; nothing for one that failed.

    One that was cancelled costs what it had read by then. What reads nothing is charged for
    nothing.
    """
    if failed or scanned <= 0:
        return Cost(max(scanned, 0))
    billed = max(LEAST, -(-scanned // MIB) * MIB)
    return Cost(scanned, billed, billed / TERABYTE * price_per_tb)


def together(first: Cost, second: Cost) -> Cost:
    """The cost of two."""
    return Cost(
        first.scanned + second.scanned, first.billed + second.billed, first.usd + second.usd
    )
