"""Leaves out the files that no row of interest can be in, by their partitions and bounds."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Sequence
from decimal import InvalidOperation

from pyiceberg.expressions import AlwaysTrue, BooleanExpression
from pyiceberg.expressions.visitors import (
    _InclusiveMetricsEvaluator,
    expression_evaluator,
    inclusive_projection,
)
from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema
from pyiceberg.table import FileScanTask
from pyiceberg.table.metadata import TableMetadata

_log = logging.getLogger(__name__)

Test = Callable[[DataFile], bool]
# What pyiceberg raises over bounds that it cannot compare: no reason to leave a file out.
_INCOMPARABLE = (ValueError, TypeError, KeyError, struct.error, InvalidOperation, OverflowError)


def prune(
    tasks: Sequence[FileScanTask],
    metadata: TableMetadata,
    schema: Schema,
    wanted: BooleanExpression,
) -> list[FileScanTask]:
    """The tasks whose files may have rows that an expression lets through.

    A row's bounds and partition are of the stored row: what deletes take away does not matter.
    """
    if isinstance(wanted, AlwaysTrue):
        return list(tasks)
    tests: dict[int, list[Test]] = {}
    bounds = _bounds(schema, wanted)
    kept = []
    for task in tasks:
        spec_id = task.file.spec_id
        if spec_id not in tests:
            tests[spec_id] = [*_partition(metadata, schema, spec_id, wanted), *bounds]
        if all(_may_match(test, task.file) for test in tests[spec_id]):
            kept.append(task)
    return kept


def _may_match(test: Test, file: DataFile) -> bool:
    try:
        return test(file)
    except _INCOMPARABLE:
        _log.debug("a file is not left out, as it cannot be compared", exc_info=True)
        return True


def _bounds(schema: Schema, wanted: BooleanExpression) -> list[Test]:
    try:
        return [_InclusiveMetricsEvaluator(schema, wanted).eval]
    except _INCOMPARABLE:
        return []


def _partition(
    metadata: TableMetadata, schema: Schema, spec_id: int, wanted: BooleanExpression
) -> list[Test]:
    spec = metadata.specs().get(spec_id)
    if spec is None or spec.is_unpartitioned():
        return []
    try:
        projected = inclusive_projection(schema, spec)(wanted)
        shape = Schema(*spec.partition_type(schema).fields)
        matches = expression_evaluator(shape, projected, case_sensitive=True)
    except _INCOMPARABLE:
        return []
    return [lambda file: matches(file.partition)]
