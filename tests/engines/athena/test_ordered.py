"""Rows that come in no order are put in the order that Athena would have given them."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest

from flight_server.engines.athena.ordered import in_order
from flight_server.engines.athena.translated import SortKey
from flight_server.engines.errors import UnsupportedData

_NAN = float("nan")


@pytest.mark.parametrize(
    ("descending", "nulls_first", "expected"),
    [
        (False, False, [1.0, math.inf, _NAN, None]),
        (False, True, [None, 1.0, math.inf, _NAN]),
        (True, False, [_NAN, math.inf, 1.0, None]),
        (True, True, [None, _NAN, math.inf, 1.0]),
    ],
)
def test_null_goes_where_it_is_told_and_nan_is_the_greatest_number(
    descending: bool, nulls_first: bool, expected: list[float | None]
) -> None:
    rows = pa.table({"v": [None, _NAN, 1.0, math.inf]})
    found = in_order(rows, [SortKey(0, descending, nulls_first)])
    assert repr(found["v"].to_pylist()) == repr(expected)


def test_each_key_has_a_direction_and_a_place_for_null_of_its_own() -> None:
    rows = pa.table({"a": ["x", None, "x", "y"], "b": [1, 2, None, 3]})
    found = in_order(rows, [SortKey(0, True, True), SortKey(1, False, False)])
    assert found.to_pylist() == [
        {"a": None, "b": 2},
        {"a": "y", "b": 3},
        {"a": "x", "b": 1},
        {"a": "x", "b": None},
    ]


def test_text_is_ordered_by_its_bytes() -> None:
    found = in_order(
        pa.table({"v": ["ä", "b", "B", "\U0001f600", "\uffff"]}), [SortKey(0, False, False)]
    )
    assert found["v"].to_pylist() == ["B", "b", "ä", "\uffff", "\U0001f600"]


def test_an_empty_result_stays_empty_and_a_nested_key_is_refused() -> None:
    rows = pa.table({"v": pa.array([[1], [0]])})
    key = [SortKey(0, False, False)]
    assert in_order(rows.slice(0, 0), key).num_rows == 0
    with pytest.raises(UnsupportedData):
        in_order(rows, key)
