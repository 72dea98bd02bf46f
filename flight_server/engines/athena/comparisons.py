"""Comparisons, in which NaN equals NaN and is greater than all else, as it does for DuckDB."""

from __future__ import annotations

from collections.abc import Sequence

from flight_server.engines.athena.binder import Binder
from flight_server.engines.athena.types import BOOLEAN, FLOATS, MOMENTS, NUMBERS, Type
from flight_server.engines.athena.values import Value, coerced, common, joined
from flight_server.engines.errors import Untranslatable

_SIGNS = {
    "COMPARE_EQUAL": "=",
    "COMPARE_NOTEQUAL": "<>",
    "COMPARE_LESSTHAN": "<",
    "COMPARE_GREATERTHAN": ">",
    "COMPARE_LESSTHANOREQUALTO": "<=",
    "COMPARE_GREATERTHANOREQUALTO": ">=",
    "COMPARE_DISTINCT_FROM": "IS DISTINCT FROM",
    "COMPARE_NOT_DISTINCT_FROM": "IS NOT DISTINCT FROM",
}
# What a comparison gives where the left, the right or both are NaN.
_NAN = {
    "=": ("false", "false", "true"),
    "<>": ("true", "true", "false"),
    "<": ("false", "true", "false"),
    ">": ("true", "false", "false"),
    "<=": ("false", "true", "true"),
    ">=": ("true", "false", "true"),
}
_ALONE = ("VARCHAR", "BOOLEAN", "BLOB", "TIME", "UUID")
_ALIKE = (NUMBERS, MOMENTS, *(frozenset({name}) for name in _ALONE))


def comparable(binder: Binder, values: Sequence[Value], at: int | None) -> Type:
    """The type that values are compared as. Raises `Untranslatable` for kinds that differ."""
    kinds = {value.type.name for value in values if value.type.name != "NULL"}
    free = [value for value in values if value.text is not None]
    fixed = {value.type.name for value in values if value.text is None} - {"NULL"}
    if free and fixed:
        kinds = fixed  # a text literal becomes what it is compared with
    nested = kinds & {"LIST", "STRUCT", "MAP", "INTERVAL"}
    if nested or not any(kinds <= alike for alike in _ALIKE):
        raise Untranslatable("A comparison of these types", at)
    return common(binder, values, at)


def compared(binder: Binder, kind: str, left: Value, right: Value, at: int | None) -> Value:
    """A comparison of two values."""
    sign = _SIGNS.get(kind)
    if sign is None:
        raise Untranslatable("This comparison", at)
    target = comparable(binder, [left, right], at)
    one, two = coerced(left, target), coerced(right, target)
    sql = f"({one} {sign} {two})"
    if target.name in FLOATS and sign in _NAN:
        sql = _with_nan(sign, (one, left.literal is None), (two, right.literal is None))
    return joined([left, right], sql, BOOLEAN, at)


def _with_nan(sign: str, left: tuple[str, bool], right: tuple[str, bool]) -> str:
    """A comparison of floats. What is a literal is no NaN."""
    (one, first), (two, second) = left, right
    for_left, for_right, for_both = _NAN[sign]
    whens = []
    if first and second:
        whens.append(f"WHEN is_nan({one}) AND is_nan({two}) THEN {for_both}")
    if first:
        whens.append(f"WHEN is_nan({one}) THEN {for_left}")
    if second:
        whens.append(f"WHEN is_nan({two}) THEN {for_right}")
    if not whens:
        return f"({one} {sign} {two})"
    missing = " OR ".join(f"{sql} IS NULL" for sql, known in (left, right) if known)
    if "NULL" in (one, two) or one.startswith("CAST(NULL") or two.startswith("CAST(NULL"):
        return f"({one} {sign} {two})"
    return f"CASE WHEN {missing} THEN NULL {' '.join(whens)} ELSE {one} {sign} {two} END"


def member(binder: Binder, values: list[Value], *, negated: bool, at: int | None) -> Value:
    """Whether the first value is among the others."""
    if len(values) < 2:
        raise Untranslatable("IN a list that is a value", at)
    if len(values) == 2 and values[1].type.name == "LIST":
        raise Untranslatable("IN a list that is a value", at)
    target = comparable(binder, values, at)
    sqls = [coerced(value, target) for value in values]
    if target.name in FLOATS and any(v.literal is None for v in values[1:]):
        raise Untranslatable("IN with floats that are no literals", at)
    word = "NOT IN" if negated else "IN"
    return joined(values, f"({sqls[0]} {word} ({', '.join(sqls[1:])}))", BOOLEAN, at)


def any_of(
    binder: Binder, kind: str, value: Value, subquery: tuple[str, Type], at: int | None
) -> Value:
    """Whether a comparison holds for any row of a subquery of one column."""
    sql, inner = subquery
    sign = _SIGNS.get(kind)
    target = comparable(binder, [value, Value("c0", inner)], at)
    if sign not in _NAN or target.name in FLOATS:
        raise Untranslatable("This comparison with a subquery", at)
    if inner != target:
        sql = f"SELECT {coerced(Value('i.c0', inner), target)} FROM ({sql}) AS i(c0)"  # noqa: S608 - made names, translated values
    one = coerced(value, target)
    made = f"({one} IN ({sql}))" if sign == "=" else f"({one} {sign} ANY ({sql}))"
    return value.made(made, BOOLEAN)
