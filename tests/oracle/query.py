"""A statement in parts, so that one that fails can be cut down to what matters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Query:
    """A SELECT by its clauses. `source` may be a query of its own; `tail` is another after a set
    operation; `hint` stands before it where it is a common table, and `values` are bound to its
    parameters. With `ordered`, the rows come in one order only."""

    items: tuple[str, ...] = ("*",)
    source: str | Query = ""
    alias: str = ""
    joins: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    group: str = ""
    having: tuple[str, ...] = ()
    qualify: str = ""
    order: str = ""
    limit: str = ""
    distinct: bool = False
    distinct_on: str = ""
    windows: str = ""
    hint: str = ""
    values: tuple[object, ...] = ()
    ctes: tuple[tuple[str, Query], ...] = field(default=())
    operation: str = ""
    tail: Query | None = None

    @property
    def ordered(self) -> bool:
        """Whether the rows have an order."""
        return bool(self.order)

    @property
    def text(self) -> str:
        """The statement as SQL."""
        parts = []
        if self.ctes:
            parts.append("WITH " + ", ".join(f"{n} AS {q.hint}({q.text})" for n, q in self.ctes))
        only = f"DISTINCT ON ({self.distinct_on}) " if self.distinct_on else ""
        only = only or "DISTINCT " * self.distinct
        parts.append(f"SELECT {only}{', '.join(self.items)}")
        if self.source:
            parts.append("FROM " + " ".join((self._from(), *self.joins)))
        if self.where:
            parts.append("WHERE " + " AND ".join(f"({w})" for w in self.where))
        if self.group:
            parts.append(f"GROUP BY {self.group}")
        if self.having:
            parts.append("HAVING " + " AND ".join(f"({h})" for h in self.having))
        if self.windows:
            parts.append(f"WINDOW {self.windows}")
        if self.qualify:
            parts.append(f"QUALIFY {self.qualify}")
        if self.tail is not None:
            parts.append(f"{self.operation} {self.tail.text}")
        if self.order:
            parts.append(f"ORDER BY {self.order}")
        if self.limit:
            parts.append(f"LIMIT {self.limit}")
        return " ".join(parts)

    def _from(self) -> str:
        source = f"({self.source.text})" if isinstance(self.source, Query) else self.source
        return f"{source} AS {self.alias}" if self.alias else source

    def smaller(self) -> Iterator[Query]:
        """The same statement with one part less, in many ways."""
        if self.tail is not None:
            yield replace(self, tail=None, operation="")
            yield self.tail
            yield from (replace(self, tail=tail) for tail in self.tail.smaller())
        if isinstance(self.source, Query):
            yield self.source
            yield from (replace(self, source=inner) for inner in self.source.smaller())
        for at, (name, inner) in enumerate(self.ctes):
            rest = self.ctes[:at], self.ctes[at + 1 :]
            yield inner
            yield replace(self, ctes=(*rest[0], *rest[1]))
            yield from (
                replace(self, ctes=(*rest[0], (name, less), *rest[1])) for less in inner.smaller()
            )
        for name in ("items", "joins", "where", "having"):
            parts: tuple[str, ...] = getattr(self, name)
            for at in range(len(parts)):
                less = parts[:at] + parts[at + 1 :]
                if less or name != "items":
                    yield replace(self, **{name: less})
        for name in ("limit", "order", "qualify", "group", "distinct_on", "hint"):
            if getattr(self, name):
                yield replace(self, **{name: ""})
        if self.distinct:
            yield replace(self, distinct=False)


def shrunk(query: Query, fails: Callable[[Query], bool], most: int = 300) -> Query:
    """The smallest statement found that still fails, trying at most so many."""
    left = most
    while True:
        for candidate in query.smaller():
            left -= 1
            if left < 0:
                return query
            if fails(candidate):
                query = candidate
                break
        else:
            return query
