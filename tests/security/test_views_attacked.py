"""The attack statements over views, with the rights of their readers and of a definer."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from flight_server.app import Application, build
from flight_server.config import load
from flight_server.query.caller import Caller
from tests.security import canaries, doors, warehouse
from tests.security.doors import EVE, OWNER, WANDA, Answer, Remote
from tests.security.test_attacks import FILES, assert_none, attacked, shared, tree
from tests.security.test_views_alike import cases, faults
from tests.security.viewed_lake import CALLER, DEFINER, viewed_lake
from tests.security.warehouse import Lake, oracle

# What a process that runs no gate may tell: what that is called which its own views read.
OWN = re.compile(r"([a-z]+\.)?canary_x_(shop|ref|inner)$")


@dataclass(frozen=True)
class World:
    """A server over the views, and what watches it."""

    application: Application
    lake: Lake
    rights: str


@pytest.fixture(scope="module", params=[CALLER, DEFINER])
def world(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    listener: socket.socket,
) -> Iterator[World]:
    directory: Path = tmp_path_factory.mktemp("viewed")
    port = listener.getsockname()[1]
    with viewed_lake(directory, port, request.param) as (lake, _):
        running = build(load(lake.config))
        running.server.start()
        try:
            yield World(running, lake, request.param)
        finally:
            running.stop(2.0)


@pytest.fixture(scope="module")
def right() -> Iterator[duckdb.DuckDBPyConnection]:
    with oracle() as connection:
        yield connection


@pytest.fixture(scope="module")
def wanda(world: World) -> Iterator[Remote]:
    with closing(Remote(world.application.server.location, warehouse.WANDA)) as door:
        yield door


@pytest.fixture(autouse=True)
def untouched(world: World, listener: socket.socket) -> Iterator[None]:
    """Whatever is tried, no file is written and no socket reached."""
    before = tree(world.lake.directory)
    yield
    assert tree(world.lake.directory) == before
    assert not list(world.lake.outside.iterdir())
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_the_users_see_what_they_see_of_tables(world: World) -> None:
    """And the owner what is hidden: without that the rest would prove nothing."""
    service = world.application.service
    for user in (EVE, WANDA):
        listed = [(each.name, each.table.kind) for each in service.visible(user).tables()]
        views = [str(name) for name, kind in listed if kind == "VIEW"]
        assert views == ["lake.ref.regions", "lake.shop.customers", "lake.shop.orders"]
        assert (len(listed) > len(views)) is (world.rights == CALLER)
        for name, rows in warehouse.seen().items():
            answer = doors.in_process(service, user, f"SELECT * FROM {'.'.join(name)}")
            assert answer.table is not None, answer.seen
            assert doors.alike(answer.table, rows, ordered=False)
    for name in ("customers", "orders", "salaries", "lake.vault.secrets"):
        answer = doors.in_process(service, OWNER, f"SELECT * FROM {name}")
        assert canaries.found(answer.seen, ""), name


@pytest.mark.parametrize("file", FILES)
def test_through_the_query_service(
    file: str, world: World, right: duckdb.DuckDBPyConnection
) -> None:
    def way(text: str) -> Answer:
        return doors.in_process(world.application.service, EVE, text)

    assert_none(attacked(shared(file), way, world.lake, right))


@pytest.mark.parametrize("file", FILES)
def test_over_the_network(
    file: str, world: World, wanda: Remote, right: duckdb.DuckDBPyConnection
) -> None:
    assert_none(attacked(shared(file)[0::4], wanda.prepared, world.lake, right))
    assert_none(attacked(shared(file)[2::4], wanda.statement, world.lake, right))


@pytest.mark.parametrize("file", FILES)
def test_with_the_gate_switched_off(file: str, world: World) -> None:
    """The second wall alone: the process holds what the user's views read, and no more.

    That has names there, which are those of what is inside.
    """
    text = "SELECT 1 FROM customers, orders, lake.ref.regions"
    narrowed = world.application.service.plan(EVE, text).secured
    wrong = []
    for attack in shared(file)[1::4]:
        sent = attack.fill(world.lake.places)
        answer = doors.bare_engine(world.application.service, narrowed, sent)
        found = canaries.of_others(answer.seen, sent)
        shown = [each for each in found if not OWN.match(each)]
        if shown:
            wrong.append(f"{attack.id} {sent[:300]!r} shows {shown}: {answer.seen[:1500]}")
    assert_none(wrong)


def test_described_and_explained(world: World) -> None:
    wrong = []
    for file in FILES:
        for start, word in enumerate(("DESCRIBE", "EXPLAIN", "SUMMARIZE", "EXPLAIN ANALYZE")):
            for attack in shared(file)[start::12]:
                sent = f"{word} {attack.fill(world.lake.places)}"
                answer = doors.in_process(world.application.service, EVE, sent)
                shown = canaries.found(answer.seen, sent)
                if shown:
                    wrong.append(f"{sent[:300]!r} shows {shown}: {answer.seen[:1500]}")
    assert_none(wrong)


@pytest.mark.parametrize("user", [EVE, WANDA], ids=["by grants", "by denials"])
@pytest.mark.parametrize("start", range(4))
def test_hidden_and_missing_in_every_position(world: World, user: Caller, start: int) -> None:
    wrong = faults(world.application.service, user, cases(world.rights)[start::4])
    assert_none(wrong)


def test_a_listing_names_nothing_inside(world: World) -> None:
    service = world.application.service
    for text in (
        "SHOW ALL TABLES",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM information_schema.columns",
        "SELECT * FROM information_schema.schemata",
        "SELECT * FROM information_schema.views",
        "DESCRIBE customers",
    ):
        answer = doors.in_process(service, EVE, text)
        assert not canaries.found(answer.seen, text), answer.seen
        assert "WHERE" not in answer.seen
