"""`python -m benchmarks.planning`: what the gate and the policy take of planning a statement.

In this process, without binding and without an engine: the text is parsed and checked, its tables
are found in what the user may see, and narrowed. Repeated statements are checked once.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from auth.credentials import CredentialsSource
from auth.policy_source import PolicySource
from auth.principal import Principal
from auth.visible import VisibleCatalog
from benchmarks import data, served
from flight_server import app
from flight_server.config import load
from flight_server.query.expressions import Compiler
from flight_server.query.gate import Gate, Statement
from flight_server.query.parser import Parser
from flight_server.query.resolve import Defaults, resolve
from flight_server.query.secure import secure

_REPEATS = 300
_TEXTS = {
    "SELECT n": "SELECT {n}",
    "lineitem by key": "SELECT * FROM lineitem WHERE l_orderkey = {n}",
    "sums by flag and status": """
        SELECT l_returnflag, l_linestatus, sum(l_quantity), sum(l_extendedprice),
            sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)), avg(l_discount), count(*)
        FROM lineitem WHERE l_shipdate <= DATE '1998-12-01' - INTERVAL '{n}' DAY
        GROUP BY l_returnflag, l_linestatus ORDER BY 1, 2""",
    "late lines, twice correlated": """
        SELECT a.l_suppkey, count(*) AS waits FROM lineitem a
        WHERE a.l_receiptdate > a.l_commitdate AND a.l_orderkey > {n}
            AND EXISTS (SELECT 1 FROM lineitem b
                WHERE b.l_orderkey = a.l_orderkey AND b.l_suppkey <> a.l_suppkey)
            AND NOT EXISTS (SELECT 1 FROM lineitem c
                WHERE c.l_orderkey = a.l_orderkey AND c.l_receiptdate > c.l_commitdate)
        GROUP BY a.l_suppkey ORDER BY waits DESC LIMIT 100""",
}


def main() -> int:
    """Measure and print a table; gives the exit status."""
    warehouse = data.warehouse(Path(__file__).with_name(".data"), scale=1.0, tables=100)
    with tempfile.TemporaryDirectory() as folder:
        plan, repeated = _planners(served.configured(warehouse, Path(folder)))
        print("| statement | new, p50 ms | repeated, p50 ms |\n| --- | ---: | ---: |")
        for name, text in _TEXTS.items():
            new = _median(plan, (text.format(n=n + 1) for n in range(_REPEATS)))
            again = _median(repeated, (text.format(n=1) for _ in range(_REPEATS)))
            print(f"| {name} | {new:.2f} | {again:.2f} |")
    return 0


def _planners(config: Path) -> tuple[Callable[[str], object], Callable[[str], object]]:
    """What plans a statement as new, and what plans it as one that was checked before."""
    settings = load(config)
    policies, registry = PolicySource(settings.policy.file), app.catalogs(settings)
    assert settings.auth.users is not None
    user = CredentialsSource(settings.auth.users).current().user(served.MASKED_USER)
    assert user is not None
    principal = Principal(user.name, user.groups, user.claims)
    parser = Parser()
    gate, compiler = Gate(parser), Compiler(parser)
    kept: Callable[[str], Statement] = lru_cache(gate.check)
    defaults = Defaults(data.CATALOG, data.SCHEMA)

    def narrowed(statement: Statement) -> object:
        visible = VisibleCatalog(principal, policies.current(), registry)
        return secure(resolve(statement, visible, defaults), compiler, "UTC")

    return lambda text: narrowed(gate.check(text)), lambda text: narrowed(kept(text))


def _median(plan: Callable[[str], object], texts: Iterator[str]) -> float:
    plan(next(texts))
    taken = []
    for text in texts:
        started = time.perf_counter()
        plan(text)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken) * 1000


if __name__ == "__main__":
    sys.exit(main())
