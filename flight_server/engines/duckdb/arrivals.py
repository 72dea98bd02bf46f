"""The front's side of files that come while a statement runs: who waits for them is a worker.

A worker has no right to a file before it is complete: it is passed a descriptor then.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial

from flight_server.engines.duckdb import arriving
from flight_server.engines.duckdb.process import WorkerProcess
from flight_server.engines.duckdb.scan.cache import Copy
from flight_server.engines.errors import EngineError

_log = logging.getLogger(__name__)

MOST = 1024  # what a worker keeps open
_SEND_SECONDS = 30.0
_UNREAD = "A data file of a table could not be read."


class Arrivals:
    """The files that one worker is promised.

    `error` is why one of them did not come; None while all did.
    """

    def __init__(self) -> None:
        self.error: EngineError | None = None
        self._mark = secrets.token_hex(8)
        self._promised: list[Copy] = []
        self._socket: socket.socket | None = None
        self._sending = threading.Lock()

    @property
    def room(self) -> int:
        """How many more files may be promised."""
        return MOST - len(self._promised)

    def promise(self, copies: Sequence[Copy]) -> list[str]:
        """The paths that a worker is to read copies by that are on their way."""
        first = len(self._promised)
        self._promised += copies
        return [
            arriving.name_of(self._mark, first + number, copy.size)
            for number, copy in enumerate(copies)
        ]

    def follow(self, worker: WorkerProcess) -> None:
        """Give a worker, which waits for this call where any were promised, what they come by."""
        if not self._promised:
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(_SEND_SECONDS)
        self._socket = ours
        with theirs:
            worker.give(theirs.fileno())

    def begin(self) -> None:
        """Pass files on from now: to a worker that reads, for a socket takes few without one."""
        for number, copy in enumerate(self._promised):
            copy.ready.add_done_callback(partial(self._pass, number, copy))

    def close(self) -> None:
        """Pass nothing more on."""
        if self._socket is not None:
            self._end(self._socket)  # who waits with a file is let go
            with self._sending:  # another socket may get its number
                self._socket.close()

    def _pass(self, number: int, copy: Copy, ready: Future[None]) -> None:
        """Runs where the file was fetched."""
        descriptors: list[int] = []
        try:
            error = ready.exception()
            if error is not None:
                raise error
            descriptors.append(os.open(copy.path, os.O_RDONLY | os.O_CLOEXEC))
        except EngineError as error:
            self.error = self.error or error
        except OSError as error:
            _log.warning("a copy of a remote file is gone: %s", error)
            self.error = self.error or EngineError(_UNREAD)
        try:
            with self._sending:
                if self._socket is not None:
                    message = arriving.NUMBER.pack(number)
                    socket.send_fds(self._socket, [message], descriptors)
        except OSError as error:
            # its statement has ended, or its worker is lost, or must not wait for it for ever
            _log.debug("a file was not passed on: %s", error)
            self.error = self.error or EngineError(_UNREAD)
            if self._socket is not None:
                self._end(self._socket)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    @staticmethod
    def _end(ours: socket.socket) -> None:
        with suppress(OSError):
            ours.shutdown(socket.SHUT_RDWR)
