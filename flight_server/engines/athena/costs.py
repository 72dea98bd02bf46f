"""What a statement costs on Athena: the bytes that are charged for, and their price."""

from __future__ import annotations

from flight_server.engines.athena.settings import MIB, AthenaSettings
from flight_server.engines.base import Cost

LEAST = 10 * MIB  # what any statement that reads is charged for
TERABYTE = 2**40


def cost(scanned: int, price_per_tb: float, *, failed: bool = False, certain: bool = True) -> Cost:
    """The cost of one statement: whole MiB, at least ten; nothing for one that failed.

    One that was cancelled costs what it had read by then. What reads nothing is charged for
    nothing. It is not `certain` where nobody knows what was read in the end.
    """
    if failed or scanned <= 0:
        return Cost(max(scanned, 0), certain=certain)
    billed = max(LEAST, -(-scanned // MIB) * MIB)
    return Cost(scanned, billed, billed / TERABYTE * price_per_tb, certain)


def expected(size: int | None, settings: AthenaSettings) -> Cost:
    """What a statement is expected to cost, by what it would read; None where that is not known.

    One that is expected to read nothing may still read a little.
    """
    size = settings.assumed if size is None else size
    return cost(max(size, 1), settings.price_per_tb)
