"""Random statements over a user's tables, each with one right answer.

What leaves a choice to the engine is avoided or tied down: windows and limits order by everything,
aggregates that depend on an order have one, and at most one part of a statement may fail.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import pyarrow as pa

from tests.oracle.expressions import KINDS, Expressions, Leaf, leaves, quoted
from tests.oracle.forms import AGGREGATES, FAILING, SETS, WINDOWS
from tests.oracle.parts import Edges, Parts
from tests.oracle.query import Query
from tests.oracle.shapes import SHAPES


@dataclass(frozen=True)
class Random:
    """A statement with the number that it was made from."""

    query: Query
    kind: str


class Generator(Parts):
    """Statements over the tables that a user sees, and now and then over what is hidden."""

    def __init__(
        self,
        seen: Mapping[str, pa.Schema],
        stored: Mapping[str, pa.Schema],
        edges: Edges,
        chance: random.Random,
    ) -> None:
        super().__init__(seen, stored, edges, chance)
        self._forms = (
            ("plain", self._plain, 5),
            ("joined", self._joined, 5),
            ("grouped", self._grouped, 5),
            ("windowed", self._windowed, 4),
            ("set operation", self._combined, 2),
            ("nested", self._nested, 3),
            ("expressions table", self._with_cte, 3),
            ("stars", self._stars, 3),
            ("unnested", self._unnested, 1),
            ("turned", self._turned, 1),
            ("recursive", self._recursive, 1),
            ("failing", self._failing, 4),
            ("hidden", self._hidden, 4),
            *((name, partial(make, self), weight) for name, make, weight in SHAPES),
        )

    def next(self) -> Random:
        """Another statement."""
        self.used = 0
        if not self.seen:
            return Random(self._missing_table(), "hidden")
        weights = [weight for *_, weight in self._forms]
        name, make, _ = self.chance.choices(self._forms, weights)[0]
        return Random(make(), name)

    def _plain(self) -> Query:
        query, make, _ = self.start()
        items = self.items(make)
        if self.maybe(0.2):
            items += (self.scalar(make),)
        query = replace(query, items=items, where=self.where(make), distinct=self.maybe(0.2))
        return self.finished(query)

    def _joined(self) -> Query:
        query, make = self.join_of(self.chance.choice((2, 2, 3)))
        query = replace(query, items=self.items(make), where=self.where(make)[:1])
        if self.maybe(0.3):
            query = replace(query, items=("count(*) AS n", f"max({make.any(1)[0]}) AS m"))
        return self.finished(query)

    def _grouped(self) -> Query:
        if self.maybe(0.4):
            query, make = self.join_of(2)
        else:
            query, make, _ = self.start()
        keys = [make.any(1)[0] for _ in range(self.chance.randint(0, 2))]
        made = [
            self.filled(self.chance.choice(AGGREGATES), make)
            for _ in range(self.chance.randint(1, 3))
        ]
        items = [f"{key} AS k{at}" for at, key in enumerate(keys)]
        items += [f"{text} AS a{at}" for at, text in enumerate(made)]
        names = [f"k{at}" for at in range(len(keys))]
        group = ", ".join(names)
        if names and self.maybe(0.35):
            group = self.chance.choice((f"ROLLUP ({group})", f"CUBE ({group})"))
            group = f"GROUPING SETS (({', '.join(names)}), ())" if self.maybe(0.4) else group
            items.append(f"GROUPING({names[0]}) AS g")
        having = ("count(*) > 1",) if names and self.maybe(0.25) else ()
        where = self.where(make)[:1]
        return self.finished(
            replace(query, items=tuple(items), where=where, group=group, having=having)
        )

    def _windowed(self) -> Query:
        query, make, _ = self.start()
        made = self.filled(self.chance.choice(WINDOWS), make)
        query = replace(query, items=(*self.items(make, 2), f"{made} AS w"))
        query = replace(query, where=self.where(make)[:1])
        if self.maybe(0.4):
            rows = f"row_number() OVER (PARTITION BY {make.any(1)[0]} ORDER BY "
            query = replace(query, qualify=f"{rows}{self.everything(make.scope)}) <= 2")
        return self.finished(query)

    def _combined(self) -> Query:
        kinds = [self.chance.choice(KINDS) for _ in range(self.chance.randint(1, 3))]
        halves = []
        for _ in range(2):
            query, make, _ = self.start()
            items = tuple(f"{make.of(kind, 1)} AS c{at}" for at, kind in enumerate(kinds))
            halves.append(replace(query, items=items, where=self.where(make)[:1]))
        how = self.chance.choice(SETS)
        return self.finished(replace(halves[0], operation=how, tail=halves[1]))

    def _nested(self) -> Query:
        inner, columns = self.derived()
        alias = self.alias()
        make = Expressions(self.chance, [Leaf(f"{alias}.{c.sql}", c.kind) for c in columns])
        query = Query(source=inner, alias=alias)
        if self.maybe(0.5):
            made = self.filled(self.chance.choice(AGGREGATES), make)
            key = self.chance.choice(columns).sql
            return self.finished(
                replace(query, items=(f"{alias}.{key} AS k", f"{made} AS a"), group="k")
            )
        return self.finished(replace(query, items=self.items(make), where=self.where(make)[:1]))

    def _with_cte(self) -> Query:
        inner, columns = self.derived()
        # now and then the name of a table, which it then stands for
        taken = self.pick().split(".")[2]
        # or of what a policy reads
        name = quoted(taken) if self.maybe(0.3) else self.chance.choice(("found", "acl"))
        one, two = self.alias(), self.alias()
        scope = [Leaf(f"{a}.{c.sql}", c.kind) for a in (one, two) for c in columns]
        make = Expressions(self.chance, scope)
        key = self.chance.choice(columns).sql
        query = Query(
            source=name,
            alias=one,
            joins=(f"JOIN {name} AS {two} ON {one}.{key} = {two}.{key}",),
            ctes=((name, inner),),
            items=self.items(make, 3),
        )
        if self.maybe(0.5):
            query = replace(query, joins=(), items=(f"{one}.*",))
        return self.finished(query)

    def _stars(self) -> Query:
        query, make, name = self.start()
        alias, columns = query.alias, [quoted(c) for c in self.seen[name].names]
        one = self.chance.choice(columns)
        item = self.chance.choice(
            (
                "*",
                f"{alias}.*",
                f"* EXCLUDE ({one})" if len(columns) > 1 else "*",
                f"* REPLACE (({one} IS NULL) AS {one})",
                f"* RENAME ({one} AS renamed)",
                "COLUMNS('.*')",
                "COLUMNS('^[a-m]')",
                "COLUMNS(lambda c: c LIKE '%e%')",
                "COLUMNS(* EXCLUDE " + one + ")" if len(columns) > 1 else "*",
                alias,
                f"to_json({alias})::VARCHAR AS j",
                "count(COLUMNS(*))",
                "min(COLUMNS('.*d$'))",
                f"struct_pack(a := {one}, b := 1) AS s",
            )
        )
        where = self.where(make)[:1]
        if self.maybe(0.3):
            other, _, _ = self.start()
            how = self.chance.choice(("NATURAL LEFT JOIN", "NATURAL JOIN"))
            join = f"{how} {other.source} AS {other.alias}"
            return self.finished(
                replace(query, items=("count(*)", "count(COLUMNS(*))"), joins=(join,))
            )
        return self.finished(replace(query, items=(item,), where=where))

    def _unnested(self) -> Query:
        query, make, _ = self.start()
        lists = [leaf.sql for leaf in make.scope if leaf.kind in ("ints", "texts", "list")]
        if not lists:
            return self._plain()
        one = self.chance.choice(lists)
        if self.maybe(0.5):
            return self.finished(
                replace(query, items=(f"unnest({one}) AS u", f"{make.any()[0]} AS c"))
            )
        join = f", unnest({one}) AS un(v)"
        return replace(query, joins=(join,), items=("un.v", f"{make.any()[0]} AS c"))

    def _turned(self) -> Query:
        query, _, name = self.start()
        texts = [c for c in self.seen[name].names if self.seen[name].field(c).type == pa.string()]
        numbers = [
            c for c in self.seen[name].names if pa.types.is_integer(self.seen[name].field(c).type)
        ]
        if not texts or not numbers:
            return self._plain()
        text, number = quoted(self.chance.choice(texts)), quoted(self.chance.choice(numbers))
        table = f"(SELECT {text}, {number} FROM {query.source})"
        turned = f"(PIVOT {table} ON {text} IN ('eu', 'us', 'open') USING sum({number}) AS s)"
        if self.maybe(0.5):
            plain = f"(SELECT {text} AS a, reverse({text}) AS b, {number} FROM {query.source})"
            turned = f"(UNPIVOT {plain} ON a, b INTO NAME n VALUE v)"
        return Query(source=turned, alias="p")

    def _recursive(self) -> Query:
        _, make, name = self.start()
        leaf = make.column("int")
        if leaf is None:
            return self._plain()
        column = leaf.split(".", 1)[1]
        table = self.table(name)
        steps = (
            f"(WITH RECURSIVE r AS (SELECT {column} AS v, 0 AS depth FROM {table} "
            f"WHERE {column} < 9 UNION ALL SELECT r.v + o.{column}, depth + 1 "
            f"FROM r JOIN {table} AS o ON o.{column} = r.v + 1 WHERE depth < 2) SELECT * FROM r)"
        )
        return Query(items=("v", "depth", "count(*) AS n"), source=steps, alias="s", group="ALL")

    def _failing(self) -> Query:
        """At most one expression that fails on some values; it is worked out for every row."""
        query, make, name = self.start()
        ints, texts = make.column("int"), make.column("text")
        second = make.column("int")
        form = self.chance.choice(FAILING)
        if ("{int" in form and ints is None) or ("{text}" in form and texts is None):
            return self._plain()
        made = form.replace("{text}", texts or "").replace("{int2}", second or "")
        made = made.replace("{int}", ints or "").replace("{table}", self.table(name))
        if self.maybe(0.3):
            return replace(query, items=("count(*) AS n",), where=(f"({made}) IS NOT NULL",))
        if self.maybe(0.3):
            return replace(query, items=(f"max({made}) AS m", "count(*) AS n"))
        items = (f"{made} AS risky", f"{make.any(1)[0]} AS c")
        return replace(query, items=items)

    def _hidden(self) -> Query:
        """Names a column or a table that the user does not see, or that is not there at all."""
        query, make, name = self.start()
        if self.maybe(0.3):
            return self._missing_table()
        hidden = self._not_seen(name)
        column = self.chance.choice(hidden) if hidden and self.maybe(0.8) else "qzxy"
        one = make.any(1)[0]
        reference = self.chance.choice((column, f"{query.alias}.{column}"))
        return self.chance.choice(
            (
                replace(query, items=(reference,)),
                replace(query, items=(f"{one} AS c",), where=(f"{reference} IS NULL",)),
                replace(query, items=(f"{one} AS c",), order=reference),
                replace(query, items=(f"count({reference}) AS n",)),
                replace(query, items=("count(*) AS n",), group=reference),
                replace(query, items=(f"* EXCLUDE ({column})",)),
                replace(query, items=(f"rank() OVER (ORDER BY {reference}) AS r",)),
                replace(query, items=(f"{one} AS c",), qualify=f"count({reference}) OVER () > 0"),
                replace(query, items=(f"(SELECT max({reference})) AS m",)),
                replace(
                    query,
                    items=("count(*)",),
                    joins=(f"JOIN {query.source} AS u USING ({column})",),
                ),
            )
        )

    def _not_seen(self, name: str) -> list[str]:
        """The columns of a table, and the fields in them, that the user does not see."""
        stored, seen = (
            {leaf.sql.split(".", 1)[1] for leaf in leaves("t", tables[name])}
            for tables in (self.stored, self.seen)
        )
        return sorted(stored - seen)

    def _missing_table(self) -> Query:
        hidden = sorted(set(self.stored) - set(self.seen))
        names = [*hidden, "lake.shop.qzxy", "lake.qzxy.orders", "qzxy.shop.orders"]
        name = self.chance.choice(names)
        table = ".".join(quoted(part) for part in name.split("."))
        if not self.seen or self.maybe(0.5):
            return Query(source=table, alias="h")
        query, make, _ = self.start()
        condition = f"EXISTS (SELECT 1 FROM {table})"
        return replace(query, items=(f"{make.any(1)[0]} AS c",), where=(condition,))
