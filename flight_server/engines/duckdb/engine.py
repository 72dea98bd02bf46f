"""The DuckDB engine: statements go to sandboxed worker processes, frames come back."""

from __future__ import annotations

import json
import logging
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pyarrow as pa

from flight_server.engines.base import (
    AUTO,
    Choice,
    EngineStream,
    Estimate,
    Secured,
    Toll,
    free,
)
from flight_server.engines.brought import Need
from flight_server.engines.duckdb import channel as wire
from flight_server.engines.duckdb import probe, sandbox
from flight_server.engines.duckdb.any_order import in_any_order
from flight_server.engines.duckdb.arrivals import Arrivals
from flight_server.engines.duckdb.channel import ChannelClosed
from flight_server.engines.duckdb.estimate import estimate
from flight_server.engines.duckdb.files_read import files_read
from flight_server.engines.duckdb.needs import needs
from flight_server.engines.duckdb.pool import Pool, PoolSize
from flight_server.engines.duckdb.private import PrivateDirectory
from flight_server.engines.duckdb.process import Launcher, WorkerProcess
from flight_server.engines.duckdb.pruning import Pruning
from flight_server.engines.duckdb.relation import shadow
from flight_server.engines.duckdb.render import render
from flight_server.engines.duckdb.sealed import is_sealed, setup_of
from flight_server.engines.duckdb.settings import DuckDBSettings
from flight_server.engines.duckdb.setup import PLANNER, Setup, compose
from flight_server.engines.duckdb.sizing import planner_limits, worker_limits
from flight_server.engines.duckdb.sources import Holding, Sources
from flight_server.engines.duckdb.statement import statement_of
from flight_server.engines.duckdb.stream import WorkerStream
from flight_server.engines.duckdb.watch import Running, Watch
from flight_server.engines.errors import Busy, EngineError, NoEngine, TimedOut, WorkerLost

_log = logging.getLogger(__name__)
_SPILL_PREFIX = "flight-server-spill-"


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
        self._sources = Sources(settings)
        self._pruning = Pruning(
            self._sources.scanner,
            self._sources.cache,
            self._sources.stub,
            partial(self._planned, wire.PUSHED),
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
            limits=partial(worker_limits, settings),
            spill=None if self._spill is None else self._spill.path,
            wake=self._watch.wake,
        )
        self._planners = Pool(
            self._launcher,
            PoolSize(settings.planners, 0),
            limits=partial(planner_limits, settings),
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
        told = self._sources.cache.statistics
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
        return estimate(self._sources.scanner, secured.relations, wanted)

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

    def second(
        self,
        secured: Secured,
        parameters: pa.RecordBatch | None,
        schema: pa.Schema,
        error: EngineError,
        *,
        deadline: float,
    ) -> Choice | None:
        """Nothing: no other engine is known here."""
        return None

    def needs(
        self, secured: Secured, parameters: pa.RecordBatch | None, *, deadline: float
    ) -> Mapping[int, Need]:
        """What a statement reads of its relations, by their numbers; of others nothing is sure."""
        ask = partial(self._planned, wire.PUSHED)
        return needs(secured, parameters, file=self._sources.stub, ask=ask, deadline=deadline)

    def wait(self) -> float:
        """The seconds that one more statement would wait for a worker, about."""
        return self._workers.wait()

    def run(
        self,
        secured: Secured,
        parameters: pa.RecordBatch | None,
        schema: pa.Schema,
        *,
        deadline: float,
        compression: str | None = None,
        toll: Toll = free,
    ) -> EngineStream:
        """Run a statement whose result has exactly `schema`; it costs nothing."""
        self._check(secured)
        with ExitStack() as held:
            wanted = self._pruning.wanted(secured, parameters, deadline)
            # a feeder's setup is shared by statements: its files are there from the start
            sealed = any(is_sealed(each, self._settings) for each in secured.relations)
            arrivals = Arrivals()
            holding = Holding(held, deadline, None if sealed else arrivals)
            scan = partial(self._sources.scan, holding=holding)
            rendered = [
                render(each, wanted.get(number), self._settings, scan)
                for number, each in enumerate(secured.relations)
            ]
            # first of all in the end: of what is let go of nothing is to be told to a worker
            held.callback(arrivals.close)
            scanned = tuple(
                self._pruning.shown(secured, number, deadline)
                if number in wanted and relation.row_filter is not None
                else files_read(relation, rendered[number])
                for number, relation in enumerate(secured.relations)
            )
            setup = in_any_order(setup_of(secured, rendered, self._settings), secured, scanned)
            promised = schema.serialize().to_pybytes()
            codec = (compression or "").encode()
            payload = (*statement_of(secured, parameters), promised, codec)
            stream = self._start(self._workers, setup, wire.RUN, payload, deadline, arrivals.follow)
            stream.holding(held.pop_all().close, lambda: arrivals.error)
            arrivals.begin()
            stream.scanned = scanned
            return stream

    def close(self) -> None:
        """End all workers."""
        self._workers.close()
        self._planners.close()
        self._watch.close()
        self._launcher.close()
        self._sources.close()
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
        planner = replace(PLANNER, time_zone=secured.time_zone, files=(self._sources.stub,))
        deadline = min(deadline, time.monotonic() + self._settings.describe_seconds)
        payload = (setup.encoded, *statement_of(secured, parameters))
        stream = self._start(self._planners, planner, kind, payload, deadline)
        try:
            return stream.receive()
        finally:
            stream.close()

    def _start(
        self,
        pool: Pool,
        setup: Setup,
        kind: bytes,
        payload: tuple[bytes, ...],
        deadline: float,
        give: Callable[[WorkerProcess], None] = lambda _worker: None,
    ) -> WorkerStream:
        try:
            worker = pool.acquire(
                setup, min(deadline, time.monotonic() + self._settings.queue_seconds), give
            )
        except Busy:
            if time.monotonic() >= deadline:
                raise TimedOut("The statement ran past its deadline and was ended.") from None
            raise
        running = Running(worker, worker.next_number(), deadline)
        self._watch.add(running)

        def give_back(clean: bool) -> None:
            small = worker.resident() <= self._settings.memory_limit
            if clean and small and not setup.awaits_files:
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
                limits = planner_limits(self._settings).encode()
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


def _spill_directory(settings: DuckDBSettings) -> PrivateDirectory | None:
    """A private directory for this process; those that dead processes left are removed."""
    if settings.spill_limit == 0:
        return None
    return PrivateDirectory(settings.spill_directory, _SPILL_PREFIX)
