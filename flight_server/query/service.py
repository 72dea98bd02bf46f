"""The life of a statement in one place: gate, resolve, secure, plan, seal, run.

Protocol-free: every door calls this and nothing below it.
"""

from __future__ import annotations

import hashlib
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

import pyarrow as pa

from auth.policy import Policy
from auth.visible import VisibleCatalog
from catalog.names import TableName
from catalog.registry import Registry
from flight_server.engines.base import Engine, Frame, FrameStream, Secured
from flight_server.engines.errors import BindFailed
from flight_server.query import errors
from flight_server.query.caller import Caller
from flight_server.query.expressions import Compiler
from flight_server.query.gate import Gate, Statement
from flight_server.query.parameters import check_parameters, parameter_schema
from flight_server.query.parser import Parser
from flight_server.query.resolve import Defaults, Pins, resolve
from flight_server.query.seal import Sealer
from flight_server.query.secure import secure
from flight_server.query.state import StatementState, digest

log = logging.getLogger(__name__)

_CACHED_TEXT = 10_000


class HandleKind(StrEnum):
    """What a sealed handle may be used for."""

    TICKET = "ticket"
    PREPARED = "prepared"


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things may take or stay valid, in seconds."""

    statement_seconds: float = 300.0
    planning_seconds: float = 5.0
    ticket_seconds: float = 600.0
    prepared_seconds: float = 86_400.0


@dataclass(frozen=True, slots=True)
class Planned:
    """A statement that is ready to run. `bound` says whether it has all of its parameters."""

    query_id: str
    schema: pa.Schema
    parameter_schema: pa.Schema
    secured: Secured
    state: StatementState

    @property
    def bound(self) -> bool:
        """Whether the statement can run: it needs no parameters or has them."""
        return self.state.parameters is not None or not self.secured.parameters


class PolicySource(Protocol):
    """Where the policy in force comes from; it may change between calls."""

    def current(self) -> Policy: ...


class QueryService:
    """Plans and runs statements for callers. Safe to call from several threads."""

    def __init__(
        self,
        registry: Registry,
        policies: PolicySource,
        engine: Engine,
        sealer: Sealer,
        *,
        defaults: Defaults = Defaults(None, None),  # noqa: B008 - a frozen value
        limits: Limits = Limits(),
    ) -> None:
        parser = Parser()
        self._registry = registry
        self._policies = policies
        self._engine = engine
        self._sealer = sealer
        self._defaults = defaults
        self._limits = limits
        self._compiler = Compiler(parser)
        self._gate = Gate(parser)
        self._gated: Callable[[str], Statement] = lru_cache(maxsize=1_024)(self._gate.check)
        self._describe = lru_cache(maxsize=1_024)(self._describe_uncached)

    def visible(self, caller: Caller) -> VisibleCatalog:
        """The catalog as the caller sees it, by the policy in force now."""
        return VisibleCatalog(caller.principal, self._policies.current(), self._registry)

    def plan(self, caller: Caller, text: str) -> Planned:
        """Plan a statement: everything that can be refused is refused here, nothing runs."""
        asked = Defaults(
            caller.catalog or self._defaults.catalog, caller.schema or self._defaults.schema
        )
        state = StatementState(
            query_id=uuid.uuid4().hex,
            text=text,
            defaults=asked,
            time_zone=caller.time_zone,
            snapshots={},
            fingerprint="",
            schema_digest="",
        )
        return self._plan(caller, state, None)

    def bind(self, caller: Caller, planned: Planned, parameters: pa.RecordBatch) -> Planned:
        """Give a planned statement its parameters: one row, taken by position."""
        batch = check_parameters(planned.secured, parameters)
        state = replace(planned.state, query_id=uuid.uuid4().hex, parameters=batch)
        return self._plan(caller, state, state.snapshots)

    def seal(self, caller: Caller, planned: Planned, kind: HandleKind) -> bytes:
        """A handle by which the same principal can take the statement up on any replica."""
        lifetimes = {
            HandleKind.TICKET: self._limits.ticket_seconds,
            HandleKind.PREPARED: self._limits.prepared_seconds,
        }
        return self._sealer.seal(
            kind, caller.principal.subject, planned.state.encode(), lifetime=lifetimes[kind]
        )

    def unseal(self, caller: Caller, sealed: bytes, kind: HandleKind) -> Planned:
        """Take a statement up again, with rights decided anew.

        Raises `InvalidHandle` or `WrongOwner`, and `StaleHandle` where the promised schema would
        no longer hold.
        """
        payload = self._sealer.open(kind, caller.principal.subject, sealed)
        state = StatementState.decode(payload)
        # A prepared statement reads the tables as they are when it runs; a ticket what it promised.
        pins = state.snapshots if kind is HandleKind.TICKET else None
        planned = self._plan(caller, state, pins)
        if planned.state.schema_digest != state.schema_digest:
            raise errors.StaleHandle("The columns of the result have changed since it was planned.")
        return planned

    def run(self, caller: Caller, planned: Planned) -> ResultStream:
        """Run a planned statement; the stream must be closed."""
        if not planned.bound:
            raise errors.InvalidParameters(
                f"The statement has {len(planned.secured.parameters)} parameters, none were bound."
            )
        started = time.monotonic()
        frames = self._engine.run(
            planned.secured,
            planned.state.parameters,
            planned.schema,
            deadline=started + self._limits.statement_seconds,
        )
        return ResultStream(caller, planned, frames, started)

    def _plan(self, caller: Caller, state: StatementState, pins: Pins | None) -> Planned:
        visible = self.visible(caller)
        # Long statements are rarely sent twice and have large trees: only short ones are kept.
        check = self._gated if len(state.text) <= _CACHED_TEXT else self._gate.check
        statement = check(state.text)
        resolved = resolve(statement, visible, state.defaults, pins)
        secured = secure(resolved, self._compiler, state.time_zone)
        schema = self._bind(secured, state.parameters)
        return Planned(
            query_id=state.query_id,
            schema=schema,
            parameter_schema=parameter_schema(secured, statement.tree),
            secured=secured,
            state=replace(
                state,
                defaults=resolved.defaults,
                snapshots={t.name: t.table.snapshot for t in resolved.tables if t.table.snapshot},
                fingerprint=visible.fingerprint,
                schema_digest=digest(schema),
            ),
        )

    def _bind(self, secured: Secured, parameters: pa.RecordBatch | None) -> pa.Schema:
        describe = self._describe if len(secured.text) <= _CACHED_TEXT else self._describe_uncached
        try:
            return describe(Shape.of(secured, parameters))
        except BindFailed as error:
            raise _BIND_ERRORS.get(error.kind, errors.BindError)(
                str(error), position=error.position
            ) from error

    def _describe_uncached(self, shape: Shape) -> pa.Schema:
        deadline = time.monotonic() + self._limits.planning_seconds
        return self._engine.describe(shape.secured, shape.parameters, deadline=deadline)


_BIND_ERRORS: dict[str, type[errors.QueryError]] = {
    "column": errors.ColumnNotFound,
    "table": errors.BindError,
    "function": errors.FunctionNotFound,
}


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What the schema of a result depends on: text, visible columns, parameters. Hashable."""

    key: tuple[object, ...]
    secured: Secured
    parameters: pa.RecordBatch | None

    @classmethod
    def of(cls, secured: Secured, parameters: pa.RecordBatch | None) -> Shape:
        """The shape of a secured statement with its parameters' types."""
        columns: list[tuple[TableName, tuple[tuple[str, pa.DataType], ...]]] = [
            (relation.name, tuple((c.name, c.type) for c in relation.columns))
            for relation in secured.relations
        ]
        # A bound NULL has no type in DuckDB, so that the result's type depends on it as well.
        types = (
            None
            if parameters is None
            else tuple((column.type, column.null_count) for column in parameters.columns)
        )
        key = (secured.text, tuple(columns), secured.catalog, secured.schema, types)
        return cls(key, secured, parameters)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shape) and self.key == other.key


