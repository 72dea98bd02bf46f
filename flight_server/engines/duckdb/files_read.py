"""How many files a statement is planned to read of a relation, and how large they are."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from flight_server.engines.base import Relation, Scanned
from flight_server.engines.duckdb.arriving import is_arriving, size_of
from flight_server.engines.duckdb.sealed import Rendered


def files_read(relation: Relation, rendered: Rendered) -> Scanned:
    """What is read of a relation that is rendered over files."""
    _, files = rendered
    return Scanned(relation.name, len(files), sum(map(_size, files)))


@lru_cache(maxsize=65_536)
def _size(path: str) -> int:
    """How large a file is; they never change. 0 for one that is gone, as who reads it will say."""
    if is_arriving(path):
        return size_of(path)
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0
