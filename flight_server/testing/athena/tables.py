"""What a statement reads: Iceberg and Hive tables of the Glue catalog as Arrow tables."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.orc as pa_orc
import pyarrow.parquet as pq
from pyiceberg.table import Table
from sqlglot import exp

from flight_server.testing.athena import hive_text
from flight_server.testing.athena.errors import StatementFailed
from flight_server.testing.athena.formats import format_of
from flight_server.testing.athena.metadata import current_columns
from flight_server.testing.athena.statement import Statement

_INSPECTED = ("entries", "files", "history", "manifests", "partitions", "refs", "snapshots")
_HIDDEN = "cannot be resolved or requester is not authorized to access requested resources"


@dataclass(frozen=True, slots=True)
class _Choice:
    """Which columns to read: those that are named, and may be seen. None is all."""

    columns: frozenset[str] | None
    allowed: frozenset[str] | None

    def takes(self, name: str) -> bool:
        """Whether a column (lower case) is read."""
        return (self.columns is None or name in self.columns) and (
            self.allowed is None or name in self.allowed
        )


def is_iceberg(entry: dict[str, Any]) -> bool:
    """Whether a table's entry is an Iceberg table's."""
    return str((entry.get("Parameters") or {}).get("table_type", "")).upper() == "ICEBERG"


def read(
    statement: Statement,
    entry: dict[str, Any],
    *,
    columns: frozenset[str] | None,
    version: exp.Expr | None,
    part: str | None,
) -> pa.Table:
    """The rows of a table; `columns` (lower case) are those wanted, `part` is after its `$`.

    What was read is added to `statement.scanned`. Raises `StatementFailed`.
    """
    database, name = str(entry["DatabaseName"]), str(entry["Name"])
    authorize = statement.around.authorize
    allowed = authorize(statement.access_key, database, name) if authorize else None
    names = [c["Name"].lower() for c in (*current_columns(entry), *_keys(entry))]
    choice = _Choice(columns, allowed)
    if allowed is not None and columns is not None:
        for hidden in sorted(columns.intersection(names) - allowed):
            raise StatementFailed(
                f"COLUMN_NOT_FOUND: line 1:8: Column '{hidden}' {_HIDDEN}", error_type=1305
            )
    if is_iceberg(entry):
        table = statement.around.store.iceberg().load_table((database, name))
        return _inspected(table, part) if part else _iceberg(statement, table, choice, version)
    if version is not None or part:
        raise StatementFailed("NOT_SUPPORTED: line 1:15: This connector does not support versions")
    data = _hive(statement, entry, choice)
    return data.select([n for n in names if choice.takes(n)] or data.column_names[:1])


def _inspected(table: Table, part: str) -> pa.Table:
    if part not in _INSPECTED:
        raise StatementFailed(f"TABLE_NOT_FOUND: line 1:15: Table '{part}' does not exist")
    return getattr(table.inspect, part)()


def _iceberg(
    statement: Statement, table: Table, choice: _Choice, version: exp.Expr | None
) -> pa.Table:
    snapshot = None if version is None else _snapshot(statement, table, version)
    schema = table.schema()
    if snapshot is not None:
        found = table.snapshot_by_id(snapshot)
        if found is not None and found.schema_id is not None:
            schema = table.schemas()[found.schema_id]
    used = [field for field in schema.fields if choice.takes(field.name.lower())]
    names = tuple(field.name for field in used or schema.fields[:1])
    scan = table.scan(selected_fields=names, snapshot_id=snapshot)
    ids = {identifier for field in used for identifier in (field.field_id, *_below(field))}
    tasks = list(scan.plan_files())
    for task in tasks:
        sizes = task.file.column_sizes or {}
        statement.scanned += (
            sum(size for identifier, size in sizes.items() if identifier in ids)
            if sizes
            else task.file.file_size_in_bytes
        )
    statement.check()
    if not tasks:  # pyiceberg cannot make nothing of some types
        return pa.Table.from_batches([], scan.projection().as_arrow())
    return scan.to_arrow()


def _below(field: Any) -> list[int]:
    """The ids of the fields within a nested field."""
    parts = getattr(field.field_type, "fields", ())
    return [identifier for part in parts for identifier in (part.field_id, *_below(part))]


def _snapshot(statement: Statement, table: Table, version: exp.Expr) -> int:
    """The snapshot of FOR VERSION AS OF (an id or a tag) or FOR TIMESTAMP AS OF."""
    value = version.expression
    if "TIMESTAMP" in str(version.this).upper():
        text = value.sql("duckdb")
        moment = statement.connection.execute(f"SELECT epoch_ms(CAST({text} AS TIMESTAMPTZ))")
        (milliseconds,) = moment.fetchall()[0]
        found = table.snapshot_as_of_timestamp(milliseconds)
        if found is None:
            at = datetime.fromtimestamp(milliseconds / 1000)
            raise StatementFailed(f"GENERIC_USER_ERROR: No version history at or before {at}")
        return found.snapshot_id
    if value.is_string:
        named = table.snapshot_by_name(value.name)
        if named is None:
            raise StatementFailed(
                "INVALID_ARGUMENTS: Cannot find snapshot with reference name: " + value.name
            )
        return named.snapshot_id
    if table.snapshot_by_id(int(value.name)) is None:
        raise StatementFailed(f"INVALID_ARGUMENTS: Iceberg snapshot ID does not exists: {value}")
    return int(value.name)


def _keys(entry: dict[str, Any]) -> list[dict[str, Any]]:
    return entry.get("PartitionKeys") or []


def duckdb_type(hive: str) -> str:
    """The DuckDB type of a Hive type; timestamps have milliseconds."""
    built = exp.DataType.build(hive, dialect="hive").sql("duckdb")
    return re.sub(r"\bTIMESTAMP\b", "TIMESTAMP_MS", built)


def _hive(statement: Statement, entry: dict[str, Any], choice: _Choice) -> pa.Table:
    """All files of an external table, partitions and all, with the declared types."""
    keys = [(key["Name"].lower(), duckdb_type(key["Type"])) for key in _keys(entry)]
    storage = entry["StorageDescriptor"]
    places: list[tuple[str, list[str]]] = [(storage["Location"], [])]
    store = statement.around.store
    if keys:
        places = [
            (partition["StorageDescriptor"]["Location"], partition["Values"])
            for partition in store.partitions(entry["DatabaseName"], entry["Name"])
        ]
    read_file = _reader(statement, entry, choice)
    parts = []
    for location, values in places:
        for url in store.data_files(location):
            statement.check()
            rows, scanned = read_file(store.get(url), url)
            statement.scanned += scanned
            for (name, _), value in zip(keys, values, strict=False):
                rows = rows.append_column(name, pa.array([value] * len(rows), pa.string()))
            parts.append(rows)
    declared = [(c["Name"].lower(), duckdb_type(c["Type"])) for c in storage["Columns"]] + keys
    return _typed(statement.connection, parts, declared)


def _typed(
    connection: duckdb.DuckDBPyConnection, parts: list[pa.Table], declared: list[tuple[str, str]]
) -> pa.Table:
    """The rows of all files in the declared types; what is not of its type is NULL, as in Hive."""
    present = set(parts[0].column_names) if parts else set()
    shown = ", ".join(
        f'TRY_CAST({_name(n)} AS {t}) AS {_name(n)}' if n in present else
        f'CAST(NULL AS {t}) AS {_name(n)}'
        for n, t in declared
    )  # fmt: skip
    if not parts:
        return connection.sql(f"SELECT {shown} LIMIT 0").to_arrow_table()
    connection.register("__files", pa.concat_tables(parts, promote_options="default"))
    try:
        return connection.sql(f"SELECT {shown} FROM __files").to_arrow_table()  # noqa: S608 - a made name
    finally:
        connection.unregister("__files")


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


_Reader = Callable[[bytes, str], tuple[pa.Table, int]]
"""A file's bytes and URL -> its rows and how much of it was read."""


