"""The audit log of real servers: what it says, what it withstands, and what it refuses."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest
from adbc_driver_flightsql import dbapi

from flight_server.protocol.wire.flight_pb2 import CancelFlightInfoRequest, FlightInfo
from flight_server.protocol.wire.flight_sql_pb2 import CommandStatementQuery
from flight_server.query.audit.files import Place
from flight_server.query.audit.signing import signing_key
from flight_server.query.audit.verify import Trust, verify
from tests.flight_sql import client
from tests.servers import Server, serving
from tests.waiting import eventually

STREAM = "SELECT range AS a, 'text ' || range AS b, random() AS c FROM range(200000000)"
ENDLESS = "SELECT count(*) FROM range(100000000000) WHERE range % 7 = 9"

Log = Callable[[], list[dict[str, Any]]]


def log_of(directory: Path) -> Log:
    """What reads the records of a log."""

    def records() -> list[dict[str, Any]]:
        files = sorted(directory.glob("*.jsonl"))
        lines = [line for file in files for line in file.read_bytes().splitlines(keepends=True)]
        return [json.loads(line) for line in lines if line.endswith(b"\n")]

    return records


@contextmanager
def audited(directory: Path, audit: Path, *more: str) -> Iterator[Server]:
    """A server with a log of its own."""
    flags = ["--set", f"audit.directory={audit}", "--set", "audit.stream=main", *more]
    with serving(directory, *flags) as running:
        yield running


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audit") / "log"


@pytest.fixture(scope="module")
def policy(demo_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copy(demo_directory / "policy.yaml", tmp_path_factory.mktemp("policy")))


@pytest.fixture(scope="module")
def own(demo_directory: Path, place: Path, policy: Path) -> Iterator[Server]:
    limit = ["--set", "limits.statement=5", "--set", f"policy.file={policy}"]
    with audited(demo_directory, place, *limit) as running:
        yield running


@pytest.fixture
def new(own: Server, place: Path) -> Log:
    """What reads the records that were written since the test began."""
    read = log_of(place)
    time.sleep(0.1)  # what nobody waited for in the test before is written meanwhile
    before = len(read())
    return lambda: [record for record in read()[before:] if record["event"] != "checkpoint"]


def wait_for(new: Log, seconds: float = 5.0, **wanted: str) -> dict[str, Any]:
    """The first new record with these members; none comes too late."""

    def found() -> list[dict[str, Any]]:
        return [record for record in new() if wanted.items() <= record.items()]

    assert eventually(found, seconds), f"no record has {wanted}: {new()}"
    return found()[0]


def run(server: Server, user: str, statement: str, *values: Any) -> list[Any]:
    with server.connect(user) as connection, connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return list(cursor.fetchall())


def audit(action: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flight_server", "audit", action, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


# --- what is recorded -----------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["EXPLAIN", "DESCRIBE"])
def test_what_is_told_of_a_statement_has_its_tables(own: Server, new: Log, word: str) -> None:
    run(own, "manager", f"{word} SELECT email FROM invest.portfolio.accounts WHERE tax_id <> '1'")
    start = wait_for(new, event="start")
    (table,) = start["objects"]
    assert (table["table"], table["projected"], table["filter_only"]) == (
        "accounts",
        ["email"],
        ["tax_id"],
    )
    assert start["sql"].startswith(word)


def test_a_statement_has_a_start_and_an_end(own: Server, new: Log) -> None:
    statement = """
        SELECT account_id, email FROM invest.portfolio.accounts a
        WHERE segment = 'retail' AND tax_id <> '1' AND account_id > ? LIMIT 3
    """
    rows = run(own, "manager", statement, -47_110_815_013)
    end = wait_for(new, event="end")
    start = wait_for(new, event="start")
    assert start["query_id"] == end["query_id"]
    assert (start["user"], start["roles"], start["auth_method"]) == (
        "manager",
        ["manager"],
        "password",
    )
    assert start["engine"] == "duckdb"
    assert start["client"].startswith("ADBC")
    assert start["peer"].startswith("ipv4:127.0.0.1")
    assert "segment = ? AND tax_id <> ?" in start["sql"]
    (table,) = start["objects"]
    assert (table["catalog"], table["schema"], table["table"]) == (
        "invest",
        "portfolio",
        "accounts",
    )
    assert int(table["snapshot_id"]) > 0
    assert table["projected"] == ["account_id", "email"]
    assert table["filter_only"] == ["tax_id", "segment"]
    assert {mask["column"] for mask in table["masks"]} == {"email", "tax_id"}
    assert [rule["name"] for rule in table["row_filters"]] == ["own-desk"]
    assert (end["status"], end["rows"]) == ("ok", len(rows))
    assert end["bytes"] > 0
    assert 0 <= end["queue_ms"] <= end["first_byte_ms"] <= end["total_ms"]
    assert start["plan_ms"] > 0
    assert start["prepared"] == end["prepared"] != start["query_id"]
    assert len(start["groups"]) == len(start["prepared"]) == 32
    (scanned,) = end["scanned"]
    assert (scanned["schema"], scanned["table"]) == ("portfolio", "accounts")
    assert scanned["files"] >= 1
    assert scanned["bytes"] > 1_000
    text = json.dumps(new())
    assert ".parquet" not in text
    # neither a literal, a parameter, a claim nor a value of the table
    for secret in ("retail", "47110815013", "equities", rows[0][1]):
        assert secret not in text


def test_metadata_refusals_and_logins_are_recorded(own: Server, new: Log) -> None:
    with own.connect("analyst") as connection, connection.cursor() as cursor:
        connection.adbc_get_objects(depth="tables").read_all()
        for statement in (
            "SELECT tax_id FROM invest.portfolio.accounts",
            "SELECT never_was FROM invest.portfolio.accounts",
            "SELECT * FROM invest.portfolio.unknown",
            "SELECT * FROM read_csv('/etc/passwd')",
        ):
            with pytest.raises(Exception, match=r"NOT_FOUND|NOT_ALLOWED"):
                cursor.execute(statement)
    with (
        suppress(Exception),
        dbapi.connect(own.uri, db_kwargs={"username": "eve", "password": "x"}) as connection,
    ):
        connection.cursor().execute("SELECT 1")
    assert wait_for(new, event="login", status="denied")["claimed"] == "eve"
    assert wait_for(new, event="login", status="ok")["user"] == "analyst"
    assert wait_for(new, event="metadata", command="CommandGetTables")["user"] == "analyst"
    refused = [record for record in new() if record["event"] == "refused"]
    assert [record["error_code"] for record in refused] == [
        "COLUMN_NOT_FOUND",
        "COLUMN_NOT_FOUND",
        "TABLE_NOT_FOUND",
        "NOT_ALLOWED",
    ]
    assert {record["status"] for record in refused} == {"denied"}
    assert "tax_id" in refused[0]["detail"]
    assert not [record for record in new() if record["event"] == "start"]


def test_how_a_statement_ended_is_told(own: Server, new: Log) -> None:
    def status(begin: Callable[[], object]) -> str:
        def ends() -> list[str]:
            return [str(record["status"]) for record in new() if record["event"] == "end"]

        seen = len(ends())
        with suppress(Exception):
            begin()
        assert eventually(lambda: len(ends()) > seen, 10)
        return ends()[seen]

    def leave() -> None:
        with own.connect("compliance") as connection, connection.cursor() as cursor:
            cursor.execute(STREAM)
            cursor.fetch_record_batch().read_next_batch()
            raise RuntimeError("gone")

    def cancel() -> None:
        with client(own, "compliance") as raw:
            info = raw.info(CommandStatementQuery(query=STREAM))
            reader = raw.raw.do_get(info.endpoints[0].ticket, raw.options)
            reader.read_chunk()
            request = CancelFlightInfoRequest(info=FlightInfo.FromString(info.serialize()))
            raw.act("CancelFlightInfo", request.SerializeToString())
            while True:
                reader.read_chunk()

    def lose() -> None:
        with own.connect("compliance") as connection, connection.cursor() as cursor:
            cursor.execute(STREAM)
            reader = cursor.fetch_record_batch()
            for _ in range(50):
                reader.read_next_batch()
            front = psutil.Process(own.process.pid)
            family = [p for p in front.children(recursive=True) if p.ppid() != front.pid]
            max(family, key=lambda process: sum(process.cpu_times()[:2])).kill()
            while True:
                reader.read_next_batch()

    assert status(leave) == "client_gone"
    assert status(cancel) == "cancelled"
    assert status(lose) == "worker_lost"
    assert status(lambda: run(own, "compliance", ENDLESS)) == "timeout"
    bad = "SELECT account_id / (account_id - account_id) + CAST('x' || email AS INT) FROM accounts"
    bad = bad.replace("accounts", "invest.portfolio.accounts")
    assert status(lambda: run(own, "compliance", bad)) == "error"


def test_a_changed_policy_is_recorded_good_and_broken(own: Server, policy: Path, new: Log) -> None:
    text = policy.read_text()
    first = run_and_get_policy(own, new)
    try:
        policy.write_text(text + "\n# changed\nnonsense: [\n")
        broken = ask_until(own, new, event="policy", status="error")
        assert (broken["policy"], broken["error_code"]) == (first, "POLICY_INVALID")
    finally:
        policy.write_text(text.replace("version: 1", "version: 1  # another", 1) + "\n")
    good = ask_until(own, new, event="policy", status="ok")
    assert run_and_get_policy(own, new) == good["policy"]


def run_and_get_policy(server: Server, new: Log) -> str:
    run(server, "analyst", "SELECT 1")
    wait_for(new, event="start")
    return str([record for record in new() if record["event"] == "start"][-1]["policy"])


def ask_until(server: Server, new: Log, **wanted: str) -> dict[str, Any]:
    """The policy's change is told when it is asked for."""
    for _ in range(20):
        run(server, "analyst", "SELECT 1")
        with suppress(AssertionError):
            return wait_for(new, 0.5, **wanted)
    raise AssertionError(f"no record has {wanted}")


