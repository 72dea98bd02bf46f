"""The parts that random statements are put together from: tables, conditions, joins, orders."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow as pa

from tests.oracle.expressions import KINDS, Expressions, Leaf, leaves, quoted
from tests.oracle.forms import CONDITIONS, JOINS, ORDERED_KINDS
from tests.oracle.query import Query

# Stored values as SQL, hidden ones too, by table and column.
Edges = Mapping[str, Mapping[str, Sequence[str]]]


class Parts:
    """Parts of statements over the tables that a user sees; every choice is of the randomness."""

    def __init__(
        self,
        seen: Mapping[str, pa.Schema],
        stored: Mapping[str, pa.Schema],
        edges: Edges,
        chance: random.Random,
    ) -> None:
        self.seen = seen
        self.stored = stored
        self.edges = edges
        self.chance = chance
        self.used = 0

    def alias(self) -> str:
        """A new alias."""
        self.used += 1
        return f"t{self.used}"

    def pick(self) -> str:
        """A table that the user sees."""
        names = sorted(self.seen)
        # the tables that most policies are about come more often
        weights = [1 if ".market." in name or name.endswith("empty") else 4 for name in names]
        return self.chance.choices(names, weights)[0]

    def maybe(self, share: float) -> bool:
        """True in a share of cases."""
        return self.chance.random() < share

    def table(self, name: str) -> str:
        """A table's name as a statement may say it."""
        catalog, schema, table = (quoted(part) for part in name.split("."))
        if (catalog, schema) == ("lake", "shop") and self.maybe(0.5):
            return table
        if catalog == "lake" and self.maybe(0.3):
            return f"{schema}.{table}"
        full = f"{catalog}.{schema}.{table}"
        return full.upper() if self.maybe(0.1) and full.isascii() and '"' not in full else full

    def over(self, alias: str, name: str) -> Expressions:
        """Expressions over a table."""
        return Expressions(self.chance, leaves(alias, self.seen[name]))

    def start(self) -> tuple[Query, Expressions, str]:
        """A table, its expressions, and its name."""
        name, alias = self.pick(), self.alias()
        return Query(source=self.table(name), alias=alias), self.over(alias, name), name

    def items(self, make: Expressions, most: int = 4) -> tuple[str, ...]:
        """What to select."""
        count = self.chance.randint(1, most)
        return tuple(f"{make.any()[0]} AS c{at}" for at in range(count))

    def where(self, make: Expressions) -> tuple[str, ...]:
        """Conditions, or none."""
        found = [make.of("bool") for _ in range(self.chance.choice((0, 0, 1, 1, 2)))]
        if self.maybe(0.2):
            found.append(self.subquery(make))
        return tuple(found)

    def subquery(self, outer: Expressions) -> str:
        """A condition with a subquery, correlated or not."""
        inner, make, _ = self.start()
        kind = self.chance.choice([k for k in KINDS if make.column(k) and outer.column(k)] or [""])
        if not kind:
            return f"EXISTS (SELECT 1 FROM {inner.source} AS {inner.alias})"
        ours, theirs = outer.column(kind), make.column(kind)
        form = self.chance.choice(CONDITIONS)
        table = f"{inner.source} AS {inner.alias}"
        parts = {"{o}": ours, "{i}": theirs, "{t}": table, "{w}": make.of("bool", 1)}
        for mark, text in parts.items():
            form = form.replace(mark, text or "")
        return form

    def finished(self, query: Query) -> Query:
        """With an order over everything, and a limit, now and then."""
        if query.order or not self.maybe(0.35):
            return query
        limit = ""
        if self.maybe(0.7):
            limit = str(self.chance.randrange(12))
            limit += f" OFFSET {self.chance.randrange(5)}" if self.maybe(0.3) else ""
        return replace(query, order=self.chance.choice(("ALL", "ALL DESC NULLS LAST")), limit=limit)

    def everything(self, scope: Sequence[Leaf]) -> str:
        """All that can be ordered by."""
        found = [leaf.sql for leaf in scope if leaf.kind in ORDERED_KINDS]
        return ", ".join(found) or "1"

    def filled(self, form: str, make: Expressions) -> str:
        """A piece with expressions in its places."""
        whole = self.everything(make.scope)
        while "{any}" in form:
            form = form.replace("{any}", make.any(1)[0], 1)
        form = form.replace("{any2}", make.any(1)[0]).replace("{all}", whole)
        for kind in KINDS:
            mark = "{" + kind + "}"
            text = make.of(kind, 1)
            if mark in form and "{same}" in form:
                form = form.replace("{same}", text).replace(mark, text)
            while mark in form:
                form = form.replace(mark, make.of(kind, 1), 1)
        return form

    def join_of(self, count: int) -> tuple[Query, Expressions]:
        """Some tables, joined in some ways."""
        query, make, _ = self.start()
        joins: list[str] = []
        for _ in range(count - 1):
            inner, other, _ = self.start()
            kinds = [k for k in ("int", "text", "date") if make.column(k) and other.column(k)]
            kind = self.chance.choice(kinds or ["int"])
            condition = f"{make.of(kind, 0)} = {other.of(kind, 0)}"
            if self.maybe(0.25):
                condition += f" AND {Expressions(self.chance, make.scope + other.scope).of('bool')}"
            how = self.chance.choice(JOINS)
            source = f"{inner.source} AS {inner.alias}"
            if how == "LATERAL":
                small = f"SELECT * FROM {source} WHERE {condition} ORDER BY ALL LIMIT 3"
                source, condition = f"LATERAL ({small}) AS {inner.alias}", "true"
                how = "LEFT JOIN"
            if how == "CROSS JOIN":
                small = f"SELECT * FROM {source} ORDER BY ALL LIMIT 3"
                joins.append(f"CROSS JOIN ({small}) AS {inner.alias}")
            else:
                joins.append(f"{how} {source} ON {condition}")
            if how not in ("SEMI JOIN", "ANTI JOIN"):
                make = Expressions(self.chance, make.scope + other.scope)
        return replace(query, joins=tuple(joins)), make

    def derived(self) -> tuple[Query, list[Leaf]]:
        """A query to select from, with its columns."""
        query, make = self.join_of(2) if self.maybe(0.3) else self.start()[:2]
        found = [make.any() for _ in range(self.chance.randint(2, 4))]
        items = tuple(f"{text} AS c{at}" for at, (text, _) in enumerate(found))
        query = self.finished(replace(query, items=items, where=self.where(make)[:1]))
        return query, [Leaf(f"c{at}", kind) for at, (_, kind) in enumerate(found)]

    def scalar(self, outer: Expressions) -> str:
        """A scalar subquery, correlated where it can be."""
        inner, make, _ = self.start()
        kind = self.chance.choice([k for k in KINDS if make.column(k) and outer.column(k)] or [""])
        same = f" WHERE {make.column(kind)} = {outer.column(kind)}" if kind else ""
        what = self.chance.choice(("count(*)", f"max({make.any(1)[0]})", f"min({make.any(1)[0]})"))
        return f"(SELECT {what} FROM {inner.source} AS {inner.alias}{same}) AS found"
