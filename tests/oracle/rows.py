"""The raw rows of the oracle's tables: what is stored, before anybody's rights.

Every number is exact (decimals, or doubles that are sums of powers of two), so that sums do not
depend on the order in which they are added up.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa

Row = dict[str, Any]

UTC = datetime.UTC
_REGIONS = ("eu", "us", "apac", None)
_TEAMS = ("sales", "ops", "legal")
_CITIES = ("Bonn", "Lyon", "Kraków", "São Paulo", None)
_TAGS = ("new", "vip", "lead", "old")
_STATUS = ("open", "paid", "sent", "void")

_ADDRESS = pa.struct(
    [
        ("city", pa.string()),
        ("zip", pa.string()),
        ("geo", pa.struct([("lat", pa.float64()), ("lon", pa.float64())])),
    ]
)
_ITEMS = pa.list_(pa.struct([("sku", pa.string()), ("n", pa.int64())]))

SCHEMAS: Mapping[str, pa.Schema] = {
    "lake.shop.customers": pa.schema(
        [
            ("id", pa.int64()),
            ("name", pa.string()),
            ("region", pa.string()),
            ("email", pa.string()),
            ("ssn", pa.string()),
            ("code", pa.string()),
            ("score", pa.int32()),
            ("balance", pa.decimal128(12, 2)),
            ("joined", pa.date32()),
            ("seen", pa.timestamp("us", "UTC")),
            ("address", _ADDRESS),
            ("tags", pa.list_(pa.string())),
        ]
    ),
    "lake.shop.orders": pa.schema(
        [
            ("order_id", pa.int64()),
            ("customer_id", pa.int64()),
            ("region", pa.string()),
            ("amount", pa.decimal128(12, 2)),
            ("margin", pa.decimal128(12, 2)),
            ("discount", pa.float64()),
            ("qty", pa.int32()),
            ("status", pa.string()),
            ("placed", pa.timestamp("us")),
            ("due", pa.date32()),
            ("items", _ITEMS),
            ("marks", pa.list_(pa.int64())),
        ]
    ),
    "lake.hr.employees": pa.schema(
        [
            ("id", pa.int64()),
            ("name", pa.string()),
            ("team", pa.string()),
            ("manager_id", pa.int64()),
            ("salary", pa.decimal128(10, 2)),
            ("hired", pa.date32()),
            ("ssn", pa.string()),
            ("active", pa.bool_()),
        ]
    ),
    "lake.ref.regions": pa.schema([("code", pa.string()), ("title", pa.string())]),
    "lake.sec.acl": pa.schema(
        [("member", pa.string()), ("region", pa.string()), ("top", pa.int64())]
    ),
    "lake.ref.empty": pa.schema([("id", pa.int64()), ("note", pa.string())]),
    "other.shop.customers": pa.schema(
        [("id", pa.int64()), ("name", pa.string()), ("region", pa.string()), ("rank", pa.int32())]
    ),
    "other.shop.Odd Names": pa.schema(
        [
            ("id", pa.int64()),
            ("Größe", pa.int64()),
            ("select", pa.string()),
            ('a"b', pa.string()),
            ("counts", pa.map_(pa.string(), pa.int64())),
        ]
    ),
}


def rows() -> dict[str, list[Row]]:
    """All rows by table, always the same ones."""
    chance = random.Random(20260114)
    return {
        "lake.shop.customers": [_customer(chance, number) for number in range(1, 61)],
        "lake.shop.orders": [_order(chance, number) for number in range(1, 181)],
        "lake.hr.employees": [_employee(chance, number) for number in range(1, 31)],
        "lake.ref.regions": [
            {"code": "eu", "title": "Europe"},
            {"code": "us", "title": "America"},
            {"code": "apac", "title": "Asia"},
            {"code": "moon", "title": None},
        ],
        "lake.sec.acl": [
            {"member": "ann", "region": "eu", "top": 4},
            {"member": "ann", "region": "apac", "top": 7},
            {"member": "ann", "region": "ops", "top": 9},
            {"member": "bob", "region": "us", "top": 9},
            {"member": "bob", "region": "sales", "top": None},
            {"member": None, "region": None, "top": 1},
        ],
        "lake.ref.empty": [],
        "other.shop.customers": [
            {"id": n, "name": f"other-{n % 7}", "region": _REGIONS[n % 4], "rank": n % 5}
            for n in range(1, 25)
        ],
        "other.shop.Odd Names": [_odd(chance, number) for number in range(1, 13)],
    }


def doomed() -> dict[str, list[Row]]:
    """Rows that are stored beside the others and then deleted by position."""
    chance = random.Random(99)
    return {
        "lake.shop.orders": [_order(chance, number) for number in range(1001, 1041)],
        "lake.shop.customers": [_customer(chance, number) for number in range(1001, 1006)],
    }


def _day(chance: random.Random) -> datetime.date:
    return datetime.date(2023, 1, 1) + datetime.timedelta(days=chance.randrange(900))


def _moment(chance: random.Random) -> datetime.datetime:
    start = datetime.datetime(2024, 2, 28, 22)
    return start + datetime.timedelta(minutes=chance.randrange(60 * 24 * 40), microseconds=7)


def _money(chance: random.Random, most: int) -> Decimal:
    return Decimal(chance.randrange(-most // 10, most)) / 100


def _customer(chance: random.Random, number: int) -> Row:
    region = _REGIONS[number % 4]
    geo = None if number % 9 == 0 else {"lat": number / 4, "lon": -number / 8}
    return {
        "id": number,
        "name": f"name-{number % 17}",
        "region": region,
        "email": f"user{number}@mail{number % 3}.test" if number % 11 else None,
        "ssn": f"{number:03}-{chance.randrange(10_000):04}",
        # only the codes of one region are all numbers
        "code": str(number * 3) if region == "eu" else f"x{number}",
        "score": chance.choice([None, 0, 7, *range(20, 90, 10)]),
        "balance": chance.choice([None, _money(chance, 500_000)]),
        "joined": None if number % 13 == 0 else _day(chance),
        "seen": _moment(chance).replace(tzinfo=UTC),
        "address": None
        if number % 10 == 0
        else {"city": chance.choice(_CITIES), "zip": f"{10_000 + number}", "geo": geo},
        "tags": None if number % 8 == 0 else chance.sample(_TAGS, chance.randrange(3)),
    }


def _order(chance: random.Random, number: int) -> Row:
    return {
        "order_id": number,
        # some belong to nobody, and some to a customer who is not there
        "customer_id": chance.choice([None, 999, *range(1, 61), *range(1, 61)]),
        "region": chance.choice(_REGIONS),
        "amount": chance.choice([None, *(_money(chance, 90_000) for _ in range(9))]),
        "margin": _money(chance, 20_000),
        "discount": chance.choice([None, 0.0, 0.25, 0.5, 0.125]),
        "qty": chance.randrange(0, 9),
        "status": chance.choice(_STATUS),
        "placed": chance.choice([None, *(_moment(chance) for _ in range(9))]),
        "due": _day(chance),
        "items": [{"sku": f"s{chance.randrange(5)}", "n": k} for k in range(chance.randrange(4))],
        "marks": chance.choice([None, [], [chance.randrange(9), None, chance.randrange(9)]]),
    }


def _employee(chance: random.Random, number: int) -> Row:
    return {
        "id": number,
        "name": f"name-{number}",
        "team": _TEAMS[number % 3],
        "manager_id": number // 3 or None,
        "salary": 1000 + _money(chance, 900_000),
        "hired": _day(chance),
        "ssn": f"9{number:02}-{chance.randrange(10_000):04}",
        "active": chance.choice([True, True, False, None]),
    }


def _odd(chance: random.Random, number: int) -> Row:
    return {
        "id": number,
        "Größe": chance.randrange(200),
        "select": chance.choice(["İ", "ß", "", "a'b", None]),
        'a"b': f"{number % 3}",
        "counts": [(key, chance.randrange(9)) for key in chance.sample(_TAGS, number % 3)],
    }


def arrow(table: str, found: list[Row], schema: pa.Schema | None = None) -> pa.Table:
    """Rows as an Arrow table of the table's own schema, or of the given one."""
    return pa.Table.from_pylist(found, schema or SCHEMAS[table])
