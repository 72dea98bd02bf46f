"""`flight-server policy` over views: one whose inside is hidden is not there, as when served."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from flight_server.cli.main import main
from tests.catalog.rest_server import rest_catalog
from tests.end_to_end.viewed import ID, ID_REGION, ORDERS, SECRETS

POLICY = """\
version: 1
roles: {reader: {groups: [readers]}, owner: {groups: [owners]}}
grants:
  - {to: owner, on: "**", allow: select}
  - {to: reader, on: "lake.desk.*", allow: select}
"""
HIDING = "  - {to: reader, on: lake.desk.orders.region, deny: select}\n"
CASES = """\
version: 1
cases:
  - {name: open, as: {groups: [readers]}, sees_tables: lake.desk.open}
  - {name: shut, as: {groups: [readers]}, not_sees_tables: lake.desk.shut}
  - {name: all, as: {groups: [owners]}, sees_tables: ["lake.desk.{open,shut}"]}
  - {name: columns, as: {groups: [readers]}, table: lake.desk.shut, hidden: id, rows: none}
"""
Run = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("views")
    source = SqlCatalog("lake", uri=f"sqlite:///{directory}/c.db", warehouse=f"file://{directory}")
    for name, rows in (("desk.orders", ORDERS), ("hidden.secrets", SECRETS)):
        source.create_namespace(name.split(".")[0])
        source.create_table(name, rows.schema).append(rows)
    (directory / "policy.yaml").write_text(POLICY)
    (directory / "hiding.yaml").write_text(POLICY + HIDING)
    (directory / "cases.yaml").write_text(CASES)
    with closing(source), rest_catalog(source) as rest:
        rest.config["defaults"] = {"view-endpoints-supported": "true"}
        rest.view("desk.open", ID_REGION, ("duckdb", "SELECT id, region FROM orders"))
        rest.view("desk.shut", ID, ("duckdb", "SELECT id FROM hidden.secrets"))
        settings = {"policy": {"file": "policy.yaml"}, "catalogs": {"lake": rest.properties}}
        (directory / "flight-server.yaml").write_text(json.dumps(settings))
        yield directory


@pytest.fixture
def run(place: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def command(action: str, *arguments: str, **settings: str) -> tuple[int, str]:
        sets = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
        config = ["--config", str(place / "flight-server.yaml"), *sets]
        capsys.readouterr()
        status = main(["policy", action, *config, *arguments])
        return status, capsys.readouterr().out

    yield command
    root.handlers[:] = handlers
    root.setLevel(level)


def test_cases_see_the_views_that_are_served(run: Run, place: Path) -> None:
    status, told = run("test", str(place / "cases.yaml"))
    assert (status, told.splitlines()[-1]) == (0, "4 cases: 4 passed, 0 failed"), told


def test_a_view_whose_inside_is_hidden_is_explained_so(run: Run) -> None:
    reader = ("--as", "ann", "--group", "readers", "--table")
    told = run("explain", *reader, "lake.desk.shut")[1]
    assert "lake.desk.shut: hidden" in told
    assert "its reader may not read what the view is made of" in told
    assert "lake.desk.open: visible" in run("explain", *reader, "lake.desk.open")[1]


def test_who_loses_a_column_loses_the_views_that_read_it(run: Run, place: Path) -> None:
    files = str(place / "policy.yaml"), str(place / "hiding.yaml")
    status, told = run("diff", "--exit-code", *files)
    reader = told[told.index("role reader") :]
    assert status == 3
    assert "lake.desk.open (not seen any more)\n    loses: id, region" in reader
    assert "lake.desk.shut" not in told
    assert "owner" not in told


def test_a_view_that_nobody_can_read_is_told_of(run: Run, place: Path) -> None:
    assert run("check")[1].startswith("ok")
    views = json.loads((place / "flight-server.yaml").read_text())
    views["catalogs"]["lake"] |= {
        "views": "definer",
        "definer": "etl",
        "definer_groups": ["readers"],
    }
    (place / "flight-server.yaml").write_text(json.dumps(views))
    status, told = run("check")
    assert status == 0
    assert "warn" in told
    assert "View lake.desk.shut cannot be read" in told
    assert "hidden.secrets" in told
    assert "lake.desk.open" not in told
    assert run("check", "--strict")[0] == 1
