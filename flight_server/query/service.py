"""The life of a statement in one place: gate, resolve, secure, plan, seal, run.

Protocol-free: every door calls this and nothing below it.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Protocol

import pyarrow as pa

from auth.errors import PolicyInvalid
from auth.policy import Policy
from auth.principal import Principal
from auth.visible import VisibleCatalog
from catalog.model import Table
from catalog.registry import Registry
from flight_server.engines.base import BOTH, Choice, Engine, FrameStream
from flight_server.query import errors
from flight_server.query.answers import Inner, Situation, answer
from flight_server.query.binder import Binder
from flight_server.query.budget import Budget, payer
from flight_server.query.caller import Caller
from flight_server.query.choosing import chosen
from flight_server.query.commands import Command, recognise
from flight_server.query.course import Course
from flight_server.query.events import NOBODY, Listener, StatementStarted
from flight_server.query.expressions import NO_KEYS, Compiler
from flight_server.query.facts import Facts, session_functions, told_options
from flight_server.query.gate import Gate, Statement
from flight_server.query.handles import HandleKind, Handles, Lifetimes
from flight_server.query.limits import Limits
from flight_server.query.lookups import LookupTables
from flight_server.query.offering import offered
from flight_server.query.parameters import check_parameters, parameter_schema, typical
from flight_server.query.parser import Parser
from flight_server.query.parts import may_divide
from flight_server.query.planned import Basis, Planned
from flight_server.query.polls import BEGUN, Polled, Polls, on_errand
from flight_server.query.quotas import Quotas
from flight_server.query.resolve import Defaults, Pins, Resolved, as_sent, resolve, settle
from flight_server.query.results import Endpoint, Offer, ResultStream
from flight_server.query.revocation import GuardedFrames, Rights
from flight_server.query.rows import RowByRow
from flight_server.query.running import Query, Running
from flight_server.query.seal import Sealer
from flight_server.query.second import second_try
from flight_server.query.secure import secure
from flight_server.query.spool import Spool
from flight_server.query.state import StatementState, digest
from flight_server.query.views import ViewOpener

_log = logging.getLogger(__name__)
_UNFIT = "A table cannot be read: a rule of the policy does not fit it."
_CACHED_TEXT = 10_000


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
        limits: Limits = Limits(),  # noqa: B008 - likewise
        spool: Spool | None = None,
        listener: Listener = NOBODY,
        renewed: Callable[[Principal], Principal] = lambda principal: principal,
        mask_keys: Mapping[str, bytes] = NO_KEYS,
        budget: Budget | None = None,
        definers: Mapping[str, Principal] = MappingProxyType({}),
        version: str = "flight-server",
    ) -> None:
        parser = Parser()
        self._registry = registry
        self._policies = policies
        self._engine = engine
        self._defaults = defaults
        self._limits = limits
        self._running = Running(limits.ticket_seconds)
        self._quotas = Quotas(limits.result_seconds)
        self._polls = Polls(limits.poll_seconds)
        self._budget = budget or Budget()
        lifetimes = Lifetimes(limits.ticket_seconds, limits.prepared_seconds, limits.result_seconds)
        self._handles = Handles(sealer, spool, lifetimes, self._running)
        self._listener = listener
        self._renewed = renewed
        self._version = version
        self._compiler = Compiler(parser, mask_keys)
        self._gate = Gate(parser)
        self._gated: Callable[[str], Statement] = lru_cache(maxsize=1_024)(self._gate.check)
        self._binder = Binder(engine, limits.planning_seconds)
        self._views = ViewOpener(self._checked, self._inside, definers)

    @property
    def engines(self) -> tuple[str, ...]:
        """The engines that statements may ask for."""
        return self._engine.names

    def visible(self, caller: Caller) -> VisibleCatalog:
        """The catalog as the caller sees it, by the policy in force now."""
        policy = self._policies.current()
        return VisibleCatalog(caller.principal, policy, self._registry, self._views)

    def defaults(self, caller: Caller, visible: VisibleCatalog) -> Defaults:
        """What completes the caller's unqualified names, as the catalog spells it."""
        return settle(self._asked(caller), visible)

    def _asked(self, caller: Caller) -> Defaults:
        given = self._defaults
        return Defaults(caller.catalog or given.catalog, caller.schema or given.schema)

    def plan(self, caller: Caller, text: str) -> Planned:
        """Plan a statement: everything that can be refused is refused here, nothing runs."""
        state = StatementState(
            query_id=uuid.uuid4().hex,
            text=text,
            defaults=self._asked(caller),
            time_zone=caller.time_zone,
            snapshots={},
            fingerprint="",
            schema_digest="",
            as_of=caller.as_of,
            timeout=caller.statement_timeout,
            planned_at=time.time(),
            engine=caller.engine,
        )
        return self._plan(caller, state, None)

    def bind(self, caller: Caller, planned: Planned, parameters: pa.RecordBatch) -> Planned:
        """Give a planned statement its parameters, by position; it runs once for each row."""
        limits = self._limits
        batch = check_parameters(
            planned.secured, parameters, rows=limits.parameter_rows, size=limits.parameter_bytes
        )
        state = replace(planned.state, query_id=uuid.uuid4().hex, parameters=batch)
        return self._plan(caller, state, state.snapshots)

    def seal(self, caller: Caller, planned: Planned, kind: HandleKind) -> bytes:
        """A handle by which the same principal can take the statement up on any replica."""
        return self._handles.seal(caller.principal.owner, planned.state, kind).ticket

    def offer(self, caller: Caller, planned: Planned) -> Offer:
        """Tickets for a planned statement, in as many parts as the caller wants and it allows."""
        choice, text = self._chosen(planned), planned.state.text
        statement = None if recognise(text) is not None else self._checked(text)
        most = self._limits.partitions if choice.engine == self._engine.name else 1
        return offered(caller, planned, choice, statement, handles=self._handles, partitions=most)

    def poll(self, caller: Caller, planned: Planned, wait: float = 0.0) -> Polled:
        """Begin a statement ahead of its being read, where it runs elsewhere; see `Polls.poll`."""
        choice = self._chosen(planned)
        if choice.engine in (self._engine.name, BOTH):
            return Polled(planned, choice)
        return self._polls.poll(caller, planned, choice, self._run, wait)

    def renew(self, caller: Caller, ticket: bytes) -> Endpoint:
        """A new ticket for one that is valid. Raises `ResultExpired` where it is too late."""
        return self._handles.renew(caller.principal.owner, ticket)

    def cancel(self, caller: Caller, tickets: Iterable[bytes]) -> bool:
        """End the caller's queries by their tickets; False where nothing was left to end."""
        return self._handles.cancel(caller.principal.owner, tickets)

    def unseal(self, caller: Caller, sealed: bytes, kind: HandleKind) -> Planned:
        """Take a statement up again, with rights decided anew.

        Raises `InvalidHandle` or `WrongOwner`, and `StaleHandle` where the promised schema would
        no longer hold.
        """
        state = self._handles.open(caller.principal.owner, sealed, kind)
        pins: Pins | None = state.snapshots
        if kind is HandleKind.PREPARED:
            # Each time a query of its own, which reads the tables as they are then.
            state, pins = state.again(), None
        elif time.time() - state.planned_at > self._limits.ticket_seconds:
            # Lookups say who may see what: a result that is renewed again and again must not keep
            # rights that were taken away.
            state = replace(state, lookups={})
        planned = self._plan(caller, state, pins)
        if planned.state.schema_digest != state.schema_digest:
            raise errors.StaleHandle("The columns of the result have changed since it was planned.")
        if state.part is not None and not may_divide(self._checked(state.text), planned):
            raise errors.StaleHandle("The result can no longer be read in parts.")
        return planned

    def run(self, caller: Caller, planned: Planned) -> ResultStream:
        """Run a planned statement; the stream must be closed.

        Listeners are told of its start and end. Raises `AuditUnavailable` where the start must be
        recorded but cannot be.
        """
        if planned.state.ahead:
            self.poll(caller, planned)  # so that it is kept while it is read, and for a while
        return self._run(caller, on_errand(planned, caller.principal.owner))

    def close(self) -> None:
        """End what runs ahead."""
        self._polls.close()

    def _run(self, caller: Caller, planned: Planned) -> ResultStream:
        choice = self._chosen(planned)
        start = StatementStarted(caller, planned, engine=choice.engine, choice=choice)
        course = Course(self._listener, start)
        try:
            frames = self._begin(caller, planned, course)
        except BaseException as error:
            course.end(error)
            raise
        return ResultStream(caller, planned, frames, course=course)

    def _chosen(self, planned: Planned) -> Choice:
        """What runs a statement, and why."""
        deadline = time.monotonic() + self._limits.planning_seconds
        choice = chosen(self._engine, planned, deadline=deadline)
        return replace(choice, reason=BEGUN) if planned.state.ahead else choice

    def _begin(self, caller: Caller, planned: Planned, course: Course) -> FrameStream:
        """Start a statement; its record is written meanwhile, and must be there at the end."""
        recorded = course.begin()
        if not planned.bound:
            raise errors.InvalidParameters(
                f"The statement has {len(planned.secured.parameters)} parameters, none were bound."
            )
        allowed = self._policies.current().limits(caller.principal)
        deadline = course.started + self._limit(caller, planned.state.timeout)
        query, part = Query(caller.principal.owner, planned.query_id), planned.state.part

        def begin() -> FrameStream:
            return self._frames(caller, planned, course, deadline=deadline)

        frames = self._running.start(
            query, part, lambda: self._quotas.start(query, part, allowed, begin)
        )
        course.taken()
        try:
            if recorded is not None:
                recorded()
        except BaseException:
            frames.close()
            raise
        rights = Rights(planned)

        def check() -> None:
            now = replace(caller, principal=self._renewed(caller.principal))
            rights.check(
                self._policies.current().fingerprint(now.principal),
                lambda: self._plan(now, planned.state, planned.state.snapshots),
            )

        guarded = GuardedFrames(frames, check, since=course.started)
        return self._polls.reading(query, planned, guarded)

    def _frames(
        self, caller: Caller, planned: Planned, course: Course, *, deadline: float
    ) -> FrameStream:
        codec, rows, principal = caller.compression, planned.state.parameters, caller.principal

        def start(row: pa.RecordBatch | None) -> FrameStream:
            secured = replace(planned.secured, groups=principal.groups, choice=course.choice)
            who = payer(self._policies.current(), principal)
            toll = course.toll(partial(self._budget.reserve, who))
            stream = self._engine.run(
                secured, row, planned.schema, deadline=deadline, compression=codec, toll=toll
            )
            stream = self._budget.charged(stream, who)
            course.scans(stream)
            return self._polls.attached(principal.owner, planned, stream, course)

        if rows is None or rows.num_rows == 1:
            return second_try(start, self._engine, planned, course, deadline=deadline)(rows)
        return RowByRow(start, rows)

    def _plan(self, caller: Caller, state: StatementState, pins: Pins | None) -> Planned:
        started = time.monotonic()
        visible = self.visible(caller)
        command = recognise(state.text)
        if command is not None:
            options = told_options(caller, state, self._limit(caller, state.timeout))
            planned = self._answered(command, visible, state, pins, options)
        else:
            planned = self._select(state.text, visible, state, pins)
        return replace(planned, basis=replace(planned.basis, seconds=time.monotonic() - started))

    def _limit(self, caller: Caller, asked: float | None) -> float:
        """How many seconds a statement may run."""
        granted = self._policies.current().limits(caller.principal).statement_seconds
        return min(most for most in (self._limits.statement_seconds, asked, granted) if most)

    def _answered(
        self,
        command: Command,
        visible: VisibleCatalog,
        state: StatementState,
        pins: Pins | None,
        options: Mapping[str, str],
    ) -> Planned:
        """Plan the SELECT that a command stands for."""

        about: list[Basis] = []  # what is told of a statement is told of its tables

        def inner(text: str) -> Inner:
            planned = self._select(text, visible, replace(state, parameters=None), pins)
            about.append(planned.basis)
            tree = self._checked(text).tree
            return Inner(planned.schema, planned.secured, tree, partial(self._chosen, planned))

        facts = self._facts(visible, state, settle(state.defaults, visible))
        facts = replace(facts, options=options)
        told = answer(command, Situation(visible, facts, inner))
        made = replace(self._select(told.text, visible, state, pins), changes=told.changes)
        return replace(made, basis=about[0]) if about else made

    def _facts(self, visible: VisibleCatalog, state: StatementState, defaults: Defaults) -> Facts:
        return Facts(self._version, visible.principal.subject, defaults, state.time_zone)

    def _checked(self, text: str) -> Statement:
        # Long statements are rarely sent twice and have large trees: only short ones are kept.
        return self._gated(text) if len(text) <= _CACHED_TEXT else self._gate.check(text)

    def _select(
        self, text: str, visible: VisibleCatalog, state: StatementState, pins: Pins | None
    ) -> Planned:
        statement = self._checked(text)
        reading = state.reading(pins)
        resolved = resolve(statement, visible, state.defaults, reading)
        resolved = self._views.opened(resolved, visible, reading)
        functions = session_functions(
            statement.functions, self._facts(visible, state, resolved.defaults)
        )
        pinned = {} if pins is None else state.lookups
        lookups = LookupTables(self._registry, pinned, visible.tags)
        try:
            secured = secure(
                resolved,
                self._compiler,
                state.time_zone,
                functions,
                part=state.part,
                lookups=lookups,
                engine=state.engine,
            )
        except PolicyInvalid as error:
            # what is wrong names rules and columns: it is for the log alone
            _log.error("no statement runs over a table whose rules do not fit it: %s", error)
            raise PolicyInvalid(_UNFIT) from error
        announced = parameter_schema(secured, statement.tree)
        try:
            schema = self._binder.bind(secured, typical(state.parameters))
        except errors.QueryError as error:
            as_sent(error, resolved)
            raise
        if state.parameters is None and pa.null() in schema.types:
            schema = self._binder.bind_announced(secured, announced) or schema
        return Planned(
            query_id=state.query_id,
            schema=schema,
            parameter_schema=announced,
            secured=secured,
            state=replace(
                state,
                defaults=resolved.defaults,
                snapshots=resolved.snapshots,
                lookups=lookups.snapshots,
                fingerprint=visible.fingerprint,
                schema_digest=digest(schema),
            ),
            basis=Basis(
                resolved.tables,
                statement.tree,
                visible.policy_version,
                visible.roles,
                insides=resolved.insides,
            ),
        )

    def _inside(
        self, resolved: Resolved, tags: Callable[[Table], frozenset[str]], time_zone: str
    ) -> pa.Schema:
        """The schema of what is within a view."""
        lookups = LookupTables(self._registry, tags=tags)
        secured = secure(resolved, self._compiler, time_zone, lookups=lookups)
        return self._binder.bind(secured, None)
