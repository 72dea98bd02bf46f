"""INSERT into tables, and UPDATE, DELETE and MERGE of Iceberg's."""

from __future__ import annotations

import re
import uuid
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from flight_server.testing.athena.create import counted, iceberg_rows
from flight_server.testing.athena.dialect import MACROS, as_duckdb
from flight_server.testing.athena.errors import StatementFailed
from flight_server.testing.athena.formats import file_bytes, format_of
from flight_server.testing.athena.functions import check_functions
from flight_server.testing.athena.query import Sources, bind, failure, resolved
from flight_server.testing.athena.statement import Result, Statement
from flight_server.testing.athena.tables import (
    arrow_schema,
    duckdb_type,
    is_iceberg,
    read,
    text_delimiter,
)

_BODY = re.compile(
    r"INSERT\s+INTO\s+[^\s(]+\s*(?:\([^()]*\)\s*)?((?:(?:SELECT|WITH|VALUES)\b|\().*)",
    re.IGNORECASE | re.DOTALL,
)
_TARGET = "__target"


def change(text: str, statement: Statement) -> Result:
    """Run it; the result tells how many rows it wrote. Raises `StatementFailed`."""
    try:
        tree = sqlglot.parse_one(text, read="athena")
    except SqlglotError as error:
        raise StatementFailed(f"SYNTAX_ERROR: {error}") from error
    table = tree.this.find(exp.Table)
    database = (table.db or statement.database).lower()
    entry = statement.around.store.table(database, table.name.lower())
    if isinstance(tree, exp.Insert):
        body = _BODY.fullmatch(text)
        if statement.around.strict and body is not None:
            check_functions(body[1])
        return counted(statement, _insert(tree, entry, statement))
    if statement.around.strict:
        check_functions(text)
    if not is_iceberg(entry):
        raise StatementFailed(
            "NOT_SUPPORTED: Modifying Hive table rows is only supported for transactional tables"
        )
    return counted(statement, _modify(tree, table, entry, statement))


def _insert(tree: exp.Insert, entry: dict[str, Any], statement: Statement) -> int:
    declared = _declared(entry, statement)
    named = tree.this.expressions if isinstance(tree.this, exp.Schema) else ()
    given = [name.name.lower() for name in named] or declared.names
    query = bind(tree.expression, statement)
    if len(query.columns) != len(given):
        raise StatementFailed(
            f"TYPE_MISMATCH: line 1:1: Insert query has {len(query.columns)} expression(s) "
            f"but expected {len(given)}"
        )
    found = query.relation.to_arrow_table()
    try:
        columns = {
            name: column.cast(declared.field(name).type)
            for name, column in zip(given, found.columns, strict=True)
        }
    except (KeyError, pa.ArrowException) as error:
        raise StatementFailed(
            "TYPE_MISMATCH: line 1:1: Insert query has mismatched column types"
        ) from error
    rows = pa.table(
        [columns.get(f.name, pa.nulls(len(found), f.type)) for f in declared], schema=declared
    )
    _append(rows, entry, statement)
    return len(rows)


def _declared(entry: dict[str, Any], statement: Statement) -> pa.Schema:
    if is_iceberg(entry):
        name = (entry["DatabaseName"], entry["Name"])
        return statement.around.store.iceberg().load_table(name).schema().as_arrow()
    if entry.get("PartitionKeys"):
        raise StatementFailed("NOT_SUPPORTED: the double writes no partitions")
    columns = entry["StorageDescriptor"]["Columns"]
    named = [(column["Name"].lower(), duckdb_type(column["Type"])) for column in columns]
    return arrow_schema(statement.connection, named)


def _append(rows: pa.Table, entry: dict[str, Any], statement: Statement) -> None:
    store = statement.around.store
    if is_iceberg(entry):
        store.iceberg().load_table((entry["DatabaseName"], entry["Name"])).append(rows)
        return
    file_format = format_of(entry)
    if file_format is None:
        raise StatementFailed("NOT_SUPPORTED: the double writes no files of this table's format")
    place = entry["StorageDescriptor"]["Location"].rstrip("/")
    data = file_bytes(rows, file_format, text_delimiter(entry))
    store.put(f"{place}/{uuid.uuid4()}", data)


def _modify(tree: exp.Expr, table: exp.Table, entry: dict[str, Any], statement: Statement) -> int:
    """Change a copy of the rows, which then takes their place."""
    rows = read(statement, entry, columns=None, version=None, part=None)
    connection = statement.connection
    connection.execute(MACROS)
    connection.register("__rows", rows)
    connection.execute(f"CREATE TEMP TABLE {_TARGET} AS SELECT * FROM __rows")  # noqa: S608 - a made name
    alias = table.alias or table.name
    # a word of its own, so that it is not taken for a table of the catalog
    tree.set("this", exp.Var(this=f'{_TARGET} AS "{alias}"'))
    tree, _ = as_duckdb(resolved(tree, statement, Sources()))
    try:
        (count,) = connection.execute(tree.sql("duckdb")).fetchall()[0]
        changed = connection.sql(f"SELECT * FROM {_TARGET}").to_arrow_table()  # noqa: S608 - a made name
    except duckdb.Error as error:
        raise failure(error, statement) from error
    name = (entry["DatabaseName"], entry["Name"])
    statement.around.store.iceberg().load_table(name).overwrite(iceberg_rows(changed))
    return int(count)
