"""A value read from a file that is read again when the file changes, keeping the last good one."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

from auth.errors import ConfigurationInvalid, PolicyInvalid

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_Stamp = tuple[int, int, int]
_CHECK_SECONDS: Final = 1.0
_SETTLED_NS: Final = 1_000_000_000
_MOST_WAITS: Final = 3


class ReloadingFile(Generic[_T]):
    """The value of a file, at most about three seconds old. Safe to use from several threads.

    The first reading raises what `parse` raises, or `missing` where the file cannot be read; later
    failures are logged once, and the last good value stays in force. A file that was changed less
    than a second ago is taken only when it has not changed since the check before, so that a half
    written one, which may lack its denials, is not. One that is replaced as a whole again and again
    is taken all the same: else the last of its versions would wait for the end of it.
    """

    def __init__(
        self,
        path: Path,
        parse: Callable[[str, str], _T],
        missing: type[Exception],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._parse = parse
        self._missing = missing
        self._clock = clock
        self._lock = threading.Lock()
        stamp = self._stamp()
        self._value = self._read()
        self._taken: _Stamp | None = stamp
        self._seen: _Stamp | None = stamp
        self._waiting: list[_Stamp] = []
        self._checked = clock()
        self._failure = ""

    @property
    def failure(self) -> str:
        """Why the file as it is now is not in force; empty when it is. For operators only."""
        return self._failure

    def current(self) -> _T:
        """The value in force; looks at the file at most once per second."""
        if self._clock() - self._checked < _CHECK_SECONDS or not self._lock.acquire(blocking=False):
            return self._value
        try:
            self._checked = self._clock()
            self._check()
        finally:
            self._lock.release()
        return self._value

    def _check(self) -> None:
        stamp = self._stamp()
        unchanged_since_last_check = stamp == self._seen
        self._seen = stamp
        if stamp == self._taken:
            return
        if stamp is not None and not unchanged_since_last_check and not _settled(stamp):
            self._waiting = [*self._waiting, stamp][-_MOST_WAITS:]
            if not _replaced_often(self._waiting):
                return
        self._waiting = []
        self._taken = stamp
        try:
            value = self._read()
        except (PolicyInvalid, ConfigurationInvalid) as fault:
            self._failure = str(fault)
            _log.error("Changed file is not used, the last good one stays in force: %s", fault)
            return
        if self._stamp() != stamp:  # changed while it was read: look again
            self._taken = None
            return
        self._value = value
        self._failure = ""
        _log.info("Read again: %s", self._path.name)

    def _read(self) -> _T:
        try:
            text = self._path.read_bytes().decode("utf-8")
        except OSError as fault:
            raise self._missing(f"{self._path.name}: cannot be read ({fault.strerror})") from fault
        except UnicodeDecodeError as fault:
            raise self._missing(f"{self._path.name}: is not UTF-8") from fault
        return self._parse(text, self._path.name)

    def _stamp(self) -> _Stamp | None:
        """What changes when the file does; None where there is no file."""
        try:
            status = self._path.stat()
        except OSError:
            return None
        return (status.st_mtime_ns, status.st_size, status.st_ino)


def _replaced_often(stamps: list[_Stamp]) -> bool:
    """Whether a file was another one at some of these checks; one being written stays the same."""
    return len(stamps) == _MOST_WAITS and len({inode for _, _, inode in stamps}) > 1


def _settled(stamp: _Stamp) -> bool:
    """Whether a file was last written a while ago."""
    return time.time_ns() - stamp[0] >= _SETTLED_NS
