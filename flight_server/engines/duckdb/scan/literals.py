"""Partition values as SQL, for columns that stand in no file."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from pyiceberg.partitioning import PartitionSpec
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import IcebergType, NestedField

from catalog.names import text_literal
from flight_server.engines.duckdb.scan.entries import DataFile
from flight_server.engines.duckdb.scan.fields import blob_text, sql_type
from flight_server.engines.errors import UnsupportedData

_COUNTED = {
    "DATE": "DATE '1970-01-01' + {}",
    "TIME": "TIME '00:00:00' + system.main.to_microseconds({})",
    "TIMESTAMP": "system.main.make_timestamp({})",
    "TIMESTAMPTZ": "system.main.timezone('UTC', system.main.make_timestamp({}))",
    "TIMESTAMP_NS": "system.main.make_timestamp_ns({})",
}
_UNKNOWN = "The table has partition values of a type that is not supported yet."


def told_by_partition(file: DataFile, spec: PartitionSpec) -> dict[int, Any]:
    """The values of columns, by id, that are the same in all of a file's rows."""
    return {
        field.source_id: value
        for field, value in zip(spec.fields, file.partition, strict=True)
        if isinstance(field.transform, IdentityTransform)
    }


def constant(field: NestedField, values: Sequence[Any]) -> str:
    """A column's value in each of several files, which are read together as `r`."""
    data = sql_type(field.field_type)
    texts = [literal(field.field_type, value) for value in values]
    if len(set(texts)) == 1:
        return texts[0]
    return (
        f"system.main.list_extract(CAST([{', '.join(texts)}] AS {data}[]), "
        "CAST(r.file_index AS BIGINT) + 1)"
    )


def literal(data: IcebergType, value: Any) -> str:
    """A partition value, typed. Raises `UnsupportedData`."""
    kind = sql_type(data)
    if value is None:
        return f"CAST(NULL AS {kind})"
    if kind in _COUNTED:
        if isinstance(value, bool) or not isinstance(value, int):
            raise UnsupportedData(_UNKNOWN)
        return f"CAST({_COUNTED[kind].format(value)} AS {kind})"
    if isinstance(value, bytes):
        if kind == "UUID":
            return f"CAST({text_literal(str(UUID(bytes=value)))} AS UUID)"
        return f"CAST({text_literal(blob_text(value))} AS BLOB)"
    if isinstance(value, (bool, int, float, Decimal, str, UUID)) and kind != "BLOB":
        return f"CAST({text_literal(str(value))} AS {kind})"
    raise UnsupportedData(_UNKNOWN)
