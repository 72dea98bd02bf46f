"""Sends each statement to the engine that should run it, and says why. Knows no concrete engine.

Rules for editors. Rule 1: a table goes only to an engine that may read it; what is not known to be
fit for Athena stays here. Rule 2: a statement is secured before it comes here, and both engines get
the same. Rule 3: what is chosen depends on nothing that its user may not know, but for sizes, which
no user is told where rows or columns are hidden.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import pyarrow as pa

from catalog.model import Table
from flight_server.engines.base import (
    AUTO,
    Choice,
    Engine,
    EngineStream,
    Estimate,
    Relation,
    Secured,
)
from flight_server.engines.errors import EngineError, NoEngine, OutOfResources

PIN = "flight.engine"  # the property of a table that says which engine reads it
_HERE, _THERE = "duckdb", "athena"


class Local(Engine, Protocol):
    """The engine of this server, which also binds statements and estimates what they read."""

    def estimate(
        self, secured: Secured, parameters: pa.RecordBatch | None, *, deadline: float
    ) -> Estimate:
        """What a statement would read, by metadata alone."""
        ...


class Delegate(Protocol):
    """An engine elsewhere. It binds nothing: it is given the schema that was promised."""

    @property
    def name(self) -> str: ...

    def check(self, secured: Secured, parameters: pa.RecordBatch | None, schema: pa.Schema) -> None:
        """Raises an `EngineError` where it could not run a statement; nothing is sent."""
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
    ) -> EngineStream: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Rules:
    """What a choice depends on; sizes in bytes.

    Statements over tables that both engines read go elsewhere from `large` bytes on. One that would
    read more than `most` there is refused. `usd` is the price of so many bytes. `sealed` says which
    relations never leave this server.
    """

    large: int = 2**30
    most: int | None = None
    usd: Callable[[int], float] = lambda _size: 0.0
    sealed: Callable[[Relation], bool] = lambda _relation: True


class Router:
    """An engine over the local one and one elsewhere; see `flight_server.engines.base.Engine`."""

    def __init__(self, here: Local, there: Delegate, rules: Rules) -> None:
        self._here = here
        self._there = there
        self._rules = rules

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
        if choice.engine == _THERE:
            choice = self._estimated(choice, secured, parameters, deadline)
            size = None if choice.estimate is None else choice.estimate.bytes
            if size is not None and self._rules.most is not None and size > self._rules.most:
                raise OutOfResources(
                    "The statement would read more than one statement may on Athena."
                )
        return choice

    def run(
        self,
        secured: Secured,
        parameters: pa.RecordBatch | None,
        schema: pa.Schema,
        *,
        deadline: float,
        compression: str | None = None,
    ) -> EngineStream:
        """Run a statement where `choose` says."""
        choice = self.choose(secured, parameters, schema, deadline=deadline)
        if choice.engine != _THERE:
            return self._here.run(
                secured, parameters, schema, deadline=deadline, compression=compression
            )
        return self._there.run(
            secured,
            parameters,
            schema,
            deadline=deadline,
            compression=compression,
            groups=secured.groups,
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
        only_there = any(table.engine == _THERE for table in tables)
        barred = self._barred(secured)
        if only_there:
            if barred is not None or secured.engine == _HERE:
                raise NoEngine(barred or "Only Athena can read a table of the statement.")
            self._there.check(secured, parameters, schema)
            return Choice(_THERE, "only Athena can read a table of the statement")
        pin, why = _pinned(secured.engine, tables)
        if pin == _THERE:
            if barred is not None:
                raise NoEngine(barred)
            self._there.check(secured, parameters, schema)
            return Choice(_THERE, why)
        if pin == _HERE:
            return Choice(_HERE, why)
        if not tables or barred is not None:
            return Choice(_HERE, "Athena does not read all tables of the statement")
        return self._by_size(secured, parameters, schema, deadline)

    def _by_size(
        self,
        secured: Secured,
        parameters: pa.RecordBatch | None,
        schema: pa.Schema,
        deadline: float,
    ) -> Choice:
        found = self._here.estimate(secured, parameters, deadline=deadline)
        shown = _is_open(secured)
        if found.bytes < self._rules.large:
            return Choice(_HERE, "the statement reads little", found, open=shown)
        try:
            self._there.check(secured, parameters, schema)
        except EngineError:
            reason = "the statement reads much, but cannot be said in Athena's dialect"
            return Choice(_HERE, reason, found, open=shown)
        return Choice(_THERE, "the statement reads much", found, open=shown)

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
        return replace(choice, estimate=found, usd=usd, open=_is_open(secured))

    def _barred(self, secured: Secured) -> str | None:
        """Why Athena may not run a statement; None where it may."""
        for relation in secured.relations:
            lookups = [lookup.table for lookup in relation.lookups]
            if not all(_is_known(table) for table in (relation.table, *lookups)):
                return "Athena cannot read all tables of the statement as they are asked for."
            if relation.inside is not None:
                return "Athena cannot read all tables of the statement as they are asked for."
            if relation.part is not None:
                return "A part of a result cannot be read by Athena."
            # its texts are kept by Athena: no key may be in them, and nothing that is sealed
            if relation.keyed or self._rules.sealed(relation):
                return "A table of the statement is protected so that Athena may not read it."
        return None


def _is_known(table: Table) -> bool:
    """Whether Athena reads the same of a table as it is meant."""
    if table.athena is None or table.rows is not None:
        return False
    if table.snapshot is None:
        return table.engine == _THERE
    # one that was never written has no version to name; a branch is read with other columns there
    return table.snapshot.snapshot_id is not None and not table.snapshot.branch


def _pinned(asked: str, tables: list[Table]) -> tuple[str, str]:
    """The engine that must run a statement over tables that both can read, or `auto`; and why."""
    if asked != AUTO:
        return asked, "the session asks for it"
    pins = {table.properties.get(PIN, AUTO).strip().lower() for table in tables} & {_HERE, _THERE}
    if len(pins) == 1:
        return pins.pop(), "a table of the statement says so"
    return AUTO, ""


def _is_open(secured: Secured) -> bool:
    """Whether nothing of the tables is hidden, so that sizes tell nothing."""
    return all(
        not relation.needs_barrier
        and len(relation.columns) == len(relation.table.columns)
        and not any(column.fields for column in relation.columns)
        for relation in secured.relations
    )
