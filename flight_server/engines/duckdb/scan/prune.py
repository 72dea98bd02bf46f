"""Leaves out the files that no row of interest can be in, by their partitions and bounds.

What is not told of a file, or cannot be compared, leaves it in: every test here says where a file
may have such a row, and tests are only ever joined by AND and OR.
"""

from __future__ import annotations

import logging
import operator
import struct
from collections.abc import Callable
from decimal import InvalidOperation
from functools import partial, reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.expressions import (
    AlwaysFalse,
    AlwaysTrue,
    And,
    BooleanExpression,
    BoundEqualTo,
    BoundGreaterThan,
    BoundGreaterThanOrEqual,
    BoundIn,
    BoundIsNaN,
    BoundIsNull,
    BoundLessThan,
    BoundLessThanOrEqual,
    BoundLiteralPredicate,
    BoundNotEqualTo,
    BoundNotIn,
    BoundNotNull,
    BoundPredicate,
    BoundSetPredicate,
    Or,
)
from pyiceberg.expressions.visitors import bind, inclusive_projection, rewrite_not
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import TimeTransform
from pyiceberg.types import IcebergType, NestedField

from flight_server.engines.duckdb.scan.bounds import Column, Mask, Values, literal
from flight_server.engines.duckdb.scan.index import FileIndex

_log = logging.getLogger(__name__)

# What a predicate is compared with: a column by the id and the type of its field.
_Columns = Callable[[int, IcebergType], Column | None]
_Compare = Callable[[Any, Any], Any]

# What pyiceberg raises over predicates that it cannot bind: no reason to leave files out.
_INCOMPARABLE = (ValueError, TypeError, KeyError, struct.error, InvalidOperation, OverflowError)
# Beyond so many texts only the range that they span is looked at.
_MANY_TEXTS = 50
_TEXT: dict[_Compare, _Compare] = {
    operator.lt: pc.less,
    operator.le: pc.less_equal,
    operator.gt: pc.greater,
    operator.ge: pc.greater_equal,
    operator.eq: pc.equal,
}


def prune(
    index: FileIndex,
    specs: dict[int, PartitionSpec],
    schema: Schema,
    wanted: BooleanExpression,
) -> Mask:
    """Which files may have rows that an expression lets through.

    A row's bounds and partition are of the stored row: what deletes take away does not matter.
    """
    mask = np.ones(index.count, np.bool_)
    if isinstance(wanted, AlwaysTrue) or not index.count:
        return mask
    try:
        plain = rewrite_not(wanted)
        mask &= _may_match(bind(schema, plain, case_sensitive=True), index.column, index.count)
    except _INCOMPARABLE:
        _log.debug("files are not left out by bounds", exc_info=True)
    for spec_id in np.unique(index.spec_ids).tolist():
        spec = specs[spec_id]
        if spec.is_unpartitioned():
            continue
        try:
            mask &= (index.spec_ids != spec_id) | _partitions(index, spec, schema, wanted)
        except _INCOMPARABLE:
            _log.debug("files are not left out by their partitions", exc_info=True)
    return mask


def _partitions(
    index: FileIndex, spec: PartitionSpec, schema: Schema, wanted: BooleanExpression
) -> Mask:
    """Which files of a spec may match; of others it says nothing."""
    fields: list[NestedField] = []
    early: set[int] = set()
    for part in spec.fields:
        try:
            source = schema.find_type(part.source_id)
        except ValueError:
            continue  # a dropped column: nothing can ask for it
        data = part.transform.result_type(source)
        fields.append(NestedField(part.field_id, part.name, data, required=False))
        if isinstance(part.transform, TimeTransform):
            early.add(part.field_id)
    projected = inclusive_projection(schema, spec)(wanted)

    def column(field_id: int, data: IcebergType) -> Column | None:
        return index.partition(spec.spec_id, field_id, data, early=field_id in early)

    bound = bind(Schema(*fields), rewrite_not(projected), case_sensitive=True)
    return _may_match(bound, column, index.count)


