"""A worker reaches nothing but its planned files, even where no gate stands before it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from catalog.model import Table
from flight_server.engines.duckdb import channel as wire
from flight_server.engines.duckdb import sandbox
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.private import PrivateDirectory
from flight_server.engines.duckdb.probe import prepare
from flight_server.engines.duckdb.process import Launcher
from flight_server.engines.duckdb.scan.plan import plan
from flight_server.engines.duckdb.session import Limits
from flight_server.engines.duckdb.settings import MIB
from flight_server.engines.errors import EngineError
from tests.engines import rig
from tests.engines.conftest import NewEngine
from tests.waiting import eventually

CANARY = "canary-7c1f"


def probe(sandboxed: bool, directory: str) -> dict[str, bool]:
    launcher = Launcher()
    worker = launcher.start_worker()
    prepare(Path(directory))
    try:
        limits = Limits(2, 256 * MIB, 4096 * MIB, 0, None, sandboxed)
        worker.send(wire.PROBE, wire.pack(limits.encode(), directory.encode()))
        kind, payload = worker.channel.receive()
        assert kind == wire.REPORT
        report: dict[str, bool] = json.loads(payload)
        return report
    finally:
        worker.kill()
        worker.gone(5)
        worker.dispose()
        launcher.close()


def test_the_engine_has_proved_its_sandbox(engine: DuckDBEngine) -> None:
    test = engine.self_test()
    assert test.holds
    assert len(test.tried) >= 10


def test_without_the_sandbox_the_same_attempts_succeed(tmp_path: Path) -> None:
    free = probe(False, str(tmp_path))
    # where the limit of a file's size is 0 no file may be written; no worker outlives its parent
    refused = {name for name, reached in free.items() if not reached}
    writes = {"write a file", "write a file by SQL", "attach a file by SQL"}
    assert refused <= {*writes, "outlive the parent"}
    assert not any(probe(True, str(tmp_path)).values())


def test_an_engine_without_a_sandbox_starts_only_where_that_is_said(
    new_engine: NewEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "landlock_abi", lambda: 0)
    with pytest.raises(EngineError, match="Landlock"):
        new_engine()
    engine = new_engine(sandbox="none")
    assert engine.sandbox == "none"
    assert not engine.self_test().holds
    assert rig.values(engine, "SELECT 1") == [(1,)]


@pytest.fixture(scope="session")
def secret(lake: SqlCatalog, people: Table) -> Path:
    """A table beside the planned one, with a canary."""
    table = rig.stored(lake, "secret", pa.table({"v": [CANARY]}))
    return Path(plan(table).files[0])


def statements(secret: Path, people: Path) -> list[str]:
    return [
        f"SELECT * FROM read_parquet('{secret}')",
        f"SELECT * FROM '{secret}'",
        f'SELECT * FROM "{secret}"',
        f"SELECT * FROM read_text('{secret}')",
        f"SELECT * FROM read_blob('{secret}')",
        f"SELECT * FROM read_csv('{secret}')",
        f"SELECT * FROM parquet_metadata('{secret}')",
        f"SELECT * FROM parquet_schema('{secret}')",
        f"SELECT * FROM read_parquet('{people.parent}/../../secret/data/*.parquet')",
        f"SELECT * FROM glob('{secret.parent}/*')",
        f"SELECT * FROM read_parquet('/proc/self/root{secret}')",
        "SELECT content FROM read_text('/etc/passwd')",
        "SELECT content FROM read_text('/proc/self/environ')",
        "SELECT content FROM read_text('/proc/self/maps')",
        "SELECT * FROM read_csv('/etc/hostname')",
        "SELECT * FROM glob('/*')",
        f"COPY (SELECT 1) TO '{secret.parent}/out.csv'",
        f"WITH q AS (COPY (SELECT 1) TO '{secret.parent}/out.parquet') SELECT * FROM q",
        f"COPY (SELECT 1) TO '{people}'",
        f"ATTACH '{secret.parent}/new.db' AS x",
        "ATTACH 'http://127.0.0.1:1/x.db' AS x",
        "SELECT * FROM read_parquet('http://127.0.0.1:1/x.parquet')",
        "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "SELECT getenv('HOME')",
        "EXPORT DATABASE '/tmp/exported'",
        "SELECT * FROM os",
        "SELECT * FROM sys",
        f"SELECT * FROM read_duckdb('{secret}')",
        "CREATE TABLE t AS SELECT 1",
        "CALL enable_logging(storage = 'file', storage_path = '/tmp/log')",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        f"FROM query('SELECT * FROM read_text(''{secret}'')')",
    ]


def test_hostile_statements_reach_nothing(
    engine: DuckDBEngine, people: Table, secret: Path
) -> None:
    relation = rig.relation(people, ["id"])
    planned = Path(plan(people).files[0])
    before = sorted(secret.parent.iterdir())
    for text in statements(secret, planned):
        schema = pa.schema([("v", pa.string())])
        stream = engine.run(rig.secured(text, relation), None, schema, deadline=rig.soon(5))
        with pytest.raises(EngineError) as caught:
            list(stream)
        stream.close()
        # refused, not only unfit for the promised shape
        assert "shape" not in str(caught.value), text
        assert CANARY not in str(caught.value), text
        assert "root:" not in str(caught.value), text
        try:
            shown = str(engine.describe(rig.secured(text, relation), None, deadline=rig.soon(5)))
        except EngineError as error:
            shown = str(error)
        assert CANARY not in shown, text
        assert "root:" not in shown, text
    assert sorted(secret.parent.iterdir()) == before
    assert rig.values(engine, "SELECT max(id) FROM people", relation) == [(4,)]


def test_the_environment_of_workers_is_empty_of_secrets(
    engine: DuckDBEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_SECRET", CANARY)
    launcher = Launcher()
    worker = launcher.start_worker()
    environment = Path(f"/proc/{worker.pid}/environ").read_bytes()
    worker.kill()
    worker.gone(5)
    worker.dispose()
    launcher.close()
    assert CANARY.encode() not in environment


def test_a_worker_holds_only_its_own_descriptors(engine: DuckDBEngine, people: Table) -> None:
    rig.values(engine, "SELECT count(*) FROM people", rig.relation(people))
    for pid in rig.workers(engine):
        links = [str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()]
        kinds = sorted(link.split(":")[0] for link in links)
        assert kinds.count("socket") == 2, kinds
        assert not any("pidfd" in link for link in links)


@pytest.mark.parametrize("reached", ["read another table's file", "outlive the parent"])
def test_a_server_whose_sandbox_does_not_hold_does_not_start(
    new_engine: NewEngine, monkeypatch: pytest.MonkeyPatch, reached: str
) -> None:
    monkeypatch.setattr(json, "loads", lambda _text: {"write a file": False, reached: True})
    with pytest.raises(EngineError, match=reached):
        new_engine()


def test_a_sandbox_that_says_nothing_does_not_hold(
    new_engine: NewEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json, "loads", lambda _text: {})
    with pytest.raises(EngineError, match="sandbox"):
        new_engine()


# --- where statements spill --------------------------------------------------------------------


def test_each_worker_spills_where_only_this_user_may_look(
    new_engine: NewEngine, tmp_path: Path, people: Table
) -> None:
    engine = new_engine(workers=2, seal_all=True)
    rig.values(engine, "SELECT 1 FROM people", rig.relation(people))
    (own,) = tmp_path.glob("flight-server-spill-*")
    folders = [own, *(entry for entry in own.iterdir() if entry.is_dir())]
    assert len(folders) == 3
    assert {entry.stat().st_mode & 0o777 for entry in folders} == {0o700}


def test_what_a_dead_server_left_is_removed_at_start_and_nothing_else(tmp_path: Path) -> None:
    own = PrivateDirectory(tmp_path, "spill-")
    # a number that lives, as that of a server which was started again in a container does
    left = tmp_path / "spill-1-abc"
    left.mkdir()
    (left / "data").write_text(CANARY)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    link = tmp_path / "spill-2-link"
    link.symlink_to(elsewhere)
    other = PrivateDirectory(tmp_path, "spill-")
    assert not left.exists()
    assert own.path.exists()
    assert other.path.exists()
    assert (elsewhere / "kept").exists()
    for directory in (own, other):
        directory.close()
    assert sorted(tmp_path.iterdir()) == [elsewhere, link]


def test_what_a_worker_spilled_goes_when_it_dies(new_engine: NewEngine, tmp_path: Path) -> None:
    engine = new_engine(memory_limit=64 * MIB, workers=1)
    text = "SELECT i FROM range(8000000) r(i) ORDER BY hash(i)"
    schema = pa.schema([("i", pa.int64())])
    stream = engine.run(rig.secured(text), None, schema, deadline=rig.soon(30))
    (own,) = tmp_path.glob("flight-server-spill-*")
    assert eventually(lambda: any(own.glob("worker-*/*")), 20)
    os.kill(stream.worker_pid, signal.SIGKILL)
    with pytest.raises(EngineError):
        list(stream)
    stream.close()
    assert eventually(lambda: not any(own.glob("worker-*")))
