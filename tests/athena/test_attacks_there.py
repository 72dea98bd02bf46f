"""The attack statements over the network with Athena as the engine: nothing hidden may show."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import duckdb
import pyarrow as pa
import pytest

from flight_server.app import Application
from flight_server.protocol.wire import flight_sql_pb2
from flight_server.testing.athena import AthenaDouble
from tests.athena import lake, sent
from tests.athena.differences import ordered
from tests.athena.door import Door, Told
from tests.security import canaries, doors, warehouse
from tests.statements import Example, read_all

ATTACKS = read_all(Path(__file__).parent.parent / "security" / "attacks")
PLACES: Mapping[str, str] = {
    "file": "/data/customers.parquet",
    "hidden_file": "/data/salaries.parquet",
    "metadata": "/data/customers.json",
    "warehouse": "/data",
    "catalog_db": "/data/lake.db",
    "outside": "/data/outside",
    "port": "1",
    "host_text": "/data/host.txt",
    "host_csv": "/data/host.csv",
    "host_json": "/data/host.json",
    **warehouse._characters(),
    **warehouse._sizes(),
}
AT_ONCE = 4
USERS = (warehouse.EVE, warehouse.WANDA)
# What Athena may be asked to read for these users, and where.
EU = "TRY((LOWER(raw0.\"region\") = 'eu'))"
READ = {
    "shop.customers": sent.Narrowing(
        frozenset({"id", "name", "region", "code", "level", "email", "joined", "address"}), EU
    ),
    "shop.orders": sent.Narrowing(frozenset({"order_id", "customer_id", "amount", "note"})),
    "ref.regions": sent.Narrowing(frozenset({"code", "title"})),
}
_DIGEST = re.compile(r"\b[0-9a-f]{16,}\b")
# The corpus' policy, its one mask without a form for Athena said in one that has: by it no
# statement over the table would be sent at all.
_MASK = "regexp_replace(${col}, '^[^@]*', '***')"
POLICY = warehouse.POLICY.replace(_MASK, "'***@' || split_part(${col}, '@', 2)")
KEY = "a-key-that-nobody-but-the-server-may-know"
KEYED = """
version: 1
roles: {reader: {groups: [readers]}}
grants: [{to: reader, on: "lake.**", allow: select}]
masks:
  - {name: hashed, on: lake.shop.customers.email, to: reader, mask: {hash: {key: crm}}}
