"""The front's side of its processes: the launcher, and a handle on each worker."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import flight_server
from flight_server.engines.duckdb import channel as wire
from flight_server.engines.duckdb import ring
from flight_server.engines.duckdb.channel import Channel, ChannelClosed
from flight_server.engines.errors import EngineError

_MODULE = "flight_server.engines.duckdb.launcher"
_LARGEST_MESSAGE = 8 * 1024 * 1024
_PAGE = os.sysconf("SC_PAGE_SIZE")
_START_SECONDS = 30.0
_END_SECONDS = 2.0


class WorkerProcess:
    """A worker as the front holds it. It is in the hands of one statement at a time."""

    def __init__(
        self, pid: int, handle: int, work: socket.socket, control: socket.socket, memory: int
    ) -> None:
        self.pid = pid
        self.key = ""
        self.spill: Path | None = None
        # the trusted process behind a sealed worker: it lives and dies with it
        self.feeder: WorkerProcess | None = None
        self.channel = Channel(work, _LARGEST_MESSAGE)
        self.ring = ring.readable(memory)
        self._handle = handle
        self._control = control
        self._number = 0
        self._sending = threading.Lock()

    def next_number(self) -> int:
        """The number of the next statement, counted from 1."""
        self._number += 1
        return self._number

    def send(self, kind: bytes, payload: bytes) -> None:
        """Send a message. Raises `ChannelClosed` where the worker is gone."""
        with self._sending:
            self.channel.send(kind, payload)

    def give(self, descriptor: int) -> None:
        """Pass a descriptor on, ahead of the message that needs it."""
        with suppress(OSError):
            socket.send_fds(self._control, [b"d"], [descriptor])

    def interrupt(self, number: int) -> None:
        """Ask for the end of a statement, from any thread."""
        message = wire.NUMBER.pack(number)
        with suppress(OSError):
            self._control.send(message, socket.MSG_DONTWAIT)
        # a worker that does not read must not hold up who ends it
        if self._sending.acquire(timeout=0.05):
            try:
                with suppress(ChannelClosed):
                    self.channel.send(wire.CANCEL, message)
            finally:
                self._sending.release()

    def kill(self) -> None:
        """End the process at once, and its feeder."""
        with suppress(OSError):
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)
        if self.feeder is not None:
            self.feeder.kill()

    def gone(self, seconds: float = 0.0) -> bool:
        """Whether the process and its feeder have ended, waiting for each for so long."""
        own = self._ended(seconds)
        return own and (self.feeder is None or self.feeder.gone(seconds))

    @property
    def broken(self) -> bool:
        """Whether the process or its feeder has ended: it can run no statement any more."""
        return self._ended(0.0) or (self.feeder is not None and self.feeder.broken)

    def _ended(self, seconds: float) -> bool:
        if self._handle < 0:
            return True
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def resident(self) -> int:
        """The bytes of memory that are the process's own; 0 once it is gone.

        Of two processes the larger one counts: each has the whole of what a statement may have.
        """
        behind = 0 if self.feeder is None else self.feeder.resident()
        try:
            fields = Path(f"/proc/{self.pid}/statm").read_text().split()
        except OSError:
            return behind
        return max(behind, (int(fields[1]) - int(fields[2])) * _PAGE)

    def dispose(self) -> None:
        """Let go of everything of a process that is gone, its spilled data too."""
        self.channel.close()
        self._control.close()
        self.ring.close()
        os.close(self._handle)
        self._handle = -1
        if self.feeder is not None:
            self.feeder.dispose()
        if self.spill is not None:
            shutil.rmtree(self.spill, ignore_errors=True)


class _LauncherLost(Exception):
    """The launcher does not answer any more."""


class Launcher:
    """Starts workers through the launcher process, which is started again where it was lost."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The launcher's process id while it runs."""
        return self._process.pid if self._process is not None else None

    def start_worker(self) -> WorkerProcess:
        """A new blank worker. Raises `EngineError` where none can be started."""
        with self._lock:
            if self._closed:
                raise EngineError("The engine is closed.")
            try:
                return self._again()
            except OSError as error:
                # short of memory or descriptors: no reason to end the launcher and all workers
                raise EngineError("No worker could be started.") from error

    def close(self) -> None:
        """End the launcher; workers that still live end with it."""
        with self._lock:
            self._closed = True
            self._end()

    def _again(self) -> WorkerProcess:
        try:
            return self._request(self._socket or self._start())
        except _LauncherLost:
            self._end()
        try:
            return self._request(self._start())
        except _LauncherLost as error:
            self._end()
            raise EngineError("No worker could be started.") from error

    def _request(self, launcher: socket.socket) -> WorkerProcess:
        work, work_end = socket.socketpair()
        control, control_end = socket.socketpair()
        memory = ring.create()
        try:
            ends = [work_end.fileno(), control_end.fileno(), memory]
            try:
                socket.send_fds(launcher, [b"worker"], ends)
                data, handles, _, _ = socket.recv_fds(launcher, 256, 1)
            except (ConnectionError, TimeoutError) as error:
                raise _LauncherLost from error
            if not data:
                raise _LauncherLost
            if not handles:
                raise OSError(data.decode(errors="replace"))
            return WorkerProcess(int(data), handles[0], work, control, memory)
        except BaseException:
            work.close()
            control.close()
            raise
        finally:
            work_end.close()
            control_end.close()
            os.close(memory)

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(_START_SECONDS)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", _MODULE, str(theirs.fileno())],
                env=_environment(),
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                # signals of the terminal are for the front, which ends its processes in order
                start_new_session=True,
            )
        self._socket = ours
        return ours

    def _end(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._process is not None:
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


def _environment() -> dict[str, str]:
    """All that the launcher and its workers know of the environment: no secret is among it."""
    here = str(Path(flight_server.__file__).parents[1])
    paths = [here, *(path for path in sys.path if Path(path).is_absolute())]
    environment = {
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        # libraries that start threads when they are loaded are told not to
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "JE_ARROW_MALLOC_CONF": "background_thread:false",
    }
    if "LD_LIBRARY_PATH" in os.environ:
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    return environment
