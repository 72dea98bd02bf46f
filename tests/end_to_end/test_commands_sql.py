"""What people type first, and what they are told where it does not run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from flight_server.query.failures import Failure, failure_of
from tests.end_to_end.governed import Lake, caller, governed
from tests.servers import Server

RULES = """
  - {to: trader, on: lake.desk.ordera, deny: select}
  - {to: trader, on: lake.desk.clients.namea, deny: select}
"""
TABLES = {
    "desk.orders": pa.table({"id": [1], "price": [2.5], "bound": ["x"]}),
    "desk.ordera": pa.table({"id": [1]}),
    "desk.clients": pa.table({"id": [1], "names": ["x"], "namea": ["y"]}),
    "market.prices": pa.table({"id": [1]}),
    "vaulta.things": pa.table({"id": [1]}),
}
ANNA = caller("anna")
# The owner of everything sees two tables of a name.
OLGA = caller("olga", "owners")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with governed(tmp_path_factory.mktemp("lake"), TABLES) as made:
        made.policy(RULES)
        yield made


def told(lake: Lake, text: str, who: Any = ANNA) -> Failure:
    with pytest.raises(Exception) as caught:
        lake.rows(who, text)
    return failure_of(caught.value)


# --- names that were not found --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT * FROM oders", "Table oders was not found. Did you mean orders?"),
        ("SELECT * FROM desk.oders", "Table desk.oders was not found. Did you mean desk.orders?"),
        (
            "SELECT * FROM lake.desk.oders",
            "Table lake.desk.oders was not found. Did you mean lake.desk.orders?",
        ),
        ("SELECT * FROM dsk.orders", "Table dsk.orders was not found. Did you mean desk.orders?"),
        ("DESCRIBE oders", "Table oders was not found. Did you mean orders?"),
        ("SELECT * FROM whatever", "Table whatever was not found."),
        ("SELECT * FROM prices", "Table prices was not found."),
        ("SELECT * FROM a.b.c.d", "Table a.b.c.d was not found."),
        ("SELECT * FROM nope.desk.orders", "Table nope.desk.orders was not found."),
        ("SELECT prise FROM orders", 'Column "prise" was not found. Did you mean price?'),
        ("SELECT pricee FROM orders", 'Column "pricee" was not found. Did you mean price?'),
        ("SELECT o.pricee FROM orders o", 'Column "pricee" was not found. Did you mean price?'),
        ("SELECT whatever FROM orders", 'Column "whatever" was not found.'),
        # there is one of this name, but not where it is asked for
        ("SELECT price FROM (SELECT 1 FROM orders)", 'Column "price" was not found.'),
    ],
)
def test_a_close_visible_name_is_suggested(lake: Lake, text: str, message: str) -> None:
    assert told(lake, text).message == message


def test_a_table_of_another_schema_is_suggested_with_it(lake: Lake) -> None:
    message = told(lake, "SELECT * FROM prices", OLGA).message
    assert message == "Table prices was not found. Did you mean market.prices?"


@pytest.mark.parametrize(
    ("text", "hidden", "missing"),
    [
        # the hidden name, and one that never was, are as far from a visible one
        ("SELECT * FROM {}", "ordera", "orderb"),
        ("SELECT * FROM desk.{}", "ordera", "orderb"),
        ("SELECT * FROM lake.desk.{}", "ordera", "orderb"),
        ("DESCRIBE {}", "ordera", "orderb"),
        ("SELECT {} FROM clients", "namea", "nameb"),
        ("SELECT c.{} FROM clients c", "namea", "nameb"),
        ("SELECT count(*) FROM clients GROUP BY {}", "namea", "nameb"),
        ("SELECT * FROM {}.things", "vaulta", "vaultb"),
        ("SELECT * FROM {}.thing", "vaulta", "vaultb"),
        # near to a hidden one only
        ("SELECT * FROM vaulta.{}", "things", "thongs"),
        ("SELECT * FROM vaulta.{}", "thing", "thong"),
        ("SELECT * FROM lake.vault.{}", "things", "thongs"),
    ],
)
def test_what_is_denied_and_what_does_not_exist_are_told_byte_for_byte_alike(
    lake: Lake, text: str, hidden: str, missing: str
) -> None:
    one, other = (told(lake, text.format(name)) for name in (hidden, missing))
    assert one == Failure(
        other.code,
        other.kind,
        other.message.replace(missing, hidden),
        other.hint,
        other.position,
    )


def test_nothing_hidden_is_ever_suggested(lake: Lake) -> None:
    for text in (
        "SELECT * FROM orderaa",
        "SELECT nameaa FROM clients",
        "SELECT * FROM thingss",
        "SELECT * FROM vaultaa.things",
        "SELECT * FROM lake.vaulta.thingss",
    ):
        message = told(lake, text).message.partition("Did you mean")[2]
        assert not {"ordera?", "namea?", "vaulta", "things"} & set(message.split())
        assert "vaulta" not in message
        assert "things" not in message


def test_hints_are_in_terms_of_sql(lake: Lake) -> None:
    assert told(lake, "SELECT * FROM nope").hint == (
        "SHOW ALL TABLES lists the tables you may read; DESCRIBE table its columns."
    )
    assert told(lake, "SELECT nope FROM orders").hint.startswith("DESCRIBE table")
    assert told(lake, "USE nope").hint.startswith("SHOW SCHEMAS")


# --- options --------------------------------------------------------------------------------------


def asked(cursor: Any, text: str) -> list[tuple[Any, ...]]:
    cursor.execute(text)
    return list(cursor.fetchall())


@pytest.mark.parametrize(
    ("option", "before", "value", "after"),
    [
        ("as_of", "", "2020-01-31", "2020-01-31T00:00:00+00:00"),
        ("as_of", "", "snapshot:7", "snapshot:7"),
        ("as_of", "", "TAG:Eom", "tag:Eom"),
        ("as_of", "", "branch:audit", "branch:audit"),
        ("catalog", "invest", "invest", "invest"),
        ("compression", "none", "lz4", "lz4"),
        ("engine", "auto", "duckdb", "duckdb"),
        ("partitions", "1", "3", "3"),
        ("schema", "", "market", "market"),
        ("statement_timeout", "300", "2.5", "2.5"),
        ("time_zone", "UTC", "Europe/Zurich", "Europe/Zurich"),
        ("timezone", "UTC", "+02:00", "Etc/GMT-2"),
    ],
)
def test_every_option_can_be_set_and_shown(
    server: Server, option: str, before: str, value: str, after: str
) -> None:
    with server.connect("analyst") as connection, connection.cursor() as cursor:
        try:
            assert asked(cursor, f"SHOW {option}") == [(before,)]
            asked(cursor, f"SET {option} = '{value}'")
            assert asked(cursor, f"SHOW {option}") == [(after,)]
            asked(cursor, f"RESET {option}")
            assert asked(cursor, f"SHOW {option}") == [(before,)]
        finally:
            asked(cursor, "RESET ALL")


def test_a_misspelt_option_is_told_the_right_one(lake: Lake) -> None:
    one = told(lake, "SET as_off = 'x'")
    assert (one.code, one.message) == (
        "NOT_ALLOWED",
        "There is no option as_off; did you mean as_of?",
    )
    assert told(lake, "SHOW timezon").message == (
        "There is no setting timezon; did you mean timezone?"
    )
    assert told(lake, "SET memory_limit = '1GB'").message == "There is no option memory_limit."


# --- listings and plans ---------------------------------------------------------------------------


def test_tables_are_shown_so_that_they_can_be_queried(server: Server) -> None:
    with server.connect("analyst") as connection, connection.cursor() as cursor:
        cursor.execute("SHOW TABLES")
        table = cursor.fetch_arrow_table()
        assert table.column_names == ["database", "schema", "name"]
        for row in table.to_pylist():
            cursor.execute("DESCRIBE {database}.{schema}.{name}".format_map(row))
            assert cursor.fetchall()
        cursor.execute("SHOW TABLES FROM market")
        assert cursor.fetch_arrow_table().column_names == ["name"]


def test_an_explanation_has_a_line_for_each_of_its_lines(server: Server) -> None:
    with server.connect("analyst") as connection, connection.cursor() as cursor:
        ((_, text),) = asked(cursor, "EXPLAIN SELECT * FROM market.currencies")
    assert len(text.splitlines()) > 3
    assert "\\n" not in text


def test_named_parameters_are_bound_from_a_list_in_the_order_of_the_text(server: Server) -> None:
    with server.connect("analyst") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT $b::INTEGER AS b, $a::INTEGER AS a, $b::INTEGER AS c", [1, 2])
        assert cursor.fetchall() == [(1, 2, 1)]


def test_the_fault_of_a_policy_is_not_told_to_its_users(tmp_path: Path) -> None:
    rule = """
masks:
  - name: secret-rule
    to: trader
    on: lake.desk.orders.price
    using: "regexp_replac(${col}, 'a', 'b')"
"""
    with governed(tmp_path, {"desk.orders": TABLES["desk.orders"]}) as lake:
        lake.policy(rule)
        first, second = (told(lake, "SELECT * FROM orders") for _ in range(2))
    assert first == second
    assert (first.code, first.message) == ("POLICY_INVALID", "This table cannot be read now.")
    assert first.hint == "Tell the operator the request id."
