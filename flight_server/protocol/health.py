"""gRPC's health service: whether calls are taken, for whoever asks, without credentials.

Nobody is known here, so everything is bounded: how many calls are open, and how long one may take
to send its question.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NoReturn

import grpc

from flight_server.protocol.errors import MalformedMessage
from flight_server.protocol.messages import parse
from flight_server.protocol.wire.health_pb2 import HealthCheckRequest, HealthCheckResponse

if TYPE_CHECKING:
    _Base = grpc.GenericRpcHandler[bytes, bytes]
else:  # generic for type checkers only
    _Base = grpc.GenericRpcHandler

HEALTH = "/grpc.health.v1.Health/"
SERVICES = ("", "arrow.flight.protocol.FlightService")
_AT_ONCE = 16  # each open call holds a thread
_PATIENCE = 5.0
_CHECKED_EVERY = 1.0


class Health(_Base):
    """Answers `Check` and `Watch` of grpc.health.v1."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._serving = False
        self._ended = False
        methods = {
            "Check": grpc.stream_unary_rpc_method_handler(self._check),
            "Watch": grpc.stream_stream_rpc_method_handler(self._watch),
        }
        self._methods = {HEALTH + name: handler for name, handler in methods.items()}
        self._checks = threading.BoundedSemaphore(_AT_ONCE)
        self._watches = threading.BoundedSemaphore(_AT_ONCE)

    def tell(self, *, serving: bool) -> None:
        """Say from now on whether calls are taken."""
        with self._changed:
            self._serving = serving
            self._changed.notify_all()

    def end(self) -> None:
        """Say that no calls are taken any more, and end those that watch."""
        with self._changed:
            self._serving, self._ended = False, True
            self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """The handler of a method of the health service, or None."""
        return self._methods.get(handler_call_details.method)

    def _check(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        if not self._checks.acquire(blocking=False):
            _busy(context)
        try:
            if _asked(requests, context) not in SERVICES:
                context.abort(grpc.StatusCode.NOT_FOUND, "There is no such service.")
            return _answer(self._status())
        finally:
            self._checks.release()

    def _watch(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        if not self._watches.acquire(blocking=False):
            _busy(context)
        context.add_callback(self._wake)  # so that who leaves is noticed at once
        try:
            known = _asked(requests, context) in SERVICES
            yield from self._told(known, context.is_active)
        finally:
            self._watches.release()

    def _told(self, known: bool, is_active: Callable[[], bool]) -> Iterator[bytes]:
        last: int | None = None
        while is_active():
            with self._changed:
                if self._current(known) == last:
                    if self._ended:
                        return
                    self._changed.wait(_CHECKED_EVERY)
                now = self._current(known)
            if now != last:
                last = now
                yield _answer(now)

    def _current(self, known: bool) -> HealthCheckResponse.ServingStatus.ValueType:
        return self._status() if known else HealthCheckResponse.SERVICE_UNKNOWN

    def _status(self) -> HealthCheckResponse.ServingStatus.ValueType:
        serving = HealthCheckResponse.SERVING
        return serving if self._serving else HealthCheckResponse.NOT_SERVING


def _asked(requests: Iterator[bytes], context: grpc.ServicerContext) -> str:
    """The service that is asked for; ends the call where the question does not come in time."""
    patience = threading.Timer(_PATIENCE, context.cancel)
    patience.daemon = True
    patience.start()
    try:
        message = next(requests, b"")
        return parse(HealthCheckRequest, message).service
    except MalformedMessage as error:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
    finally:
        patience.cancel()


def _busy(context: grpc.ServicerContext) -> NoReturn:
    context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "Too many health checks are open.")


def _answer(status: HealthCheckResponse.ServingStatus.ValueType) -> bytes:
    return HealthCheckResponse(status=status).SerializeToString()
