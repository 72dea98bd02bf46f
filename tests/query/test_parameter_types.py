"""What clients are told to bind."""

from __future__ import annotations

import pyarrow as pa
import pytest

from flight_server.engines.base import Secured
from flight_server.query.gate import Gate
from flight_server.query.parameter_types import typical_row
from flight_server.query.parameters import parameter_schema
from flight_server.query.parser import Parser

CASES: dict[str, list[pa.DataType]] = {
    "SELECT ?": [pa.string()],
    "SELECT ?::INT, CAST(? AS bigint)": [pa.int32(), pa.int64()],
    "SELECT ?::DECIMAL(10, 2)": [pa.decimal128(10, 2)],
    "SELECT ?::NUMERIC": [pa.decimal128(18, 3)],
    "SELECT ?::DECIMAL(5)": [pa.decimal128(5, 0)],
    "SELECT ?::TIMESTAMP": [pa.timestamp("ms")],
    "SELECT ?::TIMESTAMPTZ": [pa.timestamp("ms", "UTC")],
    "SELECT ?::TIME": [pa.time32("ms")],
    "SELECT ?::DATE, ?::BLOB, ?::BOOL": [pa.date32(), pa.binary(), pa.bool_()],
    "SELECT ?::INT[]": [pa.string()],
    "SELECT 1 LIMIT ? OFFSET ?": [pa.int64(), pa.int64()],
    "SELECT $2::DATE, $1": [pa.string(), pa.date32()],
}


@pytest.mark.parametrize("text", CASES)
def test_a_parameter_is_announced_by_where_it_stands(text: str) -> None:
    statement = Gate(Parser()).check(text)
    secured = Secured(text, (), statement.parameters)
    schema = parameter_schema(secured, statement.tree)
    assert schema.types == CASES[text]
    row = typical_row(schema)
    assert row is not None
    assert row.schema == schema
