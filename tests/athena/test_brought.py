"""Tables of Athena beside those that it does not know: brought here, narrowed, gone afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import adbc_driver_manager
import pyarrow as pa
import pytest
from adbc_driver_flightsql import dbapi
from pyiceberg.catalog.sql import SqlCatalog

from auth.principal import Principal
from flight_server.app import Application
from flight_server.engines.errors import Cancelled, NoEngine, TimedOut
from flight_server.query.caller import Caller
from flight_server.testing.athena import AthenaDouble
from tests.athena import lake
from tests.waiting import eventually

POLICY = """
version: 1
identity:
  claims: {region: {from: region, type: string}}
roles:
  reader: {groups: [readers]}
  owner: {groups: [owners]}
grants:
  - {to: reader, on: "lake.shop.*", columns: {except: [margin]}, allow: select}
  - {to: reader, on: "own.desk.*", allow: select}
  - {to: owner, on: "**", allow: select}
row_filters:
  - {name: own, on: "lake.shop.*", to: reader, where: "region = ${claims.region}"}
masks:
  - {name: note, on: "lake.shop.*.note", to: reader, using: "left(${col}, 1) || '***'"}
"""
GROUPS = {"ann": "readers", "olga": "owners"}
ROWS = 600


def old() -> pa.Table:
    """Orders that only Athena reads, half of them of another region."""
    return pa.table(
        {
            "id": pa.array(range(ROWS), pa.int64()),
            "region": ["eu" if i % 2 else "us" for i in range(ROWS)],
            "note": [f"note {i}" for i in range(ROWS)],
            "margin": pa.array([i * 1.5 for i in range(ROWS)], pa.float64()),
        }
    )


def own(directory: Path) -> dict[str, Any]:
    """A catalog of this server alone, with a table of traders and the ids of their orders."""
    place = {"uri": f"sqlite:///{directory}/c.db", "warehouse": f"file://{directory}"}
    catalog = SqlCatalog("own", **place)
    catalog.create_namespace("desk")
    traders = pa.table({"trader": ["tom", "tim", "kim"], "order_id": pa.array([1, 2, 3])})
    catalog.create_table("desk.traders", schema=traders.schema).append(traders)
    catalog.engine.dispose()
    return {"type": "sql", **place}


def configured(double: AthenaDouble, directory: Path, **athena: Any) -> dict[str, Any]:
    place = directory / "warehouse"
    place.mkdir()
    spill = directory / "spill"
    return lake.settings(
        double,
        catalogs={"own": own(place)},
        engine={"spill_directory": str(spill), "seal_all": False},
        athena={"assumed": "1MiB", **athena},
        audit={"directory": str(directory / "audit"), "secret": "file:secret"},
    )


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("brought")


@pytest.fixture(scope="module")
def application(double: AthenaDouble, directory: Path) -> Iterator[Application]:
    lake.fill(double, {"shop.old": old()}, "orc")
    with lake.serving(directory, configured(double, directory), POLICY, GROUPS) as running:
        yield running


def connected(application: Application, user: str) -> Any:
    login = {"username": user, "password": lake.PASSWORD}
    return dbapi.connect(application.server.location, login, autocommit=True)


@pytest.fixture
def connect(application: Application) -> Iterator[Any]:
    opened = []

    def open_(user: str) -> Any:
        opened.append(connected(application, user))
        return opened[-1]

    yield open_
    for connection in opened:
        connection.close()


def rows(connection: Any, text: str) -> pa.Table:
    with connection.cursor() as cursor:
        cursor.execute(text)
        return cursor.fetch_arrow_table()


def latest(double: AthenaDouble) -> str:
    """What was last asked of Athena."""
    return double.executions[-1].query


JOIN = "SELECT trader, note FROM own.desk.traders JOIN shop.old ON order_id = id"


def test_it_is_joined_here_and_narrowed_there(connect: Any, double: AthenaDouble) -> None:
    before = len(double.executions)
    found = rows(connect("olga"), f"{JOIN} WHERE id < 3 ORDER BY trader")
    assert found.to_pylist() == [
        {"trader": "tim", "note": "note 2"},
        {"trader": "tom", "note": "note 1"},
    ]
    assert len(double.executions) == before + 1
    sent = latest(double)
    assert sent.startswith("UNLOAD")
    assert "margin" not in sent
    assert "region" not in sent


def test_who_may_not_see_a_row_or_value_does_not_bring_it(connect: Any) -> None:
    found = rows(connect("ann"), f"{JOIN} ORDER BY trader")
    assert found.to_pylist() == [
        {"trader": "kim", "note": "n***"},
        {"trader": "tom", "note": "n***"},
    ]
    with pytest.raises(adbc_driver_manager.Error, match="COLUMN_NOT_FOUND"):
        rows(connect("ann"), "SELECT margin FROM own.desk.traders JOIN shop.old ON order_id = id")


def planned(running: Application, user: str, text: str, engine: str = "auto") -> dict[str, Any]:
    """What a FlightInfo tells."""
    service, who = running.service, caller(user, engine)
    told: dict[str, Any] = json.loads(service.offer(who, service.plan(who, text)).told)
    return told


def caller(user: str, engine: str = "auto") -> Caller:
    groups, claims = frozenset({GROUPS[user]}), {"region": "eu"}
    principal = Principal(user, groups=groups, claims=claims)
    return Caller(principal, "request", catalog="lake", engine=engine)


def test_the_reason_is_told_and_explained(application: Application, connect: Any) -> None:
    told = planned(application, "ann", JOIN)
    assert (told["engine"], told["reason"]) == ("both", REASON)
    assert "estimate" not in told
    (text,) = rows(connect("ann"), f"EXPLAIN {JOIN}")["explain_value"].to_pylist()
    assert text.startswith(f"engine: both\nreason: {REASON}\n")


REASON = "a table that only Athena can read is brought here"


def ended(directory: Path) -> dict[str, Any]:
    """The last record of a statement's end."""
    found = records(directory, "end")
    return found[-1]