def _reader(statement: Statement, entry: dict[str, Any], choice: _Choice) -> _Reader:
    file_format = format_of(entry)
    if file_format == "parquet":
        return lambda data, _: _parquet_file(data, choice)
    if file_format == "orc":
        return lambda data, _: (_lowered(pa_orc.read_table(io.BytesIO(data))), len(data))
    if file_format == "csv":
        return _csv_reader(entry)
    if file_format == "text":
        columns = entry["StorageDescriptor"]["Columns"]
        names = [(column["Name"].lower(), duckdb_type(column["Type"])) for column in columns]
        return _text_reader(entry, arrow_schema(statement.connection, names))
    serde = entry["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"]
    raise StatementFailed(f"NOT_SUPPORTED: the double reads no files of {serde}")


def _lowered(table: pa.Table) -> pa.Table:
    return table.rename_columns([name.lower() for name in table.column_names])


def _parquet_file(data: bytes, choice: _Choice) -> tuple[pa.Table, int]:
    file = pq.ParquetFile(io.BytesIO(data), coerce_int96_timestamp_unit="us")
    names = [name for name in file.schema_arrow.names if choice.takes(name.lower())]
    scanned = 0
    for group in range(file.metadata.num_row_groups):
        chunks = file.metadata.row_group(group)
        for index in range(chunks.num_columns):
            chunk = chunks.column(index)
            if chunk.path_in_schema.split(".")[0] in names:
                scanned += chunk.total_compressed_size
    kept = names or file.schema_arrow.names[:1]
    return _lowered(file.read(columns=kept)), scanned


