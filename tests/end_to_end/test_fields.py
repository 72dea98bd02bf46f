"""A struct of which only some fields may be seen is, through every door, a smaller struct."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from adbc_driver_flightsql import dbapi
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.types import IntegerType

from auth.passwords import hash_password
from flight_server.protocol.wire import flight_sql_pb2 as sql
from tests.flight_sql import client
from tests.servers import Server, serving

GEO = {"lat": 1.5, "lon": 2.5}
PLACE = pa.struct(
    [
        ("zip", pa.string()),
        ("odd 'name\"", pa.string()),
        ("geo", pa.struct([("lat", pa.float64()), ("lon", pa.float64()), ("id", pa.string())])),
        ("tax", pa.string()),
    ]
)
HOME = pa.struct([("zip", pa.string()), ("code", pa.int32())])
ROWS = pa.table(
    {
        "id": pa.array([1, 2, 3, 4], pa.int64()),
        "address": pa.array(
            [
                {
                    "zip": "10115",
                    "odd 'name\"": "a",
                    "geo": {**GEO, "id": "g-1"},
                    "tax": "secret-1",
                },
                None,
                {"zip": None, "odd 'name\"": "b", "geo": None, "tax": "secret-2"},
                {"zip": "20095", "odd 'name\"": None, "geo": {**GEO, "id": None}, "tax": None},
            ],
            PLACE,
        ),
        "homes": pa.array([[{"zip": "1", "code": 1}], [], None, [None]], pa.list_(HOME)),
        "kinds": pa.array([[("a", {"zip": "1", "code": 1})]] * 4, pa.map_(pa.string(), HOME)),
    }
)
MOVED = pa.table({"id": pa.array([1], pa.int64()), "address": [{"zip": "a", "city": "x"}]})
SEEN = pa.struct(
    [
        ("zip", pa.string()),
        ("odd 'name\"", pa.string()),
        ("geo", pa.struct([("lat", pa.float64()), ("id", pa.string())])),
    ]
)
POLICY = """
version: 1
roles: {eve: {groups: [eve]}, all: {groups: [all]}, few: {groups: [few]}}
tags:
  - {on: "**.geo.id", tags: [pii.id]}
grants:
  - {to: "*", on: "lake.**", allow: select, unless: [few]}
  - {to: "*", on: "lake.s.people.address.tax", deny: select, unless: [all]}
  - {to: "*", on: "**.lon", deny: select, unless: [all]}
  - {to: "*", on: "lake.s.people.{homes,kinds}.zip", deny: select, unless: [all]}
  - {to: few, on: "lake.s.people.address.geo.lat", allow: select}
  - {to: "*", on: "lake.s.moved.address.zip", deny: select, unless: [all]}
masks:
  - {name: zip, on: "lake.s.people.address.zip", to: eve, using: "left(${col}, 2) || '***'"}
  - {name: ids, on: "tag:pii", to: eve, mask: {constant: hidden}}
row_filters:
  - {name: own, on: lake.s.people, to: eve, where: "address.tax IS DISTINCT FROM 'secret-2'"}
"""
USERS = ("eve", "all", "few")
OPEN: dict[tuple[str, str], Any] = {}  # to log in takes longer than most statements
PEOPLE = "SELECT * FROM lake.s.people ORDER BY ALL"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One table with nested columns, a policy, users and settings."""
    directory = tmp_path_factory.mktemp("fields")
    place = {
        "type": "sql",
        "uri": f"sqlite:///{directory}/c.db",
        "warehouse": f"file://{directory}/w",
    }
    source = SqlCatalog("lake", **place)
    source.create_namespace("s")
    source.create_table("s.people", ROWS.schema).append(ROWS)
    moved = source.create_table("s.moved", MOVED.schema)
    moved.append(MOVED)
    with moved.update_schema() as update:
        update.rename_column(("address", "zip"), "code")
        update.rename_column("address", "place")
    with moved.update_schema() as update:
        update.add_column(("place", "floor"), IntegerType())
    last = pa.Table.from_pylist([{"id": 2, "place": {"code": "b", "city": "y", "floor": 3}}])
    moved.append(last.cast(moved.schema().as_arrow()))
    source.close()
    (directory / "policy.yaml").write_text(POLICY)
    (directory / "secret").write_text("0" * 64)
    (directory / "credentials.json").write_text(json.dumps({u: {"password": u} for u in USERS}))
    users = {user: {"password": hash_password(user), "groups": [user]} for user in USERS}
    (directory / "users.yaml").write_text(yaml.safe_dump({"version": 1, "users": users}))
    settings = {
        "auth": {"users": "users.yaml", "session_secret": "file:secret"},
        "policy": {"file": "policy.yaml"},
        "catalogs": {"lake": place},
        "seal": {"keys": ["file:secret"]},
        "engine": {"workers": 2, "threads": 1, "memory": "512MiB", "spill": "64MiB"},
    }
    (directory / "flight-server.yaml").write_text(yaml.safe_dump(settings))
    return directory


