"""The process that forks workers: one thread, libraries loaded, an empty DuckDB, and nothing else.

The front has many threads and must not fork. A worker that is forked with an instance is ready in a
tenth of the time that it takes to open one (5 ms against 60), and shares its memory. Run as
`python -m …launcher FD`, where FD is a SOCK_SEQPACKET socket: each message of three file
descriptors asks for a worker and is answered with its process id and a descriptor of the process.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import NoReturn

from duckdb import DuckDBPyConnection

from flight_server.engines.duckdb import sandbox, session, worker

_REQUEST = 16
_MOVED = 64  # above all that the launcher has open


def main() -> None:
    """Serve until the front closes its end; the workers die with this process."""
    blank = session.blank()
    session.warm(blank)
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        sys.exit("the launcher must have one thread only")
    with socket.socket(fileno=int(sys.argv[1])) as front:
        wake = _wake_on_children()
        poll = select.poll()
        poll.register(front, select.POLLIN)
        poll.register(wake, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if wake in ready:
                os.read(wake, 4096)
                _reap()
            if front.fileno() in ready and not _serve(front, blank):
                return


def _serve(front: socket.socket, blank: DuckDBPyConnection) -> bool:
    data, descriptors, _, _ = socket.recv_fds(front, _REQUEST, 3)
    if not data or len(descriptors) != 3:
        return False
    parent = os.getpid()
    try:
        pid = os.fork()
        if pid == 0:
            _become_worker(parent, descriptors, blank)
        descriptors.append(os.pidfd_open(pid))
        socket.send_fds(front, [str(pid).encode()], descriptors[3:])
    except OSError as error:
        # the machine is short of something; the other workers live on
        front.send(os.strerror(error.errno or 0).encode())
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    return True


def _become_worker(parent: int, descriptors: list[int], blank: DuckDBPyConnection) -> NoReturn:
    """The child's side of the fork; never returns, whatever happens."""
    try:
        sandbox.die_with_parent(parent)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # upwards first, so that none is overwritten before it has been moved
        work, control, memory = (
            os.dup2(os.dup(descriptor), _MOVED + index, inheritable=False)
            for index, descriptor in enumerate(descriptors)
        )
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.closerange(3, _MOVED)
        os.closerange(_MOVED + 3, os.sysconf("SC_OPEN_MAX"))
        os.environ.clear()
        worker.main(work, control, memory, session.renew(blank))
    except BaseException:  # the root of a process: nothing may run on as a second launcher
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _wake_on_children() -> int:
    wake, signalled = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(signalled, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return wake


def _reap() -> None:
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return


if __name__ == "__main__":
    main()
