"""Writes one stream: appends records to its files, signs checkpoints, and goes on after failures.

Used by one thread. What was appended before a failure stays; what failed may be appended again.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flight_server.query.audit.chain import (
    Broken,
    End,
    Link,
    Record,
    checkpoint,
    genesis,
    link,
    read,
)
from flight_server.query.audit.files import (
    InUse,
    Place,
    last_lines,
    lines,
    lock,
    open_to_append,
    same_file,
    write_all,
)
from flight_server.query.audit.signing import SigningKey

log = logging.getLogger(__name__)

_BLOCK = 64 * 1024


class Unusable(Exception):
    """The log cannot be gone on with. The message is for operators."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How many records, and seconds, there may be without a signature, and bytes in a file."""

    records: int = 1_000
    seconds: float = 10.0
    file_size: int = 64 * 2**20


@dataclass(slots=True)
class _Open:
    """The file that is written now, with the size it must have."""

    path: Path
    descriptor: int
    size: int


class Trail:
    """The end of a stream, to append to. Raises `Unusable` where it is in use or was tampered with.

    The first record says that the stream was opened, and what had to be cut off: a record that was
    not finished when the last process was killed.
    """

    def __init__(
        self,
        place: Place,
        key: SigningKey,
        rhythm: Rhythm = Rhythm(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._place = place
        self._key = key
        self._rhythm = rhythm
        self._clock = clock
        self._unsigned = 0
        self._since = clock()
        self._uncopied = b""
        self._file: _Open | None = None
        try:
            for directory in (place.directory, place.copies):
                directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = lock(place.lock)
        except InUse:
            raise Unusable(
                f"the stream {place.stream} in {place.directory} is written by another server: give"
                " each its own audit.stream"
            ) from None
        except OSError as error:
            raise Unusable(f"{place.directory} cannot be used: {error.strerror}") from error
        try:
            self._end, torn = _resume(place)
            self.append([{"ts": stamp(), "event": "opened", **torn}], sync=True)
            self.sign()
        except OSError as error:
            os.close(self._lock)
            raise Unusable(f"{place.directory} cannot be written: {error.strerror}") from error
        except BaseException:
            os.close(self._lock)
            raise

    @property
    def place(self) -> Place:
        """Where the stream is."""
        return self._place

    @property
    def seq(self) -> int:
        """The sequence number of the last record."""
        return self._end.seq

    def append(self, records: Iterable[Record], *, sync: bool) -> None:
        """Append records; with `sync` they survive a loss of power once this returns.

        Raises `OSError`: then none of them count as appended.
        """
        links, end = [], self._end
        for record in records:
            links.append(link(record, end))
            end = End(links[-1].seq, links[-1].hash)
        self._write(b"".join(made.line for made in links), sync=sync)
        self._end = end
        if not self._unsigned:
            self._since = self._clock()
        self._unsigned += len(links)

    def sign(self) -> None:
        """Sign what has no signature yet. Raises `OSError`."""
        if self._unsigned:
            facts = {"ts": stamp(), "stream": self._place.stream, "records": self._unsigned}
            made = checkpoint(facts, self._end, self._key)
            self._write(made.line, sync=True)
            self._end, self._unsigned = End(made.seq, made.hash), 0
            self._uncopied += made.line
            if self._file is not None and self._file.size >= self._rhythm.file_size:
                self._leave()
        self._copy()

    def due(self) -> float | None:
        """The seconds until a signature is due; None where all is signed."""
        if self._uncopied or self._unsigned >= self._rhythm.records:
            return 0.0
        if not self._unsigned:
            return None
        if self._file is not None and self._file.size >= self._rhythm.file_size:
            return 0.0
        return max(0.0, self._since + self._rhythm.seconds - self._clock())

    def close(self) -> None:
        """Say that the stream was closed, sign, and let others write it. Raises `OSError`."""
        try:
            self.append([{"ts": stamp(), "event": "closed"}], sync=True)
            self.sign()
        finally:
            self._leave()
            os.close(self._lock)

    # --- parts -----------------------------------------------------------------------------------

    def _write(self, data: bytes, *, sync: bool) -> None:
        file = self._usable()
        try:
            write_all(file.descriptor, data)
            if sync:
                os.fdatasync(file.descriptor)
        except OSError:
            # What part of it is in the file is not known: it is cut off before the next attempt.
            self._forsake(file)
            raise
        file.size += len(data)

    def _usable(self) -> _Open:
        """The file to write, which is still the one that its path names, and as it was left."""
        self._keep_locked()
        file = self._file
        if file is not None:
            if file.descriptor < 0:
                file.descriptor = open_to_append(file.path)
            if _as_it_was_left(file):
                return file
            log.error("the audit log was changed by somebody else: it goes on in a new file")
            self._leave()
        path = self._place.file(self._end.seq + 1)
        file = self._file = _Open(path, open_to_append(path), 0)
        if os.fstat(file.descriptor).st_size:
            # Not ours: nothing that was written is ever written over.
            self._leave()
            raise OSError(errno.EEXIST, "a file of the audit log is there already")
        return file

    def _keep_locked(self) -> None:
        """Lock anew where the directory is another one than before. Raises `OSError`."""
        if same_file(self._lock, self._place.lock):
            return
        try:
            held = lock(self._place.lock)
        except InUse:
            raise OSError("the audit log is written by another server") from None
        os.close(self._lock)
        self._lock = held

    def _forsake(self, file: _Open) -> None:
        with suppress(OSError):
            os.ftruncate(file.descriptor, file.size)
        os.close(file.descriptor)
        file.descriptor = -1

    def _leave(self) -> None:
        if self._file is not None and self._file.descriptor >= 0:
            os.close(self._file.descriptor)
        self._file = None

    def _copy(self) -> None:
        """Copy the signed lines to where they are kept apart."""
        if not self._uncopied:
            return
        descriptor = open_to_append(self._place.checkpoints)
        try:
            write_all(descriptor, self._uncopied)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        self._uncopied = b""


def _as_it_was_left(file: _Open) -> bool:
    """Whether a file still has what was written; what a failed write left behind is cut off."""
    size = os.fstat(file.descriptor).st_size
    if size < file.size or not same_file(file.descriptor, file.path):
        return False
    if size > file.size:
        os.ftruncate(file.descriptor, file.size)
    return True


def _resume(place: Place) -> tuple[End, Record]:
    """The end of a stream, and what had to be cut off behind it. Raises `Unusable`."""
    files = place.files()
    known = _last_copy(place)
    cut = 0
    while files:
        cut += _cut_unfinished(files[-1].path)
        if files[-1].path.stat().st_size:
            break
        files.pop().path.unlink()
    if not files:
        if known is not None:
            raise Unusable(_LACKS.format(place=place.directory, seq=known.seq))
        return genesis(place.stream), {}
    end = _end_of(files[-1].path, known)
    if known is not None and known.seq > end.seq:
        raise Unusable(_LACKS.format(place=place.directory, seq=known.seq))
    if known is None:
        log.warning("there are no copies of the audit log's checkpoints in %s", place.copies)
    return end, {"cut_bytes": cut} if cut else {}


_LACKS = (
    "the audit log in {place} lacks records up to {seq}, which a checkpoint names: look at it with"
    " `flight-server audit verify`, then move all files of the stream away"
)


def _end_of(path: Path, known: Link | None) -> End:
    """The end of a file all of whose records hang together, and fit the checkpoint."""
    last: Link | None = None
    try:
        for line in lines(path):
            found = read(line)
            if last is not None and (found.seq, found.prev) != (last.seq + 1, last.hash):
                raise Broken("it does not follow the record before")
            if known is not None and known.seq in (found.seq, found.seq - 1):
                told = found.hash if known.seq == found.seq else found.prev
                if told != known.hash:
                    raise Broken("it does not fit the checkpoint")
            last = found
    except Broken as broken:
        number = 1 if last is None else last.seq + 1
        raise Unusable(f"{path.name}: the record {number} cannot be trusted: {broken}") from None
    assert last is not None  # noqa: S101 - the caller found that the file is not empty
    return End(last.seq, last.hash)


def _last_copy(place: Place) -> Link | None:
    """The last checkpoint that was copied. Raises `Unusable` where it cannot be read."""
    if not place.checkpoints.exists():
        return None
    _cut_unfinished(place.checkpoints)
    for line in last_lines(place.checkpoints):
        try:
            return read(line)
        except Broken as broken:
            raise Unusable(f"{place.checkpoints}: the last line is not right: {broken}") from None
    return None


def _cut_unfinished(path: Path) -> int:
    """Cut off what follows the last whole line, as a killed process leaves it; gives its size."""
    size = path.stat().st_size
    whole = size
    with path.open("rb") as file:
        while whole:
            start = max(0, whole - _BLOCK)
            file.seek(start)
            at = file.read(whole - start).rfind(b"\n")
            whole = start if at < 0 else start + at + 1
            if at >= 0:
                break
    if whole < size:
        os.truncate(path, whole)
    return size - whole


def stamp(seconds: float | None = None) -> str:
    """A moment, in seconds since 1970, or now: in UTC, to the microsecond."""
    moment = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
