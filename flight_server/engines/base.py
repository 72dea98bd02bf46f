"""The face of an engine: a secured statement goes in, finished Flight frames come out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, runtime_checkable

import pyarrow as pa

from catalog.model import Table
from catalog.names import TableName
from flight_server.engines.errors import EngineError

AUTO = "auto"  # what a session asks for that leaves the engine to the server
BOTH = "both"  # of a choice: what one engine reads is brought to the other


@dataclass(frozen=True, slots=True)
class RelationColumn:
    """A visible column, or a visible field of a struct.

    `mask` is DuckDB SQL over the raw columns, or None for the raw value. `fields` are the visible
    ones of a struct that is not seen as it is, in the order of `type`, which has no others; where
    there are none, all of it is seen.
    """

    name: str
    type: pa.DataType
    mask: str | None = field(default=None, repr=False)
    fields: tuple[RelationColumn, ...] = ()

    @property
    def has_mask(self) -> bool:
        """Whether its value, or one within it, is masked."""
        return self.mask is not None or any(field.has_mask for field in self.fields)

    def closed(self) -> RelationColumn:
        """The column with masks that read nothing."""
        fields = tuple(field.closed() for field in self.fields)
        return replace(self, mask=None if self.mask is None else "NULL", fields=fields)


@dataclass(frozen=True, slots=True)
class Lookup:
    """A whole table that expressions of a relation read by `name`; no statement can reach it."""

    name: str
    table: Table


@dataclass(frozen=True, slots=True)
class Inside:
    """What a view is made of: a SELECT over relations of its own, which no statement can reach.

    `columns` are the names that its columns have there, in the order of the view's. It is
    `confined` where the view's reader may not read those relations as it does: what it leaves out
    of them is then hidden.
    """

    text: str
    relations: tuple[Relation, ...]
    columns: tuple[str, ...]
    confined: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """One table as one principal may read it: all that an engine may know of the table.

    `columns` are the visible ones in order. `row_filter` is a boolean DuckDB expression over the
    raw columns, or None for all rows; a row is seen where it is true. Expressions have all
    functions qualified and all values as literals. `part` is which of how many disjoint parts of
    the table's rows is read, counted from 0; None for all of them. `tags` are all tags of the table
    and its columns. In subqueries expressions read `lookups` by name, and call the raw columns by
    the table's own name. Where it is `keyed`, its masks hold keys: it must be narrowed in a process
    that runs nothing of the user's, and its text never be shown. `inside` is what a view is made
    of: its raw columns are the table's, by those names and types.
    """

    name: TableName
    table: Table
    columns: tuple[RelationColumn, ...]
    row_filter: str | None = None
    part: tuple[int, int] | None = None
    tags: frozenset[str] = frozenset()
    lookups: tuple[Lookup, ...] = ()
    keyed: bool = False
    inside: Inside | None = None

    def closed(self) -> Relation:
        """The relation without rows, which reads no lookup: for where one cannot be read."""
        masked = tuple(column.closed() for column in self.columns)
        return replace(self, columns=masked, row_filter="false", lookups=())

    @property
    def needs_barrier(self) -> bool:
        """Whether rows or values are hidden, so that user expressions must not run before them."""
        if self.inside is not None and self.inside.confined:
            return True
        return self.row_filter is not None or any(c.has_mask for c in self.columns)

    def below(self) -> Iterator[Relation]:
        """The relations that it is made of, at any depth."""
        for each in () if self.inside is None else self.inside.relations:
            yield each
            yield from each.below()


@dataclass(frozen=True, slots=True)
class SessionFunction:
    """A function that answers for the server and the session, in place of the engine's own.

    `definition` is what follows the name in DuckDB's CREATE MACRO: parameters and an expression of
    literals, in which all functions are qualified.
    """

    name: str
    definition: str


@dataclass(frozen=True, slots=True)
class Errand:
    """How a statement is run that may be running already, or have run, elsewhere than here.

    By its `name`, a secret of whom it is run for, it is found again. One that is run `ahead` has no
    frames: it runs, and what comes of it is kept, until its stream is closed.
    """

    name: str = field(repr=False)
    ahead: bool = False


@dataclass(frozen=True, slots=True)
class Secured:
    """A statement that may run: the original text and the narrowed tables it names.

    Only `query.secure` makes one (a test holds that), and engines take nothing else. `parameters`
    are the names of the statement's parameters in binding order ("1", "2", … or names). `catalog`
    and `schema` complete unqualified names. `functions` are the session functions that it calls.
    `engine` is the one that must run it, or `auto`; `choice` is what was chosen, once it was. By
    `groups`, those of whom it is run for, an engine elsewhere chooses as whom it runs, and by its
    `errand` whether it is run anew. With `by_row` each row of its result is made from one row of
    its one table alone.
    """

    text: str
    relations: tuple[Relation, ...]
    parameters: tuple[str, ...] = ()
    catalog: str | None = None
    schema: str | None = None
    time_zone: str = "UTC"
    functions: tuple[SessionFunction, ...] = ()
    engine: str = AUTO
    groups: frozenset[str] = frozenset()
    choice: Choice | None = None
    errand: Errand | None = field(default=None, compare=False)
    by_row: bool = False


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a statement would read, by the metadata of its tables: bytes, rows and files."""

    bytes: int
    rows: int
    files: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What an engine that charges for reading takes for a statement, or is expected to.

    `scanned` bytes are read, `billed` bytes charged for, at a price of `usd`. Where it is not
    `certain`, it may have been more.
    """

    scanned: int = 0
    billed: int = 0
    usd: float = 0.0
    certain: bool = True

    def __add__(self, other: Cost) -> Cost:
        """The cost of two."""
        return Cost(
            self.scanned + other.scanned,
            self.billed + other.billed,
            self.usd + other.usd,
            self.certain and other.certain,
        )


# Takes what something has cost in the end: called once, from any thread.
Settle = Callable[[Cost], None]
# Is asked, with the cost that is expected, before anything is begun that costs money. What it
# raises is to end the statement; what it gives must be called, whatever comes of it.
Toll = Callable[[Cost], Settle]


def free(_expected: Cost) -> Settle:
    """The toll of what nobody has to pay for."""
    return lambda _cost: None


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine that runs a statement, and why; the reason is empty where there is no choice.

    `estimate` is what was found out on the way, None where nothing was asked; `usd` is what so much
    would cost there. Numbers tell of rows and columns that are hidden: only where `open` may they
    be shown to whom the statement belongs.
    """

    engine: str
    reason: str
    estimate: Estimate | None = None
    usd: float | None = None
    open: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """One encoded FlightData message: a record batch, ready for the wire."""

    data: bytes
    rows: int