"""


@dataclass
class Tried:
    """All that users have sent and seen, for what is looked at in the end."""

    sent: list[str] = field(default_factory=list)
    answered: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    lock: Lock = field(default_factory=Lock)


def code_of(told: Told) -> str:
    """The code of an answer, as clients find it in the text."""
    found = re.search(r"\b([A-Z][A-Z_]{3,}): ", told.seen)
    return "" if told.answer.table is not None else found[1] if found else "other"


@pytest.fixture(scope="module")
def tables(double: AthenaDouble) -> None:
    made = {
        ("shop", "customers"): warehouse.customers(),
        ("shop", "orders"): warehouse.orders(),
        ("ref", "regions"): pa.table(warehouse.REGIONS),
        **warehouse.HIDDEN,
    }
    lake.fill(double, {".".join(name): rows for name, rows in made.items()})


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audit")


@pytest.fixture(scope="module")
def application(
    double: AthenaDouble, tables: None, audit: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Application]:
    configured = lake.settings(
        double,
        defaults={"schema": "shop"},
        limits={"statement": warehouse.STATEMENT_SECONDS},
        audit={"directory": str(audit), "secret": "file:secret"},
    )
    directory = tmp_path_factory.mktemp("attacked")
    groups = {warehouse.EVE: "readers", warehouse.WANDA: "widely", warehouse.OWNER: "owners"}
    with lake.serving(directory, configured, POLICY, groups) as running:
        yield running


@pytest.fixture(scope="module")
def right() -> Iterator[duckdb.DuckDBPyConnection]:
    with warehouse.oracle() as connection:
        yield connection


@pytest.fixture(scope="module")
def tried() -> Tried:
    return Tried()


@pytest.fixture(scope="module")
def user(application: Application) -> Iterator[Callable[[str], list[Door]]]:
    """Several connections of a user, as a connection runs one statement at a time."""
    with ExitStack() as held:

        def opened(name: str) -> list[Door]:
            made = [Door(application.server.location, name) for _ in range(AT_ONCE)]
            return [held.enter_context(closing(each)) for each in made]

        yield opened


WAYS: Mapping[str, Callable[[Door, str], Told]] = {
    "prepared": lambda door, text: Told(door.prepared(text)),
    "statement": lambda door, text: door.told(text),
    "polled": lambda door, text: door.polled_for(text),
    "explained": lambda door, text: door.told(f"EXPLAIN {text}"),
}
# Every so many statements go a way, for either user: all go one of them.
SHARES = {
    "prepared": {warehouse.EVE: 1, warehouse.WANDA: 4},
    "statement": {warehouse.EVE: 4, warehouse.WANDA: 1},
    "polled": {warehouse.EVE: 4, warehouse.WANDA: 4},
    "explained": {warehouse.EVE: 4, warehouse.WANDA: 4},
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", SHARES)
@pytest.mark.parametrize("name", USERS)
def test_no_attack_shows_what_is_hidden(
    name: str,
    way: str,
    user: Callable[[str], list[Door]],
    right: duckdb.DuckDBPyConnection,
    double: AthenaDouble,
    tried: Tried,
) -> None:
    free, every = user(name), SHARES[way][name]
    before = len(double.executions)
    attacks = [a for a in ATTACKS if not {"slow", "alone"} & a.marks][::every]

    def attacked(attack: Example) -> str:
        text, door = attack.fill(PLACES), free.pop()
        try:
            told = WAYS[way](door, text)
        finally:
            free.append(door)
        with tried.lock:
            tried.sent.append(text)
            tried.answered += told.answer.table is not None
            tried.codes[code_of(told)] += 1
            return judged(attack, text, told, None if way == "explained" else right.cursor())

    with ThreadPoolExecutor(AT_ONCE) as pool:
        wrong = [fault for fault in pool.map(attacked, attacks) if fault]
    assert not wrong, "\n".join(wrong[:10])
    read = [each.query for each in double.executions[before:] if sent.RAW in each.query]
    if way == "explained":
        assert read == [], "what was to be explained was run"
    else:
        assert len(read) > 10 // every, "Athena was hardly asked anything"


def judged(attack: Example, text: str, told: Told, right: duckdb.DuckDBPyConnection | None) -> str:
    """What is wrong with an answer, if anything. `right` has what the user may see."""
    shown = canaries.found(told.seen, text)
    if shown:
        return f"{attack.id} {attack.title} shows {shown}: {told.seen[:500]}"
    if right is None:
        return ""
    answer = told.answer
    if answer.table is None:
        return judged_error(attack, text, answer.seen, right)
    if {"ours", "random"} & set(attack.marks):
        return ""
    if "refused" in attack.marks:
        return f"{attack.id} {attack.title} was not refused: {answer.seen[:500]}"
    right.execute("USE lake.shop")
    expected = right.sql(text).to_arrow_table()
    if doors.alike(answer.table, expected, ordered=ordered(text)):
        return ""
    return f"{attack.id} {attack.title} differs: {answer.seen[:400]}\n{expected.to_pylist()[:5]}"


def judged_error(attack: Example, text: str, seen: str, right: duckdb.DuckDBPyConnection) -> str:
    """An error of the data must be one of the permitted rows: else it tells of hidden ones."""
    if len(seen) > 4000 or "INTERNAL" in seen or "staging" in seen:
        return f"{attack.id} {attack.title} tells too much: {seen[:1000]}"
    if "EXECUTION_FAILED" not in seen:
        return ""
    try:
        right.execute("USE lake.shop")
        right.sql(text).fetchall()
    except duckdb.Error:
        return ""
    return f"{attack.id} {attack.title} fails, although not over the permitted rows: {seen[:500]}"


@pytest.mark.parametrize("name", USERS)
def test_metadata_show_nothing_hidden_beside_athena(
    name: str, user: Callable[[str], list[Door]]
) -> None:
    for command in (
        flight_sql_pb2.CommandGetCatalogs(),
        flight_sql_pb2.CommandGetDbSchemas(),
        flight_sql_pb2.CommandGetTables(include_schema=True),
    ):
        answer = user(name)[0].listed(command)
        assert answer.table is not None
        assert canaries.found(answer.seen, "") == []


def test_the_policy_here_is_that_of_the_corpus_but_for_one_form() -> None:
    assert warehouse.POLICY.count(_MASK) == 1


def test_texts_that_athena_was_sent_read_only_what_the_users_may_see(
    double: AthenaDouble, tried: Tried
) -> None:
    """Its history of statements is open to others: nothing hidden may be in a text either."""
    texts = {execution.query for execution in double.executions}
    print(dict(tried.codes))
    assert len(texts) > 60
    assert tried.answered > 250
    typed = "\n".join(tried.sent)
    for text in texts:
        assert list(sent.faults(text, READ)) == [], text
        assert canaries.found(text, typed) == [], text


def test_the_audit_of_these_statements_holds_nothing_hidden(
    application: Application, audit: Path, tried: Tried
) -> None:
    lines = [line for path in audit.rglob("*.jsonl") for line in path.read_text().splitlines()]
    records = [json.loads(line) for line in lines]
    there = [each for each in records if each.get("engine") == "athena"]
    assert len([each for each in there if each["event"] == "start"]) > 150
    typed = "\n".join(tried.sent)
    for line in lines:
        # digests and names made of digests have any digits
        assert canaries.found(_DIGEST.sub("", line), typed) == [], line


def test_the_owner_sees_by_athena_what_is_hidden(
    application: Application, double: AthenaDouble
) -> None:
    """Without this the rest would prove nothing: the canaries are there to be seen, and sent."""
    with closing(Door(application.server.location, warehouse.OWNER)) as door:
        before = len(double.executions)
        for text in ("SELECT * FROM customers", "SELECT * FROM salaries"):
            assert canaries.found(door.told(text).seen, text), text
    (first, second) = double.executions[before:]
    assert list(sent.faults(first.query, READ))
    assert list(sent.faults(second.query, READ)) == ["shop.salaries is read"]


def test_a_masks_key_is_in_no_text_that_athena_is_sent(
    double: AthenaDouble, tables: None, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(KEY)
    configured = lake.settings(
        double, defaults={"schema": "shop"}, policy={"keys": {"crm": "file:key"}}
    )
    with (
        lake.serving(tmp_path, configured, KEYED, {"kim": "readers"}) as running,
        closing(Door(running.server.location, "kim")) as door,
    ):
        before = len(double.executions)
        for text in ("SELECT email FROM customers", "SELECT count(*) FROM customers"):
            assert "NO_ENGINE" in door.told(text).seen
        assert door.told("SELECT note FROM orders").answer.table is not None
        door.statement("SET engine = 'auto'")
        hashed = door.statement("SELECT email FROM customers").table
    assert hashed is not None
    texts = [execution.query for execution in double.executions[before:]]
    assert len([text for text in texts if sent.RAW in text]) == 1
    for secret in (KEY, KEY.encode().hex(), *hashed["email"].to_pylist()):
        assert not any(secret in text for text in texts)
