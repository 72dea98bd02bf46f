"""`flight-server serve`: the server until it is told to stop."""

from __future__ import annotations

import argparse
import errno
import logging
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from flight_server.app import Application, build
from flight_server.config import ConfigInvalid, Settings

log = logging.getLogger(__name__)
_TAKEN = (errno.EADDRINUSE, errno.EACCES)


def run(settings: Settings, _options: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; a second one ends running streams at once."""
    server = settings.server
    require_free(server.host, server.port, shared=server.reuse_port)
    serve(build(settings), server.grace)
    return 0


def require_free(host: str, port: int, *, shared: bool = False) -> None:
    """Raise `ConfigInvalid` where an address cannot be listened on: before any work is done."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        faults = [_try(family, address, shared=shared) for family, *_, address in found]
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not an address"
        raise ConfigInvalid(f"cannot listen on {host}:{port}: {reason}") from None
    taken = [fault for fault in faults if fault and fault.errno in _TAKEN]
    # a name may stand for several addresses, of which the machine need not have all
    fault = taken[0] if taken else (faults[0] if faults and all(faults) else None)
    if fault is not None:
        raise ConfigInvalid(f"cannot listen on {host}:{port}: {fault.strerror}")


def _try(family: int, address: tuple[Any, ...], *, shared: bool) -> OSError | None:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as door:
            # as gRPC does: a port that was in use a moment ago can be had
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared:
                door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            door.bind(address)
    except OSError as error:
        return error
    return None


def serve(application: Application, grace: float, greet: Callable[[], None] = lambda: None) -> None:
    """Start, greet and say so on standard output, and wait for a signal."""
    stopping = threading.Event()
    signals = 0

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal signals
        signals += 1
        stopping.set()
        if signals > 1:
            application.server.stop(0)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        try:
            application.server.start()
        except OSError as error:
            raise ConfigInvalid(str(error)) from None
        greet()
        print(f"flight-server ready {application.server.location}", flush=True)
        stopping.wait()
        log.info("stopping: no new calls, streams may end")
    finally:
        application.stop(grace)
        for number, handler in before.items():
            signal.signal(number, handler)
