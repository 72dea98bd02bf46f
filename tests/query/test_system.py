"""The catalog in which the server tells of itself: its rows, and how statements find its tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from auth.credentials import parse_credentials
from auth.grant import Expression
from auth.limits import EVERYONE
from auth.policy_file import parse_policy
from auth.principal import Principal
from auth.visible import VisibleCatalog
from catalog.errors import UnsupportedTable
from catalog.memory import MemoryCatalog
from catalog.model import Column, Snapshot, Table
from catalog.names import TableName
from catalog.registry import Registry
from flight_server.engines.duckdb.sealed import is_sealed
from flight_server.engines.duckdb.settings import DuckDBSettings
from flight_server.engines.errors import OutOfResources
from flight_server.query.audit.recent import SCHEMA
from flight_server.query.budget import GIGABYTE, USD, Account, Amount
from flight_server.query.expressions import Compiler
from flight_server.query.gate import Gate
from flight_server.query.parser import Parser
from flight_server.query.places import engine_catalog, shown_table
from flight_server.query.resolve import Defaults, resolve, settle
from flight_server.query.secure import relation
from flight_server.query.system import Sources, system_catalog

POLICY = """version: 1
identity: {claims: {team: {from: team, type: string}}}
roles:
  reader: {groups: [readers]}
  boss: {groups: [bosses], includes: [reader]}
grants:
  - {to: reader, on: lake.sales.orders, columns: {except: [secret]}, allow: select}
  - {to: boss, on: "lake.**", allow: select}
  - {to: boss, on: "system.**", allow: select}
  - {to: reader, on: "tag:shown", allow: select}
  - {to: "*", on: lake.sales.orders.place.street, deny: select, unless: [boss]}
masks:
  - {name: blur, on: lake.sales.orders.name, to: reader, unless: [boss], using: "'*'"}
row_filters:
  - {name: team, on: lake.sales.orders, to: reader, unless: [boss],
     where: "name = ${claims.team}"}
limits:
  reader: {team: {scan_gb_day: 3, athena_usd_day: 1.5}}
"""
USERS = """version: 1
users:
  rita: {groups: [readers], claims: {team: red}, password: "HASH"}
  lost: {groups: [readers]}
  gone: {groups: [bosses], disabled: true}
""".replace(
    "HASH",
    "$scrypt$ln=14,r=8,p=1$CGxxZ9zTegWf0ywSb/TlpA$ztybRna8iSb0ra6F7RWjYG8ddnPlwHwV8+aSO6zcoiw",
)
PLACE = pa.struct([("city", pa.string()), ("street", pa.string())])
ORDERS = Table(
    TableName("lake", "sales", "orders"),
    (
        Column("id", pa.int64()),
        Column("name", pa.string()),
        Column("place", PLACE),
        Column("secret", pa.string()),
    ),
)

CACHED = {
    "files": 2,
    "bytes": 100,
    "bytes_limit": 1000,
    "hits": 5,
    "misses": 3,
    "bytes_fetched": 150,
    "bytes_evicted": 50,
}


USED = {
    Account("reader", is_team=True): Amount(12, USD // 4),
    Account(EVERYONE, is_team=True): Amount(12, USD // 4),
    Account("rita"): Amount(5),
    Account("rita\nhttps://idp"): Amount(7, USD // 4),
}


class Lake(MemoryCatalog):
    """A catalog with a table that cannot be read beside those that can."""

    def table(self, name: TableName, snapshot: Snapshot | None = None) -> Table | None:
        if name.table == "broken":
            raise UnsupportedTable("The table cannot be read.")
        return super().table(name, snapshot)


@pytest.fixture
def registry() -> Registry:
    """`lake`, and the server's own catalog over it."""
    broken = Table(TableName("lake", "sales", "broken"), (Column("id", pa.int64()),))
    sources = Sources(
        policy=lambda: parse_policy(POLICY),
        users=lambda: parse_credentials(USERS),
        registry=lambda: made,
        audit=lambda limit: pa.Table.from_pylist([], SCHEMA),
        settings=(("limits.rows", "5", "Most rows."),),
        cache=lambda: CACHED,
        used=lambda: USED,
    )
    made = Registry([Lake("lake", [ORDERS, broken])], system_catalog("system", sources))
    return made


