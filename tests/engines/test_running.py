"""Statements run and give the rows that they should, in frames of the right shape."""

from __future__ import annotations

import datetime
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from catalog.model import Table
from flight_server.engines.base import Secured
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.settings import MIB
from flight_server.engines.errors import (
    BindFailed,
    EngineError,
    ExecutionFailed,
    OutOfResources,
    UnsupportedData,
)
from tests.engines import rig


def test_a_constant_is_answered(engine: DuckDBEngine) -> None:
    assert rig.values(engine, "SELECT 1 AS a, 'x' AS b") == [(1, "x")]


def test_a_statement_may_have_comments_and_a_semicolon(engine: DuckDBEngine) -> None:
    assert rig.values(engine, "/* é */ SELECT 1 -- one\n;") == [(1,)]


def test_a_table_is_read_in_full(engine: DuckDBEngine, people: Table) -> None:
    statement = rig.secured("SELECT * FROM people ORDER BY id", rig.relation(people))
    assert rig.rows(engine, statement) == rig.PEOPLE


def test_names_may_be_qualified_to_any_depth(engine: DuckDBEngine, people: Table) -> None:
    for name in ("people", "s.people", "lake.s.people", '"LAKE"."S".People'):
        assert rig.values(engine, f"SELECT count(*) FROM {name}", rig.relation(people)) == [(4,)]


def test_a_default_schema_without_relations_still_completes_names(
    engine: DuckDBEngine, people: Table
) -> None:
    statement = Secured(
        "SELECT count(*) AS n FROM s.people", (rig.relation(people),), (), "lake", "other"
    )
    assert rig.rows(engine, statement).to_pylist() == [{"n": 4}]


def test_a_catalog_may_have_the_name_of_duckdbs_own(engine: DuckDBEngine) -> None:
    statement = Secured("SELECT 1 AS a", (), (), "memory", "main")
    assert rig.rows(engine, statement).to_pylist() == [{"a": 1}]


def test_only_visible_columns_are_there(engine: DuckDBEngine, people: Table) -> None:
    narrowed = rig.relation(people, ["id", "name"])
    assert rig.rows(engine, rig.secured("SELECT * FROM people", narrowed)).column_names == [
        "id",
        "name",
    ]


def test_masks_see_raw_values_and_keep_the_columns_type(
    engine: DuckDBEngine, people: Table
) -> None:
    masked = rig.relation(people, masks={"salary": "salary // 100", "name": "upper(region)"})
    table = rig.rows(engine, rig.secured("SELECT * FROM people ORDER BY id", masked))
    assert table.column("salary").to_pylist() == [0, 0, 0, 0]
    assert table.schema.field("salary").type == pa.int32()
    assert table.column("name").to_pylist() == ["EU", "US", "EU", "US"]


def test_a_row_filter_sees_hidden_and_raw_columns(engine: DuckDBEngine, people: Table) -> None:
    filtered = rig.relation(people, ["id"], row_filter="region = 'eu' AND salary > 10")
    assert rig.values(engine, "SELECT * FROM people", filtered) == [(3,)]


def test_a_row_filter_holds_on_raw_values_where_its_column_is_masked(
    engine: DuckDBEngine, people: Table
) -> None:
    filtered = rig.relation(people, masks={"region": "'**'"}, row_filter="region = 'us'")
    answer = rig.values(engine, "SELECT id, region FROM people ORDER BY id", filtered)
    assert answer == [(2, "**"), (4, "**")]


def test_rows_that_are_hidden_do_not_speak_through_errors(
    engine: DuckDBEngine, people: Table
) -> None:
    filtered = rig.relation(people, row_filter="id IN (SELECT 1 UNION SELECT 3)")
    text = "SELECT * FROM people WHERE 1 // (salary - 20) >= 0 OR true"
    assert len(rig.values(engine, text, filtered)) == 2


def test_results_of_one_name_twice_keep_both(engine: DuckDBEngine) -> None:
    statement = rig.secured('SELECT 1 AS a, 2 AS a, 3 AS "A"')
    assert rig.rows(engine, statement).column_names == ["a", "a", "A"]


def test_a_result_without_rows_has_a_shape_and_no_frames(
    engine: DuckDBEngine, people: Table
) -> None:
    table = rig.rows(engine, rig.secured("SELECT * FROM people WHERE false", rig.relation(people)))
    assert table.num_rows == 0
    assert table.schema == rig.PEOPLE.schema


def test_the_time_zone_of_a_statement_is_kept(engine: DuckDBEngine) -> None:
    text = "SELECT strftime(TIMESTAMPTZ '2024-07-01 00:00:00+00', '%H') AS h"
    for zone, hour in (("UTC", "00"), ("Europe/Berlin", "02")):
        statement = Secured(text, (), time_zone=zone)
        assert rig.rows(engine, statement).to_pylist() == [{"h": hour}]


