"""Primary and foreign keys of the sample tables, to four users."""

from __future__ import annotations

from typing import Any

import pytest

from flight_server.protocol.wire import flight_sql_pb2 as sql
from flight_server.protocol.wire import schemas
from tests.flight_sql import client
from tests.servers import Server

USERS = ("analyst", "manager", "compliance", "service")


def rows(server: Server, user: str, message: Any) -> list[dict[str, Any]]:
    with client(server, user) as connected:
        table = connected.read(message)
    wanted = (
        schemas.PRIMARY_KEYS
        if isinstance(message, sql.CommandGetPrimaryKeys)
        else schemas.FOREIGN_KEYS
    )
    assert table.schema.equals(wanted, check_metadata=True)
    listed: list[dict[str, Any]] = table.to_pylist()
    return listed


def pairs(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [
        tuple(
            f"{row[f'{side}_db_schema_name']}.{row[f'{side}_table_name']}.{row[f'{side}_column_name']}"
            for side in ("fk", "pk")
        )
        for row in found
    ]


@pytest.mark.parametrize("user", USERS)
def test_a_primary_key_is_told(server: Server, user: str) -> None:
    found = rows(server, user, sql.CommandGetPrimaryKeys(table="accounts"))
    assert found == [
        {
            "catalog_name": "invest",
            "db_schema_name": "portfolio",
            "table_name": "accounts",
            "column_name": "account_id",
            "key_sequence": 1,
            "key_name": "pk_accounts",
        }
    ]


def test_a_key_of_several_columns_is_numbered_in_order(server: Server) -> None:
    found = rows(server, "compliance", sql.CommandGetPrimaryKeys(table="positions"))
    assert len(found) > 1
    assert [row["key_sequence"] for row in found] == list(range(1, len(found) + 1))
    assert {row["key_name"] for row in found} == {"pk_positions"}


def test_imported_keys_are_those_of_the_table(server: Server) -> None:
    message = sql.CommandGetImportedKeys(catalog="invest", db_schema="market", table="prices")
    found = rows(server, "analyst", message)
    assert pairs(found) == [
        ("market.prices.currency", "market.currencies.currency"),
        ("market.prices.security_id", "market.securities.security_id"),
    ]
    assert found[0] == {
        "pk_catalog_name": "invest",
        "pk_db_schema_name": "market",
        "pk_table_name": "currencies",
        "pk_column_name": "currency",
        "fk_catalog_name": "invest",
        "fk_db_schema_name": "market",
        "fk_table_name": "prices",
        "fk_column_name": "currency",
        "key_sequence": 1,
        "fk_key_name": "fk_prices_currency_currencies",
        "pk_key_name": "pk_currencies",
        "update_rule": 3,
        "delete_rule": 3,
    }


def test_exported_keys_are_those_of_other_tables(server: Server) -> None:
    found = pairs(rows(server, "compliance", sql.CommandGetExportedKeys(table="currencies")))
    assert ("market.prices.currency", "market.currencies.currency") in found
    assert ("portfolio.portfolios.base_currency", "market.currencies.currency") in found
    assert {target for _, target in found} == {"market.currencies.currency"}
    assert found == sorted(found)


def test_a_cross_reference_is_what_both_sides_share(server: Server) -> None:
    both = sql.CommandGetCrossReference(pk_table="currencies", fk_table="prices")
    assert pairs(rows(server, "service", both)) == [
        ("market.prices.currency", "market.currencies.currency")
    ]
    both.fk_table = "currencies"
    assert rows(server, "service", both) == []


@pytest.mark.parametrize(
    ("narrowed", "there"),
    [
        ({}, True),
        ({"catalog": "INVEST", "db_schema": "Portfolio"}, True),
        ({"catalog": "other"}, False),
        ({"catalog": ""}, False),
        ({"db_schema": "market"}, False),
        ({"db_schema": "port%"}, False),
    ],
)
def test_names_are_exact_but_for_case(
    server: Server, narrowed: dict[str, str], there: bool
) -> None:
    message = sql.CommandGetPrimaryKeys(table="Accounts", **narrowed)
    assert bool(rows(server, "analyst", message)) is there


@pytest.mark.parametrize("table", ["", "%", "account_", "none", "accounts%"])
def test_a_name_is_no_pattern_here(server: Server, table: str) -> None:
    for kind in (
        sql.CommandGetPrimaryKeys,
        sql.CommandGetImportedKeys,
        sql.CommandGetExportedKeys,
    ):
        assert rows(server, "compliance", kind(table=table)) == []


def test_every_key_told_to_a_user_can_be_joined_by_that_user(server: Server) -> None:
    """What keys speak of is visible: none names a column that a statement could not."""
    for user in USERS:
        with server.connect(user) as connection, connection.cursor() as cursor:
            names = [
                (schema["db_schema_name"], table["table_name"])
                for catalog in connection.adbc_get_objects(depth="tables").read_all().to_pylist()
                for schema in catalog["catalog_db_schemas"]
                for table in schema["db_schema_tables"]
            ]
            told = 0
            for schema_name, table_name in names:
                message = sql.CommandGetImportedKeys(db_schema=schema_name, table=table_name)
                for row in rows(server, user, message):
                    cursor.execute(
                        f"SELECT count(*) FROM invest.{row['fk_db_schema_name']}."
                        f"{row['fk_table_name']} a JOIN invest.{row['pk_db_schema_name']}."
                        f"{row['pk_table_name']} b ON a.{row['fk_column_name']} = "
                        f"b.{row['pk_column_name']} WHERE false"
                    )
                    cursor.fetchall()
                    told += 1
            assert told > 10
