"""Files of an object storage as they are read here: whose, how large, which version.

Runs on the trusted side: workers have neither the network nor the credentials. Knows nothing of
copies. The SDK tries again by itself what may pass, three times in all, with growing and random
pauses; what is raised here has failed for good.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.fs
from pyiceberg.io.pyarrow import PyArrowFileIO

from flight_server.engines.duckdb.kept import Kept
from flight_server.engines.errors import DataMissing, StorageFailed

_log = logging.getLogger(__name__)

_SCHEMES = ("s3", "s3a", "s3n")
_MISSING = "A data file of a table is missing, or is not the one that its metadata names."
_FAILED = "The storage of a table cannot be read now."
# What Arrow says of an object that was there when it was opened, and is not there to be read.
_GONE = ("RESOURCE_NOT_FOUND", "NO_SUCH_KEY")
_STORAGES = 64
# In seconds, where the catalog says nothing. The SDK's own 1 and 3 are too few for busy storages.
_PATIENCE = {"s3.connect-timeout": "3", "s3.request-timeout": "10"}
_MARK = 16
# The last byte of every Parquet file.
_LAST = b"1"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file by its URI, and its size in bytes as the table's metadata says it.

    `read` are the field ids of columns that are read of it whatever a statement projects; None
    where it is always read as a whole.
    """

    uri: str
    size: int
    read: frozenset[int] | None = None


def is_remote(uri: str) -> bool:
    """Whether a URI is of a storage that files are fetched from."""
    scheme, separator, _ = uri.partition("://")
    return bool(separator) and scheme.lower() in _SCHEMES


def identity(uri: str, storage: Mapping[str, str]) -> str:
    """What tells a file apart from those of the same URI in other storages."""
    return "\0".join((storage.get("s3.endpoint", ""), storage.get("s3.region", ""), uri))


class Opened:
    """A remote file that was there, of the size that the metadata says, when it was opened."""

    def __init__(self, storages: Storages, file: RemoteFile, storage: Mapping[str, str]) -> None:
        self._storages = storages
        self._file = file
        self._storage = storage
        self._source = self._open()
        self.version = _version(self._source)

    def read(self, start: int, end: int) -> bytearray:
        """Some of its bytes, one or more. Raises `DataMissing` and `StorageFailed`."""
        for _ in range(2):
            # Arrow does not tell when a storage gives fewer bytes: the rest stays as it was
            mark = _mark(min(_MARK, end - start))
            data = self._filled(start, end, mark)
            same = 0
            while same < len(mark) and data[-1 - same] == mark[-1 - same]:
                same += 1
            # where it is by chance, the same bytes come again
            if same == 0 or data[-same:] == self._filled(
                end - same, end, bytes(byte ^ 0xFF for byte in mark[-same:])
            ):
                return data
        _log.warning("%s ended early", self._file.uri)
        raise DataMissing(_MISSING)

    def _filled(self, start: int, end: int, mark: bytes) -> bytearray:
        """A buffer that ends with `mark`, after the storage has filled it."""
        data = bytearray(end - start)
        data[len(data) - len(mark) :] = mark
        try:
            self._source.get_stream(start, end - start).readinto(data)
        except FileNotFoundError as error:
            raise DataMissing(_MISSING) from error
        except (OSError, pa.ArrowException) as error:
            if any(code in str(error) for code in _GONE):
                raise DataMissing(_MISSING) from error
            raise _failed(self._file, error) from error
        return data

    def check(self) -> None:
        """See that what was read is still what is there.

        Who replaces a file while it is read would give one made of two. Raises `DataMissing`.
        """
        if _version(self._open()) != self.version:
            _log.warning("%s was changed while it was read", self._file.uri)
            raise DataMissing(_MISSING)

    def _open(self) -> pa.NativeFile:
        file = self._file
        try:
            source = self._storages.open(file.uri, self._storage)
            size = source.size()
        except FileNotFoundError as error:
            raise DataMissing(_MISSING) from error
        except (OSError, pa.ArrowException) as error:
            raise _failed(file, error) from error
        if size != file.size:
            _log.warning("%s has %d bytes, not %d", file.uri, size, file.size)
            raise DataMissing(_MISSING)
        return source


class Storages:
    """The storages that files were read from, each with its connections kept open."""

    def __init__(self) -> None:
        self._known: Kept[pyarrow.fs.FileSystem] = Kept(_STORAGES)

    def open(self, uri: str, storage: Mapping[str, str]) -> pa.NativeFile:
        """A file for reading. Raises `OSError` and `StorageFailed`."""
        try:
            scheme, host, path = PyArrowFileIO.parse_location(uri, dict(storage))
            key = (scheme, host, tuple(sorted(storage.items())))
            files = self._known.get(
                key, lambda: PyArrowFileIO(_PATIENCE | dict(storage)).fs_by_scheme(scheme, host)
            )
        except (ValueError, ImportError) as error:
            _log.warning("the storage of %s is not set up: %s", uri, error)
            raise StorageFailed(_FAILED) from error
        return files.open_input_file(path)


def open_file(uri: str, storage: Mapping[str, str]) -> pa.NativeFile:
    """A file for reading here, remote or local. Raises `OSError` and `StorageFailed`."""
    return Storages().open(uri, storage)


def _mark(length: int) -> bytes:
    """Random bytes that no Parquet file ends with: most reads are to the end of one."""
    mark = secrets.token_bytes(length)
    while mark.endswith(_LAST):
        mark = secrets.token_bytes(length)
    return mark


def _version(source: pa.NativeFile) -> tuple[str, ...]:
    """What differs for two objects of the same name, as far as the storage says it."""
    told = source.metadata() or {}
    found = (told.get(name) for name in ("ETag", "Last-Modified", "VersionId"))
    return tuple("" if each is None else each.decode("latin-1") for each in found)


def _failed(file: RemoteFile, error: Exception) -> StorageFailed:
    _log.warning("reading %s failed: %s", file.uri, error)
    return StorageFailed(_FAILED)
