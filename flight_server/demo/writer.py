"""Tables are made and rows appended: a data file per partition, through pyiceberg's writer.

pyiceberg's own `append` partitions with a Rust extension that is not a dependency here, so rows
are grouped with its Python transforms, each applied once to every distinct value.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyiceberg.catalog import Catalog
from pyiceberg.io.pyarrow import write_file
from pyiceberg.partitioning import PartitionFieldValue, PartitionKey
from pyiceberg.table import Table, WriteTask

from flight_server.demo.spec import TableSpec


def create(catalog: Catalog, spec: TableSpec) -> Table:
    """Make an empty table."""
    return catalog.create_table(
        spec.identifier,
        schema=spec.iceberg_schema(),
        partition_spec=spec.partition_spec(),
        properties=spec.properties(),
    )


def append(table: Table, rows: pa.Table) -> None:
    """Add rows in one snapshot. Columns that `rows` lacks are NULL."""
    shaped = _shaped(table, rows)
    write_id = uuid.uuid4()
    numbers = itertools.count()
    tasks = (
        WriteTask(
            write_uuid=write_id,
            task_id=next(numbers),
            schema=table.schema(),
            record_batches=part.combine_chunks().to_batches(),
            partition_key=key,
        )
        for key, part in _parts(table, shaped)
    )
    with table.transaction() as transaction, transaction.update_snapshot().fast_append() as commit:
        for data_file in write_file(table.io, table.metadata, tasks):
            commit.append_data_file(data_file)


def _shaped(table: Table, rows: pa.Table) -> pa.Table:
    wanted = table.schema().as_arrow()
    columns = [
        rows.column(field.name).cast(field.type)
        if field.name in rows.column_names
        else pa.nulls(rows.num_rows, field.type)
        for field in wanted
    ]
    return pa.Table.from_arrays(columns, schema=wanted)


def _parts(table: Table, rows: pa.Table) -> Iterator[tuple[PartitionKey | None, pa.Table]]:
    spec = table.spec()
    if not spec.fields:
        yield None, rows
        return
    (part,) = spec.fields
    schema = table.schema()
    source = schema.find_field(part.source_id)
    values, codes = _transformed(
        rows.column(source.name), part.transform.transform(source.field_type)
    )
    order = np.argsort(codes, kind="stable")
    sorted_codes = codes[order]
    grouped = rows if bool(np.all(codes[1:] >= codes[:-1])) else rows.take(pa.array(order))
    starts = np.searchsorted(sorted_codes, np.arange(len(values) + 1))
    for code, value in enumerate(values):
        start, stop = int(starts[code]), int(starts[code + 1])
        key = PartitionKey([PartitionFieldValue(part, value)], spec, schema)
        yield key, grouped.slice(start, stop - start)


def _transformed(column: pa.ChunkedArray, transform: Any) -> tuple[list[Any], NDArray[np.int64]]:
    """The distinct partition values, and for each row the number of its own."""
    if pa.types.is_date(column.type):
        column = column.cast(pa.int32())  # days since 1970, as the transforms want them
    encoded = pc.dictionary_encode(column).unify_dictionaries().combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    outcomes = [transform(value) for value in encoded.dictionary.to_pylist()]
    values = sorted(set(outcomes))
    number = {value: index for index, value in enumerate(values)}
    of_entry = np.array([number[outcome] for outcome in outcomes], dtype=np.int64)
    return values, of_entry[encoded.indices.to_numpy()]
