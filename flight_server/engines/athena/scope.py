"""What the names of a statement mean: its tables, their columns, and the scopes around."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from catalog.names import fold
from flight_server.engines.athena.types import Type
from flight_server.engines.athena.values import Value
from flight_server.engines.errors import Untranslatable


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a source: its name as DuckDB shows it, its SQL and its type."""

    name: str
    sql: str
    type: Type


@dataclass(frozen=True, slots=True)
class Source:
    """What stands in FROM under a name. `path` is the whole name of a table, folded."""

    alias: str
    columns: tuple[Column, ...]
    path: tuple[str, ...] = ()

    def answers(self, names: Sequence[str]) -> bool:
        """Whether a qualifier, folded, means this source."""
        if len(names) == 1:
            return names[0] == self.alias
        return (
            bool(self.path)
            and self.path[-1] == self.alias
            and (tuple(names) == self.path[-len(names) :])
        )

    def find(self, name: str) -> Column | None:
        """The column of a folded name. Raises `Untranslatable` where there are several."""
        found = [column for column in self.columns if fold(column.name) == name]
        if len(found) > 1:
            raise Untranslatable("A name that several columns have")
        return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Defined:
    """A common table expression, or a table, that FROM may name: its SQL name and columns."""

    sql: str
    columns: tuple[Column, ...]
    path: tuple[str, ...] = ()


@dataclass(slots=True)
class Scope:
    """The names that one SELECT sees. `hidden` are columns that USING has joined into another.

    A `border` is between a subquery of an expression and the query around it. Athena lets a
    subquery speak of the query around it, not of one around that.
    """

    parent: Scope | None = None
    ctes: Mapping[str, Defined] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    aliases: dict[str, Value] = field(default_factory=dict)
    border: bool = False

    def cte(self, name: str) -> Defined | None:
        """The common table expression of a folded name, the nearest one."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.ctes:
                return scope.ctes[name]
            scope = scope.parent
        return None

    def column(self, path: Sequence[str], at: int | None) -> tuple[Column, Sequence[str]] | None:
        """The column that a path means, and the fields of it that follow.

        None where no scope has it. Raises `Untranslatable` for a name that could mean several, and
        for one of a query that is not the next one around.
        """
        scope: Scope | None = self
        crossed = 0
        while scope is not None:
            found = list(scope._own(path))
            if len(found) > 1:
                raise Untranslatable("A name that may mean several columns", at)
            if found and crossed > 1:
                raise Untranslatable("A correlation over two levels", at)
            if found:
                return found[0]
            crossed += scope.border
            scope = scope.parent
        return None

    def owns(self, path: Sequence[str]) -> bool:
        """Whether a path means a column of this scope itself."""
        return any(True for _ in self._own(path))

    def _own(self, path: Sequence[str]) -> Iterator[tuple[Column, Sequence[str]]]:
        """What a path may mean here. Where it can be read in two ways, both count."""
        folded = [fold(name) for name in path]
        for source in self.sources:
            for size in range(min(4, len(path))):
                if size and not source.answers(folded[:size]):
                    continue
                column = source.find(folded[size])
                if column is None or (size == 0 and column.sql in self.hidden):
                    continue
                yield column, path[size + 1 :]

    def shown(self, qualifier: str | None, at: int | None) -> tuple[Column, ...]:
        """The columns that a star stands for."""
        if qualifier is None:
            found = [c for s in self.sources for c in s.columns if c.sql not in self.hidden]
            return tuple(found)
        sources = [source for source in self.sources if source.answers([fold(qualifier)])]
        if len(sources) != 1:
            raise Untranslatable("This star", at)
        return sources[0].columns
