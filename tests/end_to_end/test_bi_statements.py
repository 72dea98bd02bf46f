"""What tools ask when they connect and browse: they are answered, and see nothing hidden."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from tests.servers import Server

TOOLS: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    (Path(__file__).parent / "bi_statements.yaml").read_text()
)
# What `analyst` may not see, of the tables whose other columns it sees, and all of what it sees.
HIDDEN = (
    *("holder_name", "email", "tax_id", "date_of_birth", "phone", "address", "balance"),
    *("risk_score", "assets", "fee_rate", "cost_basis"),
)


def answered(cursor: Any, sql: str, parameters: list[Any] | None = None) -> pa.Table:
    cursor.execute(sql, parameters or None)
    return cursor.fetch_arrow_table()


def rows(table: pa.Table) -> list[list[Any]]:
    return [list(row.values()) for row in table.to_pylist()]


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_is_answered_in_order(server: Server, tool: str) -> None:
    with server.connect("analyst") as connection, connection.cursor() as cursor:
        for statement in TOOLS[tool]:
            sql = statement["sql"]
            table = answered(cursor, sql, statement.get("parameters"))
            if "columns" in statement:
                assert table.column_names == statement["columns"], sql
            found = rows(table)
            if "rows" in statement:
                assert found == statement["rows"], sql
            if "first" in statement:
                assert found[: len(statement["first"])] == statement["first"], sql
            if "count" in statement:
                assert len(found) == statement["count"], sql


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_that_does_not_prepare_is_answered_alike(server: Server, tool: str) -> None:
    with server.connect("analyst") as connection, connection.cursor() as cursor:
        for statement in TOOLS[tool]:
            if "parameters" in statement:
                continue
            cursor.adbc_statement.set_sql_query(statement["sql"])
            stream, _ = cursor.adbc_statement.execute_query()
            table = pa.RecordBatchReader._import_from_c(stream.address).read_all()
            if "rows" in statement:
                assert rows(table) == statement["rows"], statement["sql"]


def test_what_is_announced_is_what_comes(server: Server) -> None:
    with server.connect("analyst") as connection, connection.cursor() as cursor:
        for statement in (s for tool in TOOLS.values() for s in tool if "parameters" not in s):
            if statement["sql"].startswith("SELECT count(*) FROM currencies"):
                continue
            if "FROM currencies" in statement["sql"] and "SHOW" in statement["sql"]:
                continue
            announced = cursor.adbc_execute_schema(statement["sql"])
            assert announced.equals(answered(cursor, statement["sql"]).schema)
        cursor.execute("RESET ALL")
        cursor.fetchall()


LISTINGS = (
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM information_schema.columns",
    "SELECT * FROM information_schema.key_column_usage",
    "SELECT * FROM information_schema.constraint_column_usage",
    "SELECT * FROM invest.information_schema.columns WHERE table_name = 'accounts'",
    "SHOW ALL TABLES",
    "DESCRIBE portfolio.accounts",
    "DESCRIBE SELECT * FROM portfolio.portfolios",
    "EXPLAIN SELECT * FROM portfolio.positions",
    "SHOW COLUMNS FROM invest.portfolio.positions",
)


@pytest.mark.parametrize("statement", LISTINGS)
def test_no_listing_names_what_is_hidden(server: Server, statement: str) -> None:
    seen = {}
    for user in ("analyst", "compliance"):
        with server.connect(user) as connection, connection.cursor() as cursor:
            seen[user] = str(answered(cursor, statement).to_pydict())
    for name in HIDDEN:
        assert name not in seen["analyst"]
    if "key" not in statement and "tables" not in statement and "usage" not in statement:
        assert any(name in seen["compliance"] for name in HIDDEN)


def test_positions_are_counted_over_what_is_seen(server: Server) -> None:
    asked = (
        "SELECT table_name, max(ordinal_position) = count(*) AS dense, count(*) AS n "
        "FROM information_schema.columns GROUP BY ALL ORDER BY 1"
    )
    with server.connect("analyst") as connection, connection.cursor() as cursor:
        table = answered(cursor, asked)
        assert set(table["dense"].to_pylist()) == {True}
        for name, count in zip(table["table_name"], table["n"], strict=True):
            where = (
                f"SELECT table_schema FROM information_schema.tables WHERE table_name = '{name}'"
            )
            (schema,) = answered(cursor, where)["table_schema"].to_pylist()
            visible = answered(cursor, f"SELECT * FROM invest.{schema}.{name} LIMIT 0")
            assert visible.num_columns == count.as_py()


def test_types_are_those_that_a_cast_takes(server: Server) -> None:
    asked = "SELECT DISTINCT data_type FROM invest.information_schema.columns ORDER BY 1"
    with server.connect("compliance") as connection, connection.cursor() as cursor:
        types = answered(cursor, asked)["data_type"].to_pylist()
        assert {"BIGINT", "VARCHAR", "DECIMAL(18,4)", "TIMESTAMP", "VARCHAR[]"} <= set(types)
        for kind in types:
            if "(" not in kind or kind.startswith("DECIMAL"):
                answered(cursor, f"SELECT CAST(NULL AS {kind}) AS x")


def test_information_schema_joins_with_data(server: Server) -> None:
    asked = """
        WITH named AS (SELECT table_name, count(*) AS columns FROM information_schema.columns
                       WHERE table_schema = 'market' GROUP BY 1)
        SELECT c.currency, n.columns, (SELECT count(*) FROM information_schema.tables) AS tables
        FROM market.currencies c, named n, information_schema.tables
        WHERE n.table_name = 'currencies' AND tables.table_name = n.table_name
        ORDER BY 1 LIMIT 2"""
    with server.connect("analyst") as connection, connection.cursor() as cursor:
        found = rows(answered(cursor, asked))
    assert [row[1:] for row in found] == [[5, 11], [5, 11]]


@pytest.mark.parametrize(
    ("statement", "code", "place"),
    [
        ("SELECT tables.nope FROM information_schema.tables", "COLUMN_NOT_FOUND", "column 8"),
        (
            "SELECT 'é' FROM information_schema.tables\nWHERE nope = 1",
            "COLUMN_NOT_FOUND",
            "line 2, column 7",
        ),
        (
            "SELECT 1 FROM information_schema.tables t JOIN information_schema.columns c\n"
            "ON t.table_name = c.table_name AND lower(c.column_name, 1) = 'x'",
            "FUNCTION_NOT_FOUND",
            "line 2, column 36",
        ),
        ("SELECT 1 FROM information_schema.nope", "TABLE_NOT_FOUND", "column 15"),
        ("SELECT 1 FROM nope.information_schema.tables", "TABLE_NOT_FOUND", "column 15"),
        ("DESCRIBE portfolio.nope", "TABLE_NOT_FOUND", "column 10"),
        ("DESCRIBE\n SELECT nope FROM market.currencies", "COLUMN_NOT_FOUND", "line 2, column 9"),
        ("EXPLAIN SELECT 1 FROM nope.nope", "TABLE_NOT_FOUND", "column 23"),
        ("EXPLAIN SELECT 1 FROM FROM", "INVALID_SQL", "column 23"),
        ("EXPLAIN ANALYZE SELECT 1", "NOT_ALLOWED", "column 9"),
        ("SHOW TABLES FROM nope", "SCHEMA_NOT_FOUND", "column 18"),
        ("SHOW TABLES FORM market", "INVALID_SQL", "column 13"),
        ("SHOW nope", "NOT_ALLOWED", "column 6"),
        ("SET nope = 1", "NOT_ALLOWED", "column 5"),
        ("SET transaction_read_only = off", "NOT_ALLOWED", "column 5"),
        ("USE nope", "SCHEMA_NOT_FOUND", "column 5"),
        ("SET schema = 'nope'", "SCHEMA_NOT_FOUND", "column 5"),
        ("SET TimeZone = 'Mars/North'", "INVALID_OPTION", ""),
        ("SELECT current_setting('memory_limit')", "NOT_ALLOWED", "column 8"),
    ],
)
def test_errors_tell_their_place_in_the_text_as_it_was_sent(
    server: Server, statement: str, code: str, place: str
) -> None:
    with server.connect("analyst") as connection, connection.cursor() as cursor:
        with pytest.raises(Exception, match=code) as caught:
            answered(cursor, statement)
    assert place in str(caught.value)
    assert "__information_schema" not in str(caught.value)


def test_a_hidden_column_is_not_found_in_a_listing_either(server: Server) -> None:
    asked = "SELECT count(*) FROM information_schema.columns WHERE column_name = ?"
    with server.connect("analyst") as connection, connection.cursor() as cursor:
        for name in HIDDEN:
            assert rows(answered(cursor, asked, [name])) == [[0]]
    with server.connect("compliance") as connection, connection.cursor() as cursor:
        assert rows(answered(cursor, asked, ["holder_name"])) == [[1]]


def test_use_lasts_for_its_connection_alone(server: Server) -> None:
    with server.connect("analyst") as one, server.connect("analyst") as other:
        with one.cursor() as cursor, other.cursor() as beside:
            answered(cursor, "USE market")
            assert rows(answered(cursor, "SELECT current_schema()")) == [["market"]]
            assert rows(answered(beside, "SELECT current_schema()")) == [[None]]
            answered(cursor, "USE invest")
            assert rows(answered(cursor, "SELECT current_schema")) == [[None]]
