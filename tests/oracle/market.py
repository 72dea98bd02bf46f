"""A small data set of a trader's eight tables, under the column names of the known benchmark."""

from __future__ import annotations

import datetime
import random
from collections.abc import Mapping
from decimal import Decimal

import pyarrow as pa

from tests.oracle.rows import Row

_MONEY = pa.decimal128(15, 2)
_TEXT, _INT, _DAY = pa.string(), pa.int64(), pa.date32()


def _schema(prefix: str, **columns: pa.DataType) -> pa.Schema:
    return pa.schema([(f"{prefix}_{name}", kind) for name, kind in columns.items()])


SCHEMAS: Mapping[str, pa.Schema] = {
    "lake.market.region": _schema("r", regionkey=_INT, name=_TEXT, comment=_TEXT),
    "lake.market.nation": _schema("n", nationkey=_INT, name=_TEXT, regionkey=_INT, comment=_TEXT),
    "lake.market.supplier": _schema(
        "s",
        suppkey=_INT,
        name=_TEXT,
        address=_TEXT,
        nationkey=_INT,
        phone=_TEXT,
        acctbal=_MONEY,
        comment=_TEXT,
    ),
    "lake.market.part": _schema(
        "p",
        partkey=_INT,
        name=_TEXT,
        mfgr=_TEXT,
        brand=_TEXT,
        type=_TEXT,
        size=_INT,
        container=_TEXT,
        retailprice=_MONEY,
        comment=_TEXT,
    ),
    "lake.market.partsupp": _schema(
        "ps", partkey=_INT, suppkey=_INT, availqty=_INT, supplycost=_MONEY, comment=_TEXT
    ),
    "lake.market.customer": _schema(
        "c",
        custkey=_INT,
        name=_TEXT,
        address=_TEXT,
        nationkey=_INT,
        phone=_TEXT,
        acctbal=_MONEY,
        mktsegment=_TEXT,
        comment=_TEXT,
    ),
    "lake.market.orders": _schema(
        "o",
        orderkey=_INT,
        custkey=_INT,
        orderstatus=_TEXT,
        totalprice=_MONEY,
        orderdate=_DAY,
        orderpriority=_TEXT,
        clerk=_TEXT,
        shippriority=_INT,
        comment=_TEXT,
    ),
    "lake.market.lineitem": _schema(
        "l",
        orderkey=_INT,
        partkey=_INT,
        suppkey=_INT,
        linenumber=_INT,
        quantity=_MONEY,
        extendedprice=_MONEY,
        discount=_MONEY,
        tax=_MONEY,
        returnflag=_TEXT,
        linestatus=_TEXT,
        shipdate=_DAY,
        commitdate=_DAY,
        receiptdate=_DAY,
        shipinstruct=_TEXT,
        shipmode=_TEXT,
        comment=_TEXT,
    ),
}

REGIONS = ("AFRICA", "AMERICA", "ASIA", "EUROPE")
NATIONS = ("KENYA", "PERU", "JAPAN", "FRANCE", "EGYPT", "CANADA", "INDIA", "SPAIN")
SEGMENTS = ("BUILDING", "MACHINERY", "FURNITURE")
_KINDS = ("PROMO BURNISHED COPPER", "SMALL PLATED TIN", "ECONOMY PLATED STEEL")
_BOXES = ("SM BOX", "MED BAG", "LG BOX")
_COLOURS = ("red", "green", "blue", "ivory")
_MODES = ("AIR", "RAIL", "SHIP", "TRUCK")
_FIRST = datetime.date(1994, 1, 1)
_ORDERS, _CUSTOMERS, _PARTS, _SUPPLIERS = 220, 40, 30, 10


def rows() -> dict[str, list[Row]]:
    """All rows by table, always the same ones."""
    chance = random.Random(22)
    orders = [_order(chance, key) for key in range(1, _ORDERS + 1)]
    tables = {
        "region": [_named("r", key, name) for key, name in enumerate(REGIONS)],
        "nation": [
            _named("n", key, name) | {"n_regionkey": key % len(REGIONS)}
            for key, name in enumerate(NATIONS)
        ],
        "supplier": [_party(chance, "s", key) for key in range(1, _SUPPLIERS + 1)],
        "part": [_part(chance, key) for key in range(1, _PARTS + 1)],
        "partsupp": [_supply(chance, key, n) for key in range(1, _PARTS + 1) for n in range(3)],
        "customer": [
            _party(chance, "c", key) | {"c_mktsegment": chance.choice(SEGMENTS)}
            for key in range(1, _CUSTOMERS + 1)
        ],
        "orders": orders,
        "lineitem": [
            _line(chance, order, number)
            for order in orders
            for number in range(1, chance.randrange(2, 6))
        ],
    }
    return {f"lake.market.{name}": found for name, found in tables.items()}


