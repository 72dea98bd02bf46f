"""A view that is not for its reader, and what is inside of one, answer as what never existed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.flight as flight
import pytest
from pyiceberg.schema import Schema
from pyiceberg.types import NestedField, StringType

from flight_server.app import Application, build
from flight_server.config import load
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.protocol.wire import flight_sql_pb2 as sql
from flight_server.query.caller import Caller
from flight_server.query.service import QueryService
from tests.catalog.rest_server import RestCatalogServer
from tests.security import canaries, doors, warehouse
from tests.security.doors import EVE, OWNER, WANDA, Remote
from tests.security.test_indistinguishable import (
    COLUMN_POSITIONS,
    COLUMNS,
    SCHEMA_POSITIONS,
    SCHEMAS,
    TABLE_POSITIONS,
    TABLES,
    ask,
    difference,
    schemas_of,
    tables_of,
    without_ids,
)
from tests.security.viewed_lake import CALLER, DEFINER, viewed_lake

# What is inside of views, with names that never were. A column that is in no view, and its table.
INNER = [("canary_x_inner", "qzxywv_v_qzxyw")]
INNER_PLACES = {
    CALLER: [("base_vault", "qzxy_vwxyz"), ("base_canary_x_schema", "qzxy_vwxyz_v_qzxyvwx")],
    DEFINER: [("canary_x_shop", "qzxyvw_v_qzxy"), ("canary_x_ref", "qzxyvw_v_qzx")],
}
INNER_POSITIONS = """
SELECT * FROM «n».customers
SELECT * FROM lake.«n».customers
SELECT * FROM lake.«n»."customers$files"
SELECT «n».customers.id FROM customers
SELECT * FROM __view."[[""lake"", ""shop"", ""customers""], [""lake"", ""«n»""]]".customers
SELECT 1 FROM orders, __view."[[""lake"", ""shop"", ""customers""], [""lake"", ""«n»""]]".customers
SHOW TABLES FROM «n»
USE «n»
""".strip().splitlines()
# One statement in so many; all are tried where the attacks are.
ONE_IN = 48


@dataclass(frozen=True)
class World:
    """A server over the views, and the catalog that they are in."""

    application: Application
    rest: RestCatalogServer
    rights: str


# Views that readers may know by name, over what they may not; none is there for them.
SECRET = {
    "qa_table": "SELECT v AS id FROM lake.base_shop.keys",
    "qa_schema": "SELECT v AS id FROM lake.base_vault.secrets",
    "qa_column": "SELECT ssn AS id FROM lake.base_shop.customers",
    "qa_where": "SELECT code AS id FROM lake.base_shop.customers WHERE canary_x_inner IS NULL",
    "qa_field": "SELECT code AS id FROM lake.base_shop.customers WHERE score > 3",
    "qa_join": "SELECT c.code AS id FROM lake.base_shop.customers c, lake.base_shop.salaries s",
    "qa_view": "SELECT v AS id FROM lake.shop.keys",
    "qa_views": "SELECT id FROM lake.shop.qa_column",
    "qa_sub": "SELECT code AS id FROM lake.base_shop.customers"
    " WHERE EXISTS (FROM lake.base_shop.salaries)",
    "qa_with": "WITH x AS (FROM lake.base_vault.secrets) SELECT v AS id FROM x",
    "qa_gone": "SELECT v AS id FROM lake.base_shop.nothing",
    "qa_star": "SELECT * FROM lake.base_shop.keys",
    "qa_meta": 'SELECT operation AS id FROM lake.base_shop."keys$snapshots"',
    "qa_other": "SELECT v AS id FROM dark.deep.treasure",
}


@pytest.fixture(scope="module", params=[CALLER, DEFINER])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    directory: Path = tmp_path_factory.mktemp("viewed")
    with viewed_lake(directory, 9, request.param) as (lake, rest):
        for name, text in SECRET.items() if request.param == CALLER else ():
            columns = Schema(NestedField(1, "id", StringType()))
            rest.view(f"shop.{name}", columns, ("duckdb", text))
        running = build(load(lake.config))
        running.server.start()
        try:
            yield World(running, rest, request.param)
        finally:
            running.stop(2.0)


@pytest.fixture(scope="module")
def remote(world: World) -> Iterator[Remote]:
    user = {CALLER: warehouse.EVE, DEFINER: warehouse.WANDA}[world.rights]
    with closing(Remote(world.application.server.location, user)) as door:
        yield door


def faults(service: QueryService, user: Caller, cases: list[tuple[str, str, str]]) -> list[str]:
    """The positions in which a hidden name and one that never was are told apart."""
    wrong = []
    for position, hidden, missing in cases:
        one, other = (
            doors.in_process(service, user, position.replace("«n»", name))
            for name in (hidden, missing)
        )
        fault = difference(one, other, (hidden, missing))
        if fault:
            wrong.append(f"{position} ({hidden}): {fault[:800]}")
    return wrong


def cases(rights: str) -> list[tuple[str, str, str]]:
    return [
        *((p, *pair) for p in COLUMN_POSITIONS for pair in (*COLUMNS, *INNER)),
        *((p, *pair) for p in TABLE_POSITIONS for pair in TABLES),
        *((p, *pair) for p in SCHEMA_POSITIONS for pair in SCHEMAS),
        *((p, *pair) for p in INNER_POSITIONS for pair in INNER_PLACES[rights]),
    ]


@pytest.mark.parametrize("user", [EVE, WANDA], ids=["by grants", "by denials"])
def test_in_positions_of_a_statement(world: World, user: Caller) -> None:
    start = (EVE, WANDA).index(user)
    wrong = faults(world.application.service, user, cases(world.rights)[start::ONE_IN])
    assert not wrong, "\n".join(wrong)


def test_views_over_what_their_reader_may_not_see_never_existed(world: World) -> None:
    if world.rights == DEFINER:
        pytest.skip("a definer's view is there whatever its reader may see of its inside")
    wrong = []
    for place, name in enumerate(SECRET):
        other = f"qx{name[2:]}"
        chosen = TABLE_POSITIONS[place :: len(SECRET)]
        wrong += faults(
            world.application.service, EVE, [(position, name, other) for position in chosen]
        )
    assert not wrong, "\n".join(wrong)


def test_over_the_network_too(world: World, remote: Remote) -> None:
    """Not only the texts, but the statuses and details of the errors are the same."""
    for position, hidden, missing in cases(world.rights)[:: 3 * ONE_IN]:
        for way in (remote.prepared, remote.statement):
            answers = [way(position.replace("«n»", name)) for name in (hidden, missing)]
            ours, theirs = (without_ids(answer) for answer in answers)
            assert difference(ours, theirs, (hidden, missing)) is None


def test_in_every_filter_of_the_metadata(world: World, remote: Remote) -> None:
    asked = [(tables_of, TABLES), (schemas_of, [*SCHEMAS, *INNER_PLACES[world.rights]])]
    for commands, pairs in asked:
        for hidden, missing in pairs:
            for one, other in zip(commands(hidden), commands(missing), strict=True):
                ours, theirs = ask(remote, one), ask(remote, other)
                assert str(ours) == str(theirs).replace(missing, hidden), one


def test_listings_name_nothing_hidden_and_nothing_of_a_text(world: World, remote: Remote) -> None:
    for command in (
        sql.CommandGetDbSchemas(),
        sql.CommandGetTables(include_schema=True),
        sql.CommandGetTables(table_types=["VIEW"], include_schema=True),
    ):
        kind, answer = ask(remote, command)
        assert kind == "rows"
        assert not canaries.found(str(answer), "")
        assert not [name for name in ("salaries", "vault", "qa_", "WHERE") if name in str(answer)]


def test_what_is_told_of_a_result_names_nothing_inside(world: World, remote: Remote) -> None:
    """Of the tables that are read only those of the statement, at planning and at the end."""
    query = sql.CommandStatementQuery(query="SELECT id FROM customers UNION SELECT 1 FROM orders")
    descriptor = flight.FlightDescriptor.for_command(doors.packed(query))
    info = remote.client.get_flight_info(descriptor, remote.options)
    told = [info.app_metadata]
    for chunk in remote.client.do_get(info.endpoints[0].ticket, remote.options):
        told.append(chunk.app_metadata.to_pybytes() if chunk.app_metadata else b"{}")
    views = {"lake.shop.customers", "lake.shop.orders"}
    assert set(json.loads(told[0])["tables"]) == views
    for each in told:
        assert json.loads(each).get("snapshots", {}).keys() <= views
        assert not canaries.found(each.decode(), "")
    explained = doors.in_process(world.application.service, EVE, f"EXPLAIN {query.query}")
    assert "none: it is a view" in explained.seen
    assert not [word for word in ("base_", "canary", "inner", "WHERE") if word in explained.seen]


def test_what_is_not_there_asks_neither_catalog_nor_engine(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that takes long is done for a view that is hidden and not for one that is missing."""
    names = ["salaries", *(SECRET if world.rights == CALLER else ()), "qzxywvut"]
    for name in names:  # what is remembered of views is remembered of other statements as well
        doors.in_process(world.application.service, EVE, f"SELECT * FROM {name}")
    bound: list[object] = []
    describe = DuckDBEngine.describe

    def counted(engine: DuckDBEngine, *given: Any, **more: Any) -> Any:
        bound.append(given)
        return describe(engine, *given, **more)

    monkeypatch.setattr(DuckDBEngine, "describe", counted)
    asked = len(world.rest.asked)
    for name in names:
        answer = doors.in_process(world.application.service, EVE, f"SELECT id FROM {name}")
        assert answer.code == "TABLE_NOT_FOUND"
    assert (len(world.rest.asked), bound) == (asked, [])


def test_the_owner_reads_what_is_hidden(world: World) -> None:
    """Without that the rest would prove nothing."""
    names = ["salaries", "keys", *(SECRET if world.rights == CALLER else ())]
    absent = {"qa_gone", "qa_star", "qa_meta"}
    for name in names:
        answer = doors.in_process(world.application.service, OWNER, f"SELECT * FROM {name}")
        assert (answer.table is None) is (name in absent), (name, answer.seen)
