"""Random statements over a user's tables, each with one right answer.

What leaves a choice to the engine is avoided or tied down: windows and limits order by everything,
aggregates that depend on an order have one, and at most one part of a statement may fail.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from tests.oracle.expressions import KINDS, Expressions, Leaf, leaves, quoted
from tests.oracle.forms import AGGREGATES, FAILING, JOINS, ORDERED_KINDS, SETS, WINDOWS
from tests.oracle.query import Query


@dataclass(frozen=True)
class Random:
    """A statement with the number that it was made from."""

    query: Query
    kind: str


class Generator:
    """Statements over the tables that a user sees, and now and then over what is hidden."""

    def __init__(
        self,
        seen: Mapping[str, pa.Schema],
        stored: Mapping[str, pa.Schema],
        chance: random.Random,
    ) -> None:
        self._seen = seen
        self._stored = stored
        self._chance = chance
        self._used = 0
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
        )

    def next(self) -> Random:
        """Another statement."""
        self._used = 0
        if not self._seen:
            return Random(self._missing_table(), "hidden")
        weights = [weight for *_, weight in self._forms]
        name, make, _ = self._chance.choices(self._forms, weights)[0]
        return Random(make(), name)

    # --- parts -----------------------------------------------------------------------------------

    def _alias(self) -> str:
        self._used += 1
        return f"t{self._used}"

    def _pick(self) -> str:
        names = sorted(self._seen)
        # the tables that most policies are about come more often
        weights = [1 if ".market." in name or name.endswith("empty") else 4 for name in names]
        return self._chance.choices(names, weights)[0]

    def _maybe(self, share: float) -> bool:
        return self._chance.random() < share

    def _table(self, name: str) -> str:
        """A table's name as a statement may say it."""
        catalog, schema, table = (quoted(part) for part in name.split("."))
        if (catalog, schema) == ("lake", "shop") and self._maybe(0.5):
            return table
        if catalog == "lake" and self._maybe(0.3):
            return f"{schema}.{table}"
        full = f"{catalog}.{schema}.{table}"
        return full.upper() if self._maybe(0.1) and full.isascii() and '"' not in full else full

    def _over(self, alias: str, name: str) -> Expressions:
        return Expressions(self._chance, leaves(alias, self._seen[name]))

    def _from(self) -> tuple[Query, Expressions, str]:
        """A table, its expressions, and its name."""
        name, alias = self._pick(), self._alias()
        return Query(source=self._table(name), alias=alias), self._over(alias, name), name

    def _items(self, make: Expressions, most: int = 4) -> tuple[str, ...]:
        count = self._chance.randint(1, most)
        return tuple(f"{make.any()[0]} AS c{at}" for at in range(count))

    def _where(self, make: Expressions) -> tuple[str, ...]:
        found = [make.of("bool") for _ in range(self._chance.choice((0, 0, 1, 1, 2)))]
        if self._maybe(0.2):
            found.append(self._subquery(make))
        return tuple(found)

    def _subquery(self, outer: Expressions) -> str:
        """A condition with a subquery, correlated or not."""
        inner, make, _ = self._from()
        kind = self._chance.choice([k for k in KINDS if make.column(k) and outer.column(k)] or [""])
        if not kind:
            return f"EXISTS (SELECT 1 FROM {inner.source} AS {inner.alias})"
        ours, theirs = outer.column(kind), make.column(kind)
        form = self._chance.choice(
            (
                "{o} IN (SELECT {i} FROM {t} WHERE {w})",
                "{o} NOT IN (SELECT {i} FROM {t} WHERE {i} IS NOT NULL AND {w})",
                "EXISTS (SELECT 1 FROM {t} WHERE {i} = {o} AND {w})",
                "NOT EXISTS (FROM {t} WHERE {i} = {o} AND {w})",
                "{o} > (SELECT min({i}) FROM {t} WHERE {w})",
                "{o} >= (SELECT max({i}) FROM {t} WHERE {i} <= {o})",
                "{o} < ANY (SELECT {i} FROM {t} WHERE {w})",
                "(SELECT count(*) FROM {t} WHERE {i} = {o}) > 1",
            )
        )
        table = f"{inner.source} AS {inner.alias}"
        parts = {"{o}": ours, "{i}": theirs, "{t}": table, "{w}": make.of("bool", 1)}
        for mark, text in parts.items():
            form = form.replace(mark, text or "")
        return form

    def _finished(self, query: Query) -> Query:
        """With an order over everything, and a limit, now and then."""
        if query.order or not self._maybe(0.35):
            return query
        limit = ""
        if self._maybe(0.7):
            limit = str(self._chance.randrange(12))
            limit += f" OFFSET {self._chance.randrange(5)}" if self._maybe(0.3) else ""
        return replace(
            query, order=self._chance.choice(("ALL", "ALL DESC NULLS LAST")), limit=limit
        )

    def _everything(self, scope: Sequence[Leaf]) -> str:
        found = [leaf.sql for leaf in scope if leaf.kind in ORDERED_KINDS]
        return ", ".join(found) or "1"

    def _filled(self, form: str, make: Expressions) -> str:
        whole = self._everything(make.scope)
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

    # --- kinds of statements ---------------------------------------------------------------------

    def _plain(self) -> Query:
        query, make, _ = self._from()
        items = self._items(make)
        if self._maybe(0.2):
            items += (self._scalar(make),)
        query = replace(query, items=items, where=self._where(make), distinct=self._maybe(0.2))
        return self._finished(query)

    def _scalar(self, outer: Expressions) -> str:
        inner, make, _ = self._from()
        kind = self._chance.choice([k for k in KINDS if make.column(k) and outer.column(k)] or [""])
        same = f" WHERE {make.column(kind)} = {outer.column(kind)}" if kind else ""
        what = self._chance.choice(("count(*)", f"max({make.any(1)[0]})", f"min({make.any(1)[0]})"))
        return f"(SELECT {what} FROM {inner.source} AS {inner.alias}{same}) AS found"

    def _joined(self) -> Query:
        query, make = self._join_of(self._chance.choice((2, 2, 3)))
        query = replace(query, items=self._items(make), where=self._where(make)[:1])
        if self._maybe(0.3):
            query = replace(query, items=("count(*) AS n", f"max({make.any(1)[0]}) AS m"))
        return self._finished(query)

    def _join_of(self, count: int) -> tuple[Query, Expressions]:
        query, make, _ = self._from()
        joins: list[str] = []
        for _ in range(count - 1):
            inner, other, _ = self._from()
            kinds = [k for k in ("int", "text", "date") if make.column(k) and other.column(k)]
            kind = self._chance.choice(kinds or ["int"])
            condition = f"{make.of(kind, 0)} = {other.of(kind, 0)}"
            if self._maybe(0.25):
                condition += (
                    f" AND {Expressions(self._chance, make.scope + other.scope).of('bool')}"
                )
            how = self._chance.choice(JOINS)
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
                make = Expressions(self._chance, make.scope + other.scope)
        return replace(query, joins=tuple(joins)), make

    def _grouped(self) -> Query:
        if self._maybe(0.4):
            query, make = self._join_of(2)
        else:
            query, make, _ = self._from()
        keys = [make.any(1)[0] for _ in range(self._chance.randint(0, 2))]
        made = [
            self._filled(self._chance.choice(AGGREGATES), make)
            for _ in range(self._chance.randint(1, 3))
        ]
        items = [f"{key} AS k{at}" for at, key in enumerate(keys)]
        items += [f"{text} AS a{at}" for at, text in enumerate(made)]
        names = [f"k{at}" for at in range(len(keys))]
        group = ", ".join(names)
        if names and self._maybe(0.35):
            group = self._chance.choice((f"ROLLUP ({group})", f"CUBE ({group})"))
            group = f"GROUPING SETS (({', '.join(names)}), ())" if self._maybe(0.4) else group
            items.append(f"GROUPING({names[0]}) AS g")
        having = ("count(*) > 1",) if names and self._maybe(0.25) else ()
        where = self._where(make)[:1]
        return self._finished(
            replace(query, items=tuple(items), where=where, group=group, having=having)
        )

    def _windowed(self) -> Query:
        query, make, _ = self._from()
        made = self._filled(self._chance.choice(WINDOWS), make)
        query = replace(query, items=(*self._items(make, 2), f"{made} AS w"))
        query = replace(query, where=self._where(make)[:1])
        if self._maybe(0.4):
            rows = f"row_number() OVER (PARTITION BY {make.any(1)[0]} ORDER BY "
            query = replace(query, qualify=f"{rows}{self._everything(make.scope)}) <= 2")
        return self._finished(query)

    def _combined(self) -> Query:
        kinds = [self._chance.choice(KINDS) for _ in range(self._chance.randint(1, 3))]
        halves = []
        for _ in range(2):
            query, make, _ = self._from()
            items = tuple(f"{make.of(kind, 1)} AS c{at}" for at, kind in enumerate(kinds))
            halves.append(replace(query, items=items, where=self._where(make)[:1]))
        how = self._chance.choice(SETS)
        return self._finished(replace(halves[0], operation=how, tail=halves[1]))

    def _derived(self) -> tuple[Query, list[Leaf]]:
        """A query to select from, with its columns."""
        query, make = self._join_of(2) if self._maybe(0.3) else self._from()[:2]
        found = [make.any() for _ in range(self._chance.randint(2, 4))]
        items = tuple(f"{text} AS c{at}" for at, (text, _) in enumerate(found))
        query = self._finished(replace(query, items=items, where=self._where(make)[:1]))
        return query, [Leaf(f"c{at}", kind) for at, (_, kind) in enumerate(found)]

    def _nested(self) -> Query:
        inner, columns = self._derived()
        alias = self._alias()
        make = Expressions(self._chance, [Leaf(f"{alias}.{c.sql}", c.kind) for c in columns])
        query = Query(source=inner, alias=alias)
        if self._maybe(0.5):
            made = self._filled(self._chance.choice(AGGREGATES), make)
            key = self._chance.choice(columns).sql
            return self._finished(
                replace(query, items=(f"{alias}.{key} AS k", f"{made} AS a"), group="k")
            )
        return self._finished(replace(query, items=self._items(make), where=self._where(make)[:1]))

    def _with_cte(self) -> Query:
        inner, columns = self._derived()
        # now and then the name of a table, which it then stands for
        taken = self._pick().split(".")[2]
        # or of what a policy reads
        name = quoted(taken) if self._maybe(0.3) else self._chance.choice(("found", "acl"))
        one, two = self._alias(), self._alias()
        scope = [Leaf(f"{a}.{c.sql}", c.kind) for a in (one, two) for c in columns]
        make = Expressions(self._chance, scope)
        key = self._chance.choice(columns).sql
        query = Query(
            source=name,
            alias=one,
            joins=(f"JOIN {name} AS {two} ON {one}.{key} = {two}.{key}",),
            ctes=((name, inner),),
            items=self._items(make, 3),
        )
        if self._maybe(0.5):
            query = replace(query, joins=(), items=(f"{one}.*",))
        return self._finished(query)

    def _stars(self) -> Query:
        query, make, name = self._from()
        alias, columns = query.alias, [quoted(c) for c in self._seen[name].names]
        one = self._chance.choice(columns)
        item = self._chance.choice(
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
        where = self._where(make)[:1]
        if self._maybe(0.3):
            other, _, _ = self._from()
            how = self._chance.choice(("NATURAL LEFT JOIN", "NATURAL JOIN"))
            join = f"{how} {other.source} AS {other.alias}"
            return self._finished(
                replace(query, items=("count(*)", "count(COLUMNS(*))"), joins=(join,))
            )
        return self._finished(replace(query, items=(item,), where=where))

    def _unnested(self) -> Query:
        query, make, _ = self._from()
        lists = [leaf.sql for leaf in make.scope if leaf.kind in ("ints", "texts", "list")]
        if not lists:
            return self._plain()
        one = self._chance.choice(lists)
        if self._maybe(0.5):
            return self._finished(
                replace(query, items=(f"unnest({one}) AS u", f"{make.any()[0]} AS c"))
            )
        join = f", unnest({one}) AS un(v)"
        return replace(query, joins=(join,), items=("un.v", f"{make.any()[0]} AS c"))

    def _turned(self) -> Query:
        query, _, name = self._from()
        texts = [c for c in self._seen[name].names if self._seen[name].field(c).type == pa.string()]
        numbers = [
            c for c in self._seen[name].names if pa.types.is_integer(self._seen[name].field(c).type)
        ]
        if not texts or not numbers:
            return self._plain()
        text, number = quoted(self._chance.choice(texts)), quoted(self._chance.choice(numbers))
        table = f"(SELECT {text}, {number} FROM {query.source})"
        turned = f"(PIVOT {table} ON {text} IN ('eu', 'us', 'open') USING sum({number}) AS s)"
        if self._maybe(0.5):
            plain = f"(SELECT {text} AS a, reverse({text}) AS b, {number} FROM {query.source})"
            turned = f"(UNPIVOT {plain} ON a, b INTO NAME n VALUE v)"
        return Query(source=turned, alias="p")

    def _recursive(self) -> Query:
        _, make, name = self._from()
        leaf = make.column("int")
        if leaf is None:
            return self._plain()
        column = leaf.split(".", 1)[1]
        table = self._table(name)
        steps = (
            f"(WITH RECURSIVE r AS (SELECT {column} AS v, 0 AS depth FROM {table} "
            f"WHERE {column} < 9 UNION ALL SELECT r.v + o.{column}, depth + 1 "
            f"FROM r JOIN {table} AS o ON o.{column} = r.v + 1 WHERE depth < 2) SELECT * FROM r)"
        )
        return Query(items=("v", "depth", "count(*) AS n"), source=steps, alias="s", group="ALL")

    def _failing(self) -> Query:
        """At most one expression that fails on some values; it is worked out for every row."""
        query, make, name = self._from()
        ints, texts = make.column("int"), make.column("text")
        second = make.column("int")
        form = self._chance.choice(FAILING)
        if ("{int" in form and ints is None) or ("{text}" in form and texts is None):
            return self._plain()
        made = form.replace("{text}", texts or "").replace("{int2}", second or "")
        made = made.replace("{int}", ints or "").replace("{table}", self._table(name))
        if self._maybe(0.3):
            return replace(query, items=("count(*) AS n",), where=(f"({made}) IS NOT NULL",))
        if self._maybe(0.3):
            return replace(query, items=(f"max({made}) AS m", "count(*) AS n"))
        items = (f"{made} AS risky", f"{make.any(1)[0]} AS c")
        return replace(query, items=items)

    def _hidden(self) -> Query:
        """Names a column or a table that the user does not see, or that is not there at all."""
        query, make, name = self._from()
        if self._maybe(0.3):
            return self._missing_table()
        hidden = self._not_seen(name)
        column = self._chance.choice(hidden) if hidden and self._maybe(0.8) else "qzxy"
        one = make.any(1)[0]
        reference = self._chance.choice((column, f"{query.alias}.{column}"))
        return self._chance.choice(
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
            for tables in (self._stored, self._seen)
        )
        return sorted(stored - seen)

    def _missing_table(self) -> Query:
        hidden = sorted(set(self._stored) - set(self._seen))
        names = [*hidden, "lake.shop.qzxy", "lake.qzxy.orders", "qzxy.shop.orders"]
        name = self._chance.choice(names)
        table = ".".join(quoted(part) for part in name.split("."))
        if not self._seen or self._maybe(0.5):
            return Query(source=table, alias="h")
        query, make, _ = self._from()
        condition = f"EXISTS (SELECT 1 FROM {table})"
        return replace(query, items=(f"{make.any(1)[0]} AS c",), where=(condition,))
