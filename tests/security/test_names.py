"""Names that somebody chose for tables and columns are attacks too: they are only ever names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
import yaml
from pyiceberg.catalog import load_catalog

from auth.principal import Principal
from catalog.names import quote
from flight_server.app import Application, build
from flight_server.config import load
from flight_server.query.caller import Caller
from tests.security import canaries, doors

COLUMNS = [
    'a"b',
    '" FROM x; --',
    "it's",
    "' OR true --",
    "${claims.region}",
    "${col}",
    "*",
    "%",
    "$1",
    "?",
    "a\nb",
    "-- a",
    "/* a */",
    "a.b",
    "lake.shop.hidden",
    "select",
    "rowid",
    "é́",
    "𝒳",
    "x" * 200,
    " ",
    "name`",
    "[0]",
]
TABLES = [
    't"u',
    "t'u",
    "t%u",
    "t u",
    "t;u",
    "t$files",
    "t*",
    "select",
    "t--u",
    "té",
    "read_text('x')",
]
POLICY = """
version: 1
roles: {everyone: {groups: [people]}}
grants:
  - {to: everyone, on: "lake.**", allow: select}
  - {to: everyone, on: "lake.*.*.hidden*", deny: select}
  - {to: everyone, on: "lake.shop.hidden", deny: select}
row_filters:
  - {name: seen, on: "lake.shop.*", to: everyone, where: "NOT hidden_row"}
masks:
  - {name: masked, on: "lake.shop.*.*b*", to: everyone, using: "upper(${col})"}
"""
ANN = Caller(Principal("ann", frozenset({"people"})), "request")


def content() -> pa.Table:
    """Two rows of each name, of which one is hidden, and a hidden column."""
    columns: dict[str, list[object]] = {name: ["seen", "canary-x-row"] for name in COLUMNS}
    return pa.table({**columns, "hidden": ["canary-x-column"] * 2, "hidden_row": [False, True]})


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    directory: Path = tmp_path_factory.mktemp("names")
    place = {"uri": f"sqlite:///{directory}/lake.db", "warehouse": f"file://{directory}/lake"}
    catalog = load_catalog("lake", type="sql", **place)
    catalog.create_namespace("shop")
    rows = content()
    for number, name in enumerate(["columns", "hidden", *TABLES]):
        # The name is only the catalog's: the files lie where names play no part.
        made = catalog.create_table(
            ("shop", name), rows.schema, location=f"file://{directory}/lake/{number}"
        )
        made.append(rows)
    (directory / "policy.yaml").write_text(POLICY)
    settings = {
        "server": {"port": 0},
        "policy": {"file": "policy.yaml"},
        "catalogs": {"lake": {"type": "sql", **place, "refresh": 600}},
        "engine": {"workers": 2, "threads": 1, "memory": "256MiB", "spill": "64MiB"},
        "defaults": {"catalog": "lake", "schema": "shop"},
    }
    config = directory / "flight-server.yaml"
    config.write_text(yaml.safe_dump(settings))
    running = build(load(config))
    try:
        yield running
    finally:
        running.stop(2.0)


def ask(application: Application, text: str) -> list[dict[str, object]]:
    answer = doors.in_process(application.service, ANN, text)
    assert answer.table is not None, (text, answer.seen)
    assert not canaries.found(answer.seen, text)
    rows: list[dict[str, object]] = answer.table.to_pylist()
    return rows


def value(name: str) -> str:
    return "SEEN" if "b" in name else "seen"


def test_hostile_names_are_read_as_they_are(application: Application) -> None:
    (row,) = ask(application, "SELECT * FROM columns")
    assert row == {name: value(name) for name in COLUMNS}


@pytest.mark.parametrize("name", COLUMNS, ids=range(len(COLUMNS)))
def test_a_hostile_column_can_be_named_in_quotes(application: Application, name: str) -> None:
    text = f"SELECT {quote(name)} AS v FROM columns c WHERE c.{quote(name)} IS NOT NULL ORDER BY 1"
    assert ask(application, text) == [{"v": value(name)}]


@pytest.mark.parametrize("name", TABLES, ids=range(len(TABLES)))
def test_a_hostile_table_can_be_named_in_quotes(application: Application, name: str) -> None:
    for path in (quote(name), f"lake.shop.{quote(name)}"):
        assert len(ask(application, f"SELECT * FROM {path}")) == 1
        described = ask(application, f"DESCRIBE {path}")
        assert [row["column_name"] for row in described] == COLUMNS


def test_listings_have_hostile_names_and_nothing_hidden(application: Application) -> None:
    listed = ask(application, "SELECT table_name FROM information_schema.tables")
    assert sorted(str(row["table_name"]) for row in listed) == sorted(["columns", *TABLES])
    columns = ask(application, "SELECT DISTINCT column_name FROM information_schema.columns")
    assert {row["column_name"] for row in columns} == set(COLUMNS)
    tables = {table.name.table for table in application.service.visible(ANN).tables()}
    assert tables == {"columns", *TABLES}


def test_what_a_name_seems_to_say_is_not_done(application: Application) -> None:
    for text in (
        "SELECT hidden FROM columns",
        'SELECT "hidden_row" FROM columns',
        "SELECT * FROM hidden",
        """SELECT "'" FROM columns""",
        "SELECT ${claims.region} FROM columns",
        "SELECT * FROM read_text('x')",
        """SELECT * FROM "t""" + '"',
    ):
        answer = doors.in_process(application.service, ANN, text)
        assert answer.table is None, text
        assert not canaries.found(answer.seen, text)
