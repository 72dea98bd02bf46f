"""The sealed tier: with the gate switched off too, nothing that is hidden shows."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from flight_server.app import Application, build
from flight_server.config import load
from flight_server.engines.base import Secured
from flight_server.engines.duckdb.settings import DuckDBSettings
from flight_server.engines.duckdb.setup import Setup
from flight_server.engines.errors import EngineError
from tests.security import canaries, doors, warehouse
from tests.security.doors import EVE, OWNER, Answer
from tests.security.test_attacks import FILES, assert_none, attacked, shared, tree
from tests.security.warehouse import Lake

NAMES = ("customers", "orders", "lake.ref.regions")


@pytest.fixture(scope="module")
def application(lake: Lake) -> Iterator[Application]:
    """A server that seals every table, over the same lake."""
    running = build(load(lake.config, {"engine.seal_all": True}))
    try:
        yield running
    finally:
        running.stop(2.0)


@pytest.fixture(scope="module")
def narrowed(application: Application) -> Secured:
    """The user's tables, as the engine is given them."""
    return application.service.plan(EVE, f"SELECT 1 FROM {', '.join(NAMES)}").secured


@pytest.fixture(autouse=True)
def untouched(lake: Lake, listener: socket.socket) -> Iterator[None]:
    before = tree(lake.directory)
    yield
    assert tree(lake.directory) == before
    assert not list(lake.outside.iterdir())
    with pytest.raises(BlockingIOError):
        listener.accept()


def harmless(seen: str) -> str:
    """What was seen, less the engine's own words that look like something hidden."""
    # the last is what the statement said in another spelling
    refused = 'Cannot access file "/etc/passwd"'
    for word in ("arrow.parquet.variant", "Atlantic/Canary", refused):
        seen = seen.replace(word, "")
    return seen


@pytest.mark.parametrize("file", FILES)
def test_with_the_gate_switched_off_nothing_hidden_shows_at_all(
    file: str, application: Application, lake: Lake, narrowed: Secured
) -> None:
    """Neither what is hidden in the files of the user's own tables, nor the names of files."""
    wrong = []
    for attack in shared(file):
        sent = attack.fill(lake.places)
        answer = doors.bare_engine(application.service, narrowed, sent)
        shown = canaries.found(harmless(answer.seen), sent)
        if shown:
            wrong.append(f"{attack.id} {sent[:300]!r} shows {shown}: {answer.seen[:1500]}")
    assert_none(wrong)


@pytest.mark.parametrize("file", FILES[::3])
def test_statements_answer_as_they_should(
    file: str, application: Application, lake: Lake, right: duckdb.DuckDBPyConnection
) -> None:
    def way(text: str) -> Answer:
        return doors.in_process(application.service, EVE, text)

    assert_none(attacked(shared(file), way, lake, right))


def unplanned(application: Application, narrowed: Secured, path: Path) -> Answer:
    """What a worker gives of one of its tables' files when no planner has looked before."""
    text = f"SELECT * FROM read_parquet('{path}')"
    changed = replace(narrowed, text=text, parameters=())
    schema = duckdb.sql(text).to_arrow_reader(1).schema
    try:
        stream = application.engine.run(changed, None, schema, deadline=time.monotonic() + 5)
        try:
            return Answer(pa.Table.from_batches(doors.rows(stream, schema), schema))
        finally:
            stream.close()
    except EngineError as error:
        return Answer(None, type(error).__name__, str(error))


def test_the_files_of_sealed_tables_are_out_of_reach_where_others_are_not(
    application: Application, lake: Lake, narrowed: Secured
) -> None:
    """The second half proves the first: the files do hold what is hidden."""
    (path,) = Path(lake.places["file"]).parent.glob("*.parquet")
    assert not canaries.found(unplanned(application, narrowed, path).seen, "")
    open_ = build(load(lake.config, {"engine.seal_all": False}))
    try:
        answer = unplanned(open_, narrowed, path)
    finally:
        open_.stop(2.0)
    assert canaries.found(answer.seen, "")


def test_the_owner_sees_everything_through_the_seal(application: Application) -> None:
    answer = doors.in_process(
        application.service, OWNER, "SELECT * FROM customers, dark.deep.treasure"
    )
    assert answer.table is not None
    assert answer.table.num_rows == 12
    assert len(canaries.found(answer.seen, "")) > 10


def test_what_the_worker_is_told_has_no_filter_no_mask_and_no_file(
    application: Application, narrowed: Secured, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Setup] = []
    pool = application.engine._workers
    acquire: Callable[..., object] = pool.acquire

    def noted(setup: Setup, *waiting: object) -> object:
        told.append(setup)
        return acquire(setup, *waiting)

    monkeypatch.setattr(pool, "acquire", noted)
    doors.bare_engine(application.service, narrowed, "SELECT 1 AS a FROM customers")
    (setup,) = told
    assert setup.feeder is not None
    assert setup.feeder.files
    assert "regexp_replace" in setup.feeder.encoded.decode()
    seen = json.loads(setup.encoded)
    assert seen["files"] == []
    assert not {"feeder", "parquet", "regexp_replace", "ssn"} & set(str(seen).split())
    for hidden in (".parquet", "regexp_replace", "lower(", "ssn", "margin"):
        assert hidden not in setup.encoded.decode()


def test_a_table_is_sealed_by_its_tags(lake: Lake, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    text = warehouse.POLICY.replace(
        "tags:\n", 'tags:\n  - {on: "lake.shop.orders.margin", tags: [restricted.cost]}\n'
    )
    policy.write_text(text)
    running = build(load(lake.config, {"policy.file": str(policy)}))
    try:
        planned = running.service.plan(EVE, "SELECT 1 FROM orders, customers")
        tags = {relation.name.table: relation.tags for relation in planned.secured.relations}
        assert "restricted" in tags["orders"]
        assert "restricted" not in tags["customers"]
        assert (
            doors.in_process(running.service, EVE, "SELECT count(*) FROM orders").table is not None
        )
        assert _held(running) == [True]
        assert doors.in_process(running.service, EVE, "SELECT count(*) FROM customers").table
        assert sorted(_held(running)) == [False, True]
    finally:
        running.stop(2.0)


def _held(running: Application) -> list[bool]:
    """Whether each warm worker has a feeder."""
    return [worker.feeder is not None for worker in running.engine._workers._idle]


def test_the_tag_restricted_seals_where_nothing_else_is_set(lake: Lake) -> None:
    assert load(lake.config).engine.sealed_tags == ["restricted"]
    assert not load(lake.config).engine.seal_all
    assert replace(DuckDBSettings(), seal_all=True).seal_all
