"""Types as Hive and Glue write them."""

from __future__ import annotations

import pyarrow as pa
import pytest

from catalog.errors import UnsupportedTable
from catalog.hive_types import hive_type


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("bigint", pa.int64()),
        ("INT", pa.int32()),
        ("string", pa.string()),
        ("varchar(20)", pa.string()),
        ("char( 3 )", pa.string()),
        ("decimal(18, 4)", pa.decimal128(18, 4)),
        ("decimal(7)", pa.decimal128(7, 0)),
        ("decimal", pa.decimal128(10, 0)),
        ("double precision", pa.float64()),
        ("real", pa.float32()),
        ("binary", pa.binary()),
        ("date", pa.date32()),
        ("timestamp", pa.timestamp("us")),
        ("timestamp(3)", pa.timestamp("us")),
        ("timestamp(6) with time zone", pa.timestamp("us", "UTC")),
        ("timestamp with local time zone", pa.timestamp("us", "UTC")),
        ("array<array<int>>", pa.list_(pa.list_(pa.field("l", pa.int32())))),
        ("array(varchar)", pa.list_(pa.field("l", pa.string()))),
        ("map<string,array<bigint>>", pa.map_(pa.string(), pa.list_(pa.int64()))),
        ("struct<a:int,B:struct<c:date>>", None),
        ("row(a bigint, b decimal(3,1))", None),
    ],
)
def test_types_are_those_of_arrow(text: str, kind: pa.DataType | None) -> None:
    found = hive_type(text)
    if kind is not None:
        assert found.arrow == kind or str(found.arrow).replace("l: ", "item: ") == str(kind)


def test_what_lies_within_is_told() -> None:
    found = hive_type("array<struct<a:int,B:map<string,date>>>")
    (element,) = found.parts
    assert [part.name for part in element.children] == ["a", "B"]
    key, value = element.children[1].children
    assert (key.type, value.type) == (pa.string(), pa.date32())


@pytest.mark.parametrize(
    "text",
    [
        *("", "uniontype<int,string>", "interval_day_time", "array<int", "array<int>>", "int int"),
        *("decimal(39,1)", "decimal(3,4)", "map<int>", "struct<a>", "struct<a:int,A:int>"),
        *("date with time zone", "array<" * 100 + "int" + ">" * 100, "hyperloglog", "string;drop"),
    ],
)
def test_what_is_not_known_is_refused(text: str) -> None:
    with pytest.raises(UnsupportedTable):
        hive_type(text)
