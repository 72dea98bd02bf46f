"""Tables that lie nowhere, written to files of this process so that workers can read them."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from catalog.model import Table
from catalog.names import quote, text_literal
from flight_server.engines.duckdb.private import PrivateDirectory
from flight_server.engines.duckdb.scan.plan import Part
from flight_server.engines.duckdb.scan.scan import Scan
from flight_server.engines.duckdb.session import nulls
from flight_server.engines.duckdb.sqltypes import sql_type
from flight_server.engines.errors import EngineError, OutOfResources

_PREFIX = "flight-server-memory-"
_FULL = "The server has no room to list so much at the moment."


@dataclass(frozen=True, slots=True)
class MemoryLimits:
    """How many files are kept for later statements, and how many bytes there may be in all."""

    files: int = 64
    total: int = 1024 * 1024 * 1024


@dataclass(slots=True)
class _File:
    """A written table; statements that read it hold it."""

    path: Path
    size: int
    rows: int
    holders: int = 0


class MemoryFiles:
    """Files by their content. Safe for several threads.

    A file is written anew each time, for only its content tells whether the same one is there
    already. A path is never used twice: warm workers may reach a file, not what replaces it.
    """

    def __init__(self, parent: Path, limits: MemoryLimits = MemoryLimits()) -> None:
        self._parent = parent
        self._limits = limits
        self._lock = threading.Lock()
        self._directory: PrivateDirectory | None = None
        self._files: OrderedDict[str, _File] = OrderedDict()
        self._numbers = count()

    def hold(self, table: Table, part: Part = None) -> tuple[Scan, Callable[[], None]]:
        """A scan of a table's rows, and what to call once it is not read any more.

        All of the rows are in the first part. Raises `OutOfResources` where there is no room.
        """
        types = {column.name: sql_type(column.type) for column in table.columns}
        columns = ", ".join(
            f"CAST({quote(name)} AS {data}) AS {quote(name)}" for name, data in types.items()
        )
        if part is not None and part[0] > 0:
            return Scan(f"SELECT {nulls(types)} WHERE false", types, ()), lambda: None
        key, file = self._written(table)
        path = text_literal(str(file.path))
        source = f"read_parquet([{path}], explicit_cardinality={file.rows})"
        scan = Scan(f"SELECT {columns} FROM {source}", types, (str(file.path),))  # noqa: S608 - quoted
        return scan, lambda: self._release(key)

    def hold_made(self, key: str, make: Callable[[], pa.Table]) -> tuple[str, Callable[[], None]]:
        """A file of what is made for a key, and what to call once it is not read any more.

        What was made for a key before serves again. Raises `OutOfResources` where there is no room.
        """
        with self._lock:
            known = self._files.get(key)
            if known is not None:
                self._files.move_to_end(key)
                known.holders += 1
        if known is None:
            rows = make()
            known = self._put(rows.schema, iter(rows.to_batches()), key)[1]
        return str(known.path), lambda: self._release(key)

    def empty_file(self) -> str:
        """A Parquet file of one row that tells nothing: plans over it fold nothing away."""
        path = self._place() / "empty.parquet"
        if not path.exists():
            pq.write_table(pa.table({"x": pa.array([1], pa.int8())}), path, write_statistics=False)
        return str(path)

    def close(self) -> None:
        """Remove all files."""
        with self._lock:
            directory, self._directory = self._directory, None
            self._files.clear()
        if directory is not None:
            directory.close()

    def _written(self, table: Table) -> tuple[str, _File]:
        if table.rows is None:
            raise EngineError("The table has no rows of its own.")
        return self._put(table.arrow_schema, table.rows(), None)

    def _put(
        self, schema: pa.Schema, batches: Iterator[pa.RecordBatch], key: str | None
    ) -> tuple[str, _File]:
        """A new file of some rows, held; by its content where no key is given."""
        path = self._place() / f"{next(self._numbers)}.parquet"
        try:
            rows = write(path, schema, batches, self._limits.total)
            if key is None:
                with path.open("rb") as written:
                    key = hashlib.file_digest(written, "sha256").hexdigest()
            return key, self._keep(key, _File(path, path.stat().st_size, rows))
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise OutOfResources(_FULL) from error
            raise

    def _place(self) -> Path:
        with self._lock:
            if self._directory is None:
                self._directory = PrivateDirectory(self._parent, _PREFIX)
            return self._directory.path

    def _keep(self, key: str, file: _File) -> _File:
        """The file of this content, held: the new one, or an equal one that was there before."""
        with self._lock:
            known = self._files.get(key)
            if known is None:
                self._make_room(file.size)
                known = self._files[key] = file
            else:
                file.path.unlink(missing_ok=True)
            self._files.move_to_end(key)
            known.holders += 1
            return known

    def _make_room(self, size: int) -> None:
        total = size + sum(file.size for file in self._files.values())
        for key, file in list(self._files.items()):
            if total <= self._limits.total and len(self._files) < self._limits.files:
                return
            if file.holders == 0:
                file.path.unlink(missing_ok=True)
                del self._files[key]
                total -= file.size
        # What is held may be more files than are kept for later, but not more bytes.
        if total > self._limits.total:
            raise OutOfResources(_FULL)

    def _release(self, key: str) -> None:
        with self._lock, suppress(KeyError):
            self._files[key].holders -= 1


def write(
    path: Path, schema: pa.Schema, batches: Iterator[pa.RecordBatch], most: int | None
) -> int:
    """Write batches one by one into a new file that only this user may read; gives their rows.

    Raises `OutOfResources` once the file has more than `most` bytes, None for any.
    """
    rows = 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as sink, pq.ParquetWriter(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
            if most is not None and sink.tell() > most:
                raise OutOfResources(_FULL)
    return rows
