"""The oracle's warehouse with one engine, and a query service for each policy over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from auth.policy_file import parse_policy
from auth.principal import Principal
from catalog.registry import Registry
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.settings import MIB, DuckDBSettings
from flight_server.query.caller import Caller
from flight_server.query.resolve import Defaults
from flight_server.query.seal import Sealer, SealKey
from flight_server.query.service import QueryService
from tests.oracle import compare, lake
from tests.oracle.cases import CASES
from tests.oracle.pairs import Fixed, Pair
from tests.oracle.wire import Wire

ZONES = ("UTC", "Europe/Berlin", "America/New_York")
SEALER = Sealer([SealKey(b"oracle-oracle-oracle-oracle-1234")])


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return lake.build(tmp_path_factory.mktemp("oracle"))


@pytest.fixture(scope="session")
def engine() -> Iterator[DuckDBEngine]:
    started = DuckDBEngine(DuckDBSettings(workers=6, threads=2, memory_limit=512 * MIB))
    try:
        yield started
    finally:
        started.close()


@pytest.fixture(scope="session")
def pairs(registry: Registry, engine: DuckDBEngine) -> dict[str, Pair]:
    raw = lake.raw()
    made = {}
    for number, case in enumerate(CASES):
        policy = parse_policy(case.policy, case.name)
        claims = {**case.claims, "groups": list(case.groups)}
        principal = Principal("u", groups=policy.identity.groups_of(claims), claims=claims)
        zone = ZONES[number % len(ZONES)]
        service = QueryService(
            registry,
            Fixed(policy),
            engine,
            SEALER,
            defaults=Defaults("lake", "shop"),
        )
        caller = Caller(principal, f"oracle-{number}", time_zone=zone)
        copies = case.copies(raw)
        seen = {name: rows.schema for name, rows in copies.items()}
        made[case.name] = Pair(case, policy, service, caller, compare.plain(copies, zone), seen)
    return made


@pytest.fixture
def wire() -> Callable[[Pair], Wire]:
    """A server of its own for one policy, and a client that is its user."""
    return lambda pair: Wire(pair, SEALER)
