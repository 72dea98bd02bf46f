"""A bounded local cache of remote files, for workers that may read local files only.

The files are immutable by their URI, so that nothing is ever asked again. A local path is never
used twice: a warm worker may hold the right to a file, not to what takes its place.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import stat
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from flight_server.engines.duckdb.scan.remote import Fetcher, RemoteFile, checksums, identity
from flight_server.engines.errors import EngineError, OutOfResources, TimedOut

_FULL = "The tables of the statement are larger than what the server may keep of them."
_LATE = "The statement ran past its deadline and was ended."
_NOTE = ".json"
_PART = ".part"


@dataclass(slots=True)
class CacheStatistics:
    """What the cache did since it was made; sizes in bytes."""

    hits: int = 0
    misses: int = 0
    fetched: int = 0
    evicted: int = 0


@dataclass(slots=True)
class _Entry:
    """A file that is here or on its way. `sums` is None until a file of an earlier process was
    compared with its note."""

    path: Path
    size: int
    ready: Future[None] = field(default_factory=Future)
    sums: tuple[int, ...] | None = None
    holders: int = 0


class FileCache:
    """Local copies of remote files, `limit` bytes at most. Safe for several threads.

    Of those that nobody holds the least recently used go first. The copies outlive the process:
    the next one over the same directory takes them over and checks each before it is used.
    """

    def __init__(self, directory: Path, limit: int) -> None:
        self._directory = directory
        self._limit = limit
        self._fetcher = Fetcher()
        self._lock = threading.Lock()
        self._place: Path | None = None
        self._claim: int | None = None
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._statistics = CacheStatistics()

    @property
    def statistics(self) -> CacheStatistics:
        """What the cache did so far."""
        return self._statistics

    def hold(
        self, files: Sequence[RemoteFile], storage: Mapping[str, str], *, deadline: float
    ) -> tuple[list[str], Callable[[], None]]:
        """The local paths of files, fetched where they are not here, and what lets go of them.

        `deadline` is in seconds of `time.monotonic`. Raises `DataMissing`, `StorageFailed`,
        `OutOfResources` and `TimedOut`; nothing is held then.
        """
        keys = [_key(file, storage) for file in files]
        entries: list[_Entry] = []

        def release() -> None:
            with self._lock:
                for entry in entries:
                    entry.holders -= 1

        try:
            for key, file in zip(keys, files, strict=True):
                entries.append(self._entry(key, file, storage))
            for entry in entries:
                entry.ready.result(max(0.0, deadline - monotonic()))
        except TimeoutError:
            release()
            raise TimedOut(_LATE) from None
        except BaseException:
            release()
            raise
        return [str(entry.path) for entry in entries], release

    def has(self, files: Sequence[RemoteFile], storage: Mapping[str, str]) -> bool:
        """Whether all of some files are here already."""
        keys = [_key(file, storage) for file in files]
        with self._lock:
            self._opened()
            return all(key in self._entries for key in keys)

    def close(self) -> None:
        """Fetch nothing more, and leave the directory to another process."""
        self._fetcher.close()
        with self._lock:
            claim, self._claim = self._claim, None
        if claim is not None:
            os.close(claim)

    def _opened(self) -> Path:
        """The place of the files; claimed when the first one is asked for."""
        if self._place is None:
            try:
                self._place, self._claim = _claimed(self._directory)
                self._entries = _taken_over(self._place)
            except OSError as error:
                raise EngineError("The server cannot keep copies of remote files.") from error
        return self._place

    def _entry(self, key: str, file: RemoteFile, storage: Mapping[str, str]) -> _Entry:
        """The entry of a file, held: one that is there, or a new one that is being fetched."""
        with self._lock:
            place = self._opened()
            known = self._entries.get(key)
            if known is not None:
                self._entries.move_to_end(key)
                known.holders += 1
                self._statistics.hits += 1
            else:
                self._make_room(file.size)
                made = _Entry(place / f"{key}-{secrets.token_hex(4)}", file.size, holders=1)
                self._entries[key] = made
                self._statistics.misses += 1
        if known is None:
            self._fetch(key, made, file, storage)
            return made
        if known.sums is None and known.ready.done():
            return self._checked(key, known, file, storage)
        return known

    def _fetch(self, key: str, entry: _Entry, file: RemoteFile, storage: Mapping[str, str]) -> None:
        part = str(entry.path) + _PART

        def done(fetched: Future[tuple[int, ...]]) -> None:
            try:
                entry.sums = fetched.result()
                _keep(part, entry, entry.sums)
            except BaseException as error:  # whoever waits for the file is told, whatever it was
                with suppress(OSError):
                    Path(part).unlink()
                self._forget(key, entry)
                entry.ready.set_exception(
                    error if isinstance(error, EngineError) else OutOfResources(_FULL)
                )
                return
            self._statistics.fetched += entry.size
            entry.ready.set_result(None)

        self._fetcher.fetch(file, storage, part).add_done_callback(done)

    def _checked(
        self, key: str, entry: _Entry, file: RemoteFile, storage: Mapping[str, str]
    ) -> _Entry:
        """An entry of an earlier process; fetched anew where it is not what it was."""
        expected = _noted(entry.path)
        same = expected is not None and entry.size == file.size
        if same and checksums(str(entry.path), entry.size) == expected:
            entry.sums = expected
            return entry
        self._forget(key, entry)
        _remove(entry.path)
        return self._entry(key, file, storage)

    def _forget(self, key: str, entry: _Entry) -> None:
        with self._lock:
            if self._entries.get(key) is entry:
                del self._entries[key]

    def _make_room(self, size: int) -> None:
        total = size + sum(entry.size for entry in self._entries.values())
        for key, entry in list(self._entries.items()):
            if total <= self._limit:
                return
            if entry.holders == 0 and entry.ready.done():
                _remove(entry.path)
                del self._entries[key]
                self._statistics.evicted += entry.size
                total -= entry.size
        if total > self._limit:
            raise OutOfResources(_FULL)


def _key(file: RemoteFile, storage: Mapping[str, str]) -> str:
    return hashlib.sha256(identity(file.uri, storage).encode()).hexdigest()[:40]


def _claimed(directory: Path) -> tuple[Path, int]:
    """A place in the directory that no other process uses, and the lock that says so."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = directory.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid() or state.st_mode & 0o022:
        raise PermissionError(f"{directory} is not a directory that this user alone may change")
    number = 0
    while True:
        place = directory / f"files-{number}"
        place.mkdir(mode=0o700, exist_ok=True)
        claim = os.open(place / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return place, claim
        except BlockingIOError:
            os.close(claim)
            number += 1


def _taken_over(place: Path) -> OrderedDict[str, _Entry]:
    """The complete files that an earlier process left, least recently used first."""
    found: list[tuple[float, str, _Entry]] = []
    for path in place.iterdir():
        if path.name == "lock" or path.suffix == _NOTE:
            continue
        if path.suffix == _PART or not path.with_name(path.name + _NOTE).exists():
            path.unlink()
            continue
        state = path.stat()
        entry = _Entry(path, state.st_size)
        entry.ready.set_result(None)
        found.append((state.st_atime, path.name.partition("-")[0], entry))
    found.sort(key=lambda item: item[0])
    return OrderedDict((key, entry) for _, key, entry in found)


def _keep(part: str, entry: _Entry, sums: tuple[int, ...]) -> None:
    """Give a fetched file its name; first its note, so that no file is without one."""
    note = entry.path.with_name(entry.path.name + _NOTE)
    with note.open("w") as sink:
        json.dump({"size": entry.size, "sums": sums}, sink)
        sink.flush()
        os.fsync(sink.fileno())
    Path(part).rename(entry.path)


def _noted(path: Path) -> tuple[int, ...] | None:
    try:
        note = json.loads(path.with_name(path.name + _NOTE).read_text())
        return tuple(note["sums"]) if note["size"] == path.stat().st_size else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.with_name(path.name + _NOTE).unlink(missing_ok=True)
