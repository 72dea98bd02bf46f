"""The wire messages, frames, uploads and fixed schemas."""

from __future__ import annotations

import contextlib
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import adbc_driver_flightsql
import pyarrow as pa
import pyarrow.flight as flight
import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.message import DecodeError

from catalog.model import Column
from catalog.names import TableName
from flight_server.protocol.errors import MalformedMessage, TooLarge, Unsupported
from flight_server.protocol.wire import flight_pb2, flight_sql_pb2, generate, schemas
from flight_server.protocol.wire.columns import TableSchemas
from flight_server.protocol.wire.frames import MAX_FRAME, frame, table_frames, varint
from flight_server.protocol.wire.uploads import is_compressed, read_upload


def _embedded(data: bytes, name: str) -> descriptor_pb2.FileDescriptorProto | None:
    """The description of a .proto file that a program carries, found by its name."""
    start = data.find(b"\x0a" + bytes([len(name)]) + name.encode() + b"\x12")
    if start < 0:
        return None
    end = start
    while data[end] & 7 == 2 and 1 <= data[end] >> 3 <= 12:
        last = data[end] >> 3 == 12  # the field `syntax`, which closes it
        length = shift = 0
        end += 1
        while True:
            length |= (data[end] & 0x7F) << shift
            shift += 7
            end += 1
            if data[end - 1] < 0x80:
                break
        end += length
        if last:
            break
    try:
        return descriptor_pb2.FileDescriptorProto.FromString(data[start:end])
    except DecodeError:
        return None


def _facts(message: descriptor_pb2.DescriptorProto, outer: str = "") -> dict[str, object]:
    name = outer + message.name
    facts: dict[str, object] = {
        name: {
            (f.name, f.number, f.type, f.label, f.type_name, f.proto3_optional)
            for f in message.field
        }
    }
    for enum in message.enum_type:
        facts[f"{name}.{enum.name}"] = {(v.name, v.number) for v in enum.value}
    for nested in message.nested_type:
        facts |= _facts(nested, f"{name}.")
    return facts


@pytest.mark.parametrize(
    ("name", "module"), [("Flight.proto", flight_pb2), ("FlightSql.proto", flight_sql_pb2)]
)
def test_every_message_has_the_fields_and_numbers_of_the_driver(name: str, module: object) -> None:
    library = Path(adbc_driver_flightsql.__file__).with_name("libadbc_driver_flightsql.so")
    theirs = _embedded(library.read_bytes(), name)
    if theirs is None:
        pytest.skip("this build of the driver does not carry its messages")
    ours = descriptor_pb2.FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(ours)
    expected, found = (
        {name: fact for message in file.message_type for name, fact in _facts(message).items()}
        for file in (theirs, ours)
    )
    assert found == expected
    assert ours.package == theirs.package


def test_the_generated_modules_are_those_of_the_proto_files(tmp_path: Path) -> None:
    generate.generate(tmp_path)
    for made in tmp_path.rglob("*_pb2.py*"):
        assert made.read_text() == (generate.HERE / made.name).read_text(), made.name


def test_descriptors_and_infos_are_bytewise_those_of_pyarrow() -> None:
    descriptor = flight.FlightDescriptor.for_command(b"a command")
    ours = flight_pb2.FlightDescriptor(type=flight_pb2.FlightDescriptor.CMD, cmd=b"a command")
    assert ours.SerializeToString() == descriptor.serialize()

    schema = pa.schema([("a", pa.int64())])
    endpoint = flight.FlightEndpoint(b"ticket", ["grpc://host:1"], None, b"more")
    theirs = flight.FlightInfo(schema, descriptor, [endpoint], 7, 9, True, b"about")
    info = flight_pb2.FlightInfo.FromString(theirs.serialize())
    assert pa.ipc.read_schema(pa.py_buffer(info.schema)) == schema
    assert info.endpoint[0].ticket.ticket == b"ticket"
    assert info.endpoint[0].location[0].uri == "grpc://host:1"
    assert info.endpoint[0].app_metadata == b"more"
    assert (info.total_records, info.total_bytes, info.ordered) == (7, 9, True)
    assert info.app_metadata == b"about"
    assert flight.FlightInfo.deserialize(info.SerializeToString()) == theirs


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 2**21, 2**35])
def test_a_varint_is_protobufs(number: int) -> None:
    message = flight_pb2.FlightInfo(total_records=number)
    expected = b"\x20" + varint(number) if number else b""
    assert message.SerializeToString() == expected


