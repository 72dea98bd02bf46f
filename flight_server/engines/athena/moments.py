"""Dates, moments and intervals in Athena's dialect; the session's time zone is UTC."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flight_server.engines.athena.binder import Binder, Node
from flight_server.engines.athena.types import (
    BIGINT,
    DATE,
    INTEGERS,
    TIMESTAMP,
    TIMESTAMPTZ,
    VARCHAR,
)
from flight_server.engines.athena.values import Translates, Value, coerced, joined, literal
from flight_server.engines.errors import Untranslatable

# Fields of a moment, each with the form of what DuckDB gives.
PARTS: Mapping[str, str] = {
    "year": "year({0})",
    "quarter": "quarter({0})",
    "month": "month({0})",
    "week": "week({0})",
    "weekofyear": "week({0})",
    "day": "day({0})",
    "dayofmonth": "day({0})",
    "dayofyear": "day_of_year({0})",
    "doy": "day_of_year({0})",
    "dayofweek": "(day_of_week({0}) % 7)",
    "weekday": "(day_of_week({0}) % 7)",
    "dow": "(day_of_week({0}) % 7)",
    "isodow": "day_of_week({0})",
    "isoyear": "year_of_week({0})",
    "hour": "hour({0})",
    "minute": "minute({0})",
    "second": "second({0})",
}
_UNITS = ("year", "quarter", "month", "week", "day", "hour", "minute", "second")
# Weeks are counted in another way.
_BETWEEN = ("year", "quarter", "month", "day", "hour", "minute", "second")
_STEPS = {
    "to_years": ("year", 1),
    "to_quarters": ("month", 3),
    "to_months": ("month", 1),
    "to_weeks": ("day", 7),
    "to_days": ("day", 1),
    "to_hours": ("hour", 1),
    "to_minutes": ("minute", 1),
    "to_seconds": ("second", 1),
}
_WRITTEN = re.compile(r"\s*(-?[0-9]{1,6})\s+(year|month|week|day|hour|minute|second)s?\s*", re.I)
_FORMATS = {
    "Y": "%Y",
    "m": "%m",
    "d": "%d",
    "H": "%H",
    "M": "%i",
    "S": "%s",
    "y": "%y",
    "j": "%j",
    "B": "%M",
    "b": "%b",
    "A": "%W",
    "a": "%a",
    "p": "%p",
    "I": "%h",
    "%": "%%",
}


@dataclass(frozen=True, slots=True)
class Step:
    """A length of time: how many of which unit, as SQL."""

    unit: str
    count: Value


def interval(made: Translates, node: Node) -> Step | None:
    """The interval that an expression is, or None where it is none."""
    if node.get("class") == "CAST":
        kind = str(node["type_expr"].get("type_name", "")).upper()
        text = str((node["child"].get("literal") or {}).get("text", ""))
        if kind != "INTERVAL":
            return None
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise Untranslatable("This interval")
        unit, factor = _STEPS[f"to_{found[2].lower()}s"]
        many = int(found[1]) * factor
        return Step(unit, Value(f"({many})", BIGINT, number=many))
    name = str(node.get("function_name", "")).lower()
    if node.get("class") != "FUNCTION" or name not in _STEPS:
        return None
    unit, factor = _STEPS[name]
    arguments = node.get("arguments") or []
    if len(arguments) != 1:
        raise Untranslatable("This interval")
    count = _count(made, arguments[0]["expression"])
    sql = count.sql if factor == 1 else f"({count.sql} * {factor})"
    return Step(unit, count.made(sql, BIGINT))


def _count(made: Translates, node: Node) -> Value:
    """How many; the parser wraps it into CAST(trunc(CAST(n AS DOUBLE)) AS INTEGER)."""
    inner = node
    for wrapped in ("CAST", "FUNCTION", "CAST"):
        if inner.get("class") != wrapped:
            inner = node
            break
        arguments = inner.get("arguments")
        inner = arguments[0]["expression"] if arguments else inner.get("child", {})
    value = made.value(inner)
    if value.type.name not in INTEGERS - {"HUGEINT"}:
        raise Untranslatable("An interval of this length", value.at)
    return value


def shift(value: Value, step: Step | None, back: bool, at: int | None) -> Value:
    """A moment moved by an interval."""
    if step is None or value.type.name not in ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"):
        raise Untranslatable("Arithmetic of intervals", at)
    kind = TIMESTAMP if value.type == DATE else value.type
    sign = "-" if back else ""
    sql = f"date_add('{step.unit}', {sign}{step.count.sql}, {coerced(value, kind)})"
    return joined([value, step.count], sql, kind, at)


def days(name: str, values: Sequence[Value]) -> str | None:
    """A date plus or minus days, or the days between two dates; None where it is neither."""
    if len(values) != 2 or name not in ("+", "-"):
        return None
    first, second = values
    small = INTEGERS - {"HUGEINT"}
    if first.type == DATE and second.type.name in small:
        return f"date_add('day', {'-' if name == '-' else ''}({second.sql}), {first.sql})"
    if name == "+" and second.type == DATE and first.type.name in small:
        return f"date_add('day', {first.sql}, {second.sql})"
    if name == "-" and first.type == DATE and second.type == DATE:
        return f"date_diff('day', {second.sql}, {first.sql})"
    return None


def part(name: str, value: Value, at: int | None) -> str:
    """A field of a moment."""
    if value.type.name not in ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"):
        raise Untranslatable(f"The part {name} of this type", at)
    kind = value.type
    if name in ("hour", "minute", "second") and kind == DATE:
        return PARTS[name].format(coerced(value, TIMESTAMP))
    return PARTS[name].format(_local(value))


def _local(value: Value) -> str:
    return value.sql if value.type != TIMESTAMPTZ else f"({value.sql} AT TIME ZONE 'UTC')"


def _part(_binder: Binder, values: list[Value], at: int | None) -> Value:
    named = (values[0].text or "").lower() if len(values) == 2 else ""
    if named not in PARTS:
        raise Untranslatable("This part of a moment", at)
    return values[1].made(part(named, values[1], at), BIGINT)


def _truncated(_binder: Binder, values: list[Value], at: int | None) -> Value:
    unit = (values[0].text or "").lower() if len(values) == 2 else ""
    if unit not in _UNITS or values[1].type.name not in ("DATE", "TIMESTAMP", TIMESTAMPTZ.name):
        raise Untranslatable("This rounding of a moment", at)
    kind = TIMESTAMP if values[1].type == DATE else values[1].type
    inner = coerced(values[1], kind)
    if kind == TIMESTAMPTZ:
        inner = f"({inner} AT TIME ZONE 'UTC')"
    return values[1].made(f"date_trunc('{unit}', {inner})", kind)


def _between(_binder: Binder, values: list[Value], at: int | None) -> Value:
    """DuckDB counts the borders of units that lie between, Athena whole units."""
    unit = (values[0].text or "").lower() if len(values) == 3 else ""
    kinds = {value.type for value in values[1:]}
    if unit not in _BETWEEN or not kinds <= {DATE, TIMESTAMP}:
        raise Untranslatable("This difference of moments", at)
    ends = [f"date_trunc('{unit}', {coerced(value, TIMESTAMP)})" for value in values[1:]]
    return joined(values, f"date_diff('{unit}', {ends[0]}, {ends[1]})", BIGINT, at)


def _formatted(_binder: Binder, values: list[Value], at: int | None) -> Value:
    if len(values) != 2 or values[0].type not in (DATE, TIMESTAMP) or values[1].text is None:
        raise Untranslatable("The function strftime over these arguments", at)
    parts = re.findall(r"%(.?)|([^%]+)", values[1].text, re.DOTALL)
    if any(not plain and code not in _FORMATS for code, plain in parts):
        raise Untranslatable("This format of a moment", at)
    form = "".join(plain or _FORMATS[code] for code, plain in parts)
    # Athena rounds to milliseconds, which may be in another year
    moment = f"date_trunc('second', {coerced(values[0], TIMESTAMP)})"
    return joined(values, f"date_format({moment}, {literal(form)})", VARCHAR, at)


def _zoned(_binder: Binder, values: list[Value], at: int | None) -> Value:
    if len(values) != 2 or values[0].text not in ("UTC", "Etc/UTC", "GMT"):
        raise Untranslatable("A time zone other than UTC", at)
    value = values[1]
    if value.type == TIMESTAMPTZ:
        return value.made(coerced(value, TIMESTAMP), TIMESTAMP)
    if value.type in (TIMESTAMP, DATE):
        return value.made(coerced(value, TIMESTAMPTZ), TIMESTAMPTZ)
    raise Untranslatable("AT TIME ZONE of this type", at)


def _last_day(_binder: Binder, values: list[Value], at: int | None) -> Value:
    if len(values) != 1 or values[0].type not in (DATE, TIMESTAMP):
        raise Untranslatable("The function last_day over these arguments", at)
    return values[0].made(f"last_day_of_month({values[0].sql})", DATE)


def _named(form: str) -> Callable[[Binder, list[Value], int | None], Value]:
    def made(_binder: Binder, values: list[Value], at: int | None) -> Value:
        if len(values) != 1 or values[0].type not in (DATE, TIMESTAMP):
            raise Untranslatable("The name of this part of a moment", at)
        moment = f"date_trunc('second', {coerced(values[0], TIMESTAMP)})"
        return values[0].made(f"date_format({moment}, '{form}')", VARCHAR)

    return made


FORMS: Mapping[str, Callable[[Binder, list[Value], int | None], Value]] = {
    "date_part": _part,
    "datepart": _part,
    "date_trunc": _truncated,
    "datetrunc": _truncated,
    "date_diff": _between,
    "datediff": _between,
    "strftime": _formatted,
    "timezone": _zoned,
    "last_day": _last_day,
    "dayname": _named("%W"),
    "monthname": _named("%M"),
}