class ResultStream:
    """A running statement: its frames, and one line in the log when it ends."""

    def __init__(
        self, caller: Caller, planned: Planned, frames: FrameStream, started: float
    ) -> None:
        self.schema = planned.schema
        self._caller = caller
        self._planned = planned
        self._frames = frames
        self._started = started
        self._rows = 0
        self._bytes = 0
        self._status = "closed early"
        self._closed = False

    def __iter__(self) -> Iterator[Frame]:
        try:
            for frame in self._frames:
                self._rows += frame.rows
                self._bytes += len(frame.data)
                yield frame
            self._status = "ok"
        except Exception as error:
            self._status = type(error).__name__
            raise

    def cancel(self) -> None:
        """End the statement now; may be called from any thread."""
        self._frames.cancel()

    def close(self) -> None:
        """Free what the statement holds; to be called at the end, whatever happened."""
        if self._closed:
            return
        self._closed = True
        self._frames.close()
        log.info(
            "statement finished",
            extra={
                "request_id": self._caller.request_id,
                "query_id": self._planned.query_id,
                "subject": self._caller.principal.subject,
                "text_sha256": hashlib.sha256(self._planned.secured.text.encode()).hexdigest(),
                "status": self._status,
                "rows": self._rows,
                "bytes": self._bytes,
                "seconds": round(time.monotonic() - self._started, 4),
            },
        )
