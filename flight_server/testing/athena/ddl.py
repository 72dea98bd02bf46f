"""CREATE and DROP of databases, tables and views."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from flight_server.testing.athena.create import add_partitions, create_table
from flight_server.testing.athena.errors import StatementFailed
from flight_server.testing.athena.query import bind, parse
from flight_server.testing.athena.statement import Result, Statement
from flight_server.testing.athena.store import Store
from flight_server.testing.athena.utility import written
from flight_server.testing.athena.values import trino_type

_FLAGS = re.IGNORECASE | re.DOTALL
_CREATE_DATABASE = re.compile(
    r"CREATE\s+(?:DATABASE|SCHEMA)\s+(IF\s+NOT\s+EXISTS\s+)?[`\"]?(\w+)[`\"]?\s*.*", _FLAGS
)
_CREATE_VIEW = re.compile(r"CREATE\s+(OR\s+REPLACE\s+)?VIEW\s+(\S+)\s+AS\s+(.*)", _FLAGS)
_DROP = re.compile(
    r"DROP\s+(DATABASE|SCHEMA|TABLE|VIEW)\s+(IF\s+EXISTS\s+)?(\S+)(\s+CASCADE)?", _FLAGS
)


def ddl(text: str, statement: Statement) -> Result:
    """Run it. Raises `StatementFailed`."""
    if found := _CREATE_DATABASE.fullmatch(text):
        _create_database(found, statement.around.store)
    elif found := _CREATE_VIEW.fullmatch(text):
        _create_view(found, statement)
    elif found := _DROP.fullmatch(text):
        if found[1].upper() in ("DATABASE", "SCHEMA"):
            _drop_database(found, statement.around.store)
        else:
            _drop_table(found, statement)
    elif text[:5].upper() == "ALTER":
        return _alter(text, statement)
    else:
        return create_table(text, statement)
    return written(statement, [], [])


def _alter(text: str, statement: Statement) -> Result:
    added = add_partitions(text, statement)
    if added is None:
        raise StatementFailed("NOT_SUPPORTED: the double alters no tables but by ADD PARTITION")
    return added


def _create_database(found: re.Match[str], store: Store) -> None:
    name = found[2].lower()
    try:
        store.glue.create_database(DatabaseInput={"Name": name})
    except store.glue.exceptions.AlreadyExistsException as error:
        if not found[1]:
            raise StatementFailed(
                f"FAILED: Execution Error: Database {name} already exists"
            ) from error


def _named(text: str, statement: Statement) -> tuple[str, str]:
    parts = [part.strip('`"').lower() for part in text.split(".")]
    return (parts[-2] if len(parts) > 1 else statement.database), parts[-1]


def _create_view(found: re.Match[str], statement: Statement) -> None:
    glue = statement.around.store.glue
    database, name = _named(found[2], statement)
    query = bind(parse(found[3], statement), statement)
    statement.scanned = 0
    columns = [
        (column["Name"], trino_type(of, query.precision))
        for column, of in zip(query.columns, query.relation.types, strict=True)
    ]
    entry = view_entry(name, found[3], columns=columns, database=statement.database)
    try:
        glue.create_table(DatabaseName=database, TableInput=entry)
    except glue.exceptions.AlreadyExistsException as error:
        if not found[1]:
            raise StatementFailed(
                f"TABLE_ALREADY_EXISTS: line 1:1: View already exists: '{database}.{name}'"
            ) from error
        glue.update_table(DatabaseName=database, TableInput=entry)


def view_entry(
    name: str, text: str, *, columns: list[tuple[str, str]], database: str
) -> dict[str, Any]:
    """The Glue entry of a view as Athena makes it: the query is in a comment, encoded."""
    definition = {
        "originalSql": text,
        "catalog": "awsdatacatalog",
        "schema": database,
        "columns": [{"name": column, "type": of} for column, of in columns],
    }
    encoded = base64.b64encode(json.dumps(definition).encode()).decode()
    return {
        "Name": name,
        "TableType": "VIRTUAL_VIEW",
        "ViewOriginalText": f"/* Presto View: {encoded} */",
        "ViewExpandedText": "/* Presto View */",
        "StorageDescriptor": {
            "Columns": [{"Name": column, "Type": _hive(of)} for column, of in columns],
            "Location": "",
        },
        "Parameters": {"presto_view": "true", "comment": "Presto View"},
    }


_HIVE = {"varchar": "string", "integer": "int", "real": "float", "varbinary": "binary"}


def _hive(trino: str) -> str:
    """A Trino type as Hive writes it."""
    text = re.sub(r"timestamp\(\d\)", "timestamp", trino).replace(" with time zone", "")
    text = re.sub(r'row\("?', "struct<", text).replace("array(", "array<").replace("map(", "map<")
    if "<" in text:
        text = re.sub(r'"?(\w+)"? (\w)', r"\1:\2", text)
        text = re.sub(r"\((\d+),(\d+)\)", r"[\1,\2]", text).replace(")", ">").replace('"', "")
        text = re.sub(r"\[(\d+),(\d+)\]", r"(\1,\2)", text).replace(", ", ",")
    return re.sub(r"\b(varchar|integer|real|varbinary)\b", lambda found: _HIVE[found[1]], text)


def _drop_database(found: re.Match[str], store: Store) -> None:
    name = found[3].strip('`"').lower()
    if not store.has_database(name):
        if found[2]:
            return
        raise StatementFailed(f"FAILED: SemanticException Database does not exist: {name}")
    if store.tables(name) and not found[4]:
        raise StatementFailed(
            f"FAILED: Execution Error: Database {name} is not empty. One or more tables exist."
        )
    store.glue.delete_database(Name=name)


def _drop_table(found: re.Match[str], statement: Statement) -> None:
    glue = statement.around.store.glue
    database, name = _named(found[3], statement)
    try:
        glue.delete_table(DatabaseName=database, Name=name)
    except glue.exceptions.EntityNotFoundException as error:
        if not found[2]:
            raise StatementFailed(f"FAILED: SemanticException Table not found {name}") from error
