"""Sends each statement to the engine that should run it, and says why. Knows no concrete engine.

Rules for editors. Rule 1: a table goes only to an engine that may read it; what is not known to be
fit for Athena stays here. Rule 2: a statement is secured before it comes here, and both engines get
the same; a table that is brought from one to the other is narrowed before it leaves. Rule 3: what
is chosen depends on nothing that its user may not know, but for sizes, which no user is told where
rows or columns are hidden, and for how busy the engines are. Rule 4: who pins an engine gets it, or
a refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import pyarrow as pa

from flight_server.engines.base import (
    AUTO,
    BOTH,
    Choice,
    Engine,
    EngineStream,
    Estimate,
    Relation,
    Scanned,
    Secured,
    Toll,
    free,
)
from flight_server.engines.bringing import Bringing
from flight_server.engines.brought import Brought, Need, Room, Share
from flight_server.engines.errors import EngineError, NoEngine, OutOfResources
from flight_server.engines.fitness import HERE, THERE, is_open, pinned, unfit
from flight_server.engines.pieces import Piece, over_brought, piece

_TOO_MUCH = "The statement would read more than one statement may on Athena."
_ONLY_THERE = "Only Athena can read a table of the statement."


class Local(Engine, Protocol):
    """The engine of this server, which also binds statements and tells what they read."""

    def estimate(
        self, secured: Secured, parameters: pa.RecordBatch | None, *, deadline: float
    ) -> Estimate:
        """What a statement would read, by metadata alone."""
        ...

    def needs(
        self, secured: Secured, parameters: pa.RecordBatch | None, *, deadline: float
    ) -> Mapping[int, Need]:
        """What a statement reads of its relations, by their numbers; of others nothing is sure."""
        ...

    def wait(self) -> float:
        """The seconds that one more statement would wait for its turn, about."""
        ...


class Delegate(Protocol):
    """An engine elsewhere. It binds nothing: it is given the schema that was promised."""

    @property
    def name(self) -> str: ...

    def check(self, secured: Secured, parameters: pa.RecordBatch | None, schema: pa.Schema) -> None:
        """Raises an `EngineError` where it could not run a statement; nothing is sent."""
        ...

    def places(self) -> int:
        """How many more statements it would begin at once."""
        ...

    def run(
        self,
        secured: Secured,
        parameters: pa.RecordBatch | None,
        schema: pa.Schema,
        *,
        deadline: float,
        compression: str | None = None,
        groups: frozenset[str] = frozenset(),
        size: int | None = None,
        toll: Toll = free,
    ) -> EngineStream: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Rules:
    """What a choice depends on; sizes in bytes, times in seconds.

    Statements over tables that both engines read go elsewhere from `large` bytes on, or where they
    would wait `patience` here (None: for ever), or, with `second`, once they needed more memory
    than there is here. One that would read more than `most` there is refused. `usd` is the price of
    so many bytes. `sealed` says which relations never leave this server. Tables that are only read
    elsewhere are brought here where a statement needs it: `bring` bytes for one statement, 0 for
    never, `bring_total` for all at once.
    """

    large: int = 2**30
    most: int | None = None
    usd: Callable[[int], float] = lambda _size: 0.0
    sealed: Callable[[Relation], bool] = lambda _relation: True
    patience: float | None = None
    second: bool = False
    bring: int = 0
    bring_total: int = 0


class Router:
    """An engine over the local one and one elsewhere; see `flight_server.engines.base.Engine`."""

    def __init__(self, here: Local, there: Delegate, rules: Rules) -> None:
        self._here = here
        self._there = there
        self._rules = rules
        self._room = Room(rules.bring, rules.bring_total)

    @property
    def name(self) -> str:
        """What runs a statement of which nothing else is known."""
        return self._here.name

    @property
    def names(self) -> tuple[str, ...]:
        """The engines that statements may ask for."""
        return (self._here.name, self._there.name)

    def describe(
        self, secured: Secured, parameters: pa.RecordBatch | None, *, deadline: float
    ) -> pa.Schema:
        """Bind a statement here, whatever will run it: one dialect, one schema."""
        return self._here.describe(secured, parameters, deadline=deadline)

    def choose(
        self,
        secured: Secured,
        parameters: pa.RecordBatch | None,
        schema: pa.Schema,
        *,
        deadline: float,
    ) -> Choice:
        """What runs a statement, and why.

        Raises `NoEngine` where none may, `OutOfResources` where it would read too much elsewhere,
        and what `Delegate.check` raises where only that one may run it.
        """
        choice = self._chosen(secured, parameters, schema, deadline)
        if choice.engine == THERE:
            choice = self._estimated(choice, secured, parameters, deadline)
            if self._is_too_much(choice.estimate):
                raise OutOfResources(_TOO_MUCH)
        return choice

    def second(
        self,
        secured: Secured,
        parameters: pa.RecordBatch | None,
        schema: pa.Schema,
        error: EngineError,
        *,
        deadline: float,
    ) -> Choice | None:
        """Athena, for what needed more memory than there is here and is not bound to stay."""
        if not self._rules.second or not (isinstance(error, OutOfResources) and error.memory):
            return None
        if secured.choice is None or secured.choice.engine != HERE or not self._may_go(secured):
            return None
        choice = Choice(THERE, "it needed more memory than there is here", secured.choice.estimate)
        try:
            self._there.check(secured, parameters, schema)
            choice = self._estimated(choice, secured, parameters, deadline)
        except EngineError:
            return None  # the first error is what its user is told
        return None if self._is_too_much(choice.estimate) else choice

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
        """Run a statement where its `choice` says, else where `choose` does."""
        choice = secured.choice or self.choose(secured, parameters, schema, deadline=deadline)
        here = partial(self._here.run, deadline=deadline, compression=compression)
        if choice.engine == BOTH:
            return self._bring(secured, parameters, schema, deadline, toll, here)
        if choice.engine != THERE:
            return here(secured, parameters, schema)
        return self._there.run(
            secured,
            parameters,
            schema,
            deadline=deadline,
            compression=compression,
            groups=secured.groups,
            size=None if choice.estimate is None else choice.estimate.bytes,
            toll=toll,
        )

    def close(self) -> None:
        """Close both engines."""
        try:
            self._there.close()
        finally:
            self._here.close()

    # --- rules -----------------------------------------------------------------------------------

    def _chosen(
        self,
        secured: Secured,
        parameters: pa.RecordBatch | None,
        schema: pa.Schema,
        deadline: float,
    ) -> Choice:
        tables = [relation.table for relation in secured.relations]
        barred = self._barred(secured)
        if any(table.engine == THERE for table in tables):
            if barred is None and secured.engine != HERE:
                self._there.check(secured, parameters, schema)
                return Choice(THERE, "only Athena can read a table of the statement")
            if barred is None or secured.engine != AUTO or not self._rules.bring:
                raise NoEngine(barred or _ONLY_THERE)
            self._pieces(secured, parameters, deadline)
            why = "a table that only Athena can read is brought here"
            return Choice(BOTH, why, open=is_open(secured))
        pin, why = pinned(secured.engine, tables)
        if pin == THERE:
            if barred is not None:
                raise NoEngine(barred)
            self._there.check(secured, parameters, schema)
            return Choice(THERE, why)
        if pin == HERE:
            return Choice(HERE, why)
        if not tables or barred is not None:
            return Choice(HERE, "Athena does not read all tables of the statement")
        return self._by_size(secured, parameters, schema, deadline)

    def _by_size(
        self,
        secured: Secured,
        parameters: pa.RecordBatch | None,
        schema: pa.Schema,
        deadline: float,
    ) -> Choice:
        found = self._here.estimate(secured, parameters, deadline=deadline)
        make = partial(Choice, estimate=found, open=is_open(secured))
        large = found.bytes >= self._rules.large
        if not large and not self._is_busy(found):
            return make(HERE, "the statement reads little")
        try:
            self._there.check(secured, parameters, schema)
        except EngineError:
            much = "the statement reads much, but cannot be said in Athena's dialect"
            return make(HERE, much if large else "the statement reads little")
        return make(THERE, "the statement reads much" if large else "too many statements wait here")

    def _is_busy(self, found: Estimate) -> bool:
        """Whether a statement would wait too long here, and not at all elsewhere."""
        patience = self._rules.patience
        if patience is None or self._here.wait() < patience:
            return False
        return self._there.places() > 0 and not self._is_too_much(found)

    def _is_too_much(self, found: Estimate | None) -> bool:
        most = self._rules.most
        return found is not None and most is not None and found.bytes > most

    def _may_go(self, secured: Secured) -> bool:
        """Whether a statement could run elsewhere as well, and nobody says where it must."""
        tables = [relation.table for relation in secured.relations]
        free_to_go = pinned(secured.engine, tables)[0] == AUTO and bool(tables)
        return free_to_go and self._barred(secured) is None

    def _estimated(
        self,
        choice: Choice,
        secured: Secured,
        parameters: pa.RecordBatch | None,
        deadline: float,
    ) -> Choice:
        """The choice with what it would read and cost; without, where a table tells nothing."""
        found = choice.estimate
        if found is None:
            if any(relation.table.snapshot is None for relation in secured.relations):
                return choice
            found = self._here.estimate(secured, parameters, deadline=deadline)
        usd = self._rules.usd(found.bytes)
        return replace(choice, estimate=found, usd=usd, open=is_open(secured))

    def _barred(self, secured: Secured) -> str | None:
        """Why Athena may not run a statement; None where it may."""
        reasons = (unfit(relation, self._rules.sealed) for relation in secured.relations)
        return next((reason for reason in reasons if reason is not None), None)

    # --- tables that are brought here -------------------------------------------------------------

    def _pieces(
        self, secured: Secured, parameters: pa.RecordBatch | None, deadline: float
    ) -> list[Piece]:
        """What is to be brought. Raises `NoEngine` where a table of it may not leave Athena."""
        wanted = [n for n, each in enumerate(secured.relations) if each.table.engine == THERE]
        for number in wanted:
            reason = unfit(secured.relations[number], self._rules.sealed)
            if reason is not None:
                raise NoEngine(reason)
        needs = self._here.needs(secured, parameters, deadline=deadline)
        return [piece(secured, n, needs.get(n), self._there.check) for n in wanted]

    def _bring(
        self,
        secured: Secured,
        parameters: pa.RecordBatch | None,
        schema: pa.Schema,
        deadline: float,
        toll: Toll,
        here: Callable[[Secured, pa.RecordBatch | None, pa.Schema], EngineStream],
    ) -> EngineStream:
        """Run a statement here over tables that Athena is asked for first."""
        pieces = self._pieces(secured, parameters, deadline)
        planned = self._read_here(secured, deadline)
        share = Share(self._room)
        streams: dict[int, EngineStream] = {}
        with ExitStack() as held:
            for each in pieces:
                stream = streams[each.number] = self._there.run(
                    each.secured,
                    None,
                    each.schema,
                    deadline=deadline,
                    groups=secured.groups,
                    toll=toll,
                )
                held.callback(stream.close)
            rows = {p.number: Brought(p.schema, streams[p.number], share) for p in pieces}
            begin = partial(here, over_brought(secured, rows), parameters, schema)
            sources = tuple(streams.values())
            bringing = Bringing(sources, begin, share, planned=planned, deadline=deadline)
            bringing.start()
            held.pop_all()
        return bringing

    def _read_here(self, secured: Secured, deadline: float) -> tuple[Scanned, ...]:
        """What is read here beside what is brought, before it is known more exactly."""
        found = []
        for relation in secured.relations:
            if relation.table.engine != THERE:
                alone = replace(secured, relations=(relation,))
                size = self._here.estimate(alone, None, deadline=deadline)
                found.append(Scanned(relation.name, size.files, size.bytes))
        return tuple(found)
