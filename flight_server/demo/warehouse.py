"""Builds the demo's lake in a folder, once: an Iceberg warehouse under a SQL catalog in SQLite.

Iceberg metadata names files by absolute path, so the lake is built where it stays. A marker is
written last: what has none was not finished and is built anew.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyiceberg.catalog import load_catalog

from flight_server.demo import people
from flight_server.demo.load import Sizes, load

CATALOG = "invest"
SEED = 20_260_131
_VERSION = 1  # of the data; another one makes old demos be built anew
_WAREHOUSE, _OURS, _MARKER = "warehouse", ".demo", "demo.json"
_LOCK, _IN_USE = ".lock", ".in-use"

Progress = Callable[[str, float], None]
Notice = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Demo:
    """A finished demo. `rows` are the live rows by `schema.table`; secrets are in `credentials`.

    `properties` open the catalog `invest` with pyiceberg.
    """

    directory: Path
    scale: float
    seed: int
    rows: Mapping[str, int]
    credentials: people.Credentials = field(repr=False)

    @property
    def catalog(self) -> str:
        """The name of the catalog."""
        return CATALOG

    @property
    def properties(self) -> dict[str, str]:
        """What opens the catalog."""
        return _properties(self.directory)

    @property
    def config(self) -> Path:
        """The server's configuration file."""
        return self.directory / people.CONFIG

    @property
    def policy(self) -> Path:
        """The policy file."""
        return self.directory / people.POLICY

    @property
    def users(self) -> Path:
        """The users file."""
        return self.directory / people.USERS


def build(
    directory: Path,
    *,
    scale: float = 1.0,
    seed: int = SEED,
    progress: Progress = lambda _what, _done: None,
    notice: Notice = lambda _text: None,
) -> Demo:
    """Build the demo in `directory`, or take the one that is there if it has this scale and seed.

    `scale` 1 is some seven million rows, 0.01 is enough for tests; the rows depend on scale and
    seed alone. `progress` is told what is done next and which part of the work is finished, and
    `notice` that another demo is about to be replaced. Safe against interruption and against a
    second build in the same folder at the same time. Raises `ValueError` for a folder that cannot
    be used, as one whose demo is being served.
    """
    if not 0 < scale <= 100:
        raise ValueError("the scale must be above 0 and at most 100")
    place = directory.resolve()
    if any(char in str(place) for char in "?#%"):
        raise ValueError(f"{place} cannot hold a demo: its name has one of ? # %")
    place.mkdir(parents=True, exist_ok=True)
    with _locked(place):
        found = _finished(place, scale, seed)
        if found is not None:
            progress("ready", 1.0)
            return found
        with in_use(place):
            _announce(place, scale, notice)
            _clear(place)
            rows = _fill(place, Sizes.of(scale), seed, progress)
            credentials = people.write(place, CATALOG, _properties(place))
            demo = Demo(place, scale, seed, rows, credentials)
            _finish(demo)
        progress("ready", 1.0)
        return demo


@contextmanager
def in_use(directory: Path) -> Iterator[None]:
    """Keep others from replacing or serving a demo. Raises `ValueError` where somebody does."""
    with (directory / _IN_USE).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"the demo in {directory} is being served: stop that server first,"
                " or choose another folder"
            ) from None
        yield


def _announce(place: Path, scale: float, notice: Notice) -> None:
    """Tell that a finished demo, whatever it is of, is about to go."""
    try:
        there = json.loads((place / _MARKER).read_text())["made"]["scale"]
    except (OSError, ValueError, LookupError, TypeError):
        return
    notice(f"the demo in {place} (scale {there:g}) is replaced by one of scale {scale:g}")


def _properties(place: Path) -> dict[str, str]:
    return {
        "type": "sql",
        "uri": f"sqlite:///{place / _WAREHOUSE / 'catalog.db'}",
        "warehouse": f"file://{place / _WAREHOUSE}",
    }


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    with (place / _LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # let go by the kernel, even when the process is killed
        yield


def _finished(place: Path, scale: float, seed: int) -> Demo | None:
    try:
        marker = json.loads((place / _MARKER).read_text())
        credentials = people.read(place)
    except (FileNotFoundError, ValueError):
        return None
    if marker.get("made") != _made(place, scale, seed):
        return None
    return Demo(place, scale, seed, marker["rows"], credentials)


def _made(place: Path, scale: float, seed: int) -> dict[str, Any]:
    """What a finished demo must agree with; the folder too, for a moved lake cannot be read."""
    return {"version": _VERSION, "directory": str(place), "scale": scale, "seed": seed}


def _clear(place: Path) -> None:
    warehouse = place / _WAREHOUSE
    if warehouse.exists() and not (warehouse / _OURS).exists():
        raise ValueError(f"{warehouse} exists and is not a demo's: choose another folder")
    (place / _MARKER).unlink(missing_ok=True)
    if warehouse.exists():
        # what is removed first must not be what says that it may be removed
        for entry in warehouse.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != _OURS:
                entry.unlink()
    warehouse.mkdir(exist_ok=True)
    (warehouse / _OURS).touch()


def _fill(place: Path, sizes: Sizes, seed: int, progress: Progress) -> dict[str, int]:
    catalog = load_catalog(CATALOG, **_properties(place))
    try:
        return load(catalog, sizes, seed, progress)
    finally:
        catalog.close()


def _finish(demo: Demo) -> None:
    made = _made(demo.directory, demo.scale, demo.seed)
    draft = demo.directory / f"{_MARKER}.new"
    draft.write_text(json.dumps({"made": made, "rows": dict(demo.rows)}, indent=2) + "\n")
    draft.replace(demo.directory / _MARKER)
