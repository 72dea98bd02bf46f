"""What is hidden and what never existed answer alike, byte for byte, in every position."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pyarrow as pa
import pyarrow.flight as flight
import pytest
from google.protobuf.message import Message

from flight_server.app import Application
from flight_server.protocol.wire import flight_sql_pb2 as sql
from flight_server.query.caller import Caller
from tests.security import doors, warehouse
from tests.security.doors import EVE, WANDA, Answer, Remote

# Each hidden name with one of the same length that never was; they differ in letters only.
COLUMNS = [("ssn", "qzx"), ("score", "qzxyw"), ("canary_f_column", "qzxyvw_v_qzxyvw")]
TABLES = [("salaries", "qzxywvut"), ("keys", "qzxy"), ("canary_x_table", "qzxyvw_v_qzxyv")]
SCHEMAS = [("vault", "qzxyw"), ("canary_x_schema", "qzxyvw_v_qzxyvw")]
CATALOGS = [("dark", "qzxy")]

# «n» is the name; the tables around it are visible.
COLUMN_POSITIONS = """
SELECT «n» FROM customers
SELECT "«n»" FROM customers
SELECT c.«n» FROM customers c
SELECT customers.«n» FROM customers
SELECT shop.customers.«n» FROM customers
SELECT lake.shop.customers.«n» FROM lake.shop.customers
SELECT customers.«n».x FROM customers
SELECT «n».x FROM customers
SELECT «n»['x'] FROM customers
SELECT («n»).x FROM customers
SELECT (c).«n» FROM customers c
SELECT c['«n»'] FROM customers c
SELECT struct_extract(c, '«n»') FROM customers c
SELECT address.«n» FROM customers
SELECT «n» AS id FROM customers
SELECT id, name, «n», region FROM customers
SELECT 'x' AS «n», «n» FROM customers
SELECT name AS «n», «n» FROM customers
SELECT upper(«n») FROM customers
SELECT upper(«n», 1) FROM customers
SELECT nothing(«n») FROM customers
SELECT «n» + 1 FROM customers
SELECT «n» || 'x' FROM customers
SELECT «n»::INTEGER FROM customers
SELECT TRY_CAST(«n» AS INTEGER) FROM customers
SELECT TRY(«n») FROM customers
SELECT [«n»] FROM customers
SELECT {'a': «n»} FROM customers
SELECT {'«n»': 1}.«n» FROM customers
SELECT list_transform([1], lambda x: x || «n») FROM customers
SELECT list_transform([1], lambda «n»: «n» + 1) FROM customers
SELECT CASE WHEN «n» = 'x' THEN 1 END FROM customers
SELECT count(«n») FROM customers
SELECT count(DISTINCT «n») FROM customers
SELECT max(«n») FROM customers
SELECT sum(1) FILTER (WHERE «n» = 'x') FROM customers
SELECT string_agg(name, ',' ORDER BY «n») FROM customers
SELECT mode() WITHIN GROUP (ORDER BY «n») FROM customers
SELECT rank() OVER (ORDER BY «n») FROM customers
SELECT rank() OVER (PARTITION BY «n» ORDER BY id) FROM customers
SELECT lag(«n») OVER (ORDER BY id) FROM customers
SELECT rank() OVER w FROM customers WINDOW w AS (ORDER BY «n»)
SELECT 1 FROM customers WHERE «n» = 'x'
SELECT 1 FROM customers WHERE c.«n» = 'x'
SELECT 1 FROM customers WHERE «n» IS NULL
SELECT 1 FROM customers WHERE «n» IN ('x')
SELECT 1 FROM customers WHERE «n» LIKE 'x'
SELECT 1 FROM customers WHERE «n» BETWEEN 'a' AND 'b'
SELECT 1 FROM customers WHERE false AND «n» = 'x'
SELECT 1 FROM customers WHERE «n» = name AND id = 'x'::DATE
SELECT «n» FROM customers FOR VERSION AS OF 'first'
SELECT c.«n» FROM customers c AT (VERSION => 'work')
SELECT lower_bounds['«n»'] FROM "orders$files"
SELECT name FROM customers ORDER BY «n»
SELECT name FROM customers ORDER BY lower(«n») DESC
SELECT name AS «n» FROM customers ORDER BY «n»
SELECT count(*) FROM customers GROUP BY «n»
SELECT region FROM customers GROUP BY region, «n»
SELECT region FROM customers GROUP BY ROLLUP (region, «n»)
SELECT region FROM customers GROUP BY GROUPING SETS ((region), («n»))
SELECT name, «n» FROM customers GROUP BY name
SELECT region FROM customers GROUP BY region HAVING max(«n») > 'x'
SELECT region, count(*) FROM customers GROUP BY region HAVING «n» = 'x'
SELECT name FROM customers QUALIFY row_number() OVER (ORDER BY «n») = 1
SELECT DISTINCT ON («n») name FROM customers
SELECT name FROM customers LIMIT (SELECT count(«n») FROM customers)
SELECT 1 FROM customers a JOIN customers b ON a.«n» = b.«n»
SELECT 1 FROM customers a JOIN orders b ON a.«n» = b.note
SELECT 1 FROM customers JOIN orders ON «n» = note
SELECT 1 FROM customers a JOIN customers b USING («n»)
SELECT 1 FROM customers JOIN orders USING («n»)
SELECT * FROM customers NATURAL JOIN (SELECT 1 AS «n») x
SELECT * FROM customers NATURAL JOIN (SELECT 1 AS id, 'x' AS «n») x
SELECT * FROM customers NATURAL FULL JOIN (SELECT 1 AS id, 'x' AS «n») x ORDER BY ALL
SELECT 1 FROM customers a ASOF JOIN customers b ON a.«n» >= b.«n»
SELECT 1 FROM customers SEMI JOIN orders ON «n» = note
SELECT «n» FROM customers a, customers b
SELECT «n» FROM customers, orders
SELECT a.id, «n» FROM customers a JOIN customers b USING (id)
SELECT «n» FROM customers, (SELECT 'x' AS «n») y ORDER BY ALL
SELECT customers.«n» FROM customers, (SELECT 'x' AS «n») y
SELECT (SELECT max(«n») FROM customers)
SELECT (SELECT «n») FROM customers
SELECT (SELECT max(note) FROM orders WHERE note = «n») FROM customers
SELECT 1 FROM orders WHERE note IN (SELECT «n» FROM customers)
SELECT 1 FROM orders WHERE EXISTS (SELECT «n» FROM customers)
SELECT 1 FROM orders WHERE EXISTS (SELECT 1 FROM customers WHERE «n» = note)
SELECT 1 FROM customers WHERE EXISTS (SELECT 1 FROM orders WHERE orders.note = «n»)
SELECT 1 FROM orders WHERE note > ALL (SELECT «n» FROM customers)
SELECT 1 FROM customers, LATERAL (SELECT «n») x
SELECT 1 FROM customers, unnest([«n»])
SELECT 1 FROM customers c, range(c.«n»)
WITH x AS (SELECT «n» FROM customers) SELECT * FROM x
WITH x AS (SELECT «n» FROM customers) SELECT 1
WITH x AS (SELECT * FROM customers) SELECT «n» FROM x
WITH x(«n») AS (SELECT name FROM customers) SELECT «n» FROM x ORDER BY 1
WITH RECURSIVE x AS (SELECT «n» FROM customers UNION SELECT «n» FROM x) SELECT * FROM x
SELECT «n» FROM (SELECT * FROM customers)
SELECT x.«n» FROM (SELECT * FROM customers) x
SELECT name FROM customers UNION SELECT «n» FROM customers
SELECT «n» FROM (SELECT * FROM customers UNION BY NAME SELECT 'x' AS «n») ORDER BY ALL
SELECT * EXCLUDE («n») FROM customers
SELECT c.* EXCLUDE («n») FROM customers c
SELECT * EXCLUDE (c.«n») FROM customers c
SELECT * REPLACE ('x' AS «n») FROM customers
SELECT * REPLACE («n» AS name) FROM customers
SELECT * RENAME («n» AS x) FROM customers
SELECT * RENAME (name AS «n») FROM customers ORDER BY ALL
SELECT * LIKE '«n»' FROM customers
SELECT COLUMNS('«n»') FROM customers
SELECT COLUMNS('^«n»$') FROM customers
SELECT COLUMNS(c -> c = '«n»') FROM customers
SELECT COLUMNS(['«n»']) FROM customers
SELECT COLUMNS(['name', '«n»']) FROM customers
SELECT COLUMNS(* EXCLUDE («n»)) FROM customers
SELECT max(COLUMNS('«n»')) FROM customers
PIVOT customers ON «n» IN ('a') USING max(id)
PIVOT customers ON region IN ('eu') USING max(«n»)
PIVOT customers ON region IN ('eu') USING max(id) GROUP BY «n»
FROM customers PIVOT (max(id) FOR «n» IN ('a'))
UNPIVOT customers ON «n» INTO NAME n VALUE v
UNPIVOT customers ON name, «n» INTO NAME n VALUE v
SELECT to_json(c)->>'«n»' FROM customers c
SELECT c::VARCHAR LIKE '%«n»%' FROM customers c
SELECT * FROM customers WHERE «n» = ?
SELECT ? FROM customers WHERE «n» = ? AND id = ?
SELECT * FROM customers WHERE id = $«n»
SELECT «n» FROM customers LIMIT ?
VALUES ((SELECT max(«n») FROM customers))
FROM customers SELECT «n»
SELECT «n», nothing FROM customers
SELECT nothing, «n» FROM customers
SELECT «n» FROM customers WHERE nothing = 1
SELECT lower(1, 2, 3), «n» FROM customers
SELECT «n»() FROM customers
SELECT «n».* FROM customers
SELECT * FROM customers AS c(«n»)
SELECT * FROM customers AS «n»
SELECT «n».name FROM customers AS «n» ORDER BY 1
SELECT CAST(name AS «n») FROM customers
SELECT name COLLATE «n» FROM customers
DESCRIBE SELECT «n» FROM customers
EXPLAIN SELECT «n» FROM customers
SELECT * FROM information_schema.columns WHERE column_name = '«n»'
SELECT «n» FROM information_schema.columns, customers
""".strip().splitlines()

TABLE_POSITIONS = """
SELECT * FROM «n»
SELECT * FROM "«n»"
SELECT * FROM shop.«n»
SELECT * FROM lake.shop.«n»
SELECT count(*) FROM «n»
SELECT 1 FROM «n» WHERE false
SELECT v FROM «n»
SELECT nothing FROM «n»
SELECT nothing(1) FROM «n»
SELECT * FROM «n» LIMIT 0
SELECT * FROM «n» AS x
SELECT * FROM customers, «n»
SELECT * FROM «n», customers
SELECT * FROM customers JOIN «n» USING (id)
SELECT * FROM customers NATURAL JOIN «n»
SELECT * FROM customers LEFT JOIN «n» ON true
SELECT * FROM nothing JOIN «n» ON true
SELECT * FROM «n» JOIN nothing ON true
SELECT (SELECT max(v) FROM «n»)
SELECT 1 FROM customers WHERE EXISTS (FROM «n»)
SELECT 1 FROM customers WHERE id IN (SELECT v FROM «n»)
SELECT 1 FROM customers ORDER BY (SELECT max(v) FROM «n»)
SELECT 1 LIMIT (SELECT count(*) FROM «n»)
SELECT * FROM range((SELECT count(*) FROM «n»))
WITH x AS (SELECT * FROM «n») SELECT * FROM x
WITH x AS (SELECT * FROM «n») SELECT 1
WITH «n» AS (SELECT * FROM «n») SELECT * FROM «n»
WITH «n» AS (SELECT 1) SELECT * FROM «n»
WITH RECURSIVE «n» AS (SELECT 1 UNION SELECT * FROM «n») SELECT * FROM «n»
WITH RECURSIVE «n» AS (SELECT * FROM «n» UNION SELECT * FROM «n») SELECT * FROM «n»
SELECT * FROM customers UNION ALL SELECT * FROM «n»
PIVOT «n» ON v IN ('x') USING count(*)
SELECT * FROM «n» PIVOT (count(*) FOR v IN ('x'))
UNPIVOT «n» ON v
SELECT * FROM «n» TABLESAMPLE 10%
SELECT * FROM «n» AT (VERSION => 1)
SELECT * FROM «n» FOR VERSION AS OF 'main'
SELECT * FROM «n» FOR VERSION AS OF 'first' AS x
SELECT * FROM «n» FOR TIMESTAMP AS OF '1999-01-01'
SELECT * FROM customers FOR VERSION AS OF 'first', «n» FOR VERSION AS OF 'first'
SELECT * FROM "«n»$files"
SELECT * FROM "«n»$refs" FOR VERSION AS OF 'main'
DESCRIBE "«n»$history"
SELECT «n».v FROM customers
SELECT «n».* FROM customers
SELECT * FROM «n» WHERE v = ?
SELECT * FROM "«n»$snapshots"
SELECT * FROM «n»()
SELECT * FROM «n».customers
SELECT * FROM query_table('«n»')
SUMMARIZE «n»
DESCRIBE «n»
DESCRIBE lake.shop.«n»
DESCRIBE SELECT * FROM «n»
EXPLAIN SELECT * FROM «n»
SHOW COLUMNS FROM «n»
SHOW TABLES LIKE '«n»'
SHOW «n»
USE «n»
SELECT * FROM information_schema.tables WHERE table_name = '«n»'
SELECT * FROM information_schema.key_column_usage WHERE table_name = '«n»'
SELECT «n» FROM information_schema.tables
""".strip().splitlines()

SCHEMA_POSITIONS = """
SELECT * FROM «n».secrets
SELECT * FROM lake.«n».secrets
SELECT * FROM lake.«n».customers
SELECT * FROM lake.«n».nothing
SELECT * FROM "«n»".secrets
SELECT * FROM customers, «n».things
SELECT «n».secrets.v FROM customers
SELECT * FROM «n»
SELECT * FROM «n».a.b
SELECT * FROM «n».a.b.c
WITH x AS (SELECT * FROM «n».secrets) SELECT 1
WITH «n» AS (SELECT 1) SELECT * FROM «n».secrets
SELECT * FROM «n».secrets FOR VERSION AS OF 'main'
SELECT * FROM «n»."secrets$files"
SELECT «n».lower('x')
SELECT 1::«n».mine
SHOW TABLES FROM «n»
SHOW TABLES IN lake.«n»
DESCRIBE «n».secrets
USE «n»
USE lake.«n»
SET schema = '«n»'
SET search_path TO «n»
SELECT * FROM information_schema.schemata WHERE schema_name = '«n»'
""".strip().splitlines()

CATALOG_POSITIONS = """
SELECT * FROM «n».shop.customers
SELECT * FROM «n».deep.treasure
SELECT * FROM «n».deep.nothing
SELECT * FROM «n».customers
SELECT * FROM «n».nothing
SELECT * FROM «n»
SELECT * FROM customers, «n».deep.treasure
SELECT «n».deep.treasure.v FROM customers
SELECT «n».shop.customers.name FROM customers
SELECT «n».main.lower('x')
WITH «n» AS (SELECT 1) SELECT * FROM «n».deep.treasure
SHOW TABLES FROM «n»
SHOW TABLES FROM «n».deep
SHOW SCHEMAS FROM «n»
DESCRIBE «n».deep.treasure
USE «n»
SET catalog = '«n»'
SELECT * FROM «n».information_schema.tables
SELECT * FROM information_schema.tables WHERE table_catalog = '«n»'
""".strip().splitlines()

CASES = [
    *((p, *pair) for p in COLUMN_POSITIONS for pair in COLUMNS),
    *((p, *pair) for p in TABLE_POSITIONS for pair in TABLES),
    *((p, *pair) for p in SCHEMA_POSITIONS for pair in SCHEMAS),
    *((p, *pair) for p in CATALOG_POSITIONS for pair in CATALOGS),
]


def as_if(answer: Answer, missing: str, hidden: str) -> Answer:
    """What an answer would be if the missing name in it were the hidden one."""
    if answer.table is None:
        return Answer(None, answer.code, answer.error.replace(missing, hidden))
    names = [name.replace(missing, hidden) for name in answer.table.column_names]
    return Answer(answer.table.rename_columns(names))


def difference(hidden: Answer, missing: Answer, names: tuple[str, str]) -> str | None:
    expected = as_if(missing, names[1], names[0])
    if (hidden.code, hidden.error) != (expected.code, expected.error):
        return f"{hidden.seen!r} instead of {expected.seen!r}"
    if hidden.table is not None and expected.table is not None:
        values = [
            str(t.to_pylist()).replace(names[1], names[0]) for t in (hidden.table, expected.table)
        ]
        if values[0] != values[1] or hidden.table.schema.types != expected.table.schema.types:
            return f"{hidden.seen!r} instead of {expected.seen!r}"
    return None


@pytest.mark.parametrize("user", [EVE, WANDA], ids=["by grants", "by denials"])
@pytest.mark.parametrize(
    "cases",
    [CASES[start::8] for start in range(8)],
    ids=[f"part {number}" for number in range(1, 9)],
)
def test_in_every_position_of_a_statement(
    application: Application, user: Caller, cases: list[tuple[str, str, str]]
) -> None:
    wrong = []
    for position, hidden, missing in cases:
        answers = [
            doors.in_process(application.service, user, position.replace("«n»", name))
            for name in (hidden, missing)
        ]
        fault = difference(answers[0], answers[1], (hidden, missing))
        if fault:
            wrong.append(f"{position} ({hidden}): {fault[:800]}")
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


@pytest.fixture(scope="module", params=[warehouse.EVE, warehouse.WANDA])
def remote(application: Application, request: pytest.FixtureRequest) -> Iterator[Remote]:
    with closing(Remote(application.server.location, request.param)) as door:
        yield door


@pytest.mark.parametrize(("position", "hidden", "missing"), CASES[::40])
def test_over_the_network_too(remote: Remote, position: str, hidden: str, missing: str) -> None:
    """Not only the texts, but the statuses and details of the errors are the same."""
    for way in (remote.prepared, remote.statement):
        answers = [way(position.replace("«n»", name)) for name in (hidden, missing)]
        ours, theirs = (without_ids(answer) for answer in answers)
        assert difference(ours, theirs, (hidden, missing)) is None


def without_ids(answer: Answer) -> Answer:
    """An answer without the id of its request and the moving parts of the transport."""
    kept = answer.error
    for start in ("gRPC client debug context", " [("):
        kept = kept.split(start)[0]
    return Answer(answer.table, answer.code, kept)


# --- metadata -------------------------------------------------------------------------------------


def ask(remote: Remote, message: Message) -> tuple[str, Any]:
    """The rows that a metadata command gives, or its error."""
    descriptor = flight.FlightDescriptor.for_command(doors.packed(message))
    try:
        info = remote.client.get_flight_info(descriptor, remote.options)
        reader = remote.client.do_get(info.endpoints[0].ticket, remote.options)
        return "rows", (info.schema, reader.read_all().to_pylist())
    except (flight.FlightError, pa.ArrowException) as error:
        return type(error).__name__, str(error).split("gRPC client debug context")[0]


def tables_of(name: str) -> Iterator[Message]:
    for schemas in (True, False):
        yield sql.CommandGetTables(table_name_filter_pattern=name, include_schema=schemas)
        yield sql.CommandGetTables(
            catalog="lake",
            db_schema_filter_pattern="shop",
            table_name_filter_pattern=name,
            include_schema=schemas,
        )
        yield sql.CommandGetTables(table_name_filter_pattern=f"%{name[1:-1]}%")
    for kind in (sql.CommandGetPrimaryKeys, sql.CommandGetExportedKeys, sql.CommandGetImportedKeys):
        yield kind(table=name)
        yield kind(catalog="lake", db_schema="shop", table=name)
    yield sql.CommandGetCrossReference(pk_table="customers", fk_table=name)


def schemas_of(name: str) -> Iterator[Message]:
    yield sql.CommandGetDbSchemas(db_schema_filter_pattern=name)
    yield sql.CommandGetDbSchemas(catalog="lake", db_schema_filter_pattern=name)
    yield sql.CommandGetDbSchemas(db_schema_filter_pattern=f"{name[:-1]}_")
    yield sql.CommandGetTables(db_schema_filter_pattern=name, include_schema=True)
    yield sql.CommandGetPrimaryKeys(catalog="lake", db_schema=name, table="secrets")


def catalogs_of(name: str) -> Iterator[Message]:
    yield sql.CommandGetDbSchemas(catalog=name)
    yield sql.CommandGetTables(catalog=name)
    yield sql.CommandGetTables(catalog=name, table_name_filter_pattern="customers")
    yield sql.CommandGetPrimaryKeys(catalog=name, db_schema="shop", table="customers")


@pytest.mark.parametrize(
    ("commands", "pairs"),
    [(tables_of, TABLES), (schemas_of, SCHEMAS), (catalogs_of, CATALOGS)],
    ids=["tables", "schemas", "catalogs"],
)
def test_in_every_filter_of_the_metadata(
    remote: Remote, commands: Any, pairs: list[tuple[str, str]]
) -> None:
    for hidden, missing in pairs:
        for one, other in zip(commands(hidden), commands(missing), strict=True):
            ours, theirs = ask(remote, one), ask(remote, other)
            assert str(ours) == str(theirs).replace(missing, hidden), one


def test_listings_name_nothing_hidden(remote: Remote) -> None:
    everything = [
        sql.CommandGetCatalogs(),
        sql.CommandGetDbSchemas(),
        sql.CommandGetTables(include_schema=True),
        sql.CommandGetTables(db_schema_filter_pattern="%", table_name_filter_pattern="%"),
        sql.CommandGetTables(table_types=["TABLE", "VIEW", "SYSTEM TABLE"], include_schema=True),
        sql.CommandGetTableTypes(),
    ]
    hidden = [name for name, _ in (*COLUMNS, *TABLES, *SCHEMAS, *CATALOGS)]
    for command in everything:
        kind, answer = ask(remote, command)
        assert kind == "rows"
        assert not [name for name in hidden if name in str(answer)], command
        for row in answer[1]:
            if "table_schema" in row:
                schema = pa.ipc.read_schema(pa.py_buffer(row["table_schema"]))
                assert not set(hidden) & set(schema.names)
                assert "canary" not in str(schema)
