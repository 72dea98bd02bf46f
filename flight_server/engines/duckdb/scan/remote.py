"""Fetches immutable files from object storage, in parallel ranges. Knows nothing of caching.

Runs on the trusted side: workers have neither the network nor the credentials.
"""

from __future__ import annotations

import logging
import os
import zlib
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.fs
from pyiceberg.io.pyarrow import PyArrowFileIO

from flight_server.engines.errors import DataMissing, StorageFailed

_log = logging.getLogger(__name__)

RANGE = 4 * 1024 * 1024
_SCHEMES = ("s3", "s3a", "s3n")
_MISSING = "A data file of a table is missing, or is not the one that its metadata names."
_FAILED = "The storage of a table cannot be read now."


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file by its URI, and its size in bytes as the table's metadata says it."""

    uri: str
    size: int


def is_remote(uri: str) -> bool:
    """Whether a URI is of a storage that files are fetched from."""
    scheme, separator, _ = uri.partition("://")
    return bool(separator) and scheme.lower() in _SCHEMES


def identity(uri: str, storage: Mapping[str, str]) -> str:
    """What tells a file apart from those of the same URI in other storages."""
    return "\0".join((storage.get("s3.endpoint", ""), storage.get("s3.region", ""), uri))


class Fetcher:
    """Writes remote files to local ones. Safe for several threads; `ranges` are read at once."""

    def __init__(self, files: int = 8, ranges: int = 16) -> None:
        self._files = ThreadPoolExecutor(files, thread_name_prefix="fetch-file")
        self._ranges = ThreadPoolExecutor(ranges, thread_name_prefix="fetch-range")

    def close(self) -> None:
        """Start nothing more; what is being read ends by itself."""
        self._files.shutdown(wait=False, cancel_futures=True)
        self._ranges.shutdown(wait=False, cancel_futures=True)

    def fetch(
        self, file: RemoteFile, storage: Mapping[str, str], target: str
    ) -> Future[tuple[int, ...]]:
        """Fetch a file into a new local one; gives the checksums of its ranges, in order.

        The future raises `DataMissing` where the file is not there or is not of its size, and
        `StorageFailed` where the storage does not answer or refuses. The local file is complete and
        on disk once there is a result.
        """
        return self._files.submit(self._fetch, file, storage, target)

    def _fetch(self, file: RemoteFile, storage: Mapping[str, str], target: str) -> tuple[int, ...]:
        try:
            return self._copy(file, storage, target)
        except FileNotFoundError as error:
            raise DataMissing(_MISSING) from error
        except (OSError, pa.ArrowException) as error:
            _log.warning("fetching %s failed: %s", file.uri, error)
            raise StorageFailed(_FAILED) from error

    def _copy(self, file: RemoteFile, storage: Mapping[str, str], target: str) -> tuple[int, ...]:
        filesystem, path = _opened(file.uri, storage)
        with filesystem.open_input_file(path) as source:
            before = _state(filesystem, path)
            if source.size() != file.size or before[0] != file.size:
                _log.warning("%s has %d bytes, not %d", file.uri, source.size(), file.size)
                raise DataMissing(_MISSING)
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                parts = [
                    self._ranges.submit(_range, source, descriptor, start, file.size)
                    for start in range(0, file.size, RANGE)
                ]
                try:
                    sums = tuple(part.result() for part in parts)
                finally:
                    _settle(parts)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            # who replaces a file while it is read would give one made of two
            if _state(filesystem, path) != before:
                _log.warning("%s was changed while it was read", file.uri)
                raise DataMissing(_MISSING)
        return sums


def checksums(path: str, size: int) -> tuple[int, ...]:
    """The checksums of a local file's ranges."""
    found = []
    with open(path, "rb", buffering=0) as source:  # noqa: PTH123 - a path as the engine has it
        for _ in range(0, size, RANGE):
            found.append(zlib.crc32(source.read(RANGE)))
    return tuple(found)


def open_file(uri: str, storage: Mapping[str, str]) -> pa.NativeFile:
    """A file for reading here, remote or local. Raises `OSError` and `StorageFailed`."""
    filesystem, path = _opened(uri, storage)
    return filesystem.open_input_file(path)


def _opened(uri: str, storage: Mapping[str, str]) -> tuple[pyarrow.fs.FileSystem, str]:
    try:
        scheme, host, path = PyArrowFileIO.parse_location(uri, dict(storage))
        return PyArrowFileIO(dict(storage)).fs_by_scheme(scheme, host), path
    except (ValueError, ImportError) as error:
        _log.warning("the storage of %s is not set up: %s", uri, error)
        raise StorageFailed(_FAILED) from error


def _state(filesystem: pyarrow.fs.FileSystem, path: str) -> tuple[Any, Any]:
    info = filesystem.get_file_info(path)
    return info.size, info.mtime_ns


def _range(source: pa.NativeFile, descriptor: int, start: int, size: int) -> int:
    wanted = min(RANGE, size - start)
    data = source.read_at(wanted, start)
    if len(data) != wanted:
        raise DataMissing(_MISSING)
    written = 0
    view = memoryview(data)
    while written < wanted:
        written += os.pwrite(descriptor, view[written:], start + written)
    return zlib.crc32(data)


def _settle(parts: list[Future[int]]) -> None:
    """Wait until no thread uses the source and the target any more."""
    for part in parts:
        if not part.cancel():
            part.exception()
