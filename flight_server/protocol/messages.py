"""Decodes what clients send: bytes to messages, within limits; knows no handler."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

from google.protobuf import any_pb2
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from flight_server.protocol.errors import MalformedMessage, TooLarge, Unsupported
from flight_server.protocol.wire import flight_pb2, flight_sql_pb2

M = TypeVar("M", bound=Message)

_MAX_NAME = 100

SQL_MESSAGES: Mapping[str, type[Message]] = MappingProxyType(
    {
        descriptor.full_name: GetMessageClass(descriptor)
        for descriptor in flight_sql_pb2.DESCRIPTOR.message_types_by_name.values()
    }
)


def parse(kind: type[M], data: bytes) -> M:
    """Decode a bare message; raises `MalformedMessage`."""
    try:
        return kind.FromString(data)
    except DecodeError:
        raise MalformedMessage(f"The message is not a {kind.DESCRIPTOR.name}.") from None


def command(descriptor: flight_pb2.FlightDescriptor, limit: int) -> Message:
    """The Flight SQL command in a descriptor; `limit` is its largest size in bytes."""
    if descriptor.type != flight_pb2.FlightDescriptor.CMD:
        raise MalformedMessage(
            "The descriptor is not a command: this server speaks Flight SQL and has no paths."
        )
    within(limit, descriptor.cmd)
    return unpack(descriptor.cmd)


def within(limit: int, data: bytes) -> None:
    """Refuse a command, ticket or action body of more than `limit` bytes."""
    if len(data) > limit:
        raise TooLarge(f"The message has {len(data)} bytes, more than {limit}.")


def unpack(data: bytes) -> Message:
    """Decode a Flight SQL message that is wrapped in an Any."""
    try:
        wrapped = any_pb2.Any.FromString(data)
    except DecodeError:
        raise MalformedMessage("The command is not wrapped in a google.protobuf.Any.") from None
    name = wrapped.type_url.rpartition("/")[2]
    kind = SQL_MESSAGES.get(name)
    if kind is None:
        if not name:
            raise MalformedMessage("The command is not wrapped in a google.protobuf.Any.")
        raise Unsupported(f"The message {printable(name)} is not known to this server.")
    return parse(kind, wrapped.value)


def pack(message: Message) -> bytes:
    """Wrap a message in an Any."""
    wrapped = any_pb2.Any(
        type_url="type.googleapis.com/" + message.DESCRIPTOR.full_name,
        value=message.SerializeToString(),
    )
    return wrapped.SerializeToString()


def printable(name: str) -> str:
    """A client's word, fit to be repeated in an error."""
    shown = "".join(char if char.isprintable() else "?" for char in name[:_MAX_NAME])
    return shown + ("…" if len(name) > _MAX_NAME else "")
