"""What the server tells of itself: tables like any others, for whom the policy lets see them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from adbc_driver_flightsql import dbapi

from flight_server import app
from flight_server.config import ConfigInvalid, load
from tests.servers import Server, serving

GRANTS = "system.governance.grants"
MORE = """
  - {to: analyst, on: "system.runtime.settings", allow: select}
  - {to: analyst, on: "system.governance.users", columns: [user_name, groups], allow: select}
  - {to: manager, on: "system.governance.grants", columns: {except: [rules]}, allow: select}
"""
NARROWED = """
  - name: own
    on: system.governance.grants
    to: manager
    where: "grantee = 'manager' AND NOT list_contains(row_filters, 'nothing')"
  - name: reds
    on: system.governance.users
    to: analyst
    where: "enabled"
"""
MASKED = """
  - name: who
    on: system.governance.users.user_name
    to: analyst
    using: "left(${col}, 1) || '***'"
"""


def fetch(server: Server, user: str, statement: str, parameters: Any = None) -> pa.Table:
    with server.connect(user) as connection, connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetch_arrow_table()


def refusal(server: Server, user: str, statement: str) -> str:
    with pytest.raises(dbapi.Error) as refused:
        fetch(server, user, statement)
    return str(refused.value)


@pytest.fixture(scope="module")
def other(demo_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose policy grants more of the tables, filtered and masked."""
    policy = tmp_path_factory.mktemp("other") / "policy.yaml"
    text = (demo_directory / "policy.yaml").read_text()
    text = text.replace("\nrow_filters:\n", f"{MORE}\nrow_filters:{NARROWED}")
    policy.write_text(text.replace("\nmasks:\n", f"\nmasks:{MASKED}"))
    sets = [f"policy.file={policy}", "system.rows=2000"]
    with serving(demo_directory, *(f"--set={each}" for each in sets)) as running:
        yield running


@pytest.mark.parametrize("user", ["analyst", "manager", "compliance", "service"])
def test_grants_tell_what_each_user_really_sees(server: Server, user: str) -> None:
    columns = "SELECT table_catalog, table_schema, table_name, column_name FROM"
    told = fetch(server, "compliance", f"{columns} {GRANTS} WHERE grantee = ?", (user,))
    own = fetch(server, user, f"{columns} information_schema.columns")
    if user == "compliance":
        system = f"{columns} system.information_schema.columns"
        own = pa.concat_tables([own, fetch(server, user, system)])
    assert told.num_rows > 50
    # of the role of the same name too
    assert {tuple(row.values()) for row in told.to_pylist()} == {
        tuple(row.values()) for row in own.to_pylist()
    }


def test_grants_tell_masks_filters_and_rules(server: Server) -> None:
    statement = (
        f"SELECT * FROM {GRANTS} WHERE grantee_type = 'user' AND grantee = 'manager'"
        " AND table_name = 'accounts' AND column_name IN ('tax_id', 'desk') ORDER BY column_name"
    )
    desk, tax_id = fetch(server, "compliance", statement).to_pylist()
    assert (desk["visibility"], desk["mask"]) == ("visible", None)
    assert (tax_id["visibility"], tax_id["mask"]) == ("masked", "tax-id")
    assert (tax_id["row_access"], tax_id["row_filters"]) == ("filtered", ["own-desk"])
    assert "mask tax-id" in tax_id["rules"]
    lines = (server.directory / "policy.yaml").read_text().splitlines()
    line = tax_id["lines"][tax_id["rules"].index("mask tax-id")]
    assert "tax-id" in lines[line - 1]


def test_grants_are_those_of_users_and_of_roles(server: Server) -> None:
    found = fetch(server, "compliance", f"SELECT DISTINCT grantee_type, grantee FROM {GRANTS}")
    names = {"analyst", "manager", "compliance", "service"}
    expected = {(kind, name) for kind in ("user", "role") for name in names}
    assert {tuple(row.values()) for row in found.to_pylist()} == expected


