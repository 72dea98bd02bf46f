"""Relations as policies narrow them: the same rows must come out of Trino and of DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa

from auth.grant import Expression, FieldGrant, Grant
from auth.masks import Bucket, BuiltIn, Constant, Null, Partial, Truncate
from auth.visible import VisibleTable
from catalog.model import Column
from catalog.names import TableName
from flight_server.engines.athena.translate import translate
from flight_server.engines.athena.translated import Translated
from flight_server.engines.base import Lookup, Relation
from flight_server.engines.duckdb.relation import view
from flight_server.engines.duckdb.scan.scan import Scan
from flight_server.engines.duckdb.sqltypes import sql_type
from flight_server.query.expressions import Compiler
from flight_server.query.parser import Parser
from flight_server.query.secure import relation
from tests.trino import lake, rows

_PEOPLE = TableName(lake.CATALOG, lake.SCHEMA, "people")
_ORDERS = TableName(lake.CATALOG, lake.SCHEMA, "orders")
_CLAIMS = {
    "city": ("VARCHAR", "Oslo"),
    "cities": ("VARCHAR[]", ["Rome", "", "it's"]),
    "least": ("INTEGER", 3),
    "until": ("DATE", "2020-01-01"),
}
FILTERS = (
    "city = ${claims.city}",
    "city IN (${claims.cities})",
    "city NOT IN (${claims.cities})",
    "n > ${claims.least}",
    "score > 1",
    "score >= ratio",
    "NOT (score < 2)",
    "score <> 1.5",
    "lower(city) = 'oslo'",
    "trim(city) = 'Rome'",
    "name LIKE 'A%' OR n IS NULL",
    "name ILIKE '%B%'",
    "active",
    "active IS NOT TRUE",
    "NOT active",
    "amount / 2 > 1",
    "10 // small > 0",
    "n % 2 = 1",
    "born < DATE '2000-01-01'",
    "born < ${claims.until}",
    "year(born) > 1990",
    "seen >= TIMESTAMP '2024-01-01 00:00:00'",
    "date_trunc('month', seen) = TIMESTAMP '2024-02-01 00:00:00'",
    "list_contains(tags, 'a')",
    "address.zip > 0",
    "attrs['k'] IS NOT NULL",
    "coalesce(city, '') = ''",
    "n IS DISTINCT FROM 5",
    "n BETWEEN -5 AND 5",
    "CASE WHEN active THEN n > 0 ELSE n < 0 END",
    "left(name, 1) = 'A'",
    "starts_with(name, 'a')",
    "regexp_matches(name, '^[A-Z]')",
    "length(name) > 3 AND n IN (3, 8)",
    "CAST(n AS SMALLINT) > 2",
    "city = ${claims.nothing}",
    "amount * rate > 1",
    "payload IS NULL",
    "right(city, 2) = 'e '",
)
MASKS = (
    ("Name", "upper(${col})"),
    ("Name", "left(${col}, 1) || '***'"),
    ("Name", "CASE WHEN active THEN ${col} ELSE 'hidden' END"),
    ("Name", "sha256(${col})"),
    ("Name", "md5(city || ${col})"),
    ("n", "${col} - ${col} % 10"),
    ("n", "100 // ${col}"),
    ("small", "CAST(n AS SMALLINT)"),
    ("amount", "round(${col}, 0)"),
    ("score", "floor(${col})"),
    ("born", "CAST(date_trunc('year', ${col}) AS DATE)"),
    ("seen", "date_trunc('month', ${col})"),
    ("city", "coalesce(nullif(${col}, ''), 'none')"),
    ("city", "regexp_replace(${col}, '[a-z]', 'x', 'g')"),
    ("active", "n > 0"),
    ("tags", "[city]"),
)
BUILT_IN: tuple[tuple[str, BuiltIn], ...] = (
    ("Name", Null()),
    ("Name", Constant("it's")),
    ("Name", Partial(1, 2, "*")),
    ("city", Partial(0, 3, "xy")),
    ("born", Truncate("month")),
    ("seen", Truncate("hour")),
    ("zoned", Truncate("day")),
    ("n", Bucket(Decimal(4))),
    ("amount", Bucket(Decimal("2.5"))),
    ("score", Constant(1.5)),
    ("born", Constant("2024-01-01")),
)
# What a caller asks of a narrowed table.
ASKED = (
    "SELECT * FROM people",
    "SELECT count(*), count(name), min(city) FROM people",
    "SELECT id, 1000 // (id - 2) AS x FROM people WHERE id <> 2",
)


@dataclass(frozen=True)
class Case:
    """A relation and a statement over it."""

    name: str
    relation: Relation
    sql: str


def cases() -> Iterator[Case]:
    """All of them."""
    compiler = Compiler(Parser())
    for text in FILTERS:
        made = _narrowed(compiler, restrictive=(_expression(text),))
        for sql in ASKED:
            yield Case(f"filter {text}", made, sql)
    for column, text in MASKS:
        made = _narrowed(compiler, masks={column: _expression(text)})
        yield Case(f"mask {column}: {text}", made, ASKED[0])
    for column, mask in BUILT_IN:
        expression = replace(_expression(str(mask)), built_in=mask)
        made = _narrowed(compiler, masks={column: expression})
        yield Case(f"mask {column}: {mask}", made, ASKED[0])
    both = _narrowed(
        compiler,
        masks={"Name": _expression(MASKS[1][1]), "n": _expression("id * 2 - id")},
        restrictive=(_expression("n > 2"), _expression("score > 1")),
        permissive=(_expression("active"), _expression("city = 'oslo'")),
        has_permissive=True,
    )
    yield from (Case("all at once", both, sql) for sql in ASKED)
    street = FieldGrant("street", mask=_expression("upper(${col})"))
    fields = _narrowed(compiler, fields={"address": (street,)})
    yield Case("a masked field", fields, ASKED[0])
    zipped = _narrowed(compiler, fields={"address": (FieldGrant("zip"),)})
    yield Case("one field", zipped, ASKED[0])
    some = lake.whole(_PEOPLE)
    yield Case("few columns", replace(some, columns=some.columns[:2]), ASKED[0])
    yield from _with_lookups(some)


def _with_lookups(some: Relation) -> Iterator[Case]:
    lookup = Lookup("lookup acl", lake.table(_ORDERS))
    alike = '"lookup 0".person = people.id'
    for text in (
        'people.id IN (SELECT "lookup 0".person FROM "lookup acl" AS "lookup 0")',
        'people.id NOT IN (SELECT "lookup 0".person FROM "lookup acl" AS "lookup 0")',
        f'EXISTS (SELECT 1 FROM "lookup acl" AS "lookup 0" WHERE {alike})',
        f'(SELECT max("lookup 0".qty) FROM "lookup acl" AS "lookup 0" WHERE {alike}) > 1',
    ):
        made = replace(some, row_filter=text, lookups=(lookup,))
        yield Case(f"filter {text}", made, ASKED[0])


def _expression(text: str) -> Expression:
    return Expression("rule", text, _CLAIMS)


def _narrowed(compiler: Compiler, **grant: Any) -> Relation:
    """The people as a grant lets them be read, through what narrows them in the server."""
    table = lake.table(_PEOPLE)
    columns = tuple(_shown(column, grant.get("fields", {})) for column in table.columns)
    names = tuple(column.name for column in columns)
    visible = VisibleTable(table, Grant(names, **grant), columns)
    return relation(visible, compiler)


def _shown(column: Column, fields: dict[str, tuple[FieldGrant, ...]]) -> Column:
    if column.name not in fields:
        return column
    kept = [field.name for field in fields[column.name]]
    data = pa.struct([column.type.field(name) for name in kept])
    return replace(column, type=data, children=tuple(Column(f.name, f.type) for f in data))


def raw() -> duckdb.DuckDBPyConnection:
    """A DuckDB with the tables where no statement finds them."""
    connection = lake.duck()
    connection.execute("ATTACH ':memory:' AS raw; CREATE SCHEMA raw.s")
    for name in lake.SCHEMAS:
        connection.execute(f"CREATE TABLE raw.s.{name} AS FROM lake.s.{name}")
    connection.execute("DROP TABLE lake.s.people")
    return connection


def expected(case: Case, connection: duckdb.DuckDBPyConnection) -> tuple[pa.Schema, list[rows.Row]]:
    """What DuckDB gives, through the view that its engine makes, over the tables of `raw`."""
    scans = {lookup.name: _scan(lookup.table.name) for lookup in case.relation.lookups}
    connection.execute(view(case.relation, _scan(_PEOPLE), scans))
    try:
        return _rows(connection, case.sql)
    finally:
        connection.execute("DROP VIEW lake.s.people")


def _scan(name: TableName) -> Scan:
    schema = lake.SCHEMAS[name.table]
    return Scan(f"SELECT * FROM raw.s.{name.table}", {f.name: sql_type(f.type) for f in schema}, ())


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[pa.Schema, list[rows.Row]]:
    found = connection.sql(sql).to_arrow_table()
    return found.schema, rows.unordered(rows.of_arrow(found))


def translated(case: Case, schema: pa.Schema) -> Translated:
    """The statement for Trino."""
    return translate(lake.secured(case.sql, (case.relation,)), None, schema, lake.PLACES)


def proven(ask: Callable[[str], list[list[Any]]]) -> tuple[list[dict[str, Any]], int]:
    """What was proven, and how many differ."""
    entries, faults = [], 0
    connection = raw()
    for case in cases():
        try:
            schema, wanted = expected(case, connection)
            made = translated(case, schema)
            found = rows.unordered(rows.of_trino(ask(made.sql), schema))
        except Exception as error:  # the rest is to be proven all the same
            print(f"policies: {case.name}\n  {type(error).__name__}: {error}")
            faults += 1
            continue
        if found != wanted:
            print(f"policies: {case.name}\n  differs\n  {wanted}\n  {found}\n  {made.sql}")
            faults += 1
            continue
        entries.append({"sql": f"{case.name} | {case.sql}", "trino": made.sql, "rows": found})
    return entries, faults
