"""The DuckDB engine: statements go to sandboxed worker processes, frames come back."""

from __future__ import annotations

import json
import logging
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import pyarrow as pa

from catalog.model import Table
from flight_server.engines.base import (
    AUTO,
    Choice,
    EngineStream,
    Estimate,
    Relation,
    Scanned,
    Secured,
)
from flight_server.engines.duckdb import channel as wire
from flight_server.engines.duckdb import positions, probe, sandbox
from flight_server.engines.duckdb.channel import ChannelClosed
from flight_server.engines.duckdb.estimate import estimate
from flight_server.engines.duckdb.memory import MemoryFiles
from flight_server.engines.duckdb.pool import Pool, PoolSize
from flight_server.engines.duckdb.private import PrivateDirectory
from flight_server.engines.duckdb.process import Launcher, WorkerProcess
from flight_server.engines.duckdb.pruning import Pruning
from flight_server.engines.duckdb.relation import shadow
from flight_server.engines.duckdb.render import render
from flight_server.engines.duckdb.scan.cache import FileCache
from flight_server.engines.duckdb.scan.plan import Part, Scanner
from flight_server.engines.duckdb.scan.scan import Scan
from flight_server.engines.duckdb.scan.wanted import Wanted
from flight_server.engines.duckdb.sealed import Rendered, setup_of
from flight_server.engines.duckdb.session import Limits
from flight_server.engines.duckdb.settings import MIB, DuckDBSettings
from flight_server.engines.duckdb.setup import PLANNER, Setup, compose
from flight_server.engines.duckdb.statement import statement_of
from flight_server.engines.duckdb.stream import WorkerStream
from flight_server.engines.duckdb.watch import Running, Watch
from flight_server.engines.errors import Busy, EngineError, NoEngine, TimedOut, WorkerLost

_log = logging.getLogger(__name__)
_SPILL_PREFIX = "flight-server-spill-"
_PLANNER_MEMORY = 512 * MIB


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What a sandboxed worker tried at start: `reached` names what it should not have reached."""

    landlock_abi: int
    tried: tuple[str, ...]
    reached: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether the sandbox held against everything."""
        return bool(self.tried) and not self.reached