def test_a_frame_is_a_flight_data_message() -> None:
    batch = pa.record_batch({"a": [1, 2, 3], "b": ["x", None, "z"]})
    message = flight_pb2.FlightData.FromString(frame(batch.serialize()))
    encapsulated = batch.serialize().to_pybytes()
    (length,) = struct.unpack_from("<i", encapsulated, 4)
    assert message.data_header == encapsulated[8 : 8 + length]
    assert message.data_body == encapsulated[8 + length :]
    assert not message.HasField("flight_descriptor")


def _upload(stream: list[bytes]) -> list[pa.RecordBatch]:
    first, *rest = stream
    return read_upload(flight_pb2.FlightData.FromString(first), rest, limit=100_000_000)


def test_large_results_are_cut_into_frames_that_every_client_takes() -> None:
    values = ["x" * (n * 997 % 40_000) for n in range(1_000)]
    batch = pa.record_batch({"a": values})
    frames = list(table_frames(batch))
    assert len(frames) > 5
    assert max(map(len, frames)) < MAX_FRAME * 4 // 3
    assert pa.Table.from_batches(_upload(frames)).column("a").to_pylist() == values


def test_a_row_larger_than_a_frame_is_sent_alone() -> None:
    batch = pa.record_batch({"a": ["y", "x" * (MAX_FRAME * 2), "z"]})
    assert pa.Table.from_batches(_upload(list(table_frames(batch)))).num_rows == 3


def test_an_empty_result_is_its_schema() -> None:
    assert len(list(table_frames(pa.record_batch({"a": pa.array([], pa.int8())})))) == 1


def _stream(table: pa.Table, **options: object) -> list[bytes]:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return [
        frame(message.serialize()) for message in pa.ipc.MessageReader.open_stream(sink.getvalue())
    ]


def test_an_upload_with_dictionaries_is_read() -> None:
    table = pa.table({"a": pa.array(["x", "y", "x"]).dictionary_encode(), "b": [1, 2, 3]})
    assert pa.Table.from_batches(_upload(_stream(table))) == table


def test_an_upload_may_have_columns_without_or_with_equal_names() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([1]), pa.array(["x"])], names=["", ""])
    (read,) = _upload(_stream(pa.Table.from_batches([batch])))
    assert [column[0].as_py() for column in read.columns] == [1, "x"]


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_compressed_uploads_are_refused(codec: str) -> None:
    dictionary = pa.array(["x" * 100] * 1000 + ["y"]).dictionary_encode()
    for table in (pa.table({"a": ["x" * 1000] * 1000}), pa.table({"a": dictionary})):
        with pytest.raises(Unsupported):
            _upload(_stream(table, compression=codec))


def test_uploads_over_the_limit_are_refused() -> None:
    first, *rest = _stream(pa.table({"a": ["x" * 10_000]}))
    with pytest.raises(TooLarge):
        read_upload(flight_pb2.FlightData.FromString(first), rest, limit=9_000)


def test_damaged_uploads_are_refused_and_nothing_worse() -> None:
    whole = _stream(pa.table({"a": ["some text", None], "b": [[1], [2, 3]]}))
    parsed = [flight_pb2.FlightData.FromString(part) for part in whole]
    for which, part in enumerate(parsed):
        for at in range(len(part.data_header)):
            header = bytearray(part.data_header)
            header[at] ^= 0xFF
            damaged = flight_pb2.FlightData(data_header=bytes(header), data_body=part.data_body)
            stream = [*whole[:which], damaged.SerializeToString(), *whole[which + 1 :]]
            try:
                for batch in _upload(stream):
                    batch.to_pylist()
            except (MalformedMessage, Unsupported, UnicodeDecodeError):
                pass


