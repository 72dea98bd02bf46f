"""The worker's side of files that come while its statement runs: a file system for DuckDB.

The front passes on a descriptor of each file once the file is here; who opens one earlier waits.
Knows no storage.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from fsspec.spec import AbstractFileSystem  # type: ignore[import-untyped]  # it has no types

SCHEME = "arriving"
NUMBER = struct.Struct("<I")

_TURN_SECONDS = 0.05
_NEVER = datetime(2000, 1, 1, tzinfo=UTC)


class NotArrived(OSError):
    """The file does not come any more; the front knows why."""


def name_of(mark: str, number: int, size: int) -> str:
    """The path of a file of `size` bytes as a worker reads it; `mark` makes it one of a kind."""
    return f"{SCHEME}://{mark}/{number}/{size}"


def is_arriving(path: str) -> bool:
    """Whether a path is of a file that comes later."""
    return path.startswith(f"{SCHEME}://")


def size_of(path: str) -> int:
    """The size in bytes that a path tells."""
    return int(path.rpartition("/")[2])


class Arrived:
    """The descriptors that came through a socket. Safe for several threads."""

    def __init__(self, front: socket.socket) -> None:
        self._front = front
        self._changed = threading.Condition()
        self._descriptors: dict[int, int | None] = {}
        self._closed = False
        self._check: Callable[[], None] = lambda: None
        threading.Thread(target=self._receive, daemon=True).start()

    def begin(self, check: Callable[[], None]) -> None:
        """A statement starts; `check` raises once it has been ended."""
        self._check = check

    def wait(self, number: int) -> int:
        """The descriptor of a file, once it is here. Raises `NotArrived` and what `check` does."""
        with self._changed:
            while number not in self._descriptors and not self._closed:
                self._check()
                self._changed.wait(_TURN_SECONDS)
            found = self._descriptors.get(number)
        if found is None:
            raise NotArrived("the file does not come")
        return found

    def _receive(self) -> None:
        while True:
            try:
                data, descriptors, _, _ = socket.recv_fds(self._front, NUMBER.size, 1)
            except OSError:
                data, descriptors = b"", []
            with self._changed:
                if len(data) < NUMBER.size:
                    self._closed = True
                else:
                    (number,) = NUMBER.unpack(data)
                    self._descriptors[number] = descriptors[0] if descriptors else None
                self._changed.notify_all()
                if self._closed:
                    return


class ArrivingFiles(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """What DuckDB asks of a file system, over files that came or will come."""

    protocol = SCHEME
    cachable = False

    def __init__(self, arrived: Arrived, names: Iterable[str]) -> None:
        super().__init__()
        self._arrived = arrived
        self._known = frozenset(map(_bare, names))

    def info(self, path: str, **_options: Any) -> dict[str, Any]:
        """Its size, which its name tells."""
        return {"name": path, "size": size_of(self._checked(path)), "type": "file"}

    def glob(self, path: str, **_options: Any) -> list[str]:
        """The path itself: none is a pattern."""
        self._checked(path)
        return [path]

    def modified(self, path: str) -> datetime:
        """Always the same: a file never changes."""
        self._checked(path)
        return _NEVER

    def open(self, path: str, mode: str = "rb", **_options: Any) -> _File:
        """The file, once it is here."""
        bare = self._checked(path)
        if mode != "rb":
            raise PermissionError(path)
        return _File(self._arrived.wait(int(bare.split("/")[-2])), size_of(bare))

    def _checked(self, path: str) -> str:
        bare = _bare(path)
        if bare not in self._known:
            raise FileNotFoundError(path)
        return bare


class _File:
    """A file of which only a position is its own."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size
        self._at = 0

    def read(self, count: int = -1) -> bytes:
        end = self._size if count < 0 else min(self._size, self._at + count)
        parts = []
        while self._at < end:
            part = os.pread(self._descriptor, end - self._at, self._at)
            if not part:
                break
            self._at += len(part)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        """Nothing: the next one that opens the file gets the same descriptor."""


def _bare(path: str) -> str:
    return path.removeprefix(f"{SCHEME}://")
