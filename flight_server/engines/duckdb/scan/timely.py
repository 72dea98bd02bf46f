"""Planning that a storage may hold up: it is waited for until the statement's deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from catalog.model import Table
from flight_server.engines.duckdb.scan.remote import is_remote
from flight_server.engines.errors import TimedOut

_LATE = "The statement ran past its deadline and was ended."
_T = TypeVar("_T")


def in_time(table: Table, work: Callable[[], _T], deadline: float) -> _T:
    """What `work` gives, which reads metadata and footers of a table; it must hold nothing.

    Of a table in a remote storage it goes on elsewhere when the deadline has passed, until the
    storage's own timeouts end it: what it finds is kept for the next statement. `deadline` is in
    seconds of `time.monotonic`. Raises what `work` raises, and `TimedOut`.
    """
    if table.snapshot is None or not is_remote(table.snapshot.metadata_location):
        return work()
    done: Future[_T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # the root of a thread: who waits is told of all
            done.set_exception(error)

    # a daemon: the process does not wait for a storage when it ends
    threading.Thread(target=run, name="planning", daemon=True).start()
    try:
        return done.result(max(0.0, deadline - time.monotonic()))
    except TimeoutError as error:
        if done.done():
            raise
        raise TimedOut(_LATE) from error
