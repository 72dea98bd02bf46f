"""The attack statements with Athena as the engine that is asked for: nothing hidden may show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from flight_server.app import Application
from flight_server.query.failures import failure_of
from flight_server.testing.athena import AthenaDouble
from tests.athena import lake
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
AT_ONCE = 3


@pytest.fixture(scope="module")
def application(
    double: AthenaDouble, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Application]:
    tables = {
        ("shop", "customers"): warehouse.customers(),
        ("shop", "orders"): warehouse.orders(),
        ("ref", "regions"): pa.table(warehouse.REGIONS),
        **warehouse.HIDDEN,
    }
    lake.fill(double, {".".join(name): rows for name, rows in tables.items()})
    configured = lake.settings(double, defaults={"schema": "shop"}, limits={"statement": 10})
    directory = tmp_path_factory.mktemp("attacked")
    groups = {warehouse.EVE: "readers", warehouse.WANDA: "widely", warehouse.OWNER: "owners"}
    with lake.serving(directory, configured, warehouse.POLICY, groups) as running:
        yield running


@pytest.fixture(scope="module")
def right() -> Iterator[duckdb.DuckDBPyConnection]:
    with warehouse.oracle() as connection:
        yield connection


@pytest.mark.timeout(300)
def test_no_attack_shows_what_is_hidden(
    application: Application, right: duckdb.DuckDBPyConnection, double: AthenaDouble
) -> None:
    eve = replace(doors.EVE, engine="athena")
    before = len(double.executions)

    def attacked(attack: Example) -> tuple[Example, str, doors.Answer]:
        sent = attack.fill(PLACES)
        try:
            return attack, sent, doors.in_process(application.service, eve, sent)
        except (KeyError, ValueError, TypeError) as error:
            # whatever was not foreseen is told as INTERNAL, without its text
            failure = failure_of(error)
            return attack, sent, doors.Answer(None, failure.code, failure.message)

    tried = [attack for attack in ATTACKS if "slow" not in attack.marks]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(attacked, tried))
    wrong = [fault for each in answers if (fault := judged(*each, right))]
    assert not wrong, "\n".join(wrong[:10])
    assert len(answers) > 250
    assert len(double.executions) - before > 20, "Athena was hardly asked anything"


def judged(
    attack: Example, sent: str, answer: doors.Answer, right: duckdb.DuckDBPyConnection
) -> str:
    """What is wrong with an answer, if anything."""
    shown = canaries.found(answer.seen, sent)
    if shown:
        return f"{attack.id} {attack.title} shows {shown}: {answer.seen[:500]}"
    if answer.table is None or {"ours", "random"} & set(attack.marks):
        return ""
    if "refused" in attack.marks:
        return f"{attack.id} {attack.title} was not refused: {answer.seen[:500]}"
    expected = right.sql(sent).to_arrow_table()
    if doors.alike(answer.table, expected, ordered="ORDER BY" in sent.upper()):
        return ""
    return f"{attack.id} {attack.title} differs: {answer.seen[:400]}\n{expected.to_pylist()[:5]}"