@pytest.fixture(scope="module")
def served(directory: Path) -> Iterator[Server]:
    """A server over it."""
    with serving(directory) as running:
        yield running
        for connection in OPEN.values():
            connection.close()
        OPEN.clear()


def fetch(server: Server, user: str, statement: str = PEOPLE, parameters: Any = None) -> pa.Table:
    if (server.uri, user) not in OPEN:
        OPEN[server.uri, user] = server.connect(user)
    with OPEN[server.uri, user].cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetch_arrow_table()


def outcome(server: Server, user: str, statement: str, parameters: Any = None) -> str:
    """The text of the error, or the rows where there is none."""
    try:
        return str(fetch(server, user, statement, parameters).to_pylist())
    except dbapi.Error as error:
        return str(error)


def test_values_are_rebuilt_of_the_visible_fields_and_null_stays_null(served: Server) -> None:
    address = fetch(served, "eve").column("address").to_pylist()
    odd = "odd 'name\""
    assert address == [
        {"zip": "10***", odd: "a", "geo": {"lat": 1.5, "id": "hidden"}},
        None,
        {"zip": "20***", odd: None, "geo": {"lat": 1.5, "id": None}},
    ]
    assert fetch(served, "all").column("address").to_pylist() == ROWS["address"].to_pylist()
    few = fetch(served, "few")
    assert few.schema == pa.schema(
        [("address", pa.struct([("geo", pa.struct([("lat", pa.float64())]))]))]
    )
    assert few.to_pylist().count({"address": {"geo": None}}) == 1
    assert few.to_pylist().count({"address": None}) == 1


def test_lists_and_maps_with_a_hidden_field_are_hidden_whole(served: Server) -> None:
    assert fetch(served, "eve").column_names == ["id", "address"]
    assert fetch(served, "all").column_names == ["id", "address", "homes", "kinds"]


def test_every_door_tells_the_same_smaller_type(served: Server) -> None:
    tables = sql.CommandGetTables(catalog="lake", include_schema=True)
    with client(served, "eve") as connected:
        (row,) = [r for r in connected.read(tables).to_pylist() if r["table_name"] == "people"]
        listed = pa.ipc.read_schema(pa.py_buffer(row["table_schema"]))
        described = connected.schema(sql.CommandStatementQuery(query=PEOPLE))
        info = connected.info(sql.CommandStatementQuery(query=PEOPLE)).schema
    schemas = [listed, described, info, fetch(served, "eve").schema]
    with served.connect("eve") as connection, connection.cursor() as cursor:
        schemas.append(cursor.adbc_execute_schema(PEOPLE))
        schemas.append(connection.adbc_get_table_schema("people", catalog_filter="lake"))
        objects = str(connection.adbc_get_objects(depth="all").read_all().to_pylist())
    assert [schema.names for schema in schemas] == [["id", "address"]] * len(schemas)
    assert [schema.field("address").type for schema in schemas] == [SEEN] * len(schemas)
    assert "tax" not in objects
    assert "lon" not in objects


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM information_schema.columns",
        "DESCRIBE lake.s.people",
        "SHOW ALL TABLES",
        "DESCRIBE SELECT address FROM lake.s.people",
        "EXPLAIN SELECT * FROM lake.s.people",
        "SELECT typeof(address), address::VARCHAR, to_json(address) FROM lake.s.people",
        "SELECT unnest(address), unnest(address.geo) FROM lake.s.people",
        "SELECT address.* FROM lake.s.people",
        "SELECT p FROM lake.s.people p",
        "SELECT struct_keys(address), struct_keys(address.geo) FROM lake.s.people",
        "SELECT address, hash(address) > 0, struct_values(address) FROM lake.s.people",
        "SELECT struct_extract_at(address, 3), COLUMNS(*) FROM lake.s.people",
    ],
)
def test_nothing_that_takes_a_struct_apart_finds_a_hidden_field(
    served: Server, statement: str
) -> None:
    told = outcome(served, "eve", statement)
    for hidden in ("tax", "secret", "lon", "2.5", "homes", "g-1", "10115"):
        assert hidden not in told.lower().replace("along", "")


