"""DuckDB's types and values as Athena shows them in results, CSV files and metadata."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MILLISECONDS, MICROSECONDS = 3, 6
_LONGEST = 2_147_483_647

# DuckDB's type: Athena's type and the precision that ColumnInfo tells.
_TYPES: dict[str, tuple[str, int]] = {
    "boolean": ("boolean", 0),
    "tinyint": ("tinyint", 3),
    "smallint": ("smallint", 5),
    "integer": ("integer", 10),
    "bigint": ("bigint", 19),
    "hugeint": ("bigint", 19),
    "utinyint": ("smallint", 5),
    "usmallint": ("integer", 10),
    "uinteger": ("bigint", 19),
    "ubigint": ("decimal", 20),
    "float": ("float", 17),
    "double": ("double", 17),
    "varchar": ("varchar", _LONGEST),
    "date": ("date", 0),
    "timestamp": ("timestamp", 3),
    "timestamp_ms": ("timestamp", 3),
    "timestamp_s": ("timestamp", 3),
    "timestamp_ns": ("timestamp", 3),
    "timestamp with time zone": ("timestamp with time zone", 3),
    "time": ("time", 3),
    "time with time zone": ("time with time zone", 3),
    "blob": ("varbinary", 1_073_741_824),
    "list": ("array", 0),
    "array": ("array", 0),
    "struct": ("row", 0),
    "tuple": ("row", 0),
    "map": ("map", 0),
    "json": ("json", 0),
    "uuid": ("uuid", 0),
    "interval": ("interval day to second", 0),
    "null": ("unknown", 0),
}
_TRINO = {"float": "real", "null": "unknown"}


def kind(of: Any) -> str:
    """The name of a DuckDB type without its parameters."""
    return "json" if str(of) == "JSON" else str(of.id)


def inner(of: Any, index: int) -> Any:
    """A parameter or a part of a DuckDB type."""
    return of.children[index][1]


def column_info(name: str, of: Any) -> dict[str, Any]:
    """A column as `ColumnInfo`."""
    if kind(of) == "decimal":
        shown, precision, scale = "decimal", int(inner(of, 0)), int(inner(of, 1))
    else:
        (shown, precision), scale = _TYPES.get(kind(of), ("varchar", _LONGEST)), 0
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": name,
        "Label": name,
        "Type": shown,
        "Precision": precision,
        "Scale": scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": shown in ("varchar", "char"),
    }


def text_info(name: str) -> dict[str, Any]:
    """The only column of a utility statement."""
    return {
        **column_info(name, _Text()),
        "Type": "string",
        "Precision": 0,
        "CaseSensitive": False,
    }


class _Text:
    """Stands for DuckDB's VARCHAR."""

    id = "varchar"


class _Long:
    """Stands for DuckDB's BIGINT."""

    id = "bigint"


def count_info() -> dict[str, Any]:
    """The only column of a statement that writes rows."""
    return column_info("rows", _Long())


def trino_type(of: Any, precision: int) -> str:
    """A type as EXPLAIN writes it; `precision` is that of its TIMESTAMPs."""
    name = kind(of)
    if name in ("list", "array"):
        return f"array({trino_type(inner(of, 0), precision)})"
    if name == "map":
        return f"map({trino_type(inner(of, 0), precision)}, {trino_type(inner(of, 1), precision)})"
    if name in ("struct", "tuple"):
        fields = (f'"{part}" {trino_type(part_type, precision)}' for part, part_type in of.children)
        return f"row({', '.join(fields)})"
    if name == "decimal":
        return f"decimal({inner(of, 0)},{inner(of, 1)})"
    if name.startswith("timestamp"):
        digits = precision_of(of, precision)
        return f"timestamp({digits})" + (" with time zone" if "zone" in name else "")
    return _TRINO.get(name, _TYPES.get(name, ("varchar", 0))[0])


def precision_of(of: Any, precision: int) -> int:
    """The digits of a timestamp: of its type, else of where it comes from."""
    return {"timestamp_s": 0, "timestamp_ms": MILLISECONDS}.get(kind(of), precision)


