"""Remarks on a policy: masks that hide nothing, SQL that follows the session's zone, misfits."""

from __future__ import annotations

import pyarrow as pa
import pytest

from auth.errors import PolicyInvalid
from auth.lint import unfit
from auth.policy_file import parse_policy
from catalog.model import Column, Table
from catalog.names import TableName
from flight_server.query.expressions import Compiler
from flight_server.query.lint import review
from flight_server.query.parser import Parser

HEAD = """version: 1
identity: {claims: {day: {from: day, type: date}, ids: {from: ids, type: "list<integer>"}}}
roles: {reader: {groups: [g]}}
grants: [{to: reader, on: "lake.**", allow: select}]
"""
MASK = 'masks: [{name: m, on: lake.s.people.%s, to: reader, using: "%s"}]'
FILTER = 'row_filters: [{name: f, on: lake.s.people, to: reader, where: "%s"}]'
PEOPLE = Table(
    TableName("lake", "s", "people"),
    (
        Column("id", pa.int64()),
        Column("email", pa.string()),
        Column("seen", pa.timestamp("us", "UTC")),
        Column("born", pa.timestamp("us")),
        Column("pay", pa.decimal128(9, 2)),
    ),
)
ACL = Table(TableName("lake", "sec", "acl"), (Column("person", pa.int64()),))


@pytest.fixture(scope="module")
def compiler() -> Compiler:
    return Compiler(Parser())


def remarks(compiler: Compiler, sections: str) -> list[str]:
    found = review(parse_policy(HEAD + sections), [PEOPLE, ACL], compiler)
    assert all(each.line >= 5 for each in found)
    return [f"{each.rule}: {each.text}" for each in found]


@pytest.mark.parametrize(
    ("column", "using", "part"),
    [
        ("email", "${col}", "gives back the whole value"),
        ("email", "email", "gives back the whole value"),
        ("email", "CAST(${col} AS VARCHAR)", "gives back the whole value"),
        ("email", "reverse(${col})", "gives back the whole value"),
        ("email", "to_base64(encode(${col}))", "gives back the whole value"),
        ("email", "hex(upper(${col}))", "gives back the whole value"),
        ("email", "'x' || ${col}", "gives back the whole value"),
        ("email", "coalesce(${col}, '-')", "gives back the whole value"),
        ("email", "CASE WHEN id = 1 THEN ${col} ELSE reverse(${col}) END", "gives back"),
        ("id", "${col} + 17", "gives back the whole value"),
        ("id", "-${col}", "gives back the whole value"),
        ("email", "md5(${col})", "hash without a key"),
        ("email", "substr(sha256(lower(${col})), 1, 12)", "hash without a key"),
        ("id", "hash(${col})", "hash without a key"),
        ("seen", "date_trunc('month', ${col})", "time zone of the session"),
        ("seen", "CAST(CAST(${col} AS DATE) AS TIMESTAMPTZ)", "time zone of the session"),
    ],
)
def test_a_mask_that_hides_little_is_remarked_on(
    compiler: Compiler, column: str, using: str, part: str
) -> None:
    (found,) = remarks(compiler, MASK % (column, using))
    assert found.startswith("mask m: ")
    assert part in found


@pytest.mark.parametrize(
    ("column", "using"),
    [
        ("email", "NULL"),
        ("email", "'***'"),
        ("email", "left(${col}, 1)"),
        ("email", "regexp_replace(${col}, '^[^@]*', '***')"),
        ("email", "md5(${col} || 'pepper')"),
        ("email", "CASE WHEN id IN (${claims.ids}) THEN ${col} END"),
        ("email", "CASE WHEN id IN (${claims.ids}) THEN ${col} ELSE '***' END"),
        ("pay", "${col} - ${col} % 1000"),
        ("pay", "round(${col}, -3)"),
        ("seen", "timezone('UTC', date_trunc('month', ${col} AT TIME ZONE 'UTC'))"),
        ("born", "date_trunc('year', ${col})"),
    ],
)
def test_a_mask_that_hides_something_is_not(compiler: Compiler, column: str, using: str) -> None:
    assert remarks(compiler, MASK % (column, using)) == []


