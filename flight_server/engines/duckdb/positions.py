"""The rows that deletion vectors take away, as files that workers can read."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa

from flight_server.engines.duckdb.memory import MemoryFiles
from flight_server.engines.duckdb.scan.remote import Storages, identity
from flight_server.engines.duckdb.scan.vectors import Positions, Vector, bitmap, positions
from flight_server.engines.errors import DataMissing, OutOfResources, StorageFailed

_log = logging.getLogger(__name__)

_AT_ONCE = 16
_MOST = 200_000_000
_MISSING = "A file of deleted rows is missing, or is not the one that its table's metadata names."
_FAILED = "The storage of a table cannot be read now."
_FULL = "The table has more deleted rows than this server can hold apart."


def at_once(work: Callable[[], pa.Table]) -> pa.Table:
    """What work gives, however long it takes."""
    return work()


def hold(
    vectors: Sequence[Vector],
    storage: Mapping[str, str],
    files: MemoryFiles,
    waited: Callable[[Callable[[], pa.Table]], pa.Table] = at_once,
) -> tuple[str, Callable[[], None]]:
    """A Parquet file of what vectors take away, and what to call after reading it.

    It has a row (`data`, `bits`) for each where they tell how many rows their data files have, and
    else one (`data`, `pos`) for each deleted row.

    Vectors are immutable by their place, so that a file serves until there is no room for it.
    By `waited` a storage is waited for. Raises `UnsupportedData`, `DataMissing`, `StorageFailed`,
    `OutOfResources`, and what `waited` does.
    """
    told = repr([(identity(each.uri, storage), each) for each in vectors])
    key = "vectors-" + hashlib.sha256(told.encode()).hexdigest()
    return files.hold_made(key, lambda: waited(lambda: _rows(vectors, storage)))


def _rows(vectors: Sequence[Vector], storage: Mapping[str, str]) -> pa.Table:
    if sum(each.count for each in vectors) > _MOST:
        raise OutOfResources(_FULL)
    storages = Storages()
    with ThreadPoolExecutor(min(_AT_ONCE, len(vectors))) as threads:
        found = list(threads.map(lambda each: _decoded(each, storages, storage), vectors))
    if all(each.rows is not None for each in vectors):
        files = pa.array([each.data for each in vectors], pa.uint64())
        both = zip(found, vectors, strict=True)
        bits = pa.array((bitmap(gone, each.rows or 0) for gone, each in both), pa.binary())
        return pa.table({"data": files, "bits": bits})
    numbers = np.repeat([each.data for each in vectors], [len(each) for each in found])
    return pa.table(
        {"data": pa.array(numbers, pa.uint64()), "pos": pa.array(np.concatenate(found))}
    )


def _decoded(vector: Vector, storages: Storages, storage: Mapping[str, str]) -> Positions:
    try:
        with storages.open(vector.uri, storage) as source:
            if vector.offset < 0 or not 0 <= vector.length <= source.size() - vector.offset:
                raise DataMissing(_MISSING)
            blob = source.read_at(vector.length, vector.offset)
    except FileNotFoundError as error:
        raise DataMissing(_MISSING) from error
    except OSError as error:
        _log.warning("reading %s failed: %s", vector.uri, error)
        raise StorageFailed(_FAILED) from error
    return positions(blob, vector.count)
