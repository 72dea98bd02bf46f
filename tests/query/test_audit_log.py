"""The audit log under way: what it holds back until it is written, and what when it cannot be."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from auth.errors import TableNotFound
from auth.principal import Principal
from flight_server.engines.base import Secured
from flight_server.engines.errors import Cancelled, ExecutionFailed, TimedOut, WorkerLost
from flight_server.query.audit.files import Place
from flight_server.query.audit.log import AuditLog, Patience
from flight_server.query.audit.records import Scribe
from flight_server.query.audit.signing import signing_key
from flight_server.query.audit.trail import Trail
from flight_server.query.audit.verify import Trust, verify
from flight_server.query.caller import Caller
from flight_server.query.course import Course
from flight_server.query.errors import AuditUnavailable, RightsChanged
from flight_server.query.events import CallEnded, Listeners, StatementStarted
from flight_server.query.planned import Basis, Planned
from flight_server.query.resolve import Defaults
from flight_server.query.state import StatementState
from tests.waiting import eventually, within

KEY = signing_key("k" * 32)
EMPTY = pa.schema([])
QUICK = Patience(write=5.0, retry=0.05)


def start(number: int = 0) -> StatementStarted:
    state = StatementState(
        query_id=f"q{number}",
        text=f"SELECT {number}",
        defaults=Defaults(None, None),
        time_zone="UTC",
        snapshots={},
        fingerprint="",
        schema_digest="",
    )
    basis = Basis((), {}, "policy", frozenset({"role"}))
    secured = Secured(state.text, ())
    planned = Planned(state.query_id, EMPTY, EMPTY, secured, state, basis)
    return StatementStarted(Caller(Principal("ann"), f"r{number}"), planned, "duckdb")


def refused(number: int = 0) -> CallEnded:
    return CallEnded("DoGet", "", f"r{number}", "peer", "client", claimed="eve")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "audit", "main", tmp_path / "audit")


@contextmanager
def opened(
    place: Place, *, required: bool = True, patience: Patience = QUICK
) -> Iterator[AuditLog]:
    log = AuditLog(Trail(place, KEY), Scribe(KEY.namer()), required=required, patience=patience)
    try:
        yield log
    finally:
        log.close()


def written(place: Place, event: str) -> list[dict[str, Any]]:
    lines = [line for file in place.files() for line in file.path.read_bytes().splitlines()]
    records = [json.loads(line) for line in lines]
    return [record for record in records if record["event"] == event]


def record(log: AuditLog, number: int = 0) -> None:
    """Have a start recorded, as a statement would."""
    receipt = log.tell(start(number))
    if receipt is not None:
        receipt()


def sound(place: Place) -> bool:
    return verify(place, Trust(frozenset({KEY.public}))).sound


def test_a_receipt_is_given_once_the_start_is_on_the_disk(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    sync = os.fdatasync

    def spy(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)
        sync(descriptor)

    with opened(place) as log:
        monkeypatch.setattr(os, "fdatasync", spy)
        for number in range(3):
            record(log, number)
            assert [r["query_id"] for r in written(place, "start")][-1] == f"q{number}"
            assert synced[-1] == place.files()[-1].path.stat().st_size
    assert sound(place)


def test_starts_at_the_same_time_share_a_write(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, sync = 0, os.fdatasync

    def slow(descriptor: int) -> None:
        nonlocal count
        count += 1
        time.sleep(0.05)  # as a disk that takes its time, so that others come meanwhile
        sync(descriptor)

    with opened(place) as log, ThreadPoolExecutor(32) as pool:
        monkeypatch.setattr(os, "fdatasync", slow)
        list(pool.map(lambda number: record(log, number), range(64)))
        assert count < 16
    assert len(written(place, "start")) == 64
    assert sound(place)


def test_what_nobody_waits_for_is_written_soon_and_at_the_end(place: Place) -> None:
    with opened(place) as log:
        log.tell(refused(1))
        assert eventually(lambda: len(written(place, "login")) == 1)
        log.tell(refused(2))
    assert [r["request_id"] for r in written(place, "login")] == ["r1", "r2"]
    assert sound(place)


def test_statements_are_refused_while_the_log_cannot_be_written(place: Place) -> None:
    away = place.directory.with_name("away")
    with opened(place) as log:
        record(log, 1)
        place.directory.rename(away)
        with pytest.raises(AuditUnavailable):
            record(log, 2)
        assert log.failing
        with pytest.raises(AuditUnavailable):
            log.tell(start(3))  # which waits for nothing: a receipt would
        log.tell(refused(4))
        away.rename(place.directory)
        assert eventually(lambda: not log.failing)
        record(log, 5)
    # what was told meanwhile is not lost
    assert [r["request_id"] for r in written(place, "login") if "claimed" in r] == ["r4"]
    assert {"q1", "q5"} <= {r["query_id"] for r in written(place, "start")}
    assert [r["lost"] for r in written(place, "resumed")] == [0]
    assert sound(place)


def test_where_it_is_not_required_statements_go_on_and_the_loss_is_told(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="flight_server.query.audit.log")
    away = place.directory.with_name("away")
    patience = Patience(write=5.0, retry=0.05, kept=10)
    with opened(place, required=False, patience=patience) as log:
        place.directory.rename(away)
        for number in range(100):
            record(log, number)
        assert log.failing
        away.rename(place.directory)
        assert eventually(lambda: not log.failing)
        record(log, 100)
    told = [entry.getMessage() for entry in caplog.records if entry.levelno == logging.ERROR]
    assert any("statements go on unrecorded" in text for text in told)
    (resumed,) = written(place, "resumed")
    assert resumed["lost"] >= 70
    # each lost start is one record less; the first one also brought a login
    assert len(written(place, "start")) + resumed["lost"] >= 101
    assert sound(place)


def test_a_log_that_answers_too_late_is_as_one_that_fails(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = threading.Event()
    sync = os.fdatasync
    with opened(place, patience=Patience(write=0.1)) as log:
        monkeypatch.setattr(os, "fdatasync", lambda d: (hold.wait(5), sync(d)))
        with pytest.raises(AuditUnavailable):
            record(log)
        hold.set()


def test_an_event_of_which_no_record_can_be_made_costs_no_other_its_own(place: Place) -> None:
    broken = StatementStarted(Caller(Principal("ann"), "r"), None, "duckdb")
    with opened(place) as log:
        bad, good = log.tell(broken), log.tell(start(1))
        assert bad is not None
        assert good is not None
        with pytest.raises(AuditUnavailable):
            bad()
        good()
    assert [r["query_id"] for r in written(place, "start")] == ["q1"]


def test_a_full_disk_refuses_statements_until_there_is_room(tmp_path: Path) -> None:
    """In a process of its own, whose files may not grow: the write fails as on a full disk."""
    script = f"""
