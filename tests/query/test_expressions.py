"""Row filters and masks: what compiles to what, and what is refused."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from auth.errors import PolicyInvalid
from auth.grant import Expression
from catalog.names import TableName
from flight_server.query.expressions import Compiler, Surroundings
from flight_server.query.parser import Parser
from flight_server.query.subqueries import LookupUnreadable

COLUMNS = frozenset({"email", "region", "tenant_id", "opened"})


@pytest.fixture(scope="module")
def compiler() -> Compiler:
    return Compiler(Parser())


def compiled(compiler: Compiler, sql: str, **claims: tuple[str, Any]) -> str:
    return compiler.filter(Expression("rule", sql, claims), COLUMNS)


def test_a_claim_is_bound_as_a_literal_and_never_as_text(compiler: Compiler) -> None:
    text = compiled(compiler, "tenant_id = ${claims.t}", t=("VARCHAR", "a' OR 1=1 --"))
    assert text == "(tenant_id = CAST('a'' OR 1=1 --' AS VARCHAR))"
    rows = duckdb.sql(f"SELECT count(*) FROM (VALUES ('b')) v(tenant_id) WHERE {text}").fetchall()
    assert rows == [(0,)]


def test_a_missing_claim_lets_no_row_through_and_masks_to_null(compiler: Compiler) -> None:
    assert compiled(compiler, "tenant_id = ${claims.t} OR true") == "false"
    mask = Expression("rule", "CASE WHEN ${claims.t} = 'x' THEN ${col} END", {})
    assert compiler.mask(mask, COLUMNS, "email") == "NULL"


def test_a_list_claim_becomes_members(compiler: Compiler) -> None:
    text = compiled(compiler, "region IN (${claims.r})", r=("VARCHAR", ["EU", "U'S"]))
    assert text == "(region IN (CAST('EU' AS VARCHAR), CAST('U''S' AS VARCHAR)))"


@pytest.mark.parametrize("sql", ["region IN (${claims.r})", "region NOT IN (${claims.r})"])
def test_an_empty_list_lets_no_row_through_under_not_either(compiler: Compiler, sql: str) -> None:
    text = compiled(compiler, sql, r=("VARCHAR", []))
    rows = duckdb.sql(f"SELECT count(*) FROM (VALUES ('EU')) v(region) WHERE {text}").fetchall()
    assert rows == [(0,)]


def test_functions_are_qualified_so_that_nothing_shadows_them(compiler: Compiler) -> None:
    text = compiler.mask(Expression("rule", "lower(${col})"), COLUMNS, "email")
    assert text == '"system".main.lower(email)'


def test_the_masked_column_is_quoted_whatever_its_name(compiler: Compiler) -> None:
    name = 'odd "name'
    text = compiler.mask(Expression("rule", "upper(${col})"), frozenset({name}), name)
    assert text == '"system".main.upper("odd ""name")'


@pytest.mark.parametrize(
    "sql",
    [
        "(SELECT true)",
        "EXISTS (SELECT 1 FROM other)",
        "count(*) > 1",
        "row_number() OVER () = 1",
        "random() > 0.5",
        "now() > opened",
        "read_text('x') = 'y'",
        "main.lower(region) = 'x'",
        "query('SELECT 1') IS NULL",
        "region = 'x' LIMIT 1",
        "1 FROM other",
        "true, false",
        "true; SELECT 1",
        "region = $1",
        "${claims.a b}",
        "${env.HOME}",
        "CAST(region AS secret_type) = 1",
        "",
    ],
)
def test_what_is_not_one_plain_expression_is_refused(compiler: Compiler, sql: str) -> None:
    with pytest.raises(PolicyInvalid):
        compiled(compiler, sql, **{"1": ("VARCHAR", "x")})


def test_a_rule_over_a_column_that_is_not_there_is_refused(compiler: Compiler) -> None:
    with pytest.raises(PolicyInvalid, match="does not fit"):
        compiled(compiler, "nothing = 1")


LOOKUPS = {"acl": TableName("lake", "sec", "acl")}
AROUND = Surroundings("orders", (("acl", frozenset({"region", "member", "level"})),))


def reading(compiler: Compiler, sql: str, around: Surroundings = AROUND, **claims: Any) -> str:
    return compiler.filter(Expression("rule", sql, claims, lookups=LOOKUPS), COLUMNS, around)


def test_all_names_in_a_subquery_are_qualified_by_what_they_were_found_in(
    compiler: Compiler,
) -> None:
    text = reading(
        compiler,
        "region IN (SELECT region FROM Acl a WHERE a.region = orders.region AND level > 1"
        " AND email = member AND opened IS NULL)",
    )
    assert text == (
        '(region = ANY(SELECT "lookup 0".region FROM "lookup acl" AS "lookup 0" WHERE'
        ' (("lookup 0".region = orders.region) AND ("lookup 0"."level" > 1) AND'
        ' (orders.email = "lookup 0".member) AND (orders.opened IS NULL))))'
    )


def test_a_subquery_within_one_has_a_name_of_its_own(compiler: Compiler) -> None:
    text = reading(
        compiler, "EXISTS (FROM acl WHERE EXISTS (FROM acl b WHERE b.level > acl.level))"
    )
    assert '("lookup 1"."level" > "lookup 0"."level")' in text


def test_a_table_that_is_named_like_a_subquery_stays_in_reach(compiler: Compiler) -> None:
    around = Surroundings("Lookup 0", AROUND.lookups)
    text = reading(compiler, "EXISTS (FROM acl WHERE member = email)", around)
    assert '("lookup 0 here".member = "Lookup 0".email)' in text


def test_the_masked_column_is_the_tables_own_even_within_a_subquery(compiler: Compiler) -> None:
    mask = Expression("m", "(SELECT max(region || ${col}) FROM acl)", lookups=LOOKUPS)
    text = compiler.mask(mask, COLUMNS, "region", AROUND)
    assert '"lookup 0".region || orders.region' in text


def test_a_missing_claim_within_a_subquery_lets_no_row_through(compiler: Compiler) -> None:
    sql = "region NOT IN (SELECT region FROM acl WHERE member = ${claims.user})"
    assert reading(compiler, sql) == "false"
    assert "CAST('x''y' AS VARCHAR)" in reading(compiler, sql, user=("VARCHAR", "x'y"))


def test_functions_within_a_subquery_are_qualified(compiler: Compiler) -> None:
    text = reading(compiler, "region = (SELECT max(lower(member)) FROM acl)")
    assert '"system".main.max("system".main.lower("lookup 0".member))' in text


@pytest.mark.parametrize(
    "sql",
    [
        "region IN (SELECT nothing FROM acl)",
        "region IN (SELECT b.region FROM acl)",
        "region IN (SELECT a.nothing FROM acl a)",
        "region IN (SELECT acl.region FROM acl a)",
        "EXISTS (FROM acl WHERE other.region = acl.region)",
        "EXISTS (FROM acl WHERE region = acl.region)",
        "EXISTS (FROM acl WHERE acl.region = region)",
    ],
)
def test_a_name_that_is_found_nowhere_or_compared_with_itself_is_not_readable(
    compiler: Compiler, sql: str
) -> None:
    with pytest.raises(LookupUnreadable):
        reading(compiler, sql)


def test_only_declared_lookups_are_read(compiler: Compiler) -> None:
    with pytest.raises(PolicyInvalid, match="one declared lookup"):
        compiled(compiler, "region IN (SELECT region FROM acl)")
    with pytest.raises(PolicyInvalid, match="one declared lookup"):
        reading(compiler, "region IN (SELECT region FROM orders)")
