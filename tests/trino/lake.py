"""The tables of the dialect's corpus, full of edges, for DuckDB, for Trino and as relations."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa

from catalog.model import Column, Table
from catalog.names import TableName, quote
from flight_server.engines.athena.translated import AthenaTable
from flight_server.engines.athena.types import from_arrow
from flight_server.engines.base import Relation, RelationColumn, Secured

CATALOG, SCHEMA = "lake", "s"
_ADDRESS = pa.struct([("street", pa.string()), ("zip", pa.int32())])
SCHEMAS: Mapping[str, pa.Schema] = {
    "people": pa.schema(
        [
            ("id", pa.int64()),
            ("Name", pa.string()),
            ("city", pa.string()),
            ("born", pa.date32()),
            ("seen", pa.timestamp("us")),
            ("zoned", pa.timestamp("us", "UTC")),
            ("score", pa.float64()),
            ("ratio", pa.float32()),
            ("amount", pa.decimal128(12, 2)),
            ("rate", pa.decimal128(5, 4)),
            ("small", pa.int16()),
            ("n", pa.int32()),
            ("active", pa.bool_()),
            ("tags", pa.list_(pa.string())),
            ("nums", pa.list_(pa.int32())),
            ("address", _ADDRESS),
            ("attrs", pa.map_(pa.string(), pa.int32())),
            ("payload", pa.binary()),
            ("clock", pa.time64("us")),
        ]
    ),
    "orders": pa.schema(
        [
            ("id", pa.int64()),
            ("person", pa.int64()),
            ("amount", pa.decimal128(15, 2)),
            ("discount", pa.decimal128(15, 2)),
            ("day", pa.date32()),
            ("status", pa.string()),
            ("qty", pa.int32()),
            ("weight", pa.float64()),
        ]
    ),
    "bare": pa.schema([("id", pa.int64()), ("v", pa.string())]),
}


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def _person(*values: Any) -> dict[str, Any]:
    return dict(zip(SCHEMAS["people"].names, values, strict=True))


def _order(*values: Any) -> dict[str, Any]:
    return dict(zip(SCHEMAS["orders"].names, values, strict=True))


_D, _DAY, _CLOCK = Decimal, dt.date, dt.time
_NAN, _INF = float("nan"), float("inf")
_UTC = dt.UTC
ROWS: Mapping[str, list[dict[str, Any]]] = {
    "people": [
        _person(
            *(1, "Ada", "Oslo", _DAY(1990, 1, 31), _moment("2024-01-31 23:59:59.999999")),
            *(_moment("2024-03-31 01:30:00").replace(tzinfo=_UTC), 1.5, 0.5, _D("10.50")),
            *(_D("0.1250"), 7, 5, True, ["a", "b"], [3, 1, 2], {"street": "Main", "zip": 100}),
            *([("k", 1), ("j", 2)], b"\x00\xff", _CLOCK(10, 20, 30, 5)),
        ),
        _person(
            *(2, "Bob  ", "Rome", _DAY(2000, 2, 29), _moment("2024-02-29 00:00:00")),
            *(_moment("2024-12-31 23:00:00.5").replace(tzinfo=_UTC), 2.5, -2.5, _D("-10.55")),
            *(_D("9.9999"), -7, -5, False, [], [None, 4], {"street": None, "zip": None}),
            *([], b"", _CLOCK(0, 0, 0)),
        ),
        _person(
            *(3, "céline", "", _DAY(1969, 12, 31), _moment("1969-12-31 23:59:59.5")),
            *(_moment("1970-01-01 00:00:00").replace(tzinfo=_UTC), _NAN, 1.0, _D("0.05")),
            *(_D("0.0000"), 0, 0, None, ["é", None], None, None, None, None, None),
        ),
        _person(
            *(4, "a%b_c", "São Paulo", _DAY(2024, 12, 30), _moment("2025-01-01 12:34:56.1")),
            *(_moment("2025-06-15 12:00:00").replace(tzinfo=_UTC), _INF, 3.25, _D("999999.99")),
            *(_D("-1.5000"), 32000, 2147483647, True, ["a"], [7], {"street": "x", "zip": 5}),
            *([("k", None)], b"abc", _CLOCK(23, 59, 59)),
        ),
        _person(5, *([None] * 18)),
        _person(
            *(6, "😀a-b-c", "oslo", _DAY(2023, 1, 1), _moment("2023-01-01 00:00:00.000001")),
            *(_moment("2023-01-01 00:00:00").replace(tzinfo=_UTC), -0.0, -0.0, _D("2.50")),
            *(_D("0.5000"), 3, 3, False, ["x", "y", "x"], [3, 3], {"street": "é", "zip": -1}),
            *([("z", 9)], b"\x01", _CLOCK(1, 2, 3)),
        ),
        _person(
            *(7, "line\nbreak", " Rome ", _DAY(2023, 10, 29), _moment("2023-10-29 02:30:00")),
            *(_moment("2023-10-29 02:30:00").replace(tzinfo=_UTC), -3.7, 2.0, _D("-2.50")),
            *(_D("-0.5000"), -3, 8, True, [""], [0, -1], {"street": "", "zip": 0}),
            *([("k", 5)], b"a'b", _CLOCK(12, 0, 0)),
        ),
    ],
    "orders": [
        _order(1, 1, _D("100.00"), _D("0.05"), _DAY(2024, 1, 15), "open", 2, 1.25),
        _order(2, 1, _D("250.75"), _D("0.10"), _DAY(2024, 2, 15), "done", 5, 0.1),
        _order(3, 2, _D("75.25"), _D("0.00"), _DAY(2024, 2, 29), "done", 1, _NAN),
        _order(4, 2, None, _D("0.07"), _DAY(2024, 3, 1), None, None, None),
        _order(5, 4, _D("-12.34"), None, _DAY(2023, 12, 31), "open", -3, 7.5),
        _order(6, 99, _D("0.01"), _D("0.99"), None, "lost", 0, 2.5),
        _order(7, None, _D("33.33"), _D("0.33"), _DAY(2024, 1, 15), "open", 7, -1.5),
    ],
    "bare": [],
}


def names() -> Iterator[TableName]:
    """The names of all tables."""
    return (TableName(CATALOG, SCHEMA, table) for table in SCHEMAS)


def table(name: TableName) -> Table:
    """A table as a catalog would tell of it."""
    columns = tuple(Column(f.name, f.type) for f in SCHEMAS[name.table])
    return Table(name, columns)


def whole(name: TableName) -> Relation:
    """A table of which all is visible."""
    made = table(name)
    return Relation(name, made, tuple(RelationColumn(c.name, c.type) for c in made.columns))


PLACES = {name: AthenaTable("memory", "default", name.table) for name in names()}


def secured(text: str, relations: tuple[Relation, ...] | None = None) -> Secured:
    """A statement over the tables, all of them visible if nothing else is said."""
    if relations is None:
        relations = tuple(whole(name) for name in names())
    return Secured(text, relations, catalog=CATALOG, schema=SCHEMA)


def duck() -> duckdb.DuckDBPyConnection:
    """A DuckDB that holds the tables."""
    connection = duckdb.connect(config={"threads": 1, "python_enable_replacements": False})
    connection.execute(f"SET TimeZone = 'UTC'; ATTACH ':memory:' AS {CATALOG}")
    connection.execute(f"CREATE SCHEMA {CATALOG}.{SCHEMA}; USE {CATALOG}.{SCHEMA}")
    for name, schema in SCHEMAS.items():
        connection.register("rows_", pa.Table.from_pylist(ROWS[name], schema))
        columns = ", ".join(
            f"CAST({quote(f.name)} AS {from_arrow(f.type).duck}) AS {quote(f.name)}" for f in schema
        )
        connection.execute(f"CREATE TABLE {name} AS SELECT {columns} FROM rows_")
        connection.unregister("rows_")
    return connection


def trino_statements() -> Iterator[str]:
    """What makes the tables in Trino's memory."""
    for name, schema in SCHEMAS.items():
        yield f"DROP TABLE IF EXISTS memory.default.{name}"
        columns = ", ".join(f'"{f.name.lower()}"' for f in schema)
        rows = ROWS[name] or [dict.fromkeys(schema.names)]
        cells = ", ".join(
            "(" + ", ".join(_literal(row[f.name], f.type) for f in schema) + ")" for row in rows
        )
        where = "" if ROWS[name] else " WHERE false"
        yield (
            f"CREATE TABLE memory.default.{name} AS "
            f"SELECT * FROM (VALUES {cells}) AS v ({columns}){where}"
        )


