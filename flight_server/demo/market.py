"""The market's half of the demo: the rows of securities, prices and corporate actions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from flight_server.demo.vectors import (
    Floats,
    Ints,
    business_days,
    dates,
    decimals,
    labels,
    moments,
    pick,
)

FIRST_DAY = dt.date(2022, 1, 3)
LAST_DAY = dt.date(2025, 12, 31)
_CURRENCIES = (
    ("USD", "US dollar", "$", 2),
    ("EUR", "Euro", "€", 2),
    ("GBP", "Pound sterling", "£", 2),
    ("CHF", "Swiss franc", "CHF", 2),
    ("JPY", "Japanese yen", "¥", 0),
    ("SEK", "Swedish krona", "kr", 2),
    ("NOK", "Norwegian krone", "kr", 2),
    ("DKK", "Danish krone", "kr", 2),
    ("CAD", "Canadian dollar", "$", 2),
    ("AUD", "Australian dollar", "$", 2),
)
CURRENCY_CODES = tuple(code for code, *_ in _CURRENCIES)
# country, the number of its currency, exchange
_COUNTRIES = (
    ("US", 0, "XNYS"), ("US", 0, "XNAS"), ("DE", 1, "XETR"), ("FR", 1, "XPAR"), ("NL", 1, "XAMS"),
    ("GB", 2, "XLON"), ("CH", 3, "XSWX"), ("JP", 4, "XTKS"), ("SE", 5, "XSTO"), ("NO", 6, "XOSL"),
    ("DK", 7, "XCSE"), ("CA", 8, "XTSE"), ("AU", 9, "XASX"),
)  # fmt: skip
_CLASSES = ("equity", "government bond", "corporate bond", "fund")
_SECTORS = ("energy", "materials", "industrials", "consumer", "health", "financials", "technology",
            "utilities", "real estate")  # fmt: skip
_FIRST_WORDS = ("Alder", "Beacon", "Cobalt", "Dorset", "Ember", "Fjord", "Granite", "Harbour",
                "Iris", "Juniper", "Kestrel", "Larch", "Meridian", "Northgate", "Orchard",
                "Pinnacle", "Quarry", "Rowan", "Summit", "Tamarind", "Umber", "Vale", "Willow",
                "Yarrow", "Zephyr")  # fmt: skip
_SECOND_WORDS = ("Holdings", "Industries", "Group", "Energy", "Biotech", "Logistics", "Capital",
                 "Systems", "Foods", "Mining", "Telecom", "Insurance")  # fmt: skip
_RATINGS = ("AAA", "AA+", "AA", "A+", "A", "BBB+", "BBB", "BB")
_AGENCIES = ("Northstar", "Equinox")


@dataclass(frozen=True, slots=True)
class Market:
    """What other tables need to know of the securities; arrays by `security_id - 1`.

    `friday_closes`, in cents by Friday and security, is filled while `prices` is read.
    """

    count: int
    seed: int
    venue: NDArray[np.int64]  # into _COUNTRIES
    bond: NDArray[np.bool_]
    opening: Floats  # price of each before the first day
    fridays: NDArray[np.datetime64]
    friday_closes: Ints

    @property
    def currency(self) -> NDArray[np.int64]:
        """The number of each security's currency in `CURRENCY_CODES`."""
        return np.array([number for _, number, _ in _COUNTRIES])[self.venue]


def make_market(count: int, seed: int) -> Market:
    """Draw the securities, without their prices."""
    rng = np.random.default_rng([seed, 1])
    kind = _classes(count, seed)
    days = business_days(FIRST_DAY, LAST_DAY)
    fridays = days[np.is_busday(days, weekmask="Fri")]
    return Market(
        count=count,
        seed=seed,
        venue=rng.integers(0, len(_COUNTRIES), count),
        bond=(kind == 1) | (kind == 2),
        opening=np.exp(rng.normal(3.9, 0.8, count)),
        fridays=fridays,
        friday_closes=np.zeros((len(fridays), count), dtype=np.int64),
    )


def _classes(count: int, seed: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, 2]).choice(4, count, p=[0.65, 0.1, 0.15, 0.1])


def currencies() -> pa.Table:
    """All rows of `market.currencies`."""
    codes, names, symbols, units = zip(*_CURRENCIES, strict=True)
    return pa.table(
        {
            "currency": list(codes),
            "name": list(names),
            "symbol": list(symbols),
            "minor_units": pa.array(units, pa.int32()),
            "is_base": [code in ("USD", "EUR", "GBP", "CHF") for code in codes],
        }
    )