class FrameStream(Protocol):
    """The result of a running statement, pulled frame by frame.

    Iteration raises the errors of `engines.errors`. `cancel` may be called from any thread and ends
    the iteration with `Cancelled`; `close` must be called at the end, whatever happened.
    """

    def __iter__(self) -> Iterator[Frame]: ...

    def ready(self, seconds: float) -> bool:
        """Whether the next frame, or the end, can be had within a time."""
        ...

    def cancel(self) -> None:
        """End the statement now. Must not wait: networks' threads call it too."""
        ...

    def close(self) -> None:
        """Give back what the statement holds; ends it where it still runs."""
        ...


@dataclass(frozen=True, slots=True)
class Scanned:
    """What one table of a statement is read from: how many files, and how large they are in bytes.

    Files of deletes and of lookups are among them; all of a file counts, whatever is read of it.
    Where the policy filters rows, the data files that its filter leaves may stand for those that
    the statement's own conditions leave of them: these would tell of hidden rows.
    """

    name: TableName
    files: int
    bytes: int


class EngineStream(FrameStream, Protocol):
    """The result of a running statement as the engine itself gives it."""

    @property
    def scanned(self) -> tuple[Scanned, ...]:
        """What was planned to be read; for operators, as sizes tell of hidden rows."""
        ...


State = Literal["waiting", "queued", "running", "finished"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a statement is: `scanned` bytes were read. Of what is to come nothing is known."""

    state: State = "waiting"
    scanned: int = 0


@runtime_checkable
class Ahead(EngineStream, Protocol):
    """A statement that was begun ahead of being read, and has no frames."""

    def progress(self) -> Progress:
        """How far it is. Raises what ended it."""
        ...

    def further(self, seen: Progress, seconds: float) -> None:
        """Wait until it is further than it was `seen`, or has ended, or a time has passed."""
        ...


class Engine(Protocol):
    """Runs secured statements. Safe to call from several threads."""

    @property
    def name(self) -> str:
        """The engine's name as clients see it."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """The engines that statements may ask for."""
        ...

    def describe(
        self, secured: Secured, parameters: pa.RecordBatch | None, *, deadline: float
    ) -> pa.Schema:
        """Bind a statement on empty tables of the visible shape; gives the result's schema.

        `parameters` is one row, a column per parameter in order, or None where they are not bound
        yet. `deadline` is in seconds of `time.monotonic`. Raises `BindFailed` and `TimedOut`.
        """
        ...

    def choose(
        self,
        secured: Secured,
        parameters: pa.RecordBatch | None,
        schema: pa.Schema,
        *,
        deadline: float,
    ) -> Choice:
        """What runs a statement whose result has `schema`, and why; the same that `run` takes.

        Raises `NoEngine` where nothing can.
        """
        ...

    def second(
        self,
        secured: Secured,
        parameters: pa.RecordBatch | None,
        schema: pa.Schema,
        error: EngineError,
        *,
        deadline: float,
    ) -> Choice | None:
        """What runs a statement once more, after its `choice` failed before any of its result came.

        None where nothing may, or would do no better.
        """
        ...

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
        """Run a statement whose result has exactly `schema`, by its `choice` where there is one.

        `compression` is how the bodies of large frames are: lz4, zstd or None. `toll` is asked
        before each thing that costs money. Raises what it does.
        """
        ...

    def close(self) -> None:
        """End all workers."""
        ...
