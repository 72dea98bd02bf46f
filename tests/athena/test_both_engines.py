"""The same users, the same policy, two engines: who runs what, and what users are told of it."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import adbc_driver_manager
import pyarrow as pa
import pytest
from adbc_driver_flightsql import dbapi

from auth.principal import Principal
from flight_server.app import Application
from flight_server.query.caller import Caller
from flight_server.testing.athena import AthenaDouble
from tests.athena import lake

POLICY = """
version: 1
identity:
  claims: {region: {from: region, type: string}}
roles:
  reader: {groups: [readers]}
  owner: {groups: [owners]}
grants:
  - {to: reader, on: "lake.shop.*", columns: {except: [margin]}, allow: select}
  - {to: reader, on: "lake.ref.*", allow: select}
  - {to: owner, on: "**", allow: select}
  - {to: owner, on: "system.runtime.settings", allow: select}
row_filters:
  - {name: own, on: "lake.shop.*", to: reader, where: "region = ${claims.region}"}
masks:
  - {name: note, on: "lake.shop.*.note", to: reader, using: "left(${col}, 1) || '***'"}
"""
GROUPS = {"ann": "readers", "olga": "owners"}
ROWS = 40


def orders() -> pa.Table:
    """Orders, half of them of another region."""
    day = datetime.date(2024, 1, 1)
    return pa.table(
        {
            "id": pa.array(range(ROWS), pa.int64()),
            "region": ["eu" if i % 2 else "us" for i in range(ROWS)],
            "amount": pa.array([Decimal(i) / 4 for i in range(ROWS)], pa.decimal128(18, 4)),
            "note": [None if i % 7 == 0 else f"note {i}" for i in range(ROWS)],
            "moment": pa.array(
                [datetime.datetime(2024, 1, 1, 3, 4, 5, i) for i in range(ROWS)],
                pa.timestamp("us"),
            ),
            "day": [day + datetime.timedelta(days=i) for i in range(ROWS)],
            "margin": pa.array([i * 1.5 for i in range(ROWS)], pa.float64()),
        }
    )


@pytest.fixture(scope="module")
def application(
    double: AthenaDouble, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Application]:
    regions = pa.table({"code": ["eu", "us"], "title": ["Europe", "America"]})
    plain = orders().select(["id", "region", "note", "margin"])
    lake.fill(double, {"shop.orders": orders()})
    lake.fill(double, {"shop.old": plain}, "orc")
    lake.fill(double, {"ref.regions": regions}, "csv")
    glue = double.client("glue")
    table = glue.get_table(DatabaseName="ref", Name="regions")["Table"]
    table["Parameters"] |= {"comment": "All regions.", "flight.tags.title": "public"}
    kept = ("Name", "StorageDescriptor", "Parameters", "TableType", "PartitionKeys")
    glue.update_table(
        DatabaseName="ref", TableInput={name: table[name] for name in kept if name in table}
    )
    double.put_view("ref.codes", 'SELECT code FROM "ref"."regions"', {"code": "varchar"})
    directory = tmp_path_factory.mktemp("both")
    with lake.serving(directory, lake.settings(double), POLICY, GROUPS) as running:
        yield running


@pytest.fixture
def connect(application: Application) -> Iterator[Any]:
    opened = []

    def open_(user: str, engine: str = "auto") -> Any:
        login = {"username": user, "password": lake.PASSWORD}
        connection = dbapi.connect(application.server.location, login, autocommit=True)
        opened.append(connection)
        with connection.cursor() as cursor:
            cursor.execute(f"SET engine = '{engine}'")
            cursor.fetchall()
        return connection

    yield open_
    for connection in opened:
        connection.close()


def rows(connection: Any, text: str) -> pa.Table:
    with connection.cursor() as cursor:
        cursor.execute(text)
        return cursor.fetch_arrow_table()


STATEMENTS = (
    "SELECT * FROM shop.orders ORDER BY id",
    "SELECT region, count(*), sum(amount) FROM shop.orders GROUP BY region ORDER BY region",
    "SELECT id, note FROM shop.orders WHERE id > 10 AND note IS NOT NULL ORDER BY id DESC LIMIT 5",
    "SELECT max(moment), min(day) FROM shop.orders",
    "SELECT count(*) FROM shop.orders WHERE false",
)


@pytest.mark.parametrize("text", STATEMENTS)
@pytest.mark.parametrize("user", ["ann", "olga"])
def test_a_table_that_both_read_gives_the_same_by_both(connect: Any, user: str, text: str) -> None:
    here, there = (rows(connect(user, engine), text) for engine in ("duckdb", "athena"))
    assert here.schema.equals(there.schema, check_metadata=True)
    assert here.equals(there)
    assert here.num_rows > 0


def test_athena_runs_what_it_is_asked_to_and_nothing_else(
    connect: Any, double: AthenaDouble
) -> None:
    before = len(double.executions)
    rows(connect("ann", "duckdb"), "SELECT * FROM shop.orders")
    rows(connect("ann"), "SELECT * FROM shop.orders")
    assert len(double.executions) == before
    rows(connect("ann", "athena"), "SELECT * FROM shop.orders")
    assert len(double.executions) == before + 1


def test_tables_that_only_athena_reads_stand_beside_the_others(connect: Any) -> None:
    ann = connect("ann")
    assert rows(ann, "SELECT id, region, note FROM shop.old ORDER BY id LIMIT 2").to_pylist() == [
        {"id": 1, "region": "eu", "note": "n***"},
        {"id": 3, "region": "eu", "note": "n***"},
    ]
    assert rows(ann, "SELECT code FROM ref.codes ORDER BY code").to_pydict() == {
        "code": ["eu", "us"]
    }
    joined = rows(
        ann,
        "SELECT title, count(*) AS n FROM shop.orders JOIN ref.regions ON region = code"
        " GROUP BY title",
    )
    assert joined.to_pylist() == [{"title": "Europe", "n": ROWS // 2}]


def test_what_is_hidden_does_not_exist_for_athena_either(connect: Any) -> None:
    for table in ("shop.orders", "shop.old"):
        for engine in ("auto", "athena"):
            with pytest.raises(adbc_driver_manager.Error, match="COLUMN_NOT_FOUND"):
                rows(connect("ann", engine), f"SELECT margin FROM {table}")
        assert "margin" not in rows(connect("ann"), f"SELECT * FROM {table} LIMIT 1").column_names


def test_a_table_of_athena_never_comes_to_the_other_engine(connect: Any) -> None:
    with pytest.raises(adbc_driver_manager.Error, match="NO_ENGINE"):
        rows(connect("olga", "duckdb"), "SELECT * FROM shop.old")
    with pytest.raises(adbc_driver_manager.Error, match="NO_ENGINE"):
        rows(connect("olga", "duckdb"), "SELECT * FROM shop.old, system.runtime.settings")
    with pytest.raises(adbc_driver_manager.Error, match="NO_ENGINE"):
        rows(connect("olga", "athena"), "SELECT * FROM system.runtime.settings")


def test_what_cannot_be_said_to_athena_is_named(connect: Any) -> None:
    with pytest.raises(adbc_driver_manager.Error, match="cannot be translated for Athena"):
        rows(connect("olga"), "SELECT hash(id) FROM shop.old")


def planned(application: Application, user: str, text: str, engine: str = "auto") -> dict[str, Any]:
    groups, claims = frozenset({GROUPS[user]}), {"region": "eu"}
    caller = Caller(Principal(user, groups=groups, claims=claims), "request", engine=engine)
    service = application.service
    told: dict[str, Any] = json.loads(service.offer(caller, service.plan(caller, text)).told)
    return told


def test_the_reason_is_told_and_sizes_only_where_nothing_is_hidden(
    application: Application,
) -> None:
    text = "SELECT id FROM lake.shop.orders"
    whole = planned(application, "olga", text)
    assert (whole["engine"], whole["reason"]) == ("duckdb", "the statement reads little")
    assert whole["estimate"]["rows"] == ROWS
    assert whole["estimate"]["bytes"] > 0
    seen = planned(application, "ann", text)
    assert (seen["engine"], seen["reason"]) == ("duckdb", "the statement reads little")
    assert "estimate" not in seen
    asked = planned(application, "olga", text, "athena")
    assert (asked["engine"], asked["reason"]) == ("athena", "the session asks for it")
    assert asked["estimate"]["usd"] == pytest.approx(10 * 2**20 / 2**40 * 5)


def test_explain_tells_the_engine_and_why(connect: Any) -> None:
    found = rows(connect("olga"), "EXPLAIN SELECT * FROM shop.old")
    (text,) = found["explain_value"].to_pylist()
    assert text.startswith("engine: athena\nreason: only Athena can read a table of the statement")


def test_what_the_catalog_tells_of_tables_is_shown(connect: Any) -> None:
    described = rows(connect("ann"), "DESCRIBE shop.old")
    assert described["column_name"].to_pylist() == ["id", "region", "note"]
    tables = rows(connect("ann"), "SHOW ALL TABLES").to_pylist()
    assert {(t["schema"], t["name"]) for t in tables if t["database"] == "lake"} == {
        ("shop", "orders"), ("shop", "old"), ("ref", "regions"), ("ref", "codes"),
    }  # fmt: skip


def test_large_statements_go_to_athena(
    double: AthenaDouble, application: Application, tmp_path: Path
) -> None:
    configured = lake.settings(double, athena={"large": "1B"})
    with lake.serving(tmp_path, configured, POLICY, GROUPS) as running:
        told = planned(running, "olga", "SELECT id FROM lake.shop.orders")
        assert (told["engine"], told["reason"]) == ("athena", "the statement reads much")
        told = planned(running, "olga", "SELECT hash(id) FROM lake.shop.orders")
        assert told["engine"] == "duckdb"
        assert "dialect" in told["reason"]


def test_sealed_tables_stay_here(
    double: AthenaDouble, application: Application, tmp_path: Path
) -> None:
    configured = lake.settings(double, athena={"large": "1B"}, engine={"seal_all": True})
    with lake.serving(tmp_path, configured, POLICY, GROUPS) as running:
        assert planned(running, "olga", "SELECT id FROM lake.shop.orders")["engine"] == "duckdb"
        with pytest.raises(Exception, match="Athena may not read it"):
            planned(running, "olga", "SELECT id FROM lake.shop.old")


def test_nothing_is_left_of_what_ran(connect: Any, double: AthenaDouble) -> None:
    rows(connect("olga", "athena"), "SELECT * FROM shop.orders")
    assert [url for url in double.objects(f"s3://{lake.RESULTS}/") if "unload" in url] == []
