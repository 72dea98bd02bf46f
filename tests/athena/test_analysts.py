"""Statements as tools and analysts write them, by both engines over the network, for two users."""

from __future__ import annotations

import datetime
import decimal
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import adbc_driver_manager
import pytest
from adbc_driver_flightsql import dbapi

from flight_server.app import Application
from flight_server.testing.athena import AthenaDouble
from tests.athena import fund, lake
from tests.athena.differences import difference, ordered
from tests.security.doors import Answer
from tests.statements import Example, read_all

STATEMENTS = read_all(Path(__file__).parent / "statements")
_CODE = re.compile(r"\[FlightSQL\] ([A-Z_]+): (.*)", re.DOTALL)
_NAMES = {"datetime": datetime, "decimal": decimal}


@pytest.fixture(scope="module")
def application(
    double: AthenaDouble, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Application]:
    lake.fill(double, fund.tables())
    configured = lake.settings(double, defaults={"schema": "fund"})
    directory = tmp_path_factory.mktemp("fund")
    with lake.serving(directory, configured, fund.POLICY, fund.GROUPS) as running:
        yield running


@pytest.fixture(scope="module", params=sorted(fund.GROUPS))
def engines(application: Application, request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """The connections of one user, by the engine that they ask for."""
    login = {"username": request.param, "password": lake.PASSWORD}
    opened = {}
    try:
        for engine in ("duckdb", "athena"):
            connection = dbapi.connect(application.server.location, login, autocommit=True)
            opened[engine] = connection
            with closing(connection.cursor()) as cursor:
                cursor.execute(f"SET engine = '{engine}'")
                cursor.fetchall()
        yield opened
    finally:
        for connection in opened.values():
            connection.close()


def answer(connection: Any, statement: Example) -> Answer:
    """What the user is told; the values of parameters stand in the statement's note."""
    values = eval(statement.note, dict(_NAMES)) if "bound" in statement.marks else None
    with closing(connection.cursor()) as cursor:
        try:
            cursor.execute(statement.text, values)
            return Answer(cursor.fetch_arrow_table())
        except adbc_driver_manager.Error as error:
            said = str(error)
    _, code, words = _CODE.split(said, maxsplit=1)[:3]
    return Answer(None, code, words)


@pytest.mark.timeout(300)
def test_both_engines_give_the_same_or_the_statement_is_refused_by_name(
    engines: dict[str, Any], double: AthenaDouble
) -> None:
    before, kinds, wrong = len(double.executions), Counter[str](), []
    for statement in STATEMENTS:
        here, there = (answer(engines[name], statement) for name in ("duckdb", "athena"))
        if "refused" in statement.marks:
            if there.code != "UNTRANSLATABLE" or not there.error.startswith(statement.note):
                wrong.append(f"{statement.id} is not refused by name: {there.seen}")
            if here.table is None:
                wrong.append(f"{statement.id} fails on DuckDB: {here.seen}")
            kinds["refused"] += 1
            continue
        fault = difference(here, there, in_order=ordered(statement.text))
        if "failing" in statement.marks and there.code != "EXECUTION_FAILED":
            fault = fault or "it does not fail"
        if fault:
            wrong.append(f"{statement.id} {fault}: {statement.text}\n {here.seen}\n {there.seen}")
        kinds["rows" if there.table is not None else there.code] += 1
    assert not wrong, "\n\n".join(wrong)
    assert kinds["rows"] >= 60, kinds
    assert kinds["refused"] >= 10, kinds
    assert len(double.executions) - before >= kinds["rows"]


def test_the_users_see_different_rows(application: Application) -> None:
    """Else the rest would prove less: what they may see differs in rows, columns and values."""
    counts = []
    for user in sorted(fund.GROUPS):
        login = {"username": user, "password": lake.PASSWORD}
        with (
            dbapi.connect(application.server.location, login, autocommit=True) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT count(*) AS n, min(client) AS c FROM fund.accounts")
            counts.append(cursor.fetchall())
    assert counts == [[(7, "c***")], [(14, "client 0")]]
