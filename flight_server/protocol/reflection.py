"""gRPC's server reflection, by which tools such as grpcurl learn the messages; callers log in."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf import any_pb2, timestamp_pb2
from google.protobuf.descriptor import FileDescriptor

from flight_server.protocol.call import Call
from flight_server.protocol.messages import parse
from flight_server.protocol.wire import flight_pb2, flight_sql_pb2
from flight_server.protocol.wire.reflection_pb2 import (
    ErrorResponse,
    ExtensionNumberResponse,
    FileDescriptorResponse,
    ListServiceResponse,
    ServerReflectionRequest,
    ServerReflectionResponse,
    ServiceResponse,
)

METHODS = tuple(
    f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
    for version in ("v1", "v1alpha")
)
_NOT_FOUND, _INVALID, _UNKNOWN = 5, 3, "This server does not know that file or name."
_FILES: tuple[FileDescriptor, ...] = (
    flight_pb2.DESCRIPTOR,
    flight_sql_pb2.DESCRIPTOR,
    any_pb2.DESCRIPTOR,
    timestamp_pb2.DESCRIPTOR,
)


def reflect(_call: Call, requests: Iterator[bytes]) -> Iterator[bytes]:
    """Answer one question after another."""
    for message in requests:
        request = parse(ServerReflectionRequest, message)
        response = ServerReflectionResponse(valid_host=request.host, original_request=request)
        _answer(request, response)
        yield response.SerializeToString()


def _answer(request: ServerReflectionRequest, response: ServerReflectionResponse) -> None:
    match request.WhichOneof("message_request"):
        case "list_services":
            names = [
                ServiceResponse(name=service.full_name)
                for file in _FILES
                for service in file.services_by_name.values()
            ]
            response.list_services_response.CopyFrom(ListServiceResponse(service=names))
        case "file_by_filename":
            _tell(response, _file_named(request.file_by_filename))
        case "file_containing_symbol":
            _tell(response, _file_with(request.file_containing_symbol))
        case "file_containing_extension":
            _tell(response, None)
        case "all_extension_numbers_of_type":
            # No message here can be extended.
            name = request.all_extension_numbers_of_type
            if _file_with(name) is None:
                _tell(response, None)
            else:
                response.all_extension_numbers_response.CopyFrom(
                    ExtensionNumberResponse(base_type_name=name)
                )
        case _:
            text = "The question is of no known kind."
            response.error_response.CopyFrom(ErrorResponse(error_code=_INVALID, error_message=text))


def _tell(response: ServerReflectionResponse, file: FileDescriptor | None) -> None:
    """A file and all that it imports, or that there is none."""
    if file is None:
        response.error_response.CopyFrom(
            ErrorResponse(error_code=_NOT_FOUND, error_message=_UNKNOWN)
        )
        return
    files = [file, *(other for other in file.dependencies if other in _FILES)]
    response.file_descriptor_response.CopyFrom(
        FileDescriptorResponse(file_descriptor_proto=[each.serialized_pb for each in files])
    )


def _file_named(name: str) -> FileDescriptor | None:
    return next((file for file in _FILES if file.name == name), None)


def _file_with(symbol: str) -> FileDescriptor | None:
    """The file that declares a service, method, message, field or enum."""
    pool = flight_pb2.DESCRIPTOR.pool
    try:
        found = pool.FindFileContainingSymbol(symbol)
    except (KeyError, UnicodeError):
        return None
    return found if found in _FILES else None
