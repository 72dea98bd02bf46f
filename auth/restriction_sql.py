"""What a catalog demands of a table's readers, as SQL text of the kind that a policy carries.

Rules for editors. Rule 1: a value becomes a literal and a name is quoted, never pasted. Rule 2: a
test is true or false, never NULL, so that its opposite is too. Rule 3: what is not known raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

import pyarrow as pa

from auth.fields import fields_of
from catalog.errors import RestrictedTable
from catalog.model import Column, Table
from catalog.names import quote, text_literal
from catalog.restrictions import (
    Action,
    Always,
    Both,
    Either,
    Not,
    Operator,
    Predicate,
    Test,
    Value,
)

_COL = "${col}"
_OPPOSITES = (
    (Operator.IS_NULL, Operator.NOT_NULL),
    (Operator.IS_NAN, Operator.NOT_NAN),
    (Operator.EQUAL, Operator.NOT_EQUAL),
    (Operator.IN, Operator.NOT_IN),
    (Operator.STARTS_WITH, Operator.NOT_STARTS_WITH),
)
_OPPOSITE = dict(_OPPOSITES) | {second: first for first, second in _OPPOSITES}
_ORDERS = {
    Operator.LESS: "<",
    Operator.AT_MOST: "<=",
    Operator.MORE: ">",
    Operator.AT_LEAST: ">=",
}
_NOT_ORDERS = {
    Operator.LESS: ">=",
    Operator.AT_MOST: ">",
    Operator.MORE: "<=",
    Operator.AT_LEAST: "<",
}
_FORMS = {
    Operator.IS_NULL: "{name} IS NULL",
    Operator.NOT_NULL: "{name} IS NOT NULL",
    Operator.IS_NAN: "{name} IS NOT NULL AND isnan({name})",
    Operator.NOT_NAN: "{name} IS NULL OR NOT isnan({name})",
    Operator.EQUAL: "{name} IS NOT NULL AND {name} = {values}",
    Operator.NOT_EQUAL: "{name} IS NULL OR {name} <> {values}",
    Operator.IN: "{name} IS NOT NULL AND {name} IN ({values})",
    Operator.NOT_IN: "{name} IS NULL OR {name} NOT IN ({values})",
    Operator.STARTS_WITH: "{name} IS NOT NULL AND starts_with({name}, {values})",
    Operator.NOT_STARTS_WITH: "{name} IS NULL OR NOT starts_with({name}, {values})",
}


@dataclass(frozen=True, slots=True)
class _Field:
    sql: str
    type: pa.DataType


def rows_sql(rows: Predicate, table: Table) -> str:
    """A predicate on the stored rows of a table.

    Raises `RestrictedTable` where the table, in this state of it, does not have a field.
    """
    fields: dict[int, _Field] = {}
    for column in table.columns:
        _collect(column, quote(column.name), fields)
    return _predicate(rows, fields, table, opposite=False)


def action_sql(action: Action, kind: pa.DataType) -> str:
    """An action as a mask, for a column or field of a type that the action is for."""
    match action:
        case Action.ALPHANUM:
            return _alphanum(_COL)
        case Action.FIRST_4:
            return f'"left"({_COL}, 4) || {_alphanum(f"substring({_COL}, 5)")}'
        case Action.LAST_4:
            rest = f'"left"({_COL}, length({_COL}) - 4)'
            ends = f'{_alphanum(rest)} || "right"({_COL}, 4)'
            return f"CASE WHEN length({_COL}) > 4 THEN {ends} ELSE {_COL} END"
        case Action.NULL:
            return "NULL"
        case Action.FIXED:
            return _fixed(kind)
        case Action.HASH:
            hashed = f"sha256({_COL})"
            return f"unhex({hashed})" if pa.types.is_binary(kind) else hashed
        case Action.YEAR | Action.MONTH:
            unit = "'year'" if action is Action.YEAR else "'month'"
            if pa.types.is_timestamp(kind) and kind.tz is not None:
                # in UTC and back, or else its edges would be those of the session's time zone
                return f"timezone('UTC', date_trunc({unit}, timezone('UTC', {_COL})))"
            return f"date_trunc({unit}, {_COL})"


def _alphanum(text: str) -> str:
    covered = f"regexp_replace({text}, '[^0-9(),.@-]', 'x', 'g')"
    return f"regexp_replace({covered}, '[0-9]', 'n', 'g')"


def _fixed(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "false"
    if pa.types.is_date(kind):
        return _cast("1970-01-01", "DATE")
    if pa.types.is_time(kind):
        return _cast("00:00:00", "TIME")
    if pa.types.is_timestamp(kind):
        zone = kind.tz is not None
        return _cast("1970-01-01 00:00:00" + ("+00" if zone else ""), _moment_type(zone))
    if pa.types.is_string(kind):
        return "'XXXXXXXX'"
    return "0"


def _collect(column: Column, sql: str, fields: dict[int, _Field]) -> None:
    if column.field_id is not None:
        fields[column.field_id] = _Field(sql, column.type)
    for child in fields_of(column):
        _collect(child, f"struct_extract({sql}, {_text(child.name)})", fields)


def _predicate(
    node: Predicate, fields: Mapping[int, _Field], table: Table, *, opposite: bool
) -> str:
    match node:
        case Always(outcome):
            return "true" if outcome is not opposite else "false"
        case Not(child):
            return _predicate(child, fields, table, opposite=not opposite)
        case Both(left, right) | Either(left, right):
            word = "AND" if isinstance(node, Both) is not opposite else "OR"
            first = _predicate(left, fields, table, opposite=opposite)
            second = _predicate(right, fields, table, opposite=opposite)
            return f"({first} {word} {second})"
        case Test(operator, field_id, values):
            field = fields.get(field_id)
            if field is None:
                raise RestrictedTable(
                    f"Table {table.name} may only be read under restrictions of its catalog that"
                    " this server cannot apply to this state of it"
                )
            return f"({_test(operator, field, values, opposite=opposite)})"


def _test(operator: Operator, field: _Field, values: tuple[Value, ...], *, opposite: bool) -> str:
    if opposite and operator in _ORDERS:
        return _not_ordered(operator, field, values[0])
    operator = _OPPOSITE[operator] if opposite else operator
    name = field.sql
    listed = ", ".join(_literal(value, field.type) for value in values)
    if operator in _ORDERS:
        number = f" AND NOT isnan({name})" if pa.types.is_floating(field.type) else ""
        return f"{name} IS NOT NULL{number} AND {name} {_ORDERS[operator]} {listed}"
    return _FORMS[operator].format(name=name, values=listed)


def _not_ordered(operator: Operator, field: _Field, value: Value) -> str:
    """NULL and NaN have no order, so that the opposite of any order is true for them."""
    name = field.sql
    number = "" if not pa.types.is_floating(field.type) else f" OR isnan({name})"
    return f"{name} IS NULL{number} OR {name} {_NOT_ORDERS[operator]} {_literal(value, field.type)}"


def _literal(value: Value, kind: pa.DataType) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return _cast(str(value), "BIGINT")
        case float():
            return _cast(repr(value), "FLOAT" if pa.types.is_float32(kind) else "DOUBLE")
        case Decimal():
            return _cast(f"{value:f}", f"DECIMAL({kind.precision},{kind.scale})")
        case str():
            return _text(value)
        case datetime():
            zone = value.tzinfo is not None
            moment = value.astimezone(UTC) if zone else value
            return _cast(moment.isoformat(sep=" "), _moment_type(zone))
        case date():
            return _cast(value.isoformat(), "DATE")
        case time():
            return _cast(value.isoformat(), "TIME")
        case UUID():
            return _cast(str(value), "UUID")


def _moment_type(zone: bool) -> str:
    return "TIMESTAMPTZ" if zone else "TIMESTAMP"


def _cast(text: str, kind: str) -> str:
    return f"CAST({_text(text)} AS {kind})"


def _text(text: str) -> str:
    """A text as a literal in which nothing can be taken for a placeholder of a policy."""
    if "\0" in text:
        raise RestrictedTable("A restriction of the catalog has a value that cannot be applied")
    quoted = [text_literal(part) for part in text.split("${")]
    return quoted[0] if len(quoted) == 1 else "(" + " || '$' || '{' || ".join(quoted) + ")"
