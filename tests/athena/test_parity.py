"""Random statements of many policies on Athena's way give what they give on physical copies."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

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
from tests.athena.lake import BUCKET, STAGING
from tests.oracle import compare
from tests.oracle import lake as oracle
from tests.oracle.cases import CASES
from tests.oracle.pairs import Fixed, Pair

COUNT = int(os.environ.get("FLIGHT_SERVER_PARITY", "40"))
SEED = int(os.environ.get("FLIGHT_SERVER_ORACLE_SEED", "20260114"))
AT_ONCE = 3
# What is refused rather than run differently.
REFUSED = ("UNTRANSLATABLE", "NO_ENGINE", "UNSUPPORTED_DATA")


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
def pairs(registry: Registry, router: Router) -> list[Pair]:
    raw, made = oracle.raw(), []
    sealer = Sealer([SealKey(b"k" * 32)])
    for case in CASES:
        policy = parse_policy(case.policy, case.name)
        claims = {**case.claims, "groups": list(case.groups)}
        principal = Principal("u", groups=policy.identity.groups_of(claims), claims=claims)
        service = QueryService(
            registry, Fixed(policy), router, sealer, defaults=Defaults("lake", "shop")
        )
        caller = Caller(principal, case.name, engine="athena")
        copies = case.copies(raw)
        seen = {name: rows.schema for name, rows in copies.items()}
        right = compare.plain(copies, "UTC")
        made.append(Pair(case, policy, service, caller, right, seen))
    return made


@pytest.mark.timeout(600)
def test_random_statements_give_the_same_on_athena(pairs: list[Pair]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        told = [each for found in pool.map(judged, pairs) for each in found]
    kinds = Counter(kind for kind, _ in told)
    print(dict(kinds))
    assert not kinds["different"], "\n\n".join(text for kind, text in told if kind == "different")
    assert kinds["same"] >= COUNT // 10
    assert kinds["failed"] <= max(2, COUNT // 30), [text for kind, text in told if kind == "failed"]


def judged(pair: Pair) -> list[tuple[str, str]]:
    """What became of the statements of one policy: the same, refused, or different."""
    found = []
    for number in range(-(-COUNT // len(CASES))):
        name = f"{SEED}/{pair.case.name}/{number}"
        query = pair.generator(random.Random(name)).next().query
        answer = compare.by_server(pair.service, pair.caller, query.text, query.values)
        if answer.table is None and answer.error in REFUSED:
            found.append(("refused", ""))
            continue
        if answer.error == "ENGINE_FAILED":
            found.append(("failed", f"{name}: {query.text}"))  # in the open, but to be mended
            continue
        right = compare.by_oracle(pair.right, query.text, query.values)
        if right.error and answer.error == "data":
            found.append(("same", ""))  # what of the data is at fault is told in other words
            continue
        fault = compare.difference(right, answer, ordered=query.ordered)
        if fault and replaced(pair, query.text, query.values, ordered=query.ordered):
            fault = ""  # the other engine differs in the same way: no matter of Athena's
        text = f"{name}: {fault}\n  {query.text} {list(query.values)}\n"
        text += f"  should be: {right.short}\n  Athena:    {answer.short}"
        found.append(("different", text) if fault else ("same", ""))
    return found


def replaced(pair: Pair, text: str, values: tuple[object, ...], *, ordered: bool) -> bool:
    """Whether the other engine differs from the copies too."""
    here = replace(pair, caller=replace(pair.caller, engine="auto"))
    return bool(here.difference(text, values, ordered=ordered))
