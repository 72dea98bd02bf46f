"""Values of every type come back from Athena as DuckDB would have given them."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
import pytest

from catalog.model import AthenaPlace, Column, Snapshot, Table
from catalog.names import TableName
from flight_server.engines.athena.engine import AthenaEngine
from flight_server.engines.athena.settings import AthenaSettings
from flight_server.engines.athena.translate import translate
from flight_server.engines.base import Relation, RelationColumn, Secured
from flight_server.engines.errors import UnsupportedData
from flight_server.testing.athena import AthenaDouble
from tests.engines.athena.running import ROLE, Rig
from tests.engines.rig import decoded, soon

_MOMENT = dt.datetime(2024, 2, 29, 12, 30, 15, 123_456)
_VALUES = pa.table(
    {
        "k": pa.array([1, 2, 3], pa.int64()),
        "b": pa.array([True, None, False]),
        "i": pa.array([-(2**31), None, 2**31 - 1], pa.int32()),
        "f": pa.array([1.5, None, float("inf")], pa.float32()),
        "d": pa.array([0.1, None, float("nan")], pa.float64()),
        "n": pa.array(
            [Decimal("12345678901234.5678"), None, Decimal("-0.0001")], pa.decimal128(18, 4)
        ),
        "s": pa.array(["", None, 'q"\n,ü']),
        "x": pa.array([b"\x00\xff", None, b""], pa.binary()),
        "day": pa.array([dt.date(1970, 1, 1), None, dt.date(2024, 2, 29)]),
        "t": pa.array([dt.time(23, 59, 59, 999_999), None, dt.time(0)], pa.time64("us")),
        "ts": pa.array([_MOMENT, None, dt.datetime(1, 1, 1)], pa.timestamp("us")),
        "tz": pa.array([_MOMENT.replace(tzinfo=dt.UTC), None, None], pa.timestamp("us", "UTC")),
        "l": pa.array([[_MOMENT, None], None, []], pa.list_(pa.timestamp("us"))),
        "r": pa.array(
            [{"a": 1, "t": _MOMENT}, None, {"a": None, "t": None}],
            pa.struct([("a", pa.int32()), ("t", pa.timestamp("us"))]),
        ),
        "m": pa.array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int64())),
    }
)


@pytest.fixture(scope="module")
def values(double: AthenaDouble) -> Table:
    double.put_table("inv.vals", _VALUES, "s3://lake-of-statements/vals")
    loaded = double.iceberg().load_table("inv.vals")
    snapshot = loaded.current_snapshot()
    assert snapshot is not None
    return Table(
        TableName("lake", "inv", "vals"),
        tuple(Column(f.name, f.type) for f in _VALUES.schema),
        snapshot=Snapshot(loaded.metadata_location, snapshot.snapshot_id),
        athena=AthenaPlace("AwsDataCatalog", "inv", "vals"),
    )


def _secured(text: str, table: Table, keyed: bool = False) -> Secured:
    columns = tuple(RelationColumn(c.name, c.type) for c in table.columns)
    relation = Relation(table.name, table, columns, keyed=keyed)
    return Secured(text, (relation,), catalog="lake", schema="inv")


def _run(rig: Rig, statement: Secured, schema: pa.Schema, delivery: str = "unload") -> pa.Table:
    role = replace(ROLE, delivery=delivery)  # type: ignore[arg-type]  # one of three
    settings = AthenaSettings(default=role, endpoint=rig.aws.endpoint, poll_first=0.05)
    engine = AthenaEngine(settings, translate)
    try:
        engine.check(statement, None, schema)
        stream = engine.run(statement, None, schema, deadline=soon(30))
        try:
            return decoded(stream, schema)
        finally:
            stream.close()
    finally:
        engine.close()


def test_values_of_every_type_come_back_by_files(rig: Rig, values: Table) -> None:
    found = _run(rig, _secured("SELECT * FROM vals", values), _VALUES.schema).sort_by("k")
    for name in _VALUES.column_names:
        assert repr(found[name].to_pylist()) == repr(_VALUES[name].to_pylist()), name
    assert rig.left() == []


@pytest.mark.parametrize("delivery", ["unload", "csv", "pages"])
def test_simple_values_come_back_in_order_by_each_way(
    rig: Rig, values: Table, delivery: str
) -> None:
    simple = [f.name for f in _VALUES.schema if not pa.types.is_nested(f.type)]
    expected = _VALUES.select(simple).take([2, 1, 0])
    statement = _secured(f"SELECT {', '.join(simple)} FROM vals ORDER BY k DESC", values)
    found = _run(rig, statement, expected.schema, delivery)
    for name in simple:
        assert repr(found[name].to_pylist()) == repr(expected[name].to_pylist()), name
    assert rig.left() == []


def test_nested_values_come_back_in_order(rig: Rig, values: Table) -> None:
    schema = pa.schema([_VALUES.schema.field("l"), _VALUES.schema.field("r")])
    found = _run(rig, _secured("SELECT l, r FROM vals ORDER BY ts DESC NULLS LAST", values), schema)
    assert found["r"].to_pylist() == [_VALUES["r"].to_pylist()[i] for i in (0, 2, 1)]


def test_uuids_and_nulls_without_a_type_come_back(rig: Rig, values: Table) -> None:
    schema = pa.schema([("u", pa.uuid()), ("v", pa.null())])
    text = "SELECT CAST('00000000-0000-0000-0000-0000000000ff' AS UUID) AS u, NULL AS v FROM vals"
    found = _run(rig, _secured(text, values), schema)
    assert found["u"].to_pylist() == [uuid.UUID(int=255)] * 3
    assert found["v"].to_pylist() == [None] * 3


def test_a_table_that_athena_does_not_know_is_refused(rig: Rig, values: Table) -> None:
    unknown = replace(values, athena=None)
    with pytest.raises(UnsupportedData):
        _run(rig, _secured("SELECT k FROM vals", unknown), pa.schema([("k", pa.int64())]))


def test_a_mask_with_a_key_never_leaves_the_server(rig: Rig, values: Table) -> None:
    keyed = _secured("SELECT k FROM vals", values, keyed=True)
    before = len(rig.aws.executions)
    with pytest.raises(UnsupportedData, match="keys"):
        _run(rig, keyed, pa.schema([("k", pa.int64())]))
    assert len(rig.aws.executions) == before