def records(directory: Path, event: str) -> list[dict[str, Any]]:
    lines = [line for f in sorted((directory / "audit").glob("*")) for line in read(f)]
    return [record for record in lines if record["event"] == event]


def read(file: Path) -> list[dict[str, Any]]:
    if file.suffix != ".jsonl":
        return []
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_the_reason_and_what_it_cost_are_recorded(
    application: Application, connect: Any, directory: Path
) -> None:
    rows(connect("ann"), JOIN)
    assert eventually(lambda: ended(directory).get("reason") == REASON)
    record = ended(directory)
    assert (record["engine"], record["status"], record["rows"]) == ("both", "ok", 2)
    assert [each["table"] for each in record["scanned"]] == ["traders"]
    assert record["cost"]["billed"] == 10 * 2**20
    assert records(directory, "charge")[-1]["engine"] == "both"


def nothing_is_left(double: AthenaDouble, directory: Path) -> bool:
    running = [each for each in double.executions if each.state in ("QUEUED", "RUNNING")]
    files = list(directory.rglob("flight-server-brought-*/*"))
    return not running and not files and not double.objects(f"s3://{lake.RESULTS}/")


def test_nothing_is_left_of_what_was_brought(
    connect: Any, double: AthenaDouble, directory: Path
) -> None:
    rows(connect("olga"), JOIN)
    assert eventually(lambda: nothing_is_left(double, directory), 20.0)


@pytest.mark.parametrize("how", ["cancel", "deadline"])
def test_who_ends_the_statement_ends_the_execution(
    application: Application, double: AthenaDouble, directory: Path, how: str
) -> None:
    service, who = application.service, caller("olga")
    who = replace(who, statement_timeout=1.5 if how == "deadline" else 60.0)
    double.latency(60, of="run")
    try:
        stream = service.run(who, service.plan(who, JOIN))
        assert eventually(lambda: double.executions[-1].state == "RUNNING", 20.0)
        if how == "cancel":
            stream.cancel()
        with pytest.raises(Cancelled if how == "cancel" else TimedOut):
            list(stream)
        stream.close()
        assert eventually(lambda: double.executions[-1].state == "CANCELLED", 20.0)
    finally:
        double.clear_faults()
    assert eventually(lambda: nothing_is_left(double, directory), 20.0)


def test_what_fails_there_is_told_as_it_is_there(
    connect: Any, double: AthenaDouble, directory: Path
) -> None:
    double.fail_statement("DIVISION_BY_ZERO: Division by zero")
    with pytest.raises(adbc_driver_manager.Error, match="EXECUTION_FAILED"):
        rows(connect("olga"), JOIN)
    assert eventually(lambda: nothing_is_left(double, directory), 20.0)


def test_more_than_may_be_brought_is_refused_whole(double: AthenaDouble, tmp_path: Path) -> None:
    settings = configured(double, tmp_path, bring="1KiB")
    with lake.serving(tmp_path, settings, POLICY, GROUPS) as running:
        with connected(running, "olga") as connection:
            assert rows(connection, f"{JOIN} WHERE id < 3").num_rows == 2
            with pytest.raises(adbc_driver_manager.Error, match=r"OUT_OF_RESOURCES.*1,024 bytes"):
                rows(connection, JOIN)
        assert eventually(lambda: nothing_is_left(double, tmp_path), 20.0)
    with lake.serving(tmp_path, with_athena(settings, bring=0), POLICY, GROUPS) as running:
        with pytest.raises(NoEngine):
            planned(running, "olga", JOIN)


def with_athena(settings: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**settings, "athena": {**settings["athena"], **more}}


def test_what_a_budget_does_not_allow_is_never_asked_for(
    double: AthenaDouble, tmp_path: Path
) -> None:
    policy = f"{POLICY}limits:\n  owner: {{athena_usd_day: 0.000001}}\n"
    with lake.serving(tmp_path, configured(double, tmp_path), policy, GROUPS) as running:
        before = len(double.executions)
        with connected(running, "olga") as connection:
            with pytest.raises(adbc_driver_manager.Error, match="OVER_BUDGET"):
                rows(connection, JOIN)
        assert len(double.executions) == before


def test_sealed_tables_are_joined_here_and_nothing_of_them_is_sent(
    double: AthenaDouble, tmp_path: Path
) -> None:
    settings = configured(double, tmp_path)
    policy = f'{POLICY}tags:\n  - {{on: "own.desk.traders.trader", tags: [restricted]}}\n'
    with lake.serving(tmp_path, settings, policy, GROUPS) as running:
        with connected(running, "ann") as connection:
            text = f"{JOIN} WHERE trader = 'tom'"
            assert rows(connection, text).to_pylist() == [{"trader": "tom", "note": "n***"}]
        assert "tom" not in latest(double)
        assert "traders" not in latest(double)