@pytest.fixture
def rows(registry: Registry) -> Callable[[str], list[dict[str, Any]]]:
    """All rows of one of the tables."""

    def read(path: str) -> list[dict[str, Any]]:
        table = registry.table(TableName("system", *path.split(".")))
        assert table is not None
        assert table.rows is not None
        batches = list(table.rows())
        assert all(batch.schema == table.arrow_schema for batch in batches)
        return [row for batch in batches for row in batch.to_pylist()]

    return read


def test_grants_are_what_each_may_read_and_no_more(
    rows: Callable[[str], list[dict[str, Any]]],
) -> None:
    found = [row for row in rows("governance.grants") if row["table_catalog"] == "lake"]
    told = {
        (row["grantee"], row["column_name"], row["field"], row["visibility"], row["row_access"])
        for row in found
    }
    assert {row["grantee"] for row in found} == {"rita", "lost", "reader", "boss"}
    # what a struct shows in part is told by its fields; a role's claims differ from user to user
    for name, access in (("rita", "filtered"), ("lost", "none"), ("reader", "filtered")):
        assert {row for row in told if row[0] == name} == {
            (name, "id", None, "visible", access),
            (name, "name", None, "masked", access),
            (name, "place", "city", "visible", access),
        }
    assert {row[1:] for row in told if row[0] == "boss"} == {
        (name, None, "visible", "all") for name in ("id", "name", "place", "secret")
    }


def test_grants_name_mask_filters_and_rules(
    rows: Callable[[str], list[dict[str, Any]]],
) -> None:
    (row,) = (
        row
        for row in rows("governance.grants")
        if (row["grantee"], row["column_name"]) == ("rita", "name")
    )
    assert row["grantee_type"] == "user"
    assert (row["mask"], row["row_filters"]) == ("blur", ["team"])
    assert row["rules"] == ["allow reader on lake.sales.orders", "mask blur"]
    assert row["lines"] == [7, 13]


def test_grants_are_also_of_the_catalog_itself(
    rows: Callable[[str], list[dict[str, Any]]],
) -> None:
    own = {
        (row["grantee"], row["table_schema"], row["table_name"])
        for row in rows("governance.grants")
        if row["table_catalog"] == "system"
    }
    assert own == {
        ("boss", "governance", "audit"),
        ("boss", "governance", "grants"),
        ("boss", "governance", "roles"),
        ("boss", "governance", "spending"),
        ("boss", "governance", "users"),
        ("boss", "runtime", "cache"),
        ("boss", "runtime", "catalogs"),
        ("boss", "runtime", "settings"),
    }


def test_roles_users_and_settings(rows: Callable[[str], list[dict[str, Any]]]) -> None:
    assert rows("governance.roles") == [
        {"role": "boss", "groups": ["bosses"], "includes": ["reader"], "included": ["reader"]},
        {"role": "reader", "groups": ["readers"], "includes": [], "included": []},
    ]
    users = rows("governance.users")
    assert [(user["user_name"], user["roles"], user["enabled"]) for user in users] == [
        ("gone", ["boss", "reader"], False),
        ("lost", ["reader"], True),
        ("rita", ["reader"], True),
    ]
    assert "scrypt" not in str(users)
    assert "red" not in str(users).replace("readers", "")
    assert rows("runtime.settings") == [
        {"name": "limits.rows", "value": "5", "description": "Most rows."}
    ]
    assert rows("governance.audit") == []
    assert rows("runtime.cache") == [CACHED]


def test_spending_is_that_of_users_and_teams_with_what_teams_may_use(
    rows: Callable[[str], list[dict[str, Any]]],
) -> None:
    told = [tuple(row.values()) for row in rows("governance.spending")]
    assert told == [
        ("user", "rita", None, 5, None, 0.0, None),
        ("user", "rita", "https://idp", 7, None, 0.25, None),
        ("role", "*", None, 12, None, 0.25, None),
        ("role", "reader", None, 12, 3 * GIGABYTE, 0.25, 1.5),
    ]


