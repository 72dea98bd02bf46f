"""Where the rows of a statement's tables are: the files of each, held until it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import ExitStack
from dataclasses import dataclass

from catalog.model import Table
from flight_server.engines.brought import Brought
from flight_server.engines.duckdb import positions
from flight_server.engines.duckdb.arrivals import Arrivals
from flight_server.engines.duckdb.brought import BroughtFiles
from flight_server.engines.duckdb.memory import MemoryFiles
from flight_server.engines.duckdb.scan.cache import Copy, FileCache, arrived
from flight_server.engines.duckdb.scan.plan import Part, Scanner
from flight_server.engines.duckdb.scan.remote import RemoteFile
from flight_server.engines.duckdb.scan.scan import Scan
from flight_server.engines.duckdb.scan.timely import in_time
from flight_server.engines.duckdb.scan.wanted import Wanted
from flight_server.engines.duckdb.settings import DuckDBSettings


@dataclass(frozen=True, slots=True)
class Holding:
    """What one statement holds: `stack` lets go of it.

    `arrivals` are files that its worker waits for by itself; None where it may not.
    `deadline` is in seconds of `time.monotonic`.
    """

    stack: ExitStack
    deadline: float
    arrivals: Arrivals | None

    def keep(self, release: Callable[[], None]) -> None:
        """What to call once the statement has ended."""
        self.stack.callback(release)


class Sources:
    """The files of all tables, and the caches of them. Safe for several threads."""

    def __init__(self, settings: DuckDBSettings) -> None:
        self.scanner = Scanner(settings.scan_cache)
        self.cache = FileCache(settings.cache_directory, settings.cache_limit, settings.cache_small)
        self._memory = MemoryFiles(settings.spill_directory)
        self._brought = BroughtFiles(settings.spill_directory)
        self.stub = self._memory.empty_file()

    def scan(self, table: Table, part: Part, wanted: Wanted | None, holding: Holding) -> Scan:
        """A scan of a table over files that are here, or will be when they are read.

        Raises what planning and fetching them raises.
        """
        if isinstance(table.rows, Brought):
            scan, release = self._brought.hold(table, table.rows)
            holding.keep(release)
            return scan
        if table.rows is not None:
            scan, release = self._memory.hold(table, part)
            holding.keep(release)
            return scan
        scan = in_time(table, lambda: self.scanner.scan(table, part, wanted), holding.deadline)
        if scan.remote:
            scan = scan.fetched(self._fetched(table, scan.remote, wanted, holding))
        deleted: list[str] = []
        for vectors in scan.vectors:
            path, release = positions.hold(
                vectors,
                table.storage,
                self._memory,
                lambda work: in_time(table, work, holding.deadline),
            )
            holding.keep(release)
            deleted.append(path)
        return scan.decoded(deleted)

    def close(self) -> None:
        """Remove what is this process's own."""
        self._memory.close()
        self._brought.close()
        self.cache.close()

    def _fetched(
        self,
        table: Table,
        files: Sequence[RemoteFile],
        wanted: Wanted | None,
        holding: Holding,
    ) -> list[str]:
        columns = None if wanted is None else wanted.columns
        if columns is not None and columns.issuperset(c.field_id for c in table.columns):
            columns = None
        copies, release = self.cache.ask(files, table.storage, columns=columns)
        holding.keep(release)
        data = [c for c, file in zip(copies, files, strict=True) if file.read is not None]
        later = _later(data, holding)
        arrived([copy for copy in copies if copy not in later], holding.deadline)
        paths = {copy.path: str(copy.path) for copy in copies}
        if later and holding.arrivals is not None:
            promised = holding.arrivals.promise(later)
            paths.update(zip((copy.path for copy in later), promised, strict=True))
        return [paths[copy.path] for copy in copies]


def _later(data: Sequence[Copy], holding: Holding) -> list[Copy]:
    """The data files that need not be here when the statement starts.

    One is waited for: a worker is not to be held by a storage that gives nothing, and has nothing
    to do before.
    """
    pending = [copy.ready for copy in data if not copy.ready.done()]
    if holding.arrivals is None or len(data) < 2 or not pending:
        return []
    if len(pending) == len(data):
        wait(pending, max(0.0, holding.deadline - time.monotonic()), FIRST_COMPLETED)
    later = [copy for copy in dict.fromkeys(data) if not copy.ready.done()]
    fits = len(later) < len(data) and len(later) <= holding.arrivals.room
    return later if fits else []
