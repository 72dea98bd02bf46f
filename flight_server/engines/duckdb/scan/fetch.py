"""Makes local copies of remote files: whole ones, or with holes where nobody will look.

Knows how a copy is made and what is in it, not which copies there are.
"""

from __future__ import annotations

import errno
import logging
import os
import zlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from flight_server.engines.duckdb.scan import pieces
from flight_server.engines.duckdb.scan.pieces import NotTold, Piece
from flight_server.engines.duckdb.scan.ranked import Ranked
from flight_server.engines.duckdb.scan.remote import Opened, RemoteFile, Storages
from flight_server.engines.errors import EngineError, OutOfResources

_log = logging.getLogger(__name__)

FULL = "The tables of the statement are larger than what the server may keep of them."
UNUSABLE = "The server cannot keep copies of remote files."

# As large as makes requests cheap; smaller ones let the first file be whole earlier.
RANGE = 4 * 1024 * 1024
# A footer is about as long as this, or is asked for twice.
_TAIL = 128 * 1024
_FOOTER = 16 * 1024 * 1024
# Another request costs more than so many bytes that nobody needs.
_GAP = 128 * 1024
# Of a file that is needed to so large a part all is fetched.
_MOST = 0.8
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

# A piece that was fetched at once, and its checksum.
Block = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Content:
    """What a local copy of a file of `size` bytes holds: its `blocks`; the rest is holes.

    No hole is in the column chunks of the field ids `columns`; there is none at all where it is
    None. `version` is of the object that it was read from.
    """

    size: int
    columns: frozenset[int] | None
    version: tuple[str, ...]
    blocks: tuple[Block, ...]

    @property
    def stored(self) -> int:
        """How many bytes it takes."""
        return pieces.length((start, end) for start, end, _ in self.blocks)


@dataclass(frozen=True, slots=True)
class Order:
    """A copy to be made at `target`, which is not there yet: of `columns`, None for all.

    What the copy `base` holds is not fetched again. `room` is told how many bytes it will take,
    and raises `OutOfResources` where these are too many. Files of a lower `rank` go first.
    """

    file: RemoteFile
    storage: Mapping[str, str]
    target: str
    columns: frozenset[int] | None
    base: tuple[str, Content] | None
    room: Callable[[int], None]
    rank: int = 0

    @property
    def bucket(self) -> tuple[str, str]:
        """Where the file comes from: one such place may stand still while others do not."""
        return self.storage.get("s3.endpoint", ""), urlsplit(self.file.uri).netloc


class Fetcher:
    """Makes copies. Safe for several threads; of a bucket `most` files and pieces at once.

    Ranks are by statement: the first files of each come before the later ones of any.
    """

    def __init__(self, threads: int = 32, most: int = 16) -> None:
        self._storages = Storages()
        self._files = Ranked(threads, most, "fetch-file")
        self._ranges = Ranked(threads, most, "fetch-range")

    def close(self) -> None:
        """Start nothing more; what is being read ends by itself."""
        self._files.close()
        self._ranges.close()

    def fetch(self, order: Order) -> Future[tuple[Content, int]]:
        """Make a copy; gives what is in it, and how many of the bytes were fetched for it.

        The future raises `DataMissing` where the file is not there or is not of its size,
        `StorageFailed` where the storage does not answer or refuses, and `OutOfResources`.
        """
        return self._files.submit(order.rank, order.bucket, partial(self._fetch, order))

    def _fetch(self, order: Order) -> tuple[Content, int]:
        with _Target(order.target, order.file.size) as target:
            source = Opened(self._storages, order.file, order.storage)
            return self._copy(order, source, target)

    def _copy(self, order: Order, source: Opened, target: _Target) -> tuple[Content, int]:
        size = order.file.size
        have = _copied(order.base, source.version, target)
        kept = pieces.length(_places(have))
        columns, wanted = order.columns, [(0, size)]
        if columns is not None:
            found = self._footer(source, target, have)
            have += found or []
            if found is not None:
                columns, wanted = _wanted(target, columns)
            else:
                columns = None
        missing = pieces.without(wanted, _places(have))
        missing = pieces.without(pieces.merged(missing, _GAP), _places(have))
        order.room(pieces.length([*_places(have), *missing]))
        have += self._pieces(source, target, pieces.split(missing, RANGE), order)
        source.check()
        fetched = pieces.length(_places(have)) - kept
        return Content(size, columns, source.version, tuple(sorted(have))), fetched

    def _footer(self, source: Opened, target: _Target, have: list[Block]) -> list[Block] | None:
        """Fetch what of the end of a file is not there yet; None where its footer is no footer."""
        size = target.size
        start = max(0, size - _TAIL)
        if not pieces.without([(start, size)], _places(have)):
            return []
        found = [target.write(start, source.read(start, size))]
        length = 8 + int.from_bytes(target.read(size - 8, size - 4), "little")
        if length > min(size, _FOOTER):
            return None
        if size - length < start:
            found.append(target.write(size - length, source.read(size - length, start)))
        return found

    def _pieces(
        self, source: Opened, target: _Target, wanted: list[Piece], order: Order
    ) -> list[Block]:
        def one(start: int, end: int) -> Block:
            return target.write(start, source.read(start, end))

        if len(wanted) == 1:
            return [one(*wanted[0])]
        ask = partial(self._ranges.submit, order.rank, order.bucket)
        parts = [ask(partial(one, *piece)) for piece in wanted]
        try:
            return [part.result() for part in parts]
        finally:
            _settle(parts)