import resource, sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_audit_log import *
place = Place(Path({str(tmp_path / "audit")!r}), "main", Path({str(tmp_path / "audit")!r}))
with opened(place) as log:
    record(log, 1)
    size = place.files()[-1].path.stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
    for number in (2, 3):
        try:
            record(log, number)
            raise SystemExit("it was recorded")
        except AuditUnavailable:
            pass
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    assert eventually(lambda: not log.failing)
    record(log, 4)
assert sound(place)
print([r["query_id"] for r in written(place, "start")])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    # that of the first refused statement was made before the disk was known to be full
    assert done.stdout.strip() == "['q1', 'q2', 'q4']"


def test_without_listeners_a_statement_costs_next_to_nothing() -> None:
    told = start()
    with within(1):
        for _ in range(10_000):
            course = Course(Listeners(), told)
            assert course.begin() is None
            course.end(None, whole=True)


@pytest.mark.parametrize(
    ("error", "gone", "expected"),
    [
        (None, False, "ok"),
        (None, True, "client_gone"),
        (Cancelled("text"), False, "cancelled"),
        (Cancelled("text"), True, "client_gone"),
        (TimedOut("text"), False, "timeout"),
        (WorkerLost("text"), False, "worker_lost"),
        (RightsChanged("text"), False, "killed"),
        (TableNotFound("text"), False, "denied"),
        (ExecutionFailed("text"), False, "error"),
        (RuntimeError("secret"), False, "error"),
    ],
)
def test_what_a_statement_ended_with_becomes_its_status(
    place: Place, error: Exception | None, gone: bool, expected: str
) -> None:
    with opened(place) as log:
        course = Course(log, start())
        receipt = course.begin()
        assert receipt is not None
        receipt()
        if gone:
            course.client_gone()
        course.end(error, whole=error is None and not gone)
    (end,) = written(place, "end")
    assert end["status"] == expected
    assert "text" not in end.values()
    assert ("error_code" in end) is (error is not None)
