"""What the server is and can, and the types it knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import pyarrow as pa

import flight_server
from catalog.xdbc import XDBC_TYPES
from flight_server.protocol.call import Call
from flight_server.protocol.settings import ServerSettings
from flight_server.protocol.wire import codes, schemas
from flight_server.protocol.wire.flight_sql_pb2 import CommandGetSqlInfo, CommandGetXdbcTypeInfo
from flight_server.query.gate import MAX_TABLES
from flight_server.query.lexical import MAX_TEXT

CANCELS = True  # whether the action CancelQuery is served
_TEXT, _BOOL, _INT64, _INT32, _TEXTS, _MAP = range(6)


def sql_info(call: Call, message: CommandGetSqlInfo) -> pa.RecordBatch:
    """The values asked for, or all of them; codes that are not known are left out."""
    known = known_codes(call.door.settings)
    wanted = dict.fromkeys(message.info) or sorted(known)
    return encode({code: known[code] for code in wanted if code in known})


def known_codes(settings: ServerSettings) -> dict[int, object]:
    """Every code with its value under these settings."""
    return codes.sql_info(
        codes.Facts(
            name=settings.server_name,
            version=settings.server_version or flight_server.__version__,
            arrow_version=pa.__version__,
            statement_seconds=settings.statement_seconds,
            statement_length=MAX_TEXT,
            tables=MAX_TABLES,
            cancels=CANCELS,
        )
    )


def encode(values: Mapping[int, object]) -> pa.RecordBatch:
    """Codes and values as the result that clients expect, each value in its child of the union."""
    children: list[list[object]] = [[] for _ in range(schemas.SQL_INFO_VALUE.num_fields)]
    types: list[int] = []
    offsets: list[int] = []
    for value in values.values():
        child = _child(value)
        types.append(child)
        offsets.append(len(children[child]))
        children[child].append(list(value.items()) if isinstance(value, Mapping) else value)
    kinds = [schemas.SQL_INFO_VALUE.field(index) for index in range(len(children))]
    union = pa.UnionArray.from_dense(
        pa.array(types, pa.int8()),
        pa.array(offsets, pa.int32()),
        [pa.array(child, kind.type) for child, kind in zip(children, kinds, strict=True)],
        [kind.name for kind in kinds],
        list(range(len(kinds))),
    )
    names = pa.array(list(values), pa.uint32())
    return pa.RecordBatch.from_arrays([names, union], schema=schemas.SQL_INFO)


def _child(value: object) -> int:
    match value:
        case str():
            return _TEXT
        case bool():
            return _BOOL
        case codes.Wide():
            return _INT64
        case int():
            return _INT32
        case tuple():
            return _TEXTS
        case Mapping():
            return _MAP
    raise TypeError(type(value))


def xdbc_types(_call: Call, message: CommandGetXdbcTypeInfo) -> pa.RecordBatch:
    """The types that columns can have, or those of one XDBC number."""
    wanted = message.data_type if message.HasField("data_type") else None
    found = [kind for kind in XDBC_TYPES if wanted is None or kind.data_type == wanted]
    columns = {
        field.name: [getattr(kind, field.name) for kind in found] for field in fields(XDBC_TYPES[0])
    }
    arrays = [pa.array(columns[field.name], field.type) for field in schemas.XDBC_TYPE_INFO]
    return pa.RecordBatch.from_arrays(arrays, schema=schemas.XDBC_TYPE_INFO)
