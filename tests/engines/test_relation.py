"""The views of narrowed tables: a barrier exactly where rows or values are hidden."""

from __future__ import annotations

import pyarrow as pa
import pytest

from catalog.model import Column, Table
from catalog.names import TableName
from flight_server.engines.base import Relation, RelationColumn
from flight_server.engines.duckdb.relation import view
from flight_server.engines.duckdb.scan.scan import Scan

NAME = TableName("lake", "desk", "t")
PLACE = pa.struct([("zip", pa.string())])
TABLE = Table(NAME, (Column("id", pa.int64()), Column("a", pa.string()), Column("p", PLACE)))
SCAN = Scan(
    "SELECT 1 AS id, 'x' AS a, {'zip': 'y'} AS p",
    {"id": "BIGINT", "a": "VARCHAR", "p": "STRUCT(zip VARCHAR)"},
    (),
)
ID = RelationColumn("id", pa.int64())
PLAIN = RelationColumn("a", pa.string())
MASKED = RelationColumn("a", pa.string(), "NULL")
WITHIN = RelationColumn("p", PLACE, fields=(RelationColumn("zip", pa.string(), "NULL"),))
NARROWER = RelationColumn("p", PLACE, fields=(RelationColumn("zip", pa.string()),))


@pytest.mark.parametrize(
    ("columns", "row_filter", "is_secure"),
    [
        ((ID, PLAIN), None, False),
        ((ID,), None, False),
        ((ID, NARROWER), None, False),
        ((ID, PLAIN), "id = 1", True),
        ((ID,), "false", True),
        ((ID, MASKED), None, True),
        ((ID, WITHIN), None, True),
    ],
    ids=["all", "fewer columns", "fewer fields", "filter", "no rows", "mask", "mask of a field"],
)
def test_a_view_is_secure_exactly_where_rows_or_values_are_hidden(
    columns: tuple[RelationColumn, ...], row_filter: str | None, is_secure: bool
) -> None:
    statement = view(Relation(NAME, TABLE, columns, row_filter), SCAN)
    assert statement.startswith("CREATE SECURE VIEW " if is_secure else "CREATE VIEW ")
