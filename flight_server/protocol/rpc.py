"""The root of every call: authenticates before the body is read, and tells failures as statuses.

Rules for editors. Rule 1: every method takes a stream of requests, also those of one message, so
that nothing of the body is read (and no thread waits for it) before the caller is known. Rule 2:
an exception leaves a method only through `_fail`, which alone decides what of it travels.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn, TypeAlias

import grpc

from flight_server.protocol import dispatch, routes, sessions
from flight_server.protocol.admission import OpenCalls
from flight_server.protocol.call import (
    Call,
    Door,
    Metadata,
    client_of,
    request_id_of,
    with_partitions,
)
from flight_server.protocol.dispatch import refused
from flight_server.protocol.errors import DETAILS, REQUEST_ID, failure, status_of
from flight_server.protocol.login import (
    Login,
    claimed_user,
    credentials,
    log_in,
    log_in_with_payload,
    token_for,
)
from flight_server.protocol.messages import parse
from flight_server.protocol.reflection import METHODS as REFLECTION
from flight_server.protocol.reflection import reflect
from flight_server.protocol.wire import flight_pb2
from flight_server.query.caller import Caller
from flight_server.query.events import CallEnded
from flight_server.query.failures import Failure, Kind

log = logging.getLogger(__name__)

SERVICE = "/arrow.flight.protocol.FlightService/"

if TYPE_CHECKING:
    _Base = grpc.GenericRpcHandler[bytes, bytes]
else:  # generic for type checkers only
    _Base = grpc.GenericRpcHandler

Method: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"
Unary = Callable[[Call, Iterator[bytes]], bytes]
Streaming = Callable[[Call, Iterator[bytes]], Iterator[bytes]]

_LOGGED_WITH_CAUSE = (Kind.INTERNAL, Kind.UNAVAILABLE)


class FlightService(_Base):
    """Serves Flight's methods by name, over bytes."""

    def __init__(self, door: Door) -> None:
        self._door = door
        # Counted apart, so that a user with many open results can still close one.
        short = OpenCalls(door.settings.max_calls_per_user)
        long = OpenCalls(door.settings.max_calls_per_user)
        methods = {
            "Handshake": grpc.stream_stream_rpc_method_handler(self._handshake),
            "GetFlightInfo": self._unary("GetFlightInfo", dispatch.get_flight_info, short),
            "GetSchema": self._unary("GetSchema", dispatch.get_schema, short),
            "PollFlightInfo": self._unary("PollFlightInfo", dispatch.poll_flight_info, short),
            "DoGet": self._streaming("DoGet", dispatch.do_get, long),
            "DoPut": self._streaming("DoPut", dispatch.do_put, long),
            "DoAction": self._streaming("DoAction", dispatch.do_action, short),
            "ListActions": self._streaming("ListActions", dispatch.list_actions, short),
        }
        for name, reason in routes.REFUSED_METHODS.items():
            methods[name] = self._streaming(name, refused(reason), short)
        self._methods = {SERVICE + name: handler for name, handler in methods.items()}
        self._methods |= {
            path: self._streaming("Reflection", reflect, short) for path in REFLECTION
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Method | None:
        """The handler of a method, or None for one that Flight does not have."""
        return self._methods.get(handler_call_details.method)

    def _unary(self, name: str, method: Unary, calls: OpenCalls) -> Method:
        def handle(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            root = _Root(self._door, name, context)
            try:
                call = root.begin(calls)
                answer = method(call, requests)
                root.send_headers()
                return answer
            except Exception as error:  # the root: whatever happened must become a status
                root.fail(error)
            finally:
                root.end(calls)

        return grpc.stream_unary_rpc_method_handler(handle)

    def _streaming(self, name: str, method: Streaming, calls: OpenCalls) -> Method:
        def handle(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            root = _Root(self._door, name, context)
            try:
                answers = method(root.begin(calls), requests)
                first = next(answers, None)
                root.send_headers()
                if first is not None:
                    yield first
                    yield from answers
            except Exception as error:  # the root: whatever happened must become a status
                root.fail(error)
            finally:
                root.end(calls)

        return grpc.stream_stream_rpc_method_handler(handle)

    def _handshake(
        self, requests: Iterator[bytes], context: grpc.ServicerContext
    ) -> Iterator[bytes]:
        root = _Root(self._door, "Handshake", context)
        try:
            login, request = self._log_in(requests, context, root.metadata)
            root.known(login)
            token = token_for(self._door.authenticator, login)
            bearer = ("authorization", "Bearer " + token)
            # Clients look for the token in either place. No other method may send it: drivers take
            # any for a new one.
            context.send_initial_metadata((bearer,))
            context.set_trailing_metadata((bearer, (REQUEST_ID, root.request_id)))
            if request is not None:
                yield flight_pb2.HandshakeResponse(
                    protocol_version=request.protocol_version, payload=token.encode()
                ).SerializeToString()
        except Exception as error:  # the root: whatever happened must become a status
            root.fail(error)
        finally:
            root.end(None)

    def _log_in(
        self, requests: Iterator[bytes], context: grpc.ServicerContext, metadata: Metadata
    ) -> tuple[Login, flight_pb2.HandshakeRequest | None]:
        authenticator = self._door.authenticator
        login = log_in(authenticator, metadata) if credentials(metadata) is not None else None
        # Nobody is known yet, so nobody may hold a thread by sending nothing.
        patience = threading.Timer(self._door.settings.handshake_seconds, context.cancel)
        patience.daemon = True
        patience.start()
        try:
            first = next(requests, None)
        finally:
            patience.cancel()
        request = None if first is None else parse(flight_pb2.HandshakeRequest, first)
        if login is None:
            login = log_in_with_payload(authenticator, request.payload if request else b"")
        return login, request


class _Root:
    """What a call has before its caller is known."""

    __slots__ = (
        "call",
        "caller",
        "context",
        "door",
        "failure",
        "metadata",
        "method",
        "peer",
        "place",
        "request_id",
    )

    def __init__(self, door: Door, method: str, context: grpc.ServicerContext) -> None:
        self.door = door
        self.method = method
        self.context = context
        self.peer = context.peer()
        self.metadata: Metadata = context.invocation_metadata()
        self.request_id = request_id_of(self.metadata)
        self.call: Call | None = None
        self.caller: Caller | None = None
        self.failure: Failure | None = None
        self.place: str | None = None
        context.set_trailing_metadata(((REQUEST_ID, self.request_id),))

    def known(self, login: Login) -> Caller:
        """The caller is known from here on."""
        self.caller = Caller(
            principal=login.principal,
            request_id=self.request_id,
            peer=self.peer,
            client=client_of(self.metadata),
        )
        return self.caller

    def begin(self, calls: OpenCalls) -> Call:
        """Authenticate and take a place; nothing of the body has been read."""
        door = self.door
        login = log_in(door.authenticator, self.metadata)
        caller = self.known(login)
        calls.enter(login.principal.owner)
        self.place = login.principal.owner
        session = sessions.begun(door, caller, login, with_partitions(self.metadata))
        caller = replace(sessions.effective(session), session=session.key.digest)
        self.call = Call(door, caller, session, self.context.add_callback)
        self.call.headers.update(sessions.headers_of_renewed(door, session))
        return self.call

    def send_headers(self) -> None:
        """Send what the call has for the client beside its answers."""
        if self.call is not None and self.call.headers:
            self.context.send_initial_metadata(tuple(self.call.headers.items()))

    def end(self, calls: OpenCalls | None) -> None:
        """Give the place back, if one was taken, and tell listeners."""
        if self.place is not None and calls is not None:
            calls.leave(self.place)
        call = self.call
        self.door.listener.tell(
            CallEnded(
                method=self.method,
                command=call.command if call else "",
                request_id=self.request_id,
                peer=self.peer,
                client=client_of(self.metadata),
                caller=call.caller if call else self.caller,
                claimed="" if self.caller else claimed_user(self.metadata),
                query_id=call.query_id if call else None,
                statement=call.statement if call else None,
                failure=self.failure,
            )
        )

    def fail(self, error: Exception) -> NoReturn:
        """End the call with the status of an error."""
        if isinstance(error, grpc.RpcError) and not self.context.is_active():
            # The client left while its messages were read: there is nobody to tell.
            raise error
        told = self.failure = failure(error)
        status = status_of(
            told,
            statement=self.call.statement if self.call else None,
            request_id=self.request_id,
        )
        cause = error if told.kind in _LOGGED_WITH_CAUSE else None
        log.log(
            logging.ERROR if cause else logging.INFO,
            "call failed",
            exc_info=cause,
            extra={
                "request_id": self.request_id,
                "code": told.code,
                "subject": self.call.caller.principal.subject if self.call else "",
            },
        )
        self.context.set_trailing_metadata(
            ((REQUEST_ID, self.request_id), (DETAILS, status.details))
        )
        self.context.abort(status.code, status.text)