@pytest.mark.parametrize("user", ["analyst", "manager", "service"])
@pytest.mark.parametrize(
    "name",
    [GRANTS, "system.governance.users", "SYSTEM.Governance.ROLES", "system.runtime.settings"],
)
def test_what_is_not_granted_is_not_there(server: Server, user: str, name: str) -> None:
    hidden = refusal(server, user, f"SELECT * FROM {name}")
    assert "TABLE_NOT_FOUND" in hidden
    schema, _, table = name.rpartition(".")
    other = "QZXYW" if table.isupper() else "qzxyw"
    missing = refusal(server, user, f"SELECT * FROM {schema}.{other}")
    assert hidden == missing.replace(other, table)
    for statement in ("SHOW CATALOGS", "SELECT table_catalog FROM information_schema.tables"):
        assert "system" not in str(fetch(server, user, statement).to_pylist())


def test_users_have_neither_hashes_nor_claims(server: Server) -> None:
    users = fetch(server, "compliance", "SELECT * FROM system.governance.users ORDER BY user_name")
    assert users.column_names == ["user_name", "groups", "roles", "enabled"]
    assert users.to_pylist()[1] == {
        "user_name": "compliance",
        "groups": ["compliance"],
        "roles": ["compliance"],
        "enabled": True,
    }
    text = str(users.to_pylist())
    assert "scrypt" not in text
    assert "equities" not in text


def test_the_audit_log_is_a_table_too(server: Server) -> None:
    marker = "SELECT 4711 AS marker FROM invest.market.currencies"
    fetch(server, "analyst", marker)
    statement = (
        'SELECT event, "user", o.unnest."table" AS name FROM system.governance.audit,'
        " unnest(objects) AS o WHERE \"user\" = ? AND event = 'start'"
    )
    found = fetch(server, "compliance", statement, ("analyst",)).to_pylist()
    assert {"event": "start", "user": "analyst", "name": "currencies"} in found
    own = fetch(server, "compliance", statement, ("compliance",)).to_pylist()
    assert "__system" not in str(own)
    assert "TABLE_NOT_FOUND" in refusal(server, "analyst", "FROM system.governance.audit")


def test_roles_are_told_with_their_groups(server: Server) -> None:
    statement = "SELECT groups, includes, included FROM system.governance.roles WHERE role = ?"
    (row,) = fetch(server, "compliance", statement, ("manager",)).to_pylist()
    assert row == {"groups": ["desk-heads"], "includes": [], "included": []}


@pytest.mark.parametrize(
    "statement",
    [
        f"SELECT grants.grantee FROM {GRANTS} WHERE grants.mask = 'tax-id'",
        f"SELECT g.grantee FROM {GRANTS} AS g JOIN system.governance.users u"
        " ON u.user_name = g.grantee AND g.mask = 'tax-id'",
        f"SELECT grantee FROM {GRANTS} JOIN information_schema.columns USING"
        " (table_catalog, table_schema, table_name, column_name) WHERE mask = 'tax-id'",
        f"WITH g AS (FROM {GRANTS}) SELECT grantee FROM g WHERE mask = 'tax-id'",
        f"SELECT grantee FROM {GRANTS} WHERE mask = 'tax-id' AND table_name IN"
        f" (SELECT table_name FROM {GRANTS} WHERE grantee = 'analyst')",
        'SELECT grantee FROM "System"."governance"."Grants" WHERE mask = \'tax-id\'',
        f"SELECT (SELECT min(grantee) FROM {GRANTS} WHERE mask = 'tax-id') AS grantee,"
        " count(*) FROM invest.portfolio.accounts",
    ],
)
def test_they_are_queried_like_any_table(server: Server, statement: str) -> None:
    found = fetch(server, "compliance", statement)
    assert set(found["grantee"].to_pylist()) == {"manager"}


