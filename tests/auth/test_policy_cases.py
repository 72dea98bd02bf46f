"""Cases with expected decisions: what holds, what differs by which rule, what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from auth.credentials import Credentials, parse_credentials
from auth.errors import ConfigurationInvalid
from auth.policy import Policy
from auth.policy_cases import parse_cases
from auth.policy_file import parse_policy
from auth.policy_test import Tables, run_case
from catalog.lookup import match

POLICY = """version: 1
identity: {claims: {team: {from: team, type: string}}}
roles:
  reader: {groups: [readers]}
  owner: {groups: [owners]}
grants:
  - {to: [reader, owner], on: "lake.sales.**", allow: select}
  - {to: "*", on: "tag:pii", deny: select, unless: [owner]}
  - {to: owner, on: "lake.hr.**", allow: select}
masks:
  - {name: blur, on: lake.sales.orders.note, to: reader, using: "'***'"}
row_filters:
  - {name: team, on: lake.sales.orders, to: reader, where: "team = ${claims.team}"}
"""
USERS = """version: 1
users:
  rita: {groups: [readers], claims: {team: red}}
  gone: {groups: [readers], disabled: true}
"""
TABLES = """
tables:
  lake.sales.orders: {id: [], note: [], email: [pii.email]}
  lake.sales.products: [id, name]
  lake.hr.people: {columns: [id, salary], tags: [staff]}
