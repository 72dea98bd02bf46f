"""Values of a translated expression: their SQL with its type, and how they change their type."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from flight_server.engines.athena.binder import Binder, Node
from flight_server.engines.athena.types import (
    DATE,
    DOUBLE,
    FLOATS,
    INTEGERS,
    TIMESTAMP,
    TIMESTAMPTZ,
    VARCHAR,
    Type,
)
from flight_server.engines.errors import Untranslatable

_DAY = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])")
_MOMENT = re.compile(
    rf"({_DAY.pattern})[ T]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(\.[0-9]{{1,6}})?"
)
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?")
_NUMBER = re.compile(r"-?[0-9]{1,38}(\.[0-9]{1,38})?")
_BYTES = re.compile(r"(?:\\x[0-9A-Fa-f]{2}|[ !#-&(-\[\]-~])*")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Value:
    """An expression in Athena's dialect with the type that DuckDB gives it.

    `literal` is DuckDB's text of a literal, `text` the value of a text literal, `number` that of
    an integer one. `grouped` is whether it holds an aggregate, `windowed` a window function.
    """

    sql: str
    type: Type
    literal: str | None = None
    text: str | None = None
    number: int | None = None
    grouped: bool = False
    windowed: bool = False
    at: int | None = None

    def made(self, sql: str, kind: Type) -> Value:
        """A value that is made of this one alone."""
        return Value(sql, kind, grouped=self.grouped, windowed=self.windowed, at=self.at)


class Translates(Protocol):
    """What translates the arguments of a call."""

    @property
    def binder(self) -> Binder: ...

    def value(self, node: Node) -> Value:
        """The translation of one expression."""
        ...


def literal(text: str) -> str:
    """A text literal. Athena has no way to write a NUL."""
    if "\0" in text:
        raise Untranslatable("A text with a NUL character")
    return "'" + text.replace("'", "''") + "'"


def call_type(binder: Binder, form: str, values: Sequence[Value], at: int | None) -> Type:
    """The type that DuckDB gives to a form over values, each named `{n}` in it."""
    columns = [value.type for value in values if value.literal is None]
    names = iter(range(len(columns)))
    parts = [f"a{next(names)}" if v.literal is None else v.literal for v in values]
    return binder.type(form.format(*parts), columns, at)


def common(binder: Binder, values: Sequence[Value], at: int | None) -> Type:
    """The type that DuckDB takes values to where they are to be of one type."""
    form = "[" + ", ".join(f"{{{n}}}" for n in range(len(values))) + "]"
    return call_type(binder, form, values, at).element


def coerced(value: Value, kind: Type) -> str:
    """The SQL of a value as another type, as DuckDB converts it without being asked."""
    if value.type == kind:
        return value.sql
    if value.type.name == "NULL":
        return f"CAST(NULL AS {kind.trino})"
    if value.text is not None and kind != VARCHAR:
        return _of_text(value.text, kind, value.at)
    return converted(value, kind)


def converted(value: Value, kind: Type) -> str:
    """The SQL of a CAST. Raises `Untranslatable` for one that might differ in a value."""
    source = value.type
    if source.shape == kind.shape:
        return value.sql if source == kind else f"CAST({value.sql} AS {kind.trino})"
    if source.name == "NULL":
        return f"CAST(NULL AS {kind.trino})"
    if value.text is not None and kind != VARCHAR:
        return _of_text(value.text, kind, value.at)
    for froms, tos, render in _CASTS:
        if source.name in froms and kind.name in tos:
            return render(value.sql, source, kind)
    if source.name == kind.name == "LIST":
        inner = converted(Value("x", source.element, at=value.at), kind.element)
        return f"transform({value.sql}, x -> {inner})"
    raise Untranslatable(f"A cast of {_said(source)} to {_said(kind)}", value.at)


def _said(kind: Type) -> str:
    return kind.name


def _of_text(text: str, kind: Type, at: int | None) -> str:
    """A text literal as a literal of another type, where all agree on what it is."""
    moment = _MOMENT.fullmatch(text)
    if kind == DATE and _DAY.fullmatch(text):
        return f"DATE '{text}'"
    if kind == TIMESTAMP and (moment or _DAY.fullmatch(text)):
        return f"CAST(TIMESTAMP '{_whole(text)}' AS timestamp(6))"
    if kind == TIMESTAMPTZ:
        bare = re.sub(r"(\+00(:00)?|Z| UTC)$", "", text)
        if _MOMENT.fullmatch(bare) or _DAY.fullmatch(bare):
            return f"CAST(TIMESTAMP '{_whole(bare)} UTC' AS {kind.trino})"
    if kind.name == "TIME" and _TIME.fullmatch(text):
        return f"CAST(TIME '{text}' AS time(6))"
    if kind.name == "UUID" and _UUID.fullmatch(text):
        return f"UUID '{text}'"
    if kind.name == "BLOB" and _BYTES.fullmatch(text):
        return f"X'{_bytes(text).hex().upper()}'"
    if kind.name == "BOOLEAN" and text in ("true", "false"):
        return text
    if kind.name in INTEGERS | {"DECIMAL", "DOUBLE"} and _NUMBER.fullmatch(text):
        whole = "." not in text
        if kind.name == "DOUBLE" and len(text) < 17:
            return f"DOUBLE '{text}'"
        if whole or (kind.name == "DECIMAL" and len(text) < 38):
            return f"CAST(DECIMAL '{text}' AS {kind.trino})"
    raise Untranslatable(f"This text as a value of type {_said(kind)}", at)


def _whole(text: str) -> str:
    text = text.replace("T", " ")
    return text if " " in text else f"{text} 00:00:00"


def _bytes(text: str) -> bytes:
    parts = re.findall(r"\\x([0-9A-Fa-f]{2})|(.)", text, re.DOTALL)
    return b"".join(bytes.fromhex(code) if code else char.encode() for code, char in parts)


def _cast(sql: str, _source: Type, kind: Type) -> str:
    return f"CAST({sql} AS {kind.trino})"


def _to_utc(sql: str, _source: Type, kind: Type) -> str:
    return f"CAST(({sql} AT TIME ZONE 'UTC') AS {kind.trino})"


def _from_utc(sql: str, _source: Type, _kind: Type) -> str:
    return f"with_timezone(CAST({sql} AS timestamp(6)), 'UTC')"


def _text_moment(sql: str, _source: Type, _kind: Type) -> str:
    text = f"CAST({sql} AS varchar)"
    # the point and zeros at the end of a fraction of six digits
    return f"regexp_replace({text}, '(\\.[0-9]*[1-9])0+$|\\.0+$', '$1')"


def _rounded(sql: str, _source: Type, kind: Type) -> str:
    """Halves go to the even number, as DuckDB rounds what it casts to an integer."""
    half = f"abs({sql} - truncate({sql})) = 0.5E0"
    even = f"2E0 * round({sql} / 2E0)"
    return f"CAST(IF({half}, {even}, round({sql})) AS {kind.trino})"


_Render = Callable[[str, Type, Type], str]
_EXACT = INTEGERS | {"DECIMAL"}
# Which casts are the same in both, or how they are made so. What is not here is refused: texts of
# floats differ, floats to decimals round differently, and texts to numbers are read more freely.
_CASTS: tuple[tuple[frozenset[str], frozenset[str], _Render], ...] = (
    (_EXACT, _EXACT | FLOATS | {"VARCHAR"}, _cast),
    (FLOATS, FLOATS, _cast),
    (FLOATS, INTEGERS, _rounded),
    (INTEGERS, frozenset({"BOOLEAN"}), _cast),
    (frozenset({"BOOLEAN"}), INTEGERS | {"VARCHAR"}, _cast),
    (frozenset({"DATE"}), frozenset({"TIMESTAMP", "VARCHAR"}), _cast),
    (frozenset({"DATE", "TIMESTAMP"}), frozenset({"TIMESTAMP WITH TIME ZONE"}), _from_utc),
    (frozenset({"TIMESTAMP"}), frozenset({"DATE"}), _cast),
    (frozenset({"TIMESTAMP"}), frozenset({"VARCHAR"}), _text_moment),
    (frozenset({"TIMESTAMP WITH TIME ZONE"}), frozenset({"TIMESTAMP", "DATE"}), _to_utc),
    (frozenset({"UUID"}), frozenset({"VARCHAR"}), _cast),
    (frozenset({"VARCHAR"}), frozenset({"DATE"}), _cast),
)


def as_double(value: Value) -> str:
    """The SQL of a number as a double."""
    return coerced(value, DOUBLE)


def joined(values: Sequence[Value], sql: str, kind: Type, at: int | None) -> Value:
    """A value that is made of others."""
    return Value(
        sql,
        kind,
        grouped=any(value.grouped for value in values),
        windowed=any(value.windowed for value in values),
        at=at,
    )


def plain(value: Value) -> Value:
    """The value without what is known of a literal."""
    return replace(value, literal=None, text=None, number=None)
