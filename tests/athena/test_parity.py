"""Random statements of many policies give the same by both engines, or are refused by name."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog import load_catalog

from auth.policy_file import parse_policy
from auth.principal import Principal
from catalog.athena import AthenaCatalog
from catalog.iceberg import IcebergCatalog
from catalog.registry import Registry
from flight_server.engines.athena.engine import AthenaEngine
from flight_server.engines.athena.settings import AthenaRole, AthenaSettings
from flight_server.engines.athena.translate import translate
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.settings import MIB, DuckDBSettings
from flight_server.engines.router import Router, Rules
from flight_server.query.caller import Caller
from flight_server.query.resolve import Defaults
from flight_server.query.seal import Sealer, SealKey
from flight_server.query.service import QueryService
from flight_server.testing.athena import AthenaDouble
from tests.athena.differences import difference
from tests.athena.lake import BUCKET, STAGING
from tests.oracle import edges
from tests.oracle import lake as oracle
from tests.oracle.cases import CASES
from tests.oracle.generator import Generator
from tests.oracle.pairs import Fixed
from tests.oracle.query import Query
from tests.security import doors
from tests.security.doors import Answer

# How many statements must have run on both engines, with the same rows.
COUNT = int(os.environ.get("FLIGHT_SERVER_PARITY", "300"))
SEED = int(os.environ.get("FLIGHT_SERVER_ORACLE_SEED", "20260114"))
AT_ONCE = 4
SHARE = -(-COUNT * 4 // (len(CASES) * 3))
TRIES = 12 * SHARE
# What is refused by name rather than run differently.
REFUSED = ("UNTRANSLATABLE", "NO_ENGINE", "UNSUPPORTED_DATA")


@dataclass(frozen=True)
class User:
    """The user of one policy before the server, and what they see of the lake."""

    name: str
    service: QueryService
    caller: Caller
    seen: Mapping[str, pa.Schema]

    def statement(self, name: str) -> Query:
        """A statement for this user, the same for the same name."""
        stored = {each: schema for each, schema in oracle.SCHEMAS.items() if _ours(each)}
        return Generator(self.seen, stored, edges.stored(), random.Random(name)).next().query

    def answer(self, engine: str, query: Query) -> Answer:
        """What the user is told by an engine."""
        caller = replace(self.caller, engine=engine)
        if not query.values:
            return doors.in_process(self.service, caller, query.text)
        columns = [pa.array([value]) for value in query.values]
        row = pa.RecordBatch.from_arrays(columns, [str(at) for at in range(len(columns))])
        return doors.bound(self.service, caller, query.text, row)


def _ours(name: str) -> bool:
    """Whether a table is in the catalog that both engines read."""
    return name.startswith("lake.")


@pytest.fixture(scope="module")
def registry(double: AthenaDouble, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """The oracle's warehouse: one catalog of it in Glue, the other is not Athena's."""
    directory = tmp_path_factory.mktemp("parity")
    (directory / "other").mkdir()
    place = {**double.catalog_properties(), "warehouse": f"s3://{BUCKET}/parity"}
    sources = {
        "lake": load_catalog("lake", type="glue", **place),
        "other": load_catalog("other", **oracle.properties(directory, "other")),
    }
    doomed = oracle.rows.doomed()
    for name, found in oracle.raw().items():
        oracle._fill(sources[name.partition(".")[0]], name, found, doomed.get(name, []))
    other = oracle.properties(directory, "other")
    return Registry(
        [
            AthenaCatalog("lake", double.catalog_properties(), refresh_seconds=3600),
            IcebergCatalog("other", other, refresh_seconds=3600),
        ]
    )


@pytest.fixture(scope="module")
def router(double: AthenaDouble, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    directory: Path = tmp_path_factory.mktemp("copies")
    settings = AthenaSettings(
        region=double.region, default=AthenaRole(staging=STAGING), endpoint=double.endpoint
    )
    with ExitStack() as held:
        local = DuckDBEngine(
            DuckDBSettings(workers=3, threads=1, memory_limit=512 * MIB, cache_directory=directory)
        )
        held.callback(local.close)
        rules = Rules(sealed=lambda _relation: False)
        found = Router(local, AthenaEngine(settings, translate), rules)
        held.pop_all()
    with closing(found):
        yield found


@pytest.fixture(scope="module")
def users(registry: Registry, router: Router) -> list[User]:
    raw, made = oracle.raw(), []
    sealer = Sealer([SealKey(b"k" * 32)])
    for case in CASES:
        policy = parse_policy(case.policy, case.name)
        claims = {**case.claims, "groups": list(case.groups)}
        principal = Principal("u", groups=policy.identity.groups_of(claims), claims=claims)
        service = QueryService(
            registry, Fixed(policy), router, sealer, defaults=Defaults("lake", "shop")
        )
        seen = {name: rows.schema for name, rows in case.copies(raw).items() if _ours(name)}
        made.append(User(case.name, service, Caller(principal, case.name), seen))
    return made


@pytest.mark.timeout(900)
def test_random_statements_give_the_same_by_both_engines(users: list[User]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        told = [each for found in pool.map(judged, users) for each in found]
    kinds = Counter(kind for kind, _ in told)
    print(dict(kinds))
    assert not kinds["different"], "\n\n".join(text for kind, text in told if kind == "different")
    assert kinds["rows"] >= COUNT
    assert kinds["errors"] >= COUNT // 10


def judged(user: User) -> list[tuple[str, str]]:
    """What became of statements of one policy: the same rows or errors, refused, or different."""
    found: list[tuple[str, str]] = []
    for number in range(TRIES):
        if sum(kind == "rows" for kind, _ in found) == SHARE:
            break
        name = f"{SEED}/{user.name}/{number}"
        query = user.statement(name)
        there = user.answer("athena", query)
        if there.code in REFUSED:
            found.append(("refused", ""))
            continue
        here = user.answer("duckdb", query)
        fault = difference(here, there, in_order=query.ordered)
        if not fault:
            found.append(("errors" if there.table is None else "rows", ""))
            continue
        text = f"{name}: {fault}\n  {query.text} {list(query.values)}\n"
        text += f"  DuckDB: {here.seen[:1000]}\n  Athena: {there.seen[:1000]}"
        found.append(("different", text))
    return found
