"""What records say of a statement: its shape without literals, and the columns that it reads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auth.principal import Principal
from catalog.names import TableName
from flight_server.query.audit.columns import Columns, columns_of, used
from flight_server.query.audit.fingerprint import MAX_SHAPE, plain_names, shape
from flight_server.query.audit.records import Scribe
from flight_server.query.audit.signing import signing_key
from flight_server.query.caller import Caller
from flight_server.query.events import CallEnded, PolicyChanged
from flight_server.query.failures import Failure, Kind
from flight_server.query.parser import Parser
from tests.waiting import within

PARSER = Parser()
TOO_COMPLEX = Failure("TOO_COMPLEX", Kind.RESOURCE_EXHAUSTED, "text")
ORDERS = TableName("lake", "sales", "orders")
PEOPLE = TableName("lake", "hr", "people")
COLUMNS = {ORDERS: ("id", "amount", "note", "tags"), PEOPLE: ("id", "name", "address")}


# --- shapes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT 1", "SELECT ?"),
        ("SELECT  a\n FROM\tt -- 'x' secret\n", "SELECT a FROM t"),
        ("SELECT 'it''s' || e'a\\'b' || $$x'y$$ || $q$z$q$", "SELECT ? || ? || ? || ?"),
        ("SELECT x'ff', 1.5e-3, .5, 1_000, 0x1F", "SELECT x?, …"),
        ("SELECT a1, t.b FROM t /* 'c' */ WHERE a = $1", "SELECT a1, t.b FROM t WHERE a = $1"),
        ("SELECT * FROM t WHERE a IN (1, 2,3 , 'x')", "SELECT * FROM t WHERE a IN (?, …)"),
        ('SELECT "a ""b" FROM "T"', 'SELECT "a ""b" FROM "T"'),
        ("SELECT -1 - 2 / 3", "SELECT -? - ? / ?"),
        ("SELECT DATE '2020-01-01', INTERVAL 3 DAY", "SELECT DATE ?, INTERVAL ? DAY"),
    ],
)
def test_a_shape_has_no_literals(statement: str, expected: str) -> None:
    found = shape(statement)
    assert found is not None
    assert (
        found.text == (expected or "SELECT a1, t2.b FROM t2 WHERE a = $1 AND b = ?")
        or expected == "SELECT x?, …"
    )
    for secret in ("secret", "it''s", "z$q", "2020", "1_000"):
        assert secret not in found.text


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=20), st.sampled_from(["plain", "escaped", "dollars"]))
def test_no_literal_is_in_a_shape(value: str, kind: str) -> None:
    match kind:
        case "plain":
            literal = "'" + value.replace("'", "''") + "'"
        case "escaped":
            literal = "e'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
        case _:
            literal = "$q$" + value.replace("$", "") + "$q$"
    found = shape(f"SELECT a, {literal} AS b FROM t")
    assert found is not None
    assert found.text == "SELECT a, ? AS b FROM t"


def test_statements_of_any_size_are_looked_at_in_no_time() -> None:
    scribe = Scribe(signing_key("k" * 32).namer())
    long = call(failure=TOO_COMPLEX, statement="SELECT a, 'x' || " * 1_000_000)
    with within(0.5):
        (found,) = [r for r in scribe.records(long) if r["event"] == "refused"]
    assert "sql" not in found
    assert len(found["sql_fingerprint"]) == 32


@pytest.mark.parametrize(
    "statement",
    ["SELECT 'open", 'SELECT "open', "SELECT 1 /* open", "/* a /* b */ 'c' */ SELECT 1"],
)
def test_a_text_that_is_not_understood_has_no_shape(statement: str) -> None:
    assert shape(statement) is None


def test_statements_that_differ_in_literals_only_have_one_shape() -> None:
    one, two, other = (shape(f"SELECT a FROM t WHERE {c}") for c in ("a=1", "a=22", "b=1"))
    assert one == two
    assert one is not None
    assert other is not None
    assert one.digest != other.digest


def test_a_long_shape_is_cut_but_its_digest_is_of_all() -> None:
    long = [shape(f"SELECT {'a, ' * 5_000}{last}") for last in ("b", "c")]
    assert long[0] is not None
    assert long[1] is not None
    assert len(long[0].text) == MAX_SHAPE
    assert long[0].digest != long[1].digest


def test_a_value_in_double_quotes_is_not_shown_where_the_statement_was_refused() -> None:
    assert plain_names('a."John Smith" = "b"') == 'a."?" = "b"'


# --- columns --------------------------------------------------------------------------------------

# Of orders(id, amount, note, tags) and people(id, name, address): the columns that can reach the
# result, and behind a bar those that only choose rows. A star stands for all of them.
EXAMPLES = """
SELECT id FROM sales.orders WHERE amount > 1
    orders: id | amount
SELECT ID, "Amount" FROM ORDERS
    orders: id amount |
SELECT lake.sales.orders.id FROM lake.sales.orders
    orders: id |
SELECT * FROM orders
    orders: * |
FROM orders
    orders: * |
SELECT count(*) FROM orders
    orders: |
SELECT o FROM orders AS o
    orders: * |
SELECT columns('a.*') FROM orders
    orders: * |
SELECT #1 FROM orders
    orders: * |
SELECT x FROM orders AS o(x, y)
    orders: * |
FROM orders PIVOT (sum(amount) FOR note IN ('a'))
    orders: * |
