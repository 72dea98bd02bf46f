"""`flight-server serve`: the server until it is told to stop."""

from __future__ import annotations

import argparse
import logging
import signal
import threading
from collections.abc import Callable
from types import FrameType

from flight_server.app import Application, build
from flight_server.config import Settings

log = logging.getLogger(__name__)


def run(settings: Settings, _options: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; a second one ends running streams at once."""
    serve(build(settings), settings.server.grace)
    return 0


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
        application.server.start()
        greet()
        print(f"flight-server ready {application.server.location}", flush=True)
        stopping.wait()
        log.info("stopping: no new calls, streams may end")
    finally:
        application.stop(grace)
        for number, handler in before.items():
            signal.signal(number, handler)