def securities(market: Market) -> pa.Table:
    """All rows of `market.securities`, with the column `industry` still under that name."""
    rng = np.random.default_rng([market.seed, 3])
    count = market.count
    number = np.arange(1, count + 1)
    country = [country for country, _, _ in _COUNTRIES]
    isin = np.strings.add(
        np.array(country)[market.venue],
        np.strings.zfill((number * 7919 % 10**10).astype("U10"), 10),
    )
    first, second = rng.integers(0, len(_FIRST_WORDS), count), number % len(_SECOND_WORDS)
    names = np.strings.add(
        np.strings.add(np.array(_FIRST_WORDS)[first], " "), np.array(_SECOND_WORDS)[second]
    )
    issued = np.datetime64("1995-01-01") + rng.integers(0, 9_000, count)
    updated = np.datetime64("2025-12-31T18:00:00", "us") - rng.integers(0, 10**13, count)
    return pa.table(
        {
            "security_id": pa.array(number, pa.int32()),
            "isin": np.strings.add(isin.astype("U11"), (number % 10).astype("U1")),
            "ticker": labels("", number * 31 % 100_000, 5),
            "name": names,
            "asset_class": pick(_CLASSES, _classes(count, market.seed)),
            "industry": pick(_SECTORS, rng.integers(0, len(_SECTORS), count)),
            "country": pick(country, market.venue),
            "exchange": pick([venue for _, _, venue in _COUNTRIES], market.venue),
            "currency": pick(CURRENCY_CODES, market.currency),
            "issued_on": dates(issued),
            "coupon_rate": decimals(rng.integers(0, 320, count) * 250, 9, 6, null=~market.bond),
            "lot_size": pa.array(np.where(market.bond, 1000, 1), pa.int32()),
            "is_active": rng.random(count) < 0.97,
            "esg_score": np.round(rng.normal(55, 15, count).clip(0, 100), 1),
            "ratings": _ratings(rng, market),
            "identifiers": pa.StructArray.from_arrays(
                [
                    labels("FG", number * 271, 10),
                    labels("LEI", number // 3, 17),
                    labels("", number, 7),
                ],
                names=["figi", "lei", "sedol"],
            ),
            "updated_at": moments(updated, utc=True),
        }
    )


def _ratings(rng: np.random.Generator, market: Market) -> pa.Array:
    """Two ratings for a bond, none for the others."""
    per_row = np.where(market.bond, len(_AGENCIES), 0)
    offsets = np.concatenate([[0], np.cumsum(per_row)])
    base = np.repeat(rng.integers(0, len(_RATINGS) - 1, market.count), per_row)
    base += np.tile([0, 1], len(base) // 2)
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pick(_RATINGS, base))


def prices(market: Market) -> Iterator[pa.Table]:
    """The rows of `market.prices`, a table per year; within a month sorted by security."""
    days = business_days(FIRST_DAY, LAST_DAY)
    level = market.opening
    spread = np.random.default_rng([market.seed, 4]).uniform(0.004, 0.02, market.count)
    years = days.astype("datetime64[Y]")
    for year in np.unique(years):
        months = days[years == year].astype("datetime64[M]")
        parts: list[pa.Table] = []
        for month in np.unique(months):
            within = days[days.astype("datetime64[M]") == month]
            rng = np.random.default_rng([market.seed, 5, int(month.astype(np.int64))])
            part, level = _month(market, within, level, spread, rng)
            parts.append(part)
        yield pa.concat_tables(parts)


def _month(
    market: Market,
    days: NDArray[np.datetime64],
    level: Floats,
    spread: Floats,
    rng: np.random.Generator,
) -> tuple[pa.Table, Floats]:
    shape = (market.count, len(days))
    change = rng.standard_normal(shape, dtype=np.float32) * spread[:, None]
    close = level[:, None] * np.exp(np.cumsum(change, axis=1, dtype=np.float64))
    cents: Ints = np.rint(close * 100).astype(np.int64).ravel() + 1
    friday = np.isin(days, market.fridays)
    week = np.searchsorted(market.fridays, days[friday])
    market.friday_closes[week] = cents.reshape(shape).T[friday]
    wiggle = rng.integers(0, 256, (3, cents.size), dtype=np.uint8).astype(np.int64)
    reach = cents // 100 + 1  # a hundredth of the price
    opening = cents + (wiggle[0] - 128) * reach // 128
    high = np.maximum(cents, opening) + wiggle[1] * reach // 512
    low = np.minimum(cents, opening) - wiggle[2] * reach // 512
    number = np.repeat(np.arange(1, market.count + 1, dtype=np.int32), len(days))
    table = pa.table(
        {
            "security_id": number,
            "price_date": dates(np.tile(days, market.count)),
            "open": decimals(opening * 100, 18, 4),
            "high": decimals(high * 100, 18, 4),
            "low": decimals(np.maximum(low, 1) * 100, 18, 4),
            "close": decimals(cents * 100, 18, 4),
            "volume": (wiggle[0] + 1) * (wiggle[1] + 1) * 100,
            "daily_return": np.round(change.ravel().astype(np.float64), 6),
            "currency": pick(CURRENCY_CODES, np.repeat(market.currency, len(days))),
        }
    )
    return table, close[:, -1]


def corporate_actions(market: Market) -> pa.Table:
    """All rows of `market.corporate_actions`: about four to a security."""
    rng = np.random.default_rng([market.seed, 6])
    count = market.count * 4
    security = np.sort(rng.integers(0, market.count, count))
    kind = np.where(market.bond[security], 1, rng.choice([0, 2, 3], count, p=[0.9, 0.08, 0.02]))
    ex_date = np.datetime64(FIRST_DAY) + rng.integers(0, 1_450, count)
    unpaid = kind >= 2
    announced = (ex_date - 20).astype("datetime64[us]") + rng.integers(8, 18, count) * 3_600_000_000
    return pa.table(
        {
            "action_id": np.arange(1, count + 1),
            "security_id": pa.array(security + 1, pa.int32()),
            "action_type": pick(("dividend", "coupon", "split", "merger"), kind),
            "ex_date": dates(ex_date),
            "payment_date": dates(ex_date + 14, null=unpaid),
            "amount": decimals(rng.integers(1, 400, count) * 10_000, 18, 6, null=unpaid),
            "ratio": pa.array(rng.integers(2, 5, count).astype(np.float64), mask=~unpaid),
            "currency": pick(CURRENCY_CODES, market.currency[security]),
            "announced_at": moments(announced, utc=False),
        }
    )
