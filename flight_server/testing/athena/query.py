"""Queries: Athena's SQL over tables of the Glue catalog, run by DuckDB."""

from __future__ import annotations

import base64
import decimal
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from flight_server.testing.athena.dialect import MACROS, as_duckdb
from flight_server.testing.athena.errors import SYSTEM, StatementCancelled, StatementFailed
from flight_server.testing.athena.functions import TRINO_FUNCTIONS, check_functions
from flight_server.testing.athena.information import information_schema
from flight_server.testing.athena.statement import Statement
from flight_server.testing.athena.tables import is_iceberg, read
from flight_server.testing.athena.values import MICROSECONDS, MILLISECONDS, column_info, kind

_VIEW = re.compile(r"Presto View:\s*(\S+)\s*\*/")
_UNNAMED = "__unnamed_"
_LENGTH = re.compile(r"^(?:var)?char\((\d+)\)$")
_CODES = {
    duckdb.CatalogException: "FUNCTION_NOT_FOUND",
    duckdb.ParserException: "SYNTAX_ERROR",
    duckdb.BinderException: "SYNTAX_ERROR",
    duckdb.ConversionException: "INVALID_CAST_ARGUMENT",
    duckdb.OutOfRangeException: "NUMERIC_VALUE_OUT_OF_RANGE",
}


@dataclass(slots=True)
class Sources:
    """What the tables of a query tell about its columns."""

    precision: int = MILLISECONDS
    lengths: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Query:
    """A query that is bound: its rows, its columns as ColumnInfo, its timestamps' digits."""

    relation: duckdb.DuckDBPyRelation
    columns: list[dict[str, Any]]
    precision: int

    def batches(self, statement: Statement) -> Iterator[pa.RecordBatch]:
        """The rows. Raises `StatementFailed`, `StatementCancelled`."""
        try:
            for batch in self.relation.to_arrow_reader(2048):
                statement.check()
                yield batch
        except (duckdb.Error, OSError, pa.ArrowException) as error:
            raise failure(error, statement) from error

    def table(self, statement: Statement) -> pa.Table:
        """All rows, named by the columns in lower case."""
        try:
            data = self.relation.to_arrow_table()
        except (duckdb.Error, OSError, pa.ArrowException) as error:
            raise failure(error, statement) from error
        return data.rename_columns([column["Name"].lower() for column in self.columns])


def parse(text: str, statement: Statement) -> exp.Expr:
    """The tree of a statement. Raises `StatementFailed`."""
    if statement.around.strict:
        check_functions(text)
    try:
        return sqlglot.parse_one(text, read="athena")
    except SqlglotError as error:
        raise StatementFailed(f"SYNTAX_ERROR: {_plain(error)}") from error


def bind(tree: exp.Expr, statement: Statement) -> Query:
    """A query over what it names. Raises `StatementFailed`."""
    top = _top(tree)
    if isinstance(top, exp.Select):
        for index, item in enumerate(top.expressions):
            if not isinstance(item, exp.Alias | exp.Column | exp.Star) and not item.is_star:
                item.replace(exp.alias_(item.copy(), f"{_UNNAMED}{index}"))
    sources = Sources()
    statement.connection.execute(MACROS)
    tree = resolved(tree, statement, sources)
    tree, is_micro = as_duckdb(tree)
    precision = MICROSECONDS if is_micro else sources.precision
    try:
        relation = statement.connection.sql(tree.sql("duckdb"))
        if any(kind(of) == "hugeint" for of in relation.types):  # Trino's sums of integers
            relation = relation.project(", ".join(_narrowed(relation)))
    except duckdb.Error as error:
        raise failure(error, statement) from error
    names = [
        f"_col{i}" if name.startswith(_UNNAMED) else name for i, name in enumerate(relation.columns)
    ]
    columns = [column_info(name, of) for name, of in zip(names, relation.types, strict=True)]
    for column, item in zip(columns, top.expressions, strict=False):
        _refine(column, item.unalias(), sources)
    return Query(relation, columns, precision)


def failure(error: Exception, statement: Statement) -> StatementFailed | StatementCancelled:
    """How a statement ends that DuckDB gave up."""
    if statement.cancelled.is_set() or isinstance(error, duckdb.InterruptException):
        return StatementCancelled("Query cancelled by user")
    text = _plain(error)
    if "Division by zero" in text:
        return StatementFailed("DIVISION_BY_ZERO: Division by zero")
    code = next((c for kind_, c in _CODES.items() if isinstance(error, kind_)), None)
    if code == "FUNCTION_NOT_FOUND":
        missing = re.search(r"Function with name (\w+)", text)
        if missing and missing[1].lower() in TRINO_FUNCTIONS:
            return StatementFailed(
                f"GENERIC_INTERNAL_ERROR: the double has no function {missing[1]}", category=SYSTEM
            )
    return StatementFailed(f"{code or 'GENERIC_USER_ERROR'}: {text}")


def _plain(error: Exception) -> str:
    """An error's text without the colours of a terminal."""
    return re.sub(r"\x1b\[\d*m", "", str(error))


