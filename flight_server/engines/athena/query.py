"""What a translated query is: its SQL, its columns and the order that it asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from flight_server.engines.athena.binder import Binder, Node
from flight_server.engines.athena.scope import Defined, Scope
from flight_server.engines.athena.types import Type
from flight_server.engines.athena.values import Translates, Value


@dataclass(frozen=True, slots=True)
class Order:
    """One key of a query's order: the column that it is by, from 0, and how."""

    column: int
    descending: bool
    nulls_first: bool

    @property
    def sql(self) -> str:
        """The direction of the key as it is written."""
        direction = "DESC" if self.descending else "ASC"
        return f"{direction} NULLS {'FIRST' if self.nulls_first else 'LAST'}"


@dataclass(frozen=True, slots=True)
class Query:
    """A query. `columns` are its result by name and type; those of `extra` follow and only sort."""

    sql: str
    columns: tuple[tuple[str, Type], ...]
    order: tuple[Order, ...] = ()
    extra: tuple[Type, ...] = ()

    @property
    def width(self) -> int:
        """How many columns the SQL gives."""
        return len(self.columns) + len(self.extra)

    @property
    def names(self) -> str:
        """The names of all columns, as a list."""
        return ", ".join(f"c{at}" for at in range(self.width))


class Reads(Translates, Protocol):
    """What translates the expressions of one scope."""

    def condition(self, node: Node) -> Value:
        """A boolean expression."""
        ...

    def at(self, node: Node) -> int | None:
        """The place of a node in the statement."""
        ...


class Queries(Protocol):
    """What translates the queries of one statement."""

    @property
    def binder(self) -> Binder: ...

    @property
    def parameters(self) -> Mapping[str, Value]: ...

    def name(self) -> str:
        """A name that nothing else has."""
        ...

    def expressions(self, scope: Scope) -> Reads:
        """What translates the expressions of a scope."""
        ...

    def table(self, path: Sequence[str], at: int | None) -> Defined:
        """The table that a name means."""
        ...

    def query(self, node: Node, parent: Scope | None) -> Query:
        """One query."""
        ...

    def aliased(self, made: Query, name: str) -> str:
        """A query as what stands in FROM under a name."""
        ...
