"""The dialect: what is translated was proven on a real Trino, and all else is refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from catalog.model import Snapshot
from catalog.names import TableName
from flight_server.engines.athena.translate import translate
from flight_server.engines.athena.translated import Translated
from flight_server.engines.base import Secured
from flight_server.engines.errors import Untranslatable
from tests.trino import lake, policies, rows
from tests.trino.corpus import GOLDEN, Idiom, differing, idioms
from tests.trino.prove import on_duck

ALL = idioms()
TRANSLATED = [idiom for idiom in ALL if idiom.construct is None]
REFUSED = [idiom for idiom in ALL if idiom.construct is not None]
PEOPLE = TableName(lake.CATALOG, lake.SCHEMA, "people")
_RENEW = "run `make trino`: it proves the corpus and writes the golden files"


def _golden(topic: str) -> dict[str, dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((GOLDEN / f"{topic}.json").read_text())
    return {entry["sql"]: entry for entry in entries}


@pytest.fixture(scope="module")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with lake.duck() as connection:
        yield connection


def _translated(
    sql: str, schema: pa.Schema, row: pa.RecordBatch | None = None, **changed: Any
) -> Translated:
    return translate(replace(lake.secured(sql), **changed), row, schema, lake.PLACES)


def _ids(idiom: Idiom) -> str:
    return f"{idiom.topic}: {idiom.idiom}"


def test_the_corpus_is_large_enough() -> None:
    assert len(TRANSLATED) + len(REFUSED) >= 200
    assert len({idiom.sql for idiom in ALL}) == len(ALL)


@pytest.mark.parametrize("topic", sorted({idiom.topic for idiom in ALL}))
def test_what_is_translated_is_what_was_proven_on_trino(
    topic: str, duck: duckdb.DuckDBPyConnection
) -> None:
    golden = _golden(topic)
    for idiom in (idiom for idiom in TRANSLATED if idiom.topic == topic):
        entry = golden.pop(idiom.sql, None)
        assert entry is not None, f"{idiom.sql}: {_RENEW}"
        schema, found = on_duck(duck, idiom.sql)
        made = _translated(idiom.sql, schema)
        assert made.ordered_sql == entry["trino"], f"{idiom.sql}: {_RENEW}"
        if found is not None and not made.order_by:
            found = rows.unordered(found)
        assert found == entry["rows"], idiom.sql
    assert not golden, _RENEW


@pytest.mark.parametrize("idiom", REFUSED, ids=_ids)
def test_a_construct_without_a_proven_form_is_refused_by_name(
    idiom: Idiom, duck: duckdb.DuckDBPyConnection
) -> None:
    assert idiom.construct is not None
    schema, _ = on_duck(duck, idiom.sql)
    with pytest.raises(Untranslatable) as refused:
        _translated(idiom.sql, schema)
    assert refused.value.construct.startswith(idiom.construct), refused.value.construct
    assert idiom.sql not in str(refused.value)


def test_a_refusal_says_where_the_construct_stands() -> None:
    sql = "SELECT '😀é', reverse(name) FROM people"
    schema = pa.schema([("a", pa.string()), ("b", pa.string())])
    with pytest.raises(Untranslatable) as refused:
        _translated(sql, schema)
    assert refused.value.position == sql.index("reverse")
    assert str(refused.value).startswith("The function reverse over these arguments, at character")


def test_narrowed_tables_show_the_same_rows_as_duckdbs_views() -> None:
    golden = _golden("policies")
    raw = policies.raw()
    for case in policies.cases():
        entry = golden.pop(f"{case.name} | {case.sql}", None)
        assert entry is not None, f"{case.name}: {_RENEW}"
        schema, found = policies.expected(case, raw)
        assert policies.translated(case, schema).sql == entry["trino"], f"{case.name}: {_RENEW}"
        assert found == entry["rows"], case.name
    raw.close()
    assert not golden, _RENEW


def test_what_differs_on_trino_is_what_is_named() -> None:
    golden = json.loads((GOLDEN / "differences.json").read_text())
    assert [(entry["name"], entry["sql"]) for entry in golden] == differing(), _RENEW
    with lake.duck() as duck:
        for entry in golden:
            schema, found = on_duck(duck, entry["sql"])
            made = _translated(entry["sql"], schema)
            assert made.ordered_sql == entry["trino"], _RENEW
            assert found == entry["duck"] != entry["rows"]


def _people(**changed: Any) -> Secured:
    made = lake.whole(PEOPLE)
    table = replace(made.table, **changed.pop("table", {}))
    return lake.secured("SELECT id FROM people", (replace(made, table=table, **changed),))


_ID = pa.schema([("id", pa.int64())])


def test_a_table_is_read_at_its_pinned_snapshot() -> None:
    secured = _people(table={"snapshot": Snapshot("s3://lake/m.json", 8170)})
    sql = translate(secured, None, _ID, lake.PLACES).sql
    assert 'FROM "memory"."default"."people" FOR VERSION AS OF 8170 AS raw0' in sql


def test_a_table_that_was_never_written_shows_no_rows() -> None:
    secured = _people(table={"snapshot": Snapshot("s3://lake/m.json", None)})
    assert " AS raw0 WHERE false)" in translate(secured, None, _ID, lake.PLACES).sql


def test_hidden_columns_are_not_in_the_translation() -> None:
    whole = lake.whole(PEOPLE)
    secured = lake.secured("FROM people", (replace(whole, columns=whole.columns[:1]),))
    sql = translate(secured, None, _ID, lake.PLACES).sql
    assert '"id"' in sql
    assert '"amount"' not in sql
    with pytest.raises(Untranslatable, match="A name that is not found"):
        translate(replace(secured, text="SELECT amount FROM people"), None, _ID, lake.PLACES)


def test_values_of_rows_that_a_filter_hides_are_hidden_themselves() -> None:
    secured = _people(row_filter="n > 3")
    sql = translate(secured, None, _ID, lake.PLACES).sql
    assert 'CASE WHEN (raw0."n" > 3) THEN raw0."id" END AS c0' in sql
    assert sql.count('WHERE (raw0."n" > 3)') == 1


@pytest.mark.parametrize(
    "changed",
    [{"keyed": True}, {"part": (0, 2)}, {"columns": ()}, {"row_filter": "reverse(name) = 'a'"}],
    ids=str,
)
def test_a_relation_that_cannot_be_narrowed_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Untranslatable):
        translate(_people(**changed), None, _ID, lake.PLACES)


def test_a_policys_construct_has_no_place_in_the_statement() -> None:
    with pytest.raises(Untranslatable) as refused:
        translate(_people(row_filter="reverse(name) = 'secret'"), None, _ID, lake.PLACES)
    assert refused.value.position is None
    assert "secret" not in str(refused.value)


def test_a_table_that_athena_does_not_know_is_refused() -> None:
    with pytest.raises(Untranslatable, match="does not know"):
        translate(_people(), None, _ID, {})


@pytest.mark.parametrize(
    ("value", "data", "sql"),
    [
        ("it's", pa.string(), "'it''s'"),
        ("'; DROP TABLE x --", pa.string(), "'''; DROP TABLE x --'"),
        (5, pa.int32(), "CAST(CAST(DECIMAL '5' AS decimal(38, 0)) AS integer)"),
        (True, pa.bool_(), "true"),
        (None, pa.string(), "CAST(NULL AS varchar)"),
        (0.1, pa.float64(), "DOUBLE '0.1'"),
        (b"\x00'", pa.binary(), "X'0027'"),
    ],
    ids=str,
)
def test_a_parameter_becomes_a_literal_of_its_type(value: Any, data: pa.DataType, sql: str) -> None:
    row = pa.record_batch([pa.array([value], data)], names=["1"])
    made = _translated("SELECT ? AS v", pa.schema([("v", data)]), row, parameters=("1",))
    assert f"SELECT {sql} AS c0" in made.sql


def test_a_parameter_may_be_a_limit() -> None:
    row = pa.record_batch([pa.array([2], pa.int64())], names=["1"])
    made = _translated("SELECT id FROM people LIMIT ?", _ID, row, parameters=("1",))
    assert made.sql.endswith(" LIMIT 2) AS q (c0)")


def test_a_statement_whose_parameters_have_no_values_is_refused() -> None:
    with pytest.raises(Untranslatable, match="without values"):
        _translated("SELECT id FROM people LIMIT ?", _ID, None, parameters=("1",))


def test_types_other_than_the_promised_ones_are_refused() -> None:
    with pytest.raises(Untranslatable, match="A result column of type VARCHAR"):
        _translated("SELECT id FROM people", pa.schema([("id", pa.string())]))
    with pytest.raises(Untranslatable, match="shape"):
        _translated("SELECT id, n FROM people", _ID)


def test_other_time_zones_and_functions_of_the_session_are_refused() -> None:
    with pytest.raises(Untranslatable, match="time zone"):
        _translated("SELECT id FROM people", _ID, time_zone="Europe/Rome")


def test_an_order_is_told_as_keys_and_kept_in_the_ordered_form() -> None:
    made = _translated("SELECT id FROM people ORDER BY n DESC NULLS FIRST, id", _ID)
    assert [(k.column, k.descending, k.nulls_first) for k in made.order_by] == [
        (1, True, True),
        (0, False, False),
    ]
    assert (made.visible, len(made.columns)) == (1, 2)
    assert "ORDER BY" not in made.sql
    assert made.ordered_sql.endswith(" ORDER BY q.c1 DESC NULLS FIRST, q.c0 ASC NULLS LAST")


@pytest.mark.parametrize(
    ("column", "encoded"),
    [
        ("id", False),
        ("seen", True),
        ("zoned", True),
        ("clock", True),
        ("tags", False),
        ("born", False),
    ],
)
def test_what_parquet_would_lose_travels_as_text(
    column: str, encoded: bool, duck: duckdb.DuckDBPyConnection
) -> None:
    sql = f"SELECT {column} FROM people"
    made = _translated(sql, on_duck(duck, sql)[0])
    assert made.columns[0].encoded is encoded
    assert (") AS varchar) AS c0" in made.sql) is encoded


@pytest.mark.parametrize(
    "name", ['x"; DROP TABLE t --', "select", "Größe", "a b", "C0", "q", "raw0", "t0"]
)
def test_no_name_of_a_users_reaches_athena(name: str, duck: duckdb.DuckDBPyConnection) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    sql = f"WITH {quoted} AS (SELECT id AS {quoted} FROM people) SELECT {quoted} FROM {quoted}"
    made = _translated(sql, on_duck(duck, sql)[0])
    assert name in ("q", "raw0", "t0") or name not in made.sql


def test_a_statement_that_is_too_long_for_athena_is_refused() -> None:
    long = " OR ".join(f"name = 'value number {n}'" for n in range(9_000))
    with pytest.raises(Untranslatable, match="length"):
        _translated(f"SELECT id FROM people WHERE {long}", _ID)


def test_a_deeply_nested_statement_is_refused_not_fatal() -> None:
    for deep in ("(" * 0 + "NOT " * 3_000 + "true", " + ".join(["1"] * 3_000)):
        with pytest.raises(Untranslatable):
            _translated(f"SELECT id FROM people WHERE {deep} IS NULL", _ID)
