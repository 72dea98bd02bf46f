"""A small fund: its tables, two users with different rights, and their policy."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from decimal import Decimal

import pyarrow as pa

POLICY = """
version: 1
identity:
  claims: {region: {from: region, type: string}}
roles:
  analyst: {groups: [analysts]}
  owner: {groups: [owners]}
grants:
  - {to: analyst, on: "lake.fund.{instruments,prices,fx}", allow: select}
  - {to: analyst, on: lake.fund.accounts, columns: {except: [tax_id]}, allow: select}
  - {to: analyst, on: lake.fund.trades, columns: {except: [fee]}, allow: select}
  - {to: owner, on: "lake.fund.**", allow: select}
row_filters:
  - {name: desk, on: lake.fund.trades, to: analyst, where: "desk = ${claims.region}"}
  - {name: own, on: lake.fund.accounts, to: analyst, where: "region = ${claims.region}"}
masks:
  - {name: client, on: lake.fund.accounts.client, to: analyst, using: "left(${col}, 1) || '***'"}
"""
GROUPS = {"ann": "analysts", "olga": "owners"}
_DAYS, _PAPERS, _TRADES, _ACCOUNTS = 70, 9, 240, 14


def _isin(number: int) -> str:
    return f"XS{number:010d}"


def _day(number: int) -> datetime.date:
    return datetime.date(2024, 1, 2) + datetime.timedelta(days=number)


def _close(paper: int, day: int) -> float | None:
    """A price; now and then there is none."""
    return None if (paper * 7 + day) % 53 == 0 else 20.0 + paper * 9.5 + (day * paper) % 17 / 4


def tables() -> Mapping[str, pa.Table]:
    """The tables by `database.table`."""
    names = ("Alpine Bond 2030", "Borealis 7", "Cyan Bond 1", "Delta", "Élan Vital 3", "Fjord 5")
    instruments = [
        {
            "isin": _isin(n),
            "name": names[n] if n < len(names) else f"paper {n}",
            "class": ("bond", "share", "fund")[n % 3],
            "currency": ("EUR", "USD", "CHF")[n % 3],
            "sector": None if n == 4 else ("energy", "health")[n % 2],
        }
        for n in range(_PAPERS)
    ]
    prices = [
        {
            "isin": _isin(n),
            "day": _day(d),
            "close": _close(n, d),
            "volume": (n * 131 + d * 37) % 1500,
        }
        for n in range(_PAPERS)
        for d in range(_DAYS)
    ]
    rates = [
        {"currency": name, "day": _day(d), "rate": Decimal(rate) + Decimal(d % 9) / 1000}
        for name, rate in (("EUR", "1"), ("USD", "0.92"), ("CHF", "1.04"))
        for d in range(_DAYS)
    ]
    accounts = [
        {
            "account_id": n,
            "client": f"client {n}",
            "region": None if n == 9 else ("eu", "us")[n % 2],
            "tier": ("gold", "silver", "bronze")[n % 3],
            "opened": datetime.date(2019 + n % 4, 1 + n % 12, 1 + n),
            "tax_id": f"tax-{n}",
        }
        for n in range(_ACCOUNTS)
    ]
    trades = [
        {
            "trade_id": n,
            "account_id": None if n % 41 == 0 else (n * 5) % (_ACCOUNTS - 2),
            "isin": _isin((n * 3) % (_PAPERS - 1)),
            "side": ("buy", "buy", "sell")[n % 3],
            "quantity": 1 + (n * 61) % 997,
            "price": Decimal(2000 + (n * 37) % 7000) / 100,
            "fee": Decimal(n % 13) / 4,
            "at": datetime.datetime(2024, 1, 2, 9, n % 60, 0, n) + datetime.timedelta(days=n % 70),
            "desk": ("eu", "us", None)[n % 3],
        }
        for n in range(_TRADES)
    ]
    kinds = {
        "price": pa.decimal128(18, 4),
        "fee": pa.decimal128(10, 2),
        "rate": pa.decimal128(12, 6),
        "at": pa.timestamp("us"),
    }
    found = {
        "instruments": instruments,
        "prices": prices,
        "fx": rates,
        "accounts": accounts,
        "trades": trades,
    }
    return {f"fund.{name}": _typed(rows, kinds) for name, rows in found.items()}


def _typed(rows: list[dict[str, object]], kinds: Mapping[str, pa.DataType]) -> pa.Table:
    made = pa.Table.from_pylist(rows)
    return made.cast(pa.schema([(f.name, kinds.get(f.name, f.type)) for f in made.schema]))
