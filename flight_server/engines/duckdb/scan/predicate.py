"""DuckDB's pushed-down filters as Iceberg expressions. What is not understood is left out.

A filter may only become weaker here, never stronger: a file that it lets go of has no row that the
filter lets through.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
from pyiceberg.expressions import (
    AlwaysTrue,
    And,
    BooleanExpression,
    EqualTo,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    IsNaN,
    IsNull,
    LessThan,
    LessThanOrEqual,
    NotEqualTo,
    NotNull,
    Or,
    Reference,
)
from pyiceberg.schema import Schema
from pyiceberg.types import (
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    LongType,
    NestedField,
    StringType,
    TimestampType,
    TimestamptzType,
)

Node = Mapping[str, Any]
# A column of a stub: the number of its relation, and the id of its field.
COLUMN = re.compile(r"s([0-9]+)f([0-9]+)")

_COMPARISONS: dict[str, tuple[Callable[..., BooleanExpression], str]] = {
    "COMPARE_EQUAL": (EqualTo, "COMPARE_EQUAL"),
    "COMPARE_NOTEQUAL": (NotEqualTo, "COMPARE_NOTEQUAL"),
    "COMPARE_LESSTHAN": (LessThan, "COMPARE_GREATERTHAN"),
    "COMPARE_LESSTHANOREQUALTO": (LessThanOrEqual, "COMPARE_GREATERTHANOREQUALTO"),
    "COMPARE_GREATERTHAN": (GreaterThan, "COMPARE_LESSTHAN"),
    "COMPARE_GREATERTHANOREQUALTO": (GreaterThanOrEqual, "COMPARE_LESSTHANOREQUALTO"),
}
_AT_LEAST = _COMPARISONS["COMPARE_GREATERTHANOREQUALTO"][0]
_AT_MOST = _COMPARISONS["COMPARE_LESSTHANOREQUALTO"][0]
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_EPOCH = datetime(1970, 1, 1)
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)


class _Unknown(Exception):
    """A part of a filter that no file can be told by."""


def predicate(scans: Sequence[Sequence[Node]], schema: Schema) -> BooleanExpression:
    """What rows of a relation can matter to a statement, given the filters of each of its scans.

    The filters of one scan all hold; of several scans any row that one lets through matters.
    """
    if not scans:
        return AlwaysTrue()
    of_scans: list[BooleanExpression] = []
    for filters in scans:
        known = [found for node in filters if (found := _weakened(node, schema)) is not None]
        if not known:
            return AlwaysTrue()
        of_scans.append(_all(known))
    return of_scans[0] if len(of_scans) == 1 else Or(*of_scans)


def _weakened(node: Node, schema: Schema) -> BooleanExpression | None:
    try:
        return _convert(node, schema)
    except _Unknown:
        return None


def _all(parts: Sequence[BooleanExpression]) -> BooleanExpression:
    return parts[0] if len(parts) == 1 else And(*parts)


def _convert(node: Node, schema: Schema) -> BooleanExpression:
    match node:
        case {"type": "CONJUNCTION_AND", "children": children}:
            known = [part for child in children if (part := _weakened(child, schema)) is not None]
            if not known:
                raise _Unknown
            return _all(known)
        case {"type": "CONJUNCTION_OR", "children": children}:
            parts = [_convert(child, schema) for child in children]
            return parts[0] if len(parts) == 1 else Or(*parts)
        case {"class": "COMPARISON", "type": kind, "left": left, "right": right}:
            return _comparison(kind, left, right, schema)
        case {"type": "COMPARE_IN", "children": [operand, *members]} if members:
            field = _field(operand, schema)
            if isinstance(field.field_type, FloatType | DoubleType):
                raise _Unknown
            values = [_value(member, field) for member in members]
            return In(term=Reference(_name(field, schema)), literals=values)
        case {"type": "OPERATOR_IS_NULL", "children": [operand]}:
            return IsNull(term=Reference(_name(_field(operand, schema), schema)))
        case {"type": "OPERATOR_IS_NOT_NULL", "children": [operand]}:
            return NotNull(term=Reference(_name(_field(operand, schema), schema)))
    raise _Unknown


def _comparison(kind: str, left: Node, right: Node, schema: Schema) -> BooleanExpression:
    if kind not in _COMPARISONS:
        raise _Unknown
    if left.get("class") != "COLUMN_REF":
        left, right, kind = right, left, _COMPARISONS[kind][1]
    field = _field(left, schema)
    name, value = _name(field, schema), _value(right, field)
    if isinstance(value, float):
        return _floating(kind, name, value, field)
    return _COMPARISONS[kind][0](name, value)


def _floating(kind: str, name: str, value: float, field: NestedField) -> BooleanExpression:
    """A comparison with a number that may be written less exactly than it is held.

    DuckDB holds NaN for the largest number; bounds leave it out.
    """
    exact = np.float32(value) if isinstance(field.field_type, FloatType) else np.float64(value)
    low = float(np.nextafter(exact, exact.dtype.type(-np.inf)))
    high = float(np.nextafter(exact, exact.dtype.type(np.inf)))
    match kind:
        case "COMPARE_EQUAL":
            return And(_AT_LEAST(name, low), _AT_MOST(name, high))
        case "COMPARE_LESSTHAN" | "COMPARE_LESSTHANOREQUALTO":
            return _AT_MOST(name, high)
        case "COMPARE_GREATERTHAN" | "COMPARE_GREATERTHANOREQUALTO":
            return Or(_AT_LEAST(name, low), IsNaN(term=Reference(name)))
    raise _Unknown


def _field(node: Node, schema: Schema) -> NestedField:
    names = node.get("column_names") if node.get("class") == "COLUMN_REF" else None
    found = COLUMN.fullmatch(names[0]) if names and len(names) == 1 else None
    if found is None:
        raise _Unknown
    try:
        return schema.find_field(int(found[2]))
    except ValueError:
        raise _Unknown from None


def _name(field: NestedField, schema: Schema) -> str:
    name = schema.find_column_name(field.field_id)
    if name is None:
        raise _Unknown
    return name


def _value(node: Node, field: NestedField) -> Any:
    while node.get("class") == "CAST" and not node.get("try_cast"):
        node = node["child"]
    literal = node.get("literal") if node.get("class") == "CONSTANT" else None
    if not isinstance(literal, dict) or literal.get("kind") == "NULL_LITERAL":
        raise _Unknown
    try:
        return _typed(str(literal["text"]), str(literal["kind"]), field.field_type)
    except (ValueError, InvalidOperation, OverflowError, KeyError):
        raise _Unknown from None


def _typed(text: str, kind: str, data: IcebergType) -> Any:
    """A literal as a value of a column's type."""
    if isinstance(data, StringType) and kind == "STRING":
        return text
    if isinstance(data, IntegerType | LongType) and kind != "STRING":
        return int(text)
    if isinstance(data, DecimalType) and kind != "STRING":
        value = Decimal(text).quantize(Decimal(1).scaleb(-data.scale))
        if value != Decimal(text):
            raise _Unknown
        return value
    if isinstance(data, FloatType | DoubleType) and kind != "STRING":
        number = float(text)
        if not math.isfinite(number):
            raise _Unknown
        return number
    if isinstance(data, BooleanType) and kind == "BOOLEAN":
        return text == "true"
    if isinstance(data, DateType) and _DATE.fullmatch(text):
        return text
    if isinstance(data, TimestampType | TimestamptzType):
        moment = datetime.fromisoformat(text)
        zoned = isinstance(data, TimestamptzType)
        if (moment.tzinfo is not None) != zoned:
            raise _Unknown
        delta = moment - (_EPOCH_UTC if zoned else _EPOCH)
        return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
    raise _Unknown
