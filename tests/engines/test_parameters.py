"""Values that clients bind: types that no engine can take are refused, and end no process."""

from __future__ import annotations

import pyarrow as pa
import pytest

from flight_server.engines.duckdb.parameters import ParameterRefused, bind


def _scaled(scale: int) -> pa.Array:
    return pa.array([b"\1" + 15 * b"\0"], pa.binary(16)).view(pa.decimal128(9, scale))


ODD = {
    "decimal of 76 digits": pa.array([1], pa.decimal256(60, 2)),
    "decimal before the point": _scaled(-1_000_000_000),
    "decimal after the point": _scaled(1_000_000_000),
    "duration": pa.array([1], pa.duration("s")),
    "union": pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])]),
    "run ends": pa.RunEndEncodedArray.from_arrays([1], ["a"]),
    "list view": pa.array([[1]], pa.list_view(pa.int32())),
    "struct without fields": pa.array([{}], pa.struct([])),
    "list of unions": pa.ListArray.from_arrays(
        [0, 1], pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])
    ),
}


@pytest.mark.parametrize("kind", ODD)
def test_a_value_of_a_type_that_cannot_be_bound_is_refused(kind: str) -> None:
    with pytest.raises(ParameterRefused, match="Parameter 1 has a type that cannot be bound"):
        bind(["1"], pa.RecordBatch.from_arrays([ODD[kind]], ["1"]))