"""


@pytest.fixture
def policy() -> Policy:
    return parse_policy(POLICY)


@pytest.fixture
def users() -> Credentials:
    return parse_credentials(USERS)


@pytest.fixture
def problems(policy: Policy, users: Credentials) -> Callable[[str], list[tuple[str, list[int]]]]:
    """What differs from a single case, over the declared tables, with the lines of the rules."""

    def run(case: str) -> list[tuple[str, list[int]]]:
        found = parse_cases(f"version: 1\n{TABLES}\ncases: [{case}]", "cases.yaml", users)
        held = {str(table.name): table for table in found.tables}
        tables = Tables(
            sorted(table.name for table in found.tables),
            lambda name: held[spelled] if (spelled := match(held, str(name))) else None,
        )
        (only,) = found.cases
        outcome = run_case(only, policy, tables)
        return [(p.text, [reason.line for reason in p.because]) for p in outcome.problems]

    return run


@pytest.mark.parametrize(
    "case",
    [
        "{as: rita, table: lake.sales.orders, visible: id, masked: note, hidden: [email]}",
        "{as: rita, table: lake.sales.orders, masked: {note: blur}, rows: filtered}",
        "{as: rita, table: lake.sales.orders, visible: [ID], exact: true, filters: [team]}",
        "{as: {groups: [readers]}, table: lake.sales.orders, rows: none}",
        "{as: {groups: [owners]}, table: lake.sales.orders, visible: '*', rows: all, filters: []}",
        "{as: {groups: []}, table: lake.sales.orders, hidden: '*', rows: none}",
        "{as: {user: x, groups: [owners], claims: {a: 1}}, sees_tables: ['lake.**']}",
        "{as: rita, sees_tables: lake.sales.*, not_sees_tables: [lake.hr.people]}",
    ],
)
def test_a_case_that_is_so_holds(problems: Callable[[str], object], case: str) -> None:
    assert problems(case) == []


@pytest.mark.parametrize(
    ("case", "told"),
    [
        (
            "{as: rita, table: lake.sales.orders, visible: [note], hidden: id}",
            [
                ("note: expected visible, is masked", [7, 11]),
                ("id: expected hidden, is visible", [7]),
            ],
        ),
        (
            "{as: rita, table: lake.sales.orders, visible: [email]}",
            [("email: expected visible, is hidden", [7, 8])],
        ),
        (
            "{as: rita, table: lake.sales.products, visible: [id], exact: true}",
            [("name: expected not visible, is visible", [7])],
        ),
        (
            "{as: rita, table: lake.sales.orders, masked: {note: other}}",
            [("note: expected mask other, has mask blur", [7, 11])],
        ),
        (
            "{as: rita, table: lake.sales.orders, hidden: [emial]}",
            [("emial: there is no such column", [])],
        ),
        (
            "{as: rita, table: lake.sales.orders, rows: all}",
            [("rows: expected all rows, sees filtered rows", [13])],
        ),
        (
            "{as: {groups: [readers]}, table: lake.sales.orders, rows: filtered}",
            [("rows: expected filtered rows, sees no rows (missing claim: team)", [13])],
        ),
        (
            "{as: rita, table: lake.sales.orders, filters: [region]}",
            [
                ("filters: expected region, which does not apply", [13]),
                ("filters: team applies, which is not expected", [13]),
            ],
        ),
        (
            "{as: rita, not_sees_tables: [lake.sales.*]}",
            [
                ("lake.sales.orders: expected to be hidden, is seen", [7, 8, 11]),
                ("lake.sales.products: expected to be hidden, is seen", [7]),
            ],
        ),
        (
            "{as: rita, sees_tables: [lake.hr.people]}",
            [("lake.hr.people: expected to be seen, is hidden", [])],
        ),
        ("{as: rita, not_sees_tables: [lake.hq.**]}", [("lake.hq.**: there is no such table", [])]),
        (
            "{as: rita, table: lake.hr.poeple, rows: all}",
            [("there is no table lake.hr.poeple", [])],
        ),
    ],
)
def test_what_differs_is_told_with_the_rules_and_their_lines(
    problems: Callable[[str], object], case: str, told: object
) -> None:
    assert problems(case) == told


def test_a_case_is_named_and_knows_its_line(users: Credentials) -> None:
    text = "version: 1\ncases:\n  - {as: rita, table: a.b.c, rows: all}\n  - name: own words\n"
    first, second = parse_cases(text + "    as: rita\n    sees_tables: a.b.c", "c", users).cases
    assert (first.name, first.line) == ("rita: a.b.c", 3)
    assert (second.name, second.line) == ("own words", 4)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cases: []", "'version' is missing"),
        ("version: 2\ncases: []", "only version 1"),
        ("version: 1\ncases: [{table: a.b.c}]", "'as' is missing"),
        (
            "version: 1\ncases: [{as: ritta, sees_tables: a.b.c}]",
            "cases.yaml:2: user 'ritta' is not",
        ),
        ("version: 1\ncases: [{as: ritta, sees_tables: a.b.c}]", "did you mean 'rita'"),
        ("version: 1\ncases: [{as: gone, sees_tables: a.b.c}]", "is disabled"),
        ("version: 1\ncases: [{as: rita}]", "expects nothing"),
        ("version: 1\ncases: [{as: rita, table: a.b.c}]", "expects nothing"),
        ("version: 1\ncases: [{as: rita, table: a.b.c, exact: true}]", "expects nothing"),
        ("version: 1\ncases: [{as: rita, visible: [a]}]", "'table' is missing"),
        ("version: 1\ncases: [{as: rita, table: a.b, rows: all}]", "catalog.schema.table"),
        ("version: 1\ncases: [{as: rita, table: a.b.*, rows: all}]", "one table"),
        ("version: 1\ncases: [{as: rita, table: a.b.c, rows: some}]", "one of all, filtered, none"),
        ("version: 1\ncases: [{as: rita, table: a.b.c, hiden: a}]", "did you mean 'hidden'"),
        ("version: 1\ncases: [{as: rita, sees_tables: 'tag:pii'}]", "not by tag"),
        ("version: 1\ncases: [{as: rita, sees_tables: []}]", "must not be empty"),
        ("version: 1\ncases: [{as: {groups: x, grops: y}, sees_tables: a.b.c}]", "unknown key"),
        ("version: 1\ntables: {a.b.c: []}", "has no columns"),
        ("version: 1\ntables: {a.b: [x]}", "catalog.schema.table"),
    ],
)
def test_a_mistake_in_the_cases_is_refused_with_its_line(
    users: Credentials, text: str, told: str
) -> None:
    with pytest.raises(ConfigurationInvalid) as refused:
        parse_cases(text, "cases.yaml", users)
    assert told in str(refused.value)
    assert str(refused.value).startswith("cases.yaml:")


def test_the_documented_cases_hold_for_the_documented_policy(users: Credentials) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "policy.md").read_text("utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    (text,) = (block for block in blocks if "cases:" in block)
    found = parse_cases(text, "cases.yaml", users)
    held = {table.name: table for table in found.tables}
    tables = Tables(sorted(held), held.get)
    assert len(found.cases) == 3
    for case in found.cases:
        assert run_case(case, parse_policy(blocks[0]), tables).problems == ()
