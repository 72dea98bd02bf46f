"""Where local copies lie on the disk, each with a note of what is in it; survives a crash.

Nothing is synced: after a crash the notes and their checksums tell what was lost. Knows no storage.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from flight_server.engines.duckdb.scan.fetch import Content

_LOCK = "lock"
_NOTE = ".json"
_PART = ".part"


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that no other process uses while `claim` is open."""

    folder: Path
    claim: int

    def leave(self) -> None:
        """Let another process have it."""
        os.close(self.claim)

    def left(self) -> list[tuple[Path, Content]]:
        """The complete copies that an earlier process left, least recently used first.

        All else is removed. What is in the copies is not looked at. Raises `OSError`.
        """
        found: list[tuple[float, Path, Content]] = []
        for path in self.folder.iterdir():
            if path.name == _LOCK or path.suffix == _NOTE:
                continue
            content = None if path.suffix == _PART else _noted(path)
            if content is None:
                remove(path)
            else:
                found.append((path.stat().st_atime, path, content))
        for note in self.folder.glob(f"*{_NOTE}"):
            if not note.with_suffix("").exists():
                note.unlink()
        found.sort(key=lambda each: each[:2])
        return [(path, content) for _, path, content in found]


def claimed(directory: Path) -> Place:
    """A place in a directory. Raises `OSError`, also where others may change the directory."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = directory.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid() or state.st_mode & 0o022:
        raise PermissionError(f"{directory} is not a directory that this user alone may change")
    number = 0
    while True:
        folder = directory / f"files-{number}"
        folder.mkdir(mode=0o700, exist_ok=True)
        claim = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return Place(folder, claim)
        except BlockingIOError:
            os.close(claim)
            number += 1


def unfinished(path: Path) -> Path:
    """Where a copy is made before it gets its name."""
    return path.with_name(path.name + _PART)


def keep(path: Path, content: Content) -> None:
    """Give a finished copy its name; first its note, so that no copy is without one."""
    told = {
        "size": content.size,
        "columns": None if content.columns is None else sorted(content.columns),
        "version": content.version,
        "blocks": content.blocks,
    }
    _note(path).write_text(json.dumps(told))
    unfinished(path).rename(path)


def remove(path: Path) -> None:
    """Remove a copy with its note."""
    path.unlink(missing_ok=True)
    _note(path).unlink(missing_ok=True)


def _note(path: Path) -> Path:
    return path.with_name(path.name + _NOTE)


def _noted(path: Path) -> Content | None:
    """What a copy should hold; None where nothing says so."""
    try:
        note = json.loads(_note(path).read_text())
        content = Content(
            size=int(note["size"]),
            columns=None if note["columns"] is None else frozenset(map(int, note["columns"])),
            version=tuple(map(str, note["version"])),
            blocks=tuple((int(start), int(end), int(sum_)) for start, end, sum_ in note["blocks"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return content if path.stat().st_size == content.size else None