def test_the_time_zone_is_part_of_the_results_type(engine: DuckDBEngine) -> None:
    for zone in ("UTC", "Europe/Berlin"):
        statement = Secured("SELECT TIMESTAMPTZ '2024-07-01 00:00:00+00' AS t", (), time_zone=zone)
        assert rig.rows(engine, statement).schema.field("t").type.tz == zone


MIXED = """
SELECT i AS a, i::VARCHAR AS b, repeat('x', (i % 50)::INT) AS c,
       CASE WHEN i % 3 > 0 THEN i END AS d,
       [i, NULL] AS e, {'x': i, 'y': i::VARCHAR} AS f, i % 2 = 0 AS g, MAP {i: 'v'} AS h,
       (i / 7)::DECIMAL(20, 3) AS k, NULL AS n, TIMESTAMP '2020-01-01' + i * INTERVAL 1 SECOND AS t
FROM range(100000) r(i) ORDER BY i
"""


def test_many_frames_of_all_kinds_of_columns_equal_duckdbs_own(engine: DuckDBEngine) -> None:
    ours = rig.rows(engine, rig.secured(MIXED))
    with duckdb.connect() as connection:
        theirs = connection.sql(MIXED).to_arrow_table()
    assert ours.schema == theirs.schema
    assert ours.combine_chunks() == theirs.combine_chunks()


