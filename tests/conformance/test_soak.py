"""Many connections of all users at once, doing all there is: right answers, and nothing left over.

Eight seconds here; `FLIGHT_SERVER_SOAK` is how many seconds to go on for instead.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest
from adbc_driver_flightsql import dbapi

from flight_server.engines.duckdb.settings import DuckDBSettings
from tests.servers import Server, serving

SECONDS = float(os.environ.get("FLIGHT_SERVER_SOAK", "8"))
CONNECTIONS = 64
USERS = ("analyst", "manager", "compliance", "service")
ACCOUNTS = "SELECT * FROM invest.portfolio.accounts"
# What a server may say when it has more to do than it can.
DOCUMENTED = ("BUSY", "TOO_MANY_CALLS")
ENDLESS = "SELECT count(*) FROM range(10_000_000_000) a WHERE hash(a) = 1"


@pytest.fixture(scope="module")
def own(demo_directory: Path) -> Iterator[Server]:
    """A server that nobody else uses, so that what is left over is ours."""
    with serving(demo_directory, "--set", "log.level=warning") as running:
        yield running


class Person:
    """One connection at work, with what its user must get."""

    def __init__(self, server: Server, user: str, expected: Expected, seed: int) -> None:
        self.server, self.user, self.expected = server, user, expected
        self.chance = random.Random(seed)
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.wrong: list[str] = []

    def work(self, until: float) -> None:
        jobs: list[Callable[[dbapi.Connection], None]] = [
            self.whole_table,
            self.metadata,
            self.prepared,
            self.several_rows,
            self.cancelled,
            self.closed_early,
            self.mistaken,
        ]
        with self.server.connect(self.user) as connection:
            while time.monotonic() < until:
                job = self.chance.choice(jobs)
                try:
                    job(connection)
                    self.done[job.__name__] += 1
                except (dbapi.Error, OSError) as error:
                    code = next((code for code in DOCUMENTED if code in str(error)), None)
                    if code is None:
                        self.wrong.append(f"{self.user} {job.__name__}: {error}"[:500])
                    else:
                        self.refused[code] += 1
                        # as a client would wait that is told that there is too much
                        time.sleep(self.chance.random() / 10)
                except (AssertionError, pytest.fail.Exception) as error:
                    self.wrong.append(f"{self.user} {job.__name__}: {error!r}"[:500])

    def whole_table(self, connection: dbapi.Connection) -> None:
        with connection.cursor() as cursor:
            cursor.execute(ACCOUNTS)
            table = cursor.fetch_arrow_table()
        assert table.schema.names == self.expected.columns
        assert sorted(table["account_id"].to_pylist()) == self.expected.accounts
        assert set(table["desk"].to_pylist()) <= self.expected.desks

    def metadata(self, connection: dbapi.Connection) -> None:
        schema = connection.adbc_get_table_schema("accounts", db_schema_filter="portfolio")
        assert schema.names == self.expected.columns

    def prepared(self, connection: dbapi.Connection) -> None:
        number = self.chance.randrange(10**9)
        with connection.cursor() as cursor:
            cursor.execute("SELECT ? AS a, ? AS b", (number, self.user))
            assert cursor.fetchall() == [(number, self.user)]

    def several_rows(self, connection: dbapi.Connection) -> None:
        numbers = [self.chance.randrange(10**9) for _ in range(3)]
        with connection.cursor() as cursor:
            cursor.execute("SELECT ? AS a", pa.record_batch({"0": numbers}))
            assert [a for (a,) in cursor.fetchall()] == numbers

    def cancelled(self, connection: dbapi.Connection) -> None:
        with connection.cursor() as cursor:
            cursor.execute(ENDLESS)
            timer = threading.Timer(self.chance.random() / 5, cursor.adbc_cancel)
            timer.start()
            try:
                with pytest.raises((dbapi.Error, OSError), match=r"ancel|BUSY"):
                    cursor.fetchall()
            finally:
                timer.join()

    def closed_early(self, connection: dbapi.Connection) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT range AS n FROM range(100_000_000)")
            assert cursor.fetchone() == (0,)

    def mistaken(self, connection: dbapi.Connection) -> None:
        column = "qzx" if self.expected.sees_all else "tax_id"
        with connection.cursor() as cursor:
            with pytest.raises(dbapi.Error, match=r"COLUMN_NOT_FOUND|BUSY"):
                cursor.execute(f"SELECT {column} FROM invest.portfolio.accounts")


class Expected:
    """What one user gets when nobody else is there."""

    def __init__(self, server: Server, user: str) -> None:
        with server.connect(user) as connection, connection.cursor() as cursor:
            cursor.execute(ACCOUNTS)
            table = cursor.fetch_arrow_table()
        self.columns = table.schema.names
        self.accounts = sorted(table["account_id"].to_pylist())
        self.desks = set(table["desk"].to_pylist())
        self.sees_all = "tax_id" in self.columns


class Footprint:
    """What a server process holds: file descriptors, threads, child processes."""

    def __init__(self, process: psutil.Process) -> None:
        self.descriptors = process.num_fds()
        self.threads = process.num_threads()
        self.children = len(process.children(recursive=True))

    def __repr__(self) -> str:
        return f"{self.descriptors} descriptors, {self.threads} threads, {self.children} children"


@pytest.mark.timeout(int(SECONDS) + 240)
def test_many_connections_get_their_own_answers_and_leave_nothing_behind(own: Server) -> None:
    expected = {user: Expected(own, user) for user in USERS}
    assert len({tuple(one.columns) for one in expected.values()}) >= 3
    process = psutil.Process(own.process.pid)
    # a first round starts all that stays: workers, threads of the pool
    work(own, expected, seconds=min(5.0, SECONDS / 4), seed=1)
    before = settled(process)
    people = work(own, expected, seconds=SECONDS, seed=1_000)
    wrong = [text for person in people for text in person.wrong]
    done = sum((person.done for person in people), Counter[str]())
    refused = sum((person.refused for person in people), Counter[str]())
    assert not wrong, f"{len(wrong)} wrong, {done}, {refused}: {wrong[:5]}"
    assert len(done) == 7, done
    after = settled(process, at_most=before)
    print(f"\n{dict(done)}; refused {dict(refused)}; {before} -> {after}")
    # all that may be kept, and what starts them; the first round need not have needed every one
    kept = DuckDBSettings()
    assert after.children <= 1 + kept.workers + kept.spare + kept.planners
    # the pool keeps as many threads as there were calls at once
    assert after.threads <= before.threads + CONNECTIONS
    assert after.descriptors <= before.descriptors + 16
    for user in USERS:
        assert Expected(own, user).accounts == expected[user].accounts


def work(server: Server, expected: dict[str, Expected], *, seconds: float, seed: int) -> list[Any]:
    people = [
        Person(server, user, expected[user], seed + number)
        for number, user in zip(range(CONNECTIONS), USERS * (CONNECTIONS // 4), strict=True)
    ]
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=person.work, args=(until,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 120)
        assert not thread.is_alive(), "a connection hangs"
    return people


def settled(process: psutil.Process, at_most: Footprint | None = None) -> Footprint:
    """The footprint once connections are closed and workers are back."""
    found = Footprint(process)
    until = time.monotonic() + 30
    while time.monotonic() < until:
        time.sleep(1)  # what does not change for so long is settled
        again = Footprint(process)
        steady = (
            abs(again.descriptors - found.descriptors) <= 2 and again.children == found.children
        )
        found = again
        if steady and (at_most is None or found.descriptors <= at_most.descriptors + 16):
            break
    return found
