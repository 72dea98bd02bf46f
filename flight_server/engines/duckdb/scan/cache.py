"""A bounded local cache of remote files, for workers that may read local files only.

The files are immutable by their URI, so that nothing is ever asked again. A local path is never
used twice, and what it holds never changes: a warm worker may hold the right to a file, not to what
takes its place, and remembers what it read of it. A copy may have holes where columns lie that no
statement has asked for; one that needs more gets another copy, made from this one.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from flight_server.engines.duckdb.scan import place
from flight_server.engines.duckdb.scan.fetch import (
    FULL,
    UNUSABLE,
    Content,
    Fetcher,
    Order,
    is_whole,
)
from flight_server.engines.duckdb.scan.remote import RemoteFile, identity
from flight_server.engines.errors import EngineError, OutOfResources, TimedOut

_LATE = "The statement ran past its deadline and was ended."


@dataclass(slots=True)
class CacheStatistics:
    """What the cache did since it was made, and what is in it; sizes in bytes.

    A hit is a file that a statement needed and that was here or on its way.
    """

    limit: int = 0
    files: int = 0
    stored: int = 0
    hits: int = 0
    misses: int = 0
    fetched: int = 0
    evicted: int = 0


@dataclass(slots=True, eq=False)
class Copy:
    """A copy that is here or on its way: of `columns`, None for all.

    `checked` is whether it was compared with its note, if an earlier process left it.
    """

    key: str
    path: Path
    size: int
    columns: frozenset[int] | None
    stored: int
    ready: Future[None] = field(default_factory=Future)
    fetching: Future[tuple[Content, int]] | None = None
    content: Content | None = None
    checked: bool = True
    holders: int = 0

    def holds(self, columns: frozenset[int] | None) -> bool:
        """Whether it has what is needed."""
        return self.columns is None or (columns is not None and columns <= self.columns)

    @property
    def worth(self) -> tuple[bool, bool, int]:
        """Which of several copies to read: one that is there, then the one with the most."""
        return self.ready.done(), self.columns is None, len(self.columns or ())


class FileCache:
    """Local copies of remote files, `limit` bytes at most. Safe for several threads.

    Of those that nobody holds the least recently used go first. The copies outlive the process:
    the next one over the same directory takes them over and checks each before it is used.
    Files of at most `small` bytes are always copied whole.
    """

    def __init__(self, directory: Path, limit: int, small: int = 8 * 1024 * 1024) -> None:
        self._directory = directory
        self._small = small
        self._fetcher = Fetcher()
        # what is cancelled is forgotten by the same thread
        self._lock = threading.RLock()
        self._place: place.Place | None = None
        self._copies: OrderedDict[Path, Copy] = OrderedDict()
        self._by_key: dict[str, list[Copy]] = {}
        self._statistics = CacheStatistics(limit)

    @property
    def statistics(self) -> CacheStatistics:
        """What the cache did so far."""
        with self._lock:
            self._statistics.files = len(self._copies)
            self._statistics.stored = self._stored()
        return self._statistics

    def hold(
        self,
        files: Sequence[RemoteFile],
        storage: Mapping[str, str],
        *,
        deadline: float,
        columns: Collection[int] | None = None,
    ) -> tuple[list[str], Callable[[], None]]:
        """The local paths of files once all are here, and what lets go of them.

        As `ask`, but waits until `deadline`, in seconds of `time.monotonic`. Raises `DataMissing`,
        `StorageFailed`, `OutOfResources` and `TimedOut`; nothing is held then.
        """
        copies, release = self.ask(files, storage, columns=columns)
        try:
            arrived(copies, deadline)
        except BaseException:
            release()
            raise
        return [str(copy.path) for copy in copies], release

    def ask(
        self,
        files: Sequence[RemoteFile],
        storage: Mapping[str, str],
        *,
        columns: Collection[int] | None = None,
    ) -> tuple[list[Copy], Callable[[], None]]:
        """Copies of files, here or on their way in this order, and what lets go of them.

        Of data files only the top-level columns with the field ids `columns` need be in them; all
        where it is None. What nobody holds any more is not fetched, if that has not begun. Raises
        `OutOfResources`; nothing is held then.
        """
        held: list[Copy] = []
        try:
            for rank, file in enumerate(files):
                needed = self._needed(file, columns)
                held.append(self._copy(file, storage, needed, rank))
        except BaseException:
            self._release(held)
            raise
        return held, lambda: self._release(held)

    def has(self, files: Sequence[RemoteFile], storage: Mapping[str, str]) -> bool:
        """Whether all of some files are here already, each with all of its columns."""
        keys = [_key(file, storage) for file in files]
        with self._lock:
            self._opened()
            return all(any(c.holds(None) for c in self._by_key.get(key, ())) for key in keys)

    def pays(self, files: Sequence[RemoteFile]) -> bool:
        """Whether it makes a difference for some files which of their columns are needed."""
        return any(file.read is not None and file.size > self._small for file in files)

    def close(self) -> None:
        """Fetch nothing more, and leave the directory to another process."""
        self._fetcher.close()
        with self._lock:
            if self._place is not None:
                self._place.leave()

    def _release(self, held: Sequence[Copy]) -> None:
        with self._lock:
            for copy in held:
                copy.holders -= 1
                if copy.holders == 0 and copy.fetching is not None:
                    copy.fetching.cancel()

    # --- finding and making copies ---------------------------------------------------------------

    def _needed(self, file: RemoteFile, columns: Collection[int] | None) -> frozenset[int] | None:
        if columns is None or file.read is None or file.size <= self._small:
            return None
        return file.read.union(columns)

    def _copy(
        self,
        file: RemoteFile,
        storage: Mapping[str, str],
        needed: frozenset[int] | None,
        rank: int,
    ) -> Copy:
        """A copy of a file, held: one that is there, or a new one that is being fetched."""
        key = _key(file, storage)
        while True:
            with self._lock:
                folder = self._opened()
                fit = [copy for copy in self._by_key.get(key, ()) if copy.holds(needed)]
                found = max(fit, key=lambda copy: copy.worth, default=None)
                if found is None:
                    made, base = self._made(folder, key, file, needed)
                    break
                found.holders += 1
            if self._is_good(found, file):
                with self._lock:
                    self._statistics.hits += 1
                    if found.path in self._copies:
                        self._copies.move_to_end(found.path)
                return found
            with self._lock:
                self._drop(found)
        self._fetch(made, base, file, storage=storage, rank=rank)
        return made

    def _made(
        self, folder: Path, key: str, file: RemoteFile, needed: frozenset[int] | None
    ) -> tuple[Copy, Copy | None]:
        """A new copy and the one that it is made from, both held."""
        ready = [c for c in self._by_key.get(key, ()) if c.content and c.size == file.size]
        base = max(ready, key=lambda copy: copy.stored, default=None)
        if needed is not None and base is not None and base.columns is not None:
            needed |= base.columns  # one copy in the end, not one for each statement
        path = folder / f"{key}-{secrets.token_hex(4)}"
        made = Copy(key, path, file.size, needed, 0, holders=1)
        if needed is None:
            self._make_room(file.size)
            made.stored = file.size
        if base is not None:
            base.holders += 1
        self._copies[path] = made
        self._by_key.setdefault(key, []).append(made)
        self._statistics.misses += 1
        return made, base

    def _is_good(self, copy: Copy, file: RemoteFile) -> bool:
        """Whether a copy is what it was, if it is here; the first time all of it is read."""
        if not copy.ready.done() or copy.content is None:
            return True  # who waits for it is told
        if copy.size != file.size:
            return False
        if not copy.checked:
            copy.checked = is_whole(str(copy.path), copy.content)
            return copy.checked
        try:
            return copy.path.stat().st_size == copy.size
        except OSError:
            return False

    def _fetch(
        self,
        copy: Copy,
        base: Copy | None,
        file: RemoteFile,
        *,
        storage: Mapping[str, str],
        rank: int,
    ) -> None:
        part = place.unfinished(copy.path)

        def room(size: int) -> None:
            with self._lock:
                copy.stored = 0
                self._make_room(size)
                copy.stored = size

        def failed(error: BaseException) -> None:
            with suppress(OSError):
                part.unlink()
            with self._lock:
                self._forget(copy)
                if base is not None:
                    base.holders -= 1
            copy.ready.set_exception(_told(error))

        def done(future: Future[tuple[Content, int]]) -> None:
            try:
                content, fetched = future.result()
                place.keep(copy.path, content)
            except BaseException as error:  # whoever waits for the file is told, whatever it was
                failed(error)
                return
            with self._lock:
                copy.content, copy.columns, copy.stored = content, content.columns, content.stored
                self._statistics.fetched += fetched
                if base is not None:
                    base.holders -= 1
                    if base.holders == 0 and copy.holds(base.columns):
                        self._drop(base)
            copy.ready.set_result(None)

        made_from = (str(base.path), base.content) if base and base.content else None
        order = Order(file, storage, str(part), copy.columns, made_from, room, rank)
        try:
            copy.fetching = self._fetcher.fetch(order)
        except RuntimeError as error:  # it is closed, or there is no thread to be had
            failed(error)
            return
        copy.fetching.add_done_callback(done)

    # --- keeping them, under the lock ------------------------------------------------------------

    def _opened(self) -> Path:
        """The folder of the copies; claimed when the first one is asked for."""
        if self._place is not None and not self._place.folder.exists():
            # somebody has removed it; what is still read there goes with its readers
            self._place.leave()
            self._place = None
            self._copies.clear()
            self._by_key.clear()
        if self._place is None:
            try:
                self._place = place.claimed(self._directory)
                left = self._place.left()
            except OSError as error:
                raise EngineError(UNUSABLE) from error
            for path, content in left:
                key = path.name.partition("-")[0]
                copy = Copy(key, path, content.size, content.columns, content.stored)
                copy.content, copy.checked = content, False
                copy.ready.set_result(None)
                self._copies[path] = copy
                self._by_key.setdefault(key, []).append(copy)
        return self._place.folder

    def _stored(self) -> int:
        return sum(copy.stored for copy in self._copies.values())

    def _make_room(self, size: int) -> None:
        total = size + self._stored()
        for copy in list(self._copies.values()):
            if total <= self._statistics.limit:
                return
            if copy.holders == 0 and copy.ready.done():
                self._drop(copy)
                self._statistics.evicted += copy.stored
                total -= copy.stored
        if total > self._statistics.limit:
            raise OutOfResources(FULL)

    def _forget(self, copy: Copy) -> None:
        if self._copies.get(copy.path) is copy:
            del self._copies[copy.path]
            others = self._by_key[copy.key]
            others.remove(copy)
            if not others:
                del self._by_key[copy.key]

    def _drop(self, copy: Copy) -> None:
        self._forget(copy)
        with suppress(OSError):
            place.remove(copy.path)


def arrived(copies: Iterable[Copy], deadline: float) -> None:
    """Wait until copies are here; `deadline` is in seconds of `time.monotonic`.

    Raises `DataMissing`, `StorageFailed`, `OutOfResources` and `TimedOut`.
    """
    try:
        for copy in copies:
            copy.ready.result(max(0.0, deadline - monotonic()))
    except TimeoutError:
        raise TimedOut(_LATE) from None


def _key(file: RemoteFile, storage: Mapping[str, str]) -> str:
    return hashlib.sha256(identity(file.uri, storage).encode()).hexdigest()[:40]


def _told(error: BaseException) -> EngineError:
    if isinstance(error, EngineError):
        return error
    told = EngineError(UNUSABLE)
    told.__cause__ = error
    return told
