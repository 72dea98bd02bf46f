"""A key is shown whole or not at all, and no name tells of a hidden one."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from auth.visible import VisibleCatalog
from auth.visible_keys import Reference, referring_keys, visible_keys
from catalog.names import TableName
from catalog.registry import Registry

ORDERS = TableName("lake", "sales", "orders")
LINES = TableName("lake", "sales", "lines")


def foreign(columns: list[str], table: str, references: list[str]) -> dict[str, Any]:
    return {"columns": columns, "table": table, "references": references}


LINE_KEYS = [
    foreign(["order_id"], "sales.orders", ["id"]),
    foreign(["order_id", "shop"], "sales.orders", ["id", "shop"]),
    foreign(["seller"], "hr.employees", ["id"]),
    foreign(["parent"], "Sales.Lines", ["NO"]),
    foreign(["order_id"], "sales.none", ["id"]),
    foreign(["order_id"], "sales.orders", ["none"]),
]


@pytest.fixture
def see(
    table_of: Callable[..., Any],
    policy_of: Callable[..., Any],
    someone: Callable[..., Any],
    held: Callable[..., Any],
) -> Callable[[str], VisibleCatalog]:
    """The catalog as a reader sees it under given rules beside the grant of all."""
    tables = [
        table_of("lake.sales.orders", "id", "shop", "margin", identifier=("id", "shop")),
        table_of(
            "lake.sales.lines",
            *("no", "order_id", "shop", "seller", "parent"),
            identifier=("no",),
            properties={"flight.foreign_keys": json.dumps(LINE_KEYS)},
        ),
        table_of("lake.hr.employees", "id", "ssn", identifier=("id",)),
    ]

    def under(rules: str = "") -> VisibleCatalog:
        granted = '\ngrants:\n  - {to: reader, on: "lake.**", allow: select}\n' + rules
        return VisibleCatalog(
            someone("g-reader"), policy_of(granted), Registry([held("lake", tables)])
        )

    return under


def names(references: tuple[Reference, ...]) -> list[str]:
    return [key.name for key in references]


ALL = [
    "fk_lines_order_id_orders",
    "fk_lines_order_id_shop_orders",
    "fk_lines_parent_lines",
    "fk_lines_seller_employees",
]


def deny(what: str) -> str:
    return f'  - {{to: "*", on: {what}, deny: select}}\n'


def test_all_keys_are_there_where_all_is_visible(see: Callable[..., VisibleCatalog]) -> None:
    visible = see()
    keys = visible_keys(visible, visible.find(LINES))
    assert names(keys.foreign) == ALL
    assert keys.primary is not None
    assert (keys.primary.name, keys.primary.columns) == ("pk_lines", ("no",))
    both = keys.foreign[1]
    assert (both.columns, both.target, both.references) == (
        ("order_id", "shop"),
        ORDERS,
        ("id", "shop"),
    )
    parent = keys.foreign[2]
    assert (parent.target, parent.references) == (LINES, ("no",))


def test_only_a_reference_to_a_whole_primary_key_names_it(
    see: Callable[..., VisibleCatalog],
) -> None:
    visible = see()
    one, both, parent, seller = visible_keys(visible, visible.find(LINES)).foreign
    assert (one.target_key, both.target_key) == (None, "pk_orders")
    assert (parent.target_key, seller.target_key) == ("pk_lines", "pk_employees")


@pytest.mark.parametrize(
    ("hidden", "left"),
    [
        ("lake.sales.lines.order_id", ALL[2:]),
        ("lake.sales.lines.shop", [ALL[0], *ALL[2:]]),
        ("lake.sales.orders.shop", [ALL[0], *ALL[2:]]),
        ("lake.sales.orders.id", ALL[2:]),
        ("lake.sales.orders", ALL[2:]),
        ("lake.hr.employees", ALL[:3]),
        ("lake.hr.employees.id", ALL[:3]),
        ("lake.sales.lines.no", [*ALL[:2], ALL[3]]),
        ("lake.sales.orders.margin", ALL),
    ],
)
def test_a_key_with_a_hidden_part_is_not_there(
    see: Callable[..., VisibleCatalog], hidden: str, left: list[str]
) -> None:
    visible = see(deny(hidden))
    assert names(visible_keys(visible, visible.find(LINES)).foreign) == left


def test_a_primary_key_with_a_hidden_column_is_not_there(
    see: Callable[..., VisibleCatalog],
) -> None:
    visible = see(deny("lake.sales.orders.shop"))
    assert visible_keys(visible, visible.find(ORDERS)).primary is None
    left = visible_keys(visible, visible.find(LINES)).foreign
    assert [key.target_key for key in left if key.target == ORDERS] == [None]


def test_a_key_over_masked_values_is_none(see: Callable[..., VisibleCatalog]) -> None:
    mask = "masks:\n  - {name: m, on: lake.sales.orders.id, to: reader, using: \"'x'\"}\n"
    visible = see(mask)
    orders = visible.find(ORDERS)
    assert visible_keys(visible, orders).primary is None
    assert names(visible_keys(visible, visible.find(LINES)).foreign) == ALL[2:]
    assert [column.nullable for column in orders.columns] == [True, True, True]


def test_a_table_knows_who_refers_to_it_as_far_as_that_is_visible(
    see: Callable[..., VisibleCatalog],
) -> None:
    visible = see()
    assert names(referring_keys(visible, visible.find(ORDERS))) == ALL[:2]
    assert names(referring_keys(visible, visible.find(LINES))) == [ALL[2]]
    for hidden in ("lake.sales.lines", "lake.sales.lines.order_id"):
        visible = see(deny(hidden))
        assert referring_keys(visible, visible.find(ORDERS)) == ()


def test_keys_over_the_same_columns_have_names_of_their_own(
    table_of: Callable[..., Any],
    policy_of: Callable[..., Any],
    someone: Callable[..., Any],
    held: Callable[..., Any],
) -> None:
    declared = [foreign(["a"], f"{schema}.t", ["id"]) for schema in ("x", "y")]
    here = table_of("lake.x.s", "a", properties={"flight.foreign_keys": json.dumps(declared)})
    tables = [here, table_of("lake.x.t", "id"), table_of("lake.y.t", "id")]
    policy = policy_of('\ngrants:\n  - {to: reader, on: "lake.**", allow: select}\n')
    visible = VisibleCatalog(someone("g-reader"), policy, Registry([held("lake", tables)]))
    found = visible_keys(visible, visible.find(here.name)).foreign
    assert {key.target.schema for key in found} == {"x", "y"}
    assert len(set(names(found))) == 2
    assert found == visible_keys(visible, dataclasses.replace(visible.find(here.name))).foreign
