"""Two policies compared: who gains, loses, unmasks and masks which columns, and which rows."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

from auth.bearers import BearerKind, bearers, by_role
from auth.credentials import Credentials, parse_credentials
from auth.explain import Rows
from auth.policy_diff import Change, TableChange, differences
from auth.policy_file import parse_policy
from catalog.model import Column, Table
from catalog.names import TableName

HEAD = """version: 1
identity: {claims: {team: {from: team, type: string}}}
roles:
  reader: {groups: [readers]}
  boss: {groups: [bosses], includes: [reader]}
"""
ALLOW = "  - {to: reader, on: lake.sales.orders, allow: select}\n"
USERS = """version: 1
users:
  rita: {groups: [readers], claims: {team: red}}
  gone: {groups: [readers], disabled: true}
"""


@pytest.fixture
def users() -> Credentials:
    return parse_credentials(USERS)


@pytest.fixture
def compare(
    table_of: Callable[..., Table], users: Credentials
) -> Callable[[str, str], list[TableChange]]:
    """The changes from one policy's sections to another's, over `lake.sales.orders`."""

    def run(old: str, new: str) -> list[TableChange]:
        place = pa.struct([("city", pa.string()), ("street", pa.string())])
        table = table_of("lake.sales.orders", "id", "email", Column("place", place))
        was, now = (by_role(parse_policy(HEAD + sections)) for sections in (old, new))
        return list(differences(was, now, bearers([was, now], users), [table]))

    return run


def changes_of(changes: list[TableChange], name: str) -> list[tuple[str, Change]]:
    (change,) = (change for change in changes if change.bearer.name == name)
    return [(column.column, column.change) for column in change.columns]


def test_equal_policies_change_nothing(compare: Callable[..., list[TableChange]]) -> None:
    shuffled = "grants:\n  - {on: lake.sales.orders, allow: select, to: reader}  # the same\n"
    assert compare("grants:\n" + ALLOW, shuffled) == []


def test_a_new_table_is_gained_by_each_user_and_role(
    compare: Callable[..., list[TableChange]],
) -> None:
    changes = compare("", "grants:\n" + ALLOW)
    assert [(str(c.bearer), c.before, c.after is not None) for c in changes] == [
        ("user rita", None, True),
        ("role boss", None, True),
        ("role reader", None, True),
    ]
    assert changes_of(changes, "rita") == [(c, Change.GAINS) for c in ("id", "email", "place")]


def test_a_denial_loses_a_column_by_its_line(compare: Callable[..., list[TableChange]]) -> None:
    deny = '  - {to: "*", on: lake.sales.orders.email, deny: select, unless: [boss]}\n'
    changes = compare("grants:\n" + ALLOW, "grants:\n" + ALLOW + deny)
    assert [change.bearer.name for change in changes] == ["rita", "reader"]
    assert changes_of(changes, "rita") == [("email", Change.LOSES)]
    (column,) = changes[0].columns
    assert [reason.line for reason in column.before] == [7]
    assert [reason.line for reason in column.after] == [7, 8]


def test_masks_come_go_and_change(compare: Callable[..., list[TableChange]]) -> None:
    def masked(using: str) -> str:
        return (
            f"grants:\n{ALLOW}masks: [{{name: m, on: lake.sales.orders.email, to: '*',"
            f' using: "{using}"}}]'
        )

    bare = "grants:\n" + ALLOW
    assert changes_of(compare(bare, masked("'x'")), "rita") == [("email", Change.MASKS)]
    assert changes_of(compare(masked("'x'"), bare), "rita") == [("email", Change.UNMASKS)]
    assert changes_of(compare(masked("'x'"), masked("'y'")), "rita") == [("email", Change.REMASKS)]
    (column,) = compare(bare, masked("'x'"))[0].columns
    assert column.mask == "m"


def test_rows_are_compared_by_their_filters(compare: Callable[..., list[TableChange]]) -> None:
    def filtered(where: str) -> str:
        rule = f'{{name: f, on: lake.sales.orders, to: reader, where: "{where}"}}'
        return f"grants:\n{ALLOW}row_filters: [{rule}]"

    bare = "grants:\n" + ALLOW
    (change, *_) = compare(bare, filtered("team = ${claims.team}"))
    assert change.columns == ()
    assert change.before is not None
    assert change.after is not None
    assert (change.before.rows, change.after.rows) == (Rows.ALL, Rows.FILTERED)
    assert change.after.filters == ("f",)
    for change in compare(filtered("id > 1"), filtered("id > 2")):
        assert change.filters_changed == ("f",)
        assert change.rows_change


def test_a_role_by_itself_is_not_taken_for_one_without_claims(
    compare: Callable[..., list[TableChange]],
) -> None:
    rule = '{name: f, on: lake.sales.orders, to: reader, where: "team = ${claims.team}"}'
    changes = compare("", f"grants:\n{ALLOW}row_filters: [{rule}]")
    seen = {str(c.bearer): c.after.rows for c in changes if c.after is not None}
    assert seen["role reader"] is Rows.FILTERED


def test_fields_within_a_struct_are_compared_one_by_one(
    compare: Callable[..., list[TableChange]],
) -> None:
    deny = '  - {to: "*", on: lake.sales.orders.place.street, deny: select}\n'
    changes = compare("grants:\n" + ALLOW, "grants:\n" + ALLOW + deny)
    assert changes_of(changes, "rita") == [("place.street", Change.LOSES)]


def test_a_role_that_only_one_policy_has_is_compared_too(
    compare: Callable[..., list[TableChange]],
) -> None:
    old = "grants:\n" + ALLOW
    extra = old + "  - {to: extra, on: lake.sales.orders.id, allow: select}\n"
    head = HEAD.replace("roles:", "roles:\n  extra: {groups: [x]}")
    was, now = by_role(parse_policy(HEAD + old)), by_role(parse_policy(head + extra))
    table = Table(TableName("lake", "sales", "orders"), (Column("id", pa.string()),))
    found = list(differences(was, now, bearers([was, now], None), [table]))
    assert [str(change.bearer) for change in found] == ["role extra"]


def test_bearers_are_those_that_can_log_in_and_all_roles(users: Credentials) -> None:
    found = bearers([by_role(parse_policy(HEAD))], users)
    assert [str(bearer) for bearer in found] == ["user rita", "role boss", "role reader"]
    assert [b.has_claims for b in found if b.kind is BearerKind.ROLE] == [False, False]


def test_who_bears_a_role_by_itself_bears_what_it_includes_and_no_more() -> None:
    policy = by_role(parse_policy(HEAD))
    borne = {b.name: sorted(policy.roles(b.principal)) for b in bearers([policy], None)}
    assert borne == {"boss": ["boss", "reader"], "reader": ["reader"]}
