"""Views through a real server: listed, read, recorded; with no trace of what is inside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from adbc_driver_flightsql import dbapi
from pyiceberg.catalog.sql import SqlCatalog

from auth.passwords import hash_password
from flight_server.config import ConfigInvalid, load
from flight_server.definers import definers
from tests.catalog.rest_server import rest_catalog
from tests.end_to_end.viewed import ID, ID_REGION, ORDERS, SECRETS
from tests.servers import Server, serving

POLICY = """\
version: 1
roles: {reader: {groups: [readers]}, owner: {groups: [owners]}}
grants:
  - {to: owner, on: "**", allow: select}
  - {to: reader, on: "lake.desk.*", allow: select}
  - {to: "*", on: lake.desk.orders, deny: select, unless: [owner]}
masks:
  - {name: m, on: lake.desk.shown.region, to: reader, using: "'masked'"}
"""
VIEWS = {"views": "definer", "definer": "etl", "definer_groups": ["owners"]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("viewed")
    source = SqlCatalog(
        "lake", uri=f"sqlite:///{directory}/c.db", warehouse=f"file://{directory}/lake"
    )
    for name, rows in (("desk.orders", ORDERS), ("hidden.secrets", SECRETS)):
        source.create_namespace(name.split(".")[0])
        source.create_table(name, rows.schema).append(rows)
    (directory / "policy.yaml").write_text(POLICY)
    users = {"ada": {"password": hash_password("correct horse"), "groups": ["readers"]}}
    (directory / "users.yaml").write_text(json.dumps({"version": 1, "users": users}))
    (directory / "credentials.json").write_text(json.dumps({"ada": {"password": "correct horse"}}))
    (directory / "key").write_text("a key of thirty-two bytes or more")
    with rest_catalog(source) as rest, closing(source):
        rest.config["defaults"] = {"view-endpoints-supported": "true"}
        text = "SELECT s.id, o.region FROM hidden.secrets s JOIN orders o USING (id)"
        rest.view("desk.shown", ID_REGION, ("duckdb", text))
        rest.view("desk.broken", ID, ("duckdb", "SELECT id FROM hidden.gone"))
        rest.view("desk.foreign", ID, ("hive", "SELECT id FROM hidden.secrets"))
        settings = {
            "policy": {"file": "policy.yaml"},
            "auth": {"users": "users.yaml"},
            "engine": {"workers": 2, "spare": 1},
            "audit": {"directory": "audit", "secret": f"file:{directory}/key"},
            "catalogs": {"lake": {**rest.properties, **VIEWS}},
        }
        (directory / "flight-server.yaml").write_text(json.dumps(settings))
        with serving(directory) as running:
            yield running


def _rows(server: Server, text: str) -> list[dict[str, Any]]:
    with server.connect("ada") as connection, connection.cursor() as cursor:
        cursor.execute(text)
        found: list[dict[str, Any]] = cursor.fetch_arrow_table().to_pylist()
        return found


def test_a_view_of_a_definer_is_read_and_recorded(server: Server) -> None:
    told = [{"id": 1, "region": "masked"}, {"id": 2, "region": "masked"}]
    assert _rows(server, "SELECT * FROM desk.shown ORDER BY id") == told
    records = [
        json.loads(line)
        for path in (server.directory / "audit").rglob("*")
        if path.is_file() and path.suffix not in (".lock",)
        for line in path.read_text(errors="replace").splitlines()
        if '"objects"' in line and '"shown"' in line
    ]
    record = next(each for each in records if "objects" in each)
    (view,) = record["objects"]
    assert (view["table"], view["definer"]) == ("shown", "etl")
    read = {(each["schema"], each["table"]) for each in view["reads"]}
    assert read == {("hidden", "secrets"), ("desk", "orders")}
    assert all("snapshot_id" in each for each in view["reads"])


def test_views_are_listed_as_such_and_those_that_cannot_be_read_are_not(server: Server) -> None:
    with server.connect("ada") as connection:
        found = connection.adbc_get_objects(depth="tables").read_all().to_pylist()
        kinds = {
            table["table_name"]: table["table_type"]
            for catalog in found
            for schema in catalog["catalog_db_schemas"]
            for table in schema["db_schema_tables"]
            if catalog["catalog_name"] == "lake"
        }
        assert kinds == {"shown": "VIEW"}
        assert connection.adbc_get_table_schema("shown", db_schema_filter="desk").names == [
            "id",
            "region",
        ]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM desk.broken",
        "SELECT * FROM desk.foreign",
        "SELECT secrets.v FROM desk.shown",
        "SELECT v FROM desk.shown",
        "EXPLAIN SELECT v FROM desk.shown",
        "SELECT CAST(region AS INTEGER) FROM desk.shown",
        "SELECT error(region) FROM desk.shown WHERE id > 2",
        "SELECT * FROM desk.shown FOR VERSION AS OF 1",
        'SELECT * FROM "desk"."shown$snapshots"',
        "SELECT * FROM hidden.secrets",
        "SELECT * FROM desk.orders",
    ],
)
def test_no_error_tells_what_is_inside(server: Server, text: str) -> None:
    with pytest.raises(dbapi.Error) as caught:
        _rows(server, text)
    told = str(caught.value).replace(text, "")
    for hidden in ("canary", "__view", "gone", "hidden.secrets s", "USING"):
        assert hidden not in told
    if "secrets" not in text:
        assert "secrets" not in told
    if "orders" not in text:
        assert "orders" not in told


def test_a_definer_goes_with_the_setting_that_asks_for_one(tmp_path: Path) -> None:
    def of(**more: Any) -> Any:
        path = tmp_path / "settings.yaml"
        given = {"policy": {"file": "p.yaml"}, "catalogs": {"lake": {"uri": "x", **more}}}
        path.write_text(json.dumps(given))
        return definers(load(path))

    assert of() == {}
    assert of(**VIEWS)["lake"].groups == {"owners"}
    for wrong in ({"views": "definer"}, {"definer": "etl"}, {"views": "caller", "definer": "etl"}):
        with pytest.raises(ConfigInvalid):
            of(**wrong)
