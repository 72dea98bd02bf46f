"""What a REST catalog demands of readers holds in every row they get, or nothing is read."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.schema import Schema
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    ListType,
    LongType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    UUIDType,
)

from auth.errors import TableNotFound
from auth.explain import explain
from auth.policy_file import parse_policy
from auth.principal import Principal
from catalog.errors import RestrictedTable
from catalog.iceberg import IcebergCatalog
from catalog.names import TableName
from flight_server.engines.duckdb.engine import DuckDBEngine
from tests.catalog.contract import EVERYTHING, READER, served, started
from tests.catalog.rest_server import RestCatalogServer, rest_catalog
from tests.end_to_end.governed import Lake

NAME = TableName("lake", "s", "t")
SCHEMA = Schema(
    NestedField(1, "id", LongType(), required=True),
    NestedField(2, "mail", StringType()),
    NestedField(3, "price", DoubleType()),
    NestedField(4, "cost", DecimalType(9, 2)),
    NestedField(5, "day", DateType()),
    NestedField(6, "at", TimestamptzType()),
    NestedField(7, "made", TimestampType()),
    NestedField(8, "ok", BooleanType()),
    NestedField(9, "raw", BinaryType()),
    NestedField(10, "home", StructType(
        NestedField(13, "city", StringType()), NestedField(14, "zip", StringType()))),
    NestedField(11, "list", ListType(15, StringType(), False)),
    NestedField(12, "key", UUIDType()),
)  # fmt: skip
NAN = float("nan")
UTC = dt.UTC
MAILS = ["ab12@x.org", "abcdefgh", None, "${col}'é", "1234"]
PRICES = [1.0, NAN, None, 5.0, -2.0]
ROWS = {
    "id": [1, 2, 3, 4, 5],
    "mail": MAILS,
    "price": PRICES,
    "cost": [Decimal("1.50"), Decimal("-2.00"), None, Decimal("0"), Decimal("3.25")],
    "day": [dt.date(2024, 5, 17), dt.date(1999, 12, 31), None, dt.date(2024, 1, 1)] * 1
    + [dt.date(2030, 7, 7)],
    "at": [dt.datetime(2024, 1, 1, 0, 30, tzinfo=UTC)] * 4 + [None],
    "made": [dt.datetime(2024, 5, 17, 8, 30)] * 4 + [None],
    "ok": [True, False, None, True, False],
    "raw": [b"\x00\x01", b"", None, b"x", b"y"],
    "home": [{"city": "Köln", "zip": "50667"}] * 4 + [None],
    "list": [["a"], [], None, ["b"], ["c"]],
    "key": [bytes(range(16))] * 4 + [None],
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBEngine]:
    with closing(started(tmp_path_factory.mktemp("engine"))) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestCatalogServer]:
    place = tmp_path_factory.mktemp("lake")
    source = SqlCatalog("lake", uri=f"sqlite:///{place}/c.db", warehouse=f"file://{place}/w")
    source.create_namespace("s")
    table = source.create_table("s.t", SCHEMA)
    table.append(pa.Table.from_pydict(ROWS, schema=table.schema().as_arrow()))
    with rest_catalog(source) as running, closing(source):
        yield running


class Served:
    """A lake whose catalog demands what each test says."""

    def __init__(self, server: RestCatalogServer, engine: DuckDBEngine) -> None:
        self.server, self.engine = server, engine
        self.catalog = IcebergCatalog("lake", server.properties, refresh_seconds=0.0)
        self.lakes: dict[str, Lake] = {}

    def lake(self, demanded: Any, policy: str = EVERYTHING) -> Lake:
        self.server.tables["s.t"] = {"read-restrictions": demanded}
        if policy not in self.lakes:
            self.lakes[policy] = served(self.catalog, self.engine, policy)
        return self.lakes[policy]

    def column(self, name: str, demanded: Any, policy: str = EVERYTHING) -> list[Any]:
        lake = self.lake(demanded, policy)
        return [row[0] for row in lake.rows(READER, f'SELECT "{name}" FROM lake.s.t ORDER BY id')]

    def ids(self, rows: Any, policy: str = EVERYTHING) -> list[int]:
        return self.column("id", {"required-row-filter": rows}, policy)


@pytest.fixture(scope="module")
def lake(server: RestCatalogServer, engine: DuckDBEngine) -> Iterator[Served]:
    made = Served(server, engine)
    yield made
    made.catalog.close()


def field(number: int) -> dict[str, Any]:
    return {"type": "reference", "id": number}


def test(kind: str, number: int, value: Any) -> dict[str, Any]:
    right = {"type": "literal", "value": value}
    return {"type": kind, "left": field(number), "right": right}


test.__test__ = False


def inverse(child: Any) -> dict[str, Any]:
    return {"type": "not", "child": child}


def action(number: int, name: str) -> dict[str, Any]:
    return {"required-column-projections": [{"field-id": number, "action": name}]}


def test_a_row_filter_leaves_out_rows_by_their_stored_values(lake: Served) -> None:
    cases: list[tuple[Any, set[int], set[int]]] = [
        (test("eq", 2, "abcdefgh"), {2}, {1, 3, 4, 5}),
        (test("eq", 2, "${col}'é"), {4}, {1, 2, 3, 5}),
        (test("not-eq", 2, "1234"), {1, 2, 3, 4}, {5}),
        (test("lt", 3, 2.0), {1, 5}, {2, 3, 4}),
        (test("gt", 3, 0), {1, 4}, {2, 3, 5}),
        (test("gt-eq", 3, 5.0), {4}, {1, 2, 3, 5}),
        (test("lt-eq", 3, 1.0), {1, 5}, {2, 3, 4}),
        (test("starts-with", 2, "ab"), {1, 2}, {3, 4, 5}),
        (test("not-starts-with", 2, "ab"), {3, 4, 5}, {1, 2}),
        (test("gt", 4, "1.00"), {1, 5}, {2, 3, 4}),
        (test("eq", 5, "2024-01-01"), {4}, {1, 2, 3, 5}),
        (test("lt", 6, "2024-01-01T02:00:00+01:00"), {1, 2, 3, 4}, {5}),
        (test("eq", 7, "2024-05-17T08:30:00"), {1, 2, 3, 4}, {5}),
        (test("eq", 8, True), {1, 4}, {2, 3, 5}),
        (test("eq", 13, "Köln"), {1, 2, 3, 4}, {5}),
        (test("eq", 12, "00010203-0405-0607-0809-0a0b0c0d0e0f"), {1, 2, 3, 4}, {5}),
        ({"type": "is-null", "child": field(2)}, {3}, {1, 2, 4, 5}),
        ({"type": "not-null", "term": "home.city"}, {1, 2, 3, 4}, {5}),
        ({"type": "is-nan", "child": field(3)}, {2}, {1, 3, 4, 5}),
        ({"type": "not-nan", "child": field(3)}, {1, 3, 4, 5}, {2}),
        ({"type": "in", "child": field(1), "values": [1, 3, -9]}, {1, 3}, {2, 4, 5}),
        ({"type": "not-in", "term": "mail", "values": ["1234"]}, {1, 2, 3, 4}, {5}),
        ({"type": "eq", "term": "id", "value": 2}, {2}, {1, 3, 4, 5}),
        ({"type": "and", "left": test("gt", 1, 1), "right": test("lt", 1, 4)}, {2, 3}, {1, 4, 5}),
        ({"type": "or", "left": test("eq", 1, 1), "right": test("eq", 3, 5.0)}, {1, 4}, {2, 3, 5}),
        (False, set(), {1, 2, 3, 4, 5}),
        ({"type": "true"}, {1, 2, 3, 4, 5}, set()),
    ]
    for rows, yes, no in cases:
        assert set(lake.ids(rows)) == yes, rows
        assert set(lake.ids(inverse(rows))) == no, rows


def test_the_filter_of_the_catalog_and_that_of_the_policy_both_hold(lake: Served) -> None:
    policy = EVERYTHING + (
        "row_filters:\n  - {name: few, on: lake.s.t, to: reader, where: 'id < 4'}\n"
    )
    assert lake.ids(test("gt", 1, 1), policy) == [2, 3]


@pytest.mark.parametrize(
    ("number", "name", "shown"),
    [
        (2, "mask-alphanum", ["xxnn@x.xxx", "xxxxxxxx", None, "xxxxxxxx", "nnnn"]),
        (2, "show-first-4", ["ab12@x.xxx", "abcdxxxx", None, "${coxxxx", "1234"]),
        (2, "show-last-4", ["xxnn@x.org", "xxxxefgh", None, "xxxxl}'é", "1234"]),
        (2, "replace-with-null", [None] * 5),
        (2, "mask-to-fixed-value", ["XXXXXXXX"] * 5),
        (2, "sha-256-global", [None if m is None else hashlib.sha256(m.encode()).hexdigest()
                               for m in MAILS]),
        (1, "mask-to-fixed-value", [0] * 5),
        (3, "mask-to-fixed-value", [0.0] * 5),
        (4, "mask-to-fixed-value", [Decimal("0.00")] * 5),
        (5, "mask-to-fixed-value", [dt.date(1970, 1, 1)] * 5),
        (6, "mask-to-fixed-value", [dt.datetime(1970, 1, 1, tzinfo=UTC)] * 5),
        (8, "mask-to-fixed-value", [False] * 5),
        (5, "truncate-to-year", [dt.date(2024, 1, 1), dt.date(1999, 1, 1), None,
                                 dt.date(2024, 1, 1), dt.date(2030, 1, 1)]),
        (6, "truncate-to-month", [dt.datetime(2024, 1, 1, tzinfo=UTC)] * 4 + [None]),
        (7, "truncate-to-year", [dt.datetime(2024, 1, 1)] * 4 + [None]),
        (9, "sha-256-global", [None if r is None else hashlib.sha256(r).digest()
                               for r in [b"\x00\x01", b"", None, b"x", b"y"]]),
        (11, "replace-with-null", [None] * 5),
        (13, "mask-alphanum", [{"city": "xxxx", "zip": "50667"}] * 4 + [None]),
        (10, "replace-with-null", [None] * 5),
    ],
)  # fmt: skip
def test_a_column_is_concealed_as_the_catalog_demands(
    lake: Served, number: int, name: str, shown: list[Any]
) -> None:
    top = {13: 10}.get(number, number)
    (column,) = (f.name for f in SCHEMA.fields if f.field_id == top)
    assert lake.column(column, action(number, name)) == shown
    assert lake.ids(None) == [1, 2, 3, 4, 5]


def test_a_row_filter_sees_what_is_concealed_and_a_user_does_not(lake: Served) -> None:
    demanded = action(2, "replace-with-null") | {"required-row-filter": test("eq", 2, "1234")}
    made = lake.lake(demanded)
    assert made.rows(READER, "SELECT id, mail FROM lake.s.t") == [(5, None)]
    assert made.rows(READER, "SELECT id FROM lake.s.t WHERE mail = '1234'") == []


def test_a_column_that_the_policy_masks_otherwise_is_hidden(lake: Served) -> None:
    masked = EVERYTHING + "masks:\n  - {name: m, on: lake.s.t.mail, to: reader, using: \"'m'\"}\n"
    (one,) = lake.lake(action(2, "mask-alphanum"), masked).rows(
        READER, "SELECT * FROM lake.s.t WHERE id = 1"
    )
    assert len(one) == len(SCHEMA.fields) - 1
    assert lake.column("mail", action(2, "replace-with-null"), masked) == [None] * 5


def test_an_earlier_state_is_restricted_as_the_present_one(
    lake: Served, server: RestCatalogServer
) -> None:
    before = server.source.load_table("s.t").current_snapshot()
    assert before is not None
    made = lake.lake(action(2, "replace-with-null") | {"required-row-filter": test("lt", 1, 3)})
    table = made.service.visible(READER).find_snapshot(NAME, before.snapshot_id)
    assert table is not None
    assert table[0].grant.masks.keys() == {"mail"}
    assert len(table[0].grant.restrictive) == 1


@pytest.mark.parametrize(
    "demanded",
    [
        "nonsense", [], {"required-columns": []}, {"required-row-filter": "id = 1"},
        {"required-row-filter": {"type": "like", "term": "mail", "value": "a%"}},
        {"required-row-filter": test("eq", 99, 1)},
        {"required-row-filter": test("eq", 1, "one")},
        {"required-row-filter": test("eq", 1, 2**63)},
        {"required-row-filter": test("eq", 1, None)},
        {"required-row-filter": test("eq", 3, True)},
        {"required-row-filter": test("eq", 5, "yesterday")},
        {"required-row-filter": test("eq", 9, "00")},
        {"required-row-filter": test("eq", 6, "2024-01-01T00:00:00")},
        {"required-row-filter": test("eq", 15, "a")},
        {"required-row-filter": test("starts-with", 1, "1")},
        {"required-row-filter": test("eq", 2, "a") | {"extra": 1}},
        {"required-row-filter": {"type": "in", "term": "id", "values": []}},
        {"required-row-filter": {"type": "eq", "term": "id", "value": 1, "right": 1}},
        {"required-row-filter": {"type": "eq", "right": 1, "left": {
            "type": "apply", "function": "bucket", "arguments": [field(1)]}}},
        {"required-row-filter": {"type": "eq", "value": "a", "term": {
            "type": "transform", "transform": "identity", "term": "mail"}}},
        {"required-row-filter": {"type": "eq", "left": field(1), "right": {
            "type": "literal", "value": 1, "data-type": "string"}}},
        action(2, "a-later-one"), action(2, "sha-256-query-local"), action(99, "mask-alphanum"),
        action(1, "mask-alphanum"), action(1, "replace-with-null"), action(15, "mask-alphanum"),
        action(9, "mask-to-fixed-value"), action(12, "mask-to-fixed-value"),
        {"required-column-projections": [{"field-id": 2, "action": "mask-alphanum", "x": 1}]},
        {"required-column-projections": [{"field-id": "2", "action": "mask-alphanum"}]},
        {"required-column-projections": [{"field-id": n, "action": "replace-with-null"}
                                         for n in (10, 13)]},
        {"required-column-projections": [{"field-id": 2, "action": "mask-alphanum"}] * 2},
    ],
)  # fmt: skip
def test_what_cannot_be_applied_is_not_read(lake: Served, demanded: Any) -> None:
    made = lake.lake(demanded)
    with pytest.raises(RestrictedTable, match="restrictions of its catalog"):
        made.rows(READER, "SELECT 1 FROM lake.s.t")
    doubtful = EVERYTHING + '  - {to: reader, on: "tag:secret", deny: select}\n'
    with pytest.raises(TableNotFound):
        lake.lake(demanded, doubtful).rows(READER, "SELECT 1 FROM lake.s.t")
    assert list(lake.lake(demanded, doubtful).service.visible(READER).tables()) == []


@pytest.mark.parametrize("demanded", [None, {}, {"required-column-projections": []}])
def test_no_restrictions_are_none(lake: Served, demanded: Any) -> None:
    lake.lake(demanded)
    table = lake.catalog.table(NAME)
    assert table is not None
    assert table.restrictions is None


def test_an_explanation_tells_what_the_catalog_demands(lake: Served) -> None:
    lake.lake(action(2, "mask-alphanum") | {"required-row-filter": test("eq", 1, 1)})
    table = lake.catalog.table(NAME)
    assert table is not None
    principal = Principal("ada", frozenset({"readers"}), {})
    text = explain(parse_policy(EVERYTHING), principal, table).text("policy.yaml")
    assert "mail: masked - allow reader on ** (policy.yaml:5); by the catalog" in text
    assert "rows: filtered rows\n  by the catalog" in text
