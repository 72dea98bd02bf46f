"""Lines of text as Hive's LazySimpleSerDe reads and writes them: separators, no quotes."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

_NULL = "\\N"
_INNER = "\x02\x03\x04\x05\x06\x07\x08"
"""What separates the parts of nested values, by depth."""

_Read = Callable[[str], Any]


def read(text: bytes, schema: pa.Schema, delimiter: str) -> pa.Table:
    """The rows of a file. Plain columns stay text, nested and binary ones have their types.

    A line with too few fields has NULLs at its end; what does not fit its type is NULL.
    """
    body = text.decode()
    lines = body.removesuffix("\n").split("\n") if body else []
    rows = [line.removesuffix("\r").split(delimiter) for line in lines]
    columns = []
    for index, field in enumerate(schema):
        texts = [None if index >= len(row) or row[index] == _NULL else row[index] for row in rows]
        if _is_plain(field.type):
            columns.append(pa.array(texts, pa.string()))
            continue
        convert = _reader(field.type, 0)
        values = [None if each is None else convert(each) for each in texts]
        columns.append(pa.array(values, field.type))
    return pa.table(columns, names=schema.names)


def written(rows: pa.Table, delimiter: str) -> bytes:
    """Rows as a file."""
    columns = [[_text(value, 0) for value in column.to_pylist()] for column in rows.columns]
    lines = (delimiter.join(row) + "\n" for row in zip(*columns, strict=True))
    return "".join(lines).encode()


def _is_plain(of: pa.DataType) -> bool:
    return not (pa.types.is_nested(of) or pa.types.is_binary(of))


def _reader(of: pa.DataType, depth: int) -> _Read:
    """How the text of a value is read, `depth` levels below a column."""
    if pa.types.is_map(of):
        key, item = _part(of.key_type, depth + 2), _part(of.item_type, depth + 2)
        return lambda text: [
            (key(left), item(right))
            for left, _, right in (
                each.partition(_INNER[depth + 1]) for each in _split(text, _INNER[depth])
            )
        ]
    if pa.types.is_list(of):
        element = _part(of.value_type, depth + 1)
        return lambda text: [element(each) for each in _split(text, _INNER[depth])]
    if pa.types.is_struct(of):
        parts = [_part(field.type, depth + 1) for field in of]
        return lambda text: _struct(text.split(_INNER[depth]), of.names, parts)
    if pa.types.is_binary(of):
        return _bytes
    return lambda text: _scalar(text, of)


def _part(of: pa.DataType, depth: int) -> _Read:
    convert = _reader(of, depth)
    return lambda text: None if text == _NULL else convert(text)


def _split(text: str, separator: str) -> Sequence[str]:
    return text.split(separator) if text else ()


def _struct(texts: list[str], names: Sequence[str], parts: Sequence[_Read]) -> dict[str, Any]:
    filled = texts + [_NULL] * (len(names) - len(texts))
    return {name: part(text) for name, part, text in zip(names, parts, filled, strict=False)}


def _bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return text.encode()  # Hive takes what is no base64 as it is


def _scalar(text: str, of: pa.DataType) -> Any:
    try:
        if pa.types.is_timestamp(of):  # of a file with more digits than Hive has
            return (
                pa.scalar(text, pa.string()).cast(pa.timestamp("us")).cast(of, safe=False).as_py()
            )
        value = pa.scalar(text, pa.string()).cast(of)
    except pa.ArrowInvalid:
        return None
    return value.as_py()


def _text(value: Any, depth: int) -> str:
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dt.datetime):
        return f"{value.replace(tzinfo=None)}"
    if isinstance(value, dict):
        return _INNER[depth].join(_text(each, depth + 1) for each in value.values())
    if not isinstance(value, list):
        return str(value)
    if value and isinstance(value[0], tuple):  # a map's entries
        return _INNER[depth].join(
            _text(key, depth + 2) + _INNER[depth + 1] + _text(item, depth + 2)
            for key, item in value
        )
    return _INNER[depth].join(_text(each, depth + 1) for each in value)
