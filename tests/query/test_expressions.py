"""Row filters and masks: what compiles to what, and what is refused."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from auth.errors import PolicyInvalid
from auth.grant import Expression
from flight_server.query.expressions import Compiler
from flight_server.query.parser import Parser

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
