"""Statements run on Athena, their rows come back as promised, and nothing is left behind."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from flight_server.engines.athena.settings import AthenaRole, Delivery
from flight_server.engines.athena.translated import SortKey
from flight_server.engines.errors import EngineError, OutOfResources, UnsupportedData
from tests.engines.athena.running import ROLE, STAGING, NewEngine, Rig, select

_SCHEMA = pa.schema([("id", pa.int64()), ("s", pa.string())])
_ALL = "SELECT id AS c0, s AS c1 FROM inv.numbers"
_DOWN = (SortKey(0, True, False),)


@pytest.mark.parametrize("delivery", ["unload", "csv", "pages"])
@pytest.mark.parametrize("compression", [None, "zstd"])
def test_rows_come_back_by_each_way(
    rig: Rig, new_engine: NewEngine, numbers: pa.Table, delivery: Delivery, compression: str | None
) -> None:
    engine = new_engine(default=replace(ROLE, delivery=delivery))
    found = replace(rig, engine=engine).rows(
        select(_ALL, _SCHEMA), _SCHEMA, compression=compression
    )
    assert found.sort_by("id") == numbers


@pytest.mark.parametrize("delivery", ["unload", "csv", "pages"])
def test_an_ordered_result_comes_in_order_by_each_way(
    rig: Rig, new_engine: NewEngine, numbers: pa.Table, delivery: Delivery
) -> None:
    engine = new_engine(default=replace(ROLE, delivery=delivery))
    ordered = select(_ALL, _SCHEMA, ordered=f"{_ALL} ORDER BY id DESC", order_by=_DOWN)
    found = replace(rig, engine=engine).rows(ordered, _SCHEMA)
    assert found == numbers.sort_by([("id", "descending")])


def test_an_ordered_result_with_nested_values_is_put_in_order_here(rig: Rig) -> None:
    sent = pa.schema([("n", pa.list_(pa.int64())), ("id", pa.int64())])
    schema = pa.schema([("n", pa.list_(pa.int64()))])
    sql = "SELECT ARRAY[id, id + 1] AS c0, id AS c1 FROM inv.numbers"
    ordered = select(sql, sent, order_by=[SortKey(1, True, False)], visible=1)
    found = rig.rows(ordered, schema)
    assert found["n"].to_pylist() == [[i, i + 1] for i in reversed(range(2_000))]


def test_one_that_is_too_large_to_be_put_in_order_is_refused(
    rig: Rig, new_engine: NewEngine
) -> None:
    schema = pa.schema([("n", pa.list_(pa.int64()))])
    sql = "SELECT ARRAY[id] AS c0, id AS c1 FROM inv.numbers"
    sent = pa.schema([*schema, ("id", pa.int64())])
    ordered = select(sql, sent, order_by=[SortKey(1, True, False)], visible=1)
    small = replace(rig, engine=new_engine(sort_bytes=100))
    with pytest.raises(OutOfResources):
        small.rows(ordered, schema)
    assert small.leaves_nothing()


@pytest.mark.parametrize("delivery", ["unload", "csv", "pages"])
def test_no_rows_are_an_empty_result_of_the_promised_shape(
    rig: Rig, new_engine: NewEngine, delivery: Delivery
) -> None:
    engine = new_engine(default=replace(ROLE, delivery=delivery))
    found = replace(rig, engine=engine).rows(select(f"{_ALL} WHERE id < 0", _SCHEMA), _SCHEMA)
    assert found.num_rows == 0
    assert found.schema == _SCHEMA


@pytest.mark.parametrize("delivery", ["csv", "pages"])
def test_a_single_column_keeps_its_nulls_and_empty_texts(
    rig: Rig, new_engine: NewEngine, numbers: pa.Table, delivery: Delivery
) -> None:
    schema = pa.schema([("s", pa.string())])
    engine = new_engine(default=replace(ROLE, delivery=delivery))
    found = replace(rig, engine=engine).rows(
        select("SELECT s AS c0 FROM inv.numbers", schema), schema
    )
    assert found["s"].to_pylist().count(None) == 500
    assert found["s"].to_pylist().count("") == 500


def test_columns_of_one_name_and_of_none_are_kept_apart(rig: Rig) -> None:
    schema = pa.schema([("id", pa.int64()), ("id", pa.int64()), ("", pa.int32())])
    sql = "SELECT id AS c0, id AS c1, 1 AS c2 FROM inv.numbers WHERE id = 7"
    found = rig.rows(select(sql, schema), schema)
    assert [column.to_pylist() for column in found.columns] == [[7], [7], [1]]


def test_large_files_are_read_by_ranges(rig: Rig, new_engine: NewEngine, numbers: pa.Table) -> None:
    ranged = replace(rig, engine=new_engine(whole_file=1, prefetch=1))
    assert ranged.rows(select(_ALL, _SCHEMA), _SCHEMA).sort_by("id") == numbers


def test_what_was_read_is_told_with_its_cost(rig: Rig) -> None:
    stream = rig.begin(select(_ALL, _SCHEMA), _SCHEMA)
    assert sum(frame.rows for frame in stream) == 2_000
    stream.close()
    assert stream.progress.state == "SUCCEEDED"
    assert 0 < stream.progress.scanned == stream.cost.scanned
    assert stream.cost.billed == 10 * 2**20
    assert stream.cost.usd == pytest.approx(5.0 * 10 * 2**20 / 2**40)


def test_a_work_group_that_says_where_results_go_leaves_nothing_either(
    rig: Rig, new_engine: NewEngine, numbers: pa.Table
) -> None:
    rig.aws.client("athena").create_work_group(
        Name="enforced",
        Configuration={
            "EnforceWorkGroupConfiguration": True,
            "ResultConfiguration": {"OutputLocation": "s3://results-of-statements/group/"},
        },
    )
    for delivery in ("unload", "csv"):
        role = AthenaRole("enforced", STAGING, delivery=delivery)
        found = replace(rig, engine=new_engine(default=role)).rows(select(_ALL, _SCHEMA), _SCHEMA)
        assert found.sort_by("id") == numbers


def test_a_work_group_that_keeps_its_results_is_read_in_pages(
    rig: Rig, new_engine: NewEngine, numbers: pa.Table
) -> None:
    rig.aws.client("athena").create_work_group(
        Name="managed",
        Configuration={"ManagedQueryResultsConfiguration": {"Enabled": True}},
    )
    role = AthenaRole("managed", delivery="pages")
    found = replace(rig, engine=new_engine(default=role)).rows(select(_ALL, _SCHEMA), _SCHEMA)
    assert found.sort_by("id") == numbers


def test_each_group_has_a_role_and_work_group_of_its_own(
    rig: Rig, new_engine: NewEngine, numbers: pa.Table
) -> None:
    rig.aws.client("athena").create_work_group(
        Name="quants", Configuration={"EnforceWorkGroupConfiguration": False}
    )
    arn = "arn:aws:iam::123456789012:role/quants"
    role = AthenaRole("quants", STAGING, role_arn=arn)
    engine = new_engine(by_group=(("quant", role),))
    other = replace(rig, engine=engine)
    before = sum("sts:" in call.operation for call in rig.aws.calls)
    for _ in range(2):
        found = other.rows(select(_ALL, _SCHEMA), _SCHEMA, groups=frozenset({"quant", "staff"}))
        assert found.sort_by("id") == numbers
    assert rig.aws.executions[-1].request["WorkGroup"] == "quants"
    asked = sum("sts:" in call.operation for call in rig.aws.calls)
    assert asked == before + 1
    other.rows(select(_ALL, _SCHEMA), _SCHEMA, groups=frozenset({"staff"}))
    assert rig.aws.executions[-1].request["WorkGroup"] == "primary"


def test_nested_values_are_refused_where_only_text_comes_back(
    rig: Rig, new_engine: NewEngine
) -> None:
    schema = pa.schema([("n", pa.list_(pa.int64()))])
    engine = new_engine(default=replace(ROLE, delivery="csv"))
    with pytest.raises(UnsupportedData):
        replace(rig, engine=engine).begin(select("SELECT ARRAY[1] AS c0", schema), schema)
    assert rig.leaves_nothing()


def test_settings_without_a_place_for_results_are_refused(new_engine: NewEngine) -> None:
    with pytest.raises(EngineError):
        new_engine(default=AthenaRole())
