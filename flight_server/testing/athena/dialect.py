"""What sqlglot leaves different between Athena's SQL and DuckDB's: literals, casts, functions."""

from __future__ import annotations

import decimal

from sqlglot import exp

_KINDS = exp.DataType.Type

MACROS = """
CREATE OR REPLACE MACRO at_timezone(ts, z) AS timezone(z, ts);
CREATE OR REPLACE MACRO with_timezone(ts, z) AS timezone(z, ts);
CREATE OR REPLACE MACRO from_iso8601_timestamp(s) AS CAST(s AS TIMESTAMPTZ);
CREATE OR REPLACE MACRO from_iso8601_date(s) AS CAST(s AS DATE);
CREATE OR REPLACE MACRO json_array_get(j, i) AS json_extract(j, i);
CREATE OR REPLACE MACRO to_utf8(s) AS encode(s);
CREATE OR REPLACE MACRO from_utf8(b) AS decode(b);
CREATE OR REPLACE MACRO every(x) AS bool_and(x);
CREATE OR REPLACE MACRO zip(a, b) AS list_zip(a, b);
CREATE OR REPLACE MACRO is_nan(x) AS isnan(x);
CREATE OR REPLACE MACRO is_finite(x) AS isfinite(x);
CREATE OR REPLACE MACRO is_infinite(x) AS isinf(x);
CREATE OR REPLACE MACRO infinity() AS CAST('inf' AS DOUBLE);
CREATE OR REPLACE MACRO nan() AS CAST('nan' AS DOUBLE);
CREATE OR REPLACE MACRO day_of_month(d) AS day(d);
CREATE OR REPLACE MACRO day_of_year(d) AS dayofyear(d);
CREATE OR REPLACE MACRO day_of_week(d) AS isodow(d);
CREATE OR REPLACE MACRO bitwise_and(a, b) AS a & b;
CREATE OR REPLACE MACRO bitwise_or(a, b) AS a | b;
CREATE OR REPLACE MACRO bitwise_xor(a, b) AS xor(a, b);
CREATE OR REPLACE MACRO to_milliseconds(i) AS epoch_ms(i);
CREATE OR REPLACE MACRO map_agg(k, v) AS map(list(k), list(v));
CREATE OR REPLACE MACRO __varchar(x) AS CASE typeof(x)
    WHEN 'TIMESTAMP' THEN strftime(TRY_CAST(x AS TIMESTAMP), '%Y-%m-%d %H:%M:%S.%f')
    WHEN 'TIMESTAMP_MS' THEN strftime(TRY_CAST(x AS TIMESTAMP), '%Y-%m-%d %H:%M:%S.%g')
    WHEN 'TIMESTAMP WITH TIME ZONE'
    THEN strftime(TRY_CAST(x AS TIMESTAMP), '%Y-%m-%d %H:%M:%S.%f UTC')
    ELSE CAST(x AS VARCHAR) END;
CREATE OR REPLACE MACRO __real_divide(a, b) AS a / b;
CREATE OR REPLACE MACRO __whole_divide(a, b) AS a // b;
CREATE OR REPLACE MACRO __divide
    (a TINYINT, b TINYINT) AS a // b, (a SMALLINT, b SMALLINT) AS a // b,
    (a INTEGER, b INTEGER) AS a // b, (a BIGINT, b BIGINT) AS a // b,
    (a HUGEINT, b HUGEINT) AS a // b, (a FLOAT, b FLOAT) AS CAST(a / b AS FLOAT),
    (a DOUBLE, b DOUBLE) AS a / b, (a DOUBLE, b BIGINT) AS a / b,
    (a BIGINT, b DOUBLE) AS a / b, (a DOUBLE, b HUGEINT) AS a / b,
    (a HUGEINT, b DOUBLE) AS a / b;
"""
"""Functions of Trino's that DuckDB has under other names, and what the rewriting calls."""

_MICRO = 6
_TIMESTAMPS = (_KINDS.TIMESTAMP, _KINDS.TIMESTAMPNTZ)
_TEXTS = (_KINDS.VARCHAR, _KINDS.TEXT, _KINDS.CHAR)


def as_duckdb(tree: exp.Expr) -> tuple[exp.Expr, bool]:
    """The tree as DuckDB is to read it, and whether it makes timestamps of microseconds."""
    for cast in list(tree.find_all(exp.Cast)):
        _decimal_literal(cast)
    for literal in list(tree.find_all(exp.Literal)):
        if not literal.is_string and "." in literal.name and "e" not in literal.name.lower():
            literal.replace(exp.Literal.number(literal.name + "e0"))  # 1.5 is a DOUBLE
    is_micro = False
    for of in list(tree.find_all(exp.DataType)):
        is_micro |= _timestamp(of)
    for node in _innermost_first(tree, exp.Cast):
        _cast(node)
    for division in _innermost_first(tree, exp.Div):
        _divide(division)
    return tree, is_micro


def _innermost_first(tree: exp.Expr, *kinds: type[exp.Expr]) -> list[exp.Expr]:
    return list(tree.find_all(*kinds))[::-1]


def _decimal_literal(cast: exp.Cast) -> None:
    """DECIMAL '1.23' has the precision of its digits."""
    of = cast.to
    if of.this == _KINDS.DECIMAL and not of.expressions and isinstance(cast.this, exp.Literal):
        _, digits, exponent = decimal.Decimal(cast.this.name).as_tuple()
        scale = max(0, -int(exponent))
        cast.set("to", exp.DataType.build(f"decimal({max(len(digits), scale)},{scale})"))


def _timestamp(of: exp.DataType) -> bool:
    """Give a timestamp DuckDB's type of its digits; whether they are microseconds."""
    digits = int(of.expressions[0].name) if of.expressions and _is_moment(of) else None
    if of.this in (_KINDS.TIMESTAMPTZ, _KINDS.TIME, _KINDS.TIMETZ):
        of.set("expressions", [])
        return False
    if of.this not in _TIMESTAMPS:
        return False
    of.set("expressions", [])
    if digits is None or digits <= _MICRO // 2:
        of.set("this", _KINDS.TIMESTAMP_MS)
        return False
    of.set("this", _KINDS.TIMESTAMP)
    return True


def _is_moment(of: exp.DataType) -> bool:
    return of.this in (*_TIMESTAMPS, _KINDS.TIMESTAMPTZ, _KINDS.TIME, _KINDS.TIMETZ)


def _cast(node: exp.Expr) -> None:
    """A cast to text: a timestamp with all its digits, a length cuts."""
    if type(node) is not exp.Cast or node.to.this not in _TEXTS:
        return
    text: exp.Expr = exp.Anonymous(this="__varchar", expressions=[node.this.copy()])
    if node.to.expressions:
        length = node.to.expressions[0].name
        text = exp.Substring(
            this=text, start=exp.Literal.number(1), length=exp.Literal.number(length)
        )
    node.replace(text)


def _divide(node: exp.Expr) -> None:
    """A division: whole for integers, which fails by zero, where one of doubles is infinite.

    Of what holds an aggregate DuckDB knows the type too late: there zero fails for doubles too.
    """
    parts = [node.this, node.expression]
    if any(isinstance(part, exp.Cast) and part.to.this == _KINDS.DOUBLE for part in parts):
        name = "__real_divide"
    else:
        name = "__divide" if node.find(exp.AggFunc) is None else "__whole_divide"
    node.replace(exp.Anonymous(this=name, expressions=[part.copy() for part in parts]))
