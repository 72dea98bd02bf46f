"""Statements of more unusual shapes: joins, groups, windows and subqueries beyond the plain ones.

Each shape takes the parts of a user's tables and gives a statement with one right answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.oracle.edges import at_edges, bound
from tests.oracle.expressions import KINDS, Expressions, leaves, quoted
from tests.oracle.forms import AGGREGATES, SETS
from tests.oracle.parts import Parts
from tests.oracle.query import Query

_JOINED = ("int", "text", "date")


def _using(p: Parts) -> Query:
    """Two tables that share columns, some of which they are joined by."""
    one, make, name = p.start()
    others = [n for n in sorted(p.seen) if _shared(p, name, n)]
    other = p.chance.choice(others or [name])
    columns = p.chance.sample(_shared(p, name, other), 1)
    alias = p.alias()
    how = p.chance.choice(("JOIN", "LEFT JOIN", "FULL JOIN", "SEMI JOIN", "ANTI JOIN"))
    join = f"{how} {p.table(other)} AS {alias} USING ({', '.join(map(quoted, columns))})"
    if how not in ("SEMI JOIN", "ANTI JOIN"):
        make = Expressions(p.chance, make.scope + leaves(alias, p.seen[other]))
    shared = quoted(columns[0])
    items = p.chance.choice(
        ((shared, "count(*) AS n"), (shared, *p.items(make, 2)), (f"max({shared}) AS m",))
    )
    group = "ALL" if "count(*) AS n" in items else ""
    return p.finished(replace(one, items=items, joins=(join,), group=group))


def _shared(p: Parts, one: str, other: str) -> list[str]:
    """The simple columns that two tables have under one name."""
    simple = {
        (leaf.sql, leaf.kind) for leaf in leaves("t", p.seen[one]) if leaf.sql.count(".") == 1
    }
    both = simple & {(leaf.sql, leaf.kind) for leaf in leaves("t", p.seen[other])}
    names = {quoted(name): name for name in p.seen[one].names}
    return sorted(
        names[sql.split(".", 1)[1]]
        for sql, kind in both
        if kind in KINDS and sql.split(".", 1)[1] in names
    )


def _with_itself(p: Parts) -> Query:
    """A table joined with itself, each pair once."""
    one, make, name = p.start()
    alias = p.alias()
    other = Expressions(p.chance, leaves(alias, p.seen[name]))
    kind = p.chance.choice([k for k in _JOINED if make.column(k)] or ["int"])
    column = make.column(kind) or "1"
    condition = f"{column} = {column.replace(one.alias, alias, 1)} AND {make.of('bool', 1)}"
    both = Expressions(p.chance, make.scope + other.scope)
    join = f"{p.chance.choice(('JOIN', 'LEFT JOIN'))} {p.table(name)} AS {alias} ON {condition}"
    made = p.filled(p.chance.choice(AGGREGATES), make)
    items = p.chance.choice((("count(*) AS n", f"{made} AS a"), p.items(both, 2)))
    return p.finished(replace(one, items=items, joins=(join,), where=p.where(both)[:1]))


def _many(p: Parts) -> Query:
    """Four tables or five, with commas or joins, chained by equal columns."""
    first, make, _ = p.start()
    joins: list[str] = []
    where: list[str] = []
    commas = p.maybe(0.6)
    for _ in range(p.chance.choice((3, 3, 4))):
        inner, other, _ = p.start()
        kind = p.chance.choice([k for k in _JOINED if make.column(k) and other.column(k)] or [""])
        equal = f"{make.column(kind)} = {other.column(kind)}" if kind else "1 = 0"
        source = f"{inner.source} AS {inner.alias}"
        if joins:  # few enough rows to be multiplied
            source = f"(SELECT * FROM {inner.source} ORDER BY ALL LIMIT 9) AS {inner.alias}"
        joins.append(f", {source}" if commas else f"JOIN {source} ON {equal}")
        where += [equal] if commas else []
        make = Expressions(p.chance, make.scope + other.scope)
    where += [make.of("bool")] if p.maybe(0.7) else []
    items = ("count(*) AS n", f"max({make.any(1)[0]}) AS m", f"min({make.any(1)[0]}) AS s")
    return replace(first, items=items, joins=tuple(joins), where=tuple(where))


def _nearest(p: Parts) -> Query:
    """The latest of another table; its rows are grouped, so that one is the latest."""
    query, make, _ = p.start()
    inner, other, _ = p.start()
    kinds = ("int", "date", "moment", "instant", "money")
    kind = p.chance.choice([k for k in kinds if make.column(k) and other.column(k)] or [""])
    if not kind:
        return _positional(p)
    single = f"(SELECT {other.column(kind)} AS v, count(*) AS n FROM {inner.source} AS"
    single += f" {inner.alias} GROUP BY ALL) AS g"
    how, sign = p.chance.choice(("", "LEFT ")), p.chance.choice((">=", ">", "<=", "<"))
    join = f"ASOF {how}JOIN {single} ON {make.column(kind)} {sign} g.v"
    return p.finished(replace(query, items=(*p.items(make, 2), "g.v", "g.n"), joins=(join,)))


def _positional(p: Parts) -> Query:
    """Two ordered lists beside each other."""
    halves = []
    for alias in ("one", "two"):
        query, make, _ = p.start()
        items = (f"{make.any(1)[0]} AS {alias}_a", f"{make.any(1)[0]} AS {alias}_b")
        halves.append(replace(query, items=items, distinct=True, order="ALL", limit="20"))
    join = f"POSITIONAL JOIN ({halves[1].text}) AS two"
    return Query(source=halves[0], alias="one", joins=(join,))


def _grouped_otherwise(p: Parts) -> Query:
    """Groups by everything, by several sets at once, or kept by a subquery."""
    query, make, _ = p.start()
    keys = [make.any(1)[0] for _ in range(3)]
    made = p.filled(p.chance.choice(AGGREGATES), make)
    items = (*(f"{key} AS k{at}" for at, key in enumerate(keys)), f"{made} AS a")
    group = p.chance.choice(
        (
            *("ALL", "ALL", "k0, ROLLUP (k1, k2)", "CUBE (k0, k1), k2"),
            "GROUPING SETS ((k0, k1), (k2), ()), ROLLUP (k1)",
            "GROUPING SETS (ROLLUP (k0, k1), CUBE (k2))",
            "k0, GROUPING SETS ((k1), (k2), (k1, k2))",
        )
    )
    if group != "ALL" and not group.startswith("GROUPING"):
        items += ("GROUPING_ID(k0, k1) AS g",)
    having: tuple[str, ...] = ()
    if p.maybe(0.5):
        inner, other, _ = p.start()
        of = f"FROM {inner.source} AS {inner.alias} WHERE {other.of('bool', 1)}"
        having = (f"count(*) <= (SELECT count(*) {of})",)
        kind = p.chance.choice([k for k in KINDS if make.column(k) and other.column(k)] or [""])
        if kind and p.maybe(0.5):
            low = f"min({make.column(kind)})"
            having = (f"{low} IN (SELECT {other.column(kind)} {of}) OR {low} IS NULL",)
    return p.finished(
        replace(query, items=items, group=group, having=having, where=p.where(make)[:1])
    )


def _windows(p: Parts) -> Query:
    """Named windows, and windows over groups."""
    query, make, _ = p.start()
    if p.maybe(0.4):
        key, made = make.any(1)[0], p.filled(p.chance.choice(AGGREGATES), make)
        items = (
            f"{key} AS k",
            f"{made} AS a",
            "sum(count(*)) OVER (ORDER BY k NULLS FIRST) AS s",
            "rank() OVER (ORDER BY count(*) DESC) AS r",
        )
        return p.finished(replace(query, items=items, group="k"))
    whole, part = p.everything(make.scope), make.any(1)[0]
    frame = p.chance.choice(("", "", " ROWS 2 PRECEDING", " GROUPS 1 PRECEDING EXCLUDE TIES"))
    windows = f"w AS (PARTITION BY {part} ORDER BY {whole}{frame}), v AS (ORDER BY {whole})"
    items = (
        *p.items(make, 2),
        f"max({make.any(1)[0]}) OVER w AS x",
        f"nth_value({make.of('int', 1)}, 2) OVER v AS y",
        f"count(*) FILTER (WHERE {make.of('bool', 1)}) OVER w AS z",
    )
    query = replace(query, items=items, windows=windows, where=p.where(make)[:1])
    return replace(query, qualify="row_number() OVER v < 9") if p.maybe(0.3) else p.finished(query)


def _halves(p: Parts, kinds: Sequence[str], count: int) -> list[str]:
    made = []
    for _ in range(count):
        query, make, _ = p.start()
        items = tuple(f"{make.of(kind, 1)} AS c{at}" for at, kind in enumerate(kinds))
        made.append(replace(query, items=items, where=p.where(make)[:1]).text)
    return made


def _sets(p: Parts) -> Query:
    """Set operations within each other, at the top, as a table or in a condition."""
    kinds = [p.chance.choice(KINDS) for _ in range(p.chance.randint(1, 2))]
    one, two, three, *rest = _halves(p, kinds, p.chance.choice((3, 4)))
    ways = [each for each in SETS if "BY NAME" not in each]
    first, second, third = (p.chance.choice(ways) for _ in range(3))
    whole = p.chance.choice(
        (f"({one} {first} {two}) {second} {three}", f"({one}) {first} ({two} {second} {three})")
    )
    whole = f"({whole}) {third} {rest[0]}" if rest else whole
    if p.maybe(0.3):
        query, make, _ = p.start()
        value = f"({', '.join(make.of(kind, 1) for kind in kinds)})"
        condition = f"{value} IN ({whole})"
        return p.finished(replace(query, items=p.items(make, 2), where=(condition,)))
    if p.maybe(0.4):
        body = Query(items=("*",), source=f"({whole})", alias="s")
        return p.finished(
            Query(items=("count(*) AS n", "min(c0) AS m"), source="found", ctes=(("found", body),))
        )
    return p.finished(Query(source=f"({whole})", alias="s"))


def _deep(p: Parts) -> Query:
    """Subqueries within subqueries that look two levels out, and in unusual places."""
    query, make, _ = p.start()
    inner, middle, _ = p.start()
    last, low, _ = p.start()
    kinds = [k for k in KINDS if make.column(k) and middle.column(k) and low.column(k)]
    if not kinds:
        return _windows(p)
    kind = p.chance.choice(kinds)
    outer, mid, deep = make.column(kind), middle.column(kind), low.column(kind)
    m, d = f"{inner.source} AS {inner.alias}", f"{last.source} AS {last.alias}"
    within = f"EXISTS (FROM {d} WHERE {deep} = {mid} AND {deep} = {outer})"
    form = p.chance.randrange(5)
    if form == 0:
        return p.finished(
            replace(query, items=p.items(make, 2), where=(f"EXISTS (FROM {m} WHERE {within})",))
        )
    if form == 1:
        count = f"(SELECT count(*) FROM {m} WHERE {mid} = {outer} AND {within})"
        return p.finished(replace(query, items=(f"{count} * 2 + 1 AS c", *p.items(make, 2))))
    if form == 2:
        made = f"SELECT count(*) AS n, max({middle.any(1)[0]}) AS m FROM {m} WHERE {mid} = {outer}"
        how = p.chance.choice(("LEFT JOIN", "JOIN"))
        return p.finished(
            replace(
                query,
                items=(*p.items(make, 2), "l.*"),
                joins=(f"{how} LATERAL ({made}) AS l ON true",),
            )
        )
    if form == 3:
        having = f"count(*) >= (SELECT count(*) FROM {m} WHERE {mid} = {outer})"
        return p.finished(
            replace(
                query, items=(f"{outer} AS k", "count(*) AS n"), group=outer or "", having=(having,)
            )
        )
    pairs = f"({outer}, {make.of('int', 1)}) IN (SELECT {mid}, {middle.of('int', 1)} FROM {m})"
    return p.finished(replace(query, items=p.items(make, 2), where=(pairs,)))


def _taken_apart(p: Parts) -> Query:
    """Structs and lists as rows and columns."""
    query, make, _ = p.start()
    lists = [leaf.sql for leaf in make.scope if leaf.kind == "list"]
    structs = [leaf.sql for leaf in make.scope if leaf.kind == "struct"]
    maps = [leaf.sql for leaf in make.scope if leaf.kind == "map"]
    choices = [
        *(f"unnest({one}, recursive := true)" for one in lists + structs),
        *(f"unnest({one}, max_depth := 2)" for one in lists),
        *(f"unnest({one})" for one in structs),
        *(f"unnest(map_entries({one}), recursive := true)" for one in maps),
        *(f"unnest(list_transform({one}, lambda e: e.sku || '!')) AS u" for one in lists),
    ]
    if not choices:
        return _windows(p)
    items = (p.chance.choice(choices), f"{make.any(1)[0]} AS c")
    return p.finished(replace(query, items=items, where=p.where(make)[:1]))


def _ctes(p: Parts) -> Query:
    """Common tables that read each other, kept or not."""
    hints = ("", "MATERIALIZED ", "NOT MATERIALIZED ")
    first, columns = p.derived()
    make = Expressions(p.chance, columns)
    second = Query(
        items=(f"{make.of('int', 1)} AS v", "count(*) AS n"),
        source="one",
        group="ALL",
        hint=p.chance.choice(hints),
    )
    third = "SELECT v, n FROM two UNION ALL SELECT n, v FROM two WHERE v > (SELECT min(n) FROM two)"
    name = p.chance.choice(("three", "two AS t2 JOIN three", "three"))
    source = "three" if name == "three" else "two"
    joins = () if name == "three" else ("JOIN three AS o ON o.v = s.n",)
    return p.finished(
        Query(
            items=("s.v", "count(*) AS c", "(SELECT count(*) FROM one) AS w"),
            source=source,
            alias="s",
            joins=joins,
            group="ALL",
            ctes=(
                ("one", replace(first, hint=p.chance.choice(hints))),
                ("two", second),
                ("three", Query(source=f"({third})", alias="u", hint=p.chance.choice(hints))),
            ),
        )
    )


def _distinct_on(p: Parts) -> Query:
    """The first row of each of some."""
    query, make, _ = p.start()
    key = make.any(1)[0]
    order = f"{key}, {p.everything(make.scope)}"
    found = replace(query, items=p.items(make, 3), distinct_on=key, order=order)
    return Query(items=("*",), source=replace(found, where=p.where(make)[:1]), alias="d")


def _bound(p: Parts) -> Query:
    """A statement whose constants are parameters, of values that are stored."""
    return bound(p) or _windows(p)


def _edges(p: Parts) -> Query:
    """Comparisons with values that are stored, seen or not."""
    return at_edges(p) or _windows(p)


SHAPES: Sequence[tuple[str, Callable[[Parts], Query], int]] = (
    ("using", _using, 2),
    ("with itself", _with_itself, 2),
    ("many", _many, 2),
    ("nearest", _nearest, 1),
    ("positional", _positional, 1),
    ("grouped otherwise", _grouped_otherwise, 2),
    ("windows", _windows, 2),
    ("sets", _sets, 2),
    ("deep", _deep, 3),
    ("taken apart", _taken_apart, 1),
    ("common tables", _ctes, 2),
    ("distinct on", _distinct_on, 1),
    ("bound", _bound, 3),
    ("edges", _edges, 8),
)