def _top(tree: exp.Expr) -> exp.Expr:
    """The SELECT that names the columns of a query."""
    while isinstance(tree, exp.SetOperation | exp.Subquery):
        tree = tree.this
    return tree


def _narrowed(relation: duckdb.DuckDBPyRelation) -> Iterator[str]:
    for index, (name, of) in enumerate(zip(relation.columns, relation.types, strict=True)):
        quoted = '"' + name.replace('"', '""') + '"'
        wide = kind(of) == "hugeint"
        yield f"CAST(#{index + 1} AS BIGINT) AS {quoted}" if wide else f"#{index + 1} AS {quoted}"


def _refine(column: dict[str, Any], item: exp.Expr, sources: Sources) -> None:
    """What ColumnInfo tells beyond the type: NULL's own type, the length of a varchar."""
    if isinstance(item, exp.Null):
        column.update(Type="unknown", Precision=0)
    elif column["Type"] == "varchar" and isinstance(item, exp.Column):
        column["Precision"] = sources.lengths.get(item.name.lower(), column["Precision"])
    elif column["Type"] == "varchar" and isinstance(item, exp.Cast) and item.to.expressions:
        column["Precision"] = int(item.to.expressions[0].name)
    elif column["Type"] == "decimal" and isinstance(item, exp.Literal):
        digits = decimal.Decimal(item.name).as_tuple().digits
        column["Precision"] = len(digits)


def resolved(tree: exp.Expr, statement: Statement, sources: Sources) -> exp.Expr:
    """The tree with tables replaced by what they hold, and views by their queries."""
    queries = {query.alias_or_name.lower() for query in tree.find_all(exp.CTE)}
    columns = _columns(tree)
    qualified = set()
    for table in list(tree.find_all(exp.Table)):
        if not isinstance(table.this, exp.Identifier):
            continue
        if not table.db and table.name.lower() in queries:
            continue
        database = (table.db or statement.database).lower()
        qualified.add((table.db.lower(), table.name.lower()))
        alias = table.args.get("alias")
        alias = alias.copy() if alias else exp.TableAlias(this=exp.to_identifier(table.name, True))
        table.replace(_source(table, database, columns, statement, sources, alias))
    for column in tree.find_all(exp.Column):
        if column.db and (column.db.lower(), column.table.lower()) in qualified:
            column.set("db", None)
            column.set("catalog", None)
    return tree


def _columns(tree: exp.Expr) -> frozenset[str] | None:
    """The names that a query speaks of; None where it may want every column."""
    if any(not isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star)):
        return None
    if any(join.args.get("method") for join in tree.find_all(exp.Join)):  # NATURAL
        return None
    return frozenset(name.name.lower() for name in tree.find_all(exp.Identifier))


def _source(
    table: exp.Table,
    database: str,
    columns: frozenset[str] | None,
    statement: Statement,
    sources: Sources,
    alias: exp.Expr,
) -> exp.Expr:
    """What a table is replaced by: a relation of DuckDB's, or a view's query."""
    name, _, part = table.name.lower().partition("$")
    if database == "information_schema":
        data = information_schema(statement, name)
    else:
        entry = statement.around.store.table(database, name)
        if entry.get("TableType") == "VIRTUAL_VIEW":
            return _view(entry, statement, sources, alias)
        version = table.args.get("version")
        data = read(statement, entry, columns=columns, version=version, part=part or None)
        if is_iceberg(entry) and any(_has_timestamp(f.type) for f in data.schema):
            sources.precision = MICROSECONDS
        for column in (entry.get("StorageDescriptor") or {}).get("Columns") or []:
            if found := _LENGTH.match(column["Type"].lower()):
                sources.lengths[column["Name"].lower()] = int(found[1])
    statement.check()
    place = f"__source_{id(data):x}"
    statement.connection.register(place, data)
    relation = exp.to_table(place)
    relation.set("alias", alias)
    for more in ("joins", "laterals", "sample"):
        if table.args.get(more):
            relation.set(more, table.args[more])
    return relation


def view_query(entry: dict[str, Any]) -> tuple[str, str | None]:
    """The query of a Presto view, and the database in which its names are. Raises."""
    found = _VIEW.search(str(entry.get("ViewOriginalText") or ""))
    if found is None:
        raise StatementFailed(f"INVALID_VIEW: line 1:15: View '{entry['Name']}' is no Presto view")
    definition = json.loads(base64.b64decode(found[1]))
    return str(definition["originalSql"]), definition.get("schema")


def _view(
    entry: dict[str, Any], statement: Statement, sources: Sources, alias: exp.Expr
) -> exp.Expr:
    text, database = view_query(entry)
    try:
        body = sqlglot.parse_one(text, read="athena")
    except SqlglotError as error:
        raise StatementFailed(f"INVALID_VIEW: {_plain(error)}") from error
    outer = statement.database
    statement.database = database or outer
    try:
        return exp.Subquery(this=resolved(body, statement, sources), alias=alias)
    finally:
        statement.database = outer


def _has_timestamp(of: pa.DataType) -> bool:
    if pa.types.is_timestamp(of):
        return True
    if pa.types.is_nested(of):
        return any(_has_timestamp(of.field(i).type) for i in range(of.num_fields))
    return False
