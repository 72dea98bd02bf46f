"""Values come back from Athena's forms in the promised types, with nothing lost."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from flight_server.engines.athena.decode import decode, decoded
from flight_server.engines.errors import ExecutionFailed

_TS = pa.timestamp("us")
_MOMENT = dt.datetime(2024, 2, 29, 23, 59, 59, 999_999)
_TEXTS: tuple[tuple[str, pa.DataType, Any], ...] = (
    ("2024-02-29 23:59:59.999999", _TS, _MOMENT),
    ("0001-01-01 00:00:00.000000", _TS, dt.datetime(1, 1, 1)),
    ("2024-02-29 23:59:59.999999", pa.timestamp("us", "UTC"), _MOMENT.replace(tzinfo=dt.UTC)),
    ("23:59:59.000001", pa.time64("us"), dt.time(23, 59, 59, 1)),
    ("00000000-0000-0000-0000-0000000000ff", pa.uuid(), uuid.UUID(int=255)),
    ("-9223372036854775808", pa.int64(), -(2**63)),
    ("255", pa.uint8(), 255),
    ("99999999999999999999999999999999999999", pa.decimal128(38, 0), Decimal("9" * 38)),
    ("-0.0100", pa.decimal128(18, 4), Decimal("-0.0100")),
    ("Infinity", pa.float64(), float("inf")),
    ("4.9E-324", pa.float64(), 5e-324),
    ("3.4028235E38", pa.float32(), 3.4028234663852886e38),
    ("true", pa.bool_(), True),
    ("1582-10-04", pa.date32(), dt.date(1582, 10, 4)),
    ("00 ff 7f", pa.binary(), b"\x00\xff\x7f"),
    ("", pa.binary(), b""),
    ("ü", pa.large_string(), "ü"),
)


@pytest.mark.parametrize(("text", "promised", "value"), _TEXTS)
def test_text_becomes_a_value_and_null_stays_null(
    text: str, promised: pa.DataType, value: Any
) -> None:
    array = decode(pa.array([text, None], pa.string()), promised)
    array.validate(full=True)
    assert array.type == promised
    assert array.to_pylist() == [value, None]


def test_nested_values_are_decoded_at_any_depth_and_offset() -> None:
    sent = pa.array(
        [
            None,
            [{"a": "2024-01-01 00:00:00.000001", "m": [("k", 1)]}, None],
            [],
            [{"a": None, "m": None}],
        ],
        pa.list_(pa.struct([("a", pa.string()), ("m", pa.map_(pa.string(), pa.int32()))])),
    ).slice(1)
    promised = pa.list_(pa.struct([("A", _TS), ("M", pa.map_(pa.string(), pa.decimal128(38, 0)))]))
    array = decode(sent, promised)
    array.validate(full=True)
    assert array.type == promised
    assert array.to_pylist() == [
        [{"A": dt.datetime(2024, 1, 1, 0, 0, 0, 1), "M": [("k", Decimal(1))]}, None],
        [],
        [{"A": None, "M": None}],
    ]


def test_a_list_of_fixed_length_comes_back_with_its_nulls() -> None:
    promised = pa.list_(pa.float32(), 2)
    array = decode(pa.array([[1.0, 2.0], None], pa.list_(pa.float64())), promised)
    assert array.type == promised
    assert array.to_pylist() == [[1.0, 2.0], None]


def test_a_value_that_does_not_fit_is_refused_without_being_told() -> None:
    schema = pa.schema([("v", pa.int8())])
    for sent in (pa.array([4711]), pa.array(["4711"]), pa.array(["secret"])):
        with pytest.raises(ExecutionFailed) as caught:
            decoded([sent], schema)
        assert "4711" not in str(caught.value)
        assert "secret" not in str(caught.value)


def test_another_number_of_columns_is_refused() -> None:
    with pytest.raises(ExecutionFailed):
        decoded([], pa.schema([("v", pa.int8())]))
