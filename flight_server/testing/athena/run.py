"""Runs one statement: by its kind, with its parameters in their places."""

from __future__ import annotations

import re

import sqlglot
from sqlglot.errors import SqlglotError

from flight_server.testing.athena.change import change
from flight_server.testing.athena.ddl import ddl
from flight_server.testing.athena.errors import StatementFailed
from flight_server.testing.athena.files import csv_bytes, metadata_bytes
from flight_server.testing.athena.query import bind, parse
from flight_server.testing.athena.statement import Result, Statement, kind_of, stripped
from flight_server.testing.athena.unload import unload
from flight_server.testing.athena.utility import utility, written
from flight_server.testing.athena.values import texts

_SETTINGS = (
    "SET TimeZone = 'UTC'",
    "SET enable_progress_bar = false",
    "SET threads = 2",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
_CHANGES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})
_FLAGS = re.IGNORECASE | re.DOTALL
_EXECUTE = re.compile(r"EXECUTE\s+(\w+)(?:\s+USING\s+(.*))?", _FLAGS)
_PREPARE = re.compile(r"PREPARE\s+(\w+)\s+FROM\s+(.*)", _FLAGS)
_DEALLOCATE = re.compile(r"DEALLOCATE\s+PREPARE\s+(\w+)", _FLAGS)
_MARK = re.compile(r"\?(?=(?:[^']*'[^']*')*[^']*\Z)")


def run(statement: Statement) -> Result:
    """Run it. Raises `StatementFailed`, `StatementCancelled`."""
    for setting in _SETTINGS:
        statement.connection.execute(setting)
    text = stripped(statement.text)
    if statement.parameters:
        text = _filled(text, statement.parameters)
    if found := _EXECUTE.fullmatch(text):
        text = _executed(found, statement)
    groups = statement.around.groups
    if found := _PREPARE.fullmatch(text):
        groups.prepare(statement.group, found[1], found[2])
        return written(statement, [], [])
    if found := _DEALLOCATE.fullmatch(text):
        groups.forget(statement.group, found[1])
        return written(statement, [], [])
    kind, sub = kind_of(text)
    if sub == "UNLOAD":
        return unload(text, statement)
    if kind == "UTILITY":
        return utility(text, statement)
    if kind == "DDL":
        return ddl(text, statement)
    if sub in _CHANGES:
        return change(text, statement)
    if sub != "SELECT":  # VACUUM and OPTIMIZE: rows stay what they are
        return written(statement, [], [])
    return _select(text, statement)


def _select(text: str, statement: Statement) -> Result:
    query = bind(parse(text, statement), statement)
    statement.check()
    rows: list[list[str | None]] = []
    types = query.relation.types
    for batch in query.batches(statement):
        columns = [
            texts(column, of, query.precision)
            for column, of in zip(batch.columns, types, strict=True)
        ]
        rows.extend(map(list, zip(*columns, strict=True)))
    location = statement.place(".csv")
    if location is not None:
        names = [column["Name"] for column in query.columns]
        statement.around.store.put(location, csv_bytes(names, rows))
        statement.around.store.put(location + ".metadata", metadata_bytes(query.columns))
    return Result(columns=query.columns, rows=rows, header=True, location=location)


def _executed(found: re.Match[str], statement: Statement) -> str:
    """The text of a prepared statement with the values of USING."""
    text = statement.around.groups.prepared(statement.group, found[1])
    if text is None:
        raise StatementFailed(
            f"INVALID_PREPARED_STATEMENT: Prepared statement not found: {found[1]}"
        )
    if not found[2]:
        return _filled(text, [])
    try:
        values = sqlglot.parse_one(f"SELECT {found[2]}", read="athena").expressions
    except SqlglotError as error:
        raise StatementFailed("SYNTAX_ERROR: line 1:1: mismatched input in EXECUTE") from error
    return _filled(text, [value.sql("athena") for value in values])


def _filled(text: str, values: list[str]) -> str:
    """The text with values, which are SQL literals, in place of its question marks."""
    parts = _MARK.split(text)
    if len(parts) - 1 != len(values):
        raise StatementFailed(
            "INVALID_PARAMETER_USAGE: line 1:1: Incorrect number of parameters: "
            f"expected {len(parts) - 1} but found {len(values)}"
        )
    filled = "".join(part + value for part, value in zip(parts, [*values, ""], strict=True))
    return filled
