"""The questions of three well-known benchmarks: the gate takes them all, and answers are right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb
import pytest

from auth.principal import Principal
from flight_server.app import Application, build
from flight_server.config import load
from flight_server.query.caller import Caller
from tests.corpora import tables
from tests.security import doors
from tests.statements import Example, read

HERE = Path(__file__).parent
CORPORA = {name: read(HERE / f"{name}.sql") for name in ("tpch", "tpcds", "clickbench")}
ANSWERED = [(name, example) for name in tables.WITH_ROWS for example in CORPORA[name]]


@pytest.fixture(scope="module")
def rows() -> Iterator[tuple[duckdb.DuckDBPyConnection, Mapping[str, Mapping[str, object]]]]:
    with duckdb.connect() as connection:
        yield connection, {name: tables.made(connection, name) for name in tables.WITH_ROWS}


@pytest.fixture(scope="module")
def right(rows: tuple[duckdb.DuckDBPyConnection, object]) -> duckdb.DuckDBPyConnection:
    """DuckDB itself over the same rows."""
    return rows[0]


@pytest.fixture(scope="module")
def application(
    tmp_path_factory: pytest.TempPathFactory,
    rows: tuple[object, Mapping[str, Mapping[str, object]]],
) -> Iterator[Application]:
    directory = tmp_path_factory.mktemp("corpora")
    content = [(s, name, table) for s, found in rows[1].items() for name, table in found.items()]
    content += [(tables.WITHOUT_ROWS, name, schema) for name, schema in tables.columns().items()]
    running = build(load(tables.build(directory, content)))
    try:
        yield running
    finally:
        running.stop(2.0)


def caller(schema: str) -> Caller:
    return Caller(Principal("ann", groups=frozenset({"people"})), "request", schema=schema)


def test_the_corpora_are_complete() -> None:
    for name, count in (("tpch", 22), ("tpcds", 99), ("clickbench", 43)):
        numbers = [example.title.partition(".")[0] for example in CORPORA[name]]
        assert numbers == [str(number) for number in range(1, count + 1)]


@pytest.mark.parametrize(("corpus", "example"), ANSWERED, ids=lambda v: getattr(v, "id", ""))
def test_answers_are_those_of_duckdb_itself(
    application: Application, right: duckdb.DuckDBPyConnection, corpus: str, example: Example
) -> None:
    answer = doors.in_process(application.service, caller(corpus), example.text)
    assert answer.table is not None, answer.seen
    right.execute(f"USE {corpus}")
    expected = right.sql(example.text).to_arrow_table()
    assert doors.alike(answer.table, expected, ordered="ORDER BY" in example.text)
    assert expected.num_rows > 0, "the question tests nothing"


@pytest.mark.parametrize("example", CORPORA["tpcds"], ids=lambda example: example.id)
def test_what_is_asked_of_a_large_schema_can_be_planned(
    application: Application, example: Example
) -> None:
    planned = application.service.plan(caller("tpcds"), example.text)
    assert planned.bound
    assert len(planned.schema) > 0
    assert len(planned.secured.relations) > 0
