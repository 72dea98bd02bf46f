"""One statement on both sides: through the server, and in a plain DuckDB on the physical copies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from flight_server.query.caller import Caller
from flight_server.query.failures import failure_of
from flight_server.query.service import QueryService
from tests.oracle import lake
from tests.security import doors

_MISSING_COLUMN = re.compile(
    r'Referenced column "|does not have a column named|Could not find key|'
    r'Column ".*" does not exist on|Cannot extract field|No matching columns found|'
    r'Column "".*"" referenced|[Cc]olumn .*(not found|does not exist)|not found in FROM clause',
)
_SERVER_CLASSES = {
    "TABLE_NOT_FOUND": "table",
    "COLUMN_NOT_FOUND": "column",
    "FUNCTION_NOT_FOUND": "function",
    "INVALID_STATEMENT": "bind",
    "INVALID_SQL": "syntax",
}
_DATA_CLASSES = {
    "A value could not be converted": "conversion",
    "A value is out of the range": "range",
    "A value was divided by zero": "division",
    "A subquery that must give one value": "scalar",
    "A function was given a value": "input",
}


MOST_ROWS = 20_000


@dataclass(frozen=True)
class Outcome:
    """What a statement gave: a table, or the class of its error (`said` is for people)."""

    table: pa.Table | None
    error: str = ""
    said: str = ""

    @property
    def short(self) -> str:
        """The outcome for a test's report."""
        if self.table is None:
            return f"error [{self.error}] {self.said}"
        names = ", ".join(f"{f.name} {f.type}" for f in self.table.schema)
        return f"{self.table.num_rows} rows ({names})\n    {_texts(self.table)[:8]}"


_TOO_MANY = Outcome(None, "too many rows to compare")


def plain(copies: Mapping[str, pa.Table], zone: str) -> duckdb.DuckDBPyConnection:
    """A DuckDB that holds the physical copies under their names, and nothing else."""
    connection = duckdb.connect(config={"python_enable_replacements": False, "threads": 2})
    for catalog in lake.CATALOGS:
        connection.execute(f"ATTACH ':memory:' AS {catalog}")
    for catalog, schema in sorted({tuple(name.split(".")[:2]) for name in lake.SCHEMAS}):
        connection.execute(f"CREATE SCHEMA {catalog}.{schema}")
    for name, rows in copies.items():
        catalog, schema, table = name.split(".")
        stored = f'"stored {table}"'
        connection.register("source", rows)
        connection.execute(f"CREATE TABLE {catalog}.{schema}.{stored} AS FROM source")
        connection.unregister("source")
        # a view, as what the server has is one: it has no rowid
        connection.execute(
            f'CREATE VIEW {catalog}.{schema}."{table}" AS FROM {catalog}.{schema}.{stored}'
        )
    connection.execute("USE lake.shop")
    connection.execute(f"SET TimeZone = '{zone}'")
    return connection


def by_oracle(
    connection: duckdb.DuckDBPyConnection, text: str, values: tuple[object, ...] = ()
) -> Outcome:
    """The right outcome; `values` are those of the parameters."""
    try:
        reader = connection.sql(text, params=list(values) or None).to_arrow_reader(1_000)
        found: list[pa.RecordBatch] = []
        for batch in reader:
            found.append(batch)
            if sum(part.num_rows for part in found) > MOST_ROWS:
                return _TOO_MANY
    except (duckdb.Error, OSError) as error:
        return Outcome(None, _class_of(error), str(error)[:300])
    return Outcome(pa.Table.from_batches(found, reader.schema))


def by_server(
    service: QueryService, caller: Caller, text: str, values: tuple[object, ...] = ()
) -> Outcome:
    """What the server tells, with all that lies between its doors and its workers."""
    try:
        planned = service.plan(caller, text)
        if values:
            columns = [pa.array([value]) for value in values]
            row = pa.RecordBatch.from_arrays(columns, [str(at) for at in range(len(values))])
            planned = service.bind(caller, planned, row)
        stream = service.run(caller, planned)
        try:
            found = []
            for batch in doors.rows(stream, stream.schema):
                found.append(batch)
                if sum(part.num_rows for part in found) > MOST_ROWS:
                    return _TOO_MANY
        finally:
            stream.close()
    except Exception as error:  # what a door does with every exception
        failure = failure_of(error)
        return Outcome(None, server_class(failure.code, failure.message), repr(error)[:300])
    return Outcome(pa.Table.from_batches(found, stream.schema))


def server_class(code: str, said: str) -> str:
    """The class of an error of the server, by its code and words."""
    if code == "EXECUTION_FAILED":
        found = [kind for words, kind in _DATA_CLASSES.items() if words in said]
        return found[0] if found else "data"
    return _SERVER_CLASSES.get(code, code)


def _class_of(error: Exception) -> str:
    text = str(error)
    if "Division by zero" in text:
        return "division"
    if "More than one row returned" in text:
        return "scalar"
    for kind, name in (
        (duckdb.ConversionException, "conversion"),
        (duckdb.OutOfRangeException, "range"),
        (duckdb.InvalidInputException, "input"),
        (duckdb.ParserException, "syntax"),
    ):
        if isinstance(error, kind):
            return name
    if isinstance(error, duckdb.CatalogException):
        return "function" if "Function" in text else "type" if "Type with" in text else "table"
    if re.search(r"No function matches|Could not choose a best candidate function", text):
        return "function"
    if re.search(r'(Catalog|Schema) "?.*"? does not exist|Table with name', text):
        return "table"
    if isinstance(error, duckdb.BinderException):
        return "column" if _MISSING_COLUMN.search(text) else "bind"
    return type(error).__name__


def difference(right: Outcome, found: Outcome, *, ordered: bool) -> str:
    """How two outcomes differ; empty where they do not."""
    if right.table is None or found.table is None:
        if right.table is None and found.table is None and right.error == found.error:
            return ""
        return "one fails, or in another way"
    if _shape(right.table.schema) != _shape(found.table.schema):
        return "the schemas differ"
    ours, theirs = _texts(right.table), _texts(found.table)
    if ordered:
        return "" if ours == theirs else "the rows, or their order, differ"
    return "" if Counter(ours) == Counter(theirs) else "the rows differ"


def _shape(schema: pa.Schema) -> list[tuple[str, str]]:
    return [(field.name, str(field.type).replace("large_", "")) for field in schema]


def _texts(table: pa.Table) -> list[str]:
    columns = [[_plain(v) for v in column.to_pylist()] for column in table.columns]
    return [repr(row) for row in zip(*columns, strict=True)] if columns else []


def _plain(value: Any) -> Any:
    """A value whose `repr` is the same for equal values."""
    if isinstance(value, float):
        return f"{value + 0.0:.9g}"
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