def _literal(value: Any, data: pa.DataType) -> str:
    kind = from_arrow(data).trino
    if value is None:
        return f"CAST(NULL AS {kind})"
    if pa.types.is_struct(data):
        parts = ", ".join(_literal(value[f.name], f.type) for f in data)
        return f"CAST(ROW({parts}) AS {kind})"
    if pa.types.is_map(data):
        keys = ", ".join(_literal(key, data.key_type) for key, _ in value)
        items = ", ".join(_literal(item, data.item_type) for _, item in value)
        return f"CAST(map(ARRAY[{keys}], ARRAY[{items}]) AS {kind})"
    if pa.types.is_list(data):
        return f"CAST(ARRAY[{', '.join(_literal(v, data.value_type) for v in value)}] AS {kind})"
    if isinstance(value, bytes):
        return f"X'{value.hex().upper()}'"
    if isinstance(value, float):
        texts = {"nan": "nan()", "inf": "infinity()"}
        return f"CAST({texts.get(str(value), f'{value!r}E0')} AS {kind})"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dt.datetime):
        zone = "" if value.tzinfo is None else " UTC"
        text = value.replace(tzinfo=None).isoformat(sep=" ")
        return f"CAST(TIMESTAMP '{text}{zone}' AS {kind})"
    text = str(value).replace("'", "''")
    return f"CAST('{text}' AS {kind})"
