"""Iceberg expressions said again in DuckDB's SQL, by the types of the columns they are about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from pyiceberg.expressions import (
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
    LiteralPredicate,
    NotEqualTo,
    NotNull,
    Or,
)
from pyiceberg.types import (
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    LongType,
    StringType,
    TimestampType,
    TimestamptzType,
)

from catalog.model import Column
from catalog.names import quote
from flight_server.engines.duckdb.session import text_literal

_PLAIN: dict[pa.DataType, IcebergType] = {
    pa.bool_(): BooleanType(),
    pa.int8(): IntegerType(),
    pa.int16(): IntegerType(),
    pa.int32(): IntegerType(),
    pa.int64(): LongType(),
    pa.float32(): FloatType(),
    pa.float64(): DoubleType(),
    pa.string(): StringType(),
    pa.date32(): DateType(),
    pa.timestamp("us"): TimestampType(),
    pa.timestamp("us", "UTC"): TimestamptzType(),
}
_COMPARED: dict[type[LiteralPredicate], str] = {
    EqualTo: "=",
    NotEqualTo: "<>",
    LessThan: "<",
    LessThanOrEqual: "<=",
    GreaterThan: ">",
    GreaterThanOrEqual: ">=",
}
_EPOCH = datetime(1970, 1, 1)


def iceberg_type(data: pa.DataType) -> IcebergType | None:
    """Iceberg's type for one of Arrow's that expressions can be about; None for any other."""
    if pa.types.is_decimal128(data):
        return DecimalType(data.precision, data.scale)
    return _PLAIN.get(data)


def restated(expression: BooleanExpression, columns: Mapping[str, Column]) -> str | None:
    """The expression as a condition; None for one that cannot be said.

    `columns` are those that its names mean.
    """
    match expression:
        case And(left=left, right=right):
            # what cannot be said may be left out of what must all hold
            parts = [p for p in (restated(left, columns), restated(right, columns)) if p]
            return " AND ".join(parts) or None
        case Or(left=left, right=right):
            one, other = restated(left, columns), restated(right, columns)
            return f"({one} OR {other})" if one and other else None
        case IsNull(term=term):
            return f"{_name(term, columns)} IS NULL"
        case NotNull(term=term):
            return f"{_name(term, columns)} IS NOT NULL"
        case IsNaN(term=term):
            return f"isnan({_name(term, columns)})"
        case In(term=term, literals=literals):
            column = _column(term, columns)
            listed = ", ".join(sorted(_value(each.value, column.type) for each in literals))
            return f"{quote(column.name)} IN ({listed})"
        case LiteralPredicate(term=term, literal=literal) if type(expression) in _COMPARED:
            column = _column(term, columns)
            word = _COMPARED[type(expression)]
            return f"{quote(column.name)} {word} {_value(literal.value, column.type)}"
    return None


def _column(term: Any, columns: Mapping[str, Column]) -> Column:
    return columns[term.name]


def _name(term: Any, columns: Mapping[str, Column]) -> str:
    return quote(_column(term, columns).name)


def _value(value: Any, data: pa.DataType) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if pa.types.is_date(data):
        return f"DATE {text_literal(str(value))}"
    if pa.types.is_timestamp(data):
        moment = (_EPOCH + timedelta(microseconds=value)).isoformat(sep=" ")
        return f"TIMESTAMP '{moment}'" if data.tz is None else f"TIMESTAMPTZ '{moment}+00'"
    if pa.types.is_floating(data):
        text = repr(float(value))
        return text if "e" in text else f"{text}e0"
    if pa.types.is_decimal(data):
        return format(value, "f")
    return text_literal(value) if isinstance(value, str) else str(int(value))