def _may_match(expression: BooleanExpression, columns: _Columns, count: int) -> Mask:
    match expression:
        case AlwaysFalse():
            return np.zeros(count, np.bool_)
        case And(left=left, right=right):
            return _may_match(left, columns, count) & _may_match(right, columns, count)
        case Or(left=left, right=right):
            return _may_match(left, columns, count) | _may_match(right, columns, count)
        case BoundPredicate():
            field = expression.term.ref().field
            column = columns(field.field_id, field.field_type)
            if column is not None:
                try:
                    return _test(expression, column, field.field_type)
                except _INCOMPARABLE:
                    _log.debug("a predicate leaves no file out", exc_info=True)
    return np.ones(count, np.bool_)


def _test(predicate: BoundPredicate, column: Column, data: IcebergType) -> Mask:
    match predicate:
        case BoundIsNull():
            return ~column.no_nulls
        case BoundNotNull():
            return ~column.only_nulls
        case BoundIsNaN():
            return ~column.no_nans
        case BoundSetPredicate():
            values = [literal(each.value, data) for each in predicate.literals]
            return _set(predicate, column, values) & ~column.only_nulls
        case BoundLiteralPredicate():
            value = literal(predicate.literal.value, data)
            return _literal(predicate, column, value) & ~column.only_nulls
    return np.ones(len(column.no_nulls), np.bool_)


def _literal(predicate: BooleanExpression, column: Column, value: Any) -> Mask:
    match predicate:
        case BoundEqualTo():
            return _holds(column, value, value)
        case BoundLessThan():
            return _where(column.lower, operator.lt, value, column)
        case BoundLessThanOrEqual():
            return _where(column.lower, operator.le, value, column)
        case BoundGreaterThan():
            return _where(column.upper, operator.gt, value, column)
        case BoundGreaterThanOrEqual():
            return _where(column.upper, operator.ge, value, column)
        case BoundNotEqualTo() if column.exact:
            return ~_is(column, value)
    return np.ones(len(column.no_nulls), np.bool_)


def _set(predicate: BooleanExpression, column: Column, values: list[Any]) -> Mask:
    match predicate:
        case BoundIn():
            return _among(column, sorted(values))
        case BoundNotIn() if column.exact:
            return ~_any(partial(_is, column, each) for each in values)
    return np.ones(len(column.no_nulls), np.bool_)


def _among(column: Column, values: list[Any]) -> Mask:
    """Where one of some values, in order, may be."""
    lower, upper = column.lower, column.upper
    if lower is None or upper is None or lower.is_text:
        if len(values) > _MANY_TEXTS:
            return _holds(column, values[0], values[-1])
        return _any(partial(_holds, column, each, each) for each in values)
    # the least value that is not below the file's is within it, or none is
    ordered = np.array(values, lower.values.dtype)
    first = np.where(lower.known, np.searchsorted(ordered, lower.values), 0)
    least = ordered[np.minimum(first, len(ordered) - 1)]
    found: Mask = (first < len(ordered)) & (~upper.known | (least <= upper.values))
    return found


def _any(tests: Any) -> Mask:
    found: Mask = reduce(operator.or_, (test() for test in tests))
    return found


def _holds(column: Column, first: Any, last: Any) -> Mask:
    """Where a value of a range may be: the bounds of the file meet it."""
    below = _where(column.lower, operator.le, last, column)
    return below & _where(column.upper, operator.ge, first, column)


def _is(column: Column, value: Any) -> Mask:
    """Where all rows certainly have a value."""
    if column.lower is None:
        return np.zeros(len(column.no_nulls), np.bool_)
    return column.lower.known & _where(column.lower, operator.eq, value, column)


def _where(bound: Values | None, compare: _Compare, value: Any, column: Column) -> Mask:
    """Where a comparison of a bound holds, or there is no bound."""
    if bound is None:
        return np.ones(len(column.no_nulls), np.bool_)
    if bound.is_text:
        scalar = pa.scalar(value, pa.large_binary())
        met: Mask = pc.fill_null(_TEXT[compare](bound.values, scalar), True).to_numpy(
            zero_copy_only=False
        )
        return met
    found: Mask = ~bound.known | compare(bound.values, value)
    return found