@pytest.mark.parametrize("header", [b"", b"\0", b"\xff" * 64, b"\x10\0\0\0" * 8])
def test_metadata_that_is_no_flatbuffer_is_malformed(header: bytes) -> None:
    with contextlib.suppress(MalformedMessage):
        assert not is_compressed(header)


GOLDEN = {
    "CATALOGS": "catalog_name: string not null",
    "DB_SCHEMAS": "catalog_name: string\ndb_schema_name: string not null",
    "TABLES": "catalog_name: string\ndb_schema_name: string\ntable_name: string not null\n"
    "table_type: string not null",
    "TABLES_WITH_SCHEMA": "catalog_name: string\ndb_schema_name: string\n"
    "table_name: string not null\ntable_type: string not null\ntable_schema: binary not null",
    "TABLE_TYPES": "table_type: string not null",
    "PRIMARY_KEYS": "catalog_name: string\ndb_schema_name: string\ntable_name: string not null\n"
    "column_name: string not null\nkey_sequence: int32 not null\nkey_name: string",
    "FOREIGN_KEYS": "pk_catalog_name: string\npk_db_schema_name: string\n"
    "pk_table_name: string not null\npk_column_name: string not null\nfk_catalog_name: string\n"
    "fk_db_schema_name: string\nfk_table_name: string not null\n"
    "fk_column_name: string not null\nkey_sequence: int32 not null\nfk_key_name: string\n"
    "pk_key_name: string\nupdate_rule: uint8 not null\ndelete_rule: uint8 not null",
    "SQL_INFO": "info_name: uint32 not null\nvalue: dense_union<string_value: string=0, "
    "bool_value: bool=1, bigint_value: int64=2, int32_bitmask: int32=3, "
    "string_list: list<item: string>=4, "
    "int32_to_int32_list_map: map<int32, list<item: int32>>=5> not null",
    "XDBC_TYPE_INFO": "type_name: string not null\ndata_type: int32 not null\n"
    "column_size: int32\nliteral_prefix: string\nliteral_suffix: string\n"
    "create_params: list<item: string not null>\nnullable: int32 not null\n"
    "case_sensitive: bool not null\nsearchable: int32 not null\nunsigned_attribute: bool\n"
    "fixed_prec_scale: bool not null\nauto_increment: bool\nlocal_type_name: string\n"
    "minimum_scale: int32\nmaximum_scale: int32\nsql_data_type: int32 not null\n"
    "datetime_subcode: int32\nnum_prec_radix: int32\ninterval_precision: int32",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_fixed_schema_is_as_drivers_compare_it(name: str) -> None:
    schema = getattr(schemas, name)
    lines = [f"{f.name}: {f.type}{'' if f.nullable else ' not null'}" for f in schema]
    assert "\n".join(lines) == GOLDEN[name]


@dataclass(frozen=True)
class _Visible:
    name: TableName
    columns: tuple[Column, ...]


def _visible(table: str, *columns: str) -> Any:
    made = tuple(Column(column, pa.int8()) for column in columns)
    return _Visible(TableName("lake", "sales", table), made)


def test_encoded_schemas_are_remembered_as_long_as_they_hold() -> None:
    known = TableSchemas()
    first = known.encoded("alice", _visible("t", "a"))
    assert known.encoded("alice", _visible("t", "a")) is first
    assert pa.ipc.read_schema(pa.py_buffer(known.encoded("alice", _visible("t", "b")))).names == [
        "b"
    ]
    assert pa.ipc.read_schema(pa.py_buffer(known.encoded("bob", _visible("t", "c")))).names == ["c"]


def test_remembered_schemas_stay_within_their_limit() -> None:
    size = len(TableSchemas().encoded("alice", _visible("t0", "a")))
    known = TableSchemas(limit=size * 3)
    made = [known.encoded("alice", _visible(f"t{n}", "a")) for n in range(5)]
    assert known.encoded("alice", _visible("t4", "a")) is made[4]
    assert known.encoded("alice", _visible("t0", "a")) is not made[0]
    assert len(TableSchemas(limit=0).encoded("alice", _visible("t", "a"))) > 0
