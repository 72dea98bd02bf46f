"""Built-in masks, through the real service and engine."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa
import pytest

from flight_server.engines.duckdb.relation import view
from flight_server.engines.duckdb.sealed import is_sealed
from flight_server.engines.duckdb.settings import DuckDBSettings
from tests.end_to_end.governed import KEYS, Lake, caller, governed

ANN = caller("ann")
SEEN = dt.datetime(2026, 5, 1, 0, 30, tzinfo=dt.UTC)
PEOPLE = pa.table(
    {
        "id": pa.array([1, 2], pa.int64()),
        "email": ["ann@x.test", "bob@x.test"],
        "card": ["1234567890123456", "12"],
        "pay": pa.array([71_234, 5], pa.int32()),
        "born": pa.array([dt.date(1990, 5, 17), None]),
        "seen": pa.array([SEEN, SEEN], pa.timestamp("us", "UTC")),
        "home": pa.array([{"city": "Bonn", "zip": "53111"}] * 2),
    }
)
POLICY = """
masks:
  - {name: email, on: lake.desk.people.email, to: trader, mask: {hash: {key: crm, per: user}}}
  - {name: card, on: lake.desk.people.card, to: trader, mask: {partial: {keep_last: 4}}}
  - {name: pay, on: lake.desk.people.pay, to: trader, mask: {bucket: 1_000}}
  - {name: dates, on: "lake.desk.people.{born,seen}", to: trader, mask: {truncate: month}}
  - {name: zip, on: lake.desk.people.home.zip, to: trader, mask: {partial: {keep_first: 2}}}
"""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with governed(tmp_path_factory.mktemp("lake"), {"desk.people": PEOPLE}) as made:
        made.policy(POLICY)
        yield made


def hashed(user: str, text: str) -> str:
    key = hmac.digest(KEYS["crm"], user.encode(), hashlib.sha256)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati"])
def test_each_mask_gives_values_of_the_columns_own_type(lake: Lake, zone: str) -> None:
    text = "SELECT id, email, card, pay, born, epoch(seen), home FROM people ORDER BY id"
    planned = lake.service.plan(replace(ANN, time_zone=zone), text)
    assert planned.schema.field("pay").type == pa.int32()
    month = dt.datetime(2026, 5, 1, tzinfo=dt.UTC).timestamp()
    home = {"city": "Bonn", "zip": "53***"}
    born, card = dt.date(1990, 5, 1), "************3456"
    assert lake.run(ANN, planned) == [
        (1, hashed("ann", "ann@x.test"), card, 71_000, born, month, home),
        (2, hashed("ann", "bob@x.test"), "**", 0, None, month, home),
    ]


def test_what_a_statement_compares_is_the_masked_value(lake: Lake) -> None:
    assert lake.rows(ANN, "SELECT id FROM people WHERE email = 'ann@x.test'") == []
    mine = f"SELECT id FROM people WHERE email = '{hashed('ann', 'ann@x.test')}'"
    assert lake.rows(ANN, mine) == [(1,)]
    assert lake.rows(caller("bob"), mine) == []


def test_the_key_of_a_hash_is_only_where_no_statement_runs(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = lake.service.plan(ANN, "SELECT email FROM people")
    (relation,) = planned.secured.relations
    assert is_sealed(relation, DuckDBSettings())
    scan = lake.engine._sources.scanner.scan(relation.table, None)
    key = hmac.digest(KEYS["crm"], b"ann", hashlib.sha256)
    spelled = "".join(rf"\x{byte ^ 0x36:02X}" for byte in key)
    assert spelled in view(relation, scan)
    assert spelled not in repr(planned)
    # a planner that looks for files to leave out would be told the masks
    monkeypatch.setattr("flight_server.engines.duckdb.pruning.MANY_FILES", 0)
    monkeypatch.setattr(lake.engine._pruning, "_ask", lambda *_: pytest.fail("a planner was asked"))
    assert not lake.engine._pruning.wanted(planned.secured, None, 0.0)
    assert spelled not in str(lake.rows(ANN, "EXPLAIN SELECT email FROM people"))
    assert spelled.encode() not in planned.state.encode()


def test_a_hash_without_its_key_gives_null(lake: Lake) -> None:
    lake.policy(POLICY.replace("key: crm", "key: lost"))
    assert lake.rows(ANN, "SELECT email FROM people") == [(None,), (None,)]
    lake.policy(POLICY)