def _named(prefix: str, key: int, name: str) -> Row:
    full = {"r": "region", "n": "nation"}[prefix]
    return {f"{prefix}_{full}key": key, f"{prefix}_name": name, f"{prefix}_comment": f"note {key}"}


def _money(chance: random.Random, least: int, most: int) -> Decimal:
    return Decimal(chance.randrange(least, most)) / 100


def _party(chance: random.Random, prefix: str, key: int) -> Row:
    full, word = {"s": ("supp", "Supplier"), "c": ("cust", "Customer")}[prefix]
    nation = key % len(NATIONS)
    return {
        f"{prefix}_{full}key": key,
        f"{prefix}_name": f"{word}#{key:09}",
        f"{prefix}_address": f"street {key % 7}",
        f"{prefix}_nationkey": nation,
        f"{prefix}_phone": f"{nation + 10}-{chance.randrange(1000):03}-{key:04}",
        f"{prefix}_acctbal": _money(chance, -99_999, 999_999),
        f"{prefix}_comment": "Customer urgent Complaints" if key % 5 == 0 else f"note {key % 3}",
    }


def _part(chance: random.Random, key: int) -> Row:
    return {
        "p_partkey": key,
        "p_name": f"{chance.choice(_COLOURS)} {chance.choice(_COLOURS)}",
        "p_mfgr": f"Manufacturer#{key % 3 + 1}",
        "p_brand": f"Brand#{key % 3 + 1}{key % 2 + 1}",
        "p_type": chance.choice(_KINDS),
        "p_size": chance.randrange(1, 16),
        "p_container": chance.choice(_BOXES),
        "p_retailprice": _money(chance, 90_000, 200_000),
        "p_comment": f"note {key}",
    }


def _supply(chance: random.Random, key: int, number: int) -> Row:
    return {
        "ps_partkey": key,
        "ps_suppkey": (key + number * 3) % _SUPPLIERS + 1,
        "ps_availqty": chance.randrange(1, 9_999),
        "ps_supplycost": _money(chance, 100, 100_000),
        "ps_comment": f"note {number}",
    }


def _order(chance: random.Random, key: int) -> Row:
    return {
        "o_orderkey": key,
        "o_custkey": chance.randrange(1, _CUSTOMERS - 6),  # a few customers order nothing
        "o_orderstatus": chance.choice("OFP"),
        "o_totalprice": _money(chance, 100_000, 30_000_000),
        "o_orderdate": _FIRST + datetime.timedelta(days=chance.randrange(900)),
        "o_orderpriority": chance.choice(("1-URGENT", "2-HIGH", "3-MEDIUM", "5-LOW")),
        "o_clerk": f"Clerk#{chance.randrange(9)}",
        "o_shippriority": 0,
        "o_comment": "pending special requests" if key % 6 == 0 else f"note {key % 4}",
    }


def _line(chance: random.Random, order: Row, number: int) -> Row:
    part = chance.randrange(1, _PARTS + 1)
    shipped = order["o_orderdate"] + datetime.timedelta(days=chance.randrange(1, 120))
    return {
        "l_orderkey": order["o_orderkey"],
        "l_partkey": part,
        "l_suppkey": (part + chance.randrange(3) * 3) % _SUPPLIERS + 1,
        "l_linenumber": number,
        "l_quantity": Decimal(chance.randrange(1, 51)),
        "l_extendedprice": _money(chance, 90_000, 9_000_000),
        "l_discount": Decimal(chance.randrange(11)) / 100,
        "l_tax": Decimal(chance.randrange(9)) / 100,
        "l_returnflag": chance.choice("RAN"),
        "l_linestatus": chance.choice("OF"),
        "l_shipdate": shipped,
        "l_commitdate": order["o_orderdate"] + datetime.timedelta(days=chance.randrange(30, 90)),
        "l_receiptdate": shipped + datetime.timedelta(days=chance.randrange(1, 30)),
        "l_shipinstruct": chance.choice(("DELIVER IN PERSON", "NONE")),
        "l_shipmode": chance.choice(_MODES),
        "l_comment": f"note {number}",
    }
