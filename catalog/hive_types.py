"""Types as Hive's metastore and Glue write them, in Arrow's words; knows no catalog."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from catalog.errors import UnsupportedTable
from catalog.lookup import refuse_alike
from catalog.model import Column

# The element of a list, as engines name it in Arrow.
_LIST_ITEM = "l"
_UNREADABLE = "The table has a column of a type that this server cannot read"
_DEEPEST = 32
_WORD = re.compile(r"[^\s<>(),:]+")
_NUMBERS = re.compile(r"\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
_PLAIN: Mapping[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "real": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
    "varchar": pa.string(),
    "char": pa.string(),
    "binary": pa.binary(),
    "varbinary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "time": pa.time64("us"),
}
_ZONED = pa.timestamp("us", tz="UTC")
_ZONES = ("with time zone", "with local time zone")


@dataclass(frozen=True, slots=True)
class HiveType:
    """A type with what lies within it: a struct's fields, or `element`, or `key` and `value`."""

    arrow: pa.DataType
    parts: tuple[Column, ...] = ()


def hive_type(text: str) -> HiveType:
    """What a type's text means. Raises `UnsupportedTable` for one that no engine here can read."""
    reader = _Reader(text)
    found = reader.type(0)
    reader.end()
    return found


class _Reader:
    """Reads one type from the left."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def type(self, depth: int) -> HiveType:
        """The type that begins here."""
        if depth > _DEEPEST:
            raise UnsupportedTable(_UNREADABLE)
        word = self._word().lower()
        if word in _NESTED:
            return _NESTED[word](self, depth + 1)
        if word == "decimal":
            precision, scale = self._numbers() or (10, 0)
            if not 1 <= precision <= 38 or scale > precision:
                raise UnsupportedTable(_UNREADABLE)
            return HiveType(pa.decimal128(precision, scale))
        if word == "double" and self._take("precision"):
            return HiveType(pa.float64())
        known = _PLAIN.get(word)
        if known is None:
            raise UnsupportedTable(_UNREADABLE)
        self._numbers()
        zoned = any(self._take(zone) for zone in _ZONES)
        if zoned and word != "timestamp":
            raise UnsupportedTable(_UNREADABLE)
        return HiveType(_ZONED if zoned else known)

    def end(self) -> None:
        """Nothing may be left."""
        if self._text[self._at :].strip():
            raise UnsupportedTable(_UNREADABLE)

    def list_(self, depth: int) -> HiveType:
        """`array<type>`."""
        (inner,) = self._inner(depth, 1)
        element = Column("element", inner.arrow, children=inner.parts)
        return HiveType(pa.list_(pa.field(_LIST_ITEM, inner.arrow)), (element,))

    def map_(self, depth: int) -> HiveType:
        """`map<key,value>`."""
        key, value = self._inner(depth, 2)
        parts = (
            Column("key", key.arrow, nullable=False, children=key.parts),
            Column("value", value.arrow, children=value.parts),
        )
        return HiveType(pa.map_(key.arrow, value.arrow), parts)

    def struct(self, depth: int) -> HiveType:
        """`struct<name:type, …>`, or `row(name type, …)`."""
        closing = self._open()
        parts: list[Column] = []
        while True:
            name = self._word()
            self._take(":")
            inner = self.type(depth)
            parts.append(Column(name, inner.arrow, children=inner.parts))
            if not self._take(","):
                break
        self._need(closing)
        refuse_alike(part.name for part in parts)
        return HiveType(pa.struct([(part.name, part.type) for part in parts]), tuple(parts))

    def _inner(self, depth: int, count: int) -> list[HiveType]:
        closing = self._open()
        found = [self.type(depth)]
        for _ in range(count - 1):
            self._need(",")
            found.append(self.type(depth))
        self._need(closing)
        return found

    def _open(self) -> str:
        if self._take("<"):
            return ">"
        self._need("(")
        return ")"

    def _word(self) -> str:
        self._skip()
        found = _WORD.match(self._text, self._at)
        if found is None:
            raise UnsupportedTable(_UNREADABLE)
        self._at = found.end()
        return found[0]

    def _numbers(self) -> tuple[int, int] | None:
        self._skip()
        found = _NUMBERS.match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        return int(found[1]), int(found[2] or 0)

    def _take(self, text: str) -> bool:
        self._skip()
        if not self._text[self._at :].lower().startswith(text):
            return False
        self._at += len(text)
        return True

    def _need(self, text: str) -> None:
        if not self._take(text):
            raise UnsupportedTable(_UNREADABLE)

    def _skip(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1


_NESTED: Mapping[str, Callable[[_Reader, int], HiveType]] = {
    "array": _Reader.list_,
    "map": _Reader.map_,
    "struct": _Reader.struct,
    "row": _Reader.struct,
}
