"""Directories of this process alone: made with a lock, removed with all that dead owners left."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class PrivateDirectory:
    """A new directory that only this user may enter; it goes with `close`.

    A lock tells whether its owner lives: process ids do not, for a server that is started again in
    a container often has the id that it had before. Directories of owners that are gone are removed
    first. Raises `OSError` where none can be made.
    """

    def __init__(self, parent: Path, prefix: str) -> None:
        parent.mkdir(parents=True, exist_ok=True)
        _purge(parent, prefix)
        # under another name until it is locked, so that nobody takes it for one that was left
        made = Path(tempfile.mkdtemp(prefix=f".{prefix}{os.getpid()}-", dir=parent))
        self._lock = os.open(made, _OPEN)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.path = made.rename(parent / made.name.removeprefix("."))

    def close(self) -> None:
        """Remove the directory with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _purge(parent: Path, prefix: str) -> None:
    for left in parent.glob(f"{prefix}*"):
        if _is_left(left):
            shutil.rmtree(left, ignore_errors=True)


def _is_left(directory: Path) -> bool:
    """Whether a directory is ours and its owner is gone."""
    try:
        if directory.lstat().st_uid != os.geteuid():
            return False
        lock = os.open(directory, _OPEN)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
