"""Columns as Athena sends them, turned into the promised types, whole arrays at a time."""

from __future__ import annotations

import uuid

import pyarrow as pa
import pyarrow.compute as pc

from flight_server.engines.errors import ExecutionFailed

_UNFIT = "The result does not fit the types that it was planned with."
_DAY = "1970-01-01 "


def decoded(columns: list[pa.Array], promised: pa.Schema) -> pa.RecordBatch:
    """One batch of exactly the promised schema. Raises `ExecutionFailed` for what does not fit."""
    if len(columns) != len(promised):
        raise ExecutionFailed(_UNFIT)
    try:
        arrays = [
            decode(column, field.type) for column, field in zip(columns, promised, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=promised)
    except (pa.ArrowException, ValueError) as error:
        # the cause may name a value
        raise ExecutionFailed(_UNFIT) from error


def decode(array: pa.Array, promised: pa.DataType) -> pa.Array:
    """The values in the promised type; nothing is lost, or an Arrow error is raised."""
    if array.type == promised:
        return array
    if pa.types.is_null(promised):
        return pa.nulls(len(array))
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), promised)
    if pa.types.is_nested(array.type):
        return _nested(array, promised)
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return _from_text(array, promised)
    return array.cast(promised)


def _from_text(array: pa.Array, promised: pa.DataType) -> pa.Array:
    if promised == pa.uuid():
        values = [None if text is None else uuid.UUID(text).bytes for text in array.to_pylist()]
        return pa.ExtensionArray.from_storage(promised, pa.array(values, pa.binary(16)))
    if pa.types.is_timestamp(promised):
        moment = array.cast(pa.timestamp("us"))
        # an instant is sent as its wall clock in UTC
        zoned = pa.timestamp("us", promised.tz)
        return moment.cast(pa.int64()).cast(zoned).cast(promised)
    if pa.types.is_time(promised):
        moment = pc.binary_join_element_wise(pa.scalar(_DAY, array.type), array, "")
        return moment.cast(pa.timestamp("us")).cast(pa.time64("us")).cast(promised)
    if pa.types.is_binary(promised) or pa.types.is_large_binary(promised):
        # as Athena's text shows bytes: in hexadecimal, with spaces
        values = [None if text is None else bytes.fromhex(text) for text in array.to_pylist()]
        return pa.array(values, promised)
    return array.cast(promised)


def _nested(array: pa.Array, promised: pa.DataType) -> pa.Array:
    if pa.types.is_struct(promised) and pa.types.is_struct(array.type):
        if array.type.num_fields != promised.num_fields:
            raise pa.ArrowInvalid("a struct has other fields")
        fields = [promised.field(i) for i in range(promised.num_fields)]
        # flattened: below a NULL there may be anything
        inner = array.flatten()
        parts = [decode(each, field.type) for each, field in zip(inner, fields, strict=True)]
        return pa.StructArray.from_arrays(parts, fields=fields, mask=array.is_null())
    if pa.types.is_map(promised) and pa.types.is_map(array.type):
        keys = decode(array.keys, promised.key_type)
        items = decode(array.items, promised.item_type)
        entries = pa.StructArray.from_arrays(
            [keys, items], fields=[promised.key_field, promised.item_field]
        )
        return _over(array, promised, entries)
    if _is_list(promised) and pa.types.is_list(array.type):
        plain = pa.list_(pa.field("element", promised.value_type))
        values = decode(array.values, promised.value_type)
        return _over(array, plain, values).cast(promised)
    return array.cast(promised)


def _is_list(data: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(data) or pa.types.is_large_list(data) or pa.types.is_fixed_size_list(data)
    )


def _over(array: pa.Array, kind: pa.DataType, child: pa.Array) -> pa.Array:
    """A list or map of the same shape over other values."""
    validity, offsets = array.buffers()[:2]
    return pa.Array.from_buffers(
        kind,
        len(array),
        [validity, offsets],
        null_count=array.null_count,
        offset=array.offset,
        children=[child],
    )
