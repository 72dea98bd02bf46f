"""The files of a log: how they are named, found, locked and read.

A stream has files `STREAM.FIRST.jsonl`, named by the sequence number of their first record, and one
`STREAM.checkpoints` with a copy of each signed line, which may lie in another directory.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FILE = re.compile(r"(?P<stream>[A-Za-z0-9][A-Za-z0-9._-]{0,63})\.(?P<first>\d{12})\.jsonl")
STREAM = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_BLOCK = 256 * 1024
_MODE = 0o600


class InUse(Exception):
    """Another process writes the stream."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stream is: `directory` has its records, `copies` the copies of its checkpoints."""

    directory: Path
    stream: str
    copies: Path

    def file(self, first: int) -> Path:
        """The file whose first record has a sequence number."""
        return self.directory / f"{self.stream}.{first:012d}.jsonl"

    @property
    def checkpoints(self) -> Path:
        """The file of copied checkpoints."""
        return self.copies / f"{self.stream}.checkpoints"

    @property
    def lock(self) -> Path:
        """The file that a writer holds locked."""
        return self.directory / f"{self.stream}.lock"

    def files(self) -> list[LogFile]:
        """The stream's files in their order."""
        found = [file for file in log_files(self.directory) if file.stream == self.stream]
        return sorted(found, key=lambda file: file.first)


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file of a stream, with the sequence number that its name says its first record has."""

    path: Path
    stream: str
    first: int


def log_file(path: Path) -> LogFile | None:
    """What the name of a file says; None for a file that is no log's."""
    match = _FILE.fullmatch(path.name)
    return LogFile(path, match["stream"], int(match["first"])) if match else None


def log_files(directory: Path) -> list[LogFile]:
    """All files of all streams in a directory."""
    found = (log_file(path) for path in directory.iterdir())
    return sorted(
        (file for file in found if file is not None), key=lambda file: (file.stream, file.first)
    )


def lines(path: Path) -> Iterator[bytes]:
    """The lines of a file with their ends; only the last one may lack its own."""
    with path.open("rb") as file:
        yield from file


def last_lines(path: Path) -> Iterator[bytes]:
    """The whole lines of a file, the last one first; it may be written meanwhile."""
    with path.open("rb") as file:
        at = file.seek(0, os.SEEK_END)
        rest = b""
        while at:
            start = max(0, at - _BLOCK)
            file.seek(start)
            parts = (file.read(at - start) + rest).split(b"\n")
            at, rest = start, parts[0]
            # what follows the last line's end is a line that is not finished
            yield from (part + b"\n" for part in reversed(parts[1:]) if part)
        if rest:
            yield rest + b"\n"


def open_to_append(path: Path) -> int:
    """A descriptor to append to a file that nobody else may read; it is made where it is not."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
    sync_directory(path.parent)
    return descriptor


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of the data. Raises `OSError`; some of it may have been written then."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_directory(directory: Path) -> None:
    """See to it that the names of new files survive a loss of power."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock(path: Path) -> int:
    """Lock a file for as long as the descriptor is open. Raises `InUse` and `OSError`."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
    try:
        # let go by the kernel, however the process ends
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise InUse(path.name) from None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def same_file(descriptor: int, path: Path) -> bool:
    """Whether a descriptor is still that of the file at a path."""
    ours = os.fstat(descriptor)
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)
