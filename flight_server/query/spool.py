"""Keeps what is too large for a handle: bound rows and long statements, in files of a directory.

Rules for editors. Rule 1: a file is encrypted and bound to its user, as the handle that names it
is: who can read the directory learns nothing but sizes. Rule 2: a name is the digest of user and
content, and is checked again on reading: a file in the place of another is refused. Rule 3: nothing
is kept for ever, and no user can fill the directory for all.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flight_server.query.errors import InvalidHandle, SpoolFull
from flight_server.query.seal import Sealer

_log = logging.getLogger(__name__)
_KIND = "spool"
_NAME = re.compile(r"[0-9a-f]{64}")
_GONE = "The ticket or handle is not valid or has expired."
_OVERHEAD = 1024  # what encryption and the user's name add to a file
_LOOK_AGAIN = 10.0


@dataclass(frozen=True, slots=True)
class SpoolLimits:
    """How long files are good for, in seconds, and how much there may be of them, in bytes."""

    seconds: float = 1_800.0
    total: int = 4 * 2**30
    per_user: int = 2**30
    file: int = 64 * 2**20


class Spool:
    """Files under a directory that replicas may share, or a private one that `close` removes.

    Files outlive what they promise by as much again, so that one that is asked for anew need not be
    written anew each time; then they are removed by whoever next writes. Safe for several threads.
    """

    def __init__(
        self,
        directory: Path | None,
        sealer: Sealer,
        limits: SpoolLimits = SpoolLimits(),
        clock: Callable[[], float] = time.time,
    ) -> None:
        if directory is not None:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.limits = limits
        self._private = directory is None
        self._directory = directory or Path(tempfile.mkdtemp(prefix="flight-server-spool-"))
        self._sealer = sealer
        self._clock = clock
        self._lock = threading.Lock()
        self._looked = 0.0
        self._used: dict[str, int] = {}

    def close(self) -> None:
        """Remove the directory where it is this process's own."""
        if self._private:
            shutil.rmtree(self._directory, ignore_errors=True)

    def of(self, subject: str) -> Drawer:
        """What one handle of a user keeps or finds here."""
        return Drawer(self, subject)

    def keep(self, subject: str, content: bytes) -> str:
        """Keep a content for `limits.seconds` at least; gives its name. Raises `SpoolFull`."""
        if len(content) > self.limits.file:
            raise SpoolFull(f"The statement and its rows are over {self.limits.file:,} bytes.")
        name, user = _name(subject, content), _user(subject)
        path = self._directory / user / name
        if self._is_fresh(path):
            return name
        self._take(user, len(content) + _OVERHEAD)
        sealed = self._sealer.seal(_KIND, subject, content, lifetime=2 * self.limits.seconds)
        _write(path, sealed)
        return name

    def fetch(self, subject: str, name: str) -> bytes:
        """What was kept for the same user; raises `InvalidHandle` where it is gone or not ours."""
        if not _NAME.fullmatch(name):
            raise InvalidHandle(_GONE)
        path = self._directory / _user(subject) / name
        most = self.limits.file + _OVERHEAD
        try:
            with path.open("rb") as file:
                sealed = file.read(most + 1)
        except OSError as error:
            raise InvalidHandle(_GONE) from error
        content = self._sealer.open(_KIND, subject, sealed, most=most)
        if _name(subject, content) != name:
            raise InvalidHandle(_GONE)
        return content

    def _is_fresh(self, path: Path) -> bool:
        try:
            return self._clock() - path.stat().st_mtime < self.limits.seconds
        except OSError:
            return False

    def _take(self, user: str, size: int) -> None:
        """Count a new file against the limits, by what is there and what was written since."""
        with self._lock:
            now = self._clock()
            if now - self._looked >= _LOOK_AGAIN:
                self._used = self._look(now)
                self._looked = now
            mine = self._used.get(user, 0) + size
            if mine > self.limits.per_user or sum(self._used.values()) + size > self.limits.total:
                raise SpoolFull("There is no room for more bound rows at the moment.")
            self._used[user] = mine

    def _look(self, now: float) -> dict[str, int]:
        """The sizes by user, with old files removed."""
        used: dict[str, int] = {}
        for user, entry in _files(self._directory):
            with suppress(OSError):  # another replica may have removed it
                seen = entry.stat(follow_symlinks=False)
                if now - seen.st_mtime > 2 * self.limits.seconds:
                    Path(entry.path).unlink()
                else:
                    used[user] = used.get(user, 0) + seen.st_size
        return used


class Drawer:
    """One user's part of a spool for one handle; `used` tells whether the handle depends on it."""

    __slots__ = ("_spool", "_subject", "used")

    def __init__(self, spool: Spool, subject: str) -> None:
        self._spool = spool
        self._subject = subject
        self.used = False

    def keep(self, content: bytes) -> str:
        """Keep a content and give its name."""
        self.used = True
        return self._spool.keep(self._subject, content)

    def fetch(self, name: str) -> bytes:
        """The content of a name."""
        self.used = True
        return self._spool.fetch(self._subject, name)


def _files(directory: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    with os.scandir(directory) as users:
        folders = [user for user in users if user.is_dir(follow_symlinks=False)]
    for folder in folders:
        with suppress(OSError), os.scandir(folder.path) as files:
            for file in files:
                yield folder.name, file


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, for nobody else to read."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.urandom(8).hex()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        _log.error("nothing can be kept in %s: %s", path.parent.parent, error)
        raise SpoolFull("There is no room for more bound rows at the moment.") from error


def _name(subject: str, content: bytes) -> str:
    return hashlib.sha256(subject.encode() + b"\0" + content).hexdigest()


def _user(subject: str) -> str:
    return hashlib.sha256(subject.encode()).hexdigest()[:32]
