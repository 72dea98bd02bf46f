"""The physical columns of files, read from their footers once: files are immutable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq

from flight_server.engines.duckdb.kept import Kept
from flight_server.engines.duckdb.scan.physical import Physical, physical
from flight_server.engines.duckdb.scan.remote import Storages, identity, is_remote
from flight_server.engines.errors import DataMissing, EngineError, StorageFailed

_AT_ONCE = 16
_SHAPES = 1_000
_UNREADABLE = "A data file of a table could not be read."
_FAILED = "The storage of a table cannot be read now."
_MISSING = "A data file of a table is missing, or is not the one that its metadata names."


class Footers:
    """What files have, by their URIs. Safe for several threads; keeps the latest `capacity`.

    Files mostly have the same columns: equal ones are one object, and kept once.
    """

    def __init__(self, capacity: int = 100_000) -> None:
        self._kept: Kept[tuple[Physical, ...]] = Kept(capacity)
        self._shapes: Kept[tuple[Physical, ...]] = Kept(_SHAPES)
        self._storages = Storages()

    def columns(
        self, uris: Sequence[str], storage: Mapping[str, str]
    ) -> list[tuple[Physical, ...]]:
        """The columns of files, in their order. Raises `EngineError` and `UnsupportedData`."""

        def read(uri: str) -> tuple[Physical, ...]:
            return self._kept.get(identity(uri, storage), lambda: shape(self._read(uri, storage)))

        def shape(columns: tuple[Physical, ...]) -> tuple[Physical, ...]:
            return self._shapes.get(columns, lambda: columns)

        if len(uris) < 2:
            return [read(uri) for uri in uris]
        threads = ThreadPoolExecutor(min(_AT_ONCE, len(uris)))
        try:
            return list(threads.map(read, uris))
        finally:
            # where one failed the others are not asked for: each may take as long to fail
            threads.shutdown(cancel_futures=True)

    def _read(self, uri: str, storage: Mapping[str, str]) -> tuple[Physical, ...]:
        try:
            with self._storages.open(uri, storage) as source:
                return physical(pq.read_metadata(source).schema)
        except FileNotFoundError as error:
            raise DataMissing(_MISSING) from error
        except OSError as error:
            if is_remote(uri):
                raise StorageFailed(_FAILED) from error
            raise EngineError(_UNREADABLE) from error
        except pa.ArrowException as error:
            raise EngineError(_UNREADABLE) from error
