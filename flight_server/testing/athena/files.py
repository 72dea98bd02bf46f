"""The files of results as Athena writes them: CSV, its metadata, text, and UNLOAD's Parquet."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_NULLABLE = {"NOT_NULL": 1, "NULLABLE": 2}
_ROW_GROUP = 100_000


def csv_bytes(names: Sequence[str], rows: Iterable[Sequence[str | None]]) -> bytes:
    """Every value in quotes but NULL, which is nothing at all."""
    out = io.StringIO()
    out.write(",".join(map(_quoted, names)) + "\n")
    for row in rows:
        out.write(",".join(map(_quoted, row)) + "\n")
    return out.getvalue().encode()


def _quoted(value: str | None) -> str:
    return "" if value is None else '"' + value.replace('"', '""') + '"'


def text_bytes(rows: Iterable[Sequence[str | None]]) -> bytes:
    """The lines of a utility statement's `.txt`."""
    return "".join("\t".join(value or "" for value in row) + "\n" for row in rows).encode()


def metadata_bytes(columns: Iterable[dict[str, Any]]) -> bytes:
    """`<id>.csv.metadata`: a protobuf message whose field 4 repeats the columns."""
    out = b""
    for column in columns:
        message = (
            _string(1, column["CatalogName"])
            + _string(4, column["Name"])
            + _string(5, column["Label"])
            + _string(6, column["Type"])
            + _number(7, column["Precision"])
            + _number(8, column["Scale"])
            + _number(9, _NULLABLE.get(column["Nullable"], 3))
            + _number(10, int(column["CaseSensitive"]))
        )
        out += _varint(4 << 3 | 2) + _varint(len(message)) + message
    return out


def _varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def _string(field: int, value: str) -> bytes:
    data = value.encode()
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def parquet_bytes(table: pa.Table, compression: str) -> bytes:
    """A file as Hive's writer makes it: INT96 timestamps, lists of `array_element`, no schema."""
    buffer = io.BytesIO()
    pq.write_table(
        table,
        buffer,
        compression=compression,
        use_deprecated_int96_timestamps=True,
        use_compliant_nested_type=False,
        store_schema=False,
        row_group_size=_ROW_GROUP,
    )
    return buffer.getvalue()


def hive_type(of: pa.DataType) -> pa.DataType:
    """The type that Hive's Parquet writer has for a type."""
    if pa.types.is_list(of):
        return pa.list_(pa.field("array_element", hive_type(of.value_type)))
    if pa.types.is_map(of):
        return pa.map_(hive_type(of.key_type), hive_type(of.item_type))
    if pa.types.is_struct(of):
        named = enumerate(of)
        return pa.struct([pa.field(f.name or f"field{i}", hive_type(f.type)) for i, f in named])
    if pa.types.is_timestamp(of):
        return pa.timestamp("ms")
    return of
