"""SHOW, DESCRIBE and EXPLAIN: lines of text."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from flight_server.testing.athena.errors import ApiError, StatementFailed
from flight_server.testing.athena.files import metadata_bytes, text_bytes
from flight_server.testing.athena.metadata import current_columns
from flight_server.testing.athena.query import bind, parse, view_query
from flight_server.testing.athena.statement import Result, Statement
from flight_server.testing.athena.values import text_info, trino_type

_FLAGS = re.IGNORECASE | re.DOTALL
_NAME = r"[`\"]?([\w$]+)[`\"]?"
_EXPLAIN = re.compile(r"EXPLAIN\s*(ANALYZE\b)?\s*(?:\(([^)]*)\))?\s*(?=SELECT|WITH|\()(.*)", _FLAGS)
_DATABASES = re.compile(r"SHOW\s+(?:DATABASES|SCHEMAS)(?:\s+(?:LIKE\s+)?'([^']*)')?", _FLAGS)
_TABLES = re.compile(
    rf"SHOW\s+(TABLES|VIEWS)(?:\s+(?:IN|FROM)\s+{_NAME})?(?:\s+(?:LIKE\s+)?'([^']*)')?", _FLAGS
)
_COLUMNS = re.compile(r"SHOW\s+COLUMNS\s+(?:IN|FROM)\s+(\S+)(?:\s+(?:IN|FROM)\s+(\S+))?", _FLAGS)
_PARTITIONS = re.compile(r"SHOW\s+PARTITIONS\s+(\S+)", _FLAGS)
_CREATE = re.compile(r"SHOW\s+CREATE\s+(?:TABLE|VIEW)\s+(\S+)", _FLAGS)
_DESCRIBE = re.compile(r"DESC(?:RIBE)?\s+(?:FORMATTED\s+|EXTENDED\s+|TABLE\s+)?(\S+)", _FLAGS)


def utility(text: str, statement: Statement) -> Result:
    """Run it. Raises `StatementFailed`."""
    for pattern, run in (
        (_EXPLAIN, _explain),
        (_DATABASES, _show_databases),
        (_TABLES, _show_tables),
        (_COLUMNS, _show_columns),
        (_PARTITIONS, _show_partitions),
        (_CREATE, _show_create),
        (_DESCRIBE, _describe),
    ):
        found = pattern.fullmatch(text)
        if found:
            return run(found, statement)
    word = text.split(None, 1)[0]
    raise StatementFailed(f"FAILED: ParseException line 1:0 cannot recognize input near '{word}'")


def lines(statement: Statement, name: str, shown: Sequence[str]) -> Result:
    """A result of lines: one text column, in a `.txt`."""
    columns = [text_info(name)]
    rows: list[list[str | None]] = [[line] for line in shown]
    return written(statement, columns, rows)


def written(
    statement: Statement, columns: list[dict[str, Any]], rows: list[list[str | None]]
) -> Result:
    """A result whose file is a `.txt`."""
    location = statement.place(".txt")
    if location is not None:
        statement.around.store.put(location, text_bytes(rows))
        statement.around.store.put(location + ".metadata", metadata_bytes(columns))
    return Result(columns=columns, rows=rows, location=location)


def _explain(found: re.Match[str], statement: Statement) -> Result:
    analyze, options, text = found[1], (found[2] or "").upper(), found[3]
    if analyze:
        raise StatementFailed("NOT_SUPPORTED: the double has no EXPLAIN ANALYZE")
    if re.search(r"\bIO\b", options):
        raise StatementFailed("NOT_SUPPORTED: EXPLAIN TYPE IO is not supported")
    query = bind(parse(text, statement), statement)
    statement.scanned = 0
    types = [trino_type(of, query.precision) for of in query.relation.types]
    names = [column["Name"] for column in query.columns]
    if "VALIDATE" in options:
        return lines(statement, "Valid", ["true"])
    if "JSON" in options:
        pairs = zip(names, types, strict=True)
        plan = {
            "id": "1",
            "name": "Output",
            "descriptor": {"columnNames": f"[{', '.join(names)}]"},
            "outputs": [{"symbol": name, "type": of} for name, of in pairs],
            "details": [],
            "estimates": [],
            "children": [],
        }
        return lines(statement, "Query Plan", json.dumps(plan, indent=2).split("\n"))
    layout = ", ".join(f"{name}:{of}" for name, of in zip(names, types, strict=True))
    plain = [f"Output[columnNames = [{', '.join(names)}]]", f"    Layout: [{layout}]"]
    return lines(statement, "Query Plan", ["Query Plan", *plain])


def _matches(name: str, pattern: str | None) -> bool:
    """Whether a name is like Hive's pattern: `*` is anything, `|` is or."""
    if pattern is None:
        return True
    wild = re.escape(pattern.lower()).replace(r"\.\*", ".*").replace(r"\*", ".*")
    return re.fullmatch(wild.replace(r"\|", "|"), name) is not None