def test_commands_and_metadata_know_them(server: Server) -> None:
    shown = fetch(server, "compliance", "SHOW TABLES FROM system.governance")
    assert {"grants", "roles", "users"} <= set(shown["name"].to_pylist())
    described = fetch(server, "compliance", "DESCRIBE system.governance.users")
    assert described["column_type"].to_pylist() == ["VARCHAR", "VARCHAR[]", "VARCHAR[]", "BOOLEAN"]
    plan = fetch(server, "compliance", f"EXPLAIN SELECT mask FROM {GRANTS}")
    assert f"table: {GRANTS}\n" in plan["explain_value"][0].as_py()
    comments = fetch(
        server,
        "compliance",
        'SELECT "COLUMN_COMMENT" AS c FROM system.information_schema.columns'
        " WHERE column_name = 'mask'",
    )
    assert comments["c"].to_pylist() == ["The mask's name, if there is one."]
    with server.connect("compliance") as connection:
        objects = connection.adbc_get_objects(catalog_filter="system").read_all().to_pylist()
        (catalog,) = objects
        tables = {
            table["table_name"]
            for schema in catalog["catalog_db_schemas"]
            for table in schema["db_schema_tables"]
        }
        assert {"grants", "roles", "users"} <= tables
        schema = connection.adbc_get_table_schema(
            "users", catalog_filter="system", db_schema_filter="governance"
        )
        assert schema.names == ["user_name", "groups", "roles", "enabled"]


def test_an_error_in_a_statement_stands_where_it_was_written(server: Server) -> None:
    told = refusal(server, "compliance", f"SELECT 1 FROM {GRANTS} WHERE nope = 1")
    assert 'Column "nope" was not found' in told
    assert "column 46" in told
    assert "__" not in told


def test_a_session_may_stand_in_them(server: Server) -> None:
    with server.connect("compliance") as connection, connection.cursor() as cursor:
        options = {"adbc.connection.catalog": "system", "adbc.connection.db_schema": "governance"}
        connection.adbc_connection.set_options(**options)
        cursor.execute("SELECT current_catalog() AS c, count(*) AS n FROM users")
        assert cursor.fetchone() == ("system", 4)
        cursor.execute("SELECT count(*) FROM invest.portfolio.accounts")
        assert cursor.fetchone() is not None


def test_filters_and_masks_of_the_policy_apply_to_them(other: Server) -> None:
    grants = fetch(other, "manager", f"SELECT * FROM {GRANTS}")
    assert "rules" not in grants.column_names
    assert set(grants["grantee"].to_pylist()) == {"manager"}
    users = fetch(other, "analyst", "SELECT * FROM system.governance.users ORDER BY 1")
    assert users.column_names == ["user_name", "groups"]
    assert users["user_name"].to_pylist() == ["a***", "c***", "m***", "s***"]
    missing = refusal(other, "analyst", "SELECT qzxywv FROM system.governance.users")
    assert refusal(other, "analyst", "SELECT enabled FROM system.governance.users") == (
        missing.replace("qzxywv", "enabled")
    )


def test_settings_are_only_sizes_times_and_names(other: Server) -> None:
    settings = fetch(other, "analyst", "SELECT * FROM system.runtime.settings")
    values = dict(zip(*(settings[name].to_pylist() for name in ("name", "value")), strict=True))
    assert values["system.rows"] == "2000"
    assert float(values["limits.statement"]) > 0
    assert {name.split(".")[0] for name in values} == {"defaults", "engine", "limits", "system"}
    assert not any("/" in value for value in values.values())


def test_a_table_too_large_is_refused_as_a_whole(
    demo_directory: Path,
) -> None:
    sets = ["system.catalog=house", "system.rows=100"]
    policy = demo_directory / "policy-of-house.yaml"
    text = (demo_directory / "policy.yaml").read_text()
    policy.write_text(text.replace('"system.governance.**"', '"house.governance.**"'))
    sets.append(f"policy.file={policy}")
    with serving(demo_directory, *(f"--set={each}" for each in sets)) as running:
        told = refusal(running, "compliance", "SELECT * FROM house.governance.grants")
        assert "Table house.governance.grants has more than 100 rows" in told
        assert "OUT_OF_RESOURCES" in told or "RESOURCE" in told
        assert fetch(running, "compliance", "FROM house.governance.users").num_rows == 4
        assert "TABLE_NOT_FOUND" in refusal(running, "compliance", f"SELECT * FROM {GRANTS}")


def test_the_catalog_can_be_turned_off_but_not_be_another_s(demo_directory: Path) -> None:
    config = demo_directory / "flight-server.yaml"
    assert app.catalogs(load(config)).own == "system"
    assert app.catalogs(load(config, {"system.catalog": ""})).names() == ["invest"]
    for taken in ("invest", "INVEST", "memory"):
        with pytest.raises(ConfigInvalid, match="catalogs: "):
            app.catalogs(load(config, {"system.catalog": taken}))
