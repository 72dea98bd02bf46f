"""Keys as tables declare them, and declarations that are no such thing."""

from __future__ import annotations

import json
import logging

import pyarrow as pa
import pytest

from catalog.keys import ForeignKey, foreign_keys, primary_key
from catalog.model import Column, Table
from catalog.names import TableName

ORDERS = TableName("lake", "sales", "orders")
CUSTOMERS = TableName("lake", "sales", "customers")


def table(declared: object, *columns: str, identifier: tuple[str, ...] = ()) -> Table:
    text = declared if isinstance(declared, str) else json.dumps(declared)
    return Table(
        ORDERS,
        tuple(Column(name, pa.string()) for name in columns or ("id", "customer_id", "line")),
        properties={"flight.foreign_keys": text},
        identifier=identifier,
    )


def key(**changes: object) -> dict[str, object]:
    return {"columns": ["customer_id"], "table": "sales.customers", "references": ["id"]} | changes


def test_the_primary_key_is_the_identifier_in_table_order() -> None:
    assert primary_key(table([], identifier=("line", "id"))) == ("id", "line")
    assert primary_key(table([])) == ()


def test_a_declared_key_is_read_with_the_columns_as_the_table_spells_them() -> None:
    expected = ForeignKey(("customer_id",), CUSTOMERS, ("id",))
    assert foreign_keys(table([key()])) == (expected,)
    assert foreign_keys(table([key(columns=["Customer_ID"])])) == (expected,)
    assert foreign_keys(table([key(), key()])) == (expected,)


def test_a_nested_schema_ends_at_the_last_dot() -> None:
    (found,) = foreign_keys(table([key(table="a.b.customers")]))
    assert found.target == TableName("lake", "a.b", "customers")


def test_a_table_without_declarations_has_none() -> None:
    assert foreign_keys(Table(ORDERS, ())) == ()
    assert foreign_keys(table([])) == ()


@pytest.mark.parametrize(
    "entry",
    [
        "customers",
        None,
        {},
        key(columns=[]),
        key(columns="customer_id"),
        key(columns=[1]),
        key(columns=["none"]),
        key(columns=["customer_id", "line"]),
        key(columns=["id", "ID"], references=["a", "b"]),
        key(columns=["id", "line"], references=["a", "A"]),
        key(references=None),
        key(table="customers"),
        key(table=".customers"),
        key(table="sales."),
        key(table=7),
    ],
    ids=str,
)
def test_a_malformed_key_is_logged_and_left_out_alone(
    entry: object, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = foreign_keys(table([entry, key(columns=["line"])]))
    assert [one.columns for one in found] == [("line",)]
    assert "key 1 of flight.foreign_keys is malformed" in caplog.text


@pytest.mark.parametrize("text", ["{", "{}", "1", "[" * 100_000, '["' + "x" * 300_000 + '"]'])
def test_a_malformed_property_is_logged_once_and_ignored(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert foreign_keys(table(text)) == foreign_keys(table(text)) == ()
    assert len(caplog.records) == 1
    assert len(caplog.text) < 500