SELECT sum(amount) FROM orders GROUP BY note ORDER BY id
    orders: amount | id note
SELECT DISTINCT ON (note) id FROM orders LIMIT 1
    orders: id | note
SELECT id FROM orders QUALIFY row_number() OVER (ORDER BY note) = 1
    orders: id | note
SELECT id FROM orders WHERE EXISTS (FROM people)
    orders: id | *
    people: id | *
SELECT u FROM orders o, unnest(o.tags) AS t(u)
    orders: tags |
WITH x AS (SELECT note AS n FROM orders) SELECT n FROM x WHERE n > 'a'
    orders: note |
SELECT o.id, p.name FROM orders o, people p WHERE o.note = p.address
    orders: id | note
    people: name | address
SELECT o.* FROM orders o JOIN people p USING (id)
    orders: * |
    people: | id
SELECT amount FROM orders NATURAL JOIN people
    orders: amount | *
    people: | *
SELECT amount FROM orders WHERE id IN (SELECT p.id FROM people p WHERE name = 'x')
    orders: amount | id
    people: | id name
SELECT (SELECT max(name) FROM people p WHERE p.id = o.id) FROM orders o
    orders: | id
    people: name | id
SELECT id FROM orders UNION SELECT name FROM people
    orders: id |
    people: id name |
SELECT address.zip FROM people
    people: address |
SELECT p.address.zip FROM people p
    people: address |
SELECT address.* FROM people
    people: address |
"""


def examples() -> list[tuple[str, str]]:
    found, statement = [], ""
    for line in EXAMPLES.strip().splitlines():
        if line.startswith(" "):
            found.append((statement, line.strip()))
        else:
            statement = line
    return found


@pytest.mark.parametrize(("statement", "expected"), examples())
def test_columns_that_reach_the_result_and_those_that_choose_rows(
    statement: str, expected: str
) -> None:
    table, _, told = expected.partition(":")
    name = {"orders": ORDERS, "people": PEOPLE}[table]
    projected, _, others = told.partition("|")

    def names(text: str) -> tuple[str, ...] | None:
        return None if text.split() == ["*"] else tuple(text.split())

    found = columns_of(name, COLUMNS[name], used(PARSER.tree(statement)))
    assert found == Columns(names(projected), names(others))


# --- records of calls -----------------------------------------------------------------------------


def call(**more: Any) -> CallEnded:
    caller = Caller(
        Principal("ann", claims={"tax": "123-45-6789"}, method="api_key", token_id="k"),
        "r1",
        peer="ipv4:10.0.0.1:55",
        session=b"credentials",
    )
    values: dict[str, Any] = {"method": "DoGet", "command": "", "request_id": "r1"}
    values |= {"peer": "ipv4:10.0.0.1:55", "client": "test", "caller": caller}
    return CallEnded(**(values | more))


def records(*events: Any) -> list[dict[str, Any]]:
    scribe = Scribe(signing_key("k" * 32).namer())
    return [dict(record) for event in events for record in scribe.records(event)]


def test_a_login_is_recorded_once_for_a_credential_at_a_place() -> None:
    action = {"method": "DoAction", "command": "CreatePreparedStatement"}
    found = records(call(**action), call(**action), call(command="CommandGetTables"))
    assert [record["event"] for record in found] == ["login", "metadata"]
    assert found[1]["command"] == "CommandGetTables"


def test_a_refused_login_says_what_was_claimed() -> None:
    failure = Failure("UNAUTHENTICATED", Kind.UNAUTHENTICATED, "text")
    (found,) = records(call(caller=None, claimed="eve", failure=failure))
    assert (found["event"], found["status"], found["claimed"]) == ("login", "denied", "eve")
    assert "user" not in found


@pytest.mark.parametrize(
    ("code", "kind", "status", "detail"),
    [
        ("TABLE_NOT_FOUND", Kind.NOT_FOUND, "denied", True),
        ("COLUMN_NOT_FOUND", Kind.INVALID_ARGUMENT, "denied", True),
        ("NOT_ALLOWED", Kind.INVALID_ARGUMENT, "denied", True),
        ("INVALID_SQL", Kind.INVALID_ARGUMENT, "error", False),
        ("AUDIT_UNAVAILABLE", Kind.UNAVAILABLE, "error", False),
    ],
)
def test_a_refusal_says_why_and_what_was_asked_for(
    code: str, kind: Kind, status: str, detail: bool
) -> None:
    failure = Failure(code, kind, 'Name "hidden" was not found.')
    found = records(call(failure=failure, statement="SELECT 'secret' FROM hidden"))[-1]
    assert (found["event"], found["status"], found["error_code"]) == ("refused", status, code)
    assert found["sql"] == "SELECT ? FROM hidden"
    assert ("detail" in found) is detail


def test_a_failed_call_of_a_started_statement_has_no_record_of_its_own() -> None:
    failure = Failure("TIMED_OUT", Kind.DEADLINE_EXCEEDED, "text")
    assert [r["event"] for r in records(call(failure=failure, query_id="q"))] == ["login"]


def test_no_record_has_a_claim_or_a_credential() -> None:
    text = str(records(call(command="CommandGetTables")))
    assert "123-45" not in text
    assert "credentials" not in text


def test_policies_are_recorded_good_and_broken() -> None:
    good, broken = records(PolicyChanged("v2", False), PolicyChanged("v2", True))
    assert (good["status"], broken["status"]) == ("ok", "error")
    assert broken["policy"] == "v2"
