"""The attack statements, by every way to a result: nothing hidden may show, nothing may change."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from flight_server.app import Application
from flight_server.engines.base import Secured
from tests.security import canaries, doors, warehouse
from tests.security.doors import EVE, OWNER, WANDA, Answer, Remote
from tests.security.warehouse import STATEMENT_SECONDS, Lake
from tests.statements import Example, read_all
from tests.waiting import within

ATTACKS = read_all(Path(__file__).parent / "attacks")
FILES = sorted({attack.file for attack in ATTACKS})


def of(file: str, *, slow: bool = False) -> list[Example]:
    """The attacks of a file."""
    return [a for a in ATTACKS if a.file == file and ("slow" in a.marks) == slow]


def shared(file: str) -> list[Example]:
    """The attacks of a file that are meant for every way; one is enough for bombs."""
    return [attack for attack in of(file) if "alone" not in attack.marks]


@pytest.fixture(scope="module")
def wanda(application: Application) -> Iterator[Remote]:
    with closing(Remote(application.server.location, warehouse.WANDA)) as door:
        yield door


@pytest.fixture(scope="module")
def narrowed(application: Application) -> Secured:
    """The user's tables, as the engine is given them."""
    text = "SELECT 1 FROM customers, orders, lake.ref.regions"
    return application.service.plan(EVE, text).secured


@pytest.fixture(autouse=True)
def untouched(lake: Lake, listener: socket.socket) -> Iterator[None]:
    """Whatever a statement tries, it writes no file, reaches no socket and ends no process."""
    before = tree(lake.directory)
    yield
    assert tree(lake.directory) == before
    assert not list(lake.outside.iterdir())
    with pytest.raises(BlockingIOError):
        listener.accept()


def tree(directory: Path) -> dict[str, int]:
    return {
        str(path): path.stat().st_mtime_ns
        for path in directory.rglob("*")
        if path.is_file() and not path.name.startswith(("lake.db", "dark.db"))
    }


Way = Callable[[str], Answer]


def attacked(
    attacks: list[Example], way: Way, lake: Lake, right: duckdb.DuckDBPyConnection
) -> list[str]:
    """What went wrong, one text for each statement that did not behave."""
    wrong = []
    for attack in attacks:
        sent = attack.fill(lake.places)
        answer = way(sent)
        fault = judge(attack, sent, answer, right)
        if fault:
            wrong.append(f"{attack.id} {attack.title}\n  {sent[:300]!r}\n  {fault[:1500]}")
    return wrong


def assert_none(wrong: list[str]) -> None:
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def judge(
    attack: Example,
    sent: str,
    answer: Answer,
    right: duckdb.DuckDBPyConnection,
    *,
    shape: bool = False,
) -> str | None:
    """What is wrong with an answer, if anything.

    What is marked as refused is so to the users whom it was written for; one of another `shape`
    may get what their own tables answer.
    """
    shown = canaries.found(answer.seen, sent)
    if shown:
        return f"shows {shown}: {answer.seen}"
    if answer.table is None:
        return judge_error(sent, answer, right)
    if "ours" in attack.marks:
        return None
    if "refused" in attack.marks and not shape:
        return f"was not refused: {answer.seen}"
    if "random" in attack.marks:
        return None
    try:
        expected = right.sql(sent).to_arrow_table()
    except duckdb.Error as error:
        return f"was not refused: {answer.seen} ({error})"
    if doors.alike(answer.table, expected, ordered="ORDER BY" in sent.upper()):
        return None
    return f"differs: {answer.table.to_pylist()}\n  should be {expected.to_pylist()}"


def test_there_are_many_attacks_of_many_kinds() -> None:
    assert len(ATTACKS) > 250
    assert len({attack.file for attack in ATTACKS}) > 20
    assert all(attack.title for attack in ATTACKS)


def judge_error(sent: str, answer: Answer, right: duckdb.DuckDBPyConnection) -> str | None:
    """An error of the data must be one of the permitted rows: else it tells of the hidden ones."""
    if len(answer.error) > 3000:
        return f"the error is too long: {answer.error}"
    if "EXECUTION_FAILED" not in answer.seen:
        return None
    try:
        right.sql(sent).fetchall()
    except duckdb.Error:
        return None
    return f"fails, although it does not over the permitted rows: {answer.error}"


