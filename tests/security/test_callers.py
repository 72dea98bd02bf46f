"""Callers side by side: nothing that one of them sees, sets or caches reaches another."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pyarrow as pa
import pytest

from flight_server.app import Application
from flight_server.query.caller import Caller
from flight_server.query.errors import WrongOwner
from flight_server.query.service import HandleKind
from tests.security import canaries, doors
from tests.security.doors import EVE, OWNER, WANDA

STATEMENT = "SELECT * FROM customers ORDER BY id"


def shape(table: pa.Table | None) -> tuple[int, int]:
    assert table is not None
    return table.num_columns, table.num_rows


def test_the_same_text_by_many_callers_at_once_gives_each_their_own(
    application: Application,
) -> None:
    """Plans, described shapes and warm workers are kept between calls, but never across rights."""
    chance = random.Random(7)
    callers = [chance.choice([EVE, WANDA, OWNER]) for _ in range(150)]

    def run(caller: Caller) -> tuple[Caller, doors.Answer]:
        return caller, doors.in_process(application.service, caller, STATEMENT)

    with ThreadPoolExecutor(4) as pool:
        for caller, answer in pool.map(run, callers):
            assert shape(answer.table) == ((11, 12) if caller is OWNER else (8, 6))
            if caller is not OWNER:
                assert not canaries.found(answer.seen, STATEMENT)


def test_claims_of_one_subject_are_not_kept_for_the_next_call(application: Application) -> None:
    def region(value: object) -> Caller:
        return replace(EVE, principal=replace(EVE.principal, claims={"region": value}))

    counts = [
        doors.in_process(application.service, region(value), "SELECT count(*) AS n FROM customers")
        for value in ("eu", "us", "eu", "nowhere", "us", "eu' OR true --", "%", "")
    ]
    rows = [answer.table.to_pylist()[0]["n"] for answer in counts if answer.table is not None]
    assert rows == [6, 5, 6, 0, 5, 0, 0, 0]


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"region": None},
        {"region": ["eu"]},
        {"region": {"a": 1}},
        {"region": 1},
        {"Region": "eu"},
    ],
    ids=str,
)
def test_a_missing_or_wrongly_typed_claim_gives_no_rows(
    application: Application, claims: dict[str, object]
) -> None:
    caller = replace(EVE, principal=replace(EVE.principal, claims=claims))
    answer = doors.in_process(application.service, caller, "SELECT count(*) AS n FROM customers")
    assert answer.table is not None
    assert answer.table.to_pylist() == [{"n": 0}]


def test_a_handle_is_of_no_use_to_another(application: Application) -> None:
    service = application.service
    planned = service.plan(OWNER, STATEMENT)
    for kind in HandleKind:
        sealed = service.seal(OWNER, planned, kind)
        assert service.unseal(OWNER, sealed, kind).schema == planned.schema
        for thief in (EVE, WANDA):
            with pytest.raises(WrongOwner):
                service.unseal(thief, sealed, kind)


def test_time_zones_of_callers_are_their_own(application: Application) -> None:
    statement = "SELECT TIMESTAMPTZ '2024-07-01 12:00:00+00' AS t, hour(t) AS h"
    for zone, hour in (("UTC", 12), ("Europe/Berlin", 14), ("Asia/Tokyo", 21), ("UTC", 12)):
        caller = replace(EVE, time_zone=zone)
        table = doors.in_process(application.service, caller, statement).table
        assert table is not None
        assert table.schema.field("t").type.tz == zone
        assert table["h"].to_pylist() == [hour]


@pytest.mark.parametrize(
    ("catalog", "schema"),
    [("dark", "shop"), ("lake", "vault"), ("lake", "canary_x_schema"), ("dark", "deep")],
)
def test_hidden_defaults_are_as_defaults_that_never_were(
    application: Application, catalog: str, schema: str
) -> None:
    missing = ("qzxy" if catalog == "dark" else "lake", "qzxyw")
    for statement in ("SELECT * FROM customers", "SELECT * FROM secrets", "SELECT current_schema"):
        hidden, absent = (
            doors.in_process(
                application.service, replace(EVE, catalog=place[0], schema=place[1]), statement
            )
            for place in ((catalog, schema), missing)
        )
        assert hidden.seen == absent.seen.replace(missing[1], schema)


def test_a_pseudo_column_is_not_found(application: Application) -> None:
    answer = doors.in_process(application.service, EVE, "SELECT rowid FROM orders")
    assert answer.code == "COLUMN_NOT_FOUND"