class _Target:
    """A new local file, of its full size from the start."""

    def __init__(self, path: str, size: int) -> None:
        self.path = path
        self.size = size
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise _unkept(error) from error
        try:
            os.ftruncate(self._descriptor, size)
        except OSError as error:
            os.close(self._descriptor)
            raise _unkept(error) from error

    def __enter__(self) -> _Target:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def read(self, start: int, end: int) -> bytes:
        return os.pread(self._descriptor, end - start, start)

    def write(self, start: int, data: bytes | bytearray) -> Block:
        """Write a piece; gives its block. Not synced: checksums tell what a crash has lost."""
        view = memoryview(data)
        written = 0
        try:
            while written < len(data):
                written += os.pwrite(self._descriptor, view[written:], start + written)
        except OSError as error:
            raise _unkept(error) from error
        return start, start + len(data), zlib.crc32(data)


def is_whole(path: str, content: Content) -> bool:
    """Whether a local copy still holds what it should."""
    try:
        with open(path, "rb", buffering=0) as source:  # noqa: PTH123 - a path as the engine has it
            return os.fstat(source.fileno()).st_size == content.size and all(
                zlib.crc32(os.pread(source.fileno(), end - start, start)) == checksum
                for start, end, checksum in content.blocks
            )
    except OSError:
        return False


def _copied(
    base: tuple[str, Content] | None, version: tuple[str, ...], target: _Target
) -> list[Block]:
    """What another copy of the same object holds, but for what is damaged there."""
    if base is None or base[1].version != version:
        return []
    found: list[Block] = []
    try:
        with open(base[0], "rb", buffering=0) as source:  # noqa: PTH123 - as above
            for start, end, checksum in base[1].blocks:
                data = os.pread(source.fileno(), end - start, start)
                if len(data) == end - start and zlib.crc32(data) == checksum:
                    found.append(target.write(start, data))
    except OSError:
        _log.warning("a copy of a remote file could not be read", exc_info=True)
    return found


def _wanted(target: _Target, columns: frozenset[int]) -> tuple[frozenset[int] | None, list[Piece]]:
    """The pieces that hold some columns, by the footer in a copy; or all of them."""
    whole = [(0, target.size)]
    try:
        wanted = pieces.needed(pq.read_metadata(target.path), columns, target.size)
    except (NotTold, OSError, pa.ArrowException):
        _log.debug("a file is fetched whole, as its footer is not plain", exc_info=True)
        return None, whole
    if pieces.length(wanted) > _MOST * target.size:
        return None, whole
    return columns, wanted


def _places(blocks: Iterable[Block]) -> list[Piece]:
    return [(start, end) for start, end, _ in blocks]


def _unkept(error: OSError) -> EngineError:
    if error.errno in _NO_ROOM:
        return OutOfResources(FULL)
    _log.warning("a copy of a remote file could not be written: %s", error)
    return EngineError(UNUSABLE)


def _settle(parts: list[Future[Block]]) -> None:
    """Wait until no thread uses the source and the target any more."""
    for part in parts:
        if not part.cancel():
            part.exception()