# --- what it withstands ---------------------------------------------------------------------------


def test_statements_are_refused_while_the_log_is_gone_and_served_when_it_is_back(
    own: Server, place: Path, new: Log
) -> None:
    away = place.with_name("away")
    place.rename(away)
    try:
        for _ in range(3):
            with pytest.raises(Exception, match="AUDIT_UNAVAILABLE") as refused:
                run(own, "analyst", "SELECT 1")
            assert "UNAVAILABLE" in str(refused.value)
    finally:
        away.rename(place)

    def served() -> bool:
        with suppress(Exception):
            return run(own, "analyst", "SELECT 1") == [(1,)]
        return False

    assert eventually(served)
    assert wait_for(new, event="resumed")["lost"] == 0
    ends = [record for record in new() if record.get("error_code") == "AUDIT_UNAVAILABLE"]
    assert len(ends) >= 3


def test_a_second_server_cannot_write_the_same_records(
    own: Server, demo_directory: Path, place: Path
) -> None:
    config = demo_directory / "flight-server.yaml"
    command = [sys.executable, "-m", "flight_server", "serve", "--config", str(config)]
    for setting in ("server.port=0", f"audit.directory={place}", "audit.stream=main"):
        command += ["--set", setting]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "written by another server" in done.stderr


def test_a_killed_server_has_a_start_for_every_result_that_it_delivered(
    demo_directory: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "log"
    delivered: set[str] = set()
    ended: list[str] = []
    stopped = threading.Event()

    def ask(server: Server, number: int) -> None:
        with client(server, "service") as raw:
            for turn in range(1_000):
                name = f"n{number}_{turn}"
                try:
                    if raw.read(CommandStatementQuery(query=f"SELECT 1 AS {name}")).num_rows == 1:
                        delivered.add(name)
                except pa.ArrowException as error:
                    # also from a machine that is too busy: the others are asked all the same
                    ended.append(str(error))
                if stopped.is_set():
                    return

    with pytest.raises(AssertionError), audited(demo_directory, directory) as running:
        threads = [threading.Thread(target=ask, args=(running, n)) for n in range(4)]
        for thread in threads:
            thread.start()
        eventually(lambda: len(delivered) >= 20, 60)
        os.kill(running.process.pid, signal.SIGKILL)
        stopped.set()
        running.process.wait()
        for thread in threads:
            thread.join(20)
    assert len(delivered) >= 20, ended
    texts = {r.get("sql", "") for r in log_of(directory)() if r["event"] == "start"}
    assert {f"SELECT ? AS {name}" for name in delivered} <= texts
    key = signing_key((demo_directory / "audit.secret").read_text()).public
    place = Place(directory, "main", directory)
    assert verify(place, Trust(frozenset({key}))).sound
    # another server goes on with it
    with audited(demo_directory, directory) as running:
        assert run(running, "service", "SELECT 1") == [(1,)]
    verdict = verify(place, Trust(frozenset({key})))
    assert verdict.sound, verdict.faults
    assert verdict.covered == log_of(directory)()[-1]["seq"]


def test_the_command_line_finds_what_was_changed_and_shows_records(
    demo_directory: Path, own: Server, place: Path, tmp_path: Path
) -> None:
    run(own, "analyst", "SELECT 2 AS shown")
    config = ["--config", demo_directory / "flight-server.yaml"]
    config += ["--set", f"audit.directory={place}"]
    lines = audit("show", *config, "--event", "start", "--format", "json").stdout.splitlines()
    assert any(json.loads(line)["sql"] == "SELECT ? AS shown" for line in lines)
    refused = audit("show", place, "--limit", 1, "--user", "analyst", "--event", "refused").stdout
    assert "user='analyst' status='denied' error_code='NOT_ALLOWED'" in refused
    sound = audit("verify", *config)
    assert sound.returncode == 0, sound.stdout
    key = tmp_path / "public"
    key.write_text(audit("key", *config).stdout)
    copy = Path(shutil.copytree(place, tmp_path / "copy"))
    path = sorted(copy.glob("*.jsonl"))[0]
    path.write_bytes(path.read_bytes().replace(b'"analyst"', b'"manager"', 1))
    changed = audit("verify", copy, "--public-key", key)
    assert changed.returncode == 1
    assert f"{path.name}:" in changed.stdout
    assert "its hash does not fit" in changed.stdout