def texts(column: pa.Array, of: Any, precision: int) -> list[str | None]:
    """A column as Athena writes it, None for NULL."""
    name = kind(of)
    if name in ("boolean", "varchar", "date") or pa.types.is_integer(column.type):
        strings: list[str | None] = pc.cast(column, pa.string()).to_pylist()
        return strings
    if name.startswith("timestamp"):
        digits = precision_of(of, precision) or MILLISECONDS
        unit = "ms" if digits <= MILLISECONDS else "us"
        plain = pc.cast(column, pa.timestamp("us", column.type.tz), safe=False)
        plain = plain.cast(pa.int64()).cast(pa.timestamp("us"))
        shown = pc.cast(pc.cast(plain, pa.timestamp(unit), safe=False), pa.string())
        if "zone" in name:
            shown = pc.binary_join_element_wise(shown, "UTC", " ")
        moments: list[str | None] = shown.to_pylist()
        return moments
    write = _writer(of, precision)
    return [None if value is None else write(value) for value in column.to_pylist()]


def _writer(of: Any, precision: int) -> Callable[[Any], str]:
    """How a value of a type is written."""
    name = kind(of)
    if name in ("list", "array"):
        item = _nested(inner(of, 0), precision)
        return lambda value: "[" + ", ".join(map(item, value)) + "]"
    if name in ("struct", "tuple"):
        parts = [_nested(part_type, precision) for _, part_type in of.children]
        return lambda value: _row(value, parts, unnamed=name == "tuple")
    if name == "map":
        key, item = _nested(inner(of, 0), precision), _nested(inner(of, 1), precision)
        return lambda value: (
            "{" + ", ".join(f"{key(k)}={item(v)}" for k, v in _entries(value)) + "}"
        )
    if name.startswith("time"):
        digits = precision_of(of, precision) or MILLISECONDS
        return lambda value: _moment(value, digits)
    if name == "json":
        return lambda value: json.dumps(
            json.loads(value), separators=(",", ":"), ensure_ascii=False
        )
    return lambda value: _scalar(value, single=name == "float")


def _nested(of: Any, precision: int) -> Callable[[Any], str]:
    write = _writer(of, precision)
    return lambda value: "null" if value is None else write(value)


def _entries(value: Any) -> Iterable[tuple[Any, Any]]:
    return value.items() if isinstance(value, dict) else value


def _row(value: Mapping[str, Any], parts: list[Callable[[Any], str]], *, unnamed: bool) -> str:
    shown = []
    for index, ((name, item), write) in enumerate(zip(value.items(), parts, strict=True)):
        anonymous = unnamed or re.fullmatch(r"_\d+", name)  # a ROW(…) whose fields have no names
        shown.append(f"{f'field{index}' if anonymous else name}={write(item)}")
    return "{" + ", ".join(shown) + "}"


def _moment(value: dt.datetime | dt.time, digits: int) -> str:
    fraction = f"{value.microsecond:06d}"[:digits]
    if isinstance(value, dt.time):
        return f"{value:%H:%M:%S}.{fraction}"
    zone = ""
    if value.tzinfo is not None:
        value, zone = value.astimezone(dt.UTC), " UTC"
    return f"{value.year:04d}-{value:%m-%d %H:%M:%S}.{fraction}{zone}"


def _scalar(value: Any, *, single: bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return java_double(value, single=single)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex(" ")
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, dt.timedelta):
        hours, rest = divmod(value.seconds, 3600)
        minutes, seconds = divmod(rest, 60)
        clock = f"{hours:02d}:{minutes:02d}:{seconds:02d}.{value.microseconds // 1000:03d}"
        return f"{value.days} {clock}"
    return str(value)


def java_double(value: float, *, single: bool = False) -> str:
    """A float as Java writes it: `1.0`, `1.0E10`, `NaN`."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "-0.0" if np.signbit(value) else "0.0"
    shortest = str(np.float32(value)) if single else repr(value)
    number = decimal.Decimal(shortest)
    sign = "-" if number.is_signed() else ""
    number = abs(number)
    digits = "".join(map(str, number.as_tuple().digits)).rstrip("0")
    exponent = number.adjusted()
    if -3 <= exponent < 7:
        plain = format(number, "f")
        return sign + (plain if "." in plain else plain + ".0")
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{exponent}"