@pytest.mark.parametrize("file", FILES)
def test_through_the_query_service(
    file: str, application: Application, lake: Lake, right: duckdb.DuckDBPyConnection
) -> None:
    def way(text: str) -> Answer:
        return doors.in_process(application.service, EVE, text)

    assert_none(attacked(of(file), way, lake, right))


@pytest.mark.parametrize("file", FILES)
def test_as_prepared_statements_over_the_network(
    file: str, eve: Remote, lake: Lake, right: duckdb.DuckDBPyConnection
) -> None:
    assert_none(attacked(shared(file)[0::3], eve.prepared, lake, right))


@pytest.mark.parametrize("file", FILES)
def test_as_plain_statements_over_the_network(
    file: str, wanda: Remote, lake: Lake, right: duckdb.DuckDBPyConnection
) -> None:
    assert_none(attacked(shared(file)[1::3], wanda.statement, lake, right))


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES)
def test_everything_by_both_users_over_the_network(
    file: str, eve: Remote, wanda: Remote, lake: Lake, right: duckdb.DuckDBPyConnection
) -> None:
    for way in (eve.prepared, eve.statement, wanda.prepared, wanda.statement):
        assert_none(attacked(shared(file), way, lake, right))


@pytest.mark.parametrize("file", FILES)
def test_with_the_gate_switched_off(
    file: str, application: Application, lake: Lake, narrowed: Secured
) -> None:
    """The second wall alone: the process holds the user's tables and nothing else.

    It may give away what is in the files of those tables, as it must be able to read them: the
    hidden columns and rows of the same files are kept by the gate and the views.
    """
    wrong = []
    for attack in shared(file):
        sent = attack.fill(lake.places)
        answer = doors.bare_engine(application.service, narrowed, sent)
        shown = canaries.of_others(answer.seen, sent)
        if shown:
            wrong.append(f"{attack.id} {sent[:300]!r} shows {shown}: {answer.seen[:1500]}")
    assert_none(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("file", sorted({a.file for a in ATTACKS if "slow" in a.marks}))
def test_slow_ones_through_the_query_service(
    file: str, application: Application, lake: Lake, right: duckdb.DuckDBPyConnection
) -> None:
    def way(text: str) -> Answer:
        return doors.in_process(application.service, EVE, text)

    for attack in of(file, slow=True):
        with within(STATEMENT_SECONDS + 3, attack.text):
            assert_none(attacked([attack], way, lake, right))
        answer = way("SELECT count(*) AS n FROM customers")
        assert answer.table is not None
        assert answer.table.to_pylist() == [{"n": 6}]


def test_the_owner_sees_what_is_hidden(application: Application) -> None:
    """Without this the rest would prove nothing: the canaries are there to be seen."""
    for statement in (
        "SELECT * FROM customers",
        "SELECT * FROM orders",
        "SELECT * FROM salaries",
        "SELECT * FROM lake.vault.secrets",
        "SELECT * FROM dark.deep.treasure",
    ):
        answer = doors.in_process(application.service, OWNER, statement)
        assert canaries.found(answer.seen, statement), statement
    assert canaries.of_others(answer.seen, "")


def test_the_owner_sees_it_over_the_network_too(application: Application) -> None:
    with closing(Remote(application.server.location, warehouse.OWNER)) as door:
        answer = door.statement("SELECT * FROM lake.shop.customers")
    assert canaries.found(answer.seen, "")
    assert answer.table is not None
    assert answer.table.num_rows == 12


def test_both_users_have_the_same_rights(application: Application) -> None:
    """One has them by grants, the other by denials: all that follows is tried with both."""
    listed = [
        [(table.name, table.arrow_schema) for table in application.service.visible(user).tables()]
        for user in (EVE, WANDA)
    ]
    assert listed[0] == listed[1]
    assert [str(name) for name, _ in listed[0]] == [
        "lake.ref.regions",
        "lake.shop.customers",
        "lake.shop.orders",
    ]
