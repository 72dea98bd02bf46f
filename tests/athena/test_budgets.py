"""What Athena's statements cost: kept to budgets before anything is sent, settled and recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import adbc_driver_manager
import pyarrow as pa
import pytest
from adbc_driver_flightsql import dbapi

from auth.limits import EVERYONE
from auth.principal import Principal
from flight_server.app import Application
from flight_server.query.budget import USD, Account, Amount
from flight_server.query.caller import Caller
from flight_server.testing.athena import AthenaDouble
from tests.athena import lake
from tests.waiting import eventually

MIB = 2**20
# Athena charges for 10 MiB at least: each of these statements is one USD.
PRICE = 2**40 / (10 * MIB)
POLICY = """
version: 1
roles:
  reader: {groups: [readers]}
  owner: {groups: [owners]}
  auditor: {groups: [auditors]}
grants:
  - {to: [reader, owner, auditor], on: "lake.paid.*", allow: select}
  - {to: auditor, on: "system.governance.*", allow: select}
row_filters:
  - {name: few, on: "lake.paid.*", to: reader, where: "id < 5"}
limits: LIMITS
"""
GROUPS = {"ann": "readers", "bob": "readers", "olga": "owners", "audrey": "auditors"}
SQL = "SELECT sum(id) AS s FROM paid.numbers"
ONLY_THERE = "SELECT sum(id) AS s FROM paid.old"


@pytest.fixture(scope="module")
def filled(double: AthenaDouble) -> AthenaDouble:
    rows = pa.table({"id": pa.array(range(10), pa.int64())})
    lake.fill(double, {"paid.numbers": rows})
    lake.fill(double, {"paid.old": rows}, "orc")
    return double


@pytest.fixture
def aws(filled: AthenaDouble) -> Iterator[AthenaDouble]:
    yield filled
    filled.clear_faults()


class Served:
    """A server whose users have limits."""

    def __init__(self, aws: AthenaDouble, application: Application) -> None:
        self.aws = aws
        self.application = application

    def rows(self, user: str, text: str, engine: str = "athena") -> list[tuple[Any, ...]]:
        login = {"username": user, "password": lake.PASSWORD}
        with (
            dbapi.connect(self.application.server.location, login, autocommit=True) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(f"SET engine = '{engine}'")
            cursor.fetchall()
            cursor.execute(text)
            return list(cursor.fetchall())

    def sent(self) -> int:
        """How many statements Athena was asked to start."""
        return sum(call.operation == "StartQueryExecution" for call in self.aws.calls)

    def refused(self, user: str, text: str, match: str) -> None:
        """A statement is refused, and nothing of it sent."""
        before = self.sent()
        with pytest.raises(adbc_driver_manager.Error, match=match) as caught:
            self.rows(user, text)
        assert "OVER_BUDGET" in str(caught.value)
        assert "wait for the next day" in str(caught.value)
        assert self.sent() == before

    def used(self, name: str, *, is_team: bool = False) -> Amount:
        """What a user or team used today."""
        used = self.application.service._budget.used()
        return used.get(Account(name, is_team), Amount())

    def records(self, event: str) -> list[dict[str, Any]]:
        """The audit records of an event."""
        audit = self.application.audit
        assert audit is not None
        return [row for row in audit.recent(1_000).to_pylist() if row["event"] == event]


@contextmanager
def serving(aws: AthenaDouble, directory: Path, limits: str, **athena: Any) -> Iterator[Served]:
    settings = lake.settings(
        aws,
        athena={"price": PRICE, "assumed": "10MiB", **athena},
        audit={"directory": "audit", "secret": "file:secret"},
    )
    with lake.serving(directory, settings, POLICY.replace("LIMITS", limits), GROUPS) as running:
        yield Served(aws, running)


def test_a_user_over_the_budget_is_refused_before_anything_is_sent(
    aws: AthenaDouble, tmp_path: Path
) -> None:
    with serving(aws, tmp_path, "{reader: {athena_usd_day: 2.5}}") as served:
        assert [served.rows("ann", SQL) for _ in range(2)] == [[(10,)], [(10,)]]
        assert served.used("ann") == Amount(20 * MIB, 2 * USD)
        served.refused("ann", SQL, "may cost more than is left of the 2.5 USD that you may spend")
        served.refused("ann", ONLY_THERE, "2.5 USD that you may spend in a day")
        # what is read here costs nothing, and others have their own
        assert served.rows("ann", SQL, "duckdb") == [(10,)]
        assert served.rows("bob", SQL) == [(10,)]
        assert served.rows("olga", SQL) == [(45,)]
    # another server of the same log knows what was spent
    with serving(aws, tmp_path, "{reader: {athena_usd_day: 2.5}}") as served:
        assert served.used("ann").money == 2 * USD
        assert served.used(EVERYONE, is_team=True).money == 4 * USD
        served.refused("ann", SQL, "you may spend")
        assert served.rows("bob", SQL) == [(10,)]


def test_members_of_a_team_spend_what_it_has_together(aws: AthenaDouble, tmp_path: Path) -> None:
    limits = '{reader: {team: {athena_usd_day: 2}}, "*": {team: {athena_usd_day: 3}}}'
    with serving(aws, tmp_path, limits) as served:
        assert served.rows("ann", SQL) == [(10,)]
        assert served.rows("bob", SQL) == [(10,)]
        for user in ("ann", "bob"):
            served.refused(user, SQL, "2 USD that your team may spend")
        assert served.rows("olga", SQL) == [(45,)]
        served.refused("olga", SQL, "3 USD that all users together may spend")


def test_bytes_that_athena_charges_for_count_as_those_that_are_read_here(
    aws: AthenaDouble, tmp_path: Path
) -> None:
    limits = "{reader: {scan_gb_day: 1}, owner: {team: {scan_gb_day: 1}}}"
    with serving(aws, tmp_path, limits, assumed="1GB") as served:
        here = served.rows("ann", SQL, "duckdb") and served.used("ann").size
        assert 0 < here < 10 * MIB
        assert served.rows("ann", SQL) == [(10,)]
        assert served.used("ann").size == here + 10 * MIB
        # where tables tell no size, what is assumed must fit, whatever it turns out to be
        served.refused("ann", ONLY_THERE, "1 GB that you may read")
        served.refused("olga", ONLY_THERE, "1 GB that your team may read")


def test_what_fails_is_free_and_what_is_refused_elsewhere_is_not_held(
    aws: AthenaDouble, tmp_path: Path
) -> None:
    with serving(aws, tmp_path, "{reader: {athena_usd_day: 1}}") as served:
        for _ in range(2):
            aws.fail_statement("HIVE_BAD_DATA: it failed", category=2)
            with pytest.raises(adbc_driver_manager.Error, match="UNSUPPORTED_DATA"):
                served.rows("ann", SQL)
            assert served.used("ann") == Amount()
        aws.fail("StartQueryExecution", 1, code="AccessDeniedException", message="no", status=400)
        with pytest.raises(adbc_driver_manager.Error, match="ENGINE_"):
            served.rows("ann", SQL)
        assert served.used("ann") == Amount()
        assert served.rows("ann", SQL) == [(10,)]
        served.refused("ann", SQL, "you may spend")
        assert eventually(lambda: len(ends(served, "error")) == 4)
        # the last one was refused before there was anything to pay
        told = [end["cost"] and end["cost"]["usd"] for end in ends(served, "error")]
        assert told == [None, 0.0, 0.0, 0.0]


def test_what_is_cancelled_costs_what_was_read_and_is_held_until_that_is_known(
    aws: AthenaDouble, tmp_path: Path
) -> None:
    with serving(aws, tmp_path, "{reader: {athena_usd_day: 1}}") as served:
        aws.latency(60, of="run")
        before, stream = served.sent(), running(served, "ann")
        assert served.used("ann").money == USD
        assert eventually(lambda: served.sent() > before, 20)
        served.refused("ann", SQL, "you may spend")
        (charge,) = served.records("charge")
        assert (charge["cost"]["billed"], charge["cost"]["usd"]) == (10 * MIB, 1.0)
        stream.cancel()
        stream.close()
        assert eventually(lambda: served.used("ann") == Amount(), 20)
        aws.clear_faults()
        assert eventually(lambda: len(ends(served, "client_gone")) == 1)
        (end,) = ends(served, "client_gone")
        assert (end["query_id"], end["cost"]["usd"]) == (charge["query_id"], 0.0)
        assert served.rows("ann", SQL) == [(10,)]


def test_auditors_see_what_statements_cost_and_users_only_where_nothing_is_hidden(
    aws: AthenaDouble, tmp_path: Path
) -> None:
    with serving(aws, tmp_path, "{}") as served:
        seen = [told(served, user) for user in ("ann", "olga")]
        assert eventually(lambda: len(ends(served, "ok")) == 2)
        read = ends(served, "ok")[0]["cost"]["scanned"]
        assert seen == [None, {"scanned": read, "billed": 10 * MIB, "usd": 1.0}]
        assert served.rows("olga", ONLY_THERE) == [(45,)]
        asked = (
            'SELECT "user", engine, cost.billed, cost.usd, cost.scanned > 0'
            " FROM system.governance.audit WHERE event = 'end' AND cost IS NOT NULL ORDER BY seq"
        )
        assert served.rows("audrey", asked, "duckdb") == [
            (user, "athena", 10 * MIB, 1.0, True) for user in ("ann", "olga", "olga")
        ]
        spent = "SELECT grantee, usd_spent FROM system.governance.spending ORDER BY ALL"
        assert dict(served.rows("audrey", spent, "duckdb")) == {
            "*": 3.0, "ann": 1.0, "audrey": 0.0, "auditor": 0.0,
            "olga": 2.0, "owner": 2.0, "reader": 1.0,
        }  # fmt: skip
        with pytest.raises(adbc_driver_manager.Error, match="TABLE_NOT_FOUND"):
            served.rows("olga", spent, "duckdb")


def caller(user: str) -> Caller:
    principal = Principal(user, groups=frozenset({GROUPS[user]}))
    return Caller(principal, "request", engine="athena")


def running(served: Served, user: str) -> Any:
    service = served.application.service
    return service.run(caller(user), service.plan(caller(user), SQL.replace("paid", "lake.paid")))


def told(served: Served, user: str) -> Any:
    """What a user is told at the end of what a statement cost."""
    stream = running(served, user)
    try:
        assert sum(frame.rows for frame in stream) == 1
        return json.loads(stream.told()).get("cost")
    finally:
        stream.close()


def ends(served: Served, status: str) -> list[dict[str, Any]]:
    return [record for record in served.records("end") if record["status"] == status]
