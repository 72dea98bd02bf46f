"""Where a table's files may lie: under the table's location, in local storage or in a remote one.

Metadata is written by whoever may write the table: without this check it could name any file that
the server can read.
"""

from __future__ import annotations

import os
import stat
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
    if uri.startswith("file:///") and "%" not in uri:
        return os.path.normpath("/" + uri[len("file:///") :].lstrip("/"))
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
    return "*" in path or "?" in path or "[" in path


class LocalRoot:
    """The location of a table of local files. For one scan: links are looked at once.

    Where a file's folder really is, is found once for each folder, and of each file only whether it
    is itself a link: all that its name goes through is looked at, and ten thousand files cost what
    they are.
    """

    def __init__(self, location: str) -> None:
        path = local_path(location)
        self._roots = path.rstrip("/") + "/", os.path.realpath(path).rstrip("/") + "/"
        self._folders: dict[str, str] = {}
        self._known: dict[str, str] = {}

    def path(self, uri: str) -> str:
        """The path of a file, checked. Raises `OutsideTable`."""
        known = self._known.get(uri)
        if known is None:
            known = self._known[uri] = self._checked(local_path(uri))
        return known

    def _checked(self, path: str) -> str:
        named, real = self._roots
        if not path.startswith(named) or not self._real(path).startswith(real):
            raise OutsideTable(_OUTSIDE)
        return path

    def _real(self, path: str) -> str:
        """Where a path without `..` leads to, links resolved."""
        folder, _, name = path.rpartition("/")
        try:
            is_link = stat.S_ISLNK(os.lstat(path).st_mode)
        except OSError:
            is_link = True  # whatever it is: looked at in full
        if is_link:
            return os.path.realpath(path)
        real = self._folders.get(folder)
        if real is None:
            real = self._folders[folder] = os.path.realpath(folder or "/")
        return f"{real.rstrip('/')}/{name}"


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