def _show_databases(found: re.Match[str], statement: Statement) -> Result:
    names = [database["Name"] for database in statement.around.store.databases()]
    return lines(statement, "database_name", [n for n in names if _matches(n, found[1])])


def _show_tables(found: re.Match[str], statement: Statement) -> Result:
    is_views = found[1].upper() == "VIEWS"
    database = (found[2] or statement.database).lower()
    try:
        tables = statement.around.store.tables(database)
    except ApiError as error:
        raise StatementFailed(
            f"FAILED: SemanticException Database does not exist: {database}"
        ) from error
    shown = [
        table["Name"]
        for table in tables
        if _matches(table["Name"], found[3])
        and (not is_views or table.get("TableType") == "VIRTUAL_VIEW")
    ]
    return lines(statement, "views" if is_views else "tab_name", shown)


def _entry(name: str, statement: Statement, database: str | None = None) -> dict[str, Any]:
    parts = [part.strip('`"').lower() for part in name.strip().split(".")]
    within = database or (parts[-2] if len(parts) > 1 else statement.database)
    return statement.around.store.table(within, parts[-1])


def _show_columns(found: re.Match[str], statement: Statement) -> Result:
    database = found[2].strip('`"').lower() if found[2] else None
    entry = _entry(found[1], statement, database)
    columns = [*current_columns(entry), *(entry.get("PartitionKeys") or [])]
    return lines(statement, "field", [f"{column['Name']:<20}" for column in columns])


def _show_partitions(found: re.Match[str], statement: Statement) -> Result:
    entry = _entry(found[1], statement)
    keys = [key["Name"] for key in entry.get("PartitionKeys") or []]
    partitions = statement.around.store.partitions(entry["DatabaseName"], entry["Name"])
    shown = [
        "/".join(f"{key}={value}" for key, value in zip(keys, p["Values"], strict=True))
        for p in partitions
    ]
    return lines(statement, "partition", shown)


def _show_create(found: re.Match[str], statement: Statement) -> Result:
    entry = _entry(found[1], statement)
    name = f"{entry['DatabaseName']}.{entry['Name']}"
    if entry.get("TableType") == "VIRTUAL_VIEW":
        text, _ = view_query(entry)
        return lines(statement, "Create View", f"CREATE VIEW {name} AS\n{text}".split("\n"))
    columns = ",\n".join(f"  `{c['Name']}` {c['Type']}" for c in current_columns(entry))
    location = entry["StorageDescriptor"].get("Location")
    text = f"CREATE EXTERNAL TABLE `{name}`(\n{columns})\nLOCATION\n  '{location}'"
    return lines(statement, "createtab_stmt", text.split("\n"))


def _describe(found: re.Match[str], statement: Statement) -> Result:
    entry = _entry(found[1], statement)
    columns = [*current_columns(entry), *(entry.get("PartitionKeys") or [])]
    shown = [f"{c['Name']:<20}\t{c['Type']:<20}\t{c.get('Comment') or '':<20}" for c in columns]
    return lines(statement, "col_name", shown)
