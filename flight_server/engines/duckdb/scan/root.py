"""Where a table's files may lie: under the table's location, in local storage or in a remote one.

Metadata is written by whoever may write the table: without this check it could name any file that
the server can read.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from flight_server.engines.duckdb.scan.remote import is_remote
from flight_server.engines.errors import OutsideTable, UnsupportedData

_OUTSIDE = "The table names a file that does not lie under its location."
_NAME = "A file name of the table is not supported yet."


def local_path(uri: str) -> str:
    """The absolute path of a local file's URI. Raises `UnsupportedData` for any other storage."""
    if "\0" in uri:
        raise OutsideTable(_OUTSIDE)
    if uri.startswith("/"):
        return os.path.normpath(uri)
    parts = urlsplit(uri)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise UnsupportedData("Tables in this kind of storage are not supported yet.")
    # everything after the scheme is the path, also where it looks like a query
    path = uri.removeprefix("file:")
    path = "/" + path.removeprefix(f"//{parts.netloc}").lstrip("/")
    return os.path.normpath(path if Path(path).exists() else unquote(path))


def check_metadata(location: str, uri: str) -> None:
    """Refuse a metadata file that does not lie in a folder of its table's location.

    So a location cannot be widened either: that of a folder of many tables holds none of their
    metadata so near. Raises `OutsideTable`.
    """
    check(location, uri)
    root, file = (_key(u) if is_remote(u) else local_path(u) for u in (location, uri))
    if len(PurePosixPath(file).relative_to(PurePosixPath(root)).parts) != 2:
        raise OutsideTable(_OUTSIDE)


def check(location: str, uri: str) -> None:
    """Refuse a file that does not lie under a location. Raises `OutsideTable`."""
    if is_remote(location):
        RemoteRoot(location).path(uri)
    else:
        LocalRoot(location).path(uri)


def is_pattern(path: str) -> bool:
    """Whether DuckDB would take a path for a pattern of several files."""
    return any(char in path for char in "*?[")


class LocalRoot:
    """The location of a table of local files."""

    def __init__(self, location: str) -> None:
        self._path = local_path(location)
        self._real = os.path.realpath(self._path)

    def path(self, uri: str) -> str:
        """The path of a file, checked. Raises `OutsideTable`."""
        path = local_path(uri)
        for found, root in ((path, self._path), (os.path.realpath(path), self._real)):
            if not found.startswith(root.rstrip("/") + "/"):
                raise OutsideTable(_OUTSIDE)
        return path


class RemoteRoot:
    """The location of a table in object storage. Keys are compared as they are written."""

    def __init__(self, location: str) -> None:
        self._root = _key(location).rstrip("/")

    def path(self, uri: str) -> str:
        """The URI of a file, checked. Raises `OutsideTable`."""
        key = _key(uri)
        if not key.startswith(self._root + "/") or {".", ".."} & set(key.split("/")):
            raise OutsideTable(_OUTSIDE)
        return uri


def _key(uri: str) -> str:
    """Bucket and key of a URI; how its scheme is spelled does not matter."""
    if not is_remote(uri):
        raise OutsideTable(_OUTSIDE)
    # what reads the file takes them for the end of the key
    if "?" in uri or "#" in uri:
        raise UnsupportedData(_NAME)
    return uri.partition("://")[2]