POSITIONS = [
    "SELECT address.{c} FROM lake.s.people",
    "SELECT p.address.{c} FROM lake.s.people p",
    "SELECT lake.s.people.address.{c} FROM lake.s.people",
    "SELECT address['{c}'] FROM lake.s.people",
    "SELECT struct_extract(address, '{c}') FROM lake.s.people",
    "SELECT (address).{c} FROM lake.s.people",
    "SELECT 1 FROM lake.s.people WHERE address.{c} = 'x'",
    "SELECT 1 FROM lake.s.people WHERE address.{c} IS NULL",
    "SELECT count(*) FROM lake.s.people GROUP BY address.{c}",
    "SELECT id FROM lake.s.people ORDER BY address.{c}",
    "SELECT 1 FROM lake.s.people a JOIN lake.s.people b ON a.address.{c} = b.address.{c}",
    "SELECT * EXCLUDE (address.{c}) FROM lake.s.people",
    "SELECT max(address.{c}) OVER () FROM lake.s.people",
    "SELECT address.{c}.x FROM lake.s.people",
    "SELECT address::STRUCT({c} VARCHAR) FROM lake.s.people",
    "SELECT struct_has(address, '{c}'), struct_indexof(address, '{c}') FROM lake.s.people",
    "SELECT (SELECT max(address.{c}) FROM lake.s.people)",
    "WITH x AS (SELECT address AS a FROM lake.s.people) SELECT a.{c} FROM x",
    "DESCRIBE SELECT address.{c} FROM lake.s.people",
]


@pytest.mark.parametrize("statement", POSITIONS)
def test_rule_4_a_hidden_field_fails_as_one_that_never_existed(
    served: Server, statement: str
) -> None:
    hidden = outcome(served, "eve", statement.format(c="tax"))
    missing = outcome(served, "eve", statement.format(c="qzx"))
    assert hidden == missing.replace("qzx", "tax")
    assert "secret" not in hidden


def test_rule_4_a_hidden_field_beside_parameters_fails_the_same(served: Server) -> None:
    statement = "SELECT id FROM lake.s.people WHERE address.{c} = ? LIMIT ?"
    hidden = outcome(served, "eve", statement.format(c="tax"), ("secret-1", 1))
    missing = outcome(served, "eve", statement.format(c="qzx"), ("secret-1", 1))
    assert hidden == missing.replace("qzx", "tax")


def test_rule_7_what_the_user_writes_sees_masked_fields(served: Server) -> None:
    where = "SELECT id FROM lake.s.people WHERE address.zip = '{}' OR address.geo.id = '{}'"
    assert fetch(served, "eve", where.format("10115", "g-1")).num_rows == 0
    assert fetch(served, "eve", where.format("10***", "x")).to_pylist() == [{"id": 1}]
    assert fetch(served, "all", where.format("10115", "x")).to_pylist() == [{"id": 1}]
    prepared = "SELECT id FROM lake.s.people WHERE address.geo.lat = ? AND address.zip LIKE ?"
    assert fetch(served, "eve", prepared, (1.5, "20%")).to_pylist() == [{"id": 4}]


def test_rule_6_a_row_filter_reads_fields_that_its_user_does_not_see(served: Server) -> None:
    assert fetch(served, "eve").column("id").to_pylist() == [1, 2, 4]
    assert fetch(served, "all").column("id").to_pylist() == [1, 2, 3, 4]


def test_rule_5_a_renamed_field_is_hidden_by_its_former_name_in_all_files(served: Server) -> None:
    statement = "SELECT place FROM lake.s.moved ORDER BY id"
    rows = [{"code": "a", "city": "x", "floor": None}, {"code": "b", "city": "y", "floor": 3}]
    assert fetch(served, "all", statement).column("place").to_pylist() == rows
    left = [{name: row[name] for name in ("city", "floor")} for row in rows]
    assert fetch(served, "eve", statement).column("place").to_pylist() == left
    hidden = outcome(served, "eve", "SELECT place.code FROM lake.s.moved")
    assert hidden == outcome(served, "eve", "SELECT place.qzxy FROM lake.s.moved").replace(
        "qzxy", "code"
    )


def test_a_sealed_table_is_rebuilt_the_same(served: Server, directory: Path) -> None:
    with serving(directory, "--set", "engine.seal_all=true") as sealed:
        for user in USERS:
            assert fetch(sealed, user) == fetch(served, user)
            OPEN.pop((sealed.uri, user)).close()
