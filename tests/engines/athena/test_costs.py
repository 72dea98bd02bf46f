"""What a statement costs: whole MiB, at least ten, nothing for what failed."""

from __future__ import annotations

import pytest

from flight_server.engines.athena.costs import cost
from flight_server.engines.athena.settings import MIB
from flight_server.engines.base import Cost


@pytest.mark.parametrize(
    ("scanned", "billed"),
    [
        (0, 0),
        (1, 10 * MIB),
        (10 * MIB, 10 * MIB),
        (10 * MIB + 1, 11 * MIB),
        (2**40, 2**40),
    ],
)
def test_whole_mebibytes_are_charged_and_ten_at_least(scanned: int, billed: int) -> None:
    told = cost(scanned, 5.0)
    assert told == Cost(scanned, billed, billed / 2**40 * 5.0)


def test_a_terabyte_costs_the_price() -> None:
    assert cost(2**40, 6.5).usd == 6.5


def test_what_failed_is_free_but_told() -> None:
    assert cost(2**40, 5.0, failed=True) == Cost(2**40, 0, 0.0)


def test_each_attempt_counts() -> None:
    both = cost(1, 5.0) + cost(1, 5.0, certain=False)
    assert (both.billed, both.certain) == (20 * MIB, False)
