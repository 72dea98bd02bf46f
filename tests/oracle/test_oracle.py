"""The physical oracle: what a user gets is what a plain DuckDB gives on the user's rows alone.

For each policy the rows that its user may see are copied, filtered and masked, by plain Python into
a DuckDB of their own. Random statements must then give the same rows, the same schema, or an error
of the same class on both sides.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.oracle import compare
from tests.oracle.cases import CASES
from tests.oracle.pairs import Pair
from tests.oracle.query import Query, shrunk
from tests.oracle.wire import Wire
from tests.statements import read

COUNT = int(os.environ.get("FLIGHT_SERVER_ORACLE", "513"))
SEED = int(os.environ.get("FLIGHT_SERVER_ORACLE_SEED", "20260114"))
AT_ONCE = 3
WIRED = ("masks over filtered rows", "lookups", "fields of structs")
QUESTIONS = read(Path(__file__).parent.parent / "corpora" / "tpch.sql")


def test_there_are_enough_policies() -> None:
    assert len(CASES) >= 12
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.timeout(0 if COUNT > 2000 else 300)
def test_random_statements_give_the_same_on_the_physical_copies(pairs: dict[str, Pair]) -> None:
    print(f"{COUNT} statements of seed {SEED}")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        wrong = [found for part in pool.map(judge, pairs.values()) for found in part]
    if wrong:
        pytest.fail("\n\n".join(wrong[:5]), pytrace=False)


def judge(pair: Pair) -> list[str]:
    """What differs among the statements of one policy; the first few are enough."""
    wrong = []
    for number in range(-(-COUNT // len(CASES))):
        name = f"{SEED}/{pair.case.name}/{number}"
        made = pair.generator(random.Random(name)).next()
        query = made.query
        fault = pair.difference(query.text, query.values, ordered=query.ordered)
        if fault:
            wrong.append(report(pair, made.query, f"{name}, {made.kind}: {fault}"))
        if len(wrong) == 3:
            break
    return wrong


@pytest.mark.parametrize("name", ["all", "market"])
def test_the_questions_of_the_known_benchmark_give_the_same(
    pairs: dict[str, Pair], name: str
) -> None:
    pair = pairs[name]
    inside = replace(pair, caller=replace(pair.caller, schema="market"), right=pair.right.cursor())
    inside.right.execute(f"USE lake.market; SET TimeZone = '{pair.caller.time_zone}'")
    assert len(QUESTIONS) >= 22
    for question in QUESTIONS:
        fault = inside.difference(question.text)
        assert not fault, f"{question.title}: {fault}\n{inside.told(question.text)}"


@pytest.mark.parametrize("name", WIRED)
def test_statements_over_the_network_give_the_same(
    pairs: dict[str, Pair], wire: Callable[[Pair], Wire], name: str
) -> None:
    pair = pairs[name]
    with wire(pair) as remote:
        for number in range(20):
            chance = random.Random(f"{SEED}/wire/{name}/{number}")
            made = pair.generator(chance).next()
            text = made.query.text
            if made.query.values:  # bound without the network, above
                continue
            right = compare.by_oracle(pair.right, text)
            found = remote.run(text)
            fault = compare.difference(right, found, ordered=made.query.ordered)
            assert not fault, f"{fault}\n{text}\n{right.short}\n{found.short}"


def report(pair: Pair, query: Query, title: str) -> str:
    """A difference, cut down to what shows it."""

    def fails(candidate: Query) -> bool:
        return bool(pair.difference(candidate.text, candidate.values, ordered=candidate.ordered))

    small = shrunk(query, fails)
    told = pair.told(small.text, small.values)
    return f"statement {title}\n  {small.text} {list(small.values)}\n{told}"
