"""While a writer commits every reader sees one snapshot, and later statements see the newest."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
from adbc_driver_manager import Error
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from auth.passwords import hash_password
from tests.servers import Server, serving

REFRESH = 0.5
READERS = 10
COMMITS = 12
ROWS = 2_000  # of one commit: a later one has the rows of all before it, each with its own number
POLICY = """\
version: 1
roles: {reader: {groups: [readers]}}
grants:
  - {to: reader, on: "lake.**", allow: select}
"""


@dataclass(frozen=True)
class Served:
    """A served lake, and its only writer."""

    server: Server
    writer: SqlCatalog


def _part(number: int, rows: int = ROWS) -> pa.Table:
    return pa.table({"commit": pa.array([number] * rows, pa.int64()), "n": range(rows)})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("writers")
    properties = {"uri": f"sqlite:///{directory}/lake.db", "warehouse": f"file://{directory}/lake"}
    writer = SqlCatalog("lake", **properties)
    writer.create_namespace("s")
    (directory / "policy.yaml").write_text(POLICY)
    users = {"ada": {"password": hash_password("correct horse"), "groups": ["readers"]}}
    (directory / "users.yaml").write_text(json.dumps({"version": 1, "users": users}))
    settings = {
        "policy": {"file": "policy.yaml"},
        "auth": {"users": "users.yaml"},
        "engine": {"workers": 4, "spare": 1, "threads": 1, "queue": 60},
        "catalogs": {"lake": {"type": "sql", "refresh": REFRESH, **properties}},
    }
    (directory / "flight-server.yaml").write_text(json.dumps(settings))
    (directory / "credentials.json").write_text(json.dumps({"ada": {"password": "correct horse"}}))
    with serving(directory) as server:
        yield Served(server, writer)
    writer.close()


def test_every_reader_sees_one_snapshot_and_never_an_older_one_than_before(
    served: Served,
) -> None:
    table = served.writer.create_table("s.growing", _part(0).schema)
    table.append(_part(0))
    seen: list[list[tuple[float, int]]] = [[] for _ in range(READERS)]
    faults: list[str] = []
    done = threading.Event()
    committed = [time.monotonic()]

    def read(mine: list[tuple[float, int]]) -> None:
        with served.server.connect("ada") as connection, connection.cursor() as cursor:
            while not done.is_set() or not mine:
                asked = time.monotonic()
                cursor.execute('SELECT "commit", n FROM lake.s.growing')
                rows = cursor.fetch_arrow_table()
                counts = dict(
                    sorted((e["values"], e["counts"]) for e in
                           rows["commit"].value_counts().to_pylist())
                )  # fmt: skip
                newest = max(counts)
                if counts != dict.fromkeys(range(newest + 1), ROWS):
                    faults.append(f"torn: {counts}")
                mine.append((asked, newest))

    threads = [threading.Thread(target=read, args=(mine,)) for mine in seen]
    for thread in threads:
        thread.start()
    for number in range(1, COMMITS):
        table.append(_part(number))
        committed.append(time.monotonic())
        time.sleep(0.1)  # so that readers meet several states
    time.sleep(REFRESH + 0.2)  # so that they meet the last one
    done.set()
    for thread in threads:
        thread.join(60)
    assert not faults
    for mine in seen:
        newest = [number for _, number in mine]
        assert newest == sorted(newest)
        for asked, number in mine:
            # what had been committed for longer than the refresh takes
            due = sum(moment < asked - REFRESH for moment in committed) - 1
            assert number >= due
    assert len({number for mine in seen for _, number in mine}) > 3
    with served.server.connect("ada") as connection, connection.cursor() as cursor:
        cursor.execute('SELECT max("commit"), count(*) FROM lake.s.growing')
        assert cursor.fetchone() == (COMMITS - 1, COMMITS * ROWS)


def _expire(table: Table) -> None:
    """What an expiry that is too eager does: files go that a reader was given."""
    data = Path(table.location().removeprefix("file://")) / "data"
    shutil.rmtree(data)
    data.mkdir()


def test_a_snapshot_that_expires_before_it_is_read_is_an_error(served: Served) -> None:
    table = served.writer.create_table("s.fleeting", _part(0).schema)
    for number in range(3):
        table.append(_part(number))
    time.sleep(REFRESH + 0.1)  # until the server asks again
    with served.server.connect("ada") as connection, connection.cursor() as cursor:
        cursor.adbc_prepare("SELECT * FROM lake.s.fleeting WHERE n >= 0")
        _expire(table)
        table.overwrite(_part(9))
        with pytest.raises(Error) as caught:
            cursor.execute("SELECT * FROM lake.s.fleeting WHERE n >= 0")
            cursor.fetch_arrow_table()
        assert "DATA_MISSING" in str(caught.value)
        assert str(served.server.directory) not in str(caught.value)
        time.sleep(REFRESH + 0.1)  # until the server asks again
        cursor.execute('SELECT DISTINCT "commit" FROM lake.s.fleeting')
        assert cursor.fetchall() == [(9,)]


def test_a_snapshot_that_expires_while_it_is_read_gives_its_own_rows_or_an_error(
    served: Served,
) -> None:
    table = served.writer.create_table("s.ending", _part(0).schema)
    for number in range(4):
        table.append(_part(number, 400_000))
    time.sleep(REFRESH + 0.1)  # until the server asks again
    with served.server.connect("ada") as connection, connection.cursor() as cursor:
        cursor.execute('SELECT "commit", n FROM lake.s.ending')
        reader = cursor.fetch_record_batch()
        rows = reader.read_next_batch().num_rows
        _expire(table)
        table.overwrite(_part(9))
        seen: set[int] = set()
        fault = ""
        try:
            for batch in reader:
                rows += batch.num_rows
                seen |= set(batch["commit"].unique().to_pylist())
        except (Error, OSError, pa.ArrowException) as error:
            fault = str(error)
        assert "DATA_MISSING" in fault if fault else rows == 4 * 400_000
        assert 9 not in seen
