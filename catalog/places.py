"""Where a file lies within a table's location. Metadata may name any file; only these count."""

from __future__ import annotations

import os
from urllib.parse import unquote


class OutsideLocation(Exception):
    """A file does not lie under its table's location."""


def relative(location: str, uri: str) -> str:
    """A file's name relative to a location, as it is written. Raises `OutsideLocation`."""
    root, name = _key(location), _key(uri)
    if not name.startswith(f"{root}/") or {".", ".."} & set(name.split("/")):
        raise OutsideLocation
    if _is_local(location):
        # links may lead elsewhere, and names may be written with escapes
        roots = tuple(f"{os.path.realpath(path)}/" for path in (root, unquote(root)))
        if not all(os.path.realpath(path).startswith(roots) for path in (name, unquote(name))):
            raise OutsideLocation
    return name[len(root) + 1 :].lstrip("/")


def relative_metadata(location: str, uri: str) -> str:
    """A metadata file's name within a folder of its table's location. Raises `OutsideLocation`.

    It lies no deeper, so that a location which is that of many tables does not count as one.
    """
    name = relative(location, uri)
    if name.count("/") != 1:
        raise OutsideLocation
    return name


def _is_local(uri: str) -> bool:
    return uri.startswith(("/", "file:"))


def _key(uri: str) -> str:
    """Path, or bucket and key; how its scheme is spelled does not matter."""
    if "\0" in uri:
        raise OutsideLocation
    if uri.startswith("file:"):
        rest = uri.removeprefix("file:")
        return "/" + rest.removeprefix("//localhost").lstrip("/").rstrip("/")
    if uri.startswith("/"):
        return uri.rstrip("/")
    scheme, mark, rest = uri.partition("://")
    if not mark or not scheme:
        raise OutsideLocation
    return rest.rstrip("/")