@pytest.mark.parametrize("width", [10, 3_000, 200_000, 1_000_000])
def test_no_frame_is_larger_than_three_mebibytes(engine: DuckDBEngine, width: int) -> None:
    count = min(20_000, 40_000_000 // width)
    statement = rig.secured(f"SELECT i, repeat('x', {width}) AS x FROM range({count}) r(i)")
    schema = engine.describe(statement, None, deadline=rig.soon())
    stream = engine.run(statement, None, schema, deadline=rig.soon())
    frames = list(stream)
    stream.close()
    assert max(len(frame.data) for frame in frames) <= 3 * MIB + 1024
    assert sum(frame.rows for frame in frames) == count
    table = rig.decoded(frames, schema)
    assert table.column("i").to_pylist() == list(range(count))


def test_one_large_row_is_one_large_frame(engine: DuckDBEngine) -> None:
    width = "CASE WHEN i = 2 THEN 15000000 ELSE 100000 END"
    text = f"SELECT i, repeat('x', {width}) AS x FROM range(5) r(i)"
    table = rig.rows(engine, rig.secured(text))
    assert [len(x) for x in table.column("x").to_pylist()] == [100_000] * 2 + [15_000_000] + [
        100_000
    ] * 2


def test_a_row_larger_than_a_message_is_refused(engine: DuckDBEngine) -> None:
    with pytest.raises(OutOfResources):
        rig.rows(engine, rig.secured("SELECT repeat('x', 17000000) AS x FROM range(2)"))


PARAMETERS = [
    pa.array([True]),
    pa.array([-7], pa.int8()),
    pa.array([300], pa.int16()),
    pa.array([70_000], pa.int32()),
    pa.array([2**62], pa.int64()),
    pa.array([200], pa.uint8()),
    pa.array([60_000], pa.uint16()),
    pa.array([2**31], pa.uint32()),
    pa.array([2**63], pa.uint64()),
    pa.array([1.5], pa.float32()),
    pa.array([0.1], pa.float64()),
    pa.array([Decimal("123.4500")], pa.decimal128(10, 4)),
    pa.array(["it's é"]),
    pa.array([b"\x00\xff'"]),
    pa.array([datetime.date(2024, 2, 29)]),
    pa.array([datetime.time(1, 2, 3, 456)], pa.time64("us")),
    pa.array([1], pa.timestamp("s")),
    pa.array([1_001], pa.timestamp("ms")),
    pa.array([1_700_000_000_123_456], pa.timestamp("us")),
    pa.array([1_700_000_000_123_456_789], pa.timestamp("ns")),
    pa.array([1_700_000_000_123_456], pa.timestamp("us", "UTC")),
    pa.array([[1, None, 3]], pa.list_(pa.int16())),
    pa.array([{"a": 1, "b": "x"}], pa.struct([("a", pa.int16()), ("b", pa.string())])),
]


@pytest.mark.parametrize("value", PARAMETERS, ids=lambda value: str(value.type))
def test_a_parameter_keeps_its_type_and_value(engine: DuckDBEngine, value: pa.Array) -> None:
    row = pa.record_batch([value], ["1"])
    statement = rig.secured("SELECT ? AS x", parameters=("1",))
    table = rig.rows(engine, statement, row)
    assert table.column("x").type == value.type
    assert table.column("x").combine_chunks() == value


def test_another_zones_timestamp_is_the_same_instant(engine: DuckDBEngine) -> None:
    value = pa.array([1_700_000_000_000_000], pa.timestamp("us", "America/New_York"))
    statement = rig.secured("SELECT ? AS x", parameters=("1",))
    table = rig.rows(engine, statement, pa.record_batch([value], ["1"]))
    assert table.column("x").cast(pa.int64()).to_pylist() == [1_700_000_000_000_000]


def test_null_parameters_can_be_bound(engine: DuckDBEngine) -> None:
    statement = rig.secured(
        "SELECT ?::INTEGER AS x, $2 AS y".replace("?", "$1"), parameters=("1", "2")
    )
    row = pa.record_batch([pa.nulls(1, pa.int32()), pa.nulls(1)], ["1", "2"])
    assert rig.rows(engine, statement, row).to_pylist() == [{"x": None, "y": None}]


def test_named_parameters_are_bound_by_name(engine: DuckDBEngine) -> None:
    statement = rig.secured("SELECT $b || $a || $b AS x", parameters=("b", "a"))
    row = pa.record_batch([pa.array(["1"]), pa.array(["2"])], ["b", "a"])
    assert rig.rows(engine, statement, row).to_pylist() == [{"x": "121"}]


def test_a_value_is_never_sql(engine: DuckDBEngine, people: Table) -> None:
    statement = rig.secured(
        "SELECT count(*) AS n FROM people WHERE name = ?", rig.relation(people), parameters=("1",)
    )
    row = pa.record_batch([pa.array(["x' OR 'a' = 'a"])], ["1"])
    assert rig.rows(engine, statement, row).to_pylist() == [{"n": 0}]


def test_the_wrong_number_of_parameters_is_refused(engine: DuckDBEngine) -> None:
    statement = rig.secured("SELECT ? AS x", parameters=("1",))
    row = pa.record_batch([pa.array([1]), pa.array([2])], ["1", "2"])
    with pytest.raises(BindFailed):
        engine.describe(statement, row, deadline=rig.soon())


@pytest.mark.parametrize(
    "text",
    [
        "SELECT CAST(if(i = 70000, 'sec' || 'ret', '1') AS INT) FROM range(100000) r(i)",
        "SELECT 1 // (i - 70000) FROM range(100000) r(i)",
        "SELECT (i * 9223372036854775807)::BIGINT FROM range(3) r(i)",
        "SELECT error('sec' || 'ret' || i) FROM range(3) r(i)",
        "SELECT (SELECT i FROM range(2) r(i))",
    ],
)
def test_a_failure_over_the_data_shows_no_value(engine: DuckDBEngine, text: str) -> None:
    with pytest.raises(ExecutionFailed) as caught:
        rig.rows(engine, rig.secured(text))
    assert "secret" not in str(caught.value)
    assert "70000" not in str(caught.value)
    assert rig.values(engine, "SELECT 1") == [(1,)]


def test_a_result_of_another_shape_than_promised_is_refused(engine: DuckDBEngine) -> None:
    promised = pa.schema([("a", pa.int64())])
    for text in ("SELECT 1::INT AS a", "SELECT 1::BIGINT AS b", "SELECT 1::BIGINT AS a, 2 AS b"):
        stream = engine.run(rig.secured(text), None, promised, deadline=rig.soon())
        with pytest.raises(ExecutionFailed):
            list(stream)
        stream.close()


def test_an_enum_is_refused_where_its_shape_is_asked_for(engine: DuckDBEngine) -> None:
    with pytest.raises(UnsupportedData, match="VARCHAR"):
        rig.rows(engine, rig.secured("SELECT 'a'::ENUM('a', 'b') AS e"))


def test_only_one_select_is_run(engine: DuckDBEngine) -> None:
    for text in ("SELECT 1; SELECT 2", "CREATE TABLE x (a INT)", "ATTACH ':memory:' AS z", ""):
        with pytest.raises(EngineError):
            engine.describe(rig.secured(text), None, deadline=rig.soon())
        stream = engine.run(
            rig.secured(text), None, pa.schema([("a", pa.int32())]), deadline=rig.soon()
        )
        with pytest.raises(EngineError):
            list(stream)
        stream.close()


def test_two_tables_are_joined(engine: DuckDBEngine, lake: SqlCatalog, people: Table) -> None:
    regions = rig.stored(
        lake, "regions", pa.table({"region": ["eu", "us"], "title": ["Europe", "America"]})
    )
    text = (
        "SELECT title, sum(salary)::INT FROM people JOIN regions USING (region) "
        "GROUP BY 1 ORDER BY 1"
    )
    answer = rig.values(engine, text, rig.relation(people), rig.relation(regions))
    assert answer == [("America", 60), ("Europe", 40)]


def test_two_workers_do_not_draw_the_same_random_values(engine: DuckDBEngine) -> None:
    text = "SELECT uuid()::VARCHAR AS u, random() AS r, uuid()::VARCHAR AS v"
    drawn = [
        rig.rows(engine, Secured(text, (), time_zone=zone)).to_pylist()[0]
        for zone in ("UTC", "Europe/Berlin", "Asia/Tokyo")
    ]
    assert len({value for row in drawn for value in row.values()}) == 9