class DuckDBEngine:
    """Runs secured statements over local Iceberg tables; see `flight_server.engines.base.Engine`.

    Starts processes on creation and proves the sandbox: raises `EngineError` where the kernel
    cannot hold it and the settings do not say `none`.
    """

    def __init__(self, settings: DuckDBSettings) -> None:
        self._settings = settings
        self._launcher = Launcher()
        self._scanner = Scanner(settings.scan_cache)
        self._memory = MemoryFiles(settings.spill_directory)
        self._cache = FileCache(
            settings.cache_directory, settings.cache_limit, settings.cache_small
        )
        self._stub = self._memory.empty_file()
        self._pruning = Pruning(
            self._scanner, self._cache, self._stub, partial(self._planned, wire.PUSHED)
        )
        self._spill = _spill_directory(settings)
        self._watch = Watch(
            grace=settings.grace_seconds,
            cap=settings.resident_cap,
            lose=self._lose,
            chores=self._chores,
        )
        size = PoolSize(settings.workers, settings.spare)
        self._workers = Pool(
            self._launcher,
            size,
            limits=self._worker_limits,
            spill=None if self._spill is None else self._spill.path,
            wake=self._watch.wake,
        )
        self._planners = Pool(
            self._launcher,
            PoolSize(settings.planners, 0),
            limits=self._planner_limits,
            spill=None,
            wake=self._watch.wake,
        )
        try:
            self._test = self._prove()
        except BaseException:
            self.close()
            raise
        self._watch.wake()

    @property
    def name(self) -> str:
        """The engine's name as clients see it."""
        return "duckdb"

    @property
    def names(self) -> tuple[str, ...]:
        """The engines that statements may ask for."""
        return (self.name,)

    @property
    def sandbox(self) -> str:
        """What holds the workers: `landlock` or `none`."""
        return self._settings.sandbox

    @property
    def launcher_pid(self) -> int | None:
        """The process that the workers are children of, while it runs."""
        return self._launcher.pid

    def cached(self) -> dict[str, int]:
        """What is in the cache of remote files, and what it did since the start."""
        told = self._cache.statistics
        return {
            "files": told.files,
            "bytes": told.stored,
            "bytes_limit": told.limit,
            "hits": told.hits,
            "misses": told.misses,
            "bytes_fetched": told.fetched,
            "bytes_evicted": told.evicted,
        }

    def self_test(self) -> SelfTest:
        """What the sandbox was proved to refuse when the engine started."""
        return self._test

    def describe(
        self, secured: Secured, parameters: pa.RecordBatch | None, *, deadline: float
    ) -> pa.Schema:
        """Bind a statement on empty tables of the visible shape; gives the result's schema."""
        setup = compose(secured, [shadow(relation) for relation in secured.relations], ())
        kind = wire.CHECK if self._settings.check_plans else wire.DESCRIBE
        answer = self._planned(kind, setup, secured, parameters, deadline)
        try:
            return pa.ipc.read_schema(pa.py_buffer(answer))
        except (pa.ArrowException, OSError) as error:
            raise WorkerLost("The worker of this statement failed; try again.") from error

    def estimate(
        self, secured: Secured, parameters: pa.RecordBatch | None, *, deadline: float
    ) -> Estimate:
        """What a statement would read. Raises as `run` does for tables that cannot be planned."""
        wanted = self._pruning.wanted(secured, parameters, deadline)
        return estimate(self._scanner, secured.relations, wanted)

    def choose(
        self,
        secured: Secured,
        parameters: pa.RecordBatch | None,
        schema: pa.Schema,
        *,
        deadline: float,
    ) -> Choice:
        """This engine, the only one there is. Raises `NoEngine` for tables of another one."""
        self._check(secured)
        return Choice(self.name, "")

    def run(
        self,
        secured: Secured,
        parameters: pa.RecordBatch | None,
        schema: pa.Schema,
        *,
        deadline: float,
        compression: str | None = None,
    ) -> EngineStream:
        """Run a statement whose result has exactly `schema`."""
        self._check(secured)
        with ExitStack() as held:
            wanted = self._pruning.wanted(secured, parameters, deadline)
            rendered = [
                self._render(each, wanted.get(number), held, deadline)
                for number, each in enumerate(secured.relations)
            ]
            setup = setup_of(secured, rendered, self._settings)
            promised = schema.serialize().to_pybytes()
            codec = (compression or "").encode()
            payload = (*statement_of(secured, parameters), promised, codec)
            stream = self._start(self._workers, setup, wire.RUN, payload, deadline)
            stream.holding(held.pop_all().close)
            stream.scanned = tuple(
                Scanned(relation.name, len(files), sum(map(_size, files)))
                for relation, (_, files) in zip(secured.relations, rendered, strict=True)
            )
            return stream

    def close(self) -> None:
        """End all workers."""
        self._workers.close()
        self._planners.close()
        self._watch.close()
        self._launcher.close()
        self._memory.close()
        self._cache.close()
        if self._spill is not None:
            self._spill.close()

    # --- parts -----------------------------------------------------------------------------------

    def _check(self, secured: Secured) -> None:
        own = (None, self.name)
        if secured.engine not in (AUTO, self.name) or any(
            relation.table.engine not in own for relation in secured.relations
        ):
            raise NoEngine("Only Athena can run this statement.")

    def _planned(
        self,
        kind: bytes,
        setup: Setup,
        secured: Secured,
        parameters: pa.RecordBatch | None,
        deadline: float,
    ) -> bytes:
        """What a planner answers about a statement over a setup."""
        # a session's time zone is part of some types, and fixed once an instance is locked
        planner = replace(PLANNER, time_zone=secured.time_zone, files=(self._stub,))
        deadline = min(deadline, time.monotonic() + self._settings.describe_seconds)
        payload = (setup.encoded, *statement_of(secured, parameters))
        stream = self._start(self._planners, planner, kind, payload, deadline)
        try:
            return stream.receive()
        finally:
            stream.close()

    def _start(
        self, pool: Pool, setup: Setup, kind: bytes, payload: tuple[bytes, ...], deadline: float
    ) -> WorkerStream:
        try:
            worker = pool.acquire(
                setup, min(deadline, time.monotonic() + self._settings.queue_seconds)
            )
        except Busy:
            if time.monotonic() >= deadline:
                raise TimedOut("The statement ran past its deadline and was ended.") from None
            raise
        running = Running(worker, worker.next_number(), deadline)
        self._watch.add(running)

        def give_back(clean: bool) -> None:
            if clean and worker.resident() <= self._settings.memory_limit:
                pool.release(worker)
            else:
                pool.discard(worker)

        stream = WorkerStream(running, self._watch, give_back)
        try:
            worker.send(kind, wire.pack(wire.NUMBER.pack(running.number), *payload))
        except ChannelClosed:
            # a worker that dies in between is noticed by whoever reads the stream
            _log.debug("worker %d was gone before its statement", worker.pid)
        return stream

    def _render(
        self,
        relation: Relation,
        wanted: Wanted | None,
        held: ExitStack,
        deadline: float,
    ) -> Rendered:
        def scan(table: Table, part: Part, wanted: Wanted | None) -> Scan:
            return self._scan(table, part, wanted, held, deadline)

        return render(relation, wanted, self._settings, scan)

    def _scan(
        self,
        table: Table,
        part: Part,
        wanted: Wanted | None,
        held: ExitStack,
        deadline: float,
    ) -> Scan:
        if table.rows is not None:
            scan, release = self._memory.hold(table, part)
            held.callback(release)
            return scan
        scan = self._scanner.scan(table, part, wanted)
        if scan.remote:
            columns = None if wanted is None else wanted.columns
            if columns is not None and columns.issuperset(c.field_id for c in table.columns):
                columns = None
            paths, release = self._cache.hold(
                scan.remote, table.storage, deadline=deadline, columns=columns
            )
            held.callback(release)
            scan = scan.fetched(paths)
        deleted: list[str] = []
        for vectors in scan.vectors:
            path, release = positions.hold(vectors, table.storage, self._memory)
            held.callback(release)
            deleted.append(path)
        return scan.decoded(deleted)

    def _worker_limits(self, directory: str | None) -> Limits:
        settings = self._settings
        return Limits(
            threads=settings.threads,
            memory=settings.memory_limit,
            process_memory=2 * settings.resident_cap + 1024 * MIB,
            spill=settings.spill_limit,
            directory=directory,
            sandboxed=settings.sandbox == "landlock",
        )

    def _planner_limits(self, _directory: str | None) -> Limits:
        return Limits(
            threads=1,
            memory=_PLANNER_MEMORY,
            process_memory=2 * self._settings.resident_cap + 1024 * MIB,
            spill=0,
            directory=None,
            sandboxed=self._settings.sandbox == "landlock",
        )

    def _lose(self, worker: WorkerProcess) -> None:
        self._workers.lose(worker)
        self._planners.lose(worker)

    def _chores(self) -> None:
        for pool in (self._workers, self._planners):
            try:
                pool.tend()
            except Exception:
                # the root of a thread's turn: statements must go on being watched
                _log.exception("workers could not be tended")

    def _prove(self) -> SelfTest:
        """Have a worker with no files try to get out."""
        if self._settings.sandbox == "none":
            _log.warning("workers run without a sandbox, as the settings say")
            return SelfTest(sandbox.landlock_abi(), (), ())
        abi = sandbox.landlock_abi()
        if abi == 0:
            raise EngineError("The kernel has no Landlock; `sandbox: none` runs without it.")
        worker = self._launcher.start_worker()
        try:
            with tempfile.TemporaryDirectory() as elsewhere:
                probe.prepare(Path(elsewhere))
                limits = self._planner_limits(None).encode()
                worker.send(wire.PROBE, wire.pack(limits, elsewhere.encode()))
                kind, payload = worker.channel.receive()
            report: dict[str, bool] = json.loads(payload) if kind == wire.REPORT else {}
        except (ChannelClosed, ValueError) as error:
            raise EngineError("The sandbox could not be tested.") from error
        finally:
            worker.kill()
            worker.gone(5.0)
            worker.dispose()
        test = SelfTest(abi, tuple(report), tuple(name for name, got in report.items() if got))
        if not test.holds:
            raise EngineError(f"The sandbox does not hold: {', '.join(test.reached)}.")
        return test


@lru_cache(maxsize=65_536)
def _size(path: str) -> int:
    """How large a file is; they never change. 0 for one that is gone, as who reads it will say."""
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def _spill_directory(settings: DuckDBSettings) -> PrivateDirectory | None:
    """A private directory for this process; those that dead processes left are removed."""
    if settings.spill_limit == 0:
        return None
    return PrivateDirectory(settings.spill_directory, _SPILL_PREFIX)