def test_without_a_users_file_and_an_audit_log_there_are_none() -> None:
    sources = Sources(lambda: parse_policy(POLICY), None, lambda: Registry([]))
    own = system_catalog("house", sources)
    users = own.table(TableName("house", "governance", "users"))
    assert users is not None
    assert users.rows is not None
    assert list(users.rows()) == []
    assert own.table(TableName("house", "governance", "audit")) is None


def test_too_many_rows_are_refused_and_never_cut() -> None:
    sources = Sources(
        lambda: parse_policy(POLICY), lambda: parse_credentials(USERS), lambda: made, rows=2
    )
    made = Registry([], system_catalog("system", sources))
    tables = {
        path: made.table(TableName("system", "governance", path)) for path in ("roles", "users")
    }
    assert tables["roles"] is not None
    assert tables["roles"].rows is not None
    assert sum(batch.num_rows for batch in tables["roles"].rows()) == 2
    assert tables["users"] is not None
    assert tables["users"].rows is not None
    with pytest.raises(OutOfResources, match=r"Table system.governance.users has more than 2 rows"):
        list(tables["users"].rows())


@pytest.fixture
def boss(registry: Registry) -> VisibleCatalog:
    principal = Principal("b", frozenset({"bosses"}))
    return VisibleCatalog(principal, parse_policy(POLICY), registry)


def test_an_engine_gets_its_tables_by_another_name(boss: VisibleCatalog) -> None:
    text = "SELECT grants.grantee FROM System . governance.grants, lake.sales.orders"
    resolved = resolve(Gate(Parser()).check(text), boss, Defaults(None, None))
    assert [str(table.name) for table in resolved.tables] == [
        "__system.governance.grants",
        "lake.sales.orders",
    ]
    assert resolved.spliced.text == (
        'SELECT grants.grantee FROM "__system"."governance"."grants" AS "grants", lake.sales.orders'
    )
    assert str(shown_table(resolved.tables[0].name)) == "system.governance.grants"
    assert shown_table(resolved.tables[1].name) == resolved.tables[1].name


def test_names_are_completed_within_it_only_where_it_is_asked_for(boss: VisibleCatalog) -> None:
    assert boss.catalogs() == ["lake", "system"]
    assert settle(Defaults(None, None), boss) == Defaults("lake", "sales")
    assert settle(Defaults("SYSTEM", "governance"), boss) == Defaults("system", "governance")
    statement = Gate(Parser()).check("SELECT * FROM users")
    resolved = resolve(statement, boss, Defaults("system", "governance"))
    assert str(resolved.tables[0].name) == "__system.governance.users"
    assert [engine_catalog(name) for name in ("system", "SYSTEM", "lake", None)] == [
        "__system",
        "__system",
        "lake",
        None,
    ]


@pytest.mark.parametrize("name", ["system", "System"])
def test_only_the_server_s_own_catalog_may_be_called_system(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be named"):
        Registry([MemoryCatalog(name, [])])
    assert Registry([], MemoryCatalog(name, [])).own == name
    for other in ("__system", "main", ""):
        with pytest.raises(ValueError, match="cannot be named"):
            Registry([], MemoryCatalog(other, []))
    with pytest.raises(ValueError, match="Two catalogs"):
        Registry([MemoryCatalog("house", [])], MemoryCatalog("HOUSE", []))


def test_what_is_hidden_of_them_is_kept_from_a_worker_too(boss: VisibleCatalog) -> None:
    """In the sealed tier: only what its reader may see as a whole is read by the worker itself."""
    settings = DuckDBSettings(seal_all=True)
    table = boss.find(TableName("system", "governance", "users"))
    compiler = Compiler(Parser())
    assert not is_sealed(relation(table, compiler), settings)
    own = Expression("own", "user_name = 'rita'")
    filtered = replace(table, grant=replace(table.grant, restrictive=(own,)))
    narrow = replace(table, columns=table.columns[:1])
    for hiding in (filtered, narrow):
        assert is_sealed(relation(hiding, compiler), settings)
        assert not is_sealed(relation(hiding, compiler), DuckDBSettings())
