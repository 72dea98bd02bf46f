"""Recorded uses of tables under two policies: what fails, what changes, what is not known."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

from auth.bearers import by_role
from auth.credentials import parse_credentials
from auth.policy_file import parse_policy
from auth.policy_replay import Outcome, Replay, Use
from catalog.model import Column, Table
from catalog.names import TableName

HEAD = """version: 1
identity: {claims: {team: {from: team, type: string}}}
roles:
  reader: {groups: [readers]}
  boss: {groups: [bosses], includes: [reader]}
"""
ALLOW = 'grants:\n  - {to: reader, on: "lake.sales.**", allow: select}\n'
DENY = ALLOW + '  - {to: "*", on: lake.sales.orders.email, deny: select, unless: [boss]}\n'
MASK = '  - {name: m, on: lake.sales.orders.email, to: reader, using: "%s"}\n'
FILTER = '  - {name: f, on: lake.sales.orders, to: reader, where: "%s"}\n'
USERS = """version: 1
users:
  rita: {groups: [readers], claims: {team: red}}
  bea: {groups: [bosses]}
"""
ORDERS = TableName("lake", "sales", "orders")
Found = list[tuple[Outcome, tuple[str, ...]]]
Replayed = Callable[..., Found]


def use(*columns: str, user: str = "rita", roles: str = "reader", **more: object) -> Use:
    every = "*" in columns
    named = frozenset(columns) - {"*"}
    values = {"in_file": True, "table": ORDERS, **more}
    return Use(user, frozenset(roles.split()), columns=named, every=every, **values)


@pytest.fixture
def replayed(table_of: Callable[..., Table]) -> Replayed:
    """What becomes of a use where one policy's sections take the place of another's."""
    place = pa.struct([("city", pa.string()), ("street", pa.string())])
    table = table_of("lake.sales.orders", "id", "email", Column("place", place))

    def run(of: Use, old: str, new: str, head: str = HEAD) -> Found:
        was, now = (by_role(parse_policy(text)) for text in (HEAD + old, head + new))
        replay = Replay(was, now, parse_credentials(USERS), {ORDERS: table}.get)
        return [(effect.outcome, effect.about) for effect in replay.effects(of)]

    return run


def test_nothing_becomes_of_what_no_change_is_about(replayed: Replayed) -> None:
    assert replayed(use("id", "email"), ALLOW, ALLOW) == []
    assert replayed(use("id"), ALLOW, DENY) == []
    assert replayed(use("email", user="bea", roles="boss reader"), ALLOW, DENY) == []


def test_a_statement_that_names_what_is_hidden_fails(replayed: Replayed) -> None:
    assert replayed(use("email"), ALLOW, DENY) == [(Outcome.FAILS, ("email",))]
    assert replayed(use("id"), ALLOW, "") == [(Outcome.FAILS, ("the table",))]


def test_a_statement_for_all_columns_gets_fewer_or_more(replayed: Replayed) -> None:
    assert replayed(use("*"), ALLOW, DENY) == [(Outcome.LOSES, ("email",))]
    assert replayed(use("*"), DENY, ALLOW) == [(Outcome.GAINS, ("email",))]
    assert replayed(use("id"), DENY, ALLOW) == []


def test_a_lost_field_takes_something_away_and_may_not_fail(replayed: Replayed) -> None:
    fewer = ALLOW + '  - {to: "*", on: lake.sales.orders.place.street, deny: select}\n'
    assert replayed(use("place"), ALLOW, fewer) == [(Outcome.LOSES, ("place.street",))]


def test_masks_that_come_change_or_go_are_told(replayed: Replayed) -> None:
    one, other = (ALLOW + "masks:\n" + MASK % sql for sql in ("left(${col}, 1)", "upper(${col})"))
    assert replayed(use("email"), ALLOW, one) == [(Outcome.MASKED, ("email",))]
    assert replayed(use("email"), one, other) == [(Outcome.REMASKED, ("email",))]
    assert replayed(use("*"), one, ALLOW) == [(Outcome.UNMASKED, ("email",))]
    assert replayed(use("id"), ALLOW, one) == []


def test_rows_are_fewer_more_or_others(replayed: Replayed) -> None:
    one, other = (ALLOW + "row_filters:\n" + FILTER % sql for sql in ("id = 'a'", "id = 'b'"))
    claim = ALLOW + "row_filters:\n" + FILTER % "id = ${claims.team}"
    assert replayed(use("id"), ALLOW, one) == [(Outcome.FEWER, ("f",))]
    assert replayed(use("id"), one, ALLOW) == [(Outcome.MORE, ("f",))]
    assert replayed(use("id"), one, other) == [(Outcome.OTHER, ("f",))]
    # bea has no such claim, and so no rows at all
    bea = use("id", user="bea", roles="boss reader")
    assert replayed(bea, one, claim) == [(Outcome.FEWER, ("f",))]


def test_a_lookup_in_another_table_is_another_filter(replayed: Replayed) -> None:
    rule = "row_filters:\n" + FILTER % "id IN (SELECT id FROM known)"
    one, other = (
        f"{ALLOW}lookups: {{known: {{table: lake.sales.{name}}}}}\n{rule}" for name in "ab"
    )
    assert replayed(use("id"), one, other) == [(Outcome.OTHER, ("f",))]


def test_the_gravest_is_told_first(replayed: Replayed) -> None:
    new = DENY + "row_filters:\n" + FILTER % "id = 'a'"
    kinds = [outcome for outcome, _ in replayed(use("id", "email"), ALLOW, new)]
    assert kinds == [Outcome.FAILS, Outcome.FEWER]


def test_users_of_tokens_are_judged_by_their_recorded_roles(replayed: Replayed) -> None:
    known = {"user": "tom", "in_file": False}
    assert replayed(use("email", **known), ALLOW, DENY) == [(Outcome.FAILS, ("email",))]
    boss = use("email", roles="boss reader", **known)
    assert replayed(boss, ALLOW, DENY) == []
    # a token's user may be called like one of the file, and is another
    assert replayed(use("email", user="bea", in_file=False), ALLOW, DENY) != []


CLAIMED = "row_filters:\n" + FILTER % "id = ${claims.team}"


@pytest.mark.parametrize(
    ("head", "roles", "why"),
    [
        (HEAD.replace("[readers]", "[readers, all]"), "boss", "role reader is given otherwise"),
        (HEAD.replace("[readers]", "[people]"), "reader", "role reader is given otherwise"),
        (HEAD.replace(", includes: [reader]", ""), "boss reader", "role boss is given otherwise"),
        (HEAD + "  new: {groups: [others]}\n", "reader", "role new is given otherwise"),
        (HEAD, "reader auditor", "role auditor is recorded, but not in the old policy"),
        (HEAD.replace("from: team", "from: squad"), "reader", "claim team is read otherwise"),
    ],
)
def test_what_a_record_does_not_tell_is_not_guessed(
    replayed: Replayed, head: str, roles: str, why: str
) -> None:
    asked = use("id", user="tom", roles=roles, in_file=False)
    ((outcome, about),) = replayed(asked, ALLOW + CLAIMED, ALLOW + CLAIMED, head)
    assert outcome is Outcome.UNDECIDED
    assert about[0].startswith(why)


@pytest.mark.parametrize(
    ("head", "roles"),
    [
        (HEAD.replace("[readers]", "[readers, all]"), "reader"),
        (HEAD.replace("[bosses]", "[]"), "reader"),
        (HEAD.replace("  boss: {groups: [bosses], includes: [reader]}\n", ""), "reader"),
        (HEAD.replace("{groups: [readers]}", "{groups: [readers], includes: [boss]}"), "reader"),
    ],
)
def test_changes_of_roles_that_do_not_matter_leave_nothing_undecided(
    replayed: Replayed, head: str, roles: str
) -> None:
    assert replayed(use("id", user="tom", roles=roles, in_file=False), ALLOW, ALLOW, head) == []


def test_what_is_not_there_any_more_cannot_be_decided(replayed: Replayed) -> None:
    gone = TableName("lake", "sales", "gone")
    why = (Outcome.UNDECIDED, ("the table is not in the catalogs",))
    assert replayed(use("id", table=gone), ALLOW, ALLOW) == [why]
    ((_, about),) = replayed(use("id", "size"), ALLOW, ALLOW)
    assert about == ("not in the table any more: size",)
    ((_, about),) = replayed(use("id", "email"), DENY, DENY)
    assert about == ("shown by neither policy: email",)
    ((_, about),) = replayed(use("id"), "", "")
    assert about == ("neither policy shows the table",)
