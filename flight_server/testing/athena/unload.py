"""UNLOAD: the rows of a query as several Parquet files, and the manifest that names them."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from flight_server.testing.athena.errors import StatementFailed
from flight_server.testing.athena.files import hive_type, metadata_bytes, parquet_bytes
from flight_server.testing.athena.query import Query, bind, parse
from flight_server.testing.athena.statement import Result, Statement
from flight_server.testing.athena.values import MILLISECONDS, count_info, kind, precision_of

_UNLOAD = re.compile(
    r"UNLOAD\s*\((?P<query>.*)\)\s*TO\s*'(?P<to>[^']+)'\s*(?:WITH\s*\((?P<options>.*)\))?\s*",
    re.IGNORECASE | re.DOTALL,
)
_OPTION = re.compile(r"(\w+)\s*=\s*'([^']*)'")
_COMPRESSIONS = {"gzip", "snappy", "zstd", "lz4", "none"}
_UNSUPPORTED = frozenset(
    {
        "interval",
        "json",
        "null",
        "time",
        "time with time zone",
        "timestamp with time zone",
        "uuid",
    }
)
_SLICES = 4


@dataclass(frozen=True, slots=True)
class _Wish:
    query: str
    to: str
    compression: str


def unload(text: str, statement: Statement) -> Result:
    """Run it. Raises `StatementFailed`, `StatementCancelled`."""
    wish = _wish(text)
    store = statement.around.store
    if store.data_files(wish.to):
        raise StatementFailed(
            f"HIVE_PATH_ALREADY_EXISTS: Target directory for table is not empty: {wish.to}. "
            f"You may need to manually clean the data at location '{wish.to}' before retrying. "
            "Athena will not delete data in your account."
        )
    tree = parse(wish.query, statement)
    query = bind(tree, statement)
    check(query)
    data = query.table(statement)
    data = data.cast(pa.schema([pa.field(f.name, hive_type(f.type)) for f in data.schema]))
    statement.check()
    files = [_write(part, wish, statement) for part in _parts(data, statement)]
    for url in files[: statement.around.faults.files_to_lose()]:
        store.delete(url)
    manifest = statement.place("-manifest.csv")
    if manifest is not None:
        store.put(manifest, "".join(url + "\n" for url in files).encode())
        store.put(manifest.removesuffix("-manifest.csv") + ".metadata", metadata_bytes([]))
    return Result(
        columns=[count_info()],
        update_count=len(data),
        location=statement.place(""),
        manifest=manifest,
    )


def _wish(text: str) -> _Wish:
    found = _UNLOAD.fullmatch(text)
    if found is None:
        raise StatementFailed("SYNTAX_ERROR: line 1:8: mismatched input in UNLOAD")
    options = {name.lower(): value for name, value in _OPTION.findall(found["options"] or "")}
    if "format" not in options:
        raise StatementFailed("SYNTAX_ERROR: line 1:1: UNLOAD needs the property format")
    if options["format"].upper() != "PARQUET":
        raise StatementFailed("NOT_SUPPORTED: the double unloads to PARQUET only")
    compression = options.get("compression", "gzip").lower()
    if compression not in _COMPRESSIONS:
        raise StatementFailed(f"INVALID_TABLE_PROPERTY: compression {compression}")
    return _Wish(found["query"], found["to"].rstrip("/"), compression)


def check(query: Query) -> None:
    """What Hive's writer refuses. Raises `StatementFailed`."""
    names = [column["Name"].lower() for column in query.columns]
    for index, (name, of) in enumerate(zip(names, query.relation.types, strict=True)):
        if name == f"_col{index}":
            raise StatementFailed(
                f"MISSING_COLUMN_NAME: line 1:1: Column name not specified at position {index + 1}"
            )
        if names.count(name) > 1:
            raise StatementFailed(
                f"DUPLICATE_COLUMN_NAME: line 1:1: Column name '{name}' specified more than once"
            )
        _check_type(name, of, query)


def _check_type(name: str, of: Any, query: Query) -> None:
    if kind(of) in _UNSUPPORTED:
        shown = "unknown" if kind(of) == "null" else kind(of)
        raise StatementFailed(f"NOT_SUPPORTED: Unsupported Hive type: {shown}")
    if kind(of).startswith("timestamp") and precision_of(of, query.precision) > MILLISECONDS:
        raise StatementFailed(
            "NOT_SUPPORTED: Incorrect timestamp precision for timestamp(6); the configured "
            f"precision is MILLISECONDS; column name: {name}"
        )
    if kind(of) != "decimal":
        for _, part in getattr(of, "children", ()) if _is_nested(of) else ():
            _check_type(name, part, query)


def _is_nested(of: Any) -> bool:
    return kind(of) in ("list", "array", "struct", "tuple", "map")


def _parts(data: pa.Table, statement: Statement) -> list[pa.Table]:
    """The rows of each file: in order within it, files in no order among themselves."""
    count = min(statement.around.unload_files, len(data))
    if not count:
        return []
    step = -(-len(data) // (count * _SLICES))
    slices = [data.slice(start, step) for start in range(0, len(data), step)]
    parts = [pa.concat_tables(slices[i::count]) for i in range(count) if slices[i::count]]
    statement.around.chance.shuffle(parts)
    return parts


def _write(part: pa.Table, wish: _Wish, statement: Statement) -> str:
    """Write one file; its URL."""
    statement.check()
    now = dt.datetime.now(dt.UTC)
    url = f"{wish.to}/{now:%Y%m%d_%H%M%S}_{statement.id[:5]}_{uuid.uuid4()}"
    statement.around.store.put(url, parquet_bytes(part, wish.compression))
    return url