def _csv_reader(entry: dict[str, Any]) -> _Reader:
    """Files of OpenCSV's lines: every value a text, in quotes."""
    storage = entry["StorageDescriptor"]
    serde = (storage.get("SerdeInfo") or {}).get("Parameters") or {}
    names = [column["Name"].lower() for column in storage["Columns"]]
    parse = pa_csv.ParseOptions(
        delimiter=serde.get("separatorChar", ","), quote_char='"', newlines_in_values=True
    )
    convert = pa_csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), null_values=[], strings_can_be_null=False
    )
    options = pa_csv.ReadOptions(column_names=names, skip_rows=_skipped(entry))

    def read_file(data: bytes, url: str) -> tuple[pa.Table, int]:
        text = _unpacked(data, url)
        if not text.strip():
            return pa.table({name: pa.array([], pa.string()) for name in names}), len(data)
        rows = pa_csv.read_csv(
            io.BytesIO(text), read_options=options, parse_options=parse, convert_options=convert
        )
        return rows, len(data)

    return read_file


def _text_reader(entry: dict[str, Any], schema: pa.Schema) -> _Reader:
    """Files of LazySimple's lines, with `\\N` for NULL."""
    skipped = _skipped(entry)

    def read_file(data: bytes, url: str) -> tuple[pa.Table, int]:
        rows = hive_text.read(_unpacked(data, url), schema, text_delimiter(entry))
        return rows.slice(skipped), len(data)

    return read_file


def text_delimiter(entry: dict[str, Any]) -> str:
    """What separates the fields of a table of text."""
    serde = (entry["StorageDescriptor"].get("SerdeInfo") or {}).get("Parameters") or {}
    return str(serde.get("field.delim", "\x01"))


def _skipped(entry: dict[str, Any]) -> int:
    return int((entry.get("Parameters") or {}).get("skip.header.line.count", 0))


def _unpacked(data: bytes, url: str) -> bytes:
    return gzip.decompress(data) if url.endswith(".gz") else data


def arrow_schema(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[tuple[str, str]]
) -> pa.Schema:
    """Columns of DuckDB's types as Arrow's."""
    shown = ", ".join(f"CAST(NULL AS {of}) AS {_name(name)}" for name, of in columns)
    return connection.sql(f"SELECT {shown}").to_arrow_table().schema
