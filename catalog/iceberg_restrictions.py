"""Reads the `read-restrictions` of a REST catalog's answer; refuses all that it does not know."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from pyiceberg.schema import Schema
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    TimestampNanoType,
    TimestampType,
    TimestamptzNanoType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from catalog.errors import RestrictedTable
from catalog.iceberg_fields import parts_of
from catalog.restrictions import (
    Action,
    Always,
    Both,
    Either,
    Not,
    Operator,
    Predicate,
    ReadRestrictions,
    Test,
    Value,
)

_log = logging.getLogger(__name__)
_DEEPEST = 64
_MOST_VALUES = 10_000
_FIELDS = {"required-column-projections", "required-row-filter"}
_MOMENTS = (DateType, TimestampType, TimestamptzType, TimestampNanoType, TimestamptzNanoType)
_NUMBERS = (IntegerType, LongType, FloatType, DoubleType, DecimalType)
_UNARY = (Operator.IS_NULL, Operator.NOT_NULL, Operator.IS_NAN, Operator.NOT_NAN)
_SETS = (Operator.IN, Operator.NOT_IN)
_PREFIXES = (Operator.STARTS_WITH, Operator.NOT_STARTS_WITH)
_ALIKE = (Operator.EQUAL, Operator.NOT_EQUAL, *_SETS)

_APPLICABLE: Mapping[Action, tuple[type[IcebergType], ...]] = {
    Action.ALPHANUM: (StringType,),
    Action.FIRST_4: (StringType,),
    Action.LAST_4: (StringType,),
    Action.NULL: (IcebergType,),
    Action.FIXED: (BooleanType, *_NUMBERS, StringType, TimeType, *_MOMENTS),
    Action.YEAR: _MOMENTS,
    Action.MONTH: _MOMENTS,
    Action.HASH: (StringType, BinaryType),
}


class _Unknown(Exception):
    """Something that cannot be applied; the text is for the log."""


def restrictions_of(found: Any, schema: Schema, table: object) -> ReadRestrictions | None:
    """The restrictions in a table's answer; None where there are none.

    Raises `RestrictedTable` for what cannot be applied as it is meant.
    """
    if found is None:
        return None
    try:
        if not isinstance(found, dict) or not found.keys() <= _FIELDS:
            raise _Unknown("their form")
        actions = _actions(found.get("required-column-projections"), schema)
        wanted = found.get("required-row-filter")
        rows = None if wanted is None else _predicate(wanted, schema, _DEEPEST)
    except (_Unknown, RecursionError, ValueError, InvalidOperation, OverflowError) as error:
        _log.warning("table %s: read restrictions that cannot be applied: %s", table, error)
        raise RestrictedTable(
            f"Table {table} may only be read under restrictions of its catalog that this server"
            " cannot apply"
        ) from error
    rows = None if rows == Always(True) else rows
    return ReadRestrictions(actions, rows) if actions or rows is not None else None


def _actions(listed: Any, schema: Schema) -> tuple[tuple[int, Action], ...]:
    if listed is None:
        return ()
    if not isinstance(listed, list):
        raise _Unknown("the form of the projections")
    found: dict[int, Action] = {}
    for entry in listed:
        if not isinstance(entry, dict) or entry.keys() != {"action", "field-id"}:
            raise _Unknown("the form of a projection")
        number, name = entry["field-id"], entry["action"]
        if name not in frozenset(Action):
            raise _Unknown("the action of a projection")
        if not _is_number(number) or number in found:
            raise _Unknown("the field of a projection")
        found[number] = Action(name)
    for number, action in found.items():
        above, field = _path(number, schema)
        if any(each.field_id in found for each in above):
            raise _Unknown("a projection within a field that has one")
        if not isinstance(field.field_type, _APPLICABLE[action]):
            raise _Unknown(f"{action} on a type that it is not for")
        if action is Action.NULL and field.required:
            raise _Unknown("a required field as NULL")
    return tuple(sorted(found.items()))


def _path(number: int, schema: Schema) -> tuple[tuple[NestedField, ...], NestedField]:
    """A field of a struct, or a column, after those that enclose it."""
    waiting: list[tuple[tuple[NestedField, ...], NestedField]] = [
        ((), field) for field in schema.fields
    ]
    while waiting:
        above, field = waiting.pop()
        if field.field_id == number:
            if any(isinstance(each.field_type, ListType | MapType) for each in above):
                raise _Unknown("a field within a list or map")
            return above, field
        waiting += [((*above, field), inner) for inner in parts_of(field.field_type)]
    raise _Unknown("a field that the table does not have")


def _predicate(node: Any, schema: Schema, depth: int) -> Predicate:
    if isinstance(node, bool):
        return Always(node)
    if depth == 0 or not isinstance(node, dict):
        raise _Unknown("the form of the row filter")
    kind, keys = node.get("type"), node.keys() - {"type"}
    if kind in ("true", "false") and not keys:
        return Always(kind == "true")
    if kind == "not" and keys == {"child"}:
        return Not(_predicate(node["child"], schema, depth - 1))
    if kind in ("and", "or") and keys == {"left", "right"}:
        left = _predicate(node["left"], schema, depth - 1)
        right = _predicate(node["right"], schema, depth - 1)
        return Both(left, right) if kind == "and" else Either(left, right)
    if kind not in frozenset(Operator):
        raise _Unknown("the kind of a predicate")
    return _test(Operator(kind), node, schema)


def _test(operator: Operator, node: Mapping[str, Any], schema: Schema) -> Test:
    keys = node.keys() - {"type"}
    if operator in _UNARY:
        values: list[Any] = []
        forms = ({"child"}, {"term"})
    elif operator in _SETS:
        values = _listed(node.get("values"))
        forms = ({"child", "values"}, {"term", "values"})
    else:
        values = [node.get("right", node.get("value"))]
        forms = ({"left", "right"}, {"term", "value"})
    if keys not in forms:
        raise _Unknown("the form of a predicate")
    field = _referred(node.get("child", node.get("left", node.get("term"))), schema)
    kind = field.field_type
    if operator in (Operator.IS_NAN, Operator.NOT_NAN) and not isinstance(
        kind, FloatType | DoubleType
    ):
        raise _Unknown("NaN of a type that has none")
    if operator in _PREFIXES and not isinstance(kind, StringType):
        raise _Unknown("a prefix of what is no text")
    if isinstance(kind, UUIDType) and operator not in (*_UNARY, *_ALIKE):
        raise _Unknown("an order of UUIDs")
    return Test(operator, field.field_id, tuple(_constant(value, kind) for value in values))


def _listed(values: Any) -> list[Any]:
    kind = None
    if isinstance(values, dict) and values.keys() == {"type", "values", "data-type"}:
        kind, values = values["data-type"], values["values"]
    if not isinstance(values, list) or not values or len(values) > _MOST_VALUES:
        raise _Unknown("the form of a list of values")
    if kind is None:
        return values
    return [{"type": "literal", "value": value, "data-type": kind} for value in values]


def _referred(term: Any, schema: Schema) -> NestedField:
    if isinstance(term, dict) and term.get("type") == "reference":
        if term.keys() == {"type", "id"} and _is_number(term["id"]):
            return _path(term["id"], schema)[1]
        names = [term[key] for key in ("name", "term") if term.keys() == {"type", key}]
        term = names[0] if names else None
    if not isinstance(term, str):
        raise _Unknown("a term that is no field")
    return _path(schema.find_field(term).field_id, schema)[1]


def _constant(value: Any, kind: IcebergType) -> Value:
    if isinstance(value, dict):
        if value.get("type") != "literal" or not (
            value.keys() - {"data-type"} == {"type", "value"}
        ):
            raise _Unknown("the form of a literal")
        if value.get("data-type", str(kind)) != str(kind):
            raise _Unknown("a literal of another type than its field")
        value = value["value"]
    read = next((read for kinds, read in _READERS if isinstance(kind, kinds)), None)
    found = None if read is None else read(value, kind)
    if found is None:
        raise _Unknown("a value that its field cannot have")
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _whole(value: Any, kind: IcebergType) -> Value | None:
    bits = 31 if isinstance(kind, IntegerType) else 63
    return value if _is_number(value) and -(2**bits) <= value < 2**bits else None


def _floating(value: Any, _kind: IcebergType) -> Value | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _exact(value: Any, kind: IcebergType) -> Value | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    number = Decimal(str(value))
    if not isinstance(kind, DecimalType) or not number.is_finite():
        return None
    scaled = number.scaleb(kind.scale)
    held = scaled == scaled.to_integral_value() and abs(scaled) < 10**kind.precision
    return number if held else None


def _moment(value: Any, kind: IcebergType) -> Value | None:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    if moment is None or (moment.tzinfo is not None) != isinstance(kind, TimestamptzType):
        return None
    return moment


_READERS: tuple[
    tuple[tuple[type[IcebergType], ...], Callable[[Any, IcebergType], Value | None]], ...
] = (
    ((BooleanType,), lambda value, _kind: value if isinstance(value, bool) else None),
    ((IntegerType, LongType), _whole),
    ((FloatType, DoubleType), _floating),
    ((DecimalType,), _exact),
    ((StringType,), lambda value, _kind: value if isinstance(value, str) else None),
    ((DateType,), lambda v, _kind: date.fromisoformat(v) if isinstance(v, str) else None),
    ((TimeType,), lambda v, _kind: time.fromisoformat(v) if isinstance(v, str) else None),
    ((TimestampType, TimestamptzType), _moment),
    ((UUIDType,), lambda v, _kind: UUID(v) if isinstance(v, str) else None),
)