@pytest.mark.parametrize(
    "where",
    [
        "seen > '2026-01-01'",
        "seen::DATE = ${claims.day}",
        "seen >= ${claims.day}",
        "seen BETWEEN '2026-01-01' AND '2026-02-01+00'",
        "year(seen) = 2026",
        "strftime(seen, '%%Y') = '2026'",
        "born < seen",
        "born AT TIME ZONE 'UTC' > '2026-01-01'",
    ],
)
def test_a_filter_that_follows_the_zone_of_the_session_is_remarked_on(
    compiler: Compiler, where: str
) -> None:
    (found,) = remarks(compiler, FILTER % where.replace("%%", "%"))
    assert found.startswith("row filter f: does not fit lake.s.people")
    assert "depends on the time zone of the session" in found


def test_a_rule_that_makes_a_moment_of_a_text_without_an_offset_is_refused(
    compiler: Compiler,
) -> None:
    with pytest.raises(PolicyInvalid, match="time zone of the session"):
        remarks(compiler, FILTER % "TIMESTAMPTZ '2026-01-01' < seen")


@pytest.mark.parametrize(
    "where",
    [
        "seen > '2026-01-01 00:00:00+00'",
        "(seen AT TIME ZONE 'UTC')::DATE = ${claims.day}",
        "year(born) = 2026 AND born > '2026-01-01'",
        "seen > to_timestamp(0)",
        "seen IS NOT NULL",
        "seen = born AT TIME ZONE 'UTC'",
    ],
)
def test_a_filter_that_names_its_zone_is_not(compiler: Compiler, where: str) -> None:
    assert remarks(compiler, FILTER % where) == []


def test_rules_about_nothing_are_remarked_on(compiler: Compiler) -> None:
    found = remarks(
        compiler,
        """lookups: {acl: {table: lake.sec.acl}, gone: {table: lake.sec.gone}}
tags: [{on: lake.s.people.emial, tags: [pii]}]
row_filters: [{name: f, on: lake.s.poeple, to: reader, where: "id IN (SELECT person FROM acl)"}]
masks: [{name: m, on: "tag:pii", to: reader, mask: null}]
""",
    )
    assert found == [
        "lookup gone: is named by no filter or mask",
        "lookup gone: lake.sec.gone is no table of the catalogs",
        "tags on lake.s.people.emial: matches no table or column of the catalogs",
        "row filter f: matches no table or column of the catalogs",
        "mask m: matches no table or column of the catalogs",
    ]


@pytest.mark.parametrize(
    ("where", "part"),
    [
        ("nothing = 1", "does not fit lake.s.people"),
        ("id IN (SELECT member FROM acl)", "there is no column member"),
        ("EXISTS (FROM acl WHERE acl.person = person)", "is compared with itself"),
        ("id IN (SELECT person FROM gone WHERE person IN (${claims.ids}))", "no table"),
    ],
)
def test_sql_that_does_not_fit_a_table_is_remarked_on(
    compiler: Compiler, where: str, part: str
) -> None:
    lookups = "lookups: {acl: {table: lake.sec.acl}, gone: {table: lake.sec.gone}}\n"
    found = [each for each in remarks(compiler, lookups + FILTER % where) if "row filter" in each]
    assert len(found) == 1
    assert part in found[0]


@pytest.mark.parametrize("word", ["current_date", "CURRENT_TIMESTAMP", "localtime"])
def test_an_expression_that_asks_for_now_is_refused(compiler: Compiler, word: str) -> None:
    with pytest.raises(PolicyInvalid, match="which changes"):
        remarks(compiler, FILTER % f"born < {word}")


def test_a_built_in_mask_over_columns_that_it_does_not_fit_is_a_fault() -> None:
    policy = parse_policy(
        HEAD + 'masks: [{name: m, on: "lake.s.*.*", to: reader, mask: {bucket: 10}}]'
    )
    (fault,) = unfit(policy, [PEOPLE, ACL])
    assert fault.line == 5
    assert fault.text == (
        "does not fit lake.s.people.email (string), lake.s.people.seen (timestamp[us, tz=UTC]),"
        " lake.s.people.born (timestamp[us])"
    )
