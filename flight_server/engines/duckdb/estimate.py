"""What a statement would read of its tables, by their manifests; no data file is opened."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from catalog.model import Column
from flight_server.engines.base import Estimate, Relation
from flight_server.engines.duckdb.scan.plan import Scanner, Source
from flight_server.engines.duckdb.scan.wanted import ALL, Wanted

# Bytes that a value of a type without a fixed width is taken for.
_TEXT = 16


def estimate(
    scanner: Scanner, relations: tuple[Relation, ...], wanted: Mapping[int, Wanted]
) -> Estimate:
    """The files that are left after pruning, and of them the share of the columns that are read.

    Widths of columns are those of their types: manifests are not read for more than pruning needs.
    Raises as `Scanner.source`.
    """
    size = rows = files = 0
    for number, relation in enumerate(relations):
        if relation.table.rows is not None:
            continue
        part = _of_one(scanner.source(relation.table), relation, wanted.get(number, ALL))
        size, rows, files = size + part.bytes, rows + part.rows, files + part.files
        for lookup in relation.lookups:
            index = scanner.source(lookup.table).index
            size, rows = size + int(index.sizes.sum()), rows + int(index.records.sum())
            files += index.count
    return Estimate(size, rows, files)


def _of_one(source: Source, relation: Relation, wanted: Wanted) -> Estimate:
    index = source.index
    # which files a caller's conditions leave of hidden rows would show in where the statement runs
    numbers = source.matching(ALL if relation.needs_barrier else wanted)
    total = int(index.sizes[numbers].sum())
    read = _read(relation, wanted)
    if read is not None:
        widths = {column.name: _width(column) for column in relation.table.columns}
        share = sum(widths[name] for name in read) / max(1, sum(widths.values()))
        total = int(total * share)
    return Estimate(total, int(index.records[numbers].sum()), len(numbers))


def _read(relation: Relation, wanted: Wanted) -> set[str] | None:
    """The columns that are read; None for all of them, as filters and masks may read any."""
    if relation.needs_barrier:
        return None
    seen = {column.name for column in relation.columns}
    if wanted.columns is None:
        return seen
    return {c.name for c in relation.table.columns if c.field_id in wanted.columns} & seen


def _width(column: Column) -> int:
    return _bytes(column.type)


def _bytes(data: pa.DataType) -> int:
    if pa.types.is_nested(data):
        return sum(_bytes(data.field(at).type) for at in range(data.num_fields))
    try:
        return max(1, int(data.bit_width) // 8)
    except ValueError:  # text and binary have no width
        return _TEXT
