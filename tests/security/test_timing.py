"""What is hidden takes as long as what does not exist: latencies of one distribution.

Runs with `make oracle` only: it needs thousands of tries on a machine that does little else.
"""

from __future__ import annotations

import math
import os
import random
import time
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from auth.policy import Policy
from auth.policy_file import parse_policy
from flight_server.app import Application
from flight_server.query.caller import Caller
from flight_server.query.seal import Sealer, SealKey
from flight_server.query.service import QueryService
from tests.security import doors
from tests.security.doors import EVE, WANDA

TRIES = int(os.environ.get("FLIGHT_SERVER_TIMING", "2000"))
LEAST = 0.01
pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]

TAGGED = """
version: 1
roles: {reader: {groups: [readers]}}
tags: [{on: lake.shop.salaries, tags: [secret]}]
grants:
  - {to: reader, on: "lake.**", allow: select}
  - {to: "*", on: "tag:secret", deny: select}
"""


@dataclass(frozen=True)
class Fixed:
    """A policy that does not change."""

    policy: Policy

    def current(self) -> Policy:
        return self.policy


# Hidden names with names that are not there, as long and as quick to parse.
PAIRS = {
    "column": ("SELECT ssn FROM customers", "SELECT sxn FROM customers"),
    "column in a condition": (
        "SELECT id FROM customers WHERE score > 3",
        "SELECT id FROM customers WHERE scxre > 3",
    ),
    "table": ("SELECT * FROM lake.shop.salaries", "SELECT * FROM lake.shop.salaxies"),
    "table in a hidden schema": (
        "SELECT * FROM lake.vault.secrets",
        "SELECT * FROM lake.vauxt.secrets",
    ),
    "table in a hidden catalog": (
        "SELECT * FROM dark.shop.customers",
        "SELECT * FROM daxk.shop.customers",
    ),
}


def test_the_statistic_is_right() -> None:
    chance = random.Random(1)
    one = [chance.gauss(0, 1) for _ in range(2000)]
    same = [chance.gauss(0, 1) for _ in range(2000)]
    other = [chance.gauss(0.2, 1) for _ in range(2000)]
    assert kolmogorov_smirnov(one, same) > LEAST
    assert kolmogorov_smirnov(one, other) < LEAST


@pytest.mark.parametrize("who", [EVE, WANDA], ids=["granted", "denied"])
@pytest.mark.parametrize("name", PAIRS)
def test_hidden_and_missing_take_as_long(application: Application, name: str, who: Caller) -> None:
    assert_alike(application.service, who, name)


def test_a_table_that_is_hidden_by_a_tag_takes_as_long(application: Application) -> None:
    """Its metadata has to be read before that can be said."""
    shared = application.service
    service = QueryService(
        shared._registry,
        Fixed(parse_policy(TAGGED)),
        shared._engine,
        Sealer([SealKey(b"timing-timing-timing-timing-1234")]),
    )
    assert_alike(service, EVE, "table")


def assert_alike(service: QueryService, who: Caller, name: str) -> None:
    """One distribution gives a low probability now and then: it is asked up to three times."""
    probabilities = []
    for _ in range(3):
        hidden, missing = measure(service, *PAIRS[name], who)
        probabilities.append(kolmogorov_smirnov(hidden, missing))
        print(f"{name}: p = {probabilities[-1]:.3f}", medians(hidden, missing))
        if probabilities[-1] > LEAST:
            return
    pytest.fail(f"{name}: {probabilities} {medians(hidden, missing)}")


def measure(
    service: QueryService, hidden: str, missing: str, who: Caller
) -> tuple[list[float], list[float]]:
    """The seconds that each takes to be refused, in turns of random order."""
    chance = random.Random()
    seconds: dict[str, list[float]] = {hidden: [], missing: []}
    for number in range(TRIES + 20):
        for text in chance.sample((hidden, missing), 2):
            started = time.perf_counter()
            answer = doors.in_process(service, who, text)
            passed = time.perf_counter() - started
            assert answer.table is None
            if number >= 20:  # the first ones fill caches
                seconds[text].append(passed)
    return seconds[hidden], seconds[missing]


def medians(*samples: Sequence[float]) -> str:
    return " / ".join(f"{sorted(s)[len(s) // 2] * 1e6:.1f} µs" for s in samples)


def kolmogorov_smirnov(one: Sequence[float], other: Sequence[float]) -> float:
    """The probability that two samples of one distribution lie at least this far apart."""
    first, second = sorted(one), sorted(other)
    furthest = max(
        abs(bisect_right(first, x) / len(first) - bisect_right(second, x) / len(second))
        for x in (*first, *second)
    )
    size = math.sqrt(len(first) * len(second) / (len(first) + len(second)))
    z = (size + 0.12 + 0.11 / size) * furthest
    total = 2 * sum((-1) ** (k - 1) * math.exp(-2 * (k * z) ** 2) for k in range(1, 101))
    return min(1.0, max(0.0, total)) if z > 0.2 else 1.0
